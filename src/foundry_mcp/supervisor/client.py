"""The supervisor's only view of the server: commands over MCP, answers as typed models."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from mcp import MCPError
from mcp_types import CONNECTION_CLOSED, REQUEST_TIMEOUT, CallToolRequest, CallToolRequestParams, CallToolResult
from pydantic import BaseModel, ValidationError

from foundry_contracts.dispatch import COMMANDS
from foundry_contracts.models.envelope import Envelope, ErrorData
from foundry_contracts.vocabulary import CommandName, ErrorCode
from foundry_mcp.supervisor.absent import given
from foundry_mcp.supervisor.connection import Connection, ServerFailed, own_server
from foundry_mcp.supervisor.remote import remote_server

# A long poll answers within 50 s, so a call that takes longer has lost its answer.
_CALL_TIMEOUT_S: Final = 75.0
_RETRY_WAITS_S: Final = (0.1, 0.3, 1.0, 3.0, 5.0)
_LONGEST_WAIT_S: Final = 30.0
# Sent again after they were done these would be refused, were it not for a key. Steps have their proofs.
_ONCE: Final = frozenset(
    {CommandName.TASK_SESSION_START, CommandName.TASK_SESSION_PAUSE, CommandName.TASK_SESSION_RESUME}
)
_LOG: Final = logging.getLogger(__name__)

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Refused:
    """Hold a declared "no": its sentence, and what the contract says of it."""

    message: str
    data: ErrorData

    @property
    def code(self) -> ErrorCode:
        """Give its code."""
        return self.data.error_code


class ServerClient:
    """Send commands to one server."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def call(self, name: CommandName, params: Mapping[str, object], model: type[T]) -> T | Refused:
        """Send a command, again while it meets what passes; raise ServerFailed without an answer.

        A call whose answer was lost, with its server too, is sent again as it was: each is done once, however often
        it is sent.
        """
        if name in _ONCE:
            params = {**params, "idempotency_key": secrets.token_hex(16)}
        for wait_s in _RETRY_WAITS_S:
            answer = await self._call_once(name, params, model)
            if isinstance(answer, Refused) and answer.data.retryable:
                await asyncio.sleep(min(given(answer.data.retry_after_s) or wait_s, _LONGEST_WAIT_S))
            elif answer is not None:
                return answer
            else:
                # A server that is started anew takes a moment.
                await asyncio.sleep(wait_s)
        last = await self._call_once(name, params, model)
        if last is None:
            raise ServerFailed(f"The server left {name.value} unanswered {len(_RETRY_WAITS_S) + 1} times.")
        return last

    async def _call_once(self, name: CommandName, params: Mapping[str, object], model: type[T]) -> T | Refused | None:
        entry = COMMANDS[name]
        route = {"action": entry.action} | ({"command": entry.command} if entry.command is not None else {})
        request = CallToolRequest(params=CallToolRequestParams(name=entry.tool, arguments={**route, **params}))
        client = await self._connection.client()
        try:
            # Not call_tool: its check of the answer loads a validator for two seconds, and the models check the same.
            result = await client.session.send_request(
                request, CallToolResult, request_read_timeout_seconds=_CALL_TIMEOUT_S
            )
        except MCPError as error:
            if error.code == REQUEST_TIMEOUT:
                return None
            if error.code == CONNECTION_CLOSED:
                _LOG.warning("the server went away while it was asked for %s; another is asked", name.value)
                await self._connection.drop(client)
                return None
            raise ServerFailed(f"The server did not carry out {name.value}: {error.message}.") from error
        return _read(name, result.structured_content, model)


def _read(name: CommandName, content: object, model: type[T]) -> T | Refused:
    try:
        envelope = Envelope.model_validate(content)
        if envelope.success:
            return model.model_validate(envelope.data)
        return Refused(given(envelope.error) or "The call was refused.", ErrorData.model_validate(envelope.data))
    except ValidationError as error:
        raise ServerFailed(f"The server's answer to {name.value} does not hold to its contract: {error}") from error


@asynccontextmanager
async def connect(workspace: Path, environ: Mapping[str, str], url: str | None = None) -> AsyncIterator[ServerClient]:
    """Connect to the server at a URL; without one, start a server for a workspace, and stop it in the end."""
    if url is None:
        async with own_server(workspace, environ) as started:
            yield ServerClient(started)
    else:
        async with remote_server(url, environ) as found:
            yield ServerClient(found)
