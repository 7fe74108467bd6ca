"""What a command line is made of: commands with their words and redirections, and words with their pieces."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from foundry_contracts.vocabulary import GuardReason
from foundry_mcp.guard.verdict import Refused

STREAM: Final = os.devnull
"""Stands for the path of a pipe that another command of the line writes to or reads from."""
_SHOWN: Final = 80


class PieceKind(Enum):
    """What a piece of a word is: as it stands, in quotes, a variable's name, or what only a run could tell."""

    PLAIN = 1
    QUOTED = 2
    VARIABLE = 3
    UNKNOWN = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """Hold a part of a word."""

    kind: PieceKind
    text: str = ""


Word = tuple[Piece, ...]


@dataclass(slots=True)
class Redirect:
    """Hold a redirection: its sign, and what stands after it."""

    sign: str
    target: Word


@dataclass(slots=True)
class Command:
    """Hold one command: `given` is what it reads, where that is written out."""

    words: list[Word] = field(default_factory=list)
    redirects: list[Redirect] = field(default_factory=list)
    given: str | None = None


def plain(word: Word) -> str | None:
    """Give a word's text if all of it stands there unquoted."""
    return word[0].text if len(word) == 1 and word[0].kind is PieceKind.PLAIN else None


def unreadable(what: str) -> Refused:
    """Say that something cannot be told."""
    shown = what if len(what) <= _SHOWN else f"{what[:_SHOWN]}…"
    return Refused(GuardReason.NOT_UNDERSTOOD, shown)
