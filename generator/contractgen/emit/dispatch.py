"""Emit dispatch.py: every command, its routes and its deprecated names, as data."""

from __future__ import annotations

from contractgen import names
from contractgen.emit.python_text import header, mapping_of, member, tuple_of
from contractgen.model import Alias, Command, ContractSet

_CLASSES = '''
@dataclass(frozen=True, slots=True, kw_only=True)
class CommandEntry:
    """Hold what a surface has to know to carry a command out."""

    name: {name}
    identifier: str
    tool: str
    action: str
    command: str | None
    title: str
    read_only: bool
    role: {role}
    flag: {flag} | None
    errors: tuple[{error}, ...]
    emits: tuple[{event}, ...]
    tags: tuple[str, ...]
    request_model: str
    response_model: str
    request_schema: str
    response_schema: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasEntry:
    """Hold a deprecated name, what replaces it, and until when it stands."""

    tool: str
    action: str
    command_name: {name}
    replacement: Mapping[str, str]
    deprecated_in: str
    removal_version: str
    removal_date: str

'''


def emit(contracts: ContractSet) -> dict[str, str]:
    """Write the dispatch tables of the set."""
    kinds = {
        "name": derived(contracts, "commands"),
        "event": derived(contracts, "events"),
        "role": _enumeration(contracts, contracts.settings.roles),
        "error": _enumeration(contracts, contracts.settings.errors),
        "flag": _enumeration(contracts, contracts.settings.flags),
    }
    imported = sorted(set(kinds.values()) - {"str"})
    lines = [
        header(),
        '"""Every command, its routes and its deprecated names."""',
        "from __future__ import annotations",
    ]
    lines += ["from collections.abc import Mapping", "from dataclasses import dataclass"]
    lines += ["from types import MappingProxyType", "from typing import Final"]
    lines += [f"from {contracts.settings.package}.vocabulary import {', '.join(imported)}"] if imported else []
    body = (
        _CLASSES.format(**kinds) + _commands(contracts, kinds) + _routes(contracts, kinds) + _aliases(contracts, kinds)
    )
    return {f"python/{contracts.settings.package}/dispatch.py": "\n".join(lines) + "\n" + body}


def derived(contracts: ContractSet, what: str) -> str:
    """Name the enumeration an author derived from the events, commands or tools; `str` if there is none."""
    found = [item.name for item in contracts.enumerations.values() if item.derived == what]
    return found[0] if found else "str"


def _enumeration(contracts: ContractSet, name: str) -> str:
    return name if name in contracts.enumerations else "str"


def _value(kind: str, value: str) -> str:
    return repr(value) if kind == "str" else member(kind, value)


def _commands(contracts: ContractSet, kinds: dict[str, str]) -> str:
    pairs = [(_value(kinds["name"], item.name), _entry(contracts, item, kinds)) for item in contracts.commands]
    return f"COMMANDS: Final[Mapping[{kinds['name']}, CommandEntry]] = {mapping_of(pairs)}\n\n"


def _entry(contracts: ContractSet, command: Command, kinds: dict[str, str]) -> str:
    fields = {
        "name": _value(kinds["name"], command.name),
        "identifier": repr(command.identifier),
        "tool": repr(command.tool),
        "action": repr(command.action),
        "command": repr(command.command),
        "title": repr(command.title),
        "read_only": repr(command.read_only),
        "role": _value(kinds["role"], command.role),
        "flag": "None" if command.flag is None else _value(kinds["flag"], command.flag),
        "errors": tuple_of(_value(kinds["error"], code) for code in command.errors),
        "emits": tuple_of(_value(kinds["event"], event) for event in command.emits),
        "tags": tuple_of(map(repr, command.tags)),
        "request_model": repr(_model(contracts, command.request)),
        "response_model": repr(_model(contracts, command.response)),
        "request_schema": repr(f"{command.identifier}.request.json"),
        "response_schema": repr(f"{command.identifier}.response.json"),
    }
    return f"CommandEntry({', '.join(f'{key}={value}' for key, value in fields.items())})"


def _model(contracts: ContractSet, definition: str) -> str:
    return f"{contracts.settings.package}.models.{contracts.definitions[definition].module}:{definition}"


def _routes(contracts: ContractSet, kinds: dict[str, str]) -> str:
    pairs = [
        (repr((item.tool, item.action, item.command)), _value(kinds["name"], item.name)) for item in contracts.commands
    ]
    return f"ROUTES: Final[Mapping[tuple[str, str, str | None], {kinds['name']}]] = {mapping_of(pairs)}\n\n"


def _aliases(contracts: ContractSet, kinds: dict[str, str]) -> str:
    pairs = [
        (repr((command.tool, alias.action)), _alias(command, alias, kinds["name"]))
        for command in contracts.commands
        for alias in command.aliases
    ]
    return f"ALIASES: Final[Mapping[tuple[str, str], AliasEntry]] = {mapping_of(pairs)}\n"


def _alias(command: Command, alias: Alias, kind: str) -> str:
    replacement = {"action": command.action} | ({"command": command.command} if command.command else {})
    fields = {
        "tool": repr(command.tool),
        "action": repr(alias.action),
        "command_name": _value(kind, command.name),
        "replacement": f"MappingProxyType({replacement!r})",
        "deprecated_in": repr(alias.deprecated_in),
        "removal_version": repr(alias.removal_version),
        "removal_date": repr(alias.removal_date),
    }
    return f"AliasEntry({', '.join(f'{names.identifier(key)}={value}' for key, value in fields.items())})"
