"""The MCP server of an application: list the generated tools, pass calls on, encode envelopes."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from mcp import types
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from foundry_contracts.handlers import Refusal
from foundry_mcp.application import envelope
from foundry_mcp.application.call import Call, Envelope
from foundry_mcp.machine.situation import Caller
from foundry_mcp.places import PRODUCT
from foundry_mcp.surface import tools
from foundry_mcp.surface.routing import read_objects, route

if TYPE_CHECKING:
    from foundry_mcp.bootstrap import Joined

Handle = Callable[[Call], Awaitable[Envelope]]
CallerOf = Callable[[Any], Caller]
_LIST_TTL_MS = 60_000
# What marks a parameter that a client sends in a header, too.
_HEADER = "x-mcp-header"
_CALL = "tools/call"
_TRACING = "opentelemetry.sdk.trace"


def server_of(joined: Joined, caller: Caller | CallerOf) -> Server[Any]:
    """Make the server of an application that was joined, for its one client or for those that `caller` tells apart."""
    handle, flags = joined.application.handle, joined.policy.flags
    return make_server(PRODUCT, version(PRODUCT), handle, caller, joined.ids.fresh, flags)


def make_server(
    name: str,
    version: str,
    handle: Handle,
    caller: Caller | CallerOf,
    fresh: Callable[[str], str],
    flags: AbstractSet[str],
) -> Server[Any]:
    """Make the server.

    `handle` answers routed calls, `caller` is its one client, or says of a call who sends it; `flags` are the features
    that are on.
    """
    listed = [types.Tool.model_validate(definition) for definition in tools.listed(flags)]
    # What is off is not listed, but is known: a call of it is told that it is off.
    known = frozenset(definition["name"] for definition in tools.definitions())
    headed = {tool.name: tool.input_schema for tool in listed if _HEADER in json.dumps(tool.input_schema)}

    async def list_tools(context: Any, params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=listed, ttl_ms=_LIST_TTL_MS, cache_scope="public")

    async def call_tool(context: Any, params: types.CallToolRequestParams) -> dict[str, Any]:
        if params.name not in known:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool {params.name!r}; known are {', '.join(sorted(known))}.")
        routed = route(params.name, params.arguments or {}, caller if isinstance(caller, Caller) else caller(context))
        if isinstance(routed, Refusal):
            return encode(envelope.failure(fresh("req"), routed))
        return encode(await handle(read_objects(routed, tools.object_parameters(params.name))))

    server: Server[Any] = Server(
        name,
        version=version,
        on_list_tools=list_tools,
        # Without it the SDK lists all tools at each call over HTTP, and searches the one called for such parameters.
        get_tool_input_schema=headed.get,
    )
    server.add_request_handler(_CALL, types.CallToolRequestParams, call_tool)
    if _TRACING not in sys.modules:
        # The SDK makes a span of every call, which nobody would collect.
        server.middleware.clear()
    return server


def encode(answer: Envelope) -> dict[str, Any]:
    """Encode an envelope: structured content, and the same as text for clients that read only that.

    It is the result as it travels: the SDK would make a model of it only to write it out again, and checks it anyhow.
    """
    return {
        "content": [{"type": "text", "text": answer.text}],
        "structuredContent": answer.document,
        "isError": not answer.success,
        "resultType": "complete",
    }
