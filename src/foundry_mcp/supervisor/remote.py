"""A connection to a server over HTTP: nothing of it is lost when the server goes, as every call stands for itself."""

from __future__ import annotations

import ipaddress
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CONNECTION_CLOSED

from foundry_mcp.supervisor.connection import ServerFailed

TOKEN: Final = "FOUNDRY_MCP_TOKEN"
# A long poll answers within 50 s; the client's own limit of a call is the one that counts.
_TIMEOUT: Final = httpx2.Timeout(90.0, connect=10.0)
_GATEWAY_FAULTS: Final = frozenset({502, 503, 504})
_LOG: Final = logging.getLogger(__name__)


class RemoteServer:
    """Hold the one client of a server elsewhere."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def client(self) -> Client:
        """Give the client."""
        return self._client

    async def drop(self, lost: Client) -> None:
        """Do nothing: the same client reaches the server that comes back."""


class Lasting(httpx2.AsyncBaseTransport):
    """Answer for a server that cannot be reached, so that the SDK's client outlives it.

    Answers are read whole here: one that breaks off would be an error later, where the SDK's client ends of it.
    """

    def __init__(self) -> None:
        self._inner = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            response = await self._inner.handle_async_request(request)
            await response.aread()
        except httpx2.TransportError as error:
            return _closed(str(error) or type(error).__name__)
        if response.status_code not in _GATEWAY_FAULTS:
            return response
        return _closed(f"HTTP status {response.status_code}")

    async def aclose(self) -> None:
        await self._inner.aclose()


def _closed(why: str) -> httpx2.Response:
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": CONNECTION_CLOSED, "message": why}}
    headers = {"content-type": "application/json"}
    return httpx2.Response(httpx2.codes.SERVICE_UNAVAILABLE, headers=headers, content=json.dumps(error).encode())


@asynccontextmanager
async def remote_server(url: str, environ: Mapping[str, str]) -> AsyncIterator[RemoteServer]:
    """Connect to a server at a URL, with the environment's token; raise ServerFailed where it cannot be used."""
    token = environ.get(TOKEN)
    if token and not _is_private(url):
        _LOG.warning("the token is sent to %s in the clear; use https, by a proxy before the server", url)
    headers = {"authorization": f"Bearer {token}"} if token else {}
    # No proxy of the environment: it would take the place of the transport that outlives the server.
    async with httpx2.AsyncClient(headers=headers, timeout=_TIMEOUT, transport=Lasting(), trust_env=False) as http:
        client = Client(streamable_http_client(url, http_client=http, terminate_on_close=False))
        try:
            await client.__aenter__()
        except (MCPError, httpx2.InvalidURL, httpx2.UnsupportedProtocol, BaseExceptionGroup) as error:
            raise ServerFailed(f"The server at {url} cannot be used: {_said(error)}.") from error
        try:
            yield RemoteServer(client)
        finally:
            await client.__aexit__(None, None, None)


def _is_private(url: str) -> bool:
    """Tell whether nobody between here and there reads along."""
    try:
        parsed = httpx2.URL(url)
        if parsed.host == "localhost":
            return True
        return parsed.scheme == "https" or ipaddress.ip_address(parsed.host).is_loopback
    except (ValueError, httpx2.InvalidURL):
        return False


def _said(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return (error.message if isinstance(error, MCPError) else str(error)).rstrip(".") or type(error).__name__
