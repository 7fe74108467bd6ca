"""What a reported result is worth: its event, once the evidence it needs is there."""

from __future__ import annotations

from pydantic_core import MISSING

from foundry_contracts.handlers import Refusal
from foundry_contracts.models.events_session import GateFinished, StepReported, VerificationFinished
from foundry_contracts.models.formats_session import StepResult
from foundry_contracts.vocabulary import ErrorCode, Outcome, Role, StepType
from foundry_mcp.machine.gate import accepts
from foundry_mcp.machine.proof import proof_digest
from foundry_mcp.machine.roles import permits, unauthorized
from foundry_mcp.machine.session import Outstanding, Session
from foundry_mcp.machine.view import find_unit, is_manual


def judge(state: Session, step: Outstanding, result: StepResult, role: Role) -> StepReported | Refusal:
    """Give the event that records a result, or say which evidence is missing or wrong."""
    if step.type is StepType.RUN_FIDELITY_GATE:
        return _judge_gate(state, step, result)
    if result.outcome is Outcome.SKIPPED:
        return _judge_skip(step, result, role)
    if step.type is StepType.EXECUTE_VERIFICATION and result.outcome is Outcome.SUCCESS:
        return _judge_verification(state, step, result)
    return _reported(step, result, result.outcome)


def _judge_gate(state: Session, step: Outstanding, result: StepResult) -> StepReported | Refusal:
    """Take the verdict from the server's own record, whatever the caller says the outcome was."""
    run = step.finished
    if not isinstance(run, GateFinished) or result.attempt_id != run.attempt_id:
        message = "The result names no finished review of this step."
        return Refusal(ErrorCode.INVALID_GATE_EVIDENCE, message, {"step_id": step.step_id})
    return _reported(step, result, Outcome.SUCCESS if accepts(state.settings, run.verdict) else Outcome.FAILURE)


def _judge_skip(step: Outstanding, result: StepResult, role: Role) -> StepReported | Refusal:
    details = {"step_id": step.step_id}
    if not permits(role, Role.MAINTAINER):
        return unauthorized(role, Role.MAINTAINER, "have a step skipped")
    if result.note is MISSING or not result.note.strip():
        return Refusal(ErrorCode.SKIP_REASON_MISSING, "A skipped step needs a note that says why.", details)
    return _reported(step, result, result.outcome)


def _judge_verification(state: Session, step: Outstanding, result: StepResult) -> StepReported | Refusal:
    unit = find_unit(state, step.unit_id)
    if unit is not None and is_manual(unit):
        return _reported(step, result, result.outcome, attested=True)
    details = {"step_id": step.step_id}
    run = step.finished
    if result.attempt_id is MISSING:
        return Refusal(ErrorCode.VERIFICATION_RECEIPT_MISSING, "The result names no receipt.", details)
    if not isinstance(run, VerificationFinished) or run.attempt_id != result.attempt_id:
        return Refusal(ErrorCode.VERIFICATION_RECEIPT_INVALID, "The receipt is not one of this step's.", details)
    if not run.passed:
        message = "The receipt says that the verification did not pass; report a failure."
        return Refusal(ErrorCode.VERIFICATION_RECEIPT_INVALID, message, details)
    return _reported(step, result, result.outcome)


def _reported(step: Outstanding, result: StepResult, outcome: Outcome, attested: bool | None = None) -> StepReported:
    if result.proof is MISSING:
        raise ValueError("a result is judged after its proof")
    return StepReported(
        step_id=step.step_id,
        type=step.type,
        phase_id=step.phase_id,
        unit_id=result.unit_id,
        outcome=outcome,
        proof_digest=proof_digest(result.proof),
        attempt_id=result.attempt_id,
        attested=MISSING if attested is None else attested,
        note=result.note,
        files_touched=result.files_touched,
    )
