"""A client's patience, with a server that answers as it is told."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from mcp import Client, MCPError
from mcp_types import CONNECTION_CLOSED, INTERNAL_ERROR, REQUEST_TIMEOUT, CallToolResult

from foundry_contracts.models.server_capabilities import ServerCapabilitiesResponse
from foundry_contracts.models.task_session_start import SessionStartResponse
from foundry_contracts.tables import ERROR_CODE_INFO
from foundry_contracts.vocabulary import CommandName, ErrorCode
from foundry_mcp.supervisor.client import Refused, ServerClient
from foundry_mcp.supervisor.connection import ServerFailed
from foundry_mcp.supervisor.step import heartbeats
from tests.driving import Json

META = {"version": "response-v2", "request_id": "r", "contract_version": "0"}


def refusal(code: ErrorCode) -> Json:
    info = ERROR_CODE_INFO[code]
    data: Json = {"error_code": code, "error_type": info.type, "remediation": "", "details": {}}
    data |= {"loop_signal": None, "recommended_actions": [], "retryable": info.retryable, "retry_after_s": 0.001}
    return {"success": False, "error": "No.", "data": data, "meta": META}


CAPABLE: Json = {
    "success": True,
    "data": {
        "server": "s",
        "version": "1",
        "contract_version": "1",
        "contract_digest": "0" * 64,
        "role": "observer",
        "profile": "strict-prod",
        "features": [],
        "commands": [],
    },
    "meta": META,
}


class Scripted:
    """Answer with each of some answers in turn, the last one for ever; raise those that are errors."""

    def __init__(self, *answers: Json | Exception) -> None:
        self.answers = list(answers)
        self.calls = 0
        self.sent: list[Json] = []
        self.called = asyncio.Event()

    async def send_request(self, request: Any, result_type: Any, **more: Any) -> CallToolResult:
        answer = self.answers[min(self.calls, len(self.answers) - 1)]
        self.calls += 1
        self.sent.append(request.params.arguments)
        self.called.set()
        if isinstance(answer, Exception):
            raise answer
        return CallToolResult(content=[], structured_content=answer)


class Scene:
    """Connect to a scripted server, and count how often it was let go of."""

    def __init__(self, server: Scripted) -> None:
        self._client = cast(Client, SimpleNamespace(session=server))
        self.dropped = 0

    async def client(self) -> Client:
        return self._client

    async def drop(self, lost: Client) -> None:
        assert lost is self._client
        self.dropped += 1


def client_of(server: Scripted) -> ServerClient:
    return ServerClient(Scene(server))


def ask(server: Scripted) -> ServerCapabilitiesResponse | Refused:
    return asyncio.run(client_of(server).call(CommandName.SERVER_CAPABILITIES, {}, ServerCapabilitiesResponse))


def test_what_passes_is_asked_again_until_it_has_passed() -> None:
    timeout = MCPError(REQUEST_TIMEOUT, "Timed out")
    server = Scripted(refusal(ErrorCode.STORE_BUSY), timeout, CAPABLE)
    assert isinstance(ask(server), ServerCapabilitiesResponse)
    assert server.calls == 3


def test_patience_ends() -> None:
    server = Scripted(refusal(ErrorCode.STORE_BUSY))
    answer = ask(server)
    assert isinstance(answer, Refused)
    assert (answer.code, server.calls) == (ErrorCode.STORE_BUSY, 6)


def test_a_refusal_that_stays_is_not_asked_for_again() -> None:
    server = Scripted(refusal(ErrorCode.NO_STEP_OUT))
    assert isinstance(ask(server), Refused)
    assert server.calls == 1


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (MCPError(INTERNAL_ERROR, "A fault"), "did not carry out server.capabilities: A fault"),
        (MCPError(CONNECTION_CLOSED, "Connection closed"), "left server.capabilities unanswered 6 times"),
        (MCPError(REQUEST_TIMEOUT, "Timed out"), "left server.capabilities unanswered 6 times"),
        ({"success": True}, "does not hold to its contract"),
    ],
)
def test_a_server_without_a_usable_answer_has_failed(answer: Json | Exception, message: str) -> None:
    with pytest.raises(ServerFailed, match=message):
        ask(Scripted(answer))


def test_a_server_that_went_away_is_let_go_of_and_the_same_call_is_sent_to_the_next() -> None:
    server = Scripted(MCPError(CONNECTION_CLOSED, "Connection closed"), refusal(ErrorCode.SESSION_EXISTS))
    scene = Scene(server)
    start = ServerClient(scene).call(CommandName.TASK_SESSION_START, {"spec_id": "s"}, SessionStartResponse)
    assert isinstance(asyncio.run(start), Refused)
    assert scene.dropped == 1
    lost, sent_again = server.sent
    assert lost == sent_again
    assert lost["idempotency_key"]


def test_a_heart_beats_while_work_goes_on_and_no_longer() -> None:
    async def worked() -> int:
        server = Scripted(refusal(ErrorCode.SESSION_NOT_FOUND))
        async with heartbeats(client_of(server), "ses", "run", 0.001):
            await server.called.wait()
        return len(asyncio.all_tasks()) - 1

    assert asyncio.run(worked()) == 0
