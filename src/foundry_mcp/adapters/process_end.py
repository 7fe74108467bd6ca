"""The end of everything a command started."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

_PROCESSES: Final = Path("/proc")
_ROUNDS: Final = 20
_PAUSE_S: Final = 0.005


def end_all(group: int | None, mark: str) -> None:
    """Kill a process group and, where the system lists them, every process with `mark` in its environment.

    A child that made a session of its own has left the group, but took its environment along. One that also wiped
    its environment is not found: only a process namespace would hold it.
    """
    if group is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    for _ in range(_ROUNDS):
        # What is killed may have started another since the list was made, so look until nothing is left.
        marked = _marked(mark.encode())
        if not marked:
            return
        for process in marked:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        time.sleep(_PAUSE_S)


def _marked(mark: bytes) -> list[int]:
    own = os.getpid()
    with suppress(OSError):
        numbers = [int(entry.name) for entry in _PROCESSES.iterdir() if entry.name.isdigit()]
        return [number for number in numbers if number != own and mark in _environment(number)]
    return []


def _environment(process: int) -> list[bytes]:
    # A process that is ending has an empty environment, and another user's cannot be read.
    try:
        return (_PROCESSES / str(process) / "environ").read_bytes().split(b"\0")
    except OSError:
        return []
