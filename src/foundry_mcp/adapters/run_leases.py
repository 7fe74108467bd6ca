"""Which runs are under way in a living server: a locked file each, which the system unlocks when its server dies."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from foundry_mcp.ports import StoreUnavailable


class FolderRunLeases:
    """Hold runs by files in a folder that servers on one store share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, int] = {}
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for path in self._folder.iterdir():
                _clear_away(path)
        except OSError as error:
            raise _unusable(self._folder, error) from error

    def take(self, attempt_id: str) -> None:
        """Hold a run that nobody knows of yet; StoreUnavailable where its file cannot be made."""
        path = self._folder / attempt_id
        try:
            while attempt_id not in self._held:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                # A server that starts may have taken the new file for one left behind.
                if _is_at(descriptor, path):
                    self._held[attempt_id] = descriptor
                else:
                    os.close(descriptor)
        except OSError as error:
            raise _unusable(path, error) from error

    def is_held(self, attempt_id: str) -> bool:
        """Tell whether this or another living server holds a run."""
        if attempt_id in self._held:
            return True
        try:
            descriptor = os.open(self._folder / attempt_id, os.O_RDWR)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _unusable(self._folder / attempt_id, error) from error
        try:
            return not _locked(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)

    def release(self, attempt_id: str) -> None:
        """Let go of a run; one that is not held here is left alone."""
        descriptor = self._held.pop(attempt_id, None)
        if descriptor is not None:
            # Only the lock counts: a file that stays is cleared away by the next server that starts.
            with suppress(OSError):
                (self._folder / attempt_id).unlink(missing_ok=True)
            os.close(descriptor)


def _clear_away(path: Path) -> None:
    """Remove a file whose server died."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        if _locked(descriptor, fcntl.LOCK_EX):
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _unusable(path: Path, error: OSError) -> StoreUnavailable:
    return StoreUnavailable(
        f"The file {path} of a run cannot be used: {error.strerror or error}.",
        "See that the disk has space and that the server's user may write in the state folder.",
    )
