"""Make a new project: small, complete, and of a domain that anybody knows, to be changed into one's own."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

BAD_USE = 2
# Kept under other names here, so that no tool takes the template's files for this package's own.
_HIDDEN, _TEXT = "dot-", ".txt"


def run(arguments: argparse.Namespace) -> int:
    """Write the project into an empty folder and generate what its contracts give."""
    from contractgen import pipeline, tree

    folder = Path(arguments.folder)
    if reason := _unfit(folder):
        print(f"contractgen: {reason}", file=sys.stderr)
        return BAD_USE
    for path, content in files():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    arguments.contracts = str(folder / "contracts")
    generation = pipeline.generate(folder / "contracts")
    tree.write(generation.tree, folder / "generated")
    print(f"A project stands in {folder}: README.md says how to run it, and how to make it yours.")
    return 0


def _unfit(folder: Path) -> str:
    """Say why a project cannot be made here; nothing where it can."""
    if folder.exists() and not folder.is_dir():
        return f"{folder} is a file; name a folder that is empty or not there yet."
    found = sorted(path.name for path in folder.iterdir() if path.name != ".git") if folder.exists() else []
    if found:
        return f"{folder} is not empty (it holds {found[0]}); name a folder that is empty or not there yet."
    return ""


def files() -> Iterator[tuple[str, bytes]]:
    """List the template's files: path in a new project, and content."""
    yield from _below(resources.files("contractgen") / "project_template", "")


def _below(place: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(place.iterdir(), key=lambda item: item.name):
        name = entry.name.removesuffix(_TEXT)
        name = f".{name.removeprefix(_HIDDEN)}" if name.startswith(_HIDDEN) else name
        if entry.is_dir():
            yield from _below(entry, f"{path}{name}/")
        else:
            yield f"{path}{name}", entry.read_bytes()
