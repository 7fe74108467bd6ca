"""What comes next in a running session: the choices, in the order they are made."""

from __future__ import annotations

from foundry_contracts.events import EventPayload
from foundry_contracts.models.events_session import (
    PhaseCompleted,
    SessionCompleted,
    SessionFailed,
    SessionPaused,
    StepIssued,
)
from foundry_contracts.models.formats_plan import PlanUnit
from foundry_contracts.vocabulary import Attestation, FailureReason, PauseReason, StepType, UnitKind
from foundry_mcp.machine.gate import findings_for_person
from foundry_mcp.machine.gate_audit import audit
from foundry_mcp.machine.optional import or_absent
from foundry_mcp.machine.outcome import apply_to
from foundry_mcp.machine.position import first_ready
from foundry_mcp.machine.session import Session
from foundry_mcp.machine.situation import Situation
from foundry_mcp.machine.view import is_manual
from foundry_mcp.machine.work import work_of


def advance(
    state: Session, situation: Situation, context_percent: int | None = None, *, rehearsed: bool = False
) -> tuple[EventPayload, ...]:
    """Choose the next events of a running session with no step out: a step, a pause, a failure or the end.

    `rehearsed`: nothing was carried out, so that there is no evidence to audit.
    """
    if _structure_changed(state, situation):
        return (SessionFailed(reason=FailureReason.SPEC_STRUCTURE_CHANGED),)
    limit = _limit_reached(state, context_percent)
    if limit is not None:
        return (_pause(state, limit),)
    if state.feedback is not None:
        return (_issue(state, situation, StepType.ADDRESS_FEEDBACK, state.feedback.unit_id),)
    unit = first_ready(state)
    if unit is not None:
        return (_next_unit(state, situation, unit),)
    if state.done_in_phase < len(state.phase.units):
        blocked = next((unit.id for unit in state.phase.units if unit.id in state.blocked), None)
        return (SessionPaused(reason=PauseReason.BLOCKED, phase_id=state.phase.phase.id, unit_id=or_absent(blocked)),)
    if state.gate_waits_for_person:
        return (_pause(state, PauseReason.GATE_REVIEW_REQUIRED),)
    if not state.gate_passed:
        return (_issue(state, situation, StepType.RUN_FIDELITY_GATE, None),)
    failing = None if rehearsed else audit(state, situation)
    if failing is not None:
        return (failing, SessionPaused(reason=PauseReason.GATE_FAILED, phase_id=state.phase.phase.id))
    return _complete_phase(state, situation, rehearsed=rehearsed)


def _structure_changed(state: Session, situation: Situation) -> bool:
    spec = situation.spec
    if spec is None:
        return False
    return spec.plan is not None and spec.plan.structure_digest != state.plan.structure_digest


def _limit_reached(state: Session, context_percent: int | None) -> PauseReason | None:
    limits = state.settings
    if context_percent is not None and context_percent >= limits.max_context_percent:
        return PauseReason.CONTEXT_LIMIT
    if len(state.errors) >= limits.max_consecutive_errors:
        return PauseReason.ERROR_THRESHOLD
    if any(state.attempts[work] >= limits.max_attempts for work in state.errors):
        return PauseReason.ATTEMPT_LIMIT
    if state.stuck is not None:
        return PauseReason.NO_PROGRESS
    waits_for_gate = state.feedback is not None and state.feedback.unit_id is None
    if waits_for_gate and state.gate_cycles >= limits.max_feedback_cycles:
        return PauseReason.FEEDBACK_CYCLE_LIMIT
    return None


def _pause(state: Session, reason: PauseReason) -> SessionPaused:
    """Pause; where somebody has to look at a gate or at a check that makes no progress, with what was found last."""
    stuck = state.stuck if reason is PauseReason.NO_PROGRESS else None
    about_gate = reason in (PauseReason.GATE_REVIEW_REQUIRED, PauseReason.FEEDBACK_CYCLE_LIMIT)
    findings = findings_for_person(state) if about_gate else []
    if stuck is not None and state.feedback is not None and state.feedback.unit_id == stuck:
        findings = list(state.feedback.findings)
    return SessionPaused(
        reason=reason,
        phase_id=state.phase.phase.id,
        unit_id=or_absent(stuck),
        findings=or_absent(findings or None),
    )


def _next_unit(state: Session, situation: Situation, unit: PlanUnit) -> EventPayload:
    if unit.kind is UnitKind.TASK and state.tasks_issued >= state.settings.max_tasks:
        return SessionPaused(reason=PauseReason.TASK_LIMIT, phase_id=state.phase.phase.id)
    if unit.kind is UnitKind.TASK:
        return _issue(state, situation, StepType.IMPLEMENT_TASK, unit.id)
    if is_manual(unit) and state.settings.attestation is Attestation.OPERATOR:
        return SessionPaused(
            reason=PauseReason.VERIFICATION_ATTESTATION, phase_id=state.phase.phase.id, unit_id=unit.id
        )
    return _issue(state, situation, StepType.EXECUTE_VERIFICATION, unit.id)


def _issue(state: Session, situation: Situation, step_type: StepType, unit: str | None) -> StepIssued:
    phase = state.phase.phase.id
    tries = state.issued.get(work_of(step_type, unit, phase)) or 0
    return StepIssued(
        step_id=situation.ids.step, type=step_type, phase_id=phase, unit_id=or_absent(unit), attempt=tries + 1
    )


def _complete_phase(state: Session, situation: Situation, *, rehearsed: bool) -> tuple[EventPayload, ...]:
    done = PhaseCompleted(phase_id=state.phase.phase.id)
    if state.is_last_phase:
        return (done, SessionCompleted(phases=len(state.plan.phases)))
    if state.settings.stop_on_phase_completion:
        return (done, SessionPaused(reason=PauseReason.PHASE_COMPLETE, phase_id=state.phase.phase.id))
    return (done, *advance(apply_to(state, situation, (done,)), situation, rehearsed=rehearsed))
