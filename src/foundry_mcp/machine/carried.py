"""What a new session need not do again: done by the session before, or said by the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from foundry_contracts.vocabulary import NodeStatus, SessionStatus, UnitStanding
from foundry_mcp.machine.plan_index import PlanIndex
from foundry_mcp.machine.session import Session
from foundry_mcp.machine.structure import satisfied, surviving, units_of


@dataclass(frozen=True, slots=True)
class Done:
    """Hold the units that are done already, and how, and the phases whose gates are satisfied."""

    units: Mapping[str, UnitStanding]
    phases: tuple[str, ...]


def done_before(earlier: Session | None, plan: PlanIndex, *, adopt: bool) -> Done:
    """Carry over what the last session did, if it was ended and not reset, and adopt what the file calls completed."""
    units: dict[str, UnitStanding] = {}
    phases: tuple[str, ...] = ()
    # A completed session left nothing to do: starting after it means doing the plan again.
    if earlier is not None and earlier.status is SessionStatus.ENDED and not earlier.discarded:
        units.update(surviving(earlier.standing, earlier.plan, plan))
        phases = tuple(satisfied(earlier.gates, units, earlier.plan, plan))
    if adopt:
        for unit in units_of(plan).values():
            if unit.status == NodeStatus.COMPLETED.value:
                units.setdefault(unit.id, UnitStanding.ADOPTED)
    return Done(units, phases)
