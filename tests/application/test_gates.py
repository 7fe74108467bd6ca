"""Gates: waived, judged by a person, not enforced, not stopped at."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import pytest

from foundry_contracts.models.common import ReviewFinding
from foundry_contracts.vocabulary import (
    Attestation,
    CommandName,
    ErrorCode,
    EventType,
    GatePolicy,
    Judgement,
    LoopSignal,
    Outcome,
    PauseReason,
    ReasonCode,
    ReviewerKind,
    ReviewFindingCode,
    StepType,
    UnitStanding,
    Verdict,
)
from foundry_mcp.ports import Review, ReviewRequest
from tests.driving import (
    accepted,
    check,
    drive,
    next_step,
    nothing,
    parameters,
    report,
    result_of,
    run,
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


@pytest.mark.parametrize(
    ("policy", "verdict", "passed"),
    [
        (GatePolicy.STRICT, Verdict.PASS, True),
        (GatePolicy.STRICT, Verdict.WARN, False),
        (GatePolicy.STRICT, Verdict.FAIL, False),
        (GatePolicy.LENIENT, Verdict.PASS, True),
        (GatePolicy.LENIENT, Verdict.WARN, True),
        (GatePolicy.LENIENT, Verdict.FAIL, False),
    ],
)
async def test_which_verdicts_a_policy_accepts(
    tmp_path: Path, policy: GatePolicy, verdict: Verdict, passed: bool
) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1")]), gate_policy=policy)
    finding = ReviewFinding(code="style", path="a.py", message="Hard to read.")
    call.reviewer.reviews = [Review(verdict, (finding,))]
    session_id = await start(call, SPEC)
    await done(call, session_id)
    step = (await next_step(call, session_id))["step"]
    reviewed = await run(call, step)
    assert (reviewed["verdict"], reviewed["passed"]) == (verdict, passed)
    await report(call, session_id, await result_of(call, step, nothing))
    (told,) = await payloads(call, session_id, EventType.GATE_FINISHED)
    assert [one["code"] for one in told["findings"]] == ["style"]
    answer = await next_step(call, session_id)
    if passed:
        assert answer["loop_signal"] == LoopSignal.SPEC_COMPLETE
    else:
        assert (answer["step"]["type"], answer["step"]["findings"]) == (StepType.ADDRESS_FEEDBACK, told["findings"])


@pytest.mark.parametrize("verdict", list(Verdict))
async def test_a_manual_policy_asks_a_person_whatever_the_review_says(tmp_path: Path, verdict: Verdict) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1")]), gate_policy=GatePolicy.MANUAL)
    call.reviewer.reviews = [Review(verdict)]
    session_id = (await drive(call, SPEC)).session_id
    await paused_for(call, session_id, PauseReason.GATE_REVIEW_REQUIRED)


@pytest.mark.parametrize("policy", [GatePolicy.STRICT, GatePolicy.LENIENT])
async def test_a_manual_reviewer_asks_a_person_under_every_policy(tmp_path: Path, policy: GatePolicy) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1")]), gate_policy=policy, reviewer=ReviewerKind.MANUAL)
    asked = (await drive(call, SPEC)).last
    await resumed(call.maintainer, asked, verdict={"id": "phase-1", "verdict": Judgement.PASS})
    assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE


async def test_a_person_gives_no_warning_for_a_verdict(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1")]), reviewer=ReviewerKind.MANUAL)
    asked = (await drive(call, SPEC)).last
    resume = of(CommandName.TASK_SESSION_RESUME, session_id=asked["session"]["session_id"])
    verdict = {"id": "phase-1", "verdict": Verdict.WARN}
    await turned_down(call.maintainer, ErrorCode.VALIDATION_ERROR, "task", **resume, verdict=verdict)


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.WARN])
async def test_a_review_that_does_not_say_what_is_wrong_still_gives_something_to_mend(
    tmp_path: Path, verdict: Verdict
) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1")]))
    call.reviewer.reviews = [Review(verdict)]
    session_id = await start(call, SPEC)
    await done(call, session_id, 2)
    (finding,) = (await next_step(call, session_id))["step"]["findings"]
    assert finding["code"] == ReviewFindingCode.REVIEW_FAILED


async def test_a_reviewer_that_breaks_fails_the_gate_and_says_so(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1")]))
    call.real_reviewer = Broken()
    call.restart()
    session_id = await start(call, SPEC)
    await done(call, session_id, 2)
    (finding,) = (await next_step(call, session_id))["step"]["findings"]
    assert (finding["code"], "out of order" in finding["message"]) == (ReviewFindingCode.REVIEW_FAILED, True)


async def test_a_phase_is_reviewed_with_how_each_unit_came_to_be_done(tmp_path: Path) -> None:
    units = [task("t1"), task("t2", status="completed"), check("v1", command="make"), check("v2"), check("v3")]
    call = InProcess(tmp_path, spec(SPEC, units), attestation=Attestation.AGENT)
    begin = of(CommandName.TASK_SESSION_START, spec_id=SPEC, adopt_completed=True)
    session_id = (await accepted(call.maintainer, "task", **begin, run_id="tester"))["session"]["session_id"]
    await done(call, session_id, 3)
    step = (await next_step(call, session_id))["step"]
    skipped = {**step["report_call"]["params"]["result"], "outcome": Outcome.SKIPPED, "note": "No device here."}
    await report(call.maintainer, session_id, skipped)
    await done(call, session_id)
    (asked,) = call.reviewer.asked
    assert dict(asked.standing) == {
        "t1": UnitStanding.REPORTED,
        "t2": UnitStanding.ADOPTED,
        "v1": UnitStanding.PROVEN,
        "v2": UnitStanding.ATTESTED,
        "v3": UnitStanding.SKIPPED,
    }
    assert (asked.session_id, asked.phase.id, asked.unproven) == (session_id, "phase-1", ())
    (told,) = await payloads(call, session_id, EventType.GATE_FINISHED)
    stated = json.loads(base64.b64decode(told["evidence"]["payload"]))["predicate"]
    assert stated["seen_version"] == asked.version


async def test_a_policy_accepted_meanwhile_has_the_phase_reviewed_anew(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1")]))
    call.real_reviewer = slow = Slow()
    call.restart()
    session_id = await start(call, SPEC)
    await done(call, session_id)
    step = (await next_step(call, session_id))["step"]
    gate = {**parameters(step["run_call"]), "wait_ms": 0}
    begun = await accepted(call, "review", **gate)
    # Another server has the other policy, and the same store.
    other = call.fork()
    other.store, other.leases = call.store, call.leases
    other.settings = call.settings = call.settings.model_copy(update={"max_attempts": 9})
    other.restart()
    accept = of(CommandName.TASK_SESSION_ACCEPT_POLICY, session_id=session_id)
    await accepted(other.maintainer, "task", **accept)
    slow.go.set()
    other.real_reviewer = None
    again = await accepted(other, "review", **{**gate, "wait_ms": 20000})
    assert again["attempt_id"] != begun["attempt_id"]
    cut = [event["attempt_id"] for event in await payloads(other, session_id, EventType.RUN_INTERRUPTED)]
    assert cut == [begun["attempt_id"]]
    (told,) = await payloads(other, session_id, EventType.GATE_FINISHED)
    assert told["attempt_id"] == again["attempt_id"]


async def test_a_review_made_under_the_policy_before_is_made_anew(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1")]))
    warned = Review(Verdict.WARN, (ReviewFinding(code=ReviewFindingCode.NOT_PROVEN, message="Odd."),))
    call.reviewer.reviews = [warned, warned]
    session_id = await start(call, SPEC)
    await done(call, session_id)
    step = (await next_step(call, session_id))["step"]
    strict = await run(call, step)
    assert not strict["passed"]
    call.settings = call.settings.model_copy(update={"gate_policy": GatePolicy.LENIENT})
    call.restart()
    accept = of(CommandName.TASK_SESSION_ACCEPT_POLICY, session_id=session_id)
    await accepted(call.maintainer, "task", **accept)
    lenient = await run(call, step)
    assert (lenient["passed"], lenient["attempt_id"] != strict["attempt_id"]) == (True, True)
    await report(call, session_id, await result_of(call, step, nothing))
    assert (await next_step(call, session_id))["loop_signal"] == LoopSignal.SPEC_COMPLETE


class Broken:
    """Be a reviewer that cannot review."""

    async def review(self, request: ReviewRequest) -> Review:
        raise OSError("out of order")


class Slow:
    """Be a reviewer that passes a phase once it is let go."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def review(self, request: ReviewRequest) -> Review:
        await self.go.wait()
        return Review(Verdict.PASS)
