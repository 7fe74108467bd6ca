"""A request is an object whose properties are described and never null; so is the envelope never null."""

from __future__ import annotations

from collections.abc import Iterator

from contractgen import resolve
from contractgen.model import Command, ContractSet, Finding, Json, Origin, Schema
from contractgen.reach import closure, within


def check_command(contracts: ContractSet, command: Command) -> Iterator[Finding]:
    """Find faults of a request."""
    definition = contracts.definitions.get(command.request)
    if definition is None or definition.schema.get("type") != "object":
        message = f"{command.request} is not an object."
        yield Finding("request-object", command.origin, message, 'State "type": "object" and its properties.')
        return
    yield from _routing(command, definition.schema, definition.origin)
    for tokens, schema in within(contracts, command.request):
        for name, part in schema.get("properties", {}).items():
            yield from _property(contracts, name, part, definition.origin.at(*tokens, "properties", name))


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find nulls in the envelope: it is every tool's output schema, and some clients refuse a null type there."""
    envelope = contracts.settings.envelope
    for definition in closure(contracts, [envelope] if envelope in contracts.definitions else ()):
        for tokens, schema in within(contracts, definition):
            for name, part in schema.get("properties", {}).items():
                if nullable(contracts, part):
                    origin = contracts.definitions[definition].origin.at(*tokens, "properties", name)
                    message = f'"{name}" of the envelope may be null.'
                    yield Finding("never-null", origin, message, "Make it optional: an absent property says the same.")


def _routing(command: Command, schema: Schema, origin: Origin) -> Iterator[Finding]:
    for name in ("action", "command"):
        if name in schema.get("properties", {}):
            message = f'{command.request} holds "{name}", which routes the call.'
            yield Finding("request-routing", origin.at("properties", name), message, "Rename the property.")


def _property(contracts: ContractSet, name: str, schema: Json, origin: Origin) -> Iterator[Finding]:
    if not _described(contracts, schema):
        message = f'The request property "{name}" has no description.'
        yield Finding("described", origin, message, "Say in one sentence what it is, here or where it refers to.")
    if nullable(contracts, schema):
        message = f'The request property "{name}" may be null.'
        yield Finding("never-null", origin, message, "Make it optional: an absent property says the same.")


def _described(contracts: ContractSet, schema: Json) -> bool:
    if not isinstance(schema, dict):
        return False
    target = contracts.definitions.get(str(schema.get("$ref", "")).removeprefix(resolve.PREFIX))
    return bool(schema.get("description")) or (target is not None and _described(contracts, target.schema))


def nullable(contracts: ContractSet, schema: Json, seen: frozenset[str] = frozenset()) -> bool:
    """Say whether null is one of a schema's declared choices."""
    if not isinstance(schema, dict):
        return False
    kind = schema.get("type")
    if kind == "null" or (isinstance(kind, list) and "null" in kind) or None in schema.get("enum", ()):
        return True
    if "const" in schema and schema["const"] is None:
        return True
    name = str(schema.get("$ref", "")).removeprefix(resolve.PREFIX)
    choices = [*schema.get("oneOf", ()), *schema.get("anyOf", ())]
    if name in contracts.definitions and name not in seen:
        choices.append(contracts.definitions[name].schema)
    return any(nullable(contracts, choice, seen | {name}) for choice in choices)
