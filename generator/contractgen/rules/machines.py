"""State machines: names exist, every state is reached, and every non-terminal state has a way out."""

from __future__ import annotations

from collections.abc import Iterator

from contractgen.model import ContractSet, Finding, Machine
from contractgen.nearest import hint


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find faults of state machines."""
    triggers = {command.name for command in contracts.commands} | set(contracts.events)
    for machine in contracts.machines.values():
        enumeration = contracts.enumerations.get(machine.states)
        if enumeration is None:
            origin = machine.origin.at("x-machine", "states")
            message = f"{machine.states} is not an enumeration."
            yield Finding(
                "machine-names", origin, message, f"Name one that exists.{hint(machine.states, contracts.enumerations)}"
            )
            continue
        states = [member.value for member in enumeration.members]
        unknown = list(_unknown_states(machine, set(states)))
        yield from unknown
        yield from _triggers(machine, triggers)
        if not unknown:
            yield from _ways(machine, states)


def _unknown_states(machine: Machine, states: set[str]) -> Iterator[Finding]:
    body = machine.origin.at("x-machine")
    named = [(body.at("initial"), machine.initial)]
    named += [(body.at("terminal", position), value) for position, value in enumerate(machine.terminal)]
    for position, move in enumerate(machine.transitions):
        where = body.at("transitions", position)
        named += [(where.at("from", index), value) for index, value in enumerate(move.source)]
        named += [(where.at("to", index), value) for index, value in enumerate(move.target)]
    for origin, value in named:
        if value not in states:
            message = f'"{value}" is not a member of {machine.states}.'
            yield Finding("machine-names", origin, message, f"Correct the state.{hint(value, states)}")


def _triggers(machine: Machine, triggers: set[str]) -> Iterator[Finding]:
    seen: set[str] = set()
    for position, move in enumerate(machine.transitions):
        origin = machine.origin.at("x-machine", "transitions", position, "trigger")
        if move.trigger not in triggers:
            message = f'"{move.trigger}" is neither a command nor an event.'
            yield Finding("machine-trigger", origin, message, f"Correct the name.{hint(move.trigger, triggers)}")
        if move.trigger in seen:
            message = f'"{move.trigger}" triggers two transitions.'
            yield Finding("machine-trigger", origin, message, "State its sources and targets in one transition.")
        seen.add(move.trigger)


def _ways(machine: Machine, states: list[str]) -> Iterator[Finding]:
    moves = {state: _next(machine, state) for state in states}
    reached, waiting = {machine.initial}, [machine.initial]
    while waiting:
        fresh = moves[waiting.pop()] - reached
        reached |= fresh
        waiting += sorted(fresh)
    for state in states:
        if state not in reached:
            message = f'No transition leads from "{machine.initial}" to "{state}".'
            yield Finding("machine-reachable", machine.origin, message, "Add a transition, or remove the state.")
        if state not in machine.terminal and not moves[state] - {state}:
            message = f'"{state}" is not terminal and has no way out.'
            yield Finding("machine-way-out", machine.origin, message, "Add a transition, or list it as terminal.")


def _next(machine: Machine, state: str) -> set[str]:
    return {target for move in machine.transitions if state in move.source for target in move.target}
