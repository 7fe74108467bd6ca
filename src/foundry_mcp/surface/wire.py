"""JSON-RPC by the line: read into messages; a line that is none is answered and not passed over in silence."""

from __future__ import annotations

import json
import re

from mcp import types
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter
from pydantic import ValidationError

# A string whole, or a bracket: all that has to be seen to know how deep a place is.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_COLON = re.compile(rb"\s*:")
_VALUE = re.compile(rb'\s*:\s*("(?:[^"\\]|\\.)*"|-?[0-9]+)')
_LONGEST_ID = 200


def read_line(line: bytes) -> SessionMessage | types.JSONRPCError:
    """Read a line's message, or give the answer that says why it is none."""
    try:
        message = jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValidationError as problem:
        fault = problem.errors(include_url=False, include_context=False, include_input=False)[0]
        if fault["type"] == "json_invalid":
            return _answer(line, types.PARSE_ERROR, f"The line is not JSON that can be read: {fault['msg'][:300]}.")
        return _answer(line, types.INVALID_REQUEST, "The line is JSON, but no JSON-RPC request or notification.")
    # A request whose id cannot be one looks like a notification, and its sender would wait for ever.
    if isinstance(message, types.JSONRPCNotification) and _place_of_id(line) is not None:
        return _answer(line, types.INVALID_REQUEST, "The id of a request is a string or a whole number.")
    return SessionMessage(message)


def too_long(limit: int) -> types.JSONRPCError:
    """Give the answer to a line that is longer than is read."""
    return _answer(b"", types.INVALID_REQUEST, f"The line is longer than {limit} bytes.")


def _answer(line: bytes, code: int, message: str) -> types.JSONRPCError:
    return types.JSONRPCError(jsonrpc="2.0", id=_id_of(line), error=types.ErrorData(code=code, message=message))


def _id_of(line: bytes) -> str | int | None:
    """Find the request's id in a line that no parser takes; None where it cannot be told."""
    place = _place_of_id(line)
    value = None if place is None else _VALUE.match(line, place)
    if value is None or len(value[1]) > _LONGEST_ID:
        return None
    try:
        found: str | int = json.loads(value[1])
        json.dumps(found, ensure_ascii=False).encode()
    except ValueError:
        return None
    return found


def _place_of_id(line: bytes) -> int | None:
    """Give where the outermost object's key `id` ends."""
    depth = 0
    for token in _TOKEN.finditer(line):
        if token[0] in (b"{", b"["):
            depth += 1
        elif token[0] in (b"}", b"]"):
            depth -= 1
        elif depth == 1 and token[0] == b'"id"' and _COLON.match(line, token.end()):
            return token.end()
    return None
