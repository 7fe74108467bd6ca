"""What a command names exists: its role, its errors, its events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from contractgen.model import Command, ContractSet, Enumeration, Finding
from contractgen.nearest import hint


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find roles, errors and events that commands name and nothing declares."""
    errors = _values(contracts.enumerations.get(contracts.settings.errors))
    roles = _values(contracts.enumerations.get(contracts.settings.roles))
    for command in contracts.commands:
        yield from _unknown(command, "role", [command.role], roles, "role-exists")
        yield from _unknown(command, "errors", command.errors, errors, "error-exists")
        yield from _unknown(command, "emits", command.emits, set(contracts.events), "event-exists")
        if command.read_only and command.emits:
            message = f"{command.name} is read only and emits {', '.join(command.emits)}."
            remedy = "Emit nothing, or set read_only to false."
            yield Finding("read-only", command.origin.at("emits"), message, remedy)


def _values(enumeration: Enumeration | None) -> set[str]:
    return {member.value for member in enumeration.members} if enumeration else set()


def _unknown(command: Command, key: str, named: Iterable[str], known: set[str], rule: str) -> Iterator[Finding]:
    for position, value in enumerate(named):
        if value not in known:
            origin = command.origin.at(key) if key == "role" else command.origin.at(key, position)
            message = f'{command.name} names "{value}" under "{key}", which nothing declares.'
            yield Finding(rule, origin, message, f"Declare it, or correct the name.{hint(value, known)}")
