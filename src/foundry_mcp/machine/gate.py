"""Gates: what a policy makes of a review's verdict, what a phase still lacks, and what a person is asked to look at."""

from __future__ import annotations

from foundry_contracts.models.common import ReviewFinding
from foundry_contracts.models.events_session import SessionSettings, VerificationFinished
from foundry_contracts.models.formats_plan import PlanUnit
from foundry_contracts.tables import GATE_POLICY_INFO, UNIT_STANDING_INFO
from foundry_contracts.vocabulary import ReviewerKind, ReviewFindingCode, Verdict
from foundry_mcp.machine.session import Session
from foundry_mcp.machine.view import is_by_command


def accepts(settings: SessionSettings, verdict: Verdict) -> bool:
    """Tell whether the gate policy is content with a verdict; it may ask a person all the same."""
    return verdict in GATE_POLICY_INFO[settings.gate_policy].accepts


def asks_person(settings: SessionSettings) -> bool:
    """Tell whether a phase passes on a person's verdict only. A gate that is not enforced waits for nobody."""
    asked = GATE_POLICY_INFO[settings.gate_policy].asks_person or settings.reviewer is ReviewerKind.MANUAL
    return asked and settings.enforce_gates


def unproven(state: Session) -> tuple[ReviewFinding, ...]:
    """Say of each unit of the phase what it lacks to count as done, as its review is told."""
    found = (lacking(state, unit) for unit in state.phase.units)
    return tuple(finding for finding in found if finding is not None)


def lacking(state: Session, unit: PlanUnit) -> ReviewFinding | None:
    """Say what a unit lacks to count as done: a result, one that is enough, its receipt; None where nothing does.

    Whether a receipt holds is not looked at here.
    """
    standing = state.standing.get(unit.id)
    if standing is None:
        return _finding(ReviewFindingCode.NOT_PROVEN, unit, f"Nothing says that {unit.id} is done.")
    if unit.kind not in UNIT_STANDING_INFO[standing].enough_for:
        message = f"That {unit.id} is {standing.value} is not enough for a {unit.kind.value}."
        return _finding(ReviewFindingCode.NOT_PROVEN, unit, message)
    # The receipt of what an earlier session did, and this one did not do again, was judged there.
    judged_before = unit.id in state.carried and unit.id not in state.receipts
    if not rests_on_receipt(state, unit) or judged_before or receipted_run(state, unit) is not None:
        return None
    return _finding(ReviewFindingCode.RECEIPT_MISSING, unit, f"There is no receipt of {unit.id}.")


def rests_on_receipt(state: Session, unit: PlanUnit) -> bool:
    """Tell whether a unit counts as done by its receipt, and on nobody's word."""
    standing = state.standing.get(unit.id)
    return is_by_command(unit) and standing is not None and not UNIT_STANDING_INFO[standing].on_a_word


def receipted_run(state: Session, unit: PlanUnit) -> VerificationFinished | None:
    """Give the run whose receipt a unit proven in this session has."""
    proven = state.receipts.get(unit.id)
    run = proven.step.finished if proven and proven.step else None
    return run if isinstance(run, VerificationFinished) else None


def _finding(code: ReviewFindingCode, unit: PlanUnit, message: str) -> ReviewFinding:
    return ReviewFinding(code=code, node=unit.id, message=message)


def findings_for_person(state: Session) -> list[ReviewFinding]:
    """Give what was found at the phase's gate last, for whoever is asked about it."""
    if state.feedback is not None and state.feedback.unit_id is None:
        return list(state.feedback.findings)
    return [] if state.reviewed is None else list(state.reviewed.findings)
