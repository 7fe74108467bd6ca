r"""The quotes of `$'...'`, in which a character may be written by its number: \n, \x41, \101, \u0041."""

from __future__ import annotations

from typing import Final

from foundry_mcp.guard.shell_pieces import unreadable

_LETTERS: Final = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
    "E": "\x1b",
    "f": "\f",
    "v": "\v",
}
_DIGITS: Final = {8: "01234567", 16: "0123456789abcdefABCDEF"}
_NUMBERS: Final = {"x": (2, 16), "u": (4, 16), "U": (8, 16)}
_CHARACTERS: Final = 0x110000


def escaped(text: str, at: int) -> tuple[str, int]:
    """Read from the opening quote; give what it comes to, and the place behind the closing one."""
    out, at = [], at + 1
    while at < len(text) and text[at] != "'":
        char, at = (text[at], at + 1) if text[at] != "\\" else _one(text, at + 1)
        out.append(char)
    if at >= len(text):
        raise unreadable("a quote that does not end")
    return "".join(out), at + 1


def _one(text: str, at: int) -> tuple[str, int]:
    """Read what stands behind a backslash."""
    letter = text[at : at + 1]
    if not letter or letter == "c":
        raise unreadable("a quote that does not end" if not letter else "a control character")
    most, base = _NUMBERS.get(letter, (3, 8))
    start = at + 1 if letter in _NUMBERS else at
    end = start
    while end - start < most and end < len(text) and text[end] in _DIGITS[base]:
        end += 1
    if end > start:
        return chr(int(text[start:end], base) % _CHARACTERS), end
    return _LETTERS.get(letter, letter if letter in "\\'\"?" else f"\\{letter}"), at + 1
