"""Decision tables: inputs and values exist, outcomes hold to the schema, every point is decided, no row is dead."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from contractgen.model import ContractSet, DecisionTable, Finding, Origin, Row
from contractgen.nearest import hint
from contractgen.rules.judge import faults

Choices = Mapping[str, tuple[str | None, ...]]
Point = tuple[str | None, ...]

_SHOWN = 5


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find faults of decision tables."""
    for table in contracts.tables.values():
        named = list(_names(contracts, table))
        yield from named
        for position, row in enumerate(table.rows):
            origin = table.origin.at("x-table", "rows", position, "then")
            yield from faults(contracts, "table-row-valid", table.output, row.then, origin, "The outcome")
        if not named:
            yield from _coverage(table)


def _names(contracts: ContractSet, table: DecisionTable) -> Iterator[Finding]:
    for name, enumeration in table.inputs.items():
        if enumeration not in contracts.enumerations:
            origin = table.origin.at("x-table", "inputs", name)
            message = f"{enumeration} is not an enumeration."
            yield Finding(
                "table-names", origin, message, f"Name one that exists.{hint(enumeration, contracts.enumerations)}"
            )
            return
    for position, product in enumerate(table.domain):
        yield from _choices(contracts, table, product, table.origin.at("x-table", "domain", position))
    for position, row in enumerate(table.rows):
        yield from _choices(contracts, table, row.when, table.origin.at("x-table", "rows", position, "when"))


def _choices(contracts: ContractSet, table: DecisionTable, choices: Choices, origin: Origin) -> Iterator[Finding]:
    for name, values in choices.items():
        if name not in table.inputs:
            message = f'"{name}" is not an input of {table.name}.'
            yield Finding(
                "table-names",
                origin.at(name),
                message,
                f"Use one of {', '.join(table.inputs)}.{hint(name, table.inputs)}",
            )
            continue
        known = {member.value for member in contracts.enumerations[table.inputs[name]].members}
        for value in values:
            if value is not None and value not in known:
                message = f'"{value}" is not a member of {table.inputs[name]}.'
                yield Finding("table-names", origin.at(name), message, f"Correct the value.{hint(value, known)}")


def _coverage(table: DecisionTable) -> Iterator[Finding]:
    matches = list(first_matches(table))
    undecided = [point for point, row in matches if row is None]
    if undecided:
        shown = "; ".join(_show(table, point) for point in undecided[:_SHOWN])
        message = f"{len(undecided)} point(s) of the domain match no row, such as {shown}."
        yield Finding("table-total", table.origin.at("x-table", "rows"), message, "Add rows for them.")
    alive = {row for _, row in matches}
    for position in range(len(table.rows)):
        if position not in alive:
            yield _dead(table, position, matches)


def first_matches(table: DecisionTable) -> Iterator[tuple[Point, int | None]]:
    """List each point of a table's domain with the first row that matches it; None: no row does."""
    return ((point, _first_match(table, point)) for point in _points(table))


def _dead(table: DecisionTable, position: int, matches: list[tuple[Point, int | None]]) -> Finding:
    origin = table.origin.at("x-table", "rows", position)
    hiding = sorted({row for point, row in matches if row is not None and _matches(table, table.rows[position], point)})
    if not hiding:
        message = "This row matches no point of the domain."
        return Finding("table-unreachable-row", origin, message, "Widen the domain, correct the row, or remove it.")
    rows = ", ".join(f"/rows/{row}" for row in hiding)
    message = f"This row is never the first to match: whatever it matches, {rows} matched before."
    return Finding("table-dead-row", origin, message, f"Remove it, or move it before {rows}.")


def _points(table: DecisionTable) -> Iterator[Point]:
    seen: set[Point] = set()
    for product in table.domain:
        for point in itertools.product(*(product[name] for name in table.inputs)):
            if point not in seen:
                seen.add(point)
                yield point


def _first_match(table: DecisionTable, point: Point) -> int | None:
    values = dict(zip(table.inputs, point, strict=True))
    return next((position for position, row in enumerate(table.rows) if _holds(row, values)), None)


def _matches(table: DecisionTable, row: Row, point: Point) -> bool:
    return _holds(row, dict(zip(table.inputs, point, strict=True)))


def _holds(row: Row, values: Mapping[str, str | None]) -> bool:
    return all(values[name] in choices for name, choices in row.when.items())


def _show(table: DecisionTable, point: Point) -> str:
    return ", ".join(f"{name}={value or 'absent'}" for name, value in zip(table.inputs, point, strict=True))
