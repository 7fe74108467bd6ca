"""Enumerations: members differ as Python names, attributes hold to their schemas, codes and roles are used."""

from __future__ import annotations

from collections.abc import Iterator

from contractgen import names
from contractgen.model import ContractSet, Enumeration, Finding
from contractgen.nearest import hint
from contractgen.rules.judge import faults


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find faults of enumerations."""
    for enumeration in contracts.enumerations.values():
        yield from _clashes(enumeration)
        yield from _attributes(contracts, enumeration)
        yield from _deprecated(enumeration)
        if not enumeration.members:
            message = f"{enumeration.name} has no members: the set has no {enumeration.derived}."
            yield Finding("enum-empty", enumeration.origin, message, "Add one, or remove the enumeration.")
    used_codes = {code for command in contracts.commands for code in command.errors} | common_errors(contracts)
    used_roles = {command.role for command in contracts.commands}
    yield from _unused(contracts, contracts.settings.errors, used_codes, "error-used", "lists this error")
    yield from _unused(contracts, contracts.settings.roles, used_roles, "role-used", "asks for this role")


def common_errors(contracts: ContractSet) -> set[str]:
    """List the codes that any command may answer with: those whose attribute `common` is true."""
    enumeration = contracts.enumerations.get(contracts.settings.errors)
    members = enumeration.members if enumeration else ()
    return {member.value for member in members if member.attributes.get("common") is True}


def _clashes(enumeration: Enumeration) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for member in enumeration.members:
        other = seen.setdefault(names.member(member.value), member.value)
        if other != member.value:
            origin = enumeration.origin.at("x-enum", "members", member.value)
            message = f'"{member.value}" and "{other}" have the same Python name.'
            yield Finding("unique-name", origin, message, "Rename one of the two.")


def _attributes(contracts: ContractSet, enumeration: Enumeration) -> Iterator[Finding]:
    for member in enumeration.members:
        origin = enumeration.origin.at("x-enum", "members", member.value)
        for name, value in member.attributes.items():
            schema = enumeration.attributes[name]
            yield from faults(contracts, "enum-attributes", schema, value, origin.at(name), f'Attribute "{name}"')


def _deprecated(enumeration: Enumeration) -> Iterator[Finding]:
    staying = [member.value for member in enumeration.members if not member.deprecated]
    for member in enumeration.members:
        instead = (member.deprecated or {}).get("instead")
        if instead is not None and instead not in staying:
            origin = enumeration.origin.at("x-enum", "members", member.value, "x-deprecated", "instead")
            message = f'"{member.value}" is to give way to "{instead}", which is no member that stays.'
            remedy = f"Name one that is not deprecated, or leave it out.{hint(instead, staying)}"
            yield Finding("deprecated-member", origin, message, remedy)


def _unused(contracts: ContractSet, name: str, used: set[str], rule: str, how: str) -> Iterator[Finding]:
    enumeration = contracts.enumerations.get(name)
    for member in enumeration.members if enumeration else ():
        if enumeration is not None and member.value not in used:
            origin = enumeration.origin.at("x-enum", "members", member.value)
            yield Finding(rule, origin, f"No command {how}: {member.value}.", "Use it in a command, or remove it.")
