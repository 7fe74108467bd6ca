"""The protected files of a workspace, as they lie on the disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from foundry_mcp.adapters.tree_digest import LEFT_OUT, entry_of
from foundry_mcp.machine.path_patterns import PathPatterns


class WorkspaceProtectedFiles:
    """Look for protected files in a workspace, whether version control knows them or not.

    A link is taken as a link, and is not followed.
    """

    def __init__(self, workspace: Path) -> None:
        self._root = os.path.realpath(workspace)

    def digests(self, patterns: Sequence[str]) -> dict[str, str]:
        """Give the path of every file that patterns name, with the SHA-256 of its kind, executable bit and content."""
        found: dict[str, str] = {}
        for path in self._named(PathPatterns(patterns)):
            entry = entry_of(os.fsencode(os.path.join(self._root, path)))
            if entry is not None:
                found[_as_text(path)] = hashlib.sha256(entry).hexdigest()
        return found

    def _named(self, patterns: PathPatterns) -> Iterator[str]:
        waiting = [""] if patterns.reach("") else []
        while waiting:
            for entry in _entries(os.path.join(self._root, folder := waiting.pop())):
                path = os.path.join(folder, entry.name)
                if not entry.is_dir(follow_symlinks=False):
                    if patterns.name(path):
                        yield path
                elif entry.name not in LEFT_OUT and patterns.reach(path):
                    waiting.append(path)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    # A folder that cannot be read shows nothing, and so what was in it as removed.
    try:
        return list(os.scandir(folder))
    except OSError:
        return []


def _as_text(path: str) -> str:
    """Give a path as text that can be stored: a byte that is no UTF-8 is written out."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
