"""What SQLite and the file system answer, in the words of the store's port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw

from foundry_mcp.ports import StoreBusy, StoreUnavailable

_BUSY: Final = (apsw.BusyError, apsw.LockedError, apsw.ProtocolError)

_FAILURES: Final[dict[type[apsw.Error], tuple[str, str]]] = {
    apsw.FullError: (
        "The disk that holds the store {path} is full.",
        "Free space on that disk, then send the call again: nothing of it was recorded.",
    ),
    apsw.ReadOnlyError: (
        "The store {path} cannot be written.",
        "Give the server's user write permission on the file and its folder.",
    ),
    apsw.PermissionsError: (
        "The store {path} may not be opened.",
        "Give the server's user read and write permission on the file and its folder.",
    ),
    apsw.CantOpenError: (
        "The store {path} cannot be opened.",
        "See that its folder exists and that the server's user may read and write there.",
    ),
    apsw.CorruptError: (
        "The store {path} is damaged.",
        "Stop every server of this workspace and restore the file from a backup.",
    ),
    apsw.NotADBError: (
        "The file {path} is no SQLite database.",
        "Move the file away, or restore it from a backup, and start the server again.",
    ),
    apsw.IOError: (
        "Reading or writing the store {path} failed: {error}.",
        "Check the disk and the system log, then send the call again.",
    ),
}


def busy(path: Path) -> StoreBusy:
    """Say that another process held the store too long."""
    return StoreBusy(
        f"The store {path} stayed locked by another process.", "Send the same call again in a moment: nothing was lost."
    )


def port_error(path: Path, error: BaseException) -> StoreBusy | StoreUnavailable | None:
    """Say a failure of the environment in the port's words; None for anything else, which is a bug."""
    if isinstance(error, _BUSY):
        return busy(path)
    for kind, (sentence, remedy) in _FAILURES.items():
        if isinstance(error, kind):
            return StoreUnavailable(sentence.format(path=path, error=error), remedy)
    if isinstance(error, OSError):
        return StoreUnavailable(
            f"The store {path} cannot be reached: {error.strerror or error}.",
            "See that its folder lies on a working disk and that the server's user may read and write there.",
        )
    return None


@contextmanager
def in_port_words(path: Path) -> Iterator[None]:
    """Turn failures of the environment into the port's exceptions."""
    try:
        yield
    except Exception as error:
        told = port_error(path, error)
        if told is None:
            raise
        raise told from error
