"""What happens to runs in the field, each as one story told by MCP clients."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundry_contracts.models.common import ReviewFinding
from foundry_contracts.vocabulary import (
    CommandName,
    ErrorCode,
    EventType,
    FailureReason,
    Judgement,
    LoopSignal,
    Outcome,
    PauseReason,
    ReasonCode,
    Role,
    SessionStatus,
    StepType,
    Verdict,
)
from foundry_mcp.ports import Review
from tests.driving import (
    Json,
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
    types,
)
from tests.in_process import InProcess
from tests.scenes import SPEC, TWO_PHASES, TWO_TASKS, done, of, paused_for, payloads, resumed, rewrite, turned_down

pytestmark = pytest.mark.anyio


def way_out(data: Json, name: str) -> Json:
    """Give the call that an answer recommends under a name."""
    (call,) = [action["call"] for action in data["recommended_actions"] if action["action"] == name]
    return {"tool": call["tool"], "arguments": parameters(call)}


async def test_the_second_phase_is_gone_into_by_the_way_out_that_the_first_ones_end_offers(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_PHASES)
    session_id = await start(call, SPEC)
    await done(call, session_id, 3)
    ended = await next_step(call, session_id)
    assert (ended["loop_signal"], ended["session"]["phase"]["phase_id"]) == (LoopSignal.PHASE_COMPLETE, "phase-1")
    out = way_out(ended, "go_on")
    await accepted(call, out["tool"], **out["arguments"])
    step = (await next_step(call, session_id))["step"]
    assert (step["phase_id"], step["unit"]["id"]) == ("phase-2", "t2")
    await report(call, session_id, await result_of(call, step, nothing))
    await done(call, session_id)
    assert (await next_step(call, session_id))["loop_signal"] == LoopSignal.SPEC_COMPLETE


async def test_a_gate_that_keeps_failing_is_mended_until_the_limit_and_then_a_person_is_asked(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1")]), max_feedback_cycles=2)
    finding = ReviewFinding(code="file_missing", node="t1", message="It is not there.")
    call.reviewer.reviews = [Review(Verdict.FAIL, (finding,))] * 3
    session_id = await start(call, SPEC)
    await done(call, session_id)
    for _ in range(2):
        await done(call, session_id)
        step = (await next_step(call, session_id))["step"]
        assert step["type"] == StepType.ADDRESS_FEEDBACK
        assert [told["message"] for told in step["findings"]] == ["It is not there."]
        await report(call, session_id, await result_of(call, step, nothing))
    await done(call, session_id)
    stopped = await paused_for(call, session_id, PauseReason.FEEDBACK_CYCLE_LIMIT)
    await turned_down(
        call, ErrorCode.UNAUTHORIZED, "task", **of(CommandName.TASK_SESSION_RESUME, session_id=session_id)
    )
    await resumed(call.maintainer, stopped)
    await done(call, session_id, 2)
    assert (await next_step(call, session_id))["loop_signal"] == LoopSignal.SPEC_COMPLETE


@pytest.mark.parametrize("verdict", list(Judgement))
async def test_a_manual_check_under_operator_waits_for_a_maintainers_verdict(
    tmp_path: Path, verdict: Judgement
) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1"), check("v1")]))
    session_id = await start(call, SPEC)
    await done(call, session_id)
    asked = await paused_for(call, session_id, PauseReason.VERIFICATION_ATTESTATION)
    assert asked["session"]["pause_unit_id"] == "v1"
    await turned_down(
        call.maintainer,
        ErrorCode.VERDICT_REQUIRED,
        "task",
        **of(CommandName.TASK_SESSION_RESUME, session_id=session_id),
    )
    judged: Json = {"id": "v1", "verdict": verdict, "note": "The page is blank."}
    await resumed(call.maintainer, asked, verdict=judged)
    step = (await next_step(call, session_id))["step"]
    if verdict is Judgement.PASS:
        assert step["type"] == StepType.RUN_FIDELITY_GATE
    else:
        assert step["type"] == StepType.ADDRESS_FEEDBACK
        assert step["findings"][0]["message"] == "The page is blank."


async def test_a_spec_edited_deleted_and_restored_mid_run(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    await done(call, session_id)
    whole = call.spec_file(SPEC).read_bytes()
    call.spec_file(SPEC).unlink()
    ask = of(CommandName.TASK_SESSION_STEP_NEXT, session_id=session_id)
    gone = (await call("task", **ask))["data"]
    assert (gone["error_code"], gone["loop_signal"]) == (ErrorCode.SPEC_UNAVAILABLE, LoopSignal.FAILED)
    before = await types(call, session_id)
    call.spec_file(SPEC).write_bytes(whole)
    assert (await next_step(call, session_id))["step"]["unit"]["id"] == "t2"
    assert (await types(call, session_id))[:-1] == before
    await done_step(call, session_id)
    rewrite(call, spec(SPEC, [task("t1"), task("t2"), task("t3")]))
    failed = await next_step(call, session_id)
    assert (failed["loop_signal"], failed["session"]["failure_reason"]) == (
        LoopSignal.FAILED,
        FailureReason.SPEC_STRUCTURE_CHANGED,
    )
    call.spec_file(SPEC).write_bytes(whole)
    # Restoring the file does not undo the failure; a rebase onto what is there, old or new, does.
    assert (await next_step(call, session_id))["session"]["status"] == SessionStatus.FAILED
    out = way_out(failed, "rebase")
    rebased = await accepted(call.maintainer, out["tool"], **out["arguments"])
    assert rebased["changes"] == []
    await resumed(call.maintainer, rebased)
    assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE


async def done_step(call: InProcess, session_id: str) -> None:
    """Have the step that is out handed out again, and report it."""
    out = await accepted(call, "task", **of(CommandName.TASK_SESSION_STEP_REPLAY, session_id=session_id))
    await report(call, session_id, await result_of(call, out["step"], nothing))


async def test_an_agent_dies_after_its_work_and_before_its_report(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    lost = (await next_step(call, session_id))["step"]
    call.restart()
    asked = await turned_down(
        call, ErrorCode.STEP_RESULT_REQUIRED, "task", **of(CommandName.TASK_SESSION_STEP_NEXT, session_id=session_id)
    )
    assert asked["details"]["step_id"] == lost["step_id"]
    again = await accepted(call, "task", **of(CommandName.TASK_SESSION_STEP_REPLAY, session_id=session_id))
    assert again["step"] == lost
    await report(call, session_id, await result_of(call, again["step"], nothing))
    assert [entry["unit_id"] for entry in await payloads(call, session_id, EventType.STEP_REPORTED)] == ["t1"]


async def test_two_supervisors_at_once_do_every_step_once(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    begin = of(CommandName.TASK_SESSION_START, spec_id=SPEC)
    session_id = (await accepted(call, "task", **begin, run_id="first"))["session"]["session_id"]
    exists = await turned_down(call, ErrorCode.SESSION_EXISTS, "task", **begin, run_id="second")
    assert exists["details"]["session_id"] == session_id
    ask = of(CommandName.TASK_SESSION_STEP_NEXT, session_id=session_id)
    held = await turned_down(call, ErrorCode.SESSION_HELD, "task", **ask, run_id="second")
    assert (held["details"]["holder"], held["details"]["expires_at"]) == ("first", "2026-01-01T00:10:00.000Z")
    step = (await accepted(call, "task", **ask, run_id="first"))["step"]
    telling = of(
        CommandName.TASK_SESSION_STEP_REPORT, session_id=session_id, result=await result_of(call, step, nothing)
    )
    await turned_down(call, ErrorCode.SESSION_HELD, "task", **telling, run_id="second")
    await accepted(call, "task", **telling, run_id="first")
    # The first is heard of no longer: the second may take over, and the first is told so when it comes back.
    call.clock.time = "2026-01-01T00:10:00.001Z"
    step = (await accepted(call, "task", **ask, run_id="second"))["step"]
    assert step["unit"]["id"] == "t2"
    await turned_down(call, ErrorCode.SESSION_HELD, "task", **ask, run_id="first")
    assert await payloads(call, session_id, EventType.HOLDER_CHANGED) == [{"run_id": "second", "previous": "first"}]


async def test_the_agent_of_a_session_stale_overnight_returns(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    step = (await next_step(call, session_id))["step"]
    call.clock.time = "2026-01-02T08:00:00.000Z"
    stale = await paused_for(call, session_id, PauseReason.HEARTBEAT_STALE)
    out = way_out(stale, "go_on_fresh")
    await accepted(call, out["tool"], **out["arguments"])
    late = of(CommandName.TASK_SESSION_STEP_REPORT, session_id=session_id, result=await result_of(call, step, nothing))
    await turned_down(call, ErrorCode.STEP_SUPERSEDED, "task", **late)
    assert await payloads(call, session_id, EventType.LATE_REPORT) == [
        {"step_id": step["step_id"], "outcome": Outcome.SUCCESS}
    ]
    fresh = (await next_step(call, session_id))["step"]
    assert (fresh["unit"]["id"], fresh["attempt"]) == ("t1", 2)
    assert (await next_step(call, session_id, await result_of(call, fresh, nothing)))["step"]["unit"]["id"] == "t2"


async def test_an_operator_stops_a_run_and_the_loop_stops_without_losing_its_step(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    step = (await next_step(call, session_id))["step"]
    await accepted(call.maintainer, "task", **of(CommandName.TASK_SESSION_PAUSE, session_id=session_id, note="Freeze."))
    told = await report(call, session_id, await result_of(call, step, nothing))
    assert told["loop_signal"] == LoopSignal.PAUSED_NEEDS_ATTENTION
    stopped = await paused_for(call, session_id, PauseReason.USER)
    await turned_down(
        call, ErrorCode.UNAUTHORIZED, "task", **of(CommandName.TASK_SESSION_RESUME, session_id=session_id)
    )
    ended = await accepted(
        call.maintainer,
        "task",
        **of(CommandName.TASK_SESSION_END, session_id=session_id, reason=ReasonCode.OPERATOR_OVERRIDE),
    )
    assert ended["session"]["progress"] == stopped["session"]["progress"]
    assert ended["session"]["progress"]["completed"] == 1
    # A later session carries on from what was done.
    assert (await next_step(call, await start(call, SPEC)))["step"]["unit"]["id"] == "t2"


async def test_a_runner_that_tries_to_resume_what_only_a_maintainer_may_is_denied_and_then_made_to_wait(
    tmp_path: Path,
) -> None:
    call = InProcess(tmp_path, TWO_PHASES, max_attempts=1)
    call.runner.endings = [(1, "broken")]
    session_id = await start(call, SPEC)
    await done(call, session_id, 2)
    await paused_for(call, session_id, PauseReason.ATTEMPT_LIMIT)
    resume = of(CommandName.TASK_SESSION_RESUME, session_id=session_id)
    for _ in range(10):
        denied = await turned_down(call, ErrorCode.UNAUTHORIZED, "task", **resume)
        assert denied["details"]["needed"] == Role.MAINTAINER
    limited = await turned_down(call, ErrorCode.RATE_LIMITED, "task", **resume)
    assert limited["retry_after_s"] == 60
    call.clock.time = "2026-01-01T00:01:00.000Z"
    status = of(CommandName.TASK_SESSION_STATUS, session_id=session_id)
    assert (await accepted(call, "task", **status))["session"]["pause_reason"] == PauseReason.ATTEMPT_LIMIT
    assert len(await payloads(call, session_id, EventType.ACCESS_DENIED)) == 10


async def test_a_verify_command_edited_to_true_passes_nothing(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1"), check("v1", command="make test")]))
    session_id = await start(call, SPEC)
    await done(call, session_id)
    step = (await next_step(call, session_id))["step"]
    rewrite(call, spec(SPEC, [task("t1"), check("v1", command="true")]))
    call.runner.endings = [(1, "broken")]
    # The command is the pinned plan's, whatever the file says now.
    await report(call, session_id, await result_of(call, step, nothing))
    assert [command.argv for command in call.runner.ran] == [["make", "test"]]
    failed = await next_step(call, session_id)
    assert failed["session"]["failure_reason"] == FailureReason.SPEC_STRUCTURE_CHANGED
    rebase = of(CommandName.TASK_SESSION_REBASE, session_id=session_id)
    denied = await turned_down(call, ErrorCode.UNAUTHORIZED, "task", **rebase)
    assert denied["details"]["needed"] == Role.MAINTAINER
    assert EventType.SESSION_REBASED not in await types(call, session_id)
