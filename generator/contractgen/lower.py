"""Lower documents to the set: the last module that sees raw JSON. Files are lowered one by one, then joined."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from contractgen import addresses, documents
from contractgen.addresses import Index
from contractgen.contract_file import Document
from contractgen.documents import Folder
from contractgen.errors import ContractError
from contractgen.lower_config import lower_configuration, section_names
from contractgen.lower_file import LoweredFile, listed, lower_file
from contractgen.lower_parts import expand_stars
from contractgen.memory import Memory
from contractgen.model import (
    Command,
    Configuration,
    ContractSet,
    DecisionTable,
    Definition,
    Enumeration,
    Event,
    Finding,
    Json,
    Member,
    Origin,
    Tool,
)
from contractgen.nearest import hint
from contractgen.settings_file import settings

__all__ = ["ContractError", "load", "lower"]


def load(contracts_dir: Path, memory: Memory | None = None) -> ContractSet:
    """Read a contracts folder as one set; raise ContractError with every finding if it cannot be read.

    `memory` is that of a process that reads many times: what it read before are then the same objects.
    """
    memory = memory or Memory()
    folder, findings = documents.load(contracts_dir, memory)
    contracts = None if findings else lower(folder, findings, memory)
    if contracts is None or findings:
        raise ContractError(documents.locate(findings, contracts_dir))
    return contracts


def lower(folder: Folder, findings: list[Finding], memory: Memory) -> ContractSet:
    """Build the set from documents that hold to the meta-schema; add what is wrong to `findings`."""
    places = _index(folder, findings, memory)
    files = [_file(document, places, memory) for document in folder.documents]
    for file in files:
        findings += [finding for part in file.parts for finding in part.findings]
    return _Joining(files, findings, memory).run(folder)


def _index(folder: Folder, findings: list[Finding], memory: Memory) -> Index:
    named = tuple(map(addresses.words, folder.documents))
    places, duplicates = memory.once("index", "", named, lambda: addresses.index(folder.documents))
    findings += duplicates
    return places


def _file(document: Document, places: Index, memory: Memory) -> LoweredFile:
    return memory.once("file", document.file, (document, places), lambda: lower_file(document, places, memory))


class _Joining:
    """Hold the set while its files are joined."""

    def __init__(self, files: list[LoweredFile], findings: list[Finding], memory: Memory) -> None:
        self.files = files
        self.parts = [part for file in files for part in file.parts]
        self.findings = findings
        self.memory = memory

    def run(self, folder: Folder) -> ContractSet:
        events = self._events()
        commands = self._commands()
        tools = self._tools(commands)
        enumerations = self._joined("enumerations") | self._derived(tools, events)
        definitions: dict[str, Definition] = self._joined("definitions")
        for name, enumeration in enumerations.items():
            if enumeration.derived is not None:
                definitions[name] = self._listing(definitions[name], enumeration)
        tables = {name: self._expanded(table, enumerations) for name, table in self._joined("tables").items()}
        return ContractSet(
            settings=self.memory.once("settings", "", (folder.settings,), partial(settings, folder.settings)),
            definitions=definitions,
            enumerations=enumerations,
            tables=tables,
            machines=self._joined("machines"),
            values=self._joined("values"),
            configurations=self._configurations(folder.documents, definitions),
            events=events,
            tools=tools,
            published=tuple(name for part in self.parts for name in part.published),
            digest=_digest(folder.hashes),
            sources=dict(folder.hashes),
            suppressions=tuple(found for file in self.files for found in file.suppressions),
            memory=self.memory,
        )

    def _joined(self, kind: str) -> dict[str, Any]:
        return {name: item for part in self.parts for name, item in getattr(part, kind).items()}

    def _configurations(
        self, documents: tuple[Document, ...], definitions: Mapping[str, Definition]
    ) -> dict[str, Configuration]:
        written = {name: raw for document in documents for name, raw in document.data.get("$defs", {}).items()}

        def configuration(name: str, raw: Mapping[str, Json], origin: Origin) -> Configuration:
            names = section_names(definitions[name].schema)
            # What settings say of themselves is gone from the schemas, so it is looked up in what was written.
            sections = {target: (written[target], definitions[target]) for target in names if target in definitions}
            depends = (
                json.dumps(raw),
                definitions[name],
                *(p for w, d in sections.values() for p in (json.dumps(w), d)),
            )
            make = partial(lower_configuration, definitions[name], raw, sections, origin)
            return self.memory.once("configuration", name, depends, make)

        return {
            name: configuration(name, raw, origin) for name, (raw, origin) in self._joined("configurations").items()
        }

    def _events(self) -> dict[str, Event]:
        events: dict[str, Event] = {}
        for event in (event for part in self.parts for event in part.events):
            if event.type in events:
                other = events[event.type].origin
                message = f'The event type "{event.type}" is also that of {other.file}#{other.pointer}.'
                place = event.origin.at("x-event", "type")
                self.findings.append(Finding("unique-name", place, message, "Rename one of the two."))
            else:
                events[event.type] = event
        return events

    def _commands(self) -> list[tuple[int, Command]]:
        found: dict[str, tuple[int, Command]] = {}
        for order, command in (part.command for part in self.parts if part.command is not None):
            if command.name in found:
                other = found[command.name][1].origin.file
                message = f"The command {command.name} also stands in {other}."
                self.findings.append(Finding("unique-name", command.origin, message, "Keep one of the two files."))
            else:
                found[command.name] = (order, command)
        return sorted(found.values(), key=lambda pair: (pair[0], pair[1].name))

    def _tools(self, commands: list[tuple[int, Command]]) -> dict[str, Tool]:
        tools: dict[str, tuple[int, Tool]] = {}
        own: dict[str, list[Command]] = {}
        for _, command in commands:
            own.setdefault(command.tool, []).append(command)
        for document in (file.document for file in self.files if "x-tool" in file.document.data):
            raw = document.data["x-tool"]
            origin = Origin(document.file, "/x-tool")
            if raw["name"] in tools:
                message = f"The tool {raw['name']} also stands in {tools[raw['name']][1].origin.file}."
                self.findings.append(Finding("unique-name", origin, message, "Keep one of the two files."))
            tools[raw["name"]] = (raw["order"], self._tool(document, tuple(own.get(raw["name"], ())), origin))
        for _, command in commands:
            if command.tool not in tools:
                message = f"No file has an x-tool named {command.tool}."
                remedy = f"Write the tool's file, or correct the name.{hint(command.tool, tools)}"
                self.findings.append(Finding("tool-exists", command.origin.at("tool"), message, remedy))
        ordered = sorted(tools.values(), key=lambda pair: (pair[0], pair[1].name))
        return {tool.name: tool for _, tool in ordered}

    def _tool(self, document: Document, own: tuple[Command, ...], origin: Origin) -> Tool:
        raw = document.data["x-tool"]
        return self.memory.once(
            "tool",
            document.file,
            (document, *own),
            lambda: Tool(raw["name"], raw["title"], raw["description"], own, origin),
        )

    def _derived(self, tools: Mapping[str, Tool], events: Mapping[str, Event]) -> dict[str, Enumeration]:
        """Fill the enumerations that follow from the set."""
        commands = [command for tool in tools.values() for command in tool.commands]
        lists = {
            "tools": [(tool.name, tool.description) for tool in tools.values()],
            "commands": [(command.name, command.description) for command in commands],
            "events": [(event.type, event.description) for event in events.values()],
        }
        derived = {name: item for name, item in self._joined("enumerations").items() if item.derived is not None}
        return {name: self._filled(item, lists[item.derived]) for name, item in derived.items()}

    def _filled(self, enumeration: Enumeration, listed: list[tuple[str, str]]) -> Enumeration:
        return self.memory.once(
            "derived",
            enumeration.name,
            (enumeration, *listed),
            lambda: replace(enumeration, members=tuple(Member(value, text, {}) for value, text in listed)),
        )

    def _listing(self, definition: Definition, enumeration: Enumeration) -> Definition:
        return self.memory.once(
            "listing",
            definition.name,
            (definition, enumeration),
            lambda: replace(definition, schema=listed(definition.schema, enumeration)),
        )

    def _expanded(self, table: DecisionTable, enumerations: Mapping[str, Enumeration]) -> DecisionTable:
        ranges = tuple(enumerations.get(name) for name in table.inputs.values())
        return self.memory.once("table", table.name, (table, *ranges), lambda: expand_stars(table, enumerations))


def _digest(hashes: Mapping[str, str]) -> str:
    return hashlib.sha256("".join(f"{file}\0{sha}\n" for file, sha in sorted(hashes.items())).encode()).hexdigest()
