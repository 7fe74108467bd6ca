"""How programs that take code, or what others found, part their words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from foundry_contracts.tables import ProgramInterpreterValues
from foundry_mcp.guard.shell_words import ANY

# Options of Python without a value may stand before this one, and its value right behind it.
_MODULE: Final = re.compile(r"-[bBdEhiIOPqRsSuvx]*m(.*)", re.DOTALL)


def marks_of(rest: Sequence[str]) -> list[str]:
    """List the texts that xargs puts what it reads in the place of."""
    named = [after if word == "-I" else word[2:] for word, after in pairwise([*rest, ""]) if word.startswith("-I")]
    return ["{}", *filter(None, named)]


def opened(word: str, marks: Sequence[str]) -> str:
    """Give a word in which whatever is put in the place of a mark is open."""
    for mark in marks:
        word = word.replace(mark, ANY)
    return word


def changes_in_place(word: str, known: ProgramInterpreterValues) -> bool:
    """Tell whether an interpreter's word is the option with which it changes the files it is given."""
    letters = [option[1] for option in known.in_place if len(option) == 2]
    joined = re.fullmatch("-[A-Za-z]+", word) is not None and any(letter in word for letter in letters)
    return joined or word.startswith(known.in_place)


def parted(known: ProgramInterpreterValues, rest: Sequence[str]) -> tuple[list[str], str | None, list[str]]:
    """Part an interpreter's words into pieces of code, the module it runs, and the rest."""
    codes: list[str] = []
    letters = {option[1] for option in known.code if len(option) == 2}
    words = list(rest)
    while words and words[0].startswith("-") and words[0] != "-":
        word = words.pop(0)
        option, equals, value = word.partition("=")
        found = next((at for at, char in enumerate(word) if at and char in letters), 0)
        module = _MODULE.fullmatch(word) if "-m" in known.valued else None
        if module is not None:
            return codes, module.group(1) or (words.pop(0) if words else ""), words
        if option in known.code:
            codes += [value] if equals else words[:1]
            words = words if equals else words[1:]
        elif found and not word.startswith("--"):
            # As in -Ic CODE, or -cCODE.
            codes.append(word[found + 1 :] or (words.pop(0) if words else ""))
        elif word in known.valued and words:
            words.pop(0)
        elif word == "--":
            break
    return codes, None, words
