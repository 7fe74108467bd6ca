"""Who holds a session, and how another run gets it."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundry_contracts.vocabulary import (
    CommandName,
    ErrorCode,
    EventType,
    LoopSignal,
)
from tests.driving import (
    accepted,
    drive,
    events,
    next_step,
    nothing,
    report,
    result_of,
    start,
    types,
)
from tests.in_process import InProcess
from tests.scenes import (
    SPEC,
    TWO_TASKS,
    of,
    payloads,
    turned_down,
)

pytestmark = pytest.mark.anyio


async def test_another_run_waits_for_the_hold_to_end(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    started = of(CommandName.TASK_SESSION_START, spec_id=SPEC, run_id="one")
    session_id = (await accepted(call, "task", **started))["session"]["session_id"]
    mine = of(CommandName.TASK_SESSION_STEP_NEXT, session_id=session_id, run_id="one")
    step = (await accepted(call, "task", **mine))["step"]
    assert step["report_call"]["params"]["run_id"] == "one"
    other = of(CommandName.TASK_SESSION_STEP_REPLAY, session_id=session_id, run_id="two")
    held = await turned_down(call, ErrorCode.SESSION_HELD, "task", **other)
    assert held["details"] == {
        "session_id": session_id,
        "holder": "one",
        "expires_at": "2026-01-01T00:10:00.000Z",
    }
    assert held["loop_signal"] == LoopSignal.BLOCKED_RUNTIME
    call.clock.time = "2026-01-01T00:10:00.001Z"
    taken = await accepted(call, "task", **other)
    assert (taken["session"]["holder"], taken["step"]["step_id"]) == ("two", step["step_id"])
    assert await payloads(call, session_id, EventType.HOLDER_CHANGED) == [{"run_id": "two", "previous": "one"}]
    await turned_down(call, ErrorCode.SESSION_HELD, "task", **mine)


async def test_a_heartbeat_renews_the_hold_and_a_maintainer_takes_over_at_once(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    await next_step(call, session_id)
    call.clock.time = "2026-01-01T00:09:00.000Z"
    await accepted(call, "task", **of(CommandName.TASK_SESSION_STEP_HEARTBEAT, session_id=session_id))
    call.clock.time = "2026-01-01T00:15:00.000Z"
    other = of(CommandName.TASK_SESSION_STEP_REPLAY, session_id=session_id, run_id="two")
    await turned_down(call, ErrorCode.SESSION_HELD, "task", **other)
    assert (await accepted(call.maintainer, "task", **other))["session"]["holder"] == "two"


@pytest.mark.parametrize(
    "command",
    [CommandName.TASK_SESSION_STEP_NEXT, CommandName.TASK_SESSION_STEP_REPLAY, CommandName.TASK_SESSION_STEP_HEARTBEAT],
)
async def test_a_run_that_does_not_hold_the_session_changes_nothing(tmp_path: Path, command: CommandName) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    await next_step(call, session_id)
    before = await events(call, session_id)
    await turned_down(call, ErrorCode.SESSION_HELD, "task", **of(command, session_id=session_id, run_id="two"))
    assert await events(call, session_id) == before


async def test_another_runs_report_is_refused_and_the_holders_own_still_counts(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    step = (await next_step(call, session_id))["step"]
    result = await result_of(call, step, nothing)
    other = of(CommandName.TASK_SESSION_STEP_REPORT, session_id=session_id, run_id="two", result=result)
    await turned_down(call, ErrorCode.SESSION_HELD, "task", **other)
    await report(call, session_id, result)
    assert (await types(call, session_id)).count(EventType.STEP_REPORTED) == 1


async def test_another_run_may_look_at_a_held_session(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    seen = await accepted(call.observer, "task", **of(CommandName.TASK_SESSION_STATUS, session_id=session_id))
    assert seen["session"]["holder"] == "tester"
    assert await types(call, session_id) == [EventType.SESSION_STARTED]


async def test_a_session_that_is_over_is_held_by_nobody_and_its_log_stays_as_it_is(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    driven = await drive(call, SPEC)
    before = await events(call, driven.session_id)
    other = of(CommandName.TASK_SESSION_STEP_NEXT, session_id=driven.session_id, run_id="two")
    for who in (call, call.maintainer):
        assert (await accepted(who, "task", **other))["loop_signal"] == LoopSignal.SPEC_COMPLETE
    assert await events(call, driven.session_id) == before
