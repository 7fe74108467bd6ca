"""What a caller sees of a session and of the step that is out."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from pydantic_core import MISSING

from foundry_contracts.dispatch import COMMANDS
from foundry_contracts.models.common import ReviewFinding, ToolCall
from foundry_contracts.models.formats_plan import PlanUnit
from foundry_contracts.models.formats_session import PhaseProgress, Progress, SessionView, Step, StepUnit
from foundry_contracts.vocabulary import CommandName, Outcome, StepType, UnitKind, VerificationKind
from foundry_mcp.machine.optional import or_absent
from foundry_mcp.machine.proof import proof_of
from foundry_mcp.machine.session import Outstanding, Session

_INSTRUCTIONS = {
    StepType.IMPLEMENT_TASK: "Do the task so that every acceptance criterion holds, then report.",
    StepType.EXECUTE_VERIFICATION: "Send run_call, then report with the attempt_id it answers.",
    StepType.RUN_FIDELITY_GATE: "Send run_call, then report with the attempt_id it answers.",
    StepType.ADDRESS_FEEDBACK: "Mend every finding, then report.",
}
_MANUAL = "Carry out the check by hand, then report whether it passed."
_RUNS = {
    StepType.EXECUTE_VERIFICATION: CommandName.VERIFICATION_EXECUTE,
    StepType.RUN_FIDELITY_GATE: CommandName.REVIEW_FIDELITY_GATE,
}


def session_view(state: Session, last_sign_of_life: str | None) -> SessionView:
    """Show a session."""
    step = state.outstanding
    return SessionView(
        session_id=state.session_id,
        spec_id=state.spec_id,
        title=state.plan.plan.title,
        status=state.status,
        pause_reason=or_absent(state.pause_reason),
        pause_unit_id=or_absent(state.pause_unit),
        findings=or_absent(list(state.pause_findings) or None),
        failure_reason=or_absent(state.failure_reason),
        version=state.version,
        phase=_phase_progress(state),
        progress=progress_of(state.plan.total_units, len(state.standing)),
        last_step_id=or_absent(state.last_step_id),
        last_step_type=or_absent(state.last_step_type),
        current_task_id=or_absent(step.unit_id if step else None),
        last_sign_of_life=or_absent(last_sign_of_life),
        holder=state.run_id,
        blocked_units=len(state.blocked),
        started_at=state.started_at,
        updated_at=state.updated_at,
    )


def _phase_progress(state: Session) -> PhaseProgress:
    return PhaseProgress(
        phase_id=state.phase.phase.id,
        title=state.phase.phase.title,
        number=state.phase_number + 1,
        of=len(state.plan.phases),
        progress=progress_of(len(state.phase.units), state.done_in_phase),
    )


# Nobody changes what is shown, and how far a session is stays the same from one look to the next.
@lru_cache
def progress_of(total: int, completed: int) -> Progress:
    """Say how far so many of so many are."""
    percent = 100 * completed // total if total else 100
    return Progress(total=total, completed=completed, remaining=total - completed, percent=percent)


def step_view(state: Session, step: Outstanding, mac: Callable[[str], str]) -> Step:
    """Show the step that is out, with everything needed to do it and to report it."""
    unit = find_unit(state, step.unit_id)
    proof = proof_of(state.session_id, step, mac)
    by_hand = unit is not None and is_manual(unit) and step.type is StepType.EXECUTE_VERIFICATION
    return Step(
        step_id=step.step_id,
        type=step.type,
        session_id=state.session_id,
        spec_id=state.spec_id,
        phase_id=step.phase_id,
        phase_title=state.phase.phase.title,
        unit=MISSING if unit is None else _unit_view(unit),
        attempt=step.attempt,
        proof=proof,
        instruction=_MANUAL if by_hand else _INSTRUCTIONS[step.type],
        findings=_findings(state, step),
        run_call=MISSING if by_hand or step.type not in _RUNS else _run_call(state, step),
        report_call=_report_call(state, step, proof),
    )


def find_unit(state: Session, unit: str | None) -> PlanUnit | None:
    """Give a unit of the phase being worked on; None where it has no such unit."""
    number = None if unit is None else state.phase.number_of.get(unit)
    return None if number is None else state.phase.units[number]


def is_manual(unit: PlanUnit) -> bool:
    """Tell whether somebody has to attest the unit's result."""
    return unit.verification is not MISSING and unit.verification.kind is VerificationKind.MANUAL


def is_by_command(unit: PlanUnit) -> bool:
    """Tell whether the server runs a command to check the unit."""
    return unit.kind is UnitKind.VERIFY and not is_manual(unit)


def _unit_view(unit: PlanUnit) -> StepUnit:
    return StepUnit(
        id=unit.id,
        kind=unit.kind,
        title=unit.title,
        description=unit.description,
        file_path=unit.file_path,
        acceptance_criteria=unit.acceptance_criteria,
        verification=unit.verification,
    )


def _findings(state: Session, step: Outstanding) -> list[ReviewFinding]:
    wanted = step.type is StepType.ADDRESS_FEEDBACK and state.feedback is not None
    return list(state.feedback.findings) if wanted and state.feedback else []


def _call(command: CommandName, params: dict[str, object]) -> ToolCall:
    entry = COMMANDS[command]
    return ToolCall(tool=entry.tool, action=entry.action, command=or_absent(entry.command), params=params)


def _run_call(state: Session, step: Outstanding) -> ToolCall:
    return _call(_RUNS[step.type], {"session_id": state.session_id, "run_id": state.run_id, "step_id": step.step_id})


def _report_call(state: Session, step: Outstanding, proof: str) -> ToolCall:
    result: dict[str, object] = {
        "step_id": step.step_id,
        "type": step.type.value,
        "phase_id": step.phase_id,
        "proof": proof,
        "outcome": Outcome.SUCCESS.value,
    }
    if step.unit_id is not None:
        result["unit_id"] = step.unit_id
    return _call(
        CommandName.TASK_SESSION_STEP_REPORT, {"session_id": state.session_id, "run_id": state.run_id, "result": result}
    )
