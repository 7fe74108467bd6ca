"""Read a verification's command without a shell, or say why it needs one."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from foundry_contracts.models.formats_plan import CommandLine

HERE = "."
# One piece of a word, or what stands between words. What a shell would act on matches none of these.
PIECE = re.compile(
    r"""(?P<single>'[^']*')|(?P<double>"(?:[^"\\$`]|\\[^\n])*")|(?P<escaped>\\[^\n])|(?P<plain>[^\s'"\\$`|&;<>()*?\[{}]+)"""
    r"""|(?P<chain>&&)|(?P<blank>[ \t]+)"""
)
REASONS = {
    "|": "a pipe",
    "&": "a background job",
    ";": "a sequence of commands",
    "<": "a redirection",
    ">": "a redirection",
    "$": "an expansion with $",
    "`": "a command substitution",
    "(": "a subshell",
    ")": "a subshell",
    "*": "a file pattern",
    "?": "a file pattern",
    "[": "a file pattern",
    "{": "a brace expansion",
    "}": "a brace expansion",
    "\n": "several lines",
    "\r": "several lines",
    "'": "a quote that is never closed",
    "\\": "a backslash at the end of a line",
}
ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
DOUBLE_ESCAPE = re.compile(r'\\(["\\$`])')


@dataclass(frozen=True, slots=True)
class ShellNeeded:
    """Hold why a command cannot be run without a shell."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Word:
    """Hold a word as a program gets it, and as it was written."""

    text: str
    written: str


def parse_command(text: str) -> CommandLine | ShellNeeded:
    """Split a command as a POSIX shell would; a leading `cd DIR &&` becomes the folder it runs in."""
    if "\0" in text:
        return ShellNeeded("a NUL character")
    commands = _split(text.strip())
    if isinstance(commands, ShellNeeded):
        return commands
    folder = _folder(commands[0]) if len(commands) == 2 else HERE
    if isinstance(folder, ShellNeeded):
        return folder
    if len(commands) > 2:
        return ShellNeeded("several commands joined by &&")
    return _refused(commands[-1]) or CommandLine(argv=[word.text for word in commands[-1]], cwd=folder)


def _split(text: str) -> list[list[_Word]] | ShellNeeded:
    commands: list[list[_Word]] = [[]]
    place, joined = 0, False
    while place < len(text):
        piece = PIECE.match(text, place)
        if piece is None:
            return ShellNeeded(_reason(text, place))
        place = piece.end()
        kind = piece.lastgroup
        if kind == "chain":
            commands.append([])
        elif kind != "blank":
            _add(commands[-1], _Word(_meaning(piece), piece.group()), joined)
        joined = kind not in ("chain", "blank")
    return commands


def _add(words: list[_Word], piece: _Word, joined: bool) -> None:
    if joined:
        before = words.pop()
        piece = _Word(before.text + piece.text, before.written + piece.written)
    words.append(piece)


def _meaning(piece: re.Match[str]) -> str:
    if piece.lastgroup == "double":
        # shlex would keep the backslash of an escaped $ or backtick, which a shell takes away.
        return DOUBLE_ESCAPE.sub(r"\1", piece.group()[1:-1])
    return "".join(shlex.split(piece.group(), posix=True))


def _reason(text: str, place: int) -> str:
    if text[place] != '"':
        return REASONS.get(text[place], "a character that only a shell gives meaning to")
    inside = re.compile(r'"(?:[^"\\$`]|\\[^\n])*').match(text, place)
    end = inside.end() if inside is not None else place
    return REASONS["'"] if end >= len(text) else REASONS.get(text[end], "a line that goes on")


def _folder(words: list[_Word]) -> str | ShellNeeded:
    if len(words) != 2 or words[0].written != "cd":
        return ShellNeeded("several commands joined by &&")
    if refusal := _refused(words):
        return refusal
    folder = words[1].text
    if folder.startswith("-"):
        return ShellNeeded("an option of cd")
    # What `..` leaves depends on links that only the file system knows.
    if folder.startswith("/") or ".." in folder.split("/"):
        return ShellNeeded("a change to a folder outside the workspace")
    return "/".join(part for part in folder.split("/") if part not in ("", HERE)) or HERE


def _refused(words: list[_Word]) -> ShellNeeded | None:
    if not words:
        return ShellNeeded("a command that is missing")
    if ASSIGNMENT.match(words[0].written):
        return ShellNeeded("a variable set for one command")
    if words[0].written == "!":
        return ShellNeeded("a negation")
    if any(word.written.startswith("~") for word in words):
        return ShellNeeded("a home folder written as ~")
    if any(word.written.startswith("#") for word in words):
        return ShellNeeded("a comment")
    return None
