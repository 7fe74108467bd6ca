"""Every definition and every property says what it is."""

from __future__ import annotations

from collections.abc import Iterator

from contractgen import resolve
from contractgen.model import ContractSet, Definition, Finding


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find definitions and properties without a description, there or where they refer to."""
    for definition in contracts.definitions.values():
        if not definition.schema.get("description"):
            message = f"{definition.name} has no description."
            yield Finding("definition-described", definition.origin, message, "Say in one sentence what it is.")
        yield from _properties(definition)


def _properties(definition: Definition) -> Iterator[Finding]:
    for tokens, schema in resolve.walk(definition.schema):
        for name, part in schema.get("properties", {}).items():
            # A constant tag says all there is to say of it.
            if isinstance(part, dict) and not part.keys() & {"description", "$ref", "const"}:
                origin = definition.origin.at(*tokens, "properties", name)
                message = f'The property "{name}" has no description.'
                yield Finding("property-described", origin, message, "Say in one sentence what it is.")
