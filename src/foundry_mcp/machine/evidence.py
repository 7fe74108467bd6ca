"""What a reported result is worth: its event, once the evidence it needs is there."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic_core import MISSING

from foundry_contracts.handlers import Refusal
from foundry_contracts.models.events_session import GateFinished, StepReported, VerificationFinished
from foundry_contracts.models.formats_session import StepResult
from foundry_contracts.vocabulary import ErrorCode, Outcome, Role, StepType
from foundry_mcp.machine.gate import accepts
from foundry_mcp.machine.proof import proof_digest, proof_of
from foundry_mcp.machine.receipts import evidence_in, faults
from foundry_mcp.machine.roles import permits, unauthorized
from foundry_mcp.machine.session import Outstanding, Session
from foundry_mcp.machine.situation import Situation
from foundry_mcp.machine.view import find_unit, is_manual


def judge(state: Session, step: Outstanding, result: StepResult, situation: Situation) -> StepReported | Refusal:
    """Give the event that records a result, or say which evidence is missing or wrong."""
    if step.type is StepType.RUN_FIDELITY_GATE:
        return _judge_gate(state, step, result, situation)
    if result.outcome is Outcome.SKIPPED:
        return _judge_skip(step, result, situation.caller.role)
    if step.type is StepType.EXECUTE_VERIFICATION and result.outcome is Outcome.SUCCESS:
        return _judge_verification(state, step, result, situation)
    return _reported(step, result, result.outcome)


def run_faults(state: Session, step: Outstanding, situation: Situation) -> list[str]:
    """Name what is wrong with the evidence of the finished run of the step that is out; nothing where it holds."""
    run = step.finished
    if run is None:
        raise ValueError(f"the run of step {step.step_id} has not ended")
    statement = situation.opened(evidence_in(run))
    digest = proof_digest(proof_of(state.session_id, step, situation.mac))
    return faults(statement, state.session_id, state.spec_id, step, find_unit(state, step.unit_id), digest)


def _judge_gate(state: Session, step: Outstanding, result: StepResult, situation: Situation) -> StepReported | Refusal:
    """Take the verdict from the server's own record, whatever the caller says the outcome was."""
    run, code = step.finished, ErrorCode.INVALID_GATE_EVIDENCE
    if not isinstance(run, GateFinished) or result.attempt_id != run.attempt_id:
        return _unfit(code, step, "The result names no finished review of this step.", ["attempt_id"])
    begun = step.started.attempt_id if step.started else None
    recorded = {"attempt_id": begun, "step_id": step.step_id, "phase_id": step.phase_id}
    foreign = [name for name, value in recorded.items() if getattr(run, name) != value]
    if foreign:
        return _unfit(code, step, "The review is of another step or attempt.", foreign)
    wrong = run_faults(state, step, situation)
    if wrong:
        message = "The review's evidence is not what the server signed."
        return _unfit(ErrorCode.GATE_INTEGRITY_CHECKSUM, step, message, wrong)
    return _reported(step, result, Outcome.SUCCESS if accepts(state.settings, run.verdict) else Outcome.FAILURE)


def _judge_skip(step: Outstanding, result: StepResult, role: Role) -> StepReported | Refusal:
    details = {"step_id": step.step_id}
    if not permits(role, Role.MAINTAINER):
        return unauthorized(role, Role.MAINTAINER, "have a step skipped")
    if result.note is MISSING or not result.note.strip():
        return Refusal(ErrorCode.SKIP_REASON_MISSING, "A skipped step needs a note that says why.", details)
    return _reported(step, result, result.outcome)


def _judge_verification(
    state: Session, step: Outstanding, result: StepResult, situation: Situation
) -> StepReported | Refusal:
    unit = find_unit(state, step.unit_id)
    if unit is not None and is_manual(unit):
        return _reported(step, result, result.outcome, attested=True)
    run, code = step.finished, ErrorCode.VERIFICATION_RECEIPT_INVALID
    begun = step.started.attempt_id if step.started else None
    if result.attempt_id is MISSING or (run is None and result.attempt_id == begun):
        message = "The result names no receipt." if begun is None or run else "The command has left no receipt yet."
        return Refusal(ErrorCode.VERIFICATION_RECEIPT_MISSING, message, {"step_id": step.step_id})
    if not isinstance(run, VerificationFinished) or run.attempt_id != result.attempt_id:
        return _unfit(code, step, "The receipt is not one of this step's.", ["attempt_id"])
    wrong = run_faults(state, step, situation)
    if wrong:
        return _unfit(code, step, f"The receipt says otherwise than the log: {', '.join(wrong)}.", wrong)
    if not run.passed:
        return _unfit(code, step, "The receipt says that the verification did not pass; report a failure.", ["passed"])
    return _reported(step, result, result.outcome)


def _unfit(code: ErrorCode, step: Outstanding, message: str, differs: Sequence[str]) -> Refusal:
    return Refusal(code, message, {"step_id": step.step_id, "differs": list(differs)})


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
