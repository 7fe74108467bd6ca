"""A contract set as plain data: all that a later set has to be compared with."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from contractgen import resolve
from contractgen.emit.published_schemas import publications
from contractgen.model import ContractSet

Json = Any
FORMAT = 1
LOCK = "contracts.lock.json"


def snapshot(contracts: ContractSet) -> dict[str, Json]:
    """Write a set as data; `definitions` hold every schema in full, `shapes` say which of them others see."""
    return {
        "format": FORMAT,
        "name": contracts.settings.name,
        "version": contracts.settings.version,
        "definitions": {
            name: {"module": item.module, "schema": _plain(item.schema)} for name, item in contracts.definitions.items()
        },
        "shapes": {
            item.path: {"kind": item.kind, "definition": item.definition}
            for item in publications(contracts)
            if item.definition in contracts.definitions
        },
        "commands": {command.name: _command(command) for command in contracts.commands},
        "events": {
            event.type: {"definition": event.definition, "stream": event.stream} for event in contracts.events.values()
        },
        "enumerations": {
            name: {member.value: _plain(member.attributes) for member in item.members}
            for name, item in contracts.enumerations.items()
        },
        "tables": {
            name: {"inputs": _plain(item.inputs), "rows": [_plain(dataclasses.asdict(row)) for row in item.rows]}
            for name, item in contracts.tables.items()
        },
        "machines": {name: _machine(item) for name, item in contracts.machines.items()},
        "values": {name: _plain(item.values) for name, item in contracts.values.items()},
    }


def bundle(taken: Mapping[str, Json], path: str) -> Json:
    """Give the schema of a shape with all it refers to."""
    shape = taken["shapes"][path]
    if "schema" in shape:
        return shape["schema"]
    schemas = {name: item["schema"] for name, item in taken["definitions"].items()}
    needed = resolve.reachable(schemas, [shape["definition"]])
    return {"$ref": f"#/$defs/{shape['definition']}", "$defs": {name: schemas[name] for name in needed}}


def stem(path: str) -> str:
    """Name what a shape's file is about: a command's identifier, an event's type, a format."""
    return PurePosixPath(path).name.removesuffix(".json").removesuffix(".request").removesuffix(".response")


def _command(command: Any) -> dict[str, Json]:
    kept = ("identifier", "title", "description", "role", "flag", "read_only", "errors", "emits", "tags", "deprecated")
    body = {key: _plain(getattr(command, key)) for key in kept}
    return {**body, "aliases": {alias.action: dataclasses.asdict(alias) for alias in command.aliases}}


def _machine(machine: Any) -> dict[str, Json]:
    moves = [_plain(dataclasses.asdict(move)) for move in machine.transitions]
    return {"initial": machine.initial, "terminal": list(machine.terminal), "transitions": moves}


def _plain(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {key: _plain(below) for key, below in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
