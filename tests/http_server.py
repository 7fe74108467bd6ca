"""The real server over HTTP as a process of its own, and clients of it that send what a test says, byte by byte."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import produced
from tests.driving import Json
from tests.mcp_client import ERAS, Mode

PATIENCE_S = 30
PATH = "/mcp"
_META = {
    "io.modelcontextprotocol/protocolVersion": ERAS["auto"],
    "io.modelcontextprotocol/clientInfo": {"name": "a-test", "version": "0"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


def command_line(workspace: Path, port: int = 0, host: str = "127.0.0.1") -> list[str]:
    """Give the words that start a server over HTTP."""
    words = [sys.executable, "-m", "foundry_mcp.cli.main", "serve", "--workspace", str(workspace)]
    return [*words, "--http", f"{host}:{port}"]


@dataclass(frozen=True)
class Reply:
    """Hold an HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Json:
        document: Json = json.loads(self.body)
        return document


class Connection:
    """Hold one connection; it stays open from request to request."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int, host: str = "127.0.0.1") -> Connection:
        return cls(*await asyncio.open_connection(host, port, limit=1 << 24))

    async def ask(self, request: bytes) -> Reply:
        """Send bytes, and give the response to them."""
        self.writer.write(request)
        return await self.reply()

    async def reply(self) -> Reply:
        """Give the next response."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Reply(int(head[0].split()[1]), headers, body)

    async def close(self) -> None:
        """Close it, whatever is still under way."""
        self.writer.transport.abort()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


def post(body: bytes, headers: Mapping[str, str]) -> bytes:
    """Give a request with a body."""
    words = {"content-type": "application/json", "accept": "application/json, text/event-stream", **headers}
    words.setdefault("content-length", str(len(body)))
    head = "".join(f"{name}: {value}\r\n" for name, value in words.items())
    return f"POST {PATH} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


def call_request(port: int, mode: Mode, tool: str, arguments: Json, token: str | None = None) -> bytes:
    """Give a request that calls a tool, in one era of the protocol."""
    params: Json = {"name": tool, "arguments": arguments}
    headers = {"host": f"127.0.0.1:{port}", "mcp-protocol-version": ERAS[mode]}
    if mode == "auto":
        params["_meta"] = _META
        headers |= {"mcp-method": "tools/call", "mcp-name": tool}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    return post(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode(), headers)


@dataclass
class HttpClient:
    """Call tools over one connection; calling it sends a call."""

    connection: Connection
    port: int
    mode: Mode = "auto"
    token: str | None = None

    async def __call__(self, tool: str, /, **arguments: Any) -> Json:
        reply = await self.connection.ask(call_request(self.port, self.mode, tool, arguments, self.token))
        assert reply.status == 200, reply
        document: Json = reply.json()["result"]["structuredContent"]
        produced.note(document)
        return document


@dataclass
class HttpServer:
    """Hold a running server."""

    process: asyncio.subprocess.Process
    url: str
    port: int
    _connections: list[Connection] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def begin(cls, words: Sequence[str], environ: Mapping[str, str]) -> AsyncIterator[HttpServer]:
        """Start a server by its command line, until it listens; in the end it is told to stop."""
        process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE, env=environ)
        assert process.stdout is not None
        try:
            line = (await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)).decode()
            assert line.startswith("serving http://"), f"the server ended before it served: {line!r}"
            url = line.split()[-1]
            server = cls(process, url, int(url.removesuffix(PATH).rpartition(":")[2]))
            try:
                yield server
            finally:
                for connection in server._connections:
                    await connection.close()
            await server.close()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def connect(self) -> Connection:
        """Give a fresh connection."""
        connection = await Connection.open(self.port)
        self._connections.append(connection)
        return connection

    async def client(self, mode: Mode = "auto", token: str | None = None) -> HttpClient:
        """Give a client over a fresh connection."""
        return HttpClient(await self.connect(), self.port, mode, token)

    async def kill(self) -> None:
        """Kill it as the system would."""
        self.process.kill()
        await self.process.wait()

    async def close(self) -> None:
        """Tell it to stop, and see it end well."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(self.process.wait(), PATIENCE_S) == 0
