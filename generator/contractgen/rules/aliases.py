"""A deprecated name leads to one command, hides no real action, and goes only after it was deprecated."""

from __future__ import annotations

from collections.abc import Iterator

from contractgen.model import Alias, Command, ContractSet, Finding, Origin


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find faults of aliases."""
    real = {(command.tool, command.action) for command in contracts.commands}
    seen: dict[tuple[str, str], str] = {}
    for command in contracts.commands:
        for position, alias in enumerate(command.aliases):
            origin = command.origin.at("aliases", position)
            yield from _alias(command, alias, origin, real, seen)


def _alias(
    command: Command, alias: Alias, origin: Origin, real: set[tuple[str, str]], seen: dict[tuple[str, str], str]
) -> Iterator[Finding]:
    key = (command.tool, alias.action)
    if key in real:
        message = f'"{alias.action}" is also a real action of {command.tool}.'
        yield Finding("alias-real", origin.at("action"), message, "Rename the alias or the action.")
    first = seen.setdefault(key, command.name)
    if first != command.name:
        message = f'"{alias.action}" already leads to {first}.'
        yield Finding("alias-unique", origin.at("action"), message, "Let it lead to one command.")
    if alias.removal_date <= alias.deprecated_on:
        message = f'"{alias.action}" is removed on {alias.removal_date}, not after it was deprecated.'
        yield Finding("alias-dates", origin.at("removal_date"), message, "Set a later removal date.")
