"""What a command prints: hashed whole, counted, its tail kept; too much of it is an end of its own."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

TAIL_BYTES: Final = 16 * 1024
_CHUNK_BYTES: Final = 64 * 1024


T = TypeVar("T")


class OutputTooLong(Exception):
    """Report that more was printed than may be."""


class OutputCapture:
    """Read a pipe on the event loop until its end, its limit in bytes, or until it is closed.

    So many bytes of its end are `kept`: all of it, where that is the limit.
    """

    def __init__(self, limit: int, kept: int = TAIL_BYTES) -> None:
        self.limit = limit
        self._kept = kept
        self._reading, self.writing = os.pipe()
        os.set_blocking(self._reading, False)
        self._hash = hashlib.sha256()
        self._tail = bytearray()
        self._ended = asyncio.Event()
        self._too_long = asyncio.Event()
        self.size = 0
        asyncio.get_running_loop().add_reader(self._reading, self._read)

    @property
    def digest(self) -> str:
        """Give the SHA-256 of everything printed."""
        return self._hash.hexdigest()

    @property
    def kept(self) -> bytes:
        """Give what was kept of it."""
        return bytes(self._tail)

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

    async def within_limit(self, wait: Coroutine[Any, Any, T]) -> T:
        """Wait for something; raise OutputTooLong where the limit is passed before it came."""
        waiting, passed = asyncio.ensure_future(wait), asyncio.ensure_future(self._too_long.wait())
        try:
            await asyncio.wait({waiting, passed}, return_when=asyncio.FIRST_COMPLETED)
            if self._too_long.is_set():
                raise OutputTooLong
            return await waiting
        finally:
            waiting.cancel()
            passed.cancel()

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
        if self._too_long.is_set():
            return
        try:
            chunk = os.read(self._reading, _CHUNK_BYTES)
        except BlockingIOError:
            return
        if not chunk:
            asyncio.get_running_loop().remove_reader(self._reading)
            self._ended.set()
        self._hash.update(chunk)
        self.size += len(chunk)
        self._tail = (self._tail + chunk)[-self._kept :]
        if self.size > self.limit:
            # What is not read holds the writer up until it is ended.
            asyncio.get_running_loop().remove_reader(self._reading)
            self._too_long.set()
