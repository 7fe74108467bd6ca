"""Emit tables.py: attributes, decision tables, machines and constants as immutable data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from contractgen import names
from contractgen.emit.python_text import (
    Types,
    arguments,
    docstring,
    field_lines,
    frozen_of,
    header,
    mapping_of,
    member,
    tuple_of,
)
from contractgen.model import ContractSet, DecisionTable, Enumeration, Machine, Origin, Schema, Values

Choices = Mapping[str, tuple[str | None, ...]]


def emit(contracts: ContractSet) -> dict[str, str]:
    """Write every table of the set."""
    types = Types(contracts)
    body = list(_parts(contracts, types))
    files = sorted({origin.file for origin in _origins(contracts)})
    lines = [header(*files), '"""Every table, as data that cannot be changed."""', "from __future__ import annotations"]
    lines += ["from collections.abc import Mapping", "from dataclasses import dataclass"]
    lines += [
        "from types import MappingProxyType",
        f"from typing import {'Final, Generic, TypeVar' if contracts.machines else 'Final'}",
    ]
    if types.used:
        lines.append(f"from {contracts.settings.package}.vocabulary import {', '.join(sorted(types.used))}")
    text = "\n".join([*lines, "", *body]) + "\n"
    return {f"python/{contracts.settings.package}/tables.py": text}


def _origins(contracts: ContractSet) -> Iterator[Origin]:
    yield from (item.origin for item in contracts.enumerations.values() if item.attributes)
    yield from (item.origin for item in contracts.tables.values())
    yield from (item.origin for item in contracts.machines.values())
    yield from (item.origin for item in contracts.values.values())


def _parts(contracts: ContractSet, types: Types) -> Iterator[str]:
    for enumeration in contracts.enumerations.values():
        if enumeration.attributes:
            yield _info(enumeration, types)
    for table in contracts.tables.values():
        yield _table(table, types)
    if contracts.machines:
        yield _TRANSITION
    for machine in contracts.machines.values():
        yield _machine(machine, types)
    for values in contracts.values.values():
        yield _values(values, types)


def _dataclass(name: str, doc: str, types: Types, schema: Schema) -> str:
    lines = ["", "@dataclass(frozen=True, slots=True, kw_only=True)", f"class {name}:", f"    {docstring(doc)}", ""]
    return "\n".join([*lines, *field_lines(types, schema), ""])


def _info(enumeration: Enumeration, types: Types) -> str:
    name = enumeration.name
    types.used.add(name)
    properties = {"description": {"type": "string"}, **enumeration.attributes}
    schema = {"type": "object", "required": list(properties), "properties": properties}
    entries = []
    for item in enumeration.members:
        value = {"description": item.description, **item.attributes}
        entries.append((member(name, item.value), f"{name}Info({arguments(types, schema, value)})"))
    head = _dataclass(f"{name}Info", f"Say what is known of one {name}.", types, schema)
    return f"{head}\n{names.upper_snake(name)}_INFO: Final[Mapping[{name}, {name}Info]] = {mapping_of(entries)}\n"


_DECIDE = '''
def decide_{snake}(*, {parameters}) -> {name}Row:
    """Find the first row that matches; raise LookupError outside the table's domain."""
    point = {point}
    if any(all(value in choices for value, choices in zip(point, product)) for product in _{upper}_DOMAIN):
        for conditions, row in zip(_{upper}_WHEN, {upper}_ROWS):
            if all(choices is None or value in choices for value, choices in zip(point, conditions)):
                return row
    raise LookupError(f"{name} has no row for {shown}")
'''


def _table(table: DecisionTable, types: Types) -> str:
    name, upper = table.name, names.upper_snake(table.name)
    types.used.update(table.inputs.values())
    head = _dataclass(f"{name}Row", table.description or f"Hold one outcome of {name}.", types, table.output)
    rows = tuple_of(f"{name}Row({arguments(types, table.output, row.then)})" for row in table.rows)
    when = tuple_of(_conditions(table, row.when) for row in table.rows)
    domain = tuple_of(_conditions(table, product) for product in table.domain)
    inputs = [names.identifier(item) for item in table.inputs]
    decide = _DECIDE.format(
        snake=names.snake(name),
        upper=upper,
        name=name,
        parameters=", ".join(_parameter(table, item) for item in table.inputs),
        point=tuple_of(inputs),
        shown=", ".join(f"{item}={{{item}!r}}" for item in inputs),
    )
    return (
        f"{head}\n_{upper}_DOMAIN: Final[tuple[tuple[frozenset[str | None], ...], ...]] = {domain}\n"
        f"_{upper}_WHEN: Final[tuple[tuple[frozenset[str | None] | None, ...], ...]] = {when}\n"
        f"{upper}_ROWS: Final[tuple[{name}Row, ...]] = {rows}\n{decide}"
    )


def _parameter(table: DecisionTable, item: str) -> str:
    may_be_absent = any(None in product[item] for product in table.domain)
    return f"{names.identifier(item)}: {table.inputs[item]}{' | None = None' if may_be_absent else ''}"


def _conditions(table: DecisionTable, when: Choices) -> str:
    return tuple_of(_condition(table.inputs[item], when.get(item, ())) for item in table.inputs)


def _condition(enumeration: str, values: tuple[str | None, ...]) -> str:
    if not values:
        return "None"
    return frozen_of("None" if value is None else member(enumeration, value) for value in values)


_TRANSITION = '''
S = TypeVar("S", bound=str)


@dataclass(frozen=True, slots=True)
class Transition(Generic[S]):
    """Hold one legal move between states; an empty target: the state stays."""

    source: frozenset[S]
    target: frozenset[S]
'''


def _machine(machine: Machine, types: Types) -> str:
    states, upper = machine.states, names.upper_snake(machine.name)
    types.used.add(states)
    entries = []
    for move in machine.transitions:
        source, target = (frozen_of(member(states, item) for item in side) for side in (move.source, move.target))
        entries.append((repr(move.trigger), f"Transition({source}, {target})"))
    terminal = frozen_of(member(states, item) for item in machine.terminal)
    return (
        f"\n{upper}_INITIAL: Final = {member(states, machine.initial)}\n"
        f"{upper}_TERMINAL: Final[frozenset[{states}]] = {terminal}\n"
        f"{upper}_TRANSITIONS: Final[Mapping[str, Transition[{states}]]] = {mapping_of(entries)}\n"
    )


def _values(values: Values, types: Types) -> str:
    name = values.name
    head = _dataclass(f"{name}Values", values.description or f"Hold one {name}.", types, values.schema)
    entries = [
        (repr(key), f"{name}Values({arguments(types, values.schema, value)})") for key, value in values.values.items()
    ]
    return f"{head}\n{names.upper_snake(name)}_VALUES: Final[Mapping[str, {name}Values]] = {mapping_of(entries)}\n"
