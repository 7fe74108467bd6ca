"""Gates: what a policy makes of a review's verdict, what a phase still lacks, and what a person is asked to look at."""

from __future__ import annotations

from collections.abc import Iterator

from foundry_contracts.models.common import ReviewFinding
from foundry_contracts.models.events_session import SessionSettings
from foundry_contracts.models.formats_plan import PlanUnit
from foundry_contracts.tables import GATE_POLICY_INFO, UNIT_STANDING_INFO
from foundry_contracts.vocabulary import ReviewerKind, UnitStanding, Verdict
from foundry_mcp.machine.session import Session


def accepts(settings: SessionSettings, verdict: Verdict) -> bool:
    """Tell whether the gate policy is content with a verdict; it may ask a person all the same."""
    return verdict in GATE_POLICY_INFO[settings.gate_policy].accepts


def asks_person(settings: SessionSettings) -> bool:
    """Tell whether a phase passes on a person's verdict only. A gate that is not enforced waits for nobody."""
    asked = GATE_POLICY_INFO[settings.gate_policy].asks_person or settings.reviewer is ReviewerKind.MANUAL
    return asked and settings.enforce_gates


def unproven(state: Session) -> Iterator[tuple[str, str]]:
    """Give the units of the phase that no result stands for, or none that is enough, and why."""
    for unit in state.phase.units:
        reason = _lacking(unit, state.standing.get(unit.id))
        if reason is not None:
            yield unit.id, reason


def _lacking(unit: PlanUnit, standing: UnitStanding | None) -> str | None:
    if standing is None:
        return "nothing says that it was done."
    if unit.kind in UNIT_STANDING_INFO[standing].enough_for:
        return None
    return f"that it is {standing.value} is not enough for a {unit.kind.value}."


def findings_for_person(state: Session) -> list[ReviewFinding]:
    """Give what was found at the phase's gate last, for whoever is asked about it."""
    if state.feedback is not None and state.feedback.unit_id is None:
        return list(state.feedback.findings)
    return [] if state.reviewed is None else list(state.reviewed.findings)
