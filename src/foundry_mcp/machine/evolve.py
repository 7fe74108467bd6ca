"""What each event changes. Nothing here refuses: an event is a fact."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

from pydantic_core import MISSING
from rpds import HashTrieMap

from foundry_contracts.events import EventPayload, event_type
from foundry_contracts.models.common import ReviewFinding
from foundry_contracts.models.events_session import (
    GateAuditFailed,
    GateFinished,
    GateWaived,
    HolderChanged,
    HumanVerdict,
    LateReport,
    PhaseCompleted,
    PolicyAccepted,
    RunInterrupted,
    SessionCompleted,
    SessionEnded,
    SessionFailed,
    SessionPaused,
    SessionRebased,
    SessionReset,
    SessionResumed,
    SessionStarted,
    StepIssued,
    StepReported,
    StepSuperseded,
    UnitBlocked,
    UnitUnblocked,
    VerificationFinished,
)
from foundry_contracts.tables import PAUSE_REASON_INFO
from foundry_contracts.vocabulary import (
    EventType,
    Judgement,
    Outcome,
    PauseReason,
    ReviewFindingCode,
    Role,
    SessionStatus,
    StepType,
    UnitStanding,
)
from foundry_mcp.machine.gate import asks_person, findings_for_person
from foundry_mcp.machine.optional import given
from foundry_mcp.machine.position import (
    block_unit,
    complete_unit,
    count_failure,
    enter_first_open_phase,
    enter_phase,
    forget_failures,
    unblock_unit,
)
from foundry_mcp.machine.protected import findings_of, mapped, taken_over
from foundry_mcp.machine.replacing import replace
from foundry_mcp.machine.roles import strongest
from foundry_mcp.machine.session import (
    Feedback,
    Gate,
    Outstanding,
    Plans,
    Proven,
    Recorded,
    RunFinished,
    RunStarted,
    Session,
)
from foundry_mcp.machine.structure import satisfied, surviving, units_of
from foundry_mcp.machine.work import work_of

_NUMBERS = re.compile(r"[0-9]+")
_SOMEBODYS_WORD = Gate(by_review=False)


def fold(events: Iterable[Recorded], plans: Plans, state: Session | None = None) -> Session | None:
    """Fold events, oldest first, onto a state (None: from the beginning)."""
    for event in events:
        state = evolve(state, event, plans)
    return state


def evolve(state: Session | None, event: Recorded, plans: Plans) -> Session:
    """Give the state after an event."""
    payload = event.payload
    if isinstance(payload, SessionStarted):
        return _started(event, payload, plans)
    if state is None:
        raise ValueError(f"the first event of session {event.session_id} is {event_type(payload)}, not a start")
    if isinstance(payload, SessionRebased):
        changed = _rebased(state, payload, event, plans)
    else:
        changed = _CHANGES[event_type(payload)](state, payload, event)
    return replace(changed, version=event.seq, updated_at=event.time)


def _started(event: Recorded, payload: SessionStarted, plans: Plans) -> Session:
    state = Session(
        session_id=event.session_id,
        spec_id=event.spec_id,
        plan=plans(payload.plan_digest),
        settings=payload.settings,
        version=event.seq,
        started_at=event.time,
        updated_at=event.time,
        status=SessionStatus.RUNNING,
        run_id=payload.run_id,
        run_seen_at=event.time,
        attended=payload.attended,
        standing=HashTrieMap({unit.unit_id: unit.standing for unit in payload.carried}),
        carried=frozenset(unit.unit_id for unit in payload.carried),
        gates=HashTrieMap(dict.fromkeys(payload.carried_phases, _SOMEBODYS_WORD)),
        protected=mapped(payload.protected),
    )
    return enter_first_open_phase(state)


def _rebased(state: Session, payload: SessionRebased, event: Recorded, plans: Plans) -> Session:
    plan = plans(payload.plan_digest)
    standing = HashTrieMap(dict(surviving(state.standing, state.plan, plan)))
    gates = satisfied(state.gates, standing, state.plan, plan)
    units = units_of(plan)
    moved = replace(
        state,
        plan=plan,
        status=SessionStatus.PAUSED,
        pause_reason=PauseReason.USER,
        pause_unit=None,
        pause_findings=(),
        paused_by=_needed_to_lift(state, event.actor_role),
        failure_reason=None,
        standing=standing,
        gates=HashTrieMap({phase: state.gates[phase] for phase in gates}),
        blocked=HashTrieMap({unit: reason for unit, reason in state.blocked.items() if unit in units}),
        protected=state.protected if payload.protected is MISSING else mapped(payload.protected),
    )
    return enter_first_open_phase(taken_over(moved, given(payload.taken_over) or ()))


def _needed_to_lift(state: Session, role: Role) -> Role:
    """Give the role that lifts the pause after a rebase: moving a session is no way round what held it."""
    roles = [role]
    if state.pause_reason is not None:
        roles.append(PAUSE_REASON_INFO[state.pause_reason].resume_role)
    if state.pause_reason is PauseReason.USER and state.paused_by is not None:
        roles.append(state.paused_by)
    return strongest(roles)


def _paused(state: Session, payload: SessionPaused, event: Recorded) -> Session:
    asks_about_gate = payload.reason is PauseReason.GATE_REVIEW_REQUIRED
    return replace(
        state,
        status=SessionStatus.PAUSED,
        pause_reason=payload.reason,
        pause_unit=given(payload.phase_id if asks_about_gate else payload.unit_id),
        pause_findings=tuple(given(payload.findings) or ()),
        paused_by=event.actor_role,
    )


def _resumed(state: Session, payload: SessionResumed, event: Recorded) -> Session:
    state = replace(
        state,
        status=SessionStatus.RUNNING,
        pause_reason=None,
        pause_unit=None,
        pause_findings=(),
        paused_by=None,
        run_seen_at=event.time,
    )
    state = taken_over(forget_failures(state), given(payload.taken_over) or ())
    if payload.from_reason is PauseReason.PHASE_COMPLETE:
        return enter_phase(state, state.phase_number + 1)
    return state if payload.verdict is MISSING else _judged(state, payload.verdict)


def _judged(state: Session, verdict: HumanVerdict) -> Session:
    """Take a person's verdict: on the gate if it names the phase, else on a manual check."""
    is_gate = verdict.id == state.phase.phase.id
    if verdict.verdict is Judgement.PASS:
        return _pass_gate(state) if is_gate else complete_unit(state, verdict.id, UnitStanding.ATTESTED)
    code = ReviewFindingCode.GATE_REVIEW_FAILED if is_gate else ReviewFindingCode.MANUAL_CHECK_FAILED
    finding = ReviewFinding(code=code, node=verdict.id, message=given(verdict.note) or "A person found it wanting.")
    if is_gate:
        mend = (finding, *findings_for_person(state))
        return replace(state, gate_waits_for_person=False, feedback=Feedback(None, mend))
    return replace(count_failure(state, verdict.id), feedback=Feedback(verdict.id, (finding,)))


def _pass_gate(state: Session, gate: Gate = _SOMEBODYS_WORD) -> Session:
    gates = state.gates.insert(state.phase.phase.id, gate)
    return replace(state, gate_passed=True, gate_waits_for_person=False, feedback=None, gates=gates)


def _failed(state: Session, payload: SessionFailed, event: Recorded) -> Session:
    return replace(state, status=SessionStatus.FAILED, failure_reason=payload.reason)


def _completed(state: Session, payload: SessionCompleted, event: Recorded) -> Session:
    return replace(state, status=SessionStatus.COMPLETED)


def _ended(state: Session, payload: SessionEnded | SessionReset, event: Recorded) -> Session:
    return replace(
        state,
        status=SessionStatus.ENDED,
        pause_reason=None,
        pause_unit=None,
        pause_findings=(),
        failure_reason=None,
        outstanding=None,
        discarded=isinstance(payload, SessionReset),
    )


def _policy_accepted(state: Session, payload: PolicyAccepted, event: Recorded) -> Session:
    attended = state.attended if payload.attended is MISSING else payload.attended
    protected = state.protected if payload.protected is MISSING else mapped(payload.protected)
    return replace(state, settings=payload.settings, attended=attended, protected=protected)


def _holder_changed(state: Session, payload: HolderChanged, event: Recorded) -> Session:
    return replace(state, run_id=payload.run_id, run_seen_at=event.time)


def _issued(state: Session, payload: StepIssued, event: Recorded) -> Session:
    unit = given(payload.unit_id)
    step = Outstanding(payload.step_id, payload.type, payload.phase_id, unit, payload.attempt, event.time)
    return replace(
        state,
        outstanding=step,
        issued=state.issued.insert(work_of(payload.type, unit, payload.phase_id), payload.attempt),
        tasks_issued=state.tasks_issued + (payload.type is StepType.IMPLEMENT_TASK),
        last_step_id=payload.step_id,
        last_step_type=payload.type,
        run_seen_at=event.time,
    )


def _superseded(state: Session, payload: StepSuperseded, event: Recorded) -> Session:
    return replace(state, outstanding=None, superseded=state.superseded.insert(payload.step_id, False))


def _late(state: Session, payload: LateReport, event: Recorded) -> Session:
    return replace(state, superseded=state.superseded.insert(payload.step_id, True))


def _run_started(state: Session, payload: RunStarted, event: Recorded) -> Session:
    state = _with_run(state, payload, None)
    if state.outstanding is not None:
        begun = replace(state.outstanding, started_at_version=event.seq, settings=state.settings)
        state = replace(state, outstanding=begun)
    return replace(state, run_seen_at=event.time)


def _run_finished(state: Session, payload: RunFinished, event: Recorded) -> Session:
    return _with_run(state, state.outstanding.started if state.outstanding else None, payload)


def _run_interrupted(state: Session, payload: RunInterrupted, event: Recorded) -> Session:
    return _with_run(state, None, None)


def _with_run(state: Session, started: RunStarted | None, finished: RunFinished | None) -> Session:
    if state.outstanding is None:
        return state
    return replace(state, outstanding=replace(state.outstanding, started=started, finished=finished))


def _reported(state: Session, payload: StepReported, event: Recorded) -> Session:
    step = state.outstanding
    state = replace(state, outstanding=None, run_seen_at=event.time)
    if payload.type is StepType.RUN_FIDELITY_GATE:
        return _gate_reviewed(state, payload, step)
    if payload.outcome is Outcome.FAILURE:
        return _not_done(state, payload, step)
    return _done(state, payload, step)


def _done(state: Session, payload: StepReported, step: Outstanding | None) -> Session:
    state = replace(state, errors=())
    unit = given(payload.unit_id)
    if payload.type is StepType.ADDRESS_FEEDBACK:
        cycles = state.gate_cycles + (1 if unit is None else 0)
        return replace(state, feedback=None, gate_cycles=cycles)
    if unit is None:
        return state
    standing = _standing(payload)
    if standing is UnitStanding.PROVEN:
        proven = Proven(_without_output(step), payload.proof_digest)
        state = replace(state, receipts=state.receipts.insert(unit, proven))
    return complete_unit(state, unit, standing)


def _without_output(step: Outstanding | None) -> Outstanding | None:
    """Leave out what no audit looks at, as steps are kept for as long as their session is."""
    if step is None or not isinstance(step.finished, VerificationFinished):
        return step
    return replace(step, finished=step.finished.model_copy(update={"output_tail": ""}))


def _standing(payload: StepReported) -> UnitStanding:
    if payload.outcome is Outcome.SKIPPED:
        return UnitStanding.SKIPPED
    if payload.type is StepType.IMPLEMENT_TASK:
        return UnitStanding.REPORTED
    return UnitStanding.ATTESTED if given(payload.attested) else UnitStanding.PROVEN


def _gate_reviewed(state: Session, payload: StepReported, step: Outstanding | None) -> Session:
    passed = payload.outcome is not Outcome.FAILURE
    run = step.finished if step else None
    review = run if isinstance(run, GateFinished) else None
    state = replace(state, reviewed=review, errors=() if passed else state.errors)
    if asks_person(state.settings):
        return replace(state, gate_waits_for_person=True)
    if passed:
        return _pass_gate(state, Gate(by_review=True, step=step))
    if not state.settings.enforce_gates:
        return _pass_gate(state)
    if not state.settings.auto_retry_gate:
        return replace(state, gate_waits_for_person=True)
    return replace(state, feedback=Feedback(None, _findings(payload, step)))


def _not_done(state: Session, payload: StepReported, step: Outstanding | None) -> Session:
    unit = given(payload.unit_id)
    state = count_failure(state, work_of(payload.type, unit, payload.phase_id))
    if payload.type is StepType.EXECUTE_VERIFICATION:
        state = _note_print(state, unit, step)
        # What somebody called blocked meanwhile is not mended now.
        return state if unit in state.blocked else replace(state, feedback=Feedback(unit, _findings(payload, step)))
    return state


def _note_print(state: Session, unit: str | None, step: Outstanding | None) -> Session:
    """Notice a check that fails again with the same files and, durations and dates apart, in the same way."""
    run = step.finished if step else None
    if unit is None or not isinstance(run, VerificationFinished):
        return state
    said = _NUMBERS.sub("", (given(run.error) or "") + run.output_tail)
    # A command that was not run for the sake of protected files left no tree: what differs of them stands for it.
    differs = "".join(f"\n{change.path} {given(change.digest)}" for change in given(run.protected_changes) or ())
    seen = sha256(f"{run.tree_after}\n{said}{differs}".encode()).hexdigest()
    stuck = unit if state.prints.get(unit) == seen else state.stuck
    return replace(state, prints=state.prints.insert(unit, seen), stuck=stuck)


def _findings(payload: StepReported, step: Outstanding | None) -> tuple[ReviewFinding, ...]:
    """Say what has to be mended: what the server's own run found, else what the reporter said."""
    run = step.finished if step else None
    if isinstance(run, GateFinished):
        return tuple(run.findings)
    node = given(payload.unit_id) or payload.phase_id
    if isinstance(run, VerificationFinished):
        return (*findings_of(given(run.protected_changes) or ()), *_of_command(run, node))
    message = given(payload.note) or "The step was reported as failed without a note."
    return (ReviewFinding(code=ReviewFindingCode.VERIFICATION_FAILED, node=node, message=message),)


def _of_command(run: VerificationFinished, node: str) -> Iterator[ReviewFinding]:
    """Say how a command ended, unless it ended well or was not run for the sake of protected files."""
    if run.protected_changes is not MISSING and (run.sandbox is MISSING or run.exit_code == 0):
        return
    how = "did not run to its end" if run.exit_code is MISSING else f"exited with {run.exit_code}"
    said = ["was stopped for taking too long." if run.timed_out else f"{how}.", given(run.error)]
    said += [f"The end of its output:\n{run.output_tail}"] if run.output_tail else []
    message = f"The verification's command {' '.join(filter(None, said))}"
    yield ReviewFinding(code=ReviewFindingCode.VERIFICATION_FAILED, node=node, message=message)


def _phase_completed(state: Session, payload: PhaseCompleted, event: Recorded) -> Session:
    if state.is_last_phase or state.settings.stop_on_phase_completion:
        return replace(state, phase_completed=True)
    return enter_phase(state, state.phase_number + 1)


def _audit_failed(state: Session, payload: GateAuditFailed, event: Recorded) -> Session:
    standing, receipts, gates = state.standing, state.receipts, state.gates
    for unit in payload.units:
        standing, receipts = standing.discard(unit), receipts.discard(unit)
    for phase in payload.gates:
        gates = gates.discard(phase)
    carried = state.carried.difference(payload.units)
    return enter_first_open_phase(replace(state, standing=standing, receipts=receipts, carried=carried, gates=gates))


def _gate_waived(state: Session, payload: GateWaived, event: Recorded) -> Session:
    return _pass_gate(state)


def _blocked(state: Session, payload: UnitBlocked, event: Recorded) -> Session:
    return block_unit(state, payload.unit_id, payload.reason)


def _unblocked(state: Session, payload: UnitUnblocked, event: Recorded) -> Session:
    return unblock_unit(state, payload.unit_id)


def _noted(state: Session, payload: EventPayload, event: Recorded) -> Session:
    return state


# Any: each function takes the payload its key names, which a mapping's type cannot say; a test runs every row.
_CHANGES: Mapping[EventType, Callable[[Session, Any, Recorded], Session]] = {
    EventType.SESSION_PAUSED: _paused,
    EventType.SESSION_RESUMED: _resumed,
    EventType.SESSION_FAILED: _failed,
    EventType.SESSION_COMPLETED: _completed,
    EventType.SESSION_ENDED: _ended,
    EventType.SESSION_RESET: _ended,
    EventType.POLICY_ACCEPTED: _policy_accepted,
    EventType.HOLDER_CHANGED: _holder_changed,
    EventType.STEP_ISSUED: _issued,
    EventType.STEP_REPORTED: _reported,
    EventType.STEP_SUPERSEDED: _superseded,
    EventType.LATE_REPORT: _late,
    EventType.VERIFICATION_STARTED: _run_started,
    EventType.VERIFICATION_FINISHED: _run_finished,
    EventType.GATE_STARTED: _run_started,
    EventType.GATE_FINISHED: _run_finished,
    EventType.RUN_INTERRUPTED: _run_interrupted,
    EventType.GATE_AUDIT_FAILED: _audit_failed,
    EventType.GATE_WAIVED: _gate_waived,
    EventType.PHASE_COMPLETED: _phase_completed,
    EventType.UNIT_BLOCKED: _blocked,
    EventType.UNIT_UNBLOCKED: _unblocked,
    EventType.ACCESS_DENIED: _noted,
    EventType.LOCK_BYPASSED: _noted,
}
