"""What a client of the server meets, in both eras of the protocol."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mcp import MCPError, types

from foundry_contracts.vocabulary import ErrorCode, Role
from foundry_mcp.machine.situation import Caller
from tests.adapters.batches import listed
from tests.driving import Json, check, drive, spec, task
from tests.in_process import InProcess
from tests.mcp_client import ERAS, McpClient, Mode

pytestmark = pytest.mark.anyio

GENERATED = Path(__file__).parents[2] / "generated"
SPEC = "a-spec"
TWO_PHASES = spec(SPEC, [task("t1"), check("v1", command="true")], [task("t2")])


@pytest.fixture(params=list(ERAS))
def mode(request: pytest.FixtureRequest) -> Mode:
    found: Mode = request.param
    return found


def connected(application: InProcess, mode: Mode, role: Role = Role.AUTONOMY_RUNNER) -> McpClient:
    """Give a client in one era."""
    return McpClient(application.application.handle, application.ids.fresh, Caller("tester", role), mode)


@pytest.fixture
def application(tmp_path: Path) -> InProcess:
    return InProcess(tmp_path, TWO_PHASES)


async def test_the_eras_are_those_we_mean(application: InProcess, mode: Mode) -> None:
    async with connected(application, mode) as call:
        assert call.sdk.protocol_version == ERAS[mode]


async def test_the_tools_are_listed_as_they_were_generated(application: InProcess, mode: Mode) -> None:
    async with connected(application, mode) as call:
        listed = await call.sdk.list_tools()
    tools = [tool.model_dump(mode="json", by_alias=True, exclude_unset=True) for tool in listed.tools]
    assert tools == json.loads((GENERATED / "mcp" / "tools.json").read_text(encoding="utf-8"))


async def test_a_whole_run_keeps_every_promise_of_an_answer(application: InProcess, mode: Mode) -> None:
    async with connected(application, mode) as call:
        driven = await drive(call, SPEC)
    assert (driven.phases, len(driven.steps)) == (2, 5)


async def test_an_unknown_tool_is_an_error_of_the_protocol(application: InProcess, mode: Mode) -> None:
    async with connected(application, mode) as call:
        with pytest.raises(MCPError, match=r"Unknown tool 'taks'; known are .*task") as met:
            await call.sdk.call_tool("taks", {})
    assert met.value.code == types.INVALID_PARAMS


UNKNOWN: list[tuple[Json, ErrorCode, str]] = [
    ({"action": "sesion"}, ErrorCode.UNKNOWN_ACTION, "Tool 'task' has no action 'sesion'. Did you mean 'session'?"),
    ({}, ErrorCode.UNKNOWN_ACTION, "Tool 'task' takes one of several actions, and none was given."),
    ({"action": 5}, ErrorCode.UNKNOWN_ACTION, "Tool 'task' has no action 5."),
    (
        {"action": "session", "command": "strat"},
        ErrorCode.UNKNOWN_ACTION,
        "Action 'session' of tool 'task' has no command 'strat'. Did you mean 'start'?",
    ),
    (
        {"action": "session"},
        ErrorCode.UNKNOWN_ACTION,
        "Action 'session' of tool 'task' takes one of several commands, and none was given.",
    ),
    (
        {"action": "session", "command": "start", "spec_id": SPEC, "specid": SPEC},
        ErrorCode.VALIDATION_ERROR,
        "/specid: unknown parameter; did you mean 'spec_id'?",
    ),
    (
        {"action": "session", "command": "start", "spec_id": SPEC, "zzz": 1},
        ErrorCode.VALIDATION_ERROR,
        "/zzz: unknown parameter; known are spec_id, attended, idempotency_key, run_id, adopt_completed",
    ),
]


@pytest.mark.parametrize(("arguments", "code", "message"), UNKNOWN, ids=[message for *_, message in UNKNOWN])
async def test_an_unknown_name_is_refused_with_the_nearest_one(
    application: InProcess, mode: Mode, arguments: Json, code: ErrorCode, message: str
) -> None:
    async with connected(application, mode) as call:
        answer = await call("task", **arguments)
    assert (answer["data"]["error_code"], answer["error"]) == (code, message)


async def test_a_null_counts_as_absent_and_is_warned_of(application: InProcess, mode: Mode) -> None:
    async with connected(application, mode) as call:
        answer = await call("task", action="session", command="start", spec_id=SPEC, attended=None)
        plain = await call("task", action="session", command="status", spec_id=SPEC)
    assert answer["success"]
    assert answer["meta"]["warnings"] == ["Parameter 'attended' is null; it counts as absent."]
    assert "warnings" not in plain["meta"]


# The last two are read by parsers that take more than JSON: half a character, and no number.
UNREADABLE_OBJECTS = ["{not JSON", "{" * 100_000, r'{"note": "\ud800"}', '{"note": NaN}']


async def test_an_object_that_comes_as_json_text_is_read_and_warned_of(application: InProcess, mode: Mode) -> None:
    async with connected(application, mode) as call:
        started = await call("task", action="session", command="start", spec_id=SPEC)
        session: Json = {"session_id": started["data"]["session"]["session_id"]}
        step = (await call("task", action="session-step", command="next", **session))["data"]["step"]
        result = json.dumps(step["report_call"]["params"]["result"])
        answer = await call("task", action="session-step", command="report", **session, result=result)
        broken = [
            await call("task", action="session-step", command="report", **session, result=text)
            for text in UNREADABLE_OBJECTS
        ]
    assert answer["success"], answer
    assert answer["meta"]["warnings"] == ["Parameter 'result' came as JSON text; it was read as an object."]
    assert {each["data"]["error_code"] for each in broken} == {ErrorCode.VALIDATION_ERROR}, broken


async def test_an_observer_may_read_and_is_told_which_role_it_lacks(application: InProcess, mode: Mode) -> None:
    async with connected(application, mode, Role.OBSERVER) as call:
        read = await call("task", action="session", command="list")
        answer = await call("task", action="session", command="start", spec_id=SPEC)
    assert read["success"]
    assert answer["data"]["error_code"] == ErrorCode.UNAUTHORIZED
    assert answer["data"]["details"] == {"role": Role.OBSERVER, "needed": Role.AUTONOMY_RUNNER}
    assert listed(application.store) == []
