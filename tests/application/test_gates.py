"""Gates: waived, judged by a person, not enforced, not stopped at."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundry_contracts.vocabulary import (
    CommandName,
    ErrorCode,
    EventType,
    GatePolicy,
    Judgement,
    LoopSignal,
    PauseReason,
    ReasonCode,
    StepType,
    Verdict,
)
from foundry_mcp.ports import Review
from tests.driving import (
    accepted,
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
    TWO_PHASES,
    TWO_TASKS,
    done,
    of,
    paused_for,
    payloads,
    resumed,
    turned_down,
)

pytestmark = pytest.mark.anyio


async def test_a_gate_is_waived_where_the_posture_allows_it(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1")]), allow_gate_waiver=True)
    call.reviewer.reviews = [Review(Verdict.FAIL)]
    session_id = await start(call, SPEC)
    waive = of(
        CommandName.TASK_GATE_WAIVER, session_id=session_id, phase_id="phase-1", reason=ReasonCode.OPERATOR_OVERRIDE
    )
    await turned_down(call.maintainer, ErrorCode.GATE_NOT_PENDING, "task", **waive)
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
    data = await turned_down(call.maintainer, ErrorCode.GATE_WAIVER_FORBIDDEN, "task", **waive)
    assert data["loop_signal"] == LoopSignal.BLOCKED_RUNTIME
    assert await payloads(call, session_id, EventType.ACCESS_DENIED) == [
        {"command": CommandName.TASK_GATE_WAIVER, "error_code": ErrorCode.GATE_WAIVER_FORBIDDEN}
    ]


@pytest.mark.parametrize("verdict", list(Judgement))
async def test_a_manual_gate_waits_for_a_maintainers_verdict(tmp_path: Path, verdict: Judgement) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1")]), gate_policy=GatePolicy.MANUAL)
    data = (await drive(call, SPEC)).last
    assert data["session"]["pause_reason"] == PauseReason.GATE_REVIEW_REQUIRED
    await turned_down(
        call.maintainer,
        ErrorCode.VERDICT_REQUIRED,
        "task",
        **of(CommandName.TASK_SESSION_RESUME, session_id=data["session"]["session_id"]),
    )
    await resumed(call.maintainer, data, verdict={"id": "phase-1", "verdict": verdict, "note": "Looked at it."})
    answer = await next_step(call, data["session"]["session_id"])
    if verdict is Judgement.PASS:
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


async def test_a_waiver_gives_up_the_step_that_is_out_and_says_who_why(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_PHASES, allow_gate_waiver=True)
    session_id = await start(call, SPEC)
    await done(call, session_id, 2)
    gate = (await next_step(call, session_id))["step"]
    assert gate["type"] == StepType.RUN_FIDELITY_GATE
    reason = ReasonCode.INCIDENT_RESPONSE
    waive = of(CommandName.TASK_GATE_WAIVER, session_id=session_id, phase_id="phase-1", reason=reason, note="Now.")
    await turned_down(call, ErrorCode.UNAUTHORIZED, "task", **waive)
    await turned_down(call.maintainer, ErrorCode.GATE_NOT_PENDING, "task", **{**waive, "phase_id": "phase-2"})
    await accepted(call.maintainer, "task", **waive)
    assert await payloads(call, session_id, EventType.GATE_WAIVED) == [
        {"phase_id": "phase-1", "reason": reason, "note": "Now."}
    ]
    assert await payloads(call, session_id, EventType.STEP_SUPERSEDED) == [{"step_id": gate["step_id"]}]
    await paused_for(call, session_id, PauseReason.PHASE_COMPLETE)
    await turned_down(call.maintainer, ErrorCode.GATE_NOT_PENDING, "task", **waive)


async def test_a_manual_gates_pause_is_lifted_by_no_runner_and_for_no_other_phase(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1")]), gate_policy=GatePolicy.MANUAL)
    session_id = (await drive(call, SPEC)).session_id
    await paused_for(call, session_id, PauseReason.GATE_REVIEW_REQUIRED)
    verdict = {"id": "phase-1", "verdict": Judgement.PASS}
    resume = of(CommandName.TASK_SESSION_RESUME, session_id=session_id, verdict=verdict)
    await turned_down(call, ErrorCode.UNAUTHORIZED, "task", **resume)
    wrong = {**resume, "verdict": {**verdict, "id": "phase-9"}}
    await turned_down(call.maintainer, ErrorCode.VERDICT_REQUIRED, "task", **wrong)
    await accepted(call.maintainer, "task", **resume)
    (lifted,) = await payloads(call, session_id, EventType.SESSION_RESUMED)
    assert (lifted["from_reason"], lifted["verdict"]["id"]) == (PauseReason.GATE_REVIEW_REQUIRED, "phase-1")


async def test_a_gate_a_person_failed_is_mended_and_judged_by_a_person_again(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1")]), gate_policy=GatePolicy.MANUAL)
    data = (await drive(call, SPEC)).last
    await resumed(call.maintainer, data, verdict={"id": "phase-1", "verdict": Judgement.FAIL, "note": "Not yet."})
    driven = await drive(call, SPEC)
    assert [step["type"] for step in driven.steps] == [StepType.ADDRESS_FEEDBACK, StepType.RUN_FIDELITY_GATE]
    again = await paused_for(call, driven.session_id, PauseReason.GATE_REVIEW_REQUIRED)
    await resumed(call.maintainer, again, verdict={"id": "phase-1", "verdict": Judgement.PASS})
    assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE


async def test_a_manual_policy_that_is_not_enforced_waits_for_nobody(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1")]), gate_policy=GatePolicy.MANUAL, enforce_gates=False)
    driven = await drive(call, SPEC)
    assert driven.last["loop_signal"] == LoopSignal.SPEC_COMPLETE
    assert EventType.SESSION_PAUSED not in await types(call, driven.session_id)
