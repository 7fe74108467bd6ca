"""Every object says whether it is closed."""

from __future__ import annotations

from collections.abc import Iterator

from contractgen import resolve
from contractgen.model import ContractSet, Finding, Schema


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find objects that leave additionalProperties unsaid."""
    for definition in contracts.definitions.values():
        for tokens, schema in resolve.walk(definition.schema):
            if _is_object(schema) and not schema.keys() & {"additionalProperties", "unevaluatedProperties"}:
                origin = definition.origin.at(*tokens)
                message = "This object does not say whether it takes other properties."
                remedy = 'State "additionalProperties": false, or what it takes.'
                yield Finding("closed-objects", origin, message, remedy)
    for event in contracts.events.values():
        if contracts.definitions[event.definition].schema.get("additionalProperties") is not False:
            message = f"The payload of {event.type} is not a closed object."
            yield Finding("closed-objects", event.origin, message, 'State "additionalProperties": false.')


def _is_object(schema: Schema) -> bool:
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind)
