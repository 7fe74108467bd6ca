"""Files a run leaves for people and audits: written whole, for their owner only, and never in the workspace."""

from __future__ import annotations

import os
from pathlib import Path

from foundry_mcp.whole_files import put


class NotKept(Exception):
    """Report in a sentence that a file could not be written; the run's own result stands."""


def keep(path: Path, text: str, *, workspace: Path) -> None:
    """Write a file, in place of an older one of its name; raise NotKept where that cannot be done."""
    real = Path(os.path.realpath(path))
    # What works in the workspace could read it there, and change it.
    if real.is_relative_to(os.path.realpath(workspace)):
        raise NotKept(f"{path} was not written: it would lie in the workspace. Name a folder outside.")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        put(path, text.encode())
    except OSError as error:
        raise NotKept(f"{path} could not be written: {error.strerror or error}.") from error
