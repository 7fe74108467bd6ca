"""Tell decision tables and state machines to people, as rows of Markdown tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice, product

from contractgen.memory import remembered
from contractgen.model import ContractSet, DecisionTable, Json, Machine, Row


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


@remembered
def consequences(contracts: ContractSet, code: str) -> list[str]:
    """Say what each decision table makes of an error code: one sentence a row that can then decide."""
    found = []
    for table in contracts.tables.values():
        asked = [name for name, kind in table.inputs.items() if kind == contracts.settings.errors]
        for row in _rows_of(table, asked[0], code) if asked else ():
            told = [f"{name} {_decided(value)}" for name, value in row.then.items() if value not in (None, [], {})]
            decided = "; ".join(told) or "nothing"
            others = [
                f"{name} is {_matched(row, name)}" for name in table.inputs if name != asked[0] and row.when.get(name)
            ]
            found.append(decided + (f" (when {' and '.join(others)})" if others else ""))
    return list(dict.fromkeys(found))


def _rows_of(table: DecisionTable, asked: str, code: str) -> list[Row]:
    """List the rows that decide at some point of the domain with this code, in their order."""
    others = [name for name in table.inputs if name != asked]
    rows = [row for row in table.rows if not row.when.get(asked) or code in row.when[asked]]
    deciding: set[int] = set()
    for area in (area for area in table.domain if code in area[asked]):
        for values in product(*(area[name] for name in others)):
            point = dict(zip(others, values, strict=True))
            matching = (n for n, row in enumerate(rows) if _matches(row, point))
            deciding.update(list(islice(matching, 1)))
    return [rows[number] for number in sorted(deciding)]


def _matches(row: Row, point: Mapping[str, str | None]) -> bool:
    return all(not row.when.get(name) or value in row.when[name] for name, value in point.items())
