"""Files that only their owner may read, made so that several processes at once agree on one."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from foundry_mcp.ports import PortError


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
        os.replace(_written_aside(path, content), path)
        sync_folder(path.parent)
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
    aside = _written_aside(path, content)
    try:
        os.link(aside, path)
        sync_folder(path.parent)
    except FileExistsError:
        pass
    finally:
        os.unlink(aside)


def _written_aside(path: Path, content: bytes) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return aside


def sync_folder(folder: Path) -> None:
    """Have the names in a folder reach the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
