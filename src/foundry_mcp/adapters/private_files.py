"""Files that only their owner may read, made so that several processes at once agree on one."""

from __future__ import annotations

import os
from pathlib import Path

from foundry_mcp.ports import PortError
from foundry_mcp.whole_files import put, sync_folder, written_aside


def make_once(path: Path, content: bytes) -> bytes:
    """Make a file unless it is there, mode 0600, and give what it holds: ours, or what another process put first."""
    try:
        if not path.exists():
            _link_aside(path, content)
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def replace(path: Path, content: bytes) -> None:
    """Put a file in another's place at one stroke, mode 0600."""
    try:
        _make_folder(path.parent)
        put(path, content)
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> PortError:
    """Say that a private file can be neither read nor made."""
    return PortError(
        f"The file {path} cannot be read or made: {error.strerror or error}.",
        "See that the disk has space and that the server's user may read and write the file's folder.",
    )


def _link_aside(path: Path, content: bytes) -> None:
    # A link fails where the name exists, so of two processes one wins and no reader meets a half-written file.
    _make_folder(path.parent)
    aside = written_aside(path, content)
    try:
        os.link(aside, path)
        sync_folder(path.parent)
    except FileExistsError:
        pass
    finally:
        os.unlink(aside)


def _make_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
