"""A call that a table recommends is legal in every state in which it is recommended."""

from __future__ import annotations

from collections.abc import Iterator

from contractgen import resolve
from contractgen.model import ContractSet, DecisionTable, Finding, Json, Machine, Origin
from contractgen.rules.constant_names import named
from contractgen.rules.tables import first_matches


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find recommended commands that a machine of the same states does not take there."""
    for table in contracts.tables.values():
        calls = [list(_calls(contracts, table, position)) for position in range(len(table.rows))]
        for machine in contracts.machines.values():
            for name in (name for name, states in table.inputs.items() if states == machine.states):
                yield from _machine(table, machine, name, calls)


def _machine(
    table: DecisionTable, machine: Machine, name: str, calls: list[list[tuple[Origin, str]]]
) -> Iterator[Finding]:
    place = list(table.inputs).index(name)
    offered: dict[int, set[str]] = {}
    for point, row in first_matches(table):
        state = point[place]
        if row is not None and state is not None:
            offered.setdefault(row, set()).add(state)
    for row, states in offered.items():
        for origin, call in calls[row]:
            legal = [set(move.source) for move in machine.transitions if move.trigger == call]
            if legal and (wrong := sorted(states - legal[0])):
                message = f"{call} is recommended here in {', '.join(wrong)}, where {machine.name} does not take it."
                remedy = "Narrow the row or the domain, recommend another call, or make it legal there."
                yield Finding("call-legal", origin, message, remedy)


def _calls(contracts: ContractSet, table: DecisionTable, position: int) -> Iterator[tuple[Origin, str]]:
    origin = table.origin.at("x-table", "rows", position, "then")
    then = table.rows[position].then
    yield from _commands(contracts, table.output, then, origin)
    for where, target, name in named(contracts, table.output, then, origin):
        constant = contracts.values[target].values.get(name, {})
        for _, call in _commands(contracts, contracts.values[target].schema, constant, where):
            yield where, call


def _commands(contracts: ContractSet, schema: Json, value: Json, origin: Origin) -> Iterator[tuple[Origin, str]]:
    """List the commands a value names, by the schema: where it refers to the enumeration of all commands."""
    if not isinstance(schema, dict):
        return
    target = str(schema.get("$ref", "")).removeprefix(resolve.PREFIX)
    if target in contracts.enumerations:
        if contracts.enumerations[target].derived == "commands" and isinstance(value, str):
            yield origin, value
        return
    for position, item in enumerate(value if isinstance(value, (list, tuple)) else ()):
        yield from _commands(contracts, schema.get("items"), item, origin.at(position))
    for name, below in value.items() if isinstance(value, dict) else ():
        yield from _commands(contracts, schema.get("properties", {}).get(name), below, origin.at(name))
    referred = [contracts.definitions[target].schema] if target in contracts.definitions else []
    for branch in (*schema.get("oneOf", ()), *schema.get("anyOf", ()), *referred):
        yield from _commands(contracts, branch, value, origin)
