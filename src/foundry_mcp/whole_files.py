"""Files written at one stroke: a reader, and whoever comes after a crash, meets the old one or the new one, whole."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

_OWNER_ONLY = 0o600


def put(path: Path, content: bytes, mode: int = _OWNER_ONLY) -> None:
    """Put a file in another's place, or where none is; its folder has to be there. OSError where that fails."""
    aside = written_aside(path, content, mode)
    try:
        os.replace(aside, path)
    except BaseException:
        os.unlink(aside)
        raise
    sync_folder(path.parent)


def written_aside(path: Path, content: bytes, mode: int = _OWNER_ONLY) -> Path:
    """Write a file beside the place it is for, on the disk to its last byte, and give its path."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
            os.fchmod(descriptor, mode)
    except BaseException:
        os.unlink(name)
        raise
    return Path(name)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder reach the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
