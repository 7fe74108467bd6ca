"""What went silent or stayed out too long: what was reported is kept, and somebody looks."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundry_contracts.vocabulary import (
    CommandName,
    ErrorCode,
    EventType,
    Outcome,
    PauseReason,
)
from tests.driving import (
    accepted,
    next_step,
    nothing,
    parameters,
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
    paused_for,
    payloads,
    resumed,
    turned_down,
)

pytestmark = pytest.mark.anyio


async def test_a_session_stale_overnight_records_its_agents_report_and_waits(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    step = (await next_step(call, session_id))["step"]
    call.clock.time = "2026-01-02T00:00:00.000Z"
    result = await result_of(call, step, nothing)
    stale = await paused_for(call, session_id, PauseReason.HEARTBEAT_STALE, last_step_result=result)
    assert stale["session"]["progress"]["completed"] == 1
    await resumed(call, stale)
    assert (await next_step(call, session_id))["step"]["unit"]["id"] == "t2"


async def test_a_stale_step_is_given_up_on_resume_and_its_late_report_is_kept_once(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    step = (await next_step(call, session_id))["step"]
    for minutes in (9, 18, 27, 36, 45, 54):
        call.clock.time = f"2026-01-01T00:{minutes:02d}:00.000Z"
        await accepted(call, "task", **of(CommandName.TASK_SESSION_STEP_HEARTBEAT, session_id=session_id))
    call.clock.time = "2026-01-01T01:00:01.000Z"
    stale = await paused_for(call, session_id, PauseReason.STEP_STALE)
    (action,) = [entry for entry in stale["recommended_actions"] if entry["action"] == "go_on_fresh"]
    await accepted(call, action["call"]["tool"], **parameters(action["call"]))
    again = (await next_step(call, session_id))["step"]
    assert (again["unit"], again["attempt"]) == (step["unit"], 2)
    late = of(CommandName.TASK_SESSION_STEP_REPORT, session_id=session_id, result=await result_of(call, step, nothing))
    for _ in range(2):
        await turned_down(call, ErrorCode.STEP_SUPERSEDED, "task", **late)
    assert await payloads(call, session_id, EventType.STEP_SUPERSEDED) == [{"step_id": step["step_id"]}]
    assert await payloads(call, session_id, EventType.LATE_REPORT) == [
        {"step_id": step["step_id"], "outcome": Outcome.SUCCESS}
    ]
    await report(call, session_id, await result_of(call, again, nothing))


async def test_an_unreported_silent_step_is_given_up_and_handed_out_anew(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    step = (await next_step(call, session_id))["step"]
    call.clock.time = "2026-01-01T00:10:00.001Z"
    stale = await paused_for(call, session_id, PauseReason.HEARTBEAT_STALE)
    assert await payloads(call, session_id, EventType.STEP_SUPERSEDED) == []
    await resumed(call, stale)
    assert await payloads(call, session_id, EventType.STEP_SUPERSEDED) == [{"step_id": step["step_id"]}]
    again = (await next_step(call, session_id))["step"]
    assert (again["unit"]["id"], again["attempt"]) == ("t1", 2)
    assert again["proof"] != step["proof"]


async def test_a_stale_step_counts_when_it_is_reported_before_anybody_resumes(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    step = (await next_step(call, session_id))["step"]
    call.clock.time = "2026-01-01T00:10:00.001Z"
    stale = await paused_for(call, session_id, PauseReason.HEARTBEAT_STALE)
    await report(call, session_id, await result_of(call, step, nothing))
    await resumed(call, stale)
    assert (await next_step(call, session_id))["step"]["unit"]["id"] == "t2"
    log = await types(call, session_id)
    assert (log.count(EventType.STEP_REPORTED), log.count(EventType.STEP_SUPERSEDED)) == (1, 0)


async def test_a_run_heard_of_at_the_very_limit_is_not_stale(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    step = (await next_step(call, session_id))["step"]
    call.clock.time = "2026-01-01T00:10:00.000Z"
    assert "step" in await next_step(call, session_id, await result_of(call, step, nothing))
    assert EventType.SESSION_PAUSED not in await types(call, session_id)


async def test_a_session_with_nothing_out_is_never_stale(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    call.clock.time = "2027-01-01T00:00:00.000Z"
    assert (await next_step(call, session_id))["step"]["unit"]["id"] == "t1"
