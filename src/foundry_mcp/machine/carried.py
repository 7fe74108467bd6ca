"""What a new session need not do again: done by the session before, or said by the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from foundry_contracts.models.common import ReviewFinding
from foundry_contracts.vocabulary import NodeStatus, SessionStatus, UnitStanding
from foundry_mcp.machine.gate_audit import doubts
from foundry_mcp.machine.plan_index import PlanIndex
from foundry_mcp.machine.protected import Files, held_under, patterns_of
from foundry_mcp.machine.session import Session
from foundry_mcp.machine.situation import Situation
from foundry_mcp.machine.structure import satisfied, surviving, units_of


@dataclass(frozen=True, slots=True)
class Done:
    """Hold the units that are done already, and how, the phases whose gates are satisfied, and what was left behind."""

    units: Mapping[str, UnitStanding]
    phases: tuple[str, ...]
    left: tuple[str, ...] = ()


def carries_on(earlier: Session) -> bool:
    """Tell whether a new session goes on where an earlier one was ended."""
    # A completed session left nothing to do: starting after it means doing the plan again.
    return earlier.status is SessionStatus.ENDED and not earlier.discarded


def protected_before(earlier: Session | None, now: Files, patterns: tuple[str, ...]) -> Files:
    """Give the protected files a new session is held to; ending a session takes no change of them over."""
    if earlier is None or not carries_on(earlier):
        return now
    return held_under(patterns, now, earlier.protected, patterns_of(earlier.plan, earlier.settings))


def done_before(situation: Situation, plan: PlanIndex, *, adopt: bool) -> Done:
    """Carry over what the last session did, if it was ended and not reset, and adopt what the file calls completed.

    What its evidence does not hold for is left behind, with a sentence for each.
    """
    earlier, units = situation.earlier, dict[str, UnitStanding]()
    phases: tuple[str, ...] = ()
    left: list[ReviewFinding] = []
    if earlier is not None and carries_on(earlier):
        left = doubts(earlier, situation)
        behind = {finding.node for finding in left}
        standing = {unit: how for unit, how in earlier.standing.items() if unit not in behind}
        gates = {phase: gate for phase, gate in earlier.gates.items() if phase not in behind}
        units.update(surviving(standing, earlier.plan, plan))
        phases = tuple(satisfied(gates, units, earlier.plan, plan))
    if adopt:
        for unit in units_of(plan).values():
            if unit.status == NodeStatus.COMPLETED.value:
                units.setdefault(unit.id, UnitStanding.ADOPTED)
    return Done(units, phases, tuple(f"Not carried on from the last session: {finding.message}" for finding in left))
