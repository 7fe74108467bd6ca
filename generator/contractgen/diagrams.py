"""Draw state machines in Mermaid: as states and what moves them, and as the conversation that leads to each end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from contractgen.model import ContractSet, Event, Machine, Transition


def state_diagram(machine: Machine, events: Mapping[str, Event]) -> str:
    """Draw a machine as a Mermaid state diagram: the events that move it, and its commands where no event leads.

    Moves that can only stay where they are are left to the table.
    """
    lines = ["stateDiagram-v2", f"    [*] --> {_node(machine.initial)}"]
    # In Mermaid a colon begins the label, so triggers in one label are parted by a break.
    lines += [
        f"    {_node(source)} --> {_node(target)}: {'<br/>'.join(triggers)}"
        for (source, target), triggers in _arrows(machine, events).items()
    ]
    lines += [f"    {_node(state)} --> [*]" for state in machine.terminal]
    return "\n".join(lines)


def _arrows(machine: Machine, events: Mapping[str, Event]) -> dict[tuple[str, str], list[str]]:
    recorded = {target for move in machine.transitions if move.trigger in events for target in move.target}
    arrows: dict[tuple[str, str], list[str]] = {}
    for move in machine.transitions:
        for source, target in product(move.source, move.target):
            if source != target and (move.trigger in events or target not in recorded):
                arrows.setdefault((source, target), []).append(move.trigger)
    return arrows


def _node(state: str) -> str:
    return state.replace("-", "_")


def life(contracts: ContractSet, machine: Machine) -> str:
    """Draw a Mermaid sequence diagram: from the first state to each last one by the fewest moves."""
    ways = {state: _shortest(machine, state) for state in machine.terminal}
    ways = {state: way for state, way in ways.items() if way}
    if not ways:
        return ""
    lines = ["sequenceDiagram", "    participant C as client", "    participant S as server"]
    if contracts.events:
        lines.append("    participant L as log")
    lines.append(f"    Note over S: {machine.initial}")
    shared = len(ways) == 1
    for number, (state, way) in enumerate(ways.items()):
        lines += [] if shared else [f"    {'else' if number else 'alt'} it ends as {state}"]
        for move, target in way:
            lines += [f"    {'' if shared else '    '}{line}" for line in _said(contracts, move, target)]
    return "\n".join(lines if shared else [*lines, "    end"])


def _shortest(machine: Machine, wanted: str) -> list[tuple[Transition, str]]:
    """List the moves of a shortest way, each with the state it leads to; none where there is no way."""
    ways: dict[str, list[tuple[Transition, str]]] = {machine.initial: []}
    waiting = [machine.initial]
    while waiting and wanted not in ways:
        state = waiting.pop(0)
        for move in machine.transitions:
            for target in move.target if state in move.source else ():
                if target not in ways:
                    ways[target] = [*ways[state], (move, target)]
                    waiting.append(target)
    return ways.get(wanted, [])


def _said(contracts: ContractSet, move: Transition, target: str) -> Iterator[str]:
    if move.trigger not in contracts.events:
        command = next(item for item in contracts.commands if item.name == move.trigger)
        yield f"C->>S: {command.name}"
        yield from (f"S->>L: {event}" for event in command.emits if _leads(contracts, event, target))
    else:
        callers = [command.name for command in contracts.commands if move.trigger in command.emits]
        yield from (f"C->>S: {name}" for name in callers[:1])
        yield f"S->>L: {move.trigger}"
    yield f"Note over S: {target}"


def _leads(contracts: ContractSet, event: str, target: str) -> bool:
    return any(
        move.trigger == event and target in move.target
        for machine in contracts.machines.values()
        for move in machine.transitions
    )
