"""What a command prints: hashed whole, counted, its tail kept."""

from __future__ import annotations

import asyncio
import hashlib
import os
from typing import Final

TAIL_BYTES: Final = 16 * 1024
_CHUNK_BYTES: Final = 64 * 1024


class OutputCapture:
    """Read a pipe on the event loop until its end, or until it is closed."""

    def __init__(self) -> None:
        self._reading, self.writing = os.pipe()
        os.set_blocking(self._reading, False)
        self._hash = hashlib.sha256()
        self._tail = bytearray()
        self._ended = asyncio.Event()
        self.size = 0
        asyncio.get_running_loop().add_reader(self._reading, self._read)

    @property
    def digest(self) -> str:
        """Give the SHA-256 of everything printed."""
        return self._hash.hexdigest()

    @property
    def tail(self) -> str:
        """Give the end of what was printed, at most 16 kB of valid UTF-8."""
        # A byte that is no UTF-8 becomes three when replaced, and the cut may fall inside a character.
        return self._tail.decode("utf-8", "replace").encode()[-TAIL_BYTES:].decode("utf-8", "ignore")

    def spawned(self) -> None:
        """Close our end of the writing side, so that the end is seen when the last child lets go of it."""
        if self.writing >= 0:
            os.close(self.writing)
            self.writing = -1

    async def ended(self, wait_s: float) -> None:
        """Wait for the pipe's end, and no longer than given: a stray may hold it open for ever."""
        try:
            await asyncio.wait_for(self._ended.wait(), wait_s)
        except TimeoutError:
            return

    def close(self) -> None:
        """Take what is in the pipe and let go of it."""
        self.spawned()
        if self._reading >= 0:
            # Bounded, as whoever still writes could keep it full.
            for _ in range(16):
                self._read()
            asyncio.get_running_loop().remove_reader(self._reading)
            os.close(self._reading)
            self._reading = -1

    def _read(self) -> None:
        try:
            chunk = os.read(self._reading, _CHUNK_BYTES)
        except BlockingIOError:
            return
        if not chunk:
            asyncio.get_running_loop().remove_reader(self._reading)
            self._ended.set()
        self._hash.update(chunk)
        self.size += len(chunk)
        self._tail = (self._tail + chunk)[-TAIL_BYTES:]
