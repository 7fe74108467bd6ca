"""What the words of a command come to: variables put in, braces spread out, what is open marked as open.

A word that is made out is a text in which three marks stand for what its run alone could tell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from foundry_mcp.guard.shell_pieces import Piece, PieceKind, Word, unreadable

STAR: Final = "\ue000"
"""Stands for any text within one name of a path."""
ONE: Final = "\ue001"
"""Stands for one character of a name."""
ANY: Final = "\ue002"
"""Stands for any text at all."""
_OPEN, _COMMA, _CLOSE = "\ue003", "\ue004", "\ue005"
_MOST: Final = 500
_LONGEST: Final = 60_000
_ACTIVE: Final = {"*": STAR, "?": ONE, "{": _OPEN, ",": _COMMA, "}": _CLOSE}
_INNERMOST: Final = re.compile(f"{_OPEN}([^{_OPEN}{_CLOSE}]*+){_CLOSE}")
_SET: Final = re.compile(r"\[[^]/]+\]")
_ASSIGNMENT: Final = re.compile(r"([A-Za-z_]\w*)(\[[^]]*\])?\+?=")


class Variables:
    """Know the variables of a command line, as far as it says them: one that is set twice is open."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._set: dict[str, str] = {}

    def assign(self, name: str, value: str) -> None:
        """Take an assignment in; whether it is reached cannot be told, so what was there before may count too."""
        before = self._set.get(name, self._environ.get(name, value))
        self._set[name] = value if before == value else ANY

    def open(self, name: str) -> None:
        """Take in that a variable may hold anything from here on."""
        self._set[name] = ANY

    def value(self, name: str) -> str:
        """Give what a variable holds."""
        return self._set.get(name, self._environ.get(name, ANY))


def is_open(text: str) -> bool:
    """Tell whether something of a text could only be told by a run."""
    return any(mark in text for mark in (STAR, ONE, ANY))


def assignment(word: Word) -> tuple[str, Word] | None:
    """Give the name and the value of a word that is an assignment."""
    found = _ASSIGNMENT.match(word[0].text) if word[0].kind is PieceKind.PLAIN else None
    if found is None:
        return None
    return found.group(1), (Piece(PieceKind.PLAIN, word[0].text[found.end() :]), *word[1:])


def made_out(word: Word, variables: Variables) -> list[str]:
    """Give the texts that a word comes to."""
    return [_settled(each) for each in _spread(_joined(word, variables))]


def value_of(word: Word, variables: Variables) -> str:
    """Give the one text that a word comes to where a shell spreads nothing out."""
    return _settled(_joined(word, variables))


def _joined(word: Word, variables: Variables) -> str:
    texts: list[str] = []
    length = 0
    for number, piece in enumerate(word):
        texts.append(_text(piece, variables, first=number == 0))
        length += len(texts[-1])
        if length > _LONGEST:
            # Variables that are put into one another double with each.
            raise unreadable("a word of that length")
    return "".join(texts)


def _text(piece: Piece, variables: Variables, *, first: bool) -> str:
    if piece.kind is PieceKind.QUOTED:
        return piece.text
    if piece.kind is PieceKind.UNKNOWN:
        return ANY
    if piece.kind is PieceKind.VARIABLE:
        return variables.value(piece.text)
    text = _SET.sub(ONE, piece.text)
    text = "".join(_ACTIVE.get(char, char) for char in text)
    if first and text.startswith("~"):
        user, slash, rest = text.partition("/")
        text = (variables.value("HOME") if user == "~" else ANY) + slash + rest
    return text


def _spread(text: str) -> list[str]:
    """Spread the innermost braces with a comma out, until there are none."""
    texts = [text]
    while len(texts) <= _MOST:
        for number, each in enumerate(texts):
            found = next((one for one in _INNERMOST.finditer(each) if _COMMA in one[1] or ".." in one[1]), None)
            if found:
                inner = found[1]
                parts = inner.split(_COMMA) if _COMMA in inner else [ANY]
                texts[number : number + 1] = [each[: found.start()] + part + each[found.end() :] for part in parts]
                break
        else:
            return texts
    raise unreadable("braces that come to so many words")


def _settled(text: str) -> str:
    return text.replace(_OPEN, "{").replace(_COMMA, ",").replace(_CLOSE, "}")
