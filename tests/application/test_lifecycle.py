"""A session's life beyond its steps: who holds it, what makes it wait, and what moves it on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foundry_contracts.dispatch import COMMANDS
from foundry_contracts.vocabulary import (
    ChangeKind,
    CommandName,
    ErrorCode,
    EventType,
    GatePolicy,
    LoopSignal,
    NodeStatus,
    Outcome,
    PauseReason,
    ReasonCode,
    Role,
    SessionStatus,
    StepType,
    UnitStanding,
    UnitState,
    Verdict,
)
from foundry_mcp.machine.roles import permits
from foundry_mcp.machine.situation import Caller
from foundry_mcp.ports import Review
from tests.driving import (
    Call,
    Json,
    accepted,
    check,
    drive,
    events,
    next_step,
    nothing,
    parameters,
    refused,
    report,
    result_of,
    spec,
    start,
    task,
    types,
)
from tests.in_process import InProcess

pytestmark = pytest.mark.anyio

SPEC = "a-spec"
TWO_TASKS = spec(SPEC, [task("t1"), task("t2")])
TWO_PHASES = spec(SPEC, [task("t1"), check("v1", command="make test")], [task("t2")])


def of(command: CommandName, **params: Any) -> Json:
    """Give the arguments of a command."""
    entry = COMMANDS[command]
    return {"action": entry.action, **({"command": entry.command} if entry.command else {}), **params}


async def payloads(call: Call, session_id: str, kind: EventType) -> list[Json]:
    return [event["payload"] for event in await events(call, session_id, types=[kind])]


async def paused_for(call: InProcess, session_id: str, reason: PauseReason, **more: Any) -> Json:
    data = await accepted(call, "task", **of(CommandName.TASK_SESSION_STEP_NEXT, session_id=session_id, **more))
    assert (data["session"]["status"], data["session"].get("pause_reason")) == (SessionStatus.PAUSED, reason), data
    return data


async def resumed(call: Call, data: Json, **more: Any) -> Json:
    resume = of(CommandName.TASK_SESSION_RESUME, session_id=data["session"]["session_id"], **more)
    return await accepted(call, "task", **resume)


def failed(step: Json, note: str = "It did not work.") -> Json:
    return {**step["report_call"]["params"]["result"], "outcome": Outcome.FAILURE, "note": note}


async def test_another_run_waits_for_the_hold_to_end(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    started = of(CommandName.TASK_SESSION_START, spec_id=SPEC, run_id="one")
    session_id = (await accepted(call, "task", **started))["session"]["session_id"]
    mine = of(CommandName.TASK_SESSION_STEP_NEXT, session_id=session_id, run_id="one")
    step = (await accepted(call, "task", **mine))["step"]
    assert step["report_call"]["params"]["run_id"] == "one"
    other = of(CommandName.TASK_SESSION_STEP_REPLAY, session_id=session_id, run_id="two")
    held = await refused(call, ErrorCode.SESSION_HELD, "task", **other)
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
    await refused(call, ErrorCode.SESSION_HELD, "task", **mine)


async def test_a_heartbeat_renews_the_hold_and_a_maintainer_takes_over_at_once(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    await next_step(call, session_id)
    call.clock.time = "2026-01-01T00:09:00.000Z"
    await accepted(call, "task", **of(CommandName.TASK_SESSION_STEP_HEARTBEAT, session_id=session_id))
    call.clock.time = "2026-01-01T00:15:00.000Z"
    other = of(CommandName.TASK_SESSION_STEP_REPLAY, session_id=session_id, run_id="two")
    await refused(call, ErrorCode.SESSION_HELD, "task", **other)
    assert (await accepted(call.maintainer, "task", **other))["session"]["holder"] == "two"


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
        await refused(call, ErrorCode.STEP_SUPERSEDED, "task", **late)
    assert await payloads(call, session_id, EventType.STEP_SUPERSEDED) == [{"step_id": step["step_id"]}]
    assert await payloads(call, session_id, EventType.LATE_REPORT) == [
        {"step_id": step["step_id"], "outcome": Outcome.SUCCESS}
    ]
    await report(call, session_id, await result_of(call, again, nothing))


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


async def test_a_blocked_unit_lets_the_others_go_on_until_nothing_else_is_left(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1"), task("t2", "t1"), task("t3")]))
    session_id = await start(call, SPEC)
    block = of(CommandName.TASK_BLOCK, session_id=session_id, unit_id="t1", reason="No access yet.")
    assert (await accepted(call, "task", **block))["session"]["blocked_units"] == 1
    await refused(call, ErrorCode.UNIT_STATE_CONFLICT, "task", **block)
    await refused(call, ErrorCode.UNIT_NOT_FOUND, "task", **{**block, "unit_id": "t9"})
    step = (await next_step(call, session_id))["step"]
    assert step["unit"]["id"] == "t3"
    await report(call, session_id, await result_of(call, step, nothing))
    data = await paused_for(call, session_id, PauseReason.BLOCKED)
    unblock = of(CommandName.TASK_UNBLOCK, session_id=session_id, unit_id="t1")
    await refused(call, ErrorCode.UNAUTHORIZED, "task", **unblock)
    await accepted(call.maintainer, "task", **unblock)
    await resumed(call.maintainer, data)
    assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE
    assert [payload["unit_id"] for payload in await payloads(call, session_id, EventType.UNIT_UNBLOCKED)] == ["t1"]


async def test_only_a_maintainer_has_a_step_skipped_and_only_with_a_reason(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    step = (await next_step(call, session_id))["step"]
    skip = {**step["report_call"]["params"]["result"], "outcome": Outcome.SKIPPED}
    reporting = of(CommandName.TASK_SESSION_STEP_REPORT, session_id=session_id)
    await refused(call, ErrorCode.UNAUTHORIZED, "task", **reporting, result={**skip, "note": "Not needed."})
    await refused(call.maintainer, ErrorCode.SKIP_REASON_MISSING, "task", **reporting, result=skip)
    await accepted(call.maintainer, "task", **reporting, result={**skip, "note": "Not needed."})
    info = await accepted(call, "task", **of(CommandName.TASK_INFO, spec_id=SPEC, unit_id=step["unit"]["id"]))
    assert (info["task"]["state"], info["task"]["standing"]) == (UnitState.DONE, UnitStanding.SKIPPED)


async def test_a_gate_is_waived_where_the_posture_allows_it(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1")]), allow_gate_waiver=True)
    call.reviewer.reviews = [Review(Verdict.FAIL)]
    session_id = await start(call, SPEC)
    waive = of(
        CommandName.TASK_GATE_WAIVER, session_id=session_id, phase_id="phase-1", reason=ReasonCode.OPERATOR_OVERRIDE
    )
    await refused(call.maintainer, ErrorCode.GATE_NOT_PENDING, "task", **waive)
    for _ in range(2):
        step = (await next_step(call, session_id))["step"]
        await report(call, session_id, await result_of(call, step, nothing))
    assert (await next_step(call, session_id))["step"]["type"] == StepType.ADDRESS_FEEDBACK
    await accepted(call.maintainer, "task", **waive)
    assert (await next_step(call, session_id))["loop_signal"] == LoopSignal.SPEC_COMPLETE
    assert EventType.GATE_WAIVED in await types(call, session_id)


async def test_a_waiver_the_posture_forbids_is_refused_and_recorded(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    waive = of(CommandName.TASK_GATE_WAIVER, session_id=session_id, phase_id="phase-1", reason=ReasonCode.TESTING)
    data = await refused(call.maintainer, ErrorCode.GATE_WAIVER_FORBIDDEN, "task", **waive)
    assert data["loop_signal"] == LoopSignal.BLOCKED_RUNTIME
    assert await payloads(call, session_id, EventType.ACCESS_DENIED) == [
        {"command": CommandName.TASK_GATE_WAIVER, "error_code": ErrorCode.GATE_WAIVER_FORBIDDEN}
    ]


@pytest.mark.parametrize("verdict", list(Verdict))
async def test_a_manual_gate_waits_for_a_maintainers_verdict(tmp_path: Path, verdict: Verdict) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1")]), gate_policy=GatePolicy.MANUAL)
    data = (await drive(call, SPEC)).last
    assert data["session"]["pause_reason"] == PauseReason.GATE_REVIEW_REQUIRED
    await refused(
        call.maintainer,
        ErrorCode.VERDICT_REQUIRED,
        "task",
        **of(CommandName.TASK_SESSION_RESUME, session_id=data["session"]["session_id"]),
    )
    await resumed(call.maintainer, data, verdict={"id": "phase-1", "verdict": verdict, "note": "Looked at it."})
    answer = await next_step(call, data["session"]["session_id"])
    if verdict is Verdict.PASS:
        assert answer["loop_signal"] == LoopSignal.SPEC_COMPLETE
    else:
        assert [finding["message"] for finding in answer["step"]["findings"]] == ["Looked at it."]


async def test_a_gate_that_is_not_enforced_is_recorded_and_passed(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1")]), enforce_gates=False)
    call.reviewer.reviews = [Review(Verdict.FAIL)]
    driven = await drive(call, SPEC)
    assert driven.last["loop_signal"] == LoopSignal.SPEC_COMPLETE
    (finished,) = await payloads(call, driven.session_id, EventType.GATE_FINISHED)
    assert finished["verdict"] == Verdict.FAIL


async def test_a_session_that_does_not_stop_goes_through_its_phases(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_PHASES, stop_on_phase_completion=False)
    driven = await drive(call, SPEC)
    log = await types(call, driven.session_id)
    assert driven.last["loop_signal"] == LoopSignal.SPEC_COMPLETE
    assert (log.count(EventType.PHASE_COMPLETED), log.count(EventType.SESSION_PAUSED)) == (2, 0)


async def to_second_phase(call: InProcess) -> str:
    session_id = await start(call, SPEC)
    for _ in range(3):
        step = (await next_step(call, session_id))["step"]
        await report(call, session_id, await result_of(call, step, nothing))
    await paused_for(call, session_id, PauseReason.PHASE_COMPLETE)
    return session_id


def rewrite(call: InProcess, document: Json) -> None:
    call.spec_file(SPEC).write_text(json.dumps(document), encoding="utf-8")


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
    await refused(call, ErrorCode.UNAUTHORIZED, "task", **rebase)
    rebased = await accepted(call.maintainer, "task", **rebase)
    assert rebased["changes"] == [{"id": "v1", "change": ChangeKind.CHANGED, "proven_dropped": True}]
    await resumed(call.maintainer, rebased)
    assert (await next_step(call, session_id))["step"]["unit"]["id"] == "v1"


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


@pytest.mark.parametrize("reset", [False, True], ids=["ended", "reset"])
async def test_a_later_session_carries_on_what_an_ended_one_did(tmp_path: Path, reset: bool) -> None:
    call = InProcess(tmp_path, TWO_PHASES)
    session_id = await to_second_phase(call)
    command = CommandName.TASK_SESSION_RESET if reset else CommandName.TASK_SESSION_END
    await accepted(call.maintainer, "task", **of(command, session_id=session_id, reason=ReasonCode.TESTING))
    later = await start(call, SPEC)
    (started,) = await payloads(call, later, EventType.SESSION_STARTED)
    carried = [] if reset else [("t1", UnitStanding.REPORTED), ("v1", UnitStanding.PROVEN)]
    assert [(unit["unit_id"], unit["standing"]) for unit in started["carried"]] == carried
    assert started["carried_phases"] == ([] if reset else ["phase-1"])
    first = (await next_step(call, later))["step"]
    assert first["unit"]["id"] == ("t1" if reset else "t2")


async def test_a_completed_session_is_not_carried_on(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    await drive(call, SPEC)
    later = await start(call, SPEC)
    assert (await next_step(call, later))["step"]["unit"]["id"] == "t1"


async def test_only_a_maintainer_takes_the_files_word_for_completed_work(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1", status="completed"), task("t2")]))
    adopt = of(CommandName.TASK_SESSION_START, spec_id=SPEC, adopt_completed=True)
    await refused(call, ErrorCode.UNAUTHORIZED, "task", **adopt)
    data = await accepted(call.maintainer, "task", **adopt)
    assert data["warnings"] != []
    (started,) = await payloads(call, data["session"]["session_id"], EventType.SESSION_STARTED)
    assert started["carried"] == [{"unit_id": "t1", "standing": UnitStanding.ADOPTED}]


async def test_a_session_under_another_policy_may_only_be_read_until_a_maintainer_accepts(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    call.settings = call.settings.model_copy(update={"max_attempts": 99})
    call.restart()
    data = await refused(
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
    await refused(call, ErrorCode.ATTENDANCE_REQUIRED, "task", **begin)
    await accepted(call, "task", **begin, attended=True)


async def test_the_same_key_gives_the_same_answer_and_another_call_is_refused(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    begin = of(CommandName.TASK_SESSION_START, spec_id=SPEC, idempotency_key="k")
    first = await call.answer("task", **begin)
    call.restart()
    assert (await call.answer("task", **begin)).text == first.text
    await refused(call, ErrorCode.IDEMPOTENCY_CONFLICT, "task", **begin, attended=True)
    assert (await call.answer("task", Role.MAINTAINER, **begin)).text == first.text


async def test_a_live_session_locks_its_spec_and_a_bypass_is_recorded(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS, allow_lock_bypass=True)
    update = of(CommandName.TASK_UPDATE_STATUS, spec_id=SPEC, node_id="t1", status=NodeStatus.COMPLETED)
    await refused(call, ErrorCode.UNIT_NOT_FOUND, "task", **{**update, "node_id": "t9"})
    await accepted(call, "task", **{**update, "status": NodeStatus.IN_PROGRESS})
    session_id = await start(call, SPEC)
    before = json.loads(call.spec_file(SPEC).read_text(encoding="utf-8"))
    await refused(call, ErrorCode.AUTONOMY_WRITE_LOCK_ACTIVE, "task", **update)
    bypass = {**update, "bypass": ReasonCode.OPERATOR_OVERRIDE}
    await refused(call, ErrorCode.LOCK_BYPASS_FORBIDDEN, "task", **bypass)
    assert json.loads(call.spec_file(SPEC).read_text(encoding="utf-8")) == before
    await accepted(call.maintainer, "task", **bypass)
    before["phases"][0]["tasks"][0]["status"] = NodeStatus.COMPLETED
    assert json.loads(call.spec_file(SPEC).read_text(encoding="utf-8")) == before
    log = await types(call, session_id)
    assert (log.count(EventType.ACCESS_DENIED), log.count(EventType.LOCK_BYPASSED)) == (2, 1)
    assert "step" in await next_step(call, session_id)


async def test_tasks_are_listed_page_by_page_as_they_stand(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task(f"t{number}") for number in range(5)]))
    listing = of(CommandName.TASK_LIST, spec_id=SPEC, limit=2)
    seen: list[str] = []
    page = await accepted(call, "task", **listing)
    while True:
        seen += [entry["id"] for entry in page["tasks"]]
        if "cursor" not in page:
            break
        page = await accepted(call, "task", **listing, cursor=page["cursor"])
    assert seen == [f"t{number}" for number in range(5)]
    first = await accepted(call, "task", **listing)
    filtered = of(CommandName.TASK_LIST, spec_id=SPEC, state=UnitState.DONE, cursor=first["cursor"])
    await refused(call, ErrorCode.INVALID_CURSOR, "task", **filtered)
    await refused(call, ErrorCode.UNIT_NOT_FOUND, "task", **of(CommandName.TASK_INFO, spec_id=SPEC, unit_id="t9"))
    session_id = await start(call, SPEC)
    step = (await next_step(call, session_id))["step"]
    await report(call, session_id, await result_of(call, step, nothing))
    progress = await accepted(call, "task", **of(CommandName.TASK_PROGRESS, spec_id=SPEC))
    assert progress["progress"] == {"total": 5, "completed": 1, "remaining": 4, "percent": 20}
    done = await accepted(call, "task", **of(CommandName.TASK_LIST, spec_id=SPEC, state=UnitState.DONE))
    assert [entry["id"] for entry in done["tasks"]] == ["t0"]


async def test_a_plan_is_what_a_driven_session_then_does(tmp_path: Path) -> None:
    document = spec(SPEC, [task("t2", "t1"), task("t1"), check("v1", command="make test")], [task("t3"), check("v2")])
    call = InProcess(tmp_path, document)
    plan = await accepted(call, "spec", **of(CommandName.SPEC_PLAN, spec_id=SPEC))
    planned = [(step["type"], step.get("unit_id")) for step in plan["steps"] if "type" in step]
    driven = await drive(call, SPEC)
    steps = list(driven.steps)
    await resumed(call.maintainer, driven.last, verdict={"id": "v2", "verdict": Verdict.PASS})
    steps += (await drive(call, SPEC)).steps
    assert [(step["type"], step.get("unit", {}).get("id")) for step in steps] == planned
    assert [step.get("pause") for step in plan["steps"] if "pause" in step] == [
        PauseReason.PHASE_COMPLETE,
        PauseReason.VERIFICATION_ATTESTATION,
    ]


@pytest.mark.parametrize("name", list(CommandName))
@pytest.mark.parametrize("role", list(Role))
async def test_every_command_asks_for_the_role_its_contract_names(
    tmp_path: Path, name: CommandName, role: Role
) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    answer = (await call.answer(COMMANDS[name].tool, role, **of(name, session_id=session_id))).document
    denied = not permits(role, COMMANDS[name].role)
    data: Any = answer["data"]
    assert (data.get("error_code") == ErrorCode.UNAUTHORIZED) is denied
    denials = await payloads(call, session_id, EventType.ACCESS_DENIED)
    needed = COMMANDS[name].role
    recorded = {"command": name, "error_code": ErrorCode.UNAUTHORIZED, "needed": needed}
    assert denials == ([recorded] if denied else [])


async def test_ten_denials_within_a_minute_make_an_actor_wait(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    end = of(CommandName.TASK_SESSION_END, session_id=session_id, reason=ReasonCode.TESTING)
    for _ in range(10):
        await refused(call, ErrorCode.UNAUTHORIZED, "task", **end)
    status = of(CommandName.TASK_SESSION_STATUS, session_id=session_id)
    limited = await refused(call, ErrorCode.RATE_LIMITED, "task", **status)
    assert limited["retryable"]
    call.clock.time = "2026-01-01T00:01:00.000Z"
    await accepted(call, "task", **status)


async def test_progress_is_written_back_at_the_end_of_each_phase(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_PHASES)
    call.write_back = True
    call.restart()
    await to_second_phase(call)

    def statuses() -> list[object]:
        document = json.loads(call.spec_file(SPEC).read_text(encoding="utf-8"))
        return [unit.get("status") for phase in document["phases"] for unit in phase["tasks"]]

    assert statuses() == [NodeStatus.COMPLETED, NodeStatus.COMPLETED, None]
    assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE
    assert statuses() == [NodeStatus.COMPLETED] * 3


def test_a_caller_is_who_its_token_says(tmp_path: Path) -> None:
    from foundry_mcp.adapters.system import SystemClock
    from foundry_mcp.adapters.tokens import ENVIRONMENT, TokenFile, who_calls
    from foundry_mcp.ports import PortError

    tokens, otherwise = TokenFile(tmp_path, SystemClock()), Caller("local", Role.AUTONOMY_RUNNER)
    secret = tokens.add("ops", Role.MAINTAINER)
    assert secret not in (tmp_path / "tokens.json").read_text(encoding="utf-8")
    assert (tmp_path / "tokens.json").stat().st_mode & 0o777 == 0o600
    assert who_calls(tokens, {}, otherwise) == otherwise
    assert who_calls(tokens, {ENVIRONMENT: secret}, otherwise) == Caller("ops", Role.MAINTAINER)
    with pytest.raises(PortError, match="has a token already"):
        tokens.add("ops", Role.OBSERVER)
    assert tokens.revoke("ops")
    with pytest.raises(PortError, match="none of this workspace"):
        who_calls(tokens, {ENVIRONMENT: secret}, otherwise)
