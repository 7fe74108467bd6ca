"""Every object says whether it is closed; requests and payloads of events are."""

from __future__ import annotations

from collections.abc import Iterator

from contractgen.model import ContractSet, Definition, Finding, Schema
from contractgen.reach import within


def check_definition(contracts: ContractSet, definition: Definition) -> Iterator[Finding]:
    """Find objects that leave additionalProperties unsaid."""
    for tokens, schema in within(contracts, definition.name):
        if _is_object(schema) and not schema.keys() & {"additionalProperties", "unevaluatedProperties"}:
            origin = definition.origin.at(*tokens)
            message = "This object does not say whether it takes other properties."
            remedy = 'State "additionalProperties": false, or what it takes.'
            yield Finding("closed-objects", origin, message, remedy)


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find requests and payloads that are open."""
    named = [(event.definition, f"The payload of {event.type}") for event in contracts.events.values()]
    named += [(command.request, f"The request of {command.name}") for command in contracts.commands]
    for name, what in named:
        definition = contracts.definitions[name]
        if _is_open(definition.schema):
            message = f"{what} takes properties that it does not name."
            yield Finding("closed-objects", definition.origin, message, 'State "additionalProperties": false.')


def _is_open(schema: Schema) -> bool:
    """Say whether other properties are let in on purpose; where nothing is said, that is told already."""
    said = [schema[key] for key in ("additionalProperties", "unevaluatedProperties") if key in schema]
    return bool(said) and False not in said


def _is_object(schema: Schema) -> bool:
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind)
