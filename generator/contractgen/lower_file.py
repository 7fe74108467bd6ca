"""Lower one contract file, definition by definition, and its command.

What a definition comes to follows from its text, and from where the names it refers to stand: one whose text is what
it was gives the same objects again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from contractgen import names, resolve
from contractgen.addresses import Index
from contractgen.breaking.deprecation import MEMBERS_MARK
from contractgen.contract_file import Document
from contractgen.lower_command import command_name, lower_command
from contractgen.lower_config import without_settings
from contractgen.lower_parts import lower_enumeration, lower_machine, lower_table, lower_values
from contractgen.lower_suppressions import suppressions
from contractgen.memory import Memory
from contractgen.model import (
    Command,
    DecisionTable,
    Definition,
    Enumeration,
    Event,
    Finding,
    Json,
    Machine,
    Origin,
    Suppression,
    Values,
)

# What is part of the schema itself, for those who compare it.
_KEPT = frozenset({"x-open", "x-deprecated"})
_KINDS = ("x-event", "x-enum", "x-table", "x-machine", "x-values", "x-config")


@dataclass(slots=True)
class Lowered:
    """Hold what a definition or a command gives to the set, and what is wrong with it; nobody changes it later."""

    definitions: dict[str, Definition] = field(default_factory=dict)
    enumerations: dict[str, Enumeration] = field(default_factory=dict)
    tables: dict[str, DecisionTable] = field(default_factory=dict)
    machines: dict[str, Machine] = field(default_factory=dict)
    values: dict[str, Values] = field(default_factory=dict)
    configurations: dict[str, tuple[Mapping[str, Json], Origin]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    published: list[str] = field(default_factory=list)
    command: tuple[int, Command] | None = None
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LoweredFile:
    """Hold one file and what comes of it."""

    document: Document
    parts: tuple[Lowered, ...]
    suppressions: tuple[Suppression, ...]


def lower_file(document: Document, places: Index, memory: Memory) -> LoweredFile:
    """Lower one file."""
    parts = [
        memory.once(
            f"definition of {document.file}",
            name,
            (
                json.dumps(raw),
                _module(document),
                places.bases[document.file],
                *resolve.standing(raw, document.file, places),
            ),
            partial(lower_definition, document, name, raw, places),
        )
        for name, raw in document.data.get("$defs", {}).items()
    ]
    if "x-command" in document.data:
        depends = (_text_of_command(document), repr(document.command))
        parts.append(memory.once("command", document.file, depends, partial(_command, document)))
    return LoweredFile(document, tuple(parts), tuple(suppressions(document)))


def _text_of_command(document: Document) -> str:
    """Give all that a command is made of, as text."""
    shapes = [(name, "x-machine" in raw) for name, raw in document.data.get("$defs", {}).items()]
    return json.dumps([shapes, {key: below for key, below in document.data.items() if key != "$defs"}])


def _command(document: Document) -> Lowered:
    lowered = Lowered()
    command = lower_command(document, lowered.findings)
    order = document.data["x-command"]["order"]
    lowered.command = None if command is None else (order, command)
    return lowered


def lower_definition(document: Document, name: str, raw: Mapping[str, Json], places: Index) -> Lowered:
    """Lower one definition of a file."""
    return _Lowering(document, places).definition(name, raw)


class _Lowering:
    """Hold what is being built."""

    def __init__(self, document: Document, places: Index) -> None:
        self.document = document
        self.places = places
        self.lowered = Lowered()

    def definition(self, name: str, raw: Mapping[str, Json]) -> Lowered:
        origin = Origin(self.document.file, f"/$defs/{name}")
        kinds = [key for key in _KINDS if key in raw]
        if len(kinds) > 1:
            message = f"{name} is {' and '.join(kinds)} at once."
            self.lowered.findings.append(Finding("one-kind", origin, message, "Split it into one definition a kind."))
        if raw.get("title", name) != name:
            message = f'The title of {name} is "{raw["title"]}".'
            self.lowered.findings.append(
                Finding("definition-title", origin.at("title"), message, "Leave the title out.")
            )
        schema = self._schema(name, raw, origin)
        if raw.get("x-published"):
            self.lowered.published.append(name)
        self._kind(kinds[0] if kinds else "", name, raw, schema, origin)
        return self.lowered

    def _schema(self, name: str, raw: Mapping[str, Json], origin: Origin) -> dict[str, Json]:
        plain = without_settings({key: value for key, value in raw.items() if not key.startswith("x-") or key in _KEPT})
        closed: dict[str, Json] = self._closed(plain, origin, definition=True)
        return {"title": name} | closed

    def _closed(self, schema: Json, origin: Origin, definition: bool = False) -> Json:
        return resolve.rewrite(schema, self.document.file, self.places, origin, self.lowered.findings, definition)

    def _kind(self, kind: str, name: str, raw: Mapping[str, Json], schema: dict[str, Json], origin: Origin) -> None:
        lowered = self.lowered
        if kind == "x-machine":
            lowered.machines[name] = lower_machine(name, raw, origin)
            return
        if kind == "x-enum":
            lowered.enumerations[name] = self._enumeration(name, raw, origin)
            schema = listed(schema, lowered.enumerations[name])
        elif kind == "x-table":
            lowered.tables[name] = lower_table(name, raw, schema, origin)
        elif kind == "x-values":
            lowered.values[name] = lower_values(name, raw, schema, origin)
        elif kind == "x-config":
            # Its settings stand in other files, so it is built when all are lowered.
            lowered.configurations[name] = raw, origin
        elif kind == "x-event":
            lowered.events.append(_event(name, raw, origin))
        lowered.definitions[name] = Definition(name, schema, _module(self.document), origin)

    def _enumeration(self, name: str, raw: Mapping[str, Json], origin: Origin) -> Enumeration:
        where = origin.at("x-enum", "attributes")
        stated = raw["x-enum"].get("attributes", {})
        attributes = {key: self._closed(schema, where.at(key)) for key, schema in stated.items()}
        return lower_enumeration(name, raw, attributes, origin, self.lowered.findings)


def _event(name: str, raw: Mapping[str, Json], origin: Origin) -> Event:
    said = raw["x-event"]
    return Event(said["type"], name, raw.get("description", ""), said["stream"], origin, said.get("common", False))


def listed(schema: Mapping[str, Json], enumeration: Enumeration) -> dict[str, Json]:
    """Give an enumeration's schema with its members as values, and for those who compare it the deprecated ones."""
    members = [member.value for member in enumeration.members]
    deprecated = {member.value: member.deprecated for member in enumeration.members if member.deprecated}
    return {**schema, **({"enum": members} if members else {}), **({MEMBERS_MARK: deprecated} if deprecated else {})}


def _module(document: Document) -> str:
    raw = document.data.get("x-command")
    return (
        names.identifier(command_name(raw).replace(".", "_").replace("-", "_")) if raw else names.module(document.file)
    )
