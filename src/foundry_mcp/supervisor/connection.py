"""A connection to a server that is started, and started again when it has gone."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from mcp import Client, MCPError, StdioServerParameters


class ServerFailed(Exception):
    """Report that the server gave no answer that a client could use."""


class Connection(Protocol):
    """Give clients of one server, one after another."""

    async def client(self) -> Client:
        """Give the client that is connected now; raise ServerFailed where none can be."""

    async def drop(self, lost: Client) -> None:
        """Let go of a client whose server is gone, so that the next one asked for is a new one."""


class OwnServer:
    """Start a server of a workspace when a client is asked for, and again after it was lost."""

    def __init__(self, workspace: Path, environ: Mapping[str, str]) -> None:
        # -P: what lies in the current folder, often a workspace, is no code for the process that holds the keys.
        arguments = ["-P", "-m", "foundry_mcp.cli.main", "serve", "--workspace", str(workspace)]
        self._server = StdioServerParameters(command=sys.executable, args=arguments, env=dict(environ))
        self._connected: asyncio.Future[Client] | None = None
        self._let_go = asyncio.Event()
        self._holding: asyncio.Task[None] | None = None

    async def client(self) -> Client:
        """Give the client that is connected now; raise ServerFailed where the server does not start."""
        if self._connected is None:
            self._connected, self._let_go = asyncio.get_running_loop().create_future(), asyncio.Event()
            # A client has to be left in the task that entered it, and whoever meets its loss may be any task.
            self._holding = asyncio.create_task(self._hold(self._connected, self._let_go))
        # Whoever waits may be cancelled; the server that starts is for the next one, too.
        return await asyncio.shield(self._connected)

    async def drop(self, lost: Client) -> None:
        """Let go of a client whose server is gone."""
        known = self._connected
        if known is not None and known.done() and known.exception() is None and known.result() is lost:
            await self.close()

    async def close(self) -> None:
        """Stop the server."""
        self._connected = None
        self._let_go.set()
        if self._holding is not None:
            await asyncio.gather(self._holding, return_exceptions=True)

    async def _hold(self, connected: asyncio.Future[Client], let_go: asyncio.Event) -> None:
        client = Client(self._server)
        try:
            await client.__aenter__()
        except (MCPError, OSError, BaseExceptionGroup) as error:
            failed = ServerFailed("The server did not start; what it wrote above says why.")
            failed.__cause__ = error
            connected.set_exception(failed)
            self._connected = None
            return
        try:
            connected.set_result(client)
            await let_go.wait()
        finally:
            await client.__aexit__(None, None, None)


@asynccontextmanager
async def own_server(workspace: Path, environ: Mapping[str, str]) -> AsyncIterator[OwnServer]:
    """Start a server for a workspace, and stop it in the end."""
    server = OwnServer(workspace, environ)
    try:
        await server.client()
        yield server
    finally:
        await server.close()
