"""A deprecated name leads to one command, hides no real action, and goes only after it was deprecated."""

from __future__ import annotations

from collections.abc import Iterator

from contractgen.days import is_day
from contractgen.model import Alias, Command, ContractSet, Finding, Origin


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find faults of aliases."""
    real = {(command.tool, command.action) for command in contracts.commands}
    seen: dict[tuple[str, str], Origin] = {}
    for command in contracts.commands:
        for position, alias in enumerate(command.aliases):
            origin = command.origin.at("aliases", position)
            yield from _alias(command, alias, origin, real, seen)


def _alias(
    command: Command, alias: Alias, origin: Origin, real: set[tuple[str, str]], seen: dict[tuple[str, str], Origin]
) -> Iterator[Finding]:
    key = (command.tool, alias.action)
    if key in real:
        message = f'"{alias.action}" is also a real action of {command.tool}.'
        yield Finding("alias-real", origin.at("action"), message, "Rename the alias or the action.")
    first = seen.setdefault(key, origin)
    if first != origin:
        message = f'The alias "{alias.action}" of {command.tool} also stands in {first.file}#{first.pointer}.'
        yield Finding("alias-unique", origin.at("action"), message, "Keep it in one place.")
    for name, day in (("deprecated_on", alias.deprecated_on), ("removal_date", alias.removal_date)):
        if not is_day(day):
            yield Finding("alias-dates", origin.at(name), f"{day} is no day of the calendar.", "Set a real date.")
    if alias.removal_date <= alias.deprecated_on:
        message = f'"{alias.action}" is removed on {alias.removal_date}, not after it was deprecated.'
        yield Finding("alias-dates", origin.at("removal_date"), message, "Set a later removal date.")
