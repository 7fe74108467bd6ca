"""Comparing two plans of one spec: what differs, and which done work survives the difference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from foundry_contracts.models.events_session import StructureChange
from foundry_contracts.models.formats_plan import PlanUnit
from foundry_contracts.vocabulary import ChangeKind, UnitKind, UnitStanding
from foundry_mcp.machine.optional import given
from foundry_mcp.machine.plan_index import PlanIndex


def units_of(plan: PlanIndex) -> dict[str, PlanUnit]:
    """Give a plan's units by id."""
    return {unit.id: unit for phase in plan.phases for unit in phase.units}


def survives(old: PlanUnit | None, new: PlanUnit | None) -> bool:
    """Tell whether done work on a unit still counts: it is there, of the same kind, checked in the same way."""
    if old is None or new is None:
        return False
    return (old.kind, old.verification, old.acceptance_criteria) == (
        new.kind,
        new.verification,
        new.acceptance_criteria,
    )


def surviving(
    standing: Mapping[str, UnitStanding], old: PlanIndex, new: PlanIndex
) -> Iterator[tuple[str, UnitStanding]]:
    """Give the done work that still counts in another plan, in that plan's order."""
    before = units_of(old)
    for unit in units_of(new).values():
        if unit.id in standing and survives(before.get(unit.id), unit):
            yield unit.id, standing[unit.id]


def satisfied(
    gates: Mapping[str, object], done: Mapping[str, UnitStanding], old: PlanIndex, new: PlanIndex
) -> Iterator[str]:
    """Give the phases whose gate still holds: the same units, all of them done."""
    before = {phase.phase.id: {unit.id for unit in phase.units} for phase in old.phases}
    for phase in new.phases:
        units = {unit.id for unit in phase.units}
        if phase.phase.id in gates and before.get(phase.phase.id) == units and all(unit in done for unit in units):
            yield phase.phase.id


def changes(old: PlanIndex, new: PlanIndex, standing: Mapping[str, UnitStanding]) -> list[StructureChange]:
    """Say what differs: phases and units added, removed, or changed."""
    before, now = _parts(old), _parts(new)
    old_units, new_units = units_of(old), units_of(new)
    found: list[StructureChange] = []
    for name in [*now, *(name for name in before if name not in now)]:
        if before.get(name) == now.get(name):
            continue
        kind = ChangeKind.ADDED if name not in before else ChangeKind.REMOVED if name not in now else ChangeKind.CHANGED
        dropped = name in standing and not survives(old_units.get(name), new_units.get(name))
        found.append(StructureChange(id=name, change=kind, proven_dropped=dropped))
    return found


def _parts(plan: PlanIndex) -> dict[str, object]:
    """Give each phase and unit with what the structure says of it."""
    parts: dict[str, object] = {}
    for place, phase in enumerate(plan.phases):
        parts[phase.phase.id] = (place, given(phase.phase.protected_paths))
        for unit in phase.units:
            how = (unit.kind, unit.verification, unit.acceptance_criteria)
            parts[unit.id] = (phase.phase.id, sorted(unit.depends_on), how)
    return parts


def changes_a_check(old: PlanIndex, new: PlanIndex) -> bool:
    """Tell whether a verification is lost, moved to another phase, or carried out otherwise, or a path bared.

    Moved, its phase would be completed without it. A new one takes nothing away.
    """
    if not set(old.protected_paths) <= set(new.protected_paths):
        return True
    now = _checks(new)
    return any(
        name not in now or now[name][0] != phase or not survives(unit, now[name][1])
        for name, (phase, unit) in _checks(old).items()
    )


def _checks(plan: PlanIndex) -> dict[str, tuple[str, PlanUnit]]:
    """Give the verifications by id, each with the phase that it is of."""
    found = ((phase.phase.id, unit) for phase in plan.phases for unit in phase.units)
    return {unit.id: (phase, unit) for phase, unit in found if unit.kind is UnitKind.VERIFY}
