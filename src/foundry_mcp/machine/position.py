"""Where in its plan a session stands: entering phases, and completing, blocking and unblocking units.

The frontier holds the ready units of the phase by rank: those that failed less often come first, then file order. So
one hopeless unit does not keep the others waiting, and failures over different units in a row can be noticed.
"""

from __future__ import annotations

from rpds import HashTrieMap

from foundry_contracts.models.formats_plan import PlanUnit
from foundry_contracts.vocabulary import UnitStanding
from foundry_mcp.machine.frontier import from_numbers, numbers, push, remove
from foundry_mcp.machine.replacing import replace
from foundry_mcp.machine.session import SOMEBODYS_WORD, Gate, Session


def enter_first_open_phase(state: Session) -> Session:
    """Enter the first phase with work or a gate to do; the last one if there is none."""
    number = next(
        (place for place in range(len(state.plan.phases)) if not _is_complete(state, place)),
        len(state.plan.phases) - 1,
    )
    return enter_phase(state, number)


def _is_complete(state: Session, place: int) -> bool:
    phase = state.plan.phases[place]
    return phase.phase.id in state.gates and all(unit.id in state.standing for unit in phase.units)


def enter_phase(state: Session, number: int) -> Session:
    """Begin a phase: what of it is done already, what is ready, what waits."""
    phase = state.plan.phases[number]
    done = {place for place, unit in enumerate(phase.units) if unit.id in state.standing}
    unmet = dict(enumerate(phase.waits_for))
    for place in done:
        for dependent in phase.dependents[place]:
            unmet[dependent] -= 1
    ready = (
        place
        for place, unit in enumerate(phase.units)
        if place not in done and not unmet[place] and unit.id not in state.blocked
    )
    return replace(
        state,
        phase_number=number,
        phase_completed=False,
        unmet=HashTrieMap(unmet),
        frontier=from_numbers(ready),
        done_in_phase=len(done),
        gate_cycles=0,
        gate_passed=phase.phase.id in state.gates,
        gate_waits_for_person=False,
        reviewed=None,
        feedback=None,
        attempts=HashTrieMap(),
        errors=(),
        stuck=None,
    )


def complete_unit(state: Session, unit: str, standing: UnitStanding) -> Session:
    """Note that a unit is done, and what is ready now."""
    phase = state.phase
    number = phase.number_of[unit]
    frontier = remove(state.frontier, rank(state, number))
    unmet = state.unmet
    for dependent in phase.dependents[number]:
        left = unmet[dependent] - 1
        unmet = unmet.insert(dependent, left)
        name = phase.units[dependent].id
        # What was carried over or adopted is done already, whatever it would have waited for.
        if left == 0 and name not in state.blocked and name not in state.standing:
            frontier = push(frontier, rank(state, dependent))
    return replace(
        state,
        frontier=frontier,
        unmet=unmet,
        done_in_phase=state.done_in_phase + 1,
        standing=state.standing.insert(unit, standing),
        blocked=state.blocked.discard(unit),
    )


def block_unit(state: Session, unit: str, reason: str) -> Session:
    """Note that a unit cannot be done now."""
    number = state.phase.number_of.get(unit)
    frontier = state.frontier if number is None else remove(state.frontier, rank(state, number))
    mends_it = state.feedback is not None and state.feedback.unit_id == unit
    return replace(
        state,
        blocked=state.blocked.insert(unit, reason),
        frontier=frontier,
        feedback=None if mends_it else state.feedback,
    )


def unblock_unit(state: Session, unit: str) -> Session:
    """Note that a unit can be done again."""
    number = state.phase.number_of.get(unit)
    ready = number is not None and unit not in state.standing and not state.unmet.get(number)
    frontier = push(state.frontier, rank(state, number)) if ready and number is not None else state.frontier
    return replace(state, blocked=state.blocked.discard(unit), frontier=frontier)


def pass_gate(state: Session, gate: Gate = SOMEBODYS_WORD) -> Session:
    """Satisfy the phase's gate: by a review, or on somebody's word."""
    gates = state.gates.insert(state.phase.phase.id, gate)
    return replace(state, gate_passed=True, gate_waits_for_person=False, feedback=None, gates=gates)


def rank(state: Session, number: int) -> int:
    """Give a unit's place in the frontier."""
    units = state.phase.units
    return (state.attempts.get(units[number].id) or 0) * len(units) + number


def first_ready(state: Session) -> PlanUnit | None:
    """Give the unit that comes next, if any is ready."""
    units = state.phase.units
    return None if state.frontier is None else units[state.frontier.number % len(units)]


def count_failure(state: Session, work: str) -> Session:
    """Note that a piece of work failed; a unit goes behind those that failed less often."""
    number = state.phase.number_of.get(work)
    ready = number is not None and work not in state.blocked and work not in state.standing
    frontier = remove(state.frontier, rank(state, number)) if ready and number is not None else state.frontier
    streak = state.errors if work in state.errors else (*state.errors, work)
    attempts = state.attempts.insert(work, (state.attempts.get(work) or 0) + 1)
    counted = replace(state, attempts=attempts, errors=streak, frontier=frontier)
    return replace(counted, frontier=push(frontier, rank(counted, number))) if ready and number is not None else counted


def forget_failures(state: Session) -> Session:
    """Start every count again."""
    units = len(state.phase.units)
    ready = from_numbers(sorted(place % units for place in numbers(state.frontier)))
    return replace(
        state,
        attempts=HashTrieMap(),
        errors=(),
        gate_cycles=0,
        tasks_issued=0,
        prints=HashTrieMap(),
        stuck=None,
        frontier=ready,
    )
