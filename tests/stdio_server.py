"""The real server as a process of its own, spoken to line by line, so that a test may kill it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.driving import Json
from tests.outside import outside

_LONGEST_LINE = 1 << 24


def command_line(workspace: Path) -> list[str]:
    """Give the words that start a server."""
    return [sys.executable, "-m", "foundry_mcp.cli.main", "serve", "--workspace", str(workspace)]


def environment(state: Path, **settings: str) -> dict[str, str]:
    """Give a server's environment: this one's without its settings, a state folder, and the settings of a test.

    The user's configuration is the one beside the state folder.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("FOUNDRY_MCP_")}
    return {**own, "XDG_STATE_HOME": str(state), **outside(state.parent), **settings}


class StdioServer:
    """Hold a running server and a client of it; calling it sends a call."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._number = 0

    @classmethod
    @asynccontextmanager
    async def begin(cls, workspace: Path, environ: Mapping[str, str]) -> AsyncIterator[StdioServer]:
        """Start the server of a workspace, as `begin_with` does."""
        async with cls.begin_with(command_line(workspace), environ) as server:
            yield server

    @classmethod
    @asynccontextmanager
    async def begin_with(cls, words: Sequence[str], environ: Mapping[str, str]) -> AsyncIterator[StdioServer]:
        """Start a server by its command line and shake hands; in the end it is let go, or killed if the test failed."""
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environ,
            limit=_LONGEST_LINE,
        )
        server = cls(process)
        try:
            await server._shake_hands()
            yield server
            await server.close()
        finally:
            if process.returncode is None:
                await server.kill()

    async def _shake_hands(self) -> None:
        client = {"name": "a-test", "version": "0"}
        await self._ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client})
        await self._send({"method": "notifications/initialized"})

    async def __call__(self, tool: str, /, **arguments: Any) -> Json:
        document: Json = json.loads(await self.text(tool, **arguments))
        return document

    async def text(self, tool: str, /, **arguments: Any) -> str:
        """Send a call, and give the text of its answer."""
        result = await self._ask("tools/call", {"name": tool, "arguments": arguments})
        text: str = result["content"][0]["text"]
        return text

    async def send(self, tool: str, /, **arguments: Any) -> None:
        """Send a call, and wait for no answer."""
        self._number += 1
        params = {"name": tool, "arguments": arguments}
        await self._send({"id": self._number, "method": "tools/call", "params": params})

    async def kill(self) -> None:
        """Kill it as the system would: at once, with no word to it."""
        self._process.kill()
        await self._gone()

    async def close(self) -> None:
        """Let it end by closing its input."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._gone()

    async def _gone(self) -> None:
        assert self._process.stdout is not None
        await self._process.stdout.read()
        await self._process.wait()

    async def _ask(self, method: str, params: Json) -> Json:
        self._number += 1
        await self._send({"id": self._number, "method": method, "params": params})
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            message = json.loads(line)
            if message.get("id") == self._number:
                result: Json = message["result"]
                return result
        raise AssertionError(f"the server ended, with {await self._process.wait()}, before it answered {method}")

    async def _send(self, message: Json) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        await self._process.stdin.drain()
