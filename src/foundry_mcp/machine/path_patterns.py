"""Patterns of paths in a workspace: `*` and `?` within a name, `[ab]` for one character, `**` for any folders.

A pattern that names a folder names all in it. Paths are relative to the workspace, with `/` between names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_SPECIAL = re.compile(r"(\*|\?|\[[^\]/]+\])")
_ANY_FOLDERS = "**"


def leads_outside(path: str) -> bool:
    """Tell whether a path or pattern names something outside the workspace, as far as its words go."""
    return path.startswith(("/", "~")) or ".." in path.split("/")


class PathPatterns:
    """Hold patterns, and tell what they name."""

    def __init__(self, patterns: Iterable[str]) -> None:
        parts = [[part for part in pattern.split("/") if part not in ("", ".")] for pattern in patterns]
        self._named = [re.compile("".join(map(_part, names)), re.DOTALL) for names in parts]
        self._begin = [_plain(names) for names in parts]

    def name(self, path: str) -> bool:
        """Tell whether they name a path, or a folder it lies in."""
        return any(named.match(f"{path}/") for named in self._named)

    def reach(self, folder: str) -> bool:
        """Tell whether they may name something in a folder; the workspace itself is the empty one."""
        names = folder.split("/") if folder else []
        return any(all(a == b for a, b in zip(names, plain, strict=False)) for plain in self._begin)


def _part(name: str) -> str:
    if name == _ANY_FOLDERS:
        return "(?:[^/]+/)*"
    return "".join(map(_piece, _SPECIAL.split(name))) + "/"


def _piece(text: str) -> str:
    if text == "*":
        return "[^/]*"
    if text == "?":
        return "[^/]"
    if _SPECIAL.fullmatch(text):
        inside = text[1:-1].replace("\\", "\\\\").replace("^", "\\^").replace("[", "\\[")
        return f"(?!/)[{'^' + inside[1:] if inside.startswith('!') and len(inside) > 1 else inside}]"
    return re.escape(text)


def _plain(names: list[str]) -> list[str]:
    """Give the names before the first that is a pattern."""
    end = next((place for place, name in enumerate(names) if _SPECIAL.search(name)), len(names))
    return names[:end]
