"""Serve over standard input and output."""

from __future__ import annotations

from typing import Any

from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server


async def serve(server: Server[Any]) -> None:
    """Serve until the client closes its end."""
    async with stdio_server() as (reader, writer):
        await server.run(reader, writer, server.create_initialization_options())
