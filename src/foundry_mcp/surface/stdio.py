"""Serve over standard input and output.

Pipes and sockets are read and written on the event loop, which takes half the time of the SDK's threads and lets an
unreadable line be answered. Files and terminals, which an event loop cannot wait for, are left to the SDK.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import stat
from asyncio.streams import FlowControlMixin
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Any, Final, Self

import anyio
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage

from foundry_mcp.surface.wire import read_line, too_long

LONGEST_LINE: Final = 64 * 1024 * 1024
_IN, _OUT, _ERR = 0, 1, 2


async def serve(server: Server[Any]) -> None:
    """Serve until the client closes its end."""
    async with _pipes() if _waitable() else stdio_server() as (reader, writer):
        await server.run(reader, writer, server.create_initialization_options())


def _waitable() -> bool:
    """Tell whether the event loop can wait for both ends, and may: it makes them non-blocking for every holder."""
    modes = [os.fstat(descriptor).st_mode for descriptor in (_IN, _OUT)]
    return not _same(_OUT, _ERR) and all(stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) for mode in modes)


@asynccontextmanager
async def _pipes() -> AsyncIterator[tuple[Incoming, Outgoing]]:
    with _claimed() as (descriptor_in, descriptor_out):
        opening = _one_socket if _same(descriptor_in, descriptor_out) else _two_pipes
        reader, writer, ends = await opening(descriptor_in, descriptor_out)
        outgoing = Outgoing(writer)
        try:
            yield Incoming(reader, outgoing), outgoing
        finally:
            for end in ends:
                end.close()


Opened = tuple[asyncio.StreamReader, asyncio.StreamWriter, tuple[asyncio.BaseTransport, ...]]


async def _two_pipes(descriptor_in: int, descriptor_out: int) -> Opened:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LONGEST_LINE)
    pipe_in, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor_in, "rb", buffering=0)
    )
    pipe_out, flow = await loop.connect_write_pipe(FlowControlMixin, os.fdopen(descriptor_out, "wb", buffering=0))
    return reader, asyncio.StreamWriter(pipe_out, flow, None, loop), (pipe_in, pipe_out)


async def _one_socket(descriptor_in: int, descriptor_out: int) -> Opened:
    # A pipe that is written takes anything to be read on it for its client's going away.
    os.close(descriptor_out)
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=descriptor_in), limit=LONGEST_LINE)
    return reader, writer, (writer.transport,)


def _same(one: int, other: int) -> bool:
    first, second = os.fstat(one), os.fstat(other)
    return (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino)


@contextmanager
def _claimed() -> Iterator[tuple[int, int]]:
    """Give the wire on descriptors of its own: what a library prints, or a child reads, must not meet it."""
    wire = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _ERR + 1) for descriptor in (_IN, _OUT)]
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, _IN)
    os.dup2(_ERR, _OUT)
    os.close(nothing)
    yield wire[0], wire[1]


class Incoming:
    """Give the messages that come in; what is no message is answered at once."""

    def __init__(self, reader: asyncio.StreamReader, outgoing: Outgoing) -> None:
        self._reader = reader
        self._outgoing = outgoing

    async def receive(self) -> SessionMessage:
        """Give the next message; anyio.EndOfStream when the client has closed its end."""
        while True:
            try:
                line = await self._reader.readuntil(b"\n")
            except asyncio.IncompleteReadError as end:
                line = end.partial
                if not line:
                    raise anyio.EndOfStream from None
            except asyncio.LimitOverrunError:
                await self._pass_over()
                await self._outgoing.send(SessionMessage(too_long(LONGEST_LINE)))
                continue
            if not line.strip():
                continue
            message = read_line(line)
            if isinstance(message, SessionMessage):
                return message
            await self._outgoing.send(SessionMessage(message))

    async def _pass_over(self) -> None:
        """Read to the end of a line and keep nothing of it."""
        while True:
            try:
                await self._reader.readuntil(b"\n")
            except asyncio.LimitOverrunError as problem:
                await self._reader.readexactly(problem.consumed)
            except asyncio.IncompleteReadError:
                return
            else:
                return

    async def aclose(self) -> None:
        """Do nothing: the pipe is closed by whoever opened it."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class Outgoing:
    """Take the messages that go out, one line each, no faster than the client reads."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def send(self, item: SessionMessage, /) -> None:
        """Write a message; anyio.BrokenResourceError when the client reads no more."""
        if self._writer.is_closing():
            raise anyio.BrokenResourceError
        self._writer.write(item.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
        try:
            await self._writer.drain()
        except ConnectionError as problem:
            raise anyio.BrokenResourceError from problem

    async def aclose(self) -> None:
        """Do nothing: the pipe is closed by whoever opened it."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
