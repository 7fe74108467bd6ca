"""What a worker says while it works: handed on line by line, and the end of it kept."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from typing import Final, TextIO

_CHUNK: Final = 64 * 1024
_KEPT: Final = 4000
_LAST_WORDS_S: Final = 1.0
_PREFIX: Final = "  worker | "


class WorkerStderr:
    """Pump a pipe to a text stream (None: standard error), each line with a prefix.

    The pipe is ours and not the subprocess's own, for waiting on a process also waits for the pipes it was given, and
    a program that a worker left behind may hold one open for ever.
    """

    def __init__(
        self, writing: int, stream: asyncio.StreamReader, transport: asyncio.ReadTransport, out: TextIO | None
    ) -> None:
        self.writing = writing
        self.tail = ""
        self._transport = transport
        self._pump = asyncio.create_task(self._pumped(stream, out))

    @classmethod
    async def open(cls, out: TextIO | None) -> WorkerStderr:
        """Make the pipe and begin to pump."""
        reading, writing = os.pipe()
        stream = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reading, "rb", buffering=0)
        )
        return cls(writing, stream, transport, out)

    def spawned(self) -> None:
        """Give up our own end, so that the pipe ends with those who hold the other."""
        os.close(self.writing)

    async def close(self) -> None:
        """Take what is left in the pipe, for a moment, and let go of it."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._pump, _LAST_WORDS_S)
        self._transport.close()

    async def _pumped(self, stream: asyncio.StreamReader, out: TextIO | None) -> None:
        line = ""
        while chunk := await stream.read(_CHUNK):
            text = chunk.decode("utf-8", "replace")
            self.tail = (self.tail + text)[-_KEPT:]
            *lines, line = (line + text).split("\n")
            _write(out, lines)
        _write(out, [line] if line else [])


def _write(to: TextIO | None, lines: list[str]) -> None:
    # Looked up each time: while something moves on the terminal, sys.stderr is what writes around it.
    out = to or sys.stderr
    out.write("".join(f"{_PREFIX}{line}\n" for line in lines))
    out.flush()
