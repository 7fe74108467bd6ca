"""Units that cannot be done now, and those that are passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundry_contracts.vocabulary import (
    CommandName,
    ErrorCode,
    EventType,
    LoopSignal,
    Outcome,
    PauseReason,
    SessionStatus,
    UnitStanding,
    UnitState,
)
from tests.driving import (
    accepted,
    check,
    drive,
    next_step,
    nothing,
    parameters,
    report,
    result_of,
    spec,
    start,
    task,
)
from tests.in_process import InProcess
from tests.scenes import (
    SPEC,
    TWO_TASKS,
    of,
    paused_for,
    payloads,
    resumed,
    turned_down,
)

pytestmark = pytest.mark.anyio


async def test_a_blocked_unit_lets_the_others_go_on_until_nothing_else_is_left(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1"), task("t2", "t1"), task("t3")]))
    session_id = await start(call, SPEC)
    block = of(CommandName.TASK_BLOCK, session_id=session_id, unit_id="t1", reason="No access yet.")
    assert (await accepted(call, "task", **block))["session"]["blocked_units"] == 1
    await turned_down(call, ErrorCode.UNIT_STATE_CONFLICT, "task", **block)
    await turned_down(call, ErrorCode.UNIT_NOT_FOUND, "task", **{**block, "unit_id": "t9"})
    step = (await next_step(call, session_id))["step"]
    assert step["unit"]["id"] == "t3"
    await report(call, session_id, await result_of(call, step, nothing))
    data = await paused_for(call, session_id, PauseReason.BLOCKED)
    unblock = of(CommandName.TASK_UNBLOCK, session_id=session_id, unit_id="t1")
    await turned_down(call, ErrorCode.UNAUTHORIZED, "task", **unblock)
    await accepted(call.maintainer, "task", **unblock)
    await resumed(call.maintainer, data)
    assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE
    assert [payload["unit_id"] for payload in await payloads(call, session_id, EventType.UNIT_UNBLOCKED)] == ["t1"]


async def test_the_first_call_that_is_recommended_leads_out_of_a_blocked_session_step_by_step(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1"), task("t2", "t1"), task("t3")]))
    session_id = await start(call, SPEC)
    for unit in ("t3", "t1"):
        await accepted(call, "task", **of(CommandName.TASK_BLOCK, session_id=session_id, unit_id=unit, reason="Later."))
    data, followed = await paused_for(call, session_id, PauseReason.BLOCKED), []
    while data["session"]["status"] == SessionStatus.PAUSED:
        action = next(action for action in data["recommended_actions"] if "call" in action)
        followed.append((action["action"], action["call"]["params"].get("unit_id")))
        data = await accepted(call.maintainer, action["call"]["tool"], **parameters(action["call"]))
    assert followed == [("unblock", "t1"), ("unblock", "t3"), ("resume", None)]
    assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE


async def test_only_a_maintainer_has_a_step_skipped_and_only_with_a_reason(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    step = (await next_step(call, session_id))["step"]
    skip = {**step["report_call"]["params"]["result"], "outcome": Outcome.SKIPPED}
    reporting = of(CommandName.TASK_SESSION_STEP_REPORT, session_id=session_id)
    await turned_down(call, ErrorCode.UNAUTHORIZED, "task", **reporting, result={**skip, "note": "Not needed."})
    await turned_down(call.maintainer, ErrorCode.SKIP_REASON_MISSING, "task", **reporting, result=skip)
    await accepted(call.maintainer, "task", **reporting, result={**skip, "note": "Not needed."})
    info = await accepted(call, "task", **of(CommandName.TASK_INFO, spec_id=SPEC, unit_id=step["unit"]["id"]))
    assert (info["task"]["state"], info["task"]["standing"]) == (UnitState.DONE, UnitStanding.SKIPPED)


async def test_a_unit_blocked_while_its_step_is_out_can_still_be_reported_done(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    step = (await next_step(call, session_id))["step"]
    block = of(CommandName.TASK_BLOCK, session_id=session_id, unit_id="t1", reason="No access yet.")
    await accepted(call, "task", **block)
    data = await report(call, session_id, await result_of(call, step, nothing))
    assert (data["session"]["blocked_units"], data["session"]["progress"]["completed"]) == (0, 1)
    await turned_down(call, ErrorCode.UNIT_STATE_CONFLICT, "task", **block)
    assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE


async def test_a_check_blocked_while_it_fails_is_not_mended_until_it_is_unblocked(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [check("v1", command="make test")]))
    call.runner.endings = [(1, "1 failed")]
    session_id = await start(call, SPEC)
    step = (await next_step(call, session_id))["step"]
    block = of(CommandName.TASK_BLOCK, session_id=session_id, unit_id="v1", reason="The machine is down.")
    await accepted(call, "task", **block)
    await report(call, session_id, await result_of(call, step, nothing))
    data = await paused_for(call, session_id, PauseReason.BLOCKED)
    await accepted(call.maintainer, "task", **of(CommandName.TASK_UNBLOCK, session_id=session_id, unit_id="v1"))
    await resumed(call.maintainer, data)
    assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE


async def test_blocking_says_why_in_the_log_and_in_the_list(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    block = of(CommandName.TASK_BLOCK, session_id=session_id, unit_id="t2", reason="No access yet.")
    await turned_down(call.observer, ErrorCode.UNAUTHORIZED, "task", **block)
    await accepted(call, "task", **block)
    blocked = await payloads(call, session_id, EventType.UNIT_BLOCKED)
    assert blocked == [{"unit_id": "t2", "reason": "No access yet."}]
    listed = await accepted(call, "task", **of(CommandName.TASK_LIST, spec_id=SPEC, state=UnitState.BLOCKED))
    assert [entry["id"] for entry in listed["tasks"]] == ["t2"]


async def test_nothing_is_blocked_in_a_session_that_is_over(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    driven = await drive(call, SPEC)
    block = of(CommandName.TASK_BLOCK, session_id=driven.session_id, unit_id="t1", reason="Too late.")
    await turned_down(call, ErrorCode.SESSION_STATE_CONFLICT, "task", **block)
