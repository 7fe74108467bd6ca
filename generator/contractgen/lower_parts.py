"""Lower the kinds of definition that are not plain shapes: enumerations, tables, machines, values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from contractgen.model import (
    DecisionTable,
    Enumeration,
    Finding,
    Json,
    Machine,
    Member,
    Origin,
    Row,
    Schema,
    Transition,
    Values,
)


def lower_enumeration(
    name: str, raw: Mapping[str, Json], attributes: Schema, origin: Origin, findings: list[Finding]
) -> Enumeration:
    """Build an enumeration; attributes a member leaves out get their default or become findings."""
    body = raw["x-enum"]
    members = []
    for value, entry in body.get("members", {}).items():
        where = origin.at("x-enum", "members", value)
        carried, mark = _attributes(value, entry, attributes, where, findings), entry.get("x-deprecated")
        members.append(Member(value, _described(entry["description"], mark), carried, mark))
    return Enumeration(name, raw.get("description", ""), tuple(members), attributes, origin, body.get("from"))


def _described(description: str, mark: Mapping[str, str] | None) -> str:
    if mark is None:
        return description
    instead = f"; use {mark['instead']}" if "instead" in mark else ""
    return f"{description} Deprecated since {mark['in']} ({mark['on']}){instead}."


def _attributes(
    value: str, entry: Mapping[str, Json], schemas: Schema, origin: Origin, findings: list[Finding]
) -> dict[str, Json]:
    for key in entry.keys() - schemas.keys() - {"description", "x-deprecated"}:
        message = f'"{value}" carries "{key}", which is not among the attributes.'
        findings.append(Finding("enum-attributes", origin.at(key), message, "Declare it in attributes, or remove it."))
    found: dict[str, Json] = {}
    for key, schema in schemas.items():
        if key in entry:
            found[key] = entry[key]
        elif "default" in schema:
            found[key] = schema["default"]
        else:
            message = f'"{value}" lacks the attribute "{key}".'
            findings.append(Finding("enum-attributes", origin, message, "State it, or give the attribute a default."))
    return found


def lower_table(name: str, raw: Mapping[str, Json], schema: Schema, origin: Origin) -> DecisionTable:
    """Build a decision table; `"*"` stays as written, for derived members are known only later."""
    body = raw["x-table"]
    rows = tuple(Row(_choices(row["when"]), row["then"]) for row in body["rows"])
    domain = tuple(_choices(product) for product in body["domain"])
    return DecisionTable(name, raw.get("description", ""), body["inputs"], domain, schema, rows, origin)


def expand_stars(table: DecisionTable, enumerations: Mapping[str, Enumeration]) -> DecisionTable:
    """Replace each `"*"` by every member, and say of each point of the domain what it leaves out: absent."""

    def expanded(choices: Mapping[str, tuple[str | None, ...]]) -> dict[str, tuple[str | None, ...]]:
        return {
            name: _expanded(values, enumerations.get(table.inputs.get(name, ""))) for name, values in choices.items()
        }

    absent: dict[str, tuple[str | None, ...]] = dict.fromkeys(table.inputs, (None,))
    rows = tuple(replace(row, when=expanded(row.when)) for row in table.rows)
    return replace(table, rows=rows, domain=tuple(absent | expanded(product) for product in table.domain))


def _expanded(values: tuple[str | None, ...], enumeration: Enumeration | None) -> tuple[str | None, ...]:
    members = [member.value for member in enumeration.members] if enumeration else []
    found: dict[str | None, None] = {}
    for value in values:
        found.update(dict.fromkeys(members if value == "*" else [value]))
    return tuple(found)


def _choices(raw: Mapping[str, list[str | None]]) -> dict[str, tuple[str | None, ...]]:
    return {name: tuple(values) for name, values in raw.items()}


def lower_machine(name: str, raw: Mapping[str, Json], origin: Origin) -> Machine:
    """Build a state machine."""
    body = raw["x-machine"]
    transitions = tuple(
        Transition(move["trigger"], tuple(move["from"]), tuple(move["to"]), move.get("note", ""))
        for move in body["transitions"]
    )
    terminal = tuple(body["terminal"])
    return Machine(name, raw.get("description", ""), body["states"], body["initial"], terminal, transitions, origin)


def lower_values(name: str, raw: Mapping[str, Json], schema: Schema, origin: Origin) -> Values:
    """Build a definition's named constants."""
    return Values(name, raw.get("description", ""), schema, raw["x-values"], origin)
