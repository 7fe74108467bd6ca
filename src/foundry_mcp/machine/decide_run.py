"""Decisions on what the server runs itself: a verification's command, a phase's review.

A call starts the run, joins it, or gives its result: which of the three follows from the state alone, so the same
call may be sent as often as one likes.
"""

from __future__ import annotations

from pydantic_core import MISSING

from foundry_contracts.events import EventPayload
from foundry_contracts.handlers import Accepted, Refusal
from foundry_contracts.models.events_session import (
    GateFinished,
    GateStarted,
    RunInterrupted,
    VerificationFinished,
    VerificationStarted,
)
from foundry_contracts.models.review_fidelity_gate import ReviewFidelityGateRequest, ReviewFidelityGateResponse
from foundry_contracts.models.verification_execute import VerificationExecuteRequest, VerificationExecuteResponse
from foundry_contracts.vocabulary import CommandName, ErrorCode, RunState, StepType
from foundry_mcp.machine.commands import command_of
from foundry_mcp.machine.evidence import run_faults
from foundry_mcp.machine.gate import accepts
from foundry_mcp.machine.outcome import apply_to, held_session
from foundry_mcp.machine.session import Outstanding, Session
from foundry_mcp.machine.signal import signal_of
from foundry_mcp.machine.situation import Situation
from foundry_mcp.machine.view import find_unit, is_manual


def execute_verification(
    situation: Situation, request: VerificationExecuteRequest
) -> Accepted[VerificationExecuteResponse] | Refusal:
    """Start, join or tell the run of the verification step that is out."""
    command = CommandName.VERIFICATION_EXECUTE
    found = _step_out(situation, command, StepType.EXECUTE_VERIFICATION, request.step_id, request.run_id)
    if isinstance(found, Refusal):
        return found
    state, step, held = found
    unit = find_unit(state, step.unit_id)
    if unit is None or is_manual(unit):
        message = "The check is made by hand: report whether it passed."
        return Refusal(ErrorCode.NO_STEP_OUT, message, {"step_id": step.step_id})
    if isinstance(step.finished, VerificationFinished) and not run_faults(state, step, situation):
        return Accepted(_verification_reply(state, step.finished), held)
    events = held
    if _is_to_begin(step, situation):
        started = VerificationStarted(
            attempt_id=situation.ids.attempt,
            step_id=step.step_id,
            unit_id=unit.id,
            command=command_of(unit, state.settings),
            command_replaced=bool(state.settings.replace_command),
        )
        events = (*held, *_interrupted(step), started)
    attempt = _attempt_after(state, situation, events)
    signal = signal_of(state).loop_signal
    return Accepted(VerificationExecuteResponse(loop_signal=signal, state=RunState.RUNNING, attempt_id=attempt), events)


def _verification_reply(state: Session, run: VerificationFinished) -> VerificationExecuteResponse:
    return VerificationExecuteResponse(
        loop_signal=signal_of(state).loop_signal,
        state=RunState.FINISHED,
        attempt_id=run.attempt_id,
        passed=run.passed,
        exit_code=run.exit_code,
        timed_out=run.timed_out,
        error=run.error,
        output_tail=run.output_tail,
        protected_changes=run.protected_changes,
        receipt=run.receipt,
    )


def run_gate(
    situation: Situation, request: ReviewFidelityGateRequest
) -> Accepted[ReviewFidelityGateResponse] | Refusal:
    """Start, join or tell the review of the gate step that is out."""
    command = CommandName.REVIEW_FIDELITY_GATE
    found = _step_out(situation, command, StepType.RUN_FIDELITY_GATE, request.step_id, request.run_id)
    if isinstance(found, Refusal):
        return found
    state, step, held = found
    if isinstance(step.finished, GateFinished) and not run_faults(state, step, situation):
        return Accepted(_gate_reply(state, step.finished), held)
    events = held
    if _is_to_begin(step, situation):
        started = GateStarted(attempt_id=situation.ids.attempt, step_id=step.step_id, phase_id=step.phase_id)
        events = (*held, *_interrupted(step), started)
    attempt = _attempt_after(state, situation, events)
    signal = signal_of(state).loop_signal
    return Accepted(ReviewFidelityGateResponse(loop_signal=signal, state=RunState.RUNNING, attempt_id=attempt), events)


def _gate_reply(state: Session, run: GateFinished) -> ReviewFidelityGateResponse:
    return ReviewFidelityGateResponse(
        loop_signal=signal_of(state).loop_signal,
        state=RunState.FINISHED,
        attempt_id=run.attempt_id,
        verdict=run.verdict,
        passed=accepts(state.settings, run.verdict),
        findings=run.findings,
    )


def _step_out(
    situation: Situation, command: CommandName, wanted: StepType, step_id: str, run_id: str | MISSING
) -> tuple[Session, Outstanding, tuple[EventPayload, ...]] | Refusal:
    found = held_session(situation, command, run_id)
    if isinstance(found, Refusal):
        return found
    state, held = found
    step = state.outstanding
    if step is None or step.type is not wanted:
        message = f"No {wanted.value} step is out."
        return Refusal(ErrorCode.NO_STEP_OUT, message, {"session_id": state.session_id})
    if step.step_id != step_id:
        return Refusal(ErrorCode.STEP_MISMATCH, f"The step that is out is {step.step_id}.", {"step_id": step.step_id})
    return state, step, held


def _is_to_begin(step: Outstanding, situation: Situation) -> bool:
    """Tell whether a run is to be begun: none was, it is lost, or what it left does not hold and is not given out."""
    return step.started is None or step.finished is not None or situation.run_lost


def _interrupted(step: Outstanding) -> tuple[EventPayload, ...]:
    return () if step.started is None else (RunInterrupted(attempt_id=step.started.attempt_id),)


def _attempt_after(state: Session, situation: Situation, events: tuple[EventPayload, ...]) -> str:
    after = apply_to(state, situation, events) if events else state
    if after.outstanding is None or after.outstanding.started is None:
        raise ValueError("a run that was begun is out")
    return after.outstanding.started.attempt_id
