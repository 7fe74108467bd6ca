"""What keeps users of a store apart: threads take turns, writing processes pass a gate, a restore waits for all.

Each is a `flock` on a file of its own beside the database, never on the database: closing such a descriptor would drop
SQLite's locks.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Final

from foundry_mcp.adapters.sqlite_errors import busy, port_error
from foundry_mcp.ports import StoreBusy

# The wait for the gate and SQLite's own wait follow one another: together they stay below two seconds.
GATE_WAIT_S: Final = 1.0
_FIRST_PAUSE_S: Final = 0.0005
_LONGEST_PAUSE_S: Final = 0.005


class Turn:
    """Let one thread at a time use a connection, and tell its failures in the port's words.

    A class, as the gate is: a step enters them some twenty times, and a generator takes three times as long.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=GATE_WAIT_S):
            raise busy(self._path)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
        if error is not None and (told := port_error(self._path, error)) is not None:
            raise told from error


class Gate:
    """Let one process at a time write; StoreBusy for whoever waits too long."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path.with_name(path.name + ".gate"), os.O_RDWR | os.O_CREAT, 0o600)

    def __enter__(self) -> None:
        deadline = time.monotonic() + GATE_WAIT_S
        pause = _FIRST_PAUSE_S
        while not self._try():
            if time.monotonic() > deadline:
                raise busy(self._path)
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def _try(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)


class StoreHold:
    """Hold a store as one of its users, or alone, for as long as this lives; the system lets go for a killed process.

    Raises StoreBusy where somebody holds it alone, or, when `alone` is asked for, where anybody holds it.
    """

    def __init__(self, path: Path, *, alone: bool = False) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor = os.open(path.with_name(path.name + ".held"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.release()
            raise _held(path, alone) from error

    def release(self) -> None:
        """Let go; a second time does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _held(path: Path, alone: bool) -> StoreBusy:
    if alone:
        return StoreBusy(f"A server has the store {path} open.", "Stop every server and run of this workspace first.")
    return StoreBusy(f"The store {path} is being restored.", "Start again when that is done.")
