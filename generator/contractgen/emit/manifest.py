"""Write the capabilities manifest: everything a client may discover, in one file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contractgen.bundle import inlined, text
from contractgen.memory import remembered
from contractgen.model import Alias, Command, ContractSet, Enumeration, Event, Tool
from contractgen.resolve import keywords

PATH = "mcp/capabilities_manifest.json"


def emit(contracts: ContractSet) -> dict[str, str]:
    """Write the manifest."""
    return {PATH: text(manifest(contracts))}


def manifest(contracts: ContractSet) -> dict[str, Any]:
    """Give the manifest as a value."""
    settings = contracts.settings
    return {
        "server": settings.server,
        "contract": {"name": settings.name, "version": settings.version, "digest": contracts.digest},
        "tools": [_tool(contracts, tool) for tool in contracts.tools.values()],
        "errors": _members(contracts.enumerations[settings.errors], "code"),
        "events": [_event(contracts, event) for event in contracts.events.values()],
        "enumerations": {
            name: {"description": enumeration.description, "members": _members(enumeration, "value")}
            for name, enumeration in contracts.enumerations.items()
            if name != settings.errors
        },
        "formats": [{"name": name, "schema": f"schemas/formats/{name}.json"} for name in contracts.published],
    }


def _tool(contracts: ContractSet, tool: Tool) -> dict[str, Any]:
    actions: dict[str, list[dict[str, Any]]] = {}
    for command in tool.commands:
        actions.setdefault(command.action, []).append(_command(contracts, command))
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "actions": [{"name": name, "commands": commands} for name, commands in actions.items()],
    }


def _command(contracts: ContractSet, command: Command) -> dict[str, Any]:
    return {
        "name": command.name,
        "command": command.command,
        "title": command.title,
        "description": command.description,
        "role": command.role,
        "read_only": command.read_only,
        "flag": command.flag,
        "parameters": _parameters(contracts, command.request),
        "returns": _parameters(contracts, command.response),
        "errors": list(command.errors),
        "emits": list(command.emits),
        "tags": list(command.tags),
        "aliases": [_alias(alias) for alias in command.aliases],
        "request_schema": f"schemas/{command.identifier}.request.json",
        "response_schema": f"schemas/{command.identifier}.response.json",
    }


@remembered
def _parameters(contracts: ContractSet, name: str) -> list[dict[str, Any]]:
    schema = inlined(contracts, name)
    required = schema.get("required", ())
    return [
        {"name": key, "type": type_of(below), "required": key in required, "description": below.get("description", "")}
        for key, below in ((key, keywords(below)) for key, below in schema.get("properties", {}).items())
    ]


def type_of(schema: Mapping[str, Any]) -> str:
    """Name the JSON type or types of a dereferenced schema."""
    if "type" in schema:
        kinds = schema["type"]
        return kinds if isinstance(kinds, str) else " or ".join(kinds)
    branches = [branch for keyword in ("oneOf", "anyOf") for branch in schema.get(keyword, ())]
    return " or ".join(dict.fromkeys(type_of(keywords(branch)) for branch in branches)) or "any"


def _alias(alias: Alias) -> dict[str, str]:
    return {
        "action": alias.action,
        "deprecated_in": alias.deprecated_in,
        "deprecated_on": alias.deprecated_on,
        "removal_version": alias.removal_version,
        "removal_date": alias.removal_date,
    }


def _members(enumeration: Enumeration, key: str) -> list[dict[str, Any]]:
    return [
        {key: member.value, "description": member.description, **member.attributes}
        | ({"deprecated": dict(member.deprecated)} if member.deprecated else {})
        for member in enumeration.members
    ]


def _event(contracts: ContractSet, event: Event) -> dict[str, Any]:
    return {
        "type": event.type,
        "stream": event.stream,
        "description": event.description,
        "common": event.common,
        "emitted_by": [command.name for command in contracts.commands if event.type in command.emits],
        "schema": f"schemas/events/{event.type}.json",
    }
