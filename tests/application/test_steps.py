"""What a session does with what is reported, refused, lost and changed under it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foundry_contracts.models.common import ReviewFinding
from foundry_contracts.vocabulary import (
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
from foundry_mcp.ports import Batch, Head, Review, VersionConflict
from tests.adapters.memory_store import MemoryStore
from tests.driving import (
    Json,
    accepted,
    check,
    drive,
    events,
    next_step,
    nothing,
    refused,
    report,
    result_of,
    run,
    spec,
    start,
    task,
    types,
)
from tests.in_process import InProcess

pytestmark = pytest.mark.anyio

SPEC = "a-spec"
ONE_TASK = spec(SPEC, [task("t1")])
CHECKED = spec(SPEC, [task("t1"), check("v1", command="make test")])
BY_HAND = spec(SPEC, [task("t1"), check("v1")])
STEP = {"tool": "task", "action": "session-step"}
NEXT, REPORT, REPLAY = ({**STEP, "command": command} for command in ("next", "report", "replay"))


def failed(step: Json, note: str = "It did not work.") -> Json:
    return {**step["report_call"]["params"]["result"], "outcome": Outcome.FAILURE, "note": note}


def well(step: Json, **more: Any) -> Json:
    return {**step["report_call"]["params"]["result"], **more}


def answer_to(call: Json, **more: Any) -> Json:
    return {**{name: value for name, value in call.items() if name != "tool"}, **more}


async def step_of(call: InProcess, session_id: str, wanted: StepType) -> Json:
    """Carry steps out until one of a type is out."""
    step: Json = (await next_step(call, session_id))["step"]
    while step["type"] != wanted:
        step = (await next_step(call, session_id, await result_of(call, step, nothing)))["step"]
    return step


async def begun(call: InProcess) -> tuple[str, Json]:
    """Start the spec's session, and take its first step."""
    session_id = await start(call, SPEC)
    return session_id, (await next_step(call, session_id))["step"]


async def seen_types(call: InProcess, session_id: str) -> list[tuple[str, str | None]]:
    """Give each event's type, with a step's type and outcome where it has them."""
    found = await events(call, session_id)
    return [(event["type"], event["payload"].get("outcome") or event["payload"].get("type")) for event in found]


async def paused_for(call: InProcess, session_id: str, reason: PauseReason) -> Json:
    """Hold the next answer to be a pause for this reason, and give it."""
    data = await next_step(call, session_id)
    assert "step" not in data
    told = (data["loop_signal"], data["session"]["status"], data["session"]["pause_reason"])
    assert told == (LoopSignal.PAUSED_NEEDS_ATTENTION, SessionStatus.PAUSED, reason)
    return data


async def test_a_failed_gate_is_followed_by_feedback_and_the_gate_again(tmp_path: Path) -> None:
    call = InProcess(tmp_path, ONE_TASK)
    finding = ReviewFinding(code="file_missing", node="t1", path="a.py", message="It is not there.")
    call.reviewer.reviews = [Review(Verdict.FAIL, (finding,))]
    driven = await drive(call, SPEC)
    assert driven.last["loop_signal"] == LoopSignal.SPEC_COMPLETE
    assert [step["type"] for step in driven.steps] == [
        StepType.IMPLEMENT_TASK,
        StepType.RUN_FIDELITY_GATE,
        StepType.ADDRESS_FEEDBACK,
        StepType.RUN_FIDELITY_GATE,
    ]
    assert driven.steps[2]["findings"] == [finding.model_dump(exclude_unset=True)]
    assert [step["attempt"] for step in driven.steps] == [1, 1, 1, 2]


async def test_a_failed_verification_is_followed_by_feedback_with_its_output_and_the_verification_again(
    tmp_path: Path,
) -> None:
    call = InProcess(tmp_path, CHECKED)
    call.runner.endings = [(3, "1 test failed: test_greeting")]
    driven = await drive(call, SPEC)
    assert driven.last["loop_signal"] == LoopSignal.SPEC_COMPLETE
    assert [(step["type"], step.get("unit", {}).get("id"), step["attempt"]) for step in driven.steps] == [
        (StepType.IMPLEMENT_TASK, "t1", 1),
        (StepType.EXECUTE_VERIFICATION, "v1", 1),
        (StepType.ADDRESS_FEEDBACK, "v1", 1),
        (StepType.EXECUTE_VERIFICATION, "v1", 2),
        (StepType.RUN_FIDELITY_GATE, None, 1),
    ]
    message = "The verification's command exited with 3. The end of its output:\n1 test failed: test_greeting"
    assert driven.steps[2]["findings"] == [{"code": "verification_failed", "node": "v1", "message": message}]
    assert [command.argv for command in call.runner.ran] == [["make", "test"]] * 2


async def test_a_command_that_did_not_end_by_itself_is_told_with_what_ended_it(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [check("v1", command="make test")]))
    stopped = "The command printed more than 16 MiB and was stopped."
    call.runner.ended = {"exit_code": None, "error": stopped, "output_tail": "y\ny\n"}
    session_id = await start(call, SPEC)
    step = (await next_step(call, session_id))["step"]
    ended = await run(call, step)
    assert (ended["passed"], ended["error"], ended["output_tail"]) == (False, stopped, "y\ny\n")
    assert "exit_code" not in ended
    await report(call, session_id, failed(step))
    (finding,) = (await next_step(call, session_id))["step"]["findings"]
    assert finding["message"] == (
        f"The verification's command did not run to its end. {stopped} The end of its output:\ny\ny\n"
    )


async def test_a_unit_that_failed_as_often_as_it_may_pauses_the_session_until_a_maintainer_resumes(
    tmp_path: Path,
) -> None:
    call = InProcess(tmp_path, ONE_TASK)
    session_id, step = await begun(call)
    for _ in range(2):
        step = (await next_step(call, session_id, failed(step)))["step"]
    assert step["attempt"] == 3
    await report(call, session_id, failed(step))
    await paused_for(call, session_id, PauseReason.ATTEMPT_LIMIT)
    resume: Json = {"action": "session", "command": "resume", "session_id": session_id}
    await refused(call, ErrorCode.UNAUTHORIZED, "task", **resume)
    await accepted(call.maintainer, "task", **resume)
    assert (await next_step(call, session_id))["step"]["attempt"] == 4


async def test_a_gate_that_failed_after_as_many_feedback_cycles_as_it_may_have_pauses(tmp_path: Path) -> None:
    call = InProcess(tmp_path, ONE_TASK, max_feedback_cycles=2)
    call.reviewer.reviews = [Review(Verdict.FAIL)] * 3
    driven = await drive(call, SPEC)
    assert driven.last["session"]["pause_reason"] == PauseReason.FEEDBACK_CYCLE_LIMIT
    assert [step["type"] for step in driven.steps[1:]] == [
        StepType.RUN_FIDELITY_GATE,
        *[StepType.ADDRESS_FEEDBACK, StepType.RUN_FIDELITY_GATE] * 2,
    ]
    await accepted(call.maintainer, "task", action="session", command="resume", session_id=driven.session_id)
    assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE


async def test_failures_in_a_row_over_different_units_pause_the_session(tmp_path: Path) -> None:
    call = InProcess(tmp_path, CHECKED, max_consecutive_errors=2)
    call.runner.endings = [(1, "no")]
    session_id = await start(call, SPEC)
    step = await step_of(call, session_id, StepType.ADDRESS_FEEDBACK)
    # The verification failed, and so does mending what it found: two in a row.
    await report(call, session_id, failed(step))
    await paused_for(call, session_id, PauseReason.ERROR_THRESHOLD)


async def test_a_success_ends_the_row_of_failures(tmp_path: Path) -> None:
    call = InProcess(tmp_path, CHECKED, max_consecutive_errors=2)
    call.runner.endings = [(1, "no"), (1, "not yet")]
    assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE


@pytest.mark.parametrize("verdict", list(Judgement))
async def test_a_manual_check_waits_for_a_maintainers_verdict(tmp_path: Path, verdict: Judgement) -> None:
    call = InProcess(tmp_path, BY_HAND)
    session_id, step = await begun(call)
    await report(call, session_id, well(step))
    data = await paused_for(call, session_id, PauseReason.VERIFICATION_ATTESTATION)
    assert data["session"]["pause_unit_id"] == "v1"
    resume: Json = {"action": "session", "command": "resume", "session_id": session_id}
    said = {"id": "v1", "verdict": verdict, "note": "Seen with my own eyes."}
    await refused(call, ErrorCode.UNAUTHORIZED, "task", **resume, verdict=said)
    await refused(call.maintainer, ErrorCode.VERDICT_REQUIRED, "task", **resume)
    await refused(call.maintainer, ErrorCode.VERDICT_REQUIRED, "task", **resume, verdict={**said, "id": "t1"})
    await accepted(call.maintainer, "task", **resume, verdict=said)
    step = (await next_step(call, session_id))["step"]
    if verdict is Judgement.PASS:
        assert step["type"] == StepType.RUN_FIDELITY_GATE
    else:
        finding = {"code": "manual_check_failed", "node": "v1", "message": "Seen with my own eyes."}
        assert (step["type"], step["findings"]) == (StepType.ADDRESS_FEEDBACK, [finding])
        await report(call, session_id, well(step))
        await paused_for(call, session_id, PauseReason.VERIFICATION_ATTESTATION)


async def test_a_verdict_nobody_asked_for_is_refused(tmp_path: Path) -> None:
    call = InProcess(tmp_path, ONE_TASK)
    session_id = await start(call, SPEC)
    await accepted(call, "task", action="session", command="pause", session_id=session_id)
    resume: Json = {"action": "session", "command": "resume", "session_id": session_id}
    verdict = {"id": "t1", "verdict": Judgement.PASS}
    await refused(call, ErrorCode.VERDICT_REQUIRED, "task", **resume, verdict=verdict)


def without_proof(result: Json) -> Json:
    return {name: value for name, value in result.items() if name != "proof"}


@pytest.mark.parametrize("command", [NEXT, REPORT], ids=["next", "report"])
async def test_a_report_without_its_steps_own_proof_is_refused_and_consumes_nothing(
    tmp_path: Path, command: Json
) -> None:
    call = InProcess(tmp_path, ONE_TASK)
    session_id, step = await begun(call)
    field = "result" if command is REPORT else "last_step_result"
    before = await types(call, session_id)

    async def met(code: ErrorCode, result: Json) -> None:
        data = await refused(call, code, "task", **answer_to(command, session_id=session_id), **{field: result})
        assert data["loop_signal"] == LoopSignal.BLOCKED_RUNTIME

    await met(ErrorCode.STEP_PROOF_MISSING, without_proof(well(step)))
    await met(ErrorCode.STEP_PROOF_MISMATCH, well(step, proof="prf_" + "0" * 64))
    assert await types(call, session_id) == before
    await accepted(call, "task", **answer_to(command, session_id=session_id), **{field: well(step)})


async def test_a_report_of_another_step_is_refused_with_the_one_that_is_out(tmp_path: Path) -> None:
    call = InProcess(tmp_path, ONE_TASK)
    session_id, step = await begun(call)
    out = {name: value for name, value in well(step).items() if name not in ("proof", "outcome")}
    wrongs: list[Json] = [{"step_id": "stp_" + "0" * 26}, {"unit_id": "t2"}, {"phase_id": "phase-2"}]
    for wrong in [*wrongs, {"type": StepType.ADDRESS_FEEDBACK}]:
        result = well(step, **wrong)
        sent = answer_to(REPORT, session_id=session_id, result=result)
        data = await refused(call, ErrorCode.STEP_MISMATCH, "task", **sent)
        assert data["details"] == {"session_id": session_id, **out}


async def test_a_used_proof_is_no_proof_in_another_session(tmp_path: Path) -> None:
    call = InProcess(tmp_path, ONE_TASK, spec("b-spec", [task("t1")]))
    session_id, step = await begun(call)
    await report(call, session_id, well(step))
    other = await start(call, "b-spec")
    own = (await next_step(call, other))["step"]
    for command, field in ((REPORT, "result"), (NEXT, "last_step_result")):
        sent = answer_to(command, session_id=other) | {field: well(step)}
        data = await refused(call, ErrorCode.STEP_MISMATCH, "task", **sent)
        assert data["details"]["step_id"] == own["step_id"]
    sent = answer_to(REPLAY, session_id=other, proof=step["proof"])
    await refused(call, ErrorCode.STEP_PROOF_MISMATCH, "task", **sent)
    await report(call, other, well(own))


async def test_the_same_report_is_answered_with_the_same_bytes_and_recorded_once(tmp_path: Path) -> None:
    call = InProcess(tmp_path, ONE_TASK)
    session_id, step = await begun(call)
    sent = answer_to(REPORT, session_id=session_id, result=well(step))
    first = await call.answer("task", **sent)
    call.restart()
    call.clock.time = "2026-01-01T00:59:00.000Z"
    again = await call.answer("task", **sent)
    replayed = await call.answer("task", **answer_to(REPLAY, session_id=session_id, proof=step["proof"]))
    assert (again.text, replayed.text) == (first.text, first.text)
    assert (await types(call, session_id)).count(EventType.STEP_REPORTED) == 1


async def test_the_same_next_is_answered_with_the_same_bytes_and_takes_one_step(tmp_path: Path) -> None:
    call = InProcess(tmp_path, ONE_TASK)
    session_id, step = await begun(call)
    sent = answer_to(NEXT, session_id=session_id, last_step_result=well(step))
    first = await call.answer("task", **sent)
    call.restart()
    assert (await call.answer("task", **sent)).text == first.text
    assert (await types(call, session_id)).count(EventType.STEP_ISSUED) == 2


async def test_another_report_with_a_used_proof_is_a_conflict(tmp_path: Path) -> None:
    call = InProcess(tmp_path, ONE_TASK)
    session_id, step = await begun(call)
    await report(call, session_id, well(step))
    for command, field in ((REPORT, "result"), (NEXT, "last_step_result")):
        sent = answer_to(command, session_id=session_id) | {field: failed(step)}
        await refused(call, ErrorCode.STEP_PROOF_CONFLICT, "task", **sent)


async def test_a_used_proof_is_expired_after_the_grace(tmp_path: Path) -> None:
    call = InProcess(tmp_path, ONE_TASK)
    session_id, step = await begun(call)
    recorded_at = call.clock.time
    await report(call, session_id, well(step))
    call.clock.time = "2026-01-01T01:00:00.001Z"
    sent = answer_to(REPORT, session_id=session_id, result=well(step))
    data = await refused(call, ErrorCode.STEP_PROOF_EXPIRED, "task", **sent)
    assert data["details"] == {"recorded_at": recorded_at, "outcome": Outcome.SUCCESS}
    await next_step(call, session_id)


async def test_a_report_and_then_next_with_the_same_result_records_it_once(tmp_path: Path) -> None:
    call = InProcess(tmp_path, ONE_TASK)
    session_id, step = await begun(call)
    await report(call, session_id, well(step))
    data = await next_step(call, session_id, well(step))
    assert data["step"]["type"] == StepType.RUN_FIDELITY_GATE
    assert await types(call, session_id) == [
        EventType.SESSION_STARTED,
        EventType.STEP_ISSUED,
        EventType.STEP_REPORTED,
        EventType.STEP_ISSUED,
    ]


async def test_next_without_a_report_of_the_step_that_is_out_is_refused_and_replay_gives_it_again(
    tmp_path: Path,
) -> None:
    call = InProcess(tmp_path, ONE_TASK)
    session_id, step = await begun(call)
    data = await refused(call, ErrorCode.STEP_RESULT_REQUIRED, "task", **answer_to(NEXT, session_id=session_id))
    assert data["details"]["step_id"] == step["step_id"]
    replayed = await accepted(call, "task", **answer_to(REPLAY, session_id=session_id))
    assert replayed["step"] == step


async def test_a_success_of_a_verification_needs_its_own_receipt(tmp_path: Path) -> None:
    call = InProcess(tmp_path, CHECKED)
    session_id = await start(call, SPEC)
    step = await step_of(call, session_id, StepType.EXECUTE_VERIFICATION)
    sent = answer_to(REPORT, session_id=session_id)
    other = "att_" + "0" * 26
    await refused(call, ErrorCode.VERIFICATION_RECEIPT_MISSING, "task", **sent, result=well(step))
    await refused(call, ErrorCode.VERIFICATION_RECEIPT_INVALID, "task", **sent, result=well(step, attempt_id=other))
    attempt = (await run(call, step))["attempt_id"]
    await refused(call, ErrorCode.VERIFICATION_RECEIPT_INVALID, "task", **sent, result=well(step, attempt_id=other))
    await report(call, session_id, well(step, attempt_id=attempt))


async def test_a_receipt_of_a_failure_supports_no_success(tmp_path: Path) -> None:
    call = InProcess(tmp_path, CHECKED)
    call.runner.endings = [(1, "no")]
    session_id = await start(call, SPEC)
    step = await step_of(call, session_id, StepType.EXECUTE_VERIFICATION)
    attempt = (await run(call, step))["attempt_id"]
    sent = answer_to(REPORT, session_id=session_id, result=well(step, attempt_id=attempt))
    await refused(call, ErrorCode.VERIFICATION_RECEIPT_INVALID, "task", **sent)


async def test_a_gate_is_judged_by_the_servers_record_and_not_by_what_the_caller_says(tmp_path: Path) -> None:
    call = InProcess(tmp_path, ONE_TASK)
    call.reviewer.reviews = [Review(Verdict.FAIL)]
    session_id = await start(call, SPEC)
    step = await step_of(call, session_id, StepType.RUN_FIDELITY_GATE)
    sent = answer_to(REPORT, session_id=session_id)
    await refused(call, ErrorCode.INVALID_GATE_EVIDENCE, "task", **sent, result=well(step))
    attempt = (await run(call, step))["attempt_id"]
    other = well(step, attempt_id="att_" + "0" * 26)
    await refused(call, ErrorCode.INVALID_GATE_EVIDENCE, "task", **sent, result=other)
    await report(call, session_id, well(step, attempt_id=attempt, outcome=Outcome.SUCCESS))
    assert (await next_step(call, session_id))["step"]["type"] == StepType.ADDRESS_FEEDBACK


async def test_a_run_is_made_once_and_told_as_often_as_asked(tmp_path: Path) -> None:
    call = InProcess(tmp_path, CHECKED)
    session_id = await start(call, SPEC)
    step = await step_of(call, session_id, StepType.EXECUTE_VERIFICATION)
    first = await run(call, step)
    call.restart()
    assert await run(call, step) == first
    assert len(call.runner.ran) == 1


async def test_a_deleted_spec_leaves_the_session_untouched_and_its_return_mends_it(tmp_path: Path) -> None:
    call = InProcess(tmp_path, ONE_TASK)
    session_id, step = await begun(call)
    await report(call, session_id, well(step))
    before = await events(call, session_id)
    file = call.spec_file(SPEC)
    kept = file.read_bytes()
    file.unlink()
    data = await refused(call, ErrorCode.SPEC_UNAVAILABLE, "task", **answer_to(NEXT, session_id=session_id))
    assert data["loop_signal"] == LoopSignal.FAILED
    assert await events(call, session_id) == before
    file.write_bytes(kept)
    assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE


async def test_a_result_sent_with_next_while_the_spec_is_gone_is_not_lost(tmp_path: Path) -> None:
    call = InProcess(tmp_path, ONE_TASK)
    session_id, step = await begun(call)
    file = call.spec_file(SPEC)
    kept = file.read_bytes()
    file.unlink()
    sent = answer_to(NEXT, session_id=session_id, last_step_result=well(step))
    await refused(call, ErrorCode.SPEC_UNAVAILABLE, "task", **sent)
    file.write_bytes(kept)
    assert (await accepted(call, "task", **sent))["step"]["type"] == StepType.RUN_FIDELITY_GATE


async def test_a_changed_structure_fails_the_session_until_a_maintainer_ends_it(tmp_path: Path) -> None:
    call = InProcess(tmp_path, ONE_TASK)
    session_id, step = await begun(call)
    await report(call, session_id, well(step))
    change = spec(SPEC, [task("t1"), task("t2")])
    call.spec_file(SPEC).write_text(json.dumps(change), encoding="utf-8")
    data = await next_step(call, session_id)
    told = (data["loop_signal"], data["session"]["status"], data["session"]["failure_reason"])
    assert told == (LoopSignal.FAILED, SessionStatus.FAILED, FailureReason.SPEC_STRUCTURE_CHANGED)
    failures = await events(call, session_id, types=[EventType.SESSION_FAILED])
    assert [event["payload"] for event in failures] == [{"reason": FailureReason.SPEC_STRUCTURE_CHANGED}]
    end: Json = {"action": "session", "command": "end", "session_id": session_id, "reason": ReasonCode.TESTING}
    await refused(call, ErrorCode.UNAUTHORIZED, "task", **end)
    ended = await accepted(call.maintainer, "task", **end)
    assert ended["session"]["status"] == SessionStatus.ENDED


async def test_a_changed_title_changes_nothing(tmp_path: Path) -> None:
    call = InProcess(tmp_path, ONE_TASK)
    await begun(call)
    call.spec_file(SPEC).write_text(json.dumps({**ONE_TASK, "title": "Another title"}), encoding="utf-8")
    assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE


async def test_a_spec_has_one_live_session_and_may_have_another_after_it(tmp_path: Path) -> None:
    call = InProcess(tmp_path, ONE_TASK)
    session_id = await start(call, SPEC)
    begin: Json = {"action": "session", "command": "start", "spec_id": SPEC}
    data = await refused(call, ErrorCode.SESSION_EXISTS, "task", **begin)
    assert data["details"] == {"session_id": session_id, "spec_id": SPEC, "status": SessionStatus.RUNNING}
    end: Json = {"action": "session", "command": "end", "reason": ReasonCode.TESTING}
    await accepted(call.maintainer, "task", **end, session_id=session_id)
    assert await start(call, SPEC) != session_id


async def test_a_cursor_stays_good_while_new_events_come(tmp_path: Path) -> None:
    call = InProcess(tmp_path, ONE_TASK)
    session_id, step = await begun(call)
    feed: Json = {"action": "session-events", "session_id": session_id}
    first = await accepted(call, "task", **feed, limit=1)
    at_end = await accepted(call, "task", **feed, cursor=first["cursor"])
    backwards = await accepted(call, "task", **feed, limit=1, order="desc")
    await report(call, session_id, well(step))
    await next_step(call, session_id)
    second = await accepted(call, "task", **feed, limit=1, cursor=first["cursor"])
    new = await accepted(call, "task", **feed, cursor=at_end["cursor"])
    older = await accepted(call, "task", **feed, cursor=backwards["cursor"], order="desc")

    def seqs(page: Json) -> tuple[list[int], bool]:
        return [event["seq"] for event in page["events"]], page["has_more"]

    assert [seqs(page) for page in (first, at_end, second, new)] == [
        ([1], True),
        ([2], False),
        ([2], True),
        ([3, 4], False),
    ]
    assert [seqs(page) for page in (backwards, older)] == [([2], True), ([1], False)]
    assert [event["seq"] for event in await events(call, session_id, limit=1)] == [1, 2, 3, 4]
    assert [event["seq"] for event in await events(call, session_id, types=[EventType.STEP_ISSUED])] == [2, 4]


async def test_a_cursor_of_another_session_or_of_nobodys_is_refused(tmp_path: Path) -> None:
    call = InProcess(tmp_path, ONE_TASK, spec("other", [task("t1")]))
    session_id, other = await start(call, SPEC), await start(call, "other")
    feed: Json = {"action": "session-events", "session_id": session_id}
    foreign = (await accepted(call, "task", action="session-events", session_id=other))["cursor"]
    for cursor in (foreign, "", "nonsense", "MTpmZmZm", "\u00e9", "===="):
        await refused(call, ErrorCode.INVALID_CURSOR, "task", **feed, cursor=cursor)


async def test_a_runner_may_lift_a_runners_pause_and_not_a_maintainers(tmp_path: Path) -> None:
    call = InProcess(tmp_path, ONE_TASK)
    session_id = await start(call, SPEC)
    pause: Json = {"action": "session", "command": "pause", "session_id": session_id}
    resume: Json = {"action": "session", "command": "resume", "session_id": session_id}
    await accepted(call, "task", **pause)
    await accepted(call, "task", **resume)
    await accepted(call.maintainer, "task", **pause)
    data = await refused(call, ErrorCode.UNAUTHORIZED, "task", **resume)
    assert data["details"] == {"role": Role.AUTONOMY_RUNNER, "needed": Role.MAINTAINER}
    await accepted(call.maintainer, "task", **resume)


async def test_a_step_that_is_out_is_reported_once_while_paused_and_nothing_advances(tmp_path: Path) -> None:
    call = InProcess(tmp_path, ONE_TASK)
    session_id, step = await begun(call)
    await accepted(call, "task", action="session", command="pause", session_id=session_id)
    await report(call, session_id, well(step))
    await report(call, session_id, well(step))
    await paused_for(call, session_id, PauseReason.USER)
    assert (await types(call, session_id)).count(EventType.STEP_REPORTED) == 1


class OnceFaster(MemoryStore):
    """A store in which another writer is faster each time it is told so."""

    def __init__(self) -> None:
        super().__init__()
        self.conflicts = 0
        self.tried = 0

    def append(self, batch: Batch) -> Head:
        self.tried += 1
        if self.conflicts:
            self.conflicts -= 1
            raise VersionConflict("another was faster")
        return super().append(batch)


async def test_a_call_that_another_writer_beat_is_decided_again(tmp_path: Path) -> None:
    store = OnceFaster()
    call = InProcess(tmp_path, ONE_TASK, store=store)
    session_id = await start(call, SPEC)
    store.conflicts, store.tried = 1, 0
    await next_step(call, session_id)
    assert store.tried == 2
    assert await types(call, session_id) == [EventType.SESSION_STARTED, EventType.STEP_ISSUED]


async def test_the_end_of_a_run_that_another_writer_beat_is_recorded_all_the_same(tmp_path: Path) -> None:
    store = OnceFaster()
    call = InProcess(tmp_path, CHECKED, store=store)
    session_id = await start(call, SPEC)
    step = await step_of(call, session_id, StepType.EXECUTE_VERIFICATION)
    run_call = answer_to(step["run_call"]["params"], action="execute", wait_ms=0)
    await accepted(call, "verification", **run_call)
    store.conflicts = 1
    assert (await run(call, step))["passed"]
    assert len(call.runner.ran) == 1


async def test_a_call_that_other_writers_keep_beating_is_told_to_come_again(tmp_path: Path) -> None:
    store = OnceFaster()
    call = InProcess(tmp_path, ONE_TASK, store=store)
    session_id = await start(call, SPEC)
    store.conflicts = 1000
    data = await refused(call, ErrorCode.STORE_BUSY, "task", **answer_to(NEXT, session_id=session_id))
    assert (data["retryable"], data["loop_signal"]) == (True, None)


async def test_every_receipt_is_signed_and_states_its_own_run(tmp_path: Path) -> None:
    call = InProcess(tmp_path, CHECKED)
    call.runner.endings = [(1, "no")]
    driven = await drive(call, SPEC)
    runs = [event["payload"] for event in await events(call, driven.session_id, types=["verification_finished"])]
    assert [entry["passed"] for entry in runs] == [False, True]
    for entry in runs:
        statement = call.signer.verify(entry["receipt"])
        assert statement is not None
        stated = statement["predicate"]
        assert isinstance(stated, dict)
        own = {"session_id": driven.session_id, "spec_id": SPEC}
        own |= {name: entry[name] for name in ("step_id", "unit_id", "attempt_id", "passed", "exit_code", "timed_out")}
        assert own.items() <= stated.items()


async def test_a_finished_session_repeats_its_last_answer(tmp_path: Path) -> None:
    call = InProcess(tmp_path, ONE_TASK)
    driven = await drive(call, SPEC)
    assert await next_step(call, driven.session_id) == driven.last
    assert (await seen_types(call, driven.session_id))[-1] == (EventType.SESSION_COMPLETED, None)


async def test_a_sign_of_life_is_told_by_status_whatever_call_gave_it(tmp_path: Path) -> None:
    call = InProcess(tmp_path, ONE_TASK)
    session_id = await start(call, SPEC)
    call.clock.time = "2026-01-01T00:00:07.000Z"
    await next_step(call, session_id)
    told = await accepted(call.observer, "task", action="session", command="status", session_id=session_id)
    assert told["session"]["last_sign_of_life"] == "2026-01-01T00:00:07.000Z"


async def test_a_half_saved_spec_file_mends_when_it_is_saved_whole(tmp_path: Path) -> None:
    call = InProcess(tmp_path, ONE_TASK)
    session_id = await start(call, SPEC)
    whole = call.spec_file(SPEC).read_text(encoding="utf-8")
    call.spec_file(SPEC).write_text("{", encoding="utf-8")
    data = await refused(call, ErrorCode.SPEC_UNAVAILABLE, "task", **answer_to(NEXT, session_id=session_id))
    assert data["loop_signal"] == LoopSignal.FAILED
    call.spec_file(SPEC).write_text(whole, encoding="utf-8")
    assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE
