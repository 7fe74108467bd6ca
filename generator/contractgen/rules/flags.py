"""Feature flags: those that commands name are declared, and those that are declared are named by one."""

from __future__ import annotations

from collections.abc import Iterator

from contractgen.model import ContractSet, Finding
from contractgen.nearest import hint


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find flags that are named and not declared, or declared and not named."""
    enumeration = contracts.enumerations.get(contracts.settings.flags)
    known = [member.value for member in enumeration.members] if enumeration else []
    for command in contracts.commands:
        if command.flag is not None and command.flag not in known:
            message = f'{command.name} needs the flag "{command.flag}", which nothing declares.'
            remedy = "Declare it, or correct the name." if enumeration else _WHERE
            yield Finding("flag-exists", command.origin.at("flag"), message, remedy + hint(command.flag, known))
    used = {command.flag for command in contracts.commands}
    for value in known:
        if enumeration is not None and value not in used:
            origin = enumeration.origin.at("x-enum", "members", value)
            yield Finding("flag-used", origin, f"No command needs this flag: {value}.", "Use it, or remove it.")


_WHERE = "Declare it in an enumeration, and name that as flags in [set] of contracts.toml."
