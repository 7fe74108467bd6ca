"""Every reference of a lowered schema leads to a definition."""

from __future__ import annotations

from collections.abc import Iterator

from contractgen import resolve
from contractgen.model import ContractSet, Definition, Finding, Origin, Schema


def check_definition(contracts: ContractSet, definition: Definition) -> Iterator[Finding]:
    """Find references to what is no schema, such as a machine."""
    yield from _dangling(contracts, definition.schema, definition.origin)


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find the same in attributes of enumerations."""
    for enumeration in contracts.enumerations.values():
        for name, schema in enumeration.attributes.items():
            yield from _dangling(contracts, schema, enumeration.origin.at("x-enum", "attributes", name))


def _dangling(contracts: ContractSet, schema: Schema, origin: Origin) -> Iterator[Finding]:
    for tokens, found in resolve.walk(schema):
        name = str(found.get("$ref", "")).removeprefix(resolve.PREFIX)
        if name and name not in contracts.definitions:
            message = f"{name} is not a schema that can be referred to."
            yield Finding("ref-resolves", origin.at(*tokens, "$ref"), message, "Refer to a shape or an enumeration.")
