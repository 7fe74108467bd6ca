"""Publish every shape another party can see, each as a schema that needs no other, with a catalog of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from contractgen.bundle import bundled, identifier, text
from contractgen.memory import remembered
from contractgen.model import Command, ContractSet
from contractgen.reach import schema_of


@dataclass(frozen=True, slots=True)
class Publication:
    """Hold what is published where: path below schemas/, kind, and the definition."""

    path: str
    kind: str
    definition: str
    command: Command | None = None


def publications(contracts: ContractSet) -> Iterator[Publication]:
    """List what a set publishes: requests and responses by command, then events, then formats."""
    for command in contracts.commands:
        yield Publication(f"{command.identifier}.request.json", "request", command.request, command)
        yield Publication(f"{command.identifier}.response.json", "response", command.response, command)
    for event in contracts.events.values():
        yield Publication(f"events/{event.type}.json", "event", event.definition)
    for name in contracts.published:
        yield Publication(f"formats/{name}.json", "format", name)


def emit(contracts: ContractSet) -> dict[str, str]:
    """Write schemas/ for readers of files and the same again as data of the Python package."""
    listed = tuple(publications(contracts))
    files = {item.path: _file(contracts, item.definition, item.path) for item in listed}
    files["catalog.json"] = text(_catalog(contracts, listed, files))
    package = f"python/{contracts.settings.package}/schemas"
    return {f"{folder}/{path}": content for folder in ("schemas", package) for path, content in files.items()}


@remembered
def _file(contracts: ContractSet, name: str, path: str) -> str:
    return text(bundled(contracts, name, path))


def _catalog(contracts: ContractSet, listed: tuple[Publication, ...], files: dict[str, str]) -> dict[str, object]:
    envelope = f"formats/{contracts.settings.envelope}.json"
    return {
        "name": contracts.settings.name,
        "version": contracts.settings.version,
        "digest": contracts.digest,
        "envelope": envelope if envelope in files else None,
        "schemas": [_entry(contracts, item, files[item.path]) for item in listed],
    }


def _entry(contracts: ContractSet, item: Publication, content: str) -> dict[str, object]:
    deprecated = schema_of(contracts, item.definition).get("deprecated", False)
    entry: dict[str, object] = {
        "id": identifier(contracts, item.path),
        "path": item.path,
        "kind": item.kind,
        "title": item.definition,
        "version": contracts.settings.version,
        "sha256": hashlib.sha256(content.encode()).hexdigest(),
        "status": "deprecated" if deprecated else "current",
    }
    # Who holds a call and its answer has to find their schemas without any code of ours.
    return entry | ({"call": _call(item.command)} if item.command else {})


def _call(command: Command) -> dict[str, object]:
    route = {"tool": command.tool, "action": command.action, "command": command.command}
    return {**route, "older_actions": [alias.action for alias in command.aliases]}
