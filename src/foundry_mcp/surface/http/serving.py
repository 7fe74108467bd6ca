"""The server that listens: uvicorn with connections that end when they stall, and an end in good order."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn

from foundry_contracts.models.config import ServerConfig
from foundry_mcp.surface.http.app import HttpApp
from foundry_mcp.surface.http.connection import TimedConnection


class _Listening(uvicorn.Server):
    """Tell when calls are answered, and leave signals to whoever serves: uvicorn would end the process with them."""

    def __init__(self, config: uvicorn.Config, begun: Callable[[], None]) -> None:
        super().__init__(config)
        self._begun = begun

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._begun()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(app: HttpApp, listening: socket.socket, settings: ServerConfig, begun: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; what is under way may end, for as long as the settings say.

    `begun` is called when calls are answered. A second signal ends what is under way at once.
    """
    server = _Listening(_config(app, settings), begun)
    async with app.running(), _signals(server):
        await server.serve(sockets=[listening])


def _config(app: HttpApp, settings: ServerConfig) -> uvicorn.Config:
    # Any: uvicorn makes connections of a class by itself, so what they have to know is the class's.
    connection: Any = type("Connection", (TimedConnection,), {"patience_s": settings.client_timeout_s})
    return uvicorn.Config(
        app,
        http=connection,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=settings.shutdown_grace_s,
        limit_concurrency=settings.max_connections,
    )


@asynccontextmanager
async def _signals(server: uvicorn.Server) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.force_exit = server.should_exit
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
