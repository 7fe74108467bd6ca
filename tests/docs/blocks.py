"""Read the fenced blocks of a Markdown page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^(?P<mark>`{3,})(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=mark)[ ]*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """Hold a fenced block: its language, what follows it in the info string, and its text."""

    language: str
    target: str
    text: str


def blocks_of(page: str) -> list[Block]:
    """Give a page's fenced blocks in order."""
    found = []
    for match in _FENCE.finditer(page):
        language, _, target = match["info"].strip().partition(" ")
        found.append(Block(language, target.strip(), match["text"]))
    return found


def without_blocks(page: str) -> str:
    """Give a page's prose."""
    return _FENCE.sub("", page)


def pages() -> list[Path]:
    """List the pages that are written by hand."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
