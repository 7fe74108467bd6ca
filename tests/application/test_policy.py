"""A session goes on under the policy it started with, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundry_contracts.dispatch import COMMANDS
from foundry_contracts.vocabulary import (
    CommandName,
    ErrorCode,
    EventType,
    LoopSignal,
    PauseReason,
    ReasonCode,
    StepType,
    Verdict,
)
from foundry_mcp.ports import Review
from tests.driving import (
    Json,
    accepted,
    check,
    next_step,
    nothing,
    parameters,
    report,
    result_of,
    spec,
    start,
    task,
    types,
)
from tests.in_process import InProcess
from tests.scenes import (
    SPEC,
    TWO_TASKS,
    done,
    of,
    payloads,
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


BY_DEFAULT = {"id": "v1", "type": "verify", "title": "Check v1", "metadata": {"verification_type": "auto"}}


@pytest.mark.parametrize(
    ("plan", "before", "after", "code"),
    [
        (
            spec(SPEC, [BY_DEFAULT]),
            {"default_test_command": "make test"},
            {"default_test_command": ""},
            ErrorCode.VERIFICATION_COMMAND_MISSING,
        ),
        (
            spec(SPEC, [check("v1", command="make test | tee log")]),
            {"allow_shell": True},
            {"allow_shell": False},
            ErrorCode.VERIFICATION_SHELL_REFUSED,
        ),
    ],
    ids=["command missing", "shell"],
)
async def test_a_policy_is_not_accepted_under_which_the_sessions_checks_cannot_run(
    tmp_path: Path, plan: Json, before: Json, after: Json, code: ErrorCode
) -> None:
    call = InProcess(tmp_path, plan, **before)
    session_id, pinned = await start(call, SPEC), call.settings
    accept = of(CommandName.TASK_SESSION_ACCEPT_POLICY, session_id=session_id)
    call.settings = pinned.model_copy(update=after)
    call.restart()
    data = await turned_down(call.maintainer, code, "task", **accept)
    assert [node if isinstance(node, str) else node["node"] for node in data["details"]["nodes"]] == ["v1"]
    assert await types(call, session_id) == [EventType.SESSION_STARTED]
    call.settings = pinned
    call.restart()
    assert "step" in await next_step(call, session_id)


async def test_a_policy_that_wants_somebody_there_is_accepted_with_somebody_there(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id, free = await start(call, SPEC), call.settings
    accept = of(CommandName.TASK_SESSION_ACCEPT_POLICY, session_id=session_id)
    call.settings = free.model_copy(update={"allow_unattended": False})
    call.restart()
    await turned_down(call.maintainer, ErrorCode.ATTENDANCE_REQUIRED, "task", **accept)
    await accepted(call.maintainer, "task", **accept, attended=True)
    # Whoever came stays until the session is told otherwise, under that policy and the next.
    call.settings = call.settings.model_copy(update={"max_attempts": 2})
    call.restart()
    await accepted(call.maintainer, "task", **accept)
    await turned_down(call.maintainer, ErrorCode.ATTENDANCE_REQUIRED, "task", **accept, attended=False)
    told = await payloads(call, session_id, EventType.POLICY_ACCEPTED)
    assert [payload.get("attended") for payload in told] == [True, None]


async def test_a_command_that_needs_a_shell_is_given_to_one_where_the_session_may(tmp_path: Path) -> None:
    command = "make test | tee log"
    call = InProcess(tmp_path, spec(SPEC, [check("v1", command=command)]), allow_shell=True)
    session_id = await start(call, SPEC)
    step = (await next_step(call, session_id))["step"]
    await report(call, session_id, await result_of(call, step, nothing))
    (ran,) = call.runner.ran
    assert (ran.argv, ran.cwd) == (["sh", "-c", command], ".")


async def test_a_command_that_needs_no_shell_gets_none(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [check("v1", command="cd src && make test")]), allow_shell=True)
    session_id = await start(call, SPEC)
    step = (await next_step(call, session_id))["step"]
    await report(call, session_id, await result_of(call, step, nothing))
    (ran,) = call.runner.ran
    assert (ran.argv, ran.cwd) == (["make", "test"], "src")


async def test_a_nul_is_refused_even_where_a_shell_is_allowed(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [check("v1", command="make\0 test")]), allow_shell=True)
    begin = of(CommandName.TASK_SESSION_START, spec_id=SPEC)
    await turned_down(call, ErrorCode.VERIFICATION_SHELL_REFUSED, "task", **begin)


@pytest.mark.parametrize("retry", [True, False])
async def test_a_failed_gate_is_tried_again_or_waits_for_a_person(tmp_path: Path, retry: bool) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1")]), auto_retry_gate=retry)
    session_id = await start(call, SPEC)
    await done(call, session_id)
    call.reviewer.reviews = [Review(Verdict.FAIL, ())]
    step = (await next_step(call, session_id))["step"]
    told = await next_step(call, session_id, await result_of(call, step, nothing))
    if retry:
        assert told["step"]["type"] == StepType.ADDRESS_FEEDBACK
        return
    assert told["session"]["pause_reason"] == PauseReason.GATE_REVIEW_REQUIRED
    (action,) = told["recommended_actions"]
    await accepted(call.maintainer, action["call"]["tool"], **parameters(action["call"]))
    assert (await next_step(call, session_id))["loop_signal"] == LoopSignal.SPEC_COMPLETE


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
