"""The supervisor's only view of the server: commands over MCP, answers as typed models."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from mcp import Client, MCPError, StdioServerParameters
from mcp_types import REQUEST_TIMEOUT, CallToolRequest, CallToolRequestParams, CallToolResult
from pydantic import BaseModel, ValidationError

from foundry_contracts.dispatch import COMMANDS
from foundry_contracts.models.envelope import Envelope, ErrorData
from foundry_contracts.vocabulary import CommandName, ErrorCode
from foundry_mcp.supervisor.absent import given

# A long poll answers within 50 s, so a call that takes longer has lost its answer.
_CALL_TIMEOUT_S: Final = 75.0
_RETRY_WAITS_S: Final = (0.1, 0.3, 1.0, 3.0, 5.0)
_LONGEST_WAIT_S: Final = 30.0

T = TypeVar("T", bound=BaseModel)


class ServerFailed(Exception):
    """Report that the server gave no answer that a client could use."""


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

    def __init__(self, client: Client) -> None:
        self._client = client

    async def call(self, name: CommandName, params: Mapping[str, object], model: type[T]) -> T | Refused:
        """Send a command, again while it is refused for something that passes; raise ServerFailed without an answer."""
        for wait_s in _RETRY_WAITS_S:
            answer = await self._call_once(name, params, model)
            if isinstance(answer, Refused) and answer.data.retryable:
                await asyncio.sleep(min(given(answer.data.retry_after_s) or wait_s, _LONGEST_WAIT_S))
            elif answer is not None:
                return answer
        last = await self._call_once(name, params, model)
        if last is None:
            raise ServerFailed(f"The server left {name.value} unanswered {len(_RETRY_WAITS_S) + 1} times.")
        return last

    async def _call_once(self, name: CommandName, params: Mapping[str, object], model: type[T]) -> T | Refused | None:
        entry = COMMANDS[name]
        route = {"action": entry.action} | ({"command": entry.command} if entry.command is not None else {})
        request = CallToolRequest(params=CallToolRequestParams(name=entry.tool, arguments={**route, **params}))
        try:
            # Not call_tool: its check of the answer loads a validator for two seconds, and the models check the same.
            result = await self._client.session.send_request(
                request, CallToolResult, request_read_timeout_seconds=_CALL_TIMEOUT_S
            )
        except MCPError as error:
            # What was asked may have been done: every command that matters gives the same answer when asked again.
            if error.code == REQUEST_TIMEOUT:
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
async def connect(workspace: Path, environ: Mapping[str, str]) -> AsyncIterator[ServerClient]:
    """Start a server for a workspace, and stop it in the end."""
    # -P: what lies in the current folder, often a workspace, is no code for the process that holds the keys.
    arguments = ["-P", "-m", "foundry_mcp.cli.main", "serve", "--workspace", str(workspace)]
    server = StdioServerParameters(command=sys.executable, args=arguments, env=dict(environ))
    client = Client(server)
    try:
        await client.__aenter__()
    except (MCPError, OSError, BaseExceptionGroup) as error:
        raise ServerFailed("The server did not start; what it wrote above says why.") from error
    try:
        yield ServerClient(client)
    finally:
        await client.__aexit__(None, None, None)
