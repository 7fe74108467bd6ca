"""Decisions on steps: next, report, replay, heartbeat."""

from __future__ import annotations

from pydantic_core import MISSING

from foundry_contracts.events import EventPayload
from foundry_contracts.handlers import Accepted, JsonValue, Refusal
from foundry_contracts.models.events_session import GateAuditFailed, LateReport, SessionPaused
from foundry_contracts.models.formats_session import StepResult
from foundry_contracts.models.task_session_step_heartbeat import (
    SessionStepHeartbeatRequest,
    SessionStepHeartbeatResponse,
)
from foundry_contracts.models.task_session_step_next import SessionStepNextRequest, SessionStepNextResponse
from foundry_contracts.models.task_session_step_replay import SessionStepReplayRequest, SessionStepReplayResponse
from foundry_contracts.models.task_session_step_report import SessionStepReportRequest, SessionStepReportResponse
from foundry_contracts.vocabulary import CommandName, ErrorCode, PauseReason, SessionStatus
from foundry_mcp.machine.advance import advance
from foundry_mcp.machine.decide_session import session_reply, superseding
from foundry_mcp.machine.evidence import judge
from foundry_mcp.machine.moments import seconds_between
from foundry_mcp.machine.optional import given
from foundry_mcp.machine.outcome import Decided, apply_to, held_session, last_sign_of_life
from foundry_mcp.machine.proof import proof_of
from foundry_mcp.machine.refusals import spec_gone
from foundry_mcp.machine.session import Outstanding, Session
from foundry_mcp.machine.situation import Situation
from foundry_mcp.machine.view import step_view


def next_step(situation: Situation, request: SessionStepNextRequest) -> Accepted[SessionStepNextResponse] | Refusal:
    """Record the last step's result, if one is given, and choose what comes next."""
    found = held_session(situation, CommandName.TASK_SESSION_STEP_NEXT, request.run_id)
    if isinstance(found, Refusal):
        return found
    state, held = found
    stale = _stale(state, situation)
    recorded = _record(state, situation, request.last_step_result)
    if isinstance(recorded, Refusal):
        return recorded
    events = (*held, *recorded)
    state = apply_to(state, situation, events) if events else state
    if state.status is SessionStatus.RUNNING:
        following = _following(state, situation, stale, given(request.context_percent))
        if isinstance(following, Refusal):
            return following
        failing = next((event for event in following if isinstance(event, GateAuditFailed)), None)
        if failing is not None:
            return _audit_refused(situation, held, following if not recorded else following[-2:], failing)
        events, state = (*events, *following), apply_to(state, situation, following)
    return Decided(_next_reply(state, situation), events, state)


def _following(
    state: Session, situation: Situation, stale: SessionPaused | None, context_percent: int | None
) -> tuple[EventPayload, ...] | Refusal:
    # A late report was recorded first: going stale loses nothing, it only has somebody look before more is begun.
    if stale is not None:
        return (stale,)
    refusal = _step_still_out(state) or _spec_unavailable(state, situation)
    return advance(state, situation, context_percent) if refusal is None else refusal


def _audit_refused(
    situation: Situation, held: tuple[EventPayload, ...], following: tuple[EventPayload, ...], failing: GateAuditFailed
) -> Refusal:
    """Refuse to complete a phase, and pause. A result that came with the call is not recorded: its step is given up."""
    state = situation.session
    if state is None:
        raise ValueError("an audit is of a session")
    findings = [finding.model_dump(mode="json", exclude_unset=True) for finding in failing.findings]
    message = f"The phase is not completed: {' '.join(finding.message for finding in failing.findings)}"
    details: dict[str, JsonValue] = {"session_id": state.session_id, "findings": findings}
    return Refusal(failing.error_code, message, details, (*held, *superseding(state), *following))


def _stale(state: Session, situation: Situation) -> SessionPaused | None:
    """Say whether the step that is out was out for too long, or its run silent for too long."""
    step, limits = state.outstanding, state.settings
    if step is None:
        return None
    if seconds_between(last_sign_of_life(state, situation), situation.now) > limits.heartbeat_stale_s:
        return SessionPaused(reason=PauseReason.HEARTBEAT_STALE, phase_id=step.phase_id)
    if seconds_between(step.issued_at, situation.now) > limits.step_stale_s:
        return SessionPaused(reason=PauseReason.STEP_STALE, phase_id=step.phase_id)
    return None


def _next_reply(state: Session, situation: Situation) -> SessionStepNextResponse:
    reply = session_reply(state, situation)
    if state.status is SessionStatus.RUNNING and state.outstanding is not None:
        reply["step"] = step_view(state, state.outstanding, situation.mac)
    return SessionStepNextResponse(**reply)


def _step_still_out(state: Session) -> Refusal | None:
    step = state.outstanding
    if step is None:
        return None
    message = f"Step {step.step_id} is out and was not reported."
    return Refusal(ErrorCode.STEP_RESULT_REQUIRED, message, _identity(state, step))


def _spec_unavailable(state: Session, situation: Situation) -> Refusal | None:
    problem = situation.spec_problem
    if problem is None:
        if situation.spec is None:
            return spec_gone(state.spec_id)
        # A file that is refused as it stands, half saved perhaps, is no new structure: mending it mends the session.
        if situation.spec.plan is not None:
            return None
        problem = f"The file of spec {state.spec_id!r} is refused as it stands; spec validate says why."
    return Refusal(ErrorCode.SPEC_UNAVAILABLE, problem, {"spec_id": state.spec_id})


def _identity(state: Session, step: Outstanding) -> dict[str, JsonValue]:
    identity: dict[str, JsonValue] = {
        "session_id": state.session_id,
        "step_id": step.step_id,
        "type": step.type.value,
        "phase_id": step.phase_id,
    }
    if step.unit_id is not None:
        identity["unit_id"] = step.unit_id
    return identity


def _record(state: Session, situation: Situation, result: StepResult | MISSING) -> tuple[EventPayload, ...] | Refusal:
    if result is MISSING or situation.recorded_elsewhere:
        return ()
    if result.step_id in state.superseded:
        return _late(state, result)
    step = state.outstanding
    if step is None:
        return Refusal(ErrorCode.NO_STEP_OUT, "No step is out.", {"session_id": state.session_id})
    refusal = _not_this_step(state, step, result) or _not_its_proof(state, step, result, situation)
    if refusal is not None:
        return refusal
    judged = judge(state, step, result, situation)
    return judged if isinstance(judged, Refusal) else (judged,)


def _late(state: Session, result: StepResult) -> Refusal:
    """Refuse the report of a step that was given up; the first one is recorded."""
    known = state.superseded[result.step_id]
    late = () if known else (LateReport(step_id=result.step_id, outcome=result.outcome),)
    message = f"Step {result.step_id} was given up, and waits for no report any more."
    return Refusal(ErrorCode.STEP_SUPERSEDED, message, {"session_id": state.session_id}, late)


def _not_this_step(state: Session, step: Outstanding, result: StepResult) -> Refusal | None:
    expected = (step.step_id, step.type, step.phase_id, step.unit_id if step.unit_id is not None else MISSING)
    if (result.step_id, result.type, result.phase_id, result.unit_id) == expected:
        return None
    return Refusal(ErrorCode.STEP_MISMATCH, "The result is not of the step that is out.", _identity(state, step))


def _not_its_proof(state: Session, step: Outstanding, result: StepResult, situation: Situation) -> Refusal | None:
    if result.proof is MISSING:
        return Refusal(ErrorCode.STEP_PROOF_MISSING, "The result carries no proof.", _identity(state, step))
    if result.proof == proof_of(state.session_id, step, situation.mac):
        return None
    return Refusal(ErrorCode.STEP_PROOF_MISMATCH, "The proof is not this step's.", _identity(state, step))


def report(situation: Situation, request: SessionStepReportRequest) -> Accepted[SessionStepReportResponse] | Refusal:
    """Record a step's result."""
    found = held_session(situation, CommandName.TASK_SESSION_STEP_REPORT, request.run_id)
    if isinstance(found, Refusal):
        return found
    state, held = found
    recorded = _record(state, situation, request.result)
    if isinstance(recorded, Refusal):
        return recorded
    events = (*held, *recorded)
    after = apply_to(state, situation, events) if events else state
    return Decided(SessionStepReportResponse(**session_reply(after, situation)), events, after)


def replay(situation: Situation, request: SessionStepReplayRequest) -> Accepted[SessionStepReplayResponse] | Refusal:
    """Hand the step that is out, out again. (A used proof's answer is given before a decision is asked.)"""
    found = held_session(situation, CommandName.TASK_SESSION_STEP_REPLAY, request.run_id)
    if isinstance(found, Refusal):
        return found
    state, held = found
    step = state.outstanding
    if step is None:
        return Refusal(ErrorCode.NO_STEP_OUT, "No step is out.", {"session_id": state.session_id})
    if request.proof is not MISSING and request.proof != proof_of(state.session_id, step, situation.mac):
        return Refusal(ErrorCode.STEP_PROOF_MISMATCH, "The proof is not this step's.", _identity(state, step))
    state = apply_to(state, situation, held) if held else state
    reply = session_reply(state, situation)
    return Accepted(SessionStepReplayResponse(**reply, step=step_view(state, step, situation.mac)), held)


def heartbeat(
    situation: Situation, request: SessionStepHeartbeatRequest
) -> Accepted[SessionStepHeartbeatResponse] | Refusal:
    """Answer a sign of life; the fact itself is kept beside the log."""
    found = held_session(situation, CommandName.TASK_SESSION_STEP_HEARTBEAT, request.run_id)
    if isinstance(found, Refusal):
        return found
    state, held = found
    state = apply_to(state, situation, held) if held else state
    return Accepted(SessionStepHeartbeatResponse(**session_reply(state, situation)), held)
