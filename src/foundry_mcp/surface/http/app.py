"""The application behind the listening server: health, admission, then the SDK's Streamable HTTP, without sessions.

Every call stands for itself, in both eras of the protocol, so that any server of a workspace may answer it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final

from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from foundry_mcp.machine.situation import Caller
from foundry_mcp.surface.http.admission import RETRY, Admission, Header, TurnedAway
from foundry_mcp.surface.http.body import NotTaken, again, whole

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PATH: Final = "/mcp"
_LIVE, _READY = "/livez", "/readyz"
_CALLER: Final = "foundry_mcp.caller"
_JSON, _TEXT = b"application/json", b"text/plain; charset=utf-8"
_NO_STORE: Final = (b"cache-control", b"no-store")


class HttpApp:
    """Answer HTTP requests, as ASGI has them."""

    def __init__(self, server: Server[Any], admission: Admission, ready: Callable[[], bool], largest: int) -> None:
        """`largest` is how many bytes a body may have."""
        self._admission = admission
        self._ready = ready
        self._largest = largest
        self._mcp = StreamableHTTPSessionManager(
            server, json_response=True, stateless=True, max_request_body_size=largest
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Be able to answer while the block runs."""
        async with self._mcp.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in (_LIVE, _READY):
            await self._health(scope, send)
        elif scope["path"] != PATH:
            await _turn_away(send, TurnedAway(HTTPStatus.NOT_FOUND, f"There is nothing here; MCP is at {PATH}."))
        else:
            await self._call(scope, receive, send)

    async def _health(self, scope: Scope, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            await _turn_away(send, _only(b"GET, HEAD"))
        elif scope["path"] == _LIVE or self._ready():
            await _answer(send, HTTPStatus.OK, b"ok\n", _TEXT, (_NO_STORE,))
        else:
            await _answer(send, HTTPStatus.SERVICE_UNAVAILABLE, b"not ready\n", _TEXT, (_NO_STORE,))

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = self._admission.admit(scope["headers"])
        if isinstance(caller, TurnedAway):
            await _turn_away(send, caller)
            return
        if scope["method"] != "POST":
            await _turn_away(send, _only(b"POST"))
            return
        body = await whole(scope["headers"], receive, self._largest)
        if body is NotTaken.TOO_LARGE:
            message = f"The body is larger than {self._largest} bytes."
            await _turn_away(
                send, TurnedAway(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message, ((b"connection", b"close"),))
            )
        elif not isinstance(body, NotTaken):
            await self._protocol({**scope, _CALLER: caller}, again(body, receive), send)

    async def _protocol(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._mcp.handle_request(scope, receive, send)
        except asyncio.CancelledError:
            # Only the end of the server's patience at its own end cancels a call.
            message = "The server is stopping; send the same call again."
            await _turn_away(send, TurnedAway(HTTPStatus.SERVICE_UNAVAILABLE, message, (RETRY,)))


def caller_of(context: Any) -> Caller:
    """Give who sent the request that a handler of the server answers."""
    caller = context.request.scope[_CALLER]
    assert isinstance(caller, Caller)
    return caller


def _only(methods: bytes) -> TurnedAway:
    message = f"Only {methods.decode()} is answered here; there are no sessions, and nothing is pushed."
    return TurnedAway(HTTPStatus.METHOD_NOT_ALLOWED, message, ((b"allow", methods),))


async def _turn_away(send: Send, why: TurnedAway) -> None:
    """Answer with an error of JSON-RPC, which MCP clients show whatever the status."""
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": types.INVALID_REQUEST, "message": why.message}}
    await _answer(send, why.status, json.dumps(error).encode(), _JSON, why.headers)


async def _answer(send: Send, status: HTTPStatus, body: bytes, kind: bytes, headers: tuple[Header, ...]) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send(
        {"type": "http.response.start", "status": status.value, "headers": [(b"content-type", kind), length, *headers]}
    )
    await send({"type": "http.response.body", "body": body})
