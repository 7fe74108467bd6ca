"""What is defined is used: by a command, an event, a table, a machine, a publication or another definition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from contractgen import resolve
from contractgen.model import ContractSet, Finding, Schema


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find tools without commands, and definitions that nothing leads to."""
    for tool in contracts.tools.values():
        if not tool.commands:
            message = f"The tool {tool.name} has no commands."
            yield Finding("tool-used", tool.origin, message, "Write a command of it, or remove the tool.")
    used = _used(contracts)
    for definition in contracts.definitions.values():
        if definition.name not in used:
            message = f"Nothing leads to {definition.name}."
            remedy = 'Refer to it, publish it ("x-published": true), or remove it.'
            yield Finding("definition-used", definition.origin, message, remedy)


def _used(contracts: ContractSet) -> set[str]:
    schemas = {name: item.schema for name, item in contracts.definitions.items()}
    return set(resolve.reachable(schemas, _roots(contracts)))


def _roots(contracts: ContractSet) -> Iterator[str]:
    settings = contracts.settings
    yield from (settings.errors, settings.roles, settings.envelope, settings.flags, *contracts.published)
    for command in contracts.commands:
        yield from (command.request, command.response)
    yield from (event.definition for event in contracts.events.values())
    yield from (machine.states for machine in contracts.machines.values())
    for table in contracts.tables.values():
        yield from (table.name, *table.inputs.values())
    yield from contracts.values
    # A list that follows from the set is for the code that works on all of its kind.
    yield from (name for name, item in contracts.enumerations.items() if item.derived is not None)
    yield from _referred(schema for item in contracts.enumerations.values() for schema in item.attributes.values())


def _referred(schemas: Iterable[Schema]) -> Iterator[str]:
    for schema in schemas:
        yield from resolve.references(schema)
