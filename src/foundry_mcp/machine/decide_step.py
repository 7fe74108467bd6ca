"""Decisions on steps: next, report, replay, heartbeat."""

from __future__ import annotations

from pydantic_core import MISSING

from foundry_contracts.events import EventPayload
from foundry_contracts.handlers import Accepted, JsonValue, Refusal
from foundry_contracts.models.formats_session import StepResult
from foundry_contracts.models.task_session_step_heartbeat import (
    SessionStepHeartbeatRequest,
    SessionStepHeartbeatResponse,
)
from foundry_contracts.models.task_session_step_next import SessionStepNextRequest, SessionStepNextResponse
from foundry_contracts.models.task_session_step_replay import SessionStepReplayRequest, SessionStepReplayResponse
from foundry_contracts.models.task_session_step_report import SessionStepReportRequest, SessionStepReportResponse
from foundry_contracts.vocabulary import CommandName, ErrorCode, SessionStatus
from foundry_mcp.machine.advance import advance
from foundry_mcp.machine.decide_session import session_reply
from foundry_mcp.machine.evidence import judge
from foundry_mcp.machine.outcome import apply_to, session_or_refusal
from foundry_mcp.machine.proof import proof_of
from foundry_mcp.machine.session import Outstanding, Session
from foundry_mcp.machine.situation import Situation
from foundry_mcp.machine.view import step_view


def next_step(situation: Situation, request: SessionStepNextRequest) -> Accepted[SessionStepNextResponse] | Refusal:
    """Record the last step's result, if one is given, and choose what comes next."""
    state = session_or_refusal(situation, CommandName.TASK_SESSION_STEP_NEXT)
    if isinstance(state, Refusal):
        return state
    events: tuple[EventPayload, ...] = ()
    if request.last_step_result is not MISSING:
        recorded = _record(state, situation, request.last_step_result)
        if isinstance(recorded, Refusal):
            return recorded
        events, state = recorded, apply_to(state, situation, recorded) if recorded else state
    if state.status is SessionStatus.RUNNING:
        refusal = _step_still_out(state) or _spec_unavailable(state, situation)
        if refusal is not None:
            return refusal
        following = advance(state, situation)
        events, state = (*events, *following), apply_to(state, situation, following)
    return Accepted(_next_reply(state, situation), events)


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
    if problem is None and situation.spec is not None:
        return None
    message = problem or f"The file of spec {state.spec_id!r} is gone."
    return Refusal(ErrorCode.SPEC_UNAVAILABLE, message, {"spec_id": state.spec_id})


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


def _record(state: Session, situation: Situation, result: StepResult) -> tuple[EventPayload, ...] | Refusal:
    if situation.recorded_elsewhere:
        return ()
    step = state.outstanding
    if step is None:
        return Refusal(ErrorCode.NO_STEP_OUT, "No step is out.", {"session_id": state.session_id})
    refusal = _not_this_step(state, step, result) or _not_its_proof(state, step, result, situation)
    if refusal is not None:
        return refusal
    judged = judge(state, step, result)
    return judged if isinstance(judged, Refusal) else (judged,)


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
    state = session_or_refusal(situation, CommandName.TASK_SESSION_STEP_REPORT)
    if isinstance(state, Refusal):
        return state
    recorded = _record(state, situation, request.result)
    if isinstance(recorded, Refusal):
        return recorded
    after = apply_to(state, situation, recorded) if recorded else state
    return Accepted(SessionStepReportResponse(**session_reply(after, situation)), recorded)


def replay(situation: Situation, request: SessionStepReplayRequest) -> Accepted[SessionStepReplayResponse] | Refusal:
    """Hand the step that is out, out again. (A used proof's answer is given before a decision is asked.)"""
    state = session_or_refusal(situation, CommandName.TASK_SESSION_STEP_REPLAY)
    if isinstance(state, Refusal):
        return state
    step = state.outstanding
    if step is None:
        return Refusal(ErrorCode.NO_STEP_OUT, "No step is out.", {"session_id": state.session_id})
    if request.proof is not MISSING and request.proof != proof_of(state.session_id, step, situation.mac):
        return Refusal(ErrorCode.STEP_PROOF_MISMATCH, "The proof is not this step's.", _identity(state, step))
    reply = session_reply(state, situation)
    return Accepted(SessionStepReplayResponse(**reply, step=step_view(state, step, situation.mac)))


def heartbeat(
    situation: Situation, request: SessionStepHeartbeatRequest
) -> Accepted[SessionStepHeartbeatResponse] | Refusal:
    """Answer a sign of life; the fact itself is kept beside the log."""
    state = session_or_refusal(situation, CommandName.TASK_SESSION_STEP_HEARTBEAT)
    if isinstance(state, Refusal):
        return state
    return Accepted(SessionStepHeartbeatResponse(**session_reply(state, situation)))
