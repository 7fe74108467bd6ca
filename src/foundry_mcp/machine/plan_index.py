"""A pinned plan, prepared for questions: which unit is which, and who waits for whom.

Built once a plan and shared by every fold of it; nothing in it changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from foundry_contracts.models.formats_plan import Plan, PlanPhase, PlanUnit
from foundry_contracts.vocabulary import UnitKind
from foundry_mcp.machine.optional import given


@dataclass(frozen=True, slots=True)
class PhaseIndex:
    """Hold a phase with its units in working order (tasks before verifications) and their dependencies in it.

    `waits_for[i]` counts the units of this phase that unit i waits for; `dependents[i]` are those that wait for it.
    """

    phase: PlanPhase
    units: tuple[PlanUnit, ...]
    number_of: Mapping[str, int]
    waits_for: tuple[int, ...]
    dependents: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class PlanIndex:
    """Hold a plan, its digests, and its phases prepared."""

    plan: Plan
    digest: str
    structure_digest: str
    phases: tuple[PhaseIndex, ...]
    total_units: int
    protected_paths: tuple[str, ...]


def index_plan(plan: Plan, digest: str, structure_digest: str) -> PlanIndex:
    """Prepare a plan."""
    phases = tuple(_index_phase(phase) for phase in plan.phases)
    units = sum(len(phase.units) for phase in phases)
    return PlanIndex(plan, digest, structure_digest, phases, units, tuple(dict.fromkeys(_protected(plan))))


def _protected(plan: Plan) -> Iterator[str]:
    for phase in plan.phases:
        yield from given(phase.protected_paths) or ()
        for unit in phase.units:
            check = given(unit.verification)
            yield from (given(check.protected_paths) or ()) if check else ()


def _index_phase(phase: PlanPhase) -> PhaseIndex:
    units = tuple(sorted(phase.units, key=lambda unit: unit.kind is UnitKind.VERIFY))
    number_of = {unit.id: number for number, unit in enumerate(units)}
    dependents: list[list[int]] = [[] for _ in units]
    waits_for = [0] * len(units)
    for number, unit in enumerate(units):
        # A dependency on an earlier phase is met before this phase begins: phases run one at a time.
        for needed in {number_of[name] for name in unit.depends_on if name in number_of}:
            dependents[needed].append(number)
            waits_for[number] += 1
    return PhaseIndex(phase, units, number_of, tuple(waits_for), tuple(tuple(entry) for entry in dependents))
