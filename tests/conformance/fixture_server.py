"""The server as it is, over HTTP, with the tools that the official suite calls beside its own: for conformance only."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mcp import types

from foundry_mcp.bootstrap import join
from foundry_mcp.surface.http.address import listen
from foundry_mcp.surface.http.admission import admission_to
from foundry_mcp.surface.http.app import PATH, HttpApp, caller_of
from foundry_mcp.surface.http.serving import serve
from foundry_mcp.surface.server import server_of

_NOTHING: Final[dict[str, Any]] = {"type": "object", "properties": {}, "additionalProperties": False}
_SCHEMA_2020_12: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
_HEADED: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"place": {"type": "string", "description": "A place.", "x-mcp-header": "Place"}},
}
# A picture of one point, and a sound of one sample.
_PNG: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
_WAV: Final = base64.b64encode(
    b"RIFF\x26\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\2\0\0\0\0\0"
).decode()


def _text(text: str) -> types.TextContent:
    return types.TextContent(text=text)


def _image() -> types.ImageContent:
    return types.ImageContent(data=_PNG, mime_type="image/png")


def _embedded(uri: str, kind: str, text: str) -> types.EmbeddedResource:
    return types.EmbeddedResource(resource=types.TextResourceContents(uri=uri, mime_type=kind, text=text))


ANSWERS: Final[Mapping[str, tuple[dict[str, Any], types.CallToolResult]]] = {
    "test_simple_text": (_NOTHING, types.CallToolResult(content=[_text("A simple text.")])),
    "test_image_content": (_NOTHING, types.CallToolResult(content=[_image()])),
    "test_audio_content": (
        _NOTHING,
        types.CallToolResult(content=[types.AudioContent(data=_WAV, mime_type="audio/wav")]),
    ),
    "test_embedded_resource": (
        _NOTHING,
        types.CallToolResult(content=[_embedded("test://embedded-resource", "text/plain", "An embedded resource.")]),
    ),
    "test_multiple_content_types": (
        _NOTHING,
        types.CallToolResult(
            content=[_text("Three kinds."), _image(), _embedded("test://mixed", "application/json", '{"value": 123}')]
        ),
    ),
    "test_error_handling": (_NOTHING, types.CallToolResult(content=[_text("An error, as asked.")], is_error=True)),
    "json_schema_2020_12_tool": (_SCHEMA_2020_12, types.CallToolResult(content=[_text("ok")])),
    "test_headed_parameter": (_HEADED, types.CallToolResult(content=[_text("ok")])),
}


async def main(workspace: Path) -> None:
    """Serve at a free port of 127.0.0.1 until told to stop; the settings have to open it to callers without a token."""
    listening, address = listen("127.0.0.1", 0)
    joined = join(workspace, os.environ, reach=address.reach)
    server = server_of(joined, caller_of)
    own_list, own_call = server.get_request_handler("tools/list"), server.get_request_handler("tools/call")
    own_schema = server.get_tool_input_schema
    assert own_list is not None
    assert own_call is not None
    assert own_schema is not None

    async def list_tools(context: Any, params: Any) -> types.ListToolsResult:
        listed = await own_list.handler(context, params)
        assert isinstance(listed, types.ListToolsResult)
        more = [
            types.Tool(name=name, description=f"What {name} asks for.", input_schema=schema)
            for name, (schema, _) in ANSWERS.items()
        ]
        return listed.model_copy(update={"tools": [*listed.tools, *more]})

    async def call_tool(context: Any, params: types.CallToolRequestParams) -> Any:
        return ANSWERS[params.name][1] if params.name in ANSWERS else await own_call.handler(context, params)

    server.add_request_handler("tools/list", own_list.params_type, list_tools)
    server.add_request_handler("tools/call", types.CallToolRequestParams, call_tool)
    server.get_tool_input_schema = lambda name: ANSWERS[name][0] if name in ANSWERS else own_schema(name)
    admission = admission_to(address, joined.server, joined.tokens.caller, joined.posture)
    app = HttpApp(server, admission, joined.application.ready, joined.server.max_body_kb * 1024)
    await serve(app, listening, joined.server, lambda: print(f"serving http://{address}{PATH}", flush=True))
    await joined.application.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
