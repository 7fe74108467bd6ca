"""Draw decision tables and state machines for people: rows of Markdown tables, Mermaid diagrams.

Part of the tool reference, on its own only for its length; it emits nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from contractgen.model import DecisionTable, Event, Json, Machine, Row


def table_columns(table: DecisionTable) -> list[str]:
    """List the columns of a decision table: inputs, then outputs."""
    return [*table.inputs, *(f"→ {name}" for name in table.output.get("properties", {}))]


def table_rows(table: DecisionTable) -> list[list[str]]:
    """List the cells of each row of a decision table, in the order the rows are tried."""
    outputs = list(table.output.get("properties", {}))
    return [
        [_matched(row, name) for name in table.inputs] + [_decided(row.then.get(name)) for name in outputs]
        for row in table.rows
    ]


def _matched(row: Row, name: str) -> str:
    values = row.when.get(name, ())
    return ", ".join("absent" if value is None else f"`{value}`" for value in values) or "any"


def _decided(value: Json) -> str:
    if value is None or value == []:
        return "none"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_decided(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_decided(item)}" for key, item in value.items())
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def machine_rows(machine: Machine) -> list[list[str]]:
    """List trigger, sources, targets and note of each transition."""
    return [
        [f"`{move.trigger}`", _states(move.source, "none"), _states(move.target, "stays"), move.note]
        for move in machine.transitions
    ]


def _states(states: Sequence[str], empty: str) -> str:
    return ", ".join(f"`{state}`" for state in states) or empty


def mermaid(machine: Machine, events: Mapping[str, Event]) -> str:
    """Draw a machine as a Mermaid state diagram: the events that move it, or its commands where it has no events.

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
    recorded = [move for move in machine.transitions if move.trigger in events]
    arrows: dict[tuple[str, str], list[str]] = {}
    for move in recorded or machine.transitions:
        for source, target in product(move.source, move.target):
            if source != target:
                arrows.setdefault((source, target), []).append(move.trigger)
    return arrows


def _node(state: str) -> str:
    return state.replace("-", "_")
