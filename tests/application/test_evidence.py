"""Evidence in a store that was doctored by somebody with the secret of the seals: each forgery is refused by its code.

Nothing in such a log shows that it was changed. What shows it is that the keys that sign never signed the evidence, or
signed it for something else.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foundry_contracts.vocabulary import (
    CommandName,
    ErrorCode,
    EventType,
    LoopSignal,
    Outcome,
    PauseReason,
    ReasonCode,
    SessionStatus,
    StepType,
    Verdict,
)
from foundry_mcp.adapters.event_chain import Entry
from foundry_mcp.adapters.signing import FileSigner
from foundry_mcp.adapters.sqlite_store import SqliteStore
from foundry_mcp.ports import Review
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
)
from tests.in_process import InProcess
from tests.scenes import SPEC, done, of, paused_for, payloads, resumed
from tests.tampering import doctor, with_payload

pytestmark = pytest.mark.anyio

TWO_CHECKS = spec(SPEC, [check("v1", command="cd part && make one"), check("v2", "v1", command="make two")])
TWO_GATES = spec(SPEC, [check("v1", command="make one")], [task("t1")])
REPORT, NEXT = CommandName.TASK_SESSION_STEP_REPORT, CommandName.TASK_SESSION_STEP_NEXT
Change = Callable[[list[Entry]], list[Entry]]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[Json], InProcess]]:
    stores: list[SqliteStore] = []

    def made(document: Json) -> InProcess:
        signer = FileSigner(tmp_path / "state")
        stores.append(SqliteStore(tmp_path / "state" / "store.sqlite3", signer.mac))
        return InProcess(tmp_path, document, store=stores[-1], signer=signer)

    yield made
    for store in stores:
        store.close()


def doctored(call: InProcess, session_id: str, change: Change) -> None:
    """Change a session's log and have the server read it anew."""
    doctor(call.state / "store.sqlite3", session_id, call.signer.mac, change)
    call.restart()


def last(kind: EventType, **fields: Any) -> Change:
    """Give the change of fields in the last event of a type."""

    def change(entries: list[Entry]) -> list[Entry]:
        place = max(place for place, entry in enumerate(entries) if entry.type == kind)
        return [*entries[:place], with_payload(entries[place], **fields), *entries[place + 1 :]]

    return change


def signed_by(signer: FileSigner, envelope: Json, **predicate: Any) -> Json:
    """Sign a statement once more, with fields of its predicate changed; None leaves a field out."""
    statement = json.loads(base64.b64decode(envelope["payload"]))
    changed = statement["predicate"] | predicate
    statement["predicate"] = {name: value for name, value in changed.items() if value is not None}
    return signer.sign(statement)


async def ran(call: InProcess, session_id: str, well: bool = True) -> tuple[Json, Json]:
    """Take the next step and run what it asks for; give the step, and what the event of the run's end says."""
    step = (await next_step(call, session_id))["step"]
    call.runner.endings = [(0 if well else 3, "said")]
    call.reviewer.reviews = [Review(Verdict.PASS if well else Verdict.FAIL)]
    await run(call, step)
    is_gate = step["type"] == StepType.RUN_FIDELITY_GATE
    kind = EventType.GATE_FINISHED if is_gate else EventType.VERIFICATION_FINISHED
    return step, (await payloads(call, session_id, kind))[-1]


def success(step: Json, attempt_id: str) -> Json:
    return {**step["report_call"]["params"]["result"], "attempt_id": attempt_id, "outcome": Outcome.SUCCESS}


async def is_refused(
    call: InProcess, session_id: str, step: Json, attempt_id: str, code: ErrorCode, differs: list[str]
) -> None:
    """See both ways to report a success refused, nothing recorded, and the same step done well after all."""
    before = await events(call, session_id)
    result = success(step, attempt_id)
    for command, more in ((REPORT, {"result": result}), (NEXT, {"last_step_result": result})):
        data = await refused(call, code, "task", **of(command, session_id=session_id, **more))
        assert data["details"] == {"step_id": step["step_id"], "differs": differs}
        assert data["loop_signal"] == LoopSignal.BLOCKED_RUNTIME
    assert await events(call, session_id) == before
    # What does not hold is not given out: the server runs again what the step asks for.
    replayed = (await accepted(call, "task", **of(CommandName.TASK_SESSION_STEP_REPLAY, session_id=session_id)))["step"]
    again = await run(call, replayed)
    assert again["attempt_id"] not in {entry["payload"].get("attempt_id") for entry in before}
    await report(call, session_id, success(replayed, again["attempt_id"]))
    driven = await drive(call, SPEC)
    assert driven.last["loop_signal"] == LoopSignal.SPEC_COMPLETE


FIELDS: list[tuple[str, Any, list[str]]] = [
    ("session_id", f"ses_{'9' * 26}", ["session_id"]),
    ("spec_id", "another", ["spec_id"]),
    ("step_id", f"stp_{'9' * 26}", ["step_id"]),
    ("unit_id", "v2", ["unit_id"]),
    ("attempt_id", f"att_{'9' * 26}", ["attempt_id"]),
    ("proof_digest", "9" * 64, ["proof_digest"]),
    ("command", {"argv": ["true"], "cwd": "part"}, ["command.argv"]),
    ("command", {"argv": ["make", "one"], "cwd": "."}, ["command.cwd"]),
    ("command_replaced", True, ["command_replaced"]),
    ("exit_code", 3, ["exit_code"]),
    ("exit_code", None, ["exit_code"]),
    ("timed_out", True, ["timed_out"]),
    ("passed", False, ["passed"]),
    ("tree_after", "9" * 64, ["tree_after"]),
    ("sandbox", "bubblewrap", ["sandbox"]),
    ("sandbox", None, ["sandbox"]),
    ("unenforced", ["memory_limit"], ["unenforced"]),
]


@pytest.mark.parametrize(("name", "value", "differs"), FIELDS, ids=str)
async def test_a_receipt_that_states_something_else_supports_no_success(
    make: Callable[[Json], InProcess], name: str, value: Any, differs: list[str]
) -> None:
    call = make(TWO_CHECKS)
    session_id = await start(call, SPEC)
    step, ended = await ran(call, session_id)
    assert isinstance(call.signer, FileSigner)
    other = signed_by(call.signer, ended["receipt"], **{name: value})
    doctored(call, session_id, last(EventType.VERIFICATION_FINISHED, receipt=other))
    code = ErrorCode.VERIFICATION_RECEIPT_INVALID
    await is_refused(call, session_id, step, ended["attempt_id"], code, differs)


async def test_a_failed_run_whose_exit_code_was_changed_supports_no_success(make: Callable[[Json], InProcess]) -> None:
    call = make(TWO_CHECKS)
    session_id = await start(call, SPEC)
    step, ended = await ran(call, session_id, well=False)
    doctored(call, session_id, last(EventType.VERIFICATION_FINISHED, exit_code=0, passed=True))
    code = ErrorCode.VERIFICATION_RECEIPT_INVALID
    await is_refused(call, session_id, step, ended["attempt_id"], code, ["exit_code", "passed"])


async def test_a_receipt_of_another_step_supports_no_success(make: Callable[[Json], InProcess]) -> None:
    call = make(TWO_CHECKS)
    session_id = await start(call, SPEC)
    first, earlier = await ran(call, session_id)
    await report(call, session_id, success(first, earlier["attempt_id"]))
    step, ended = await ran(call, session_id, well=False)
    doctored(
        call,
        session_id,
        last(EventType.VERIFICATION_FINISHED, exit_code=0, passed=True, receipt=earlier["receipt"]),
    )
    differs = ["attempt_id", "command.argv", "command.cwd", "proof_digest", "step_id", "unit_id"]
    code = ErrorCode.VERIFICATION_RECEIPT_INVALID
    await is_refused(call, session_id, step, ended["attempt_id"], code, differs)


async def test_a_receipt_by_another_key_supports_no_success(make: Callable[[Json], InProcess], tmp_path: Path) -> None:
    call = make(TWO_CHECKS)
    session_id = await start(call, SPEC)
    step, ended = await ran(call, session_id)
    other = signed_by(FileSigner(tmp_path / "other"), ended["receipt"])
    doctored(call, session_id, last(EventType.VERIFICATION_FINISHED, receipt=other))
    code = ErrorCode.VERIFICATION_RECEIPT_INVALID
    await is_refused(call, session_id, step, ended["attempt_id"], code, ["signature"])


async def test_a_receipt_from_another_session_supports_no_success(make: Callable[[Json], InProcess]) -> None:
    call = make(TWO_CHECKS)
    earlier = await start(call, SPEC)
    _, good = await ran(call, earlier)
    ending = of(CommandName.TASK_SESSION_END, session_id=earlier, reason=ReasonCode.TESTING)
    await accepted(call.maintainer, "task", **ending)
    session_id = await start(call, SPEC)
    step, ended = await ran(call, session_id, well=False)
    doctored(call, session_id, last(EventType.VERIFICATION_FINISHED, exit_code=0, passed=True, receipt=good["receipt"]))
    differs = ["attempt_id", "proof_digest", "session_id", "step_id"]
    code = ErrorCode.VERIFICATION_RECEIPT_INVALID
    await is_refused(call, session_id, step, ended["attempt_id"], code, differs)


@pytest.mark.parametrize("begun", [True, False])
async def test_a_receipt_of_a_command_that_never_ran_supports_no_success(
    make: Callable[[Json], InProcess], tmp_path: Path, begun: bool
) -> None:
    call = make(TWO_CHECKS)
    session_id = await start(call, SPEC)
    first, earlier = await ran(call, session_id)
    await report(call, session_id, success(first, earlier["attempt_id"]))
    step = (await next_step(call, session_id))["step"]
    attempt = f"att_{'7' * 26}"
    whose = {"attempt_id": attempt, "step_id": step["step_id"], "unit_id": "v2"}
    command = {"argv": ["make", "two"], "cwd": "."}
    receipt = signed_by(FileSigner(tmp_path / "other"), earlier["receipt"], **whose, command=command)

    def never_ran(entries: list[Entry]) -> list[Entry]:
        copied = {entry.type: entry for entry in entries}
        start_of = with_payload(copied[EventType.VERIFICATION_STARTED], **whose, command=command)
        end_of = with_payload(copied[EventType.VERIFICATION_FINISHED], **whose, receipt=receipt)
        added = [start_of, end_of] if begun else [end_of]
        return [*entries, *(replace(entry, event_id=f"evt_{number}") for number, entry in enumerate(added))]

    doctored(call, session_id, never_ran)
    await is_refused(call, session_id, step, attempt, ErrorCode.VERIFICATION_RECEIPT_INVALID, ["signature"])
    assert [ran.argv for ran in call.runner.ran].count(["make", "two"]) == 1


async def test_a_success_before_its_command_has_ended_has_no_receipt(make: Callable[[Json], InProcess]) -> None:
    call = make(TWO_CHECKS)
    session_id = await start(call, SPEC)
    step, ended = await ran(call, session_id)

    def unended(entries: list[Entry]) -> list[Entry]:
        return [entry for entry in entries if entry.type != EventType.VERIFICATION_FINISHED]

    doctored(call, session_id, unended)
    sent = of(REPORT, session_id=session_id, result=success(step, ended["attempt_id"]))
    await refused(call, ErrorCode.VERIFICATION_RECEIPT_MISSING, "task", **sent)


async def at_the_gate(call: InProcess, *, well: bool = True) -> tuple[str, Json, Json]:
    """Bring a session to the review of its first phase."""
    session_id = await start(call, SPEC)
    await done(call, session_id, 1)
    return (session_id, *await ran(call, session_id, well))


REVIEWS: list[tuple[Json, list[str]]] = [
    ({"session_id": f"ses_{'9' * 26}"}, ["session_id"]),
    ({"spec_id": "another"}, ["spec_id"]),
    ({"phase_id": "phase-2"}, ["phase_id"]),
    ({"step_id": f"stp_{'9' * 26}"}, ["step_id"]),
    ({"attempt_id": f"att_{'9' * 26}"}, ["attempt_id"]),
    ({"seen_version": 1}, ["seen_version"]),
    ({"verdict": Verdict.FAIL}, ["verdict"]),
    ({"findings_digest": "9" * 64}, ["findings_digest"]),
]


@pytest.mark.parametrize(("said", "differs"), REVIEWS, ids=str)
async def test_a_review_that_was_signed_for_something_else_satisfies_no_gate(
    make: Callable[[Json], InProcess], said: Json, differs: list[str]
) -> None:
    call = make(TWO_GATES)
    session_id, step, ended = await at_the_gate(call)
    assert isinstance(call.signer, FileSigner)
    doctored(
        call, session_id, last(EventType.GATE_FINISHED, evidence=signed_by(call.signer, ended["evidence"], **said))
    )
    code = ErrorCode.GATE_INTEGRITY_CHECKSUM
    await is_refused(call, session_id, step, ended["attempt_id"], code, differs)


async def test_a_failed_review_whose_verdict_was_changed_satisfies_no_gate(
    make: Callable[[Json], InProcess],
) -> None:
    call = make(TWO_GATES)
    session_id, step, ended = await at_the_gate(call, well=False)
    doctored(call, session_id, last(EventType.GATE_FINISHED, verdict=Verdict.PASS))
    code = ErrorCode.GATE_INTEGRITY_CHECKSUM
    await is_refused(call, session_id, step, ended["attempt_id"], code, ["verdict"])


async def test_a_review_by_another_key_satisfies_no_gate(make: Callable[[Json], InProcess], tmp_path: Path) -> None:
    call = make(TWO_GATES)
    session_id, step, ended = await at_the_gate(call)
    other = signed_by(FileSigner(tmp_path / "other"), ended["evidence"])
    doctored(call, session_id, last(EventType.GATE_FINISHED, evidence=other))
    code = ErrorCode.GATE_INTEGRITY_CHECKSUM
    await is_refused(call, session_id, step, ended["attempt_id"], code, ["signature"])


async def test_a_review_is_not_used_twice(make: Callable[[Json], InProcess]) -> None:
    call = make(TWO_GATES)
    session_id, step, good = await at_the_gate(call)
    await report(call, session_id, success(step, good["attempt_id"]))
    data = await next_step(call, session_id)
    await resumed(call, data)
    await done(call, session_id, 1)
    step, ended = await ran(call, session_id, well=False)

    def reused(entries: list[Entry]) -> list[Entry]:
        return last(EventType.GATE_FINISHED, **good, verdict=Verdict.PASS)(entries)

    good.pop("verdict")
    doctored(call, session_id, reused)
    code, foreign = ErrorCode.INVALID_GATE_EVIDENCE, ["attempt_id", "step_id", "phase_id"]
    sent = of(REPORT, session_id=session_id, result=success(step, ended["attempt_id"]))
    assert (await refused(call, code, "task", **sent))["details"]["differs"] == ["attempt_id"]
    await is_refused(call, session_id, step, good["attempt_id"], code, foreign)


async def test_a_review_used_twice_under_the_names_of_another_satisfies_no_gate(
    make: Callable[[Json], InProcess],
) -> None:
    call = make(TWO_GATES)
    session_id, step, good = await at_the_gate(call)
    await report(call, session_id, success(step, good["attempt_id"]))
    await resumed(call, await next_step(call, session_id))
    await done(call, session_id, 1)
    step, ended = await ran(call, session_id, well=False)
    doctored(call, session_id, last(EventType.GATE_FINISHED, verdict=Verdict.PASS, evidence=good["evidence"]))
    differs = ["attempt_id", "findings_digest", "phase_id", "seen_version", "step_id"]
    await is_refused(call, session_id, step, ended["attempt_id"], ErrorCode.GATE_INTEGRITY_CHECKSUM, differs)


async def audit_refuses(call: InProcess, session_id: str, code: ErrorCode, *found: tuple[str, str]) -> Json:
    """Ask for what comes next, which has to be refused by the audit and to pause the session; give the event."""
    data = await refused(call, code, "task", **of(NEXT, session_id=session_id))
    assert data["loop_signal"] == LoopSignal.BLOCKED_RUNTIME
    assert [action["action"] for action in data["recommended_actions"]] == ["resume", "audit"]
    assert [(finding["code"], finding["node"]) for finding in data["details"]["findings"]] == list(found)
    failed = (await payloads(call, session_id, EventType.GATE_AUDIT_FAILED))[-1]
    assert (failed["error_code"], failed["findings"]) == (code, data["details"]["findings"])
    # Asked again it tells of the pause, which only a maintainer lifts.
    paused = await next_step(call, session_id)
    assert paused["session"]["pause_reason"] == PauseReason.GATE_FAILED
    assert paused["loop_signal"] == LoopSignal.PAUSED_NEEDS_ATTENTION
    resume = of(CommandName.TASK_SESSION_RESUME, session_id=session_id)
    await refused(call, ErrorCode.UNAUTHORIZED, "task", **resume)
    await accepted(call.maintainer, "task", **resume)
    return failed


def kinds(steps: list[Json]) -> list[tuple[str, str]]:
    return [(step["type"], step["unit"]["id"] if "unit" in step else step["phase_id"]) for step in steps]


async def test_a_receipt_that_is_changed_after_its_report_is_found_before_the_phase_completes(
    make: Callable[[Json], InProcess],
) -> None:
    call = make(TWO_CHECKS)
    session_id = await start(call, SPEC)
    await done(call, session_id, 3)
    doctored(call, session_id, last(EventType.VERIFICATION_FINISHED, tree_after="9" * 64))
    failed = await audit_refuses(call, session_id, ErrorCode.GATE_AUDIT_FAILURE, ("receipt_invalid", "v2"))
    assert (failed["units"], failed["gates"]) == (["v2"], ["phase-1"])
    driven = await drive(call, SPEC)
    assert kinds(driven.steps) == [(StepType.EXECUTE_VERIFICATION, "v2"), (StepType.RUN_FIDELITY_GATE, "phase-1")]
    assert driven.last["loop_signal"] == LoopSignal.SPEC_COMPLETE


async def test_a_check_with_a_command_that_somebody_only_attested_is_found(make: Callable[[Json], InProcess]) -> None:
    call = make(TWO_CHECKS)
    session_id = await start(call, SPEC)
    await done(call, session_id, 3)

    def attested(entries: list[Entry]) -> list[Entry]:
        first = next(place for place, entry in enumerate(entries) if entry.type == EventType.STEP_REPORTED)
        word = with_payload(entries[first], attested=True)
        return [
            *(entry for entry in entries[:first] if not entry.type.startswith("verification_")),
            word,
            *entries[first + 1 :],
        ]

    doctored(call, session_id, attested)
    # With two events fewer, the review of the phase saw another version than the log now tells.
    found = [("receipt_missing", "v1"), ("gate_invalid", "phase-1")]
    await audit_refuses(call, session_id, ErrorCode.GATE_AUDIT_FAILURE, *found)
    assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE


async def test_a_receipt_counts_for_no_other_unit_be_its_command_the_same(make: Callable[[Json], InProcess]) -> None:
    call = make(spec(SPEC, [check("v1", command="make one"), check("v2", command="make one")]))
    session_id = await start(call, SPEC)
    await done(call, session_id, 1)
    doctored(call, session_id, last(EventType.STEP_REPORTED, unit_id="v2"))
    await done(call, session_id, 2)
    assert [entry["unit_id"] for entry in await payloads(call, session_id, EventType.VERIFICATION_STARTED)] == [
        "v1",
        "v1",
    ]
    await audit_refuses(call, session_id, ErrorCode.GATE_AUDIT_FAILURE, ("receipt_invalid", "v2"))


async def test_a_review_counts_for_the_gate_of_no_other_phase(make: Callable[[Json], InProcess]) -> None:
    call = make(TWO_GATES)
    session_id = await start(call, SPEC)
    await done(call, session_id, 2)
    await resumed(call, await next_step(call, session_id))
    await done(call, session_id, 1)

    def moved(entries: list[Entry]) -> list[Entry]:
        gate = StepType.RUN_FIDELITY_GATE
        first = next(place for place, entry in enumerate(entries) if json.loads(entry.payload).get("type") == gate)
        reviewed = entries[first : first + 4]
        return [*entries[:first], *entries[first + 4 :], *reviewed]

    doctored(call, session_id, moved)
    found = [("gate_missing", "phase-1"), ("gate_invalid", "phase-2")]
    await audit_refuses(call, session_id, ErrorCode.REQUIRED_GATE_UNSATISFIED, *found)


async def test_a_review_that_is_changed_after_its_report_is_found(make: Callable[[Json], InProcess]) -> None:
    call = make(TWO_GATES)
    session_id, step, ended = await at_the_gate(call)
    await report(call, session_id, success(step, ended["attempt_id"]))
    doctored(call, session_id, last(EventType.GATE_FINISHED, findings=[{"code": "fine", "message": "All is well."}]))
    await audit_refuses(call, session_id, ErrorCode.GATE_AUDIT_FAILURE, ("gate_invalid", "phase-1"))
    driven = await drive(call, SPEC)
    assert kinds(driven.steps)[0] == (StepType.RUN_FIDELITY_GATE, "phase-1")
    assert driven.last["loop_signal"] == LoopSignal.SPEC_COMPLETE


async def test_a_failed_review_reported_as_passed_is_found(make: Callable[[Json], InProcess]) -> None:
    call = make(TWO_GATES)
    session_id, step, ended = await at_the_gate(call, well=False)
    await report(call, session_id, success(step, ended["attempt_id"]))
    doctored(call, session_id, last(EventType.STEP_REPORTED, outcome=Outcome.SUCCESS))
    await audit_refuses(call, session_id, ErrorCode.GATE_AUDIT_FAILURE, ("gate_invalid", "phase-1"))


async def test_a_gate_that_was_reported_without_a_review_is_found(make: Callable[[Json], InProcess]) -> None:
    call = make(TWO_GATES)
    session_id, step, ended = await at_the_gate(call)
    await report(call, session_id, success(step, ended["attempt_id"]))

    def unreviewed(entries: list[Entry]) -> list[Entry]:
        return [entry for entry in entries if entry.type not in (EventType.GATE_STARTED, EventType.GATE_FINISHED)]

    doctored(call, session_id, unreviewed)
    await audit_refuses(call, session_id, ErrorCode.REQUIRED_GATE_UNSATISFIED, ("gate_missing", "phase-1"))
    assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE


async def test_a_gate_of_an_earlier_phase_that_is_gone_is_found_before_the_spec_completes(
    make: Callable[[Json], InProcess],
) -> None:
    call = make(TWO_GATES)
    session_id = await start(call, SPEC)
    await done(call, session_id, 2)
    await resumed(call, await next_step(call, session_id))
    gate = StepType.RUN_FIDELITY_GATE

    def no_gate(entries: list[Entry]) -> list[Entry]:
        kept = [entry for entry in entries if entry.type not in (EventType.GATE_STARTED, EventType.GATE_FINISHED)]
        return [entry for entry in kept if json.loads(entry.payload).get("type") != gate]

    doctored(call, session_id, no_gate)
    await done(call, session_id, 2)
    failed = await audit_refuses(call, session_id, ErrorCode.REQUIRED_GATE_UNSATISFIED, ("gate_missing", "phase-1"))
    assert failed["gates"] == ["phase-1", "phase-2"]
    driven = await drive(call, SPEC)
    assert kinds(driven.steps) == [(gate, "phase-1"), (gate, "phase-2")]
    assert driven.last["session"]["status"] == SessionStatus.COMPLETED


async def test_a_receipt_of_an_earlier_phase_is_looked_at_again_before_the_spec_completes(
    make: Callable[[Json], InProcess],
) -> None:
    call = make(TWO_GATES)
    session_id = await start(call, SPEC)
    await done(call, session_id, 2)
    await resumed(call, await next_step(call, session_id))
    doctored(call, session_id, last(EventType.VERIFICATION_FINISHED, passed=True, unenforced=["memory_limit"]))
    await done(call, session_id, 2)
    await audit_refuses(call, session_id, ErrorCode.GATE_AUDIT_FAILURE, ("receipt_invalid", "v1"))
    driven = await drive(call, SPEC)
    # The gate of the phase whose receipt failed holds no more than the receipt did.
    assert kinds(driven.steps)[0] == (StepType.EXECUTE_VERIFICATION, "v1")
    assert (StepType.RUN_FIDELITY_GATE, "phase-1") in kinds(driven.steps)
    assert driven.last["session"]["status"] == SessionStatus.COMPLETED


async def test_a_result_that_comes_with_a_call_the_audit_refuses_is_not_recorded(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [check("v1", command="make one")]))
    session_id = await start(call, SPEC)
    await done(call, session_id, 1)
    step = (await next_step(call, session_id))["step"]
    call.lose_key()
    # The review is signed by the fresh key; the receipt before it by the lost one.
    result = await result_of(call, step, nothing)
    going_on = of(NEXT, session_id=session_id, last_step_result=result)
    data = await refused(call, ErrorCode.GATE_AUDIT_FAILURE, "task", **going_on)
    assert [finding["code"] for finding in data["details"]["findings"]] == ["receipt_invalid"]
    assert await payloads(call, session_id, EventType.STEP_SUPERSEDED) == [{"step_id": step["step_id"]}]
    paused = await paused_for(call, session_id, PauseReason.GATE_FAILED)
    await refused(call, ErrorCode.STEP_SUPERSEDED, "task", **of(REPORT, session_id=session_id, result=result))
    await resumed(call.maintainer, paused)
    driven = await drive(call, SPEC)
    assert kinds(driven.steps) == [(StepType.EXECUTE_VERIFICATION, "v1"), (StepType.RUN_FIDELITY_GATE, "phase-1")]
    assert driven.last["loop_signal"] == LoopSignal.SPEC_COMPLETE


async def test_what_has_no_evidence_that_holds_is_not_carried_into_a_later_session(
    make: Callable[[Json], InProcess],
) -> None:
    call = make(TWO_CHECKS)
    earlier = await start(call, SPEC)
    await done(call, earlier, 3)
    ending = of(CommandName.TASK_SESSION_END, session_id=earlier, reason=ReasonCode.TESTING)
    await accepted(call.maintainer, "task", **ending)
    doctored(call, earlier, last(EventType.VERIFICATION_FINISHED, tree_after="9" * 64))
    data = await accepted(call, "task", **of(CommandName.TASK_SESSION_START, spec_id=SPEC))
    said = "Not carried on from the last session: The receipt of v2 does not hold: tree_after."
    assert data["warnings"] == [said]
    driven = await drive(call, SPEC)
    assert kinds(driven.steps) == [(StepType.EXECUTE_VERIFICATION, "v2"), (StepType.RUN_FIDELITY_GATE, "phase-1")]
    assert driven.last["loop_signal"] == LoopSignal.SPEC_COMPLETE


async def test_where_gates_are_not_enforced_receipts_are_audited_all_the_same(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [check("v1", command="make one")]), enforce_gates=False)
    session_id = await start(call, SPEC)
    await done(call, session_id, 2)
    call.lose_key()
    await audit_refuses(call, session_id, ErrorCode.GATE_AUDIT_FAILURE, ("receipt_invalid", "v1"))


async def test_what_a_key_signed_before_a_rotation_still_holds(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_GATES)
    session_id = await start(call, SPEC)
    await done(call, session_id, 2)
    assert isinstance(call.signer, FileSigner)
    call.signer.rotate()
    call.restart()
    assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE
