"""A spec whose structure changes under its session."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundry_contracts.vocabulary import (
    ChangeKind,
    CommandName,
    ErrorCode,
    EventType,
    LoopSignal,
    PauseReason,
    Role,
    SessionStatus,
)
from tests.driving import (
    accepted,
    check,
    drive,
    next_step,
    nothing,
    parameters,
    refused,
    result_of,
    spec,
    start,
    task,
    types,
)
from tests.in_process import InProcess
from tests.scenes import (
    SPEC,
    TWO_PHASES,
    TWO_TASKS,
    every_way_out,
    of,
    payloads,
    resumed,
    rewrite,
    to_second_phase,
    turned_down,
)

pytestmark = pytest.mark.anyio


async def test_a_rebase_tells_what_differs_and_keeps_done_work(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_PHASES)
    session_id = await to_second_phase(call)
    rewrite(call, spec(SPEC, [task("t1"), check("v1", command="make test")], [task("t2"), task("t3")]))
    rebased = await accepted(call, "task", **of(CommandName.TASK_SESSION_REBASE, session_id=session_id))
    assert rebased["changes"] == [{"id": "t3", "change": ChangeKind.ADDED, "proven_dropped": False}]
    assert rebased["session"]["pause_reason"] == PauseReason.USER
    assert rebased["session"]["progress"] == {"total": 4, "completed": 2, "remaining": 2, "percent": 50}
    await resumed(call, rebased)
    driven = await drive(call, SPEC)
    assert [step["unit"]["id"] for step in driven.steps if "unit" in step] == ["t2", "t3"]
    assert driven.last["loop_signal"] == LoopSignal.SPEC_COMPLETE


async def test_a_rebase_that_changes_a_check_takes_a_maintainer(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_PHASES)
    session_id = await to_second_phase(call)
    rewrite(call, spec(SPEC, [task("t1"), check("v1", command="true")], [task("t2")]))
    rebase = of(CommandName.TASK_SESSION_REBASE, session_id=session_id)
    await turned_down(call, ErrorCode.UNAUTHORIZED, "task", **rebase)
    rebased = await accepted(call.maintainer, "task", **rebase)
    assert rebased["changes"] == [{"id": "v1", "change": ChangeKind.CHANGED, "proven_dropped": True}]
    await resumed(call.maintainer, rebased)
    assert (await next_step(call, session_id))["step"]["unit"]["id"] == "v1"


async def test_a_rebase_that_moves_a_check_out_of_its_phase_takes_a_maintainer(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1"), check("v1", command="make")], [task("t2")]))
    session_id = await start(call, SPEC)
    rewrite(call, spec(SPEC, [task("t1")], [task("t2"), check("v1", command="make")]))
    await next_step(call, session_id)
    rebase = of(CommandName.TASK_SESSION_REBASE, session_id=session_id)
    await turned_down(call, ErrorCode.UNAUTHORIZED, "task", **rebase)
    rebased = await accepted(call.maintainer, "task", **rebase)
    assert rebased["changes"] == [{"id": "v1", "change": ChangeKind.CHANGED, "proven_dropped": False}]


async def test_a_spec_that_changed_under_its_session_fails_it_until_it_is_rebased(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    rewrite(call, spec(SPEC, [task("t1"), task("t2"), task("t3")]))
    lost = await next_step(call, session_id)
    assert (lost["loop_signal"], lost["session"]["status"]) == (LoopSignal.FAILED, SessionStatus.FAILED)
    (action,) = [entry for entry in lost["recommended_actions"] if entry["action"] == "rebase"]
    rebased = await accepted(call.maintainer, action["call"]["tool"], **parameters(action["call"]))
    await resumed(call.maintainer, rebased)
    assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE


async def test_a_rebase_that_drops_done_work_takes_a_maintainer_and_the_log_has_the_diff(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_PHASES)
    session_id = await to_second_phase(call)
    rewrite(call, spec(SPEC, [check("v1", command="make test")], [task("t2")]))
    rebase = of(CommandName.TASK_SESSION_REBASE, session_id=session_id, note="Dropped by the plan.")
    await turned_down(call, ErrorCode.UNAUTHORIZED, "task", **rebase)
    (denied,) = await payloads(call, session_id, EventType.ACCESS_DENIED)
    assert (denied["command"], denied["needed"]) == (CommandName.TASK_SESSION_REBASE, Role.MAINTAINER)
    rebased = await accepted(call.maintainer, "task", **rebase)
    assert {"id": "t1", "change": ChangeKind.REMOVED, "proven_dropped": True} in rebased["changes"]
    (recorded,) = await payloads(call, session_id, EventType.SESSION_REBASED)
    assert (recorded["changes"], recorded["note"]) == (rebased["changes"], "Dropped by the plan.")
    await every_way_out(call, rebased)


async def test_a_running_session_is_not_rebased_and_a_refused_spec_is_no_structure(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    rebase = of(CommandName.TASK_SESSION_REBASE, session_id=session_id)
    await turned_down(call, ErrorCode.SESSION_STATE_CONFLICT, "task", **rebase)
    await accepted(call, "task", **of(CommandName.TASK_SESSION_PAUSE, session_id=session_id))
    rewrite(call, spec(SPEC, [task("t1", "t1")]))
    await turned_down(call, ErrorCode.SPEC_INVALID, "task", **rebase)
    call.spec_file(SPEC).unlink()
    await refused(call, ErrorCode.SPEC_UNAVAILABLE, "task", **rebase)
    assert EventType.SESSION_REBASED not in await types(call, session_id)


async def test_a_rebase_gives_up_the_step_that_is_out(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    step = (await next_step(call, session_id))["step"]
    await accepted(call, "task", **of(CommandName.TASK_SESSION_PAUSE, session_id=session_id))
    rewrite(call, spec(SPEC, [task("t0"), task("t1"), task("t2")]))
    rebased = await accepted(call, "task", **of(CommandName.TASK_SESSION_REBASE, session_id=session_id))
    late = of(CommandName.TASK_SESSION_STEP_REPORT, session_id=session_id, result=await result_of(call, step, nothing))
    await turned_down(call, ErrorCode.STEP_SUPERSEDED, "task", **late)
    told = (await call("task", **late))["error"]
    assert told == f"Step {step['step_id']} was given up, and waits for no report any more."
    await resumed(call, rebased)
    assert (await next_step(call, session_id))["step"]["unit"]["id"] == "t0"
    assert await payloads(call, session_id, EventType.STEP_SUPERSEDED) == [{"step_id": step["step_id"]}]
