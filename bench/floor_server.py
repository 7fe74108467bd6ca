"""The floor of every figure over stdio and HTTP: a server of the same SDK whose one tool does nothing.

`--http` serves over HTTP, at a free port of 127.0.0.1, with what the SDK and uvicorn give by themselves. With
`--writes FOLDER STORE` each call carries out two transactions that write what the last step in STORE did.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

_TOOL = types.Tool(name="noop", input_schema={"type": "object"})


async def _list_tools(context: Any, params: Any) -> types.ListToolsResult:
    return types.ListToolsResult(tools=[_TOOL])


_writes: Iterator[Callable[[], object]] = repeat(lambda: None)


async def _call_tool(context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    for _ in range(2):
        next(_writes)()
    return types.CallToolResult(content=[types.TextContent(text="{}")], structured_content={})


_SERVER: Server[Any] = Server("floor", version="0", on_list_tools=_list_tools, on_call_tool=_call_tool)


def prepare(folder: Path, written: Path) -> None:
    """Have each call write from now on."""
    global _writes
    from bench.prepared_writes import transactions

    _writes = transactions(folder, written)


async def serve_stdio() -> None:
    """Serve until the client closes its end."""
    async with stdio_server() as (reader, writer):
        await _SERVER.run(reader, writer, _SERVER.create_initialization_options())


async def serve_http() -> None:
    """Serve until told to stop."""
    import uvicorn

    # The protocol is named, or asyncio would not turn off the delay of small packets.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen(1024)
    app = _SERVER.streamable_http_app(stateless_http=True, json_response=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    # uvicorn sends itself the signal that stopped it again, for whoever handled it before.
    signal.signal(signal.SIGTERM, lambda *_: None)
    print(f"serving http://127.0.0.1:{listening.getsockname()[1]}/mcp", flush=True)
    await server.serve(sockets=[listening])


if __name__ == "__main__":
    if "--writes" in sys.argv:
        sys.path.insert(0, str(Path(__file__).parents[1]))
        prepare(*map(Path, sys.argv[-2:]))
    asyncio.run(serve_http() if "--http" in sys.argv else serve_stdio())
