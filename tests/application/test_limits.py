"""The limits that make a session wait: context, tasks, errors, attempts, no progress."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundry_contracts.vocabulary import (
    CommandName,
    ErrorCode,
    EventType,
    LoopSignal,
    PauseReason,
)
from tests.driving import (
    accepted,
    check,
    drive,
    next_step,
    nothing,
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
    failed,
    of,
    paused_for,
    payloads,
    resumed,
    turned_down,
)

pytestmark = pytest.mark.anyio


async def test_a_full_context_pauses_after_the_report_was_recorded(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    result = await result_of(call, (await next_step(call, session_id))["step"], nothing)
    full = await paused_for(call, session_id, PauseReason.CONTEXT_LIMIT, last_step_result=result, context_percent=85)
    assert full["session"]["progress"]["completed"] == 1
    await resumed(call, full)
    assert "step" in await next_step(call, session_id)


async def test_a_stretch_hands_out_as_many_tasks_as_it_may(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS, max_tasks=1)
    session_id = await start(call, SPEC)
    step = (await next_step(call, session_id))["step"]
    await report(call, session_id, await result_of(call, step, nothing))
    limited = await paused_for(call, session_id, PauseReason.TASK_LIMIT)
    await resumed(call.maintainer, limited)
    assert (await next_step(call, session_id))["step"]["unit"]["id"] == "t2"


@pytest.mark.parametrize(("second", "stuck"), [("3 failed in 0.75s", True), ("another fault", False)])
async def test_the_same_failure_with_the_same_files_is_noticed(tmp_path: Path, second: str, stuck: bool) -> None:
    call = InProcess(tmp_path, spec(SPEC, [check("v1", command="make test")]))
    call.runner.endings = [(1, "3 failed in 0.51s"), (1, second)]
    driven = await drive(call, SPEC)
    assert driven.last["session"].get("pause_reason") == (PauseReason.NO_PROGRESS if stuck else None)


async def test_failures_over_three_units_in_a_row_pause_the_session(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1"), task("t2"), task("t3"), task("t4")]))
    session_id = await start(call, SPEC)
    for name in ("t1", "t2", "t3"):
        step = (await next_step(call, session_id))["step"]
        assert step["unit"]["id"] == name
        await report(call, session_id, failed(step))
    data = await paused_for(call, session_id, PauseReason.ERROR_THRESHOLD)
    await resumed(call.maintainer, data)
    assert (await next_step(call, session_id))["step"]["unit"]["id"] == "t1"


async def test_a_context_below_its_limit_or_unknown_pauses_nothing(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    step = (await next_step(call, session_id))["step"]
    more = of(CommandName.TASK_SESSION_STEP_NEXT, session_id=session_id, context_percent=84)
    assert "step" in await accepted(call, "task", **more, last_step_result=await result_of(call, step, nothing))
    assert EventType.SESSION_PAUSED not in await types(call, session_id)


async def test_only_tasks_count_towards_the_limit_of_tasks(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1"), check("v1", command="make test")]), max_tasks=1)
    assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE


async def test_the_same_unit_failing_as_often_as_it_may_pauses_until_a_maintainer_resumes(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1")]), max_attempts=2)
    session_id = await start(call, SPEC)
    for attempt in (1, 2):
        step = (await next_step(call, session_id))["step"]
        assert step["attempt"] == attempt
        await report(call, session_id, failed(step))
    data = await paused_for(call, session_id, PauseReason.ATTEMPT_LIMIT)
    resume = of(CommandName.TASK_SESSION_RESUME, session_id=session_id)
    await turned_down(call, ErrorCode.UNAUTHORIZED, "task", **resume)
    await resumed(call.maintainer, data)
    assert (await next_step(call, session_id))["step"]["attempt"] == 3


async def test_no_progress_names_its_pause_in_the_log_and_a_resume_tries_anew(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [check("v1", command="make test")]))
    call.runner.endings = [(1, "1 failed"), (1, "2 failed")]
    stuck = (await drive(call, SPEC)).last
    session_id = stuck["session"]["session_id"]
    shown = (await paused_for(call, session_id, PauseReason.NO_PROGRESS))["session"]
    assert (shown["pause_unit_id"], shown["findings"][0]["message"].endswith("2 failed")) == ("v1", True)
    assert len(await payloads(call, session_id, EventType.VERIFICATION_FINISHED)) == 2
    await resumed(call.maintainer, stuck)
    assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE
