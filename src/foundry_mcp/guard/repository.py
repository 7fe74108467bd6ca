"""Where a workspace's version control keeps what all its worktrees share: hooks and settings among it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_NAME: Final = ".git"
_LEADS: Final = "gitdir:"
_SHARED: Final = "commondir"


def shared_folder(workspace: Path) -> Path:
    """Give the folder of the repository that a workspace lies in; the one it would get, where it lies in none.

    A worktree and a submodule have a file that leads to their own folder, and a worktree's leads on to the shared one.
    """
    for folder in (workspace, *workspace.parents):
        found = folder / _NAME
        if found.is_dir():
            return found
        own = _read(found).removeprefix(_LEADS).strip()
        if own:
            shared = _read(folder / own / _SHARED).strip()
            return folder / own / shared
    return workspace / _NAME


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
