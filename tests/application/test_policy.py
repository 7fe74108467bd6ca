"""A session goes on under the policy it started with, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundry_contracts.dispatch import COMMANDS
from foundry_contracts.vocabulary import (
    CommandName,
    ErrorCode,
    EventType,
    ReasonCode,
)
from tests.driving import (
    Json,
    accepted,
    next_step,
    nothing,
    parameters,
    result_of,
    start,
    types,
)
from tests.in_process import InProcess
from tests.scenes import (
    SPEC,
    TWO_TASKS,
    of,
    turned_down,
)

pytestmark = pytest.mark.anyio


async def test_a_session_under_another_policy_may_only_be_read_until_a_maintainer_accepts(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    call.settings = call.settings.model_copy(update={"max_attempts": 99})
    call.restart()
    data = await turned_down(
        call, ErrorCode.POLICY_CHANGED, "task", **of(CommandName.TASK_SESSION_STEP_NEXT, session_id=session_id)
    )
    assert data["details"]["changed"] == {"max_attempts": {"session": 3, "server": 99}}
    await accepted(call, "task", **of(CommandName.TASK_SESSION_STATUS, session_id=session_id))
    (action,) = data["recommended_actions"]
    await accepted(call.maintainer, action["call"]["tool"], **parameters(action["call"]))
    assert "step" in await next_step(call, session_id)
    assert EventType.POLICY_ACCEPTED in await types(call, session_id)


async def test_a_posture_that_wants_somebody_there_refuses_unattended_sessions(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS, allow_unattended=False)
    begin = of(CommandName.TASK_SESSION_START, spec_id=SPEC)
    await turned_down(call, ErrorCode.ATTENDANCE_REQUIRED, "task", **begin)
    await accepted(call, "task", **begin, attended=True)


# A start and a status are of no session, or of one that is yet to be.
OF_NO_SESSION = (CommandName.TASK_SESSION_START, CommandName.TASK_UPDATE_STATUS)


@pytest.mark.parametrize(
    "name", [name for name in CommandName if not COMMANDS[name].read_only and name not in OF_NO_SESSION]
)
async def test_which_commands_another_policy_stops(tmp_path: Path, name: CommandName) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    step = (await next_step(call, session_id))["step"]
    params: Json = {"session_id": session_id}
    needed: dict[CommandName, Json] = {
        CommandName.TASK_SESSION_STEP_REPORT: {"result": await result_of(call, step, nothing)},
        CommandName.TASK_SESSION_END: {"reason": ReasonCode.TESTING},
        CommandName.TASK_SESSION_RESET: {"reason": ReasonCode.TESTING},
        CommandName.TASK_GATE_WAIVER: {"phase_id": "phase-1", "reason": ReasonCode.TESTING},
        CommandName.TASK_BLOCK: {"unit_id": "t1", "reason": "No access yet."},
        CommandName.TASK_UNBLOCK: {"unit_id": "t1"},
        CommandName.VERIFICATION_EXECUTE: {"step_id": step["step_id"]},
        CommandName.REVIEW_FIDELITY_GATE: {"step_id": step["step_id"]},
    }
    more = needed.get(name, {})
    if name in (CommandName.TASK_SESSION_RESUME, CommandName.TASK_SESSION_REBASE, CommandName.TASK_SESSION_RESET):
        await accepted(call, "task", **of(CommandName.TASK_SESSION_PAUSE, session_id=session_id))
    call.settings = call.settings.model_copy(update={"allow_gate_waiver": True})
    call.restart()
    before = await types(call, session_id)
    tool = COMMANDS[name].tool
    sent = of(name, **params, **more)
    if name in (CommandName.TASK_SESSION_END, CommandName.TASK_SESSION_RESET, CommandName.TASK_SESSION_ACCEPT_POLICY):
        await accepted(call.maintainer, tool, **sent)
        return
    data = await turned_down(call.maintainer, ErrorCode.POLICY_CHANGED, tool, **sent)
    assert data["details"]["changed"] == {"allow_gate_waiver": {"session": False, "server": True}}
    assert await types(call, session_id) == before


async def test_the_same_policy_restored_needs_nobodys_word(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id, pinned = await start(call, SPEC), call.settings
    call.settings = pinned.model_copy(update={"max_attempts": 99})
    call.restart()
    await turned_down(
        call, ErrorCode.POLICY_CHANGED, "task", **of(CommandName.TASK_SESSION_STEP_NEXT, session_id=session_id)
    )
    await turned_down(
        call, ErrorCode.UNAUTHORIZED, "task", **of(CommandName.TASK_SESSION_ACCEPT_POLICY, session_id=session_id)
    )
    call.settings = pinned
    call.restart()
    assert "step" in await next_step(call, session_id)
    assert EventType.POLICY_ACCEPTED not in await types(call, session_id)


@pytest.mark.parametrize("name", [CommandName.TASK_SESSION_STEP_NEXT, CommandName.TASK_SESSION_STEP_REPLAY])
async def test_a_session_that_is_over_is_under_no_policy(tmp_path: Path, name: CommandName) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    end = of(CommandName.TASK_SESSION_END, session_id=session_id, reason=ReasonCode.TESTING)
    await accepted(call.maintainer, "task", **end)
    before = await call("task", **of(name, session_id=session_id))
    call.settings = call.settings.model_copy(update={"max_attempts": 99})
    call.restart()
    after = await call("task", **of(name, session_id=session_id))
    assert (after["success"], after["data"]) == (before["success"], before["data"])
