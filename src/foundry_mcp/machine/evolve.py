"""What each event changes. Nothing here refuses: an event is a fact."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from pydantic_core import MISSING
from rpds import HashTrieMap

from foundry_contracts.events import event_type
from foundry_contracts.models.common import ReviewFinding
from foundry_contracts.models.events_session import (
    GateFinished,
    PhaseCompleted,
    RunInterrupted,
    SessionCompleted,
    SessionEnded,
    SessionFailed,
    SessionPaused,
    SessionResumed,
    SessionStarted,
    StepIssued,
    StepReported,
    VerificationFinished,
)
from foundry_contracts.vocabulary import EventType, Outcome, PauseReason, SessionStatus, StepType, Verdict
from foundry_mcp.machine.frontier import from_numbers, pop, push
from foundry_mcp.machine.optional import given
from foundry_mcp.machine.session import Feedback, Outstanding, Plans, Recorded, RunFinished, RunStarted, Session
from foundry_mcp.machine.work import work_of


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
    )
    return _enter_phase(state, 0)


def _enter_phase(state: Session, number: int) -> Session:
    phase = state.plan.phases[number]
    waiting = {unit: count for unit, count in enumerate(phase.waits_for) if count}
    return replace(
        state,
        phase_number=number,
        phase_completed=False,
        unmet=HashTrieMap(waiting),
        frontier=from_numbers(unit for unit, count in enumerate(phase.waits_for) if not count),
        done_in_phase=0,
        gate_cycles=0,
        gate_passed=False,
        feedback=None,
        attempts=HashTrieMap(),
        errors=(),
    )


def _paused(state: Session, payload: SessionPaused, event: Recorded) -> Session:
    return replace(
        state,
        status=SessionStatus.PAUSED,
        pause_reason=payload.reason,
        pause_unit=given(payload.unit_id),
        paused_by=event.actor_role,
    )


def _resumed(state: Session, payload: SessionResumed, event: Recorded) -> Session:
    state = replace(
        state,
        status=SessionStatus.RUNNING,
        pause_reason=None,
        pause_unit=None,
        paused_by=None,
        attempts=HashTrieMap(),
        errors=(),
        gate_cycles=0,
    )
    if payload.from_reason is PauseReason.PHASE_COMPLETE:
        return _enter_phase(state, state.phase_number + 1)
    if payload.verdict is MISSING:
        return state
    if payload.verdict.verdict is Verdict.PASS:
        return _complete_unit(state, payload.verdict.id)
    finding = ReviewFinding(
        code="manual_check_failed", node=payload.verdict.id, message=given(payload.verdict.note) or "The check failed."
    )
    return replace(_count_failure(state, payload.verdict.id), feedback=Feedback(payload.verdict.id, (finding,)))


def _failed(state: Session, payload: SessionFailed, event: Recorded) -> Session:
    return replace(state, status=SessionStatus.FAILED, failure_reason=payload.reason)


def _completed(state: Session, payload: SessionCompleted, event: Recorded) -> Session:
    return replace(state, status=SessionStatus.COMPLETED)


def _ended(state: Session, payload: SessionEnded, event: Recorded) -> Session:
    return replace(
        state, status=SessionStatus.ENDED, pause_reason=None, pause_unit=None, failure_reason=None, outstanding=None
    )


def _issued(state: Session, payload: StepIssued, event: Recorded) -> Session:
    unit = given(payload.unit_id)
    step = Outstanding(payload.step_id, payload.type, payload.phase_id, unit, payload.attempt)
    return replace(
        state,
        outstanding=step,
        issued=state.issued.insert(work_of(payload.type, unit, payload.phase_id), payload.attempt),
        last_step_id=payload.step_id,
        last_step_type=payload.type,
    )


def _run_started(state: Session, payload: RunStarted, event: Recorded) -> Session:
    return _with_run(state, payload, None)


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
    state = replace(state, outstanding=None)
    if payload.outcome is Outcome.SUCCESS:
        return _succeeded(state, payload)
    return _not_done(state, payload, step)


def _succeeded(state: Session, payload: StepReported) -> Session:
    state = replace(state, errors=())
    unit = given(payload.unit_id)
    if payload.type is StepType.RUN_FIDELITY_GATE:
        return replace(state, gate_passed=True)
    if payload.type is StepType.ADDRESS_FEEDBACK:
        cycles = state.gate_cycles + (1 if unit is None else 0)
        return replace(state, feedback=None, gate_cycles=cycles)
    return state if unit is None else _complete_unit(state, unit)


def _not_done(state: Session, payload: StepReported, step: Outstanding | None) -> Session:
    unit = given(payload.unit_id)
    if payload.type is StepType.RUN_FIDELITY_GATE:
        return replace(state, feedback=Feedback(None, _findings(payload, step)))
    state = _count_failure(state, work_of(payload.type, unit, payload.phase_id))
    if payload.type is StepType.EXECUTE_VERIFICATION:
        return replace(state, feedback=Feedback(unit, _findings(payload, step)))
    return state


def _findings(payload: StepReported, step: Outstanding | None) -> tuple[ReviewFinding, ...]:
    """Say what has to be mended: what the server's own run found, else what the reporter said."""
    run = step.finished if step else None
    if isinstance(run, GateFinished):
        return tuple(run.findings)
    if isinstance(run, VerificationFinished):
        how = "was stopped for taking too long" if run.timed_out else f"exited with {given(run.exit_code)}"
        message = f"The verification's command {how}. The end of its output:\n{run.output_tail}"
    else:
        message = given(payload.note) or "The step was reported as failed without a note."
    return (
        ReviewFinding(code="verification_failed", node=given(payload.unit_id) or payload.phase_id, message=message),
    )


def _complete_unit(state: Session, unit: str) -> Session:
    phase = state.phase
    number = phase.number_of[unit]
    frontier = state.frontier and pop(state.frontier)
    unmet = state.unmet
    for dependent in phase.dependents[number]:
        left = unmet[dependent] - 1
        unmet = unmet.insert(dependent, left)
        if left == 0:
            frontier = push(frontier, dependent)
    return replace(state, frontier=frontier, unmet=unmet, done_in_phase=state.done_in_phase + 1, done=state.done + 1)


def _count_failure(state: Session, work: str) -> Session:
    count = (state.attempts.get(work) or 0) + 1
    streak = state.errors if work in state.errors else (*state.errors, work)
    return replace(state, attempts=state.attempts.insert(work, count), errors=streak)


def _phase_completed(state: Session, payload: PhaseCompleted, event: Recorded) -> Session:
    return replace(state, phase_completed=True)


# Any: each function takes the payload its key names, which a mapping's type cannot say; a test runs every row.
_CHANGES: Mapping[EventType, Callable[[Session, Any, Recorded], Session]] = {
    EventType.SESSION_PAUSED: _paused,
    EventType.SESSION_RESUMED: _resumed,
    EventType.SESSION_FAILED: _failed,
    EventType.SESSION_COMPLETED: _completed,
    EventType.SESSION_ENDED: _ended,
    EventType.STEP_ISSUED: _issued,
    EventType.STEP_REPORTED: _reported,
    EventType.VERIFICATION_STARTED: _run_started,
    EventType.VERIFICATION_FINISHED: _run_finished,
    EventType.GATE_STARTED: _run_started,
    EventType.GATE_FINISHED: _run_finished,
    EventType.RUN_INTERRUPTED: _run_interrupted,
    EventType.PHASE_COMPLETED: _phase_completed,
}
