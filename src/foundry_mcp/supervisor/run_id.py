"""Which run this is: a name that outlives a killed process, and that two living ones never share."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foundry_mcp.places import product_folder
from foundry_mcp.supervisor.connection import ServerFailed
from foundry_mcp.supervisor.settings import RunSettings

_RUN_ID: Final = re.compile(r"run_[0-9a-f]{32}")
_SPEC_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_LONGEST: Final = 64


@dataclass(frozen=True, slots=True)
class OwnRun:
    """Hold a run's id, and whether it is the only run of its spec on this machine."""

    run_id: str
    alone: bool


@contextmanager
def own_run(spec_id: str, settings: RunSettings) -> Iterator[OwnRun]:
    """Take a spec's run id for as long as the block runs; raise ServerFailed where its file cannot be had.

    A lock that is free means that the run before has ended, killed or not: its id is used again, so that its hold on
    the session is ours at once. Another living process's lock means a second run: it gets an id of its own.
    """
    path = run_file(spec_id, settings)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Not inherited: a worker that outlives a killed run holds no lock.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ServerFailed(_unusable(path, error)) from error
    try:
        yield _taken(descriptor, path)
    finally:
        # The file stays: removed, two runs could each lock a file of that name.
        os.close(descriptor)


def run_file(spec_id: str, settings: RunSettings) -> Path:
    """Give the file of a spec's run id."""
    workspace = hashlib.sha256(os.fsencode(os.path.realpath(settings.workspace))).hexdigest()[:12]
    # What is no spec's id is the server's to refuse, and no path of ours.
    name = spec_id if _SPEC_ID.fullmatch(spec_id) else hashlib.sha256(spec_id.encode()).hexdigest()
    return product_folder(settings.environ) / "runs" / workspace / f"{name}.run"


def _taken(descriptor: int, path: Path) -> OwnRun:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return OwnRun(_fresh(), alone=False)
    except OSError as error:
        raise ServerFailed(_unusable(path, error)) from error
    try:
        known = os.pread(descriptor, _LONGEST, 0).decode("ascii", "replace").strip()
        return OwnRun(known if _RUN_ID.fullmatch(known) else _written(descriptor), alone=True)
    except OSError as error:
        raise ServerFailed(_unusable(path, error)) from error


def _written(descriptor: int) -> str:
    run_id = _fresh()
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{run_id}\n".encode("ascii"), 0)
    os.fsync(descriptor)
    return run_id


def _fresh() -> str:
    return f"run_{secrets.token_hex(16)}"


def _unusable(path: Path, error: OSError) -> str:
    return f"The run's file {path} cannot be read or made: {error.strerror or error}."
