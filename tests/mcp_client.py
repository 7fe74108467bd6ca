"""A client of the server in this process: it holds answers to what all of them promise, and notes what it got."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from types import TracebackType
from typing import Any, Literal, Self

import jsonschema_rs
from mcp import Client, types

from foundry_contracts.vocabulary import FeatureFlag
from foundry_mcp.application.call import Envelope
from foundry_mcp.machine.situation import Caller
from foundry_mcp.surface.server import Handle, make_server
from tests import produced
from tests.driving import Json

Mode = Literal["auto", "legacy"]
ERAS: dict[Mode, str] = {"auto": "2026-07-28", "legacy": "2025-11-25"}


@cache
def _schema(name: str) -> jsonschema_rs.Validator:
    text = (files("foundry_contracts") / "schemas" / "formats" / f"{name}.json").read_text(encoding="utf-8")
    return jsonschema_rs.validator_for(json.loads(text), validate_formats=True)


class McpClient:
    """Speak to an application as one caller, in one era of the protocol."""

    def __init__(
        self,
        handle: Handle,
        fresh: Callable[[str], str],
        caller: Caller,
        mode: Mode = "auto",
        flags: AbstractSet[FeatureFlag] = frozenset(FeatureFlag),
    ) -> None:
        server = make_server("foundry-mcp", version("foundry-mcp"), handle, caller, fresh, flags)
        self.sdk = Client(server, mode=mode)

    @classmethod
    def over(cls, sdk: Client) -> Self:
        """Give a client of whatever an SDK's client speaks to."""
        client = cls.__new__(cls)
        client.sdk = sdk
        return client

    async def __aenter__(self) -> Self:
        await self.sdk.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.sdk.__aexit__(kind, problem, trace)

    async def __call__(self, tool: str, /, **arguments: Any) -> Json:
        """Send a call, and give its envelope as JSON."""
        return (await self.call(tool, arguments)).document

    async def call(self, tool: str, arguments: dict[str, object]) -> Envelope:
        """Send a call, and give its envelope as JSON and as the text that came."""
        result = await self.sdk.call_tool(tool, arguments)
        (block,) = result.content
        assert isinstance(block, types.TextContent)
        document: dict[str, object] = json.loads(block.text)
        assert result.structured_content == document
        assert result.is_error is not document["success"]
        _schema("Envelope").validate(document)
        assert ("error" in document) is not document["success"]
        if not document["success"]:
            _schema("ErrorData").validate(document["data"])
        produced.note(document)
        return Envelope(document, block.text)


class KeptOpen:
    """Keep clients open from their first call on; the loop's end closes them."""

    def __init__(self, make: Callable[[Caller], McpClient]) -> None:
        self._make = make
        self._clients: dict[Caller, McpClient] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def client(self, caller: Caller) -> McpClient:
        """Give the client of a caller."""
        if caller not in self._clients:
            opened: asyncio.Future[McpClient] = asyncio.get_running_loop().create_future()
            # A client has to be left in the task that entered it, which a test's steps are not.
            self._tasks.append(asyncio.create_task(self._hold(caller, opened)))
            self._clients[caller] = await opened
        return self._clients[caller]

    async def _hold(self, caller: Caller, opened: asyncio.Future[McpClient]) -> None:
        async with self._make(caller) as client:
            opened.set_result(client)
            await asyncio.Event().wait()
