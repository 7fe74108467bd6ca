"""`x-names` says that a string is the name of a constant: then the constant exists, and each is named somewhere."""

from __future__ import annotations

from collections.abc import Iterator

from contractgen import resolve
from contractgen.model import ContractSet, Definition, Finding, Json, Origin, Schema
from contractgen.nearest import hint
from contractgen.reach import within

KEYWORD = "x-names"


def check_definition(contracts: ContractSet, definition: Definition) -> Iterator[Finding]:
    """Find keywords that name no constants."""
    for tokens, schema in within(contracts, definition.name):
        target = schema.get(KEYWORD)
        if target is not None and target not in contracts.values:
            origin = definition.origin.at(*tokens, KEYWORD)
            remedy = f"Name a definition with x-values.{hint(target, contracts.values)}"
            yield Finding("constant-exists", origin, f"{target} has no constants.", remedy)


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find names in tables that no constant has, and constants that a table could name and none does."""
    used: dict[str, set[str]] = {}
    for table in contracts.tables.values():
        for position, row in enumerate(table.rows):
            origin = table.origin.at("x-table", "rows", position, "then")
            for where, target, name in named(contracts, table.output, row.then, origin):
                known = contracts.values[target].values
                used.setdefault(target, set()).add(name)
                if name not in known:
                    message = f'{target} has no constant "{name}".'
                    yield Finding(
                        "constant-exists", where, message, f"Define it, or correct the name.{hint(name, known)}"
                    )
    yield from _unused(contracts, used)


def named(contracts: ContractSet, schema: Json, value: Json, origin: Origin) -> Iterator[tuple[Origin, str, str]]:
    """List each place of a value that names a constant, with the constants' definition and the name."""
    if not isinstance(schema, dict):
        return
    target = schema.get(KEYWORD)
    if isinstance(value, str) and isinstance(target, str) and target in contracts.values:
        yield origin, target, value
    for position, item in enumerate(value if isinstance(value, list) else ()):
        yield from named(contracts, schema.get("items"), item, origin.at(position))
    for name, below in value.items() if isinstance(value, dict) else ():
        yield from named(contracts, schema.get("properties", {}).get(name), below, origin.at(name))
    for branch in (*schema.get("oneOf", ()), *schema.get("anyOf", ()), *_referred(contracts, schema)):
        yield from named(contracts, branch, value, origin)


def _referred(contracts: ContractSet, schema: Schema) -> list[Schema]:
    name = str(schema.get("$ref", "")).removeprefix(resolve.PREFIX)
    return [contracts.definitions[name].schema] if name in contracts.definitions else []


def _unused(contracts: ContractSet, used: dict[str, set[str]]) -> Iterator[Finding]:
    for target, names in used.items():
        for name in contracts.values[target].values:
            if name not in names:
                origin = contracts.values[target].origin.at("x-values", name)
                yield Finding("constant-used", origin, f'No table names "{name}".', "Name it in a row, or remove it.")
