"""Lower documents to the set: the last module that sees a contract file's raw JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from contractgen import documents, names, resolve
from contractgen.contract_file import Document
from contractgen.documents import Folder
from contractgen.errors import ContractError
from contractgen.lower_command import command_name, lower_command
from contractgen.lower_config import lower_configuration, without_settings
from contractgen.lower_parts import expand_stars, lower_enumeration, lower_machine, lower_table, lower_values
from contractgen.lower_suppressions import suppressions
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
    Machine,
    Member,
    Origin,
    Settings,
    Tool,
    Values,
)
from contractgen.nearest import hint

__all__ = ["ContractError", "load", "lower"]

# What is part of the schema itself, for those who compare it.
_KEPT = frozenset({"x-open", "x-deprecated"})
_KINDS = ("x-event", "x-enum", "x-table", "x-machine", "x-values", "x-config")


def load(contracts_dir: Path) -> ContractSet:
    """Read a contracts folder as one set; raise ContractError with every finding if it cannot be read."""
    folder, findings = documents.load(contracts_dir)
    contracts = None if findings else lower(folder, findings)
    if contracts is None or findings:
        raise ContractError(documents.locate(findings, contracts_dir))
    return contracts


def lower(folder: Folder, findings: list[Finding]) -> ContractSet:
    """Build the set from documents that hold to the meta-schema; add what is wrong to `findings`."""
    return _Lowering(folder, findings).run()


class _Lowering:
    """Hold what is being built, file by file."""

    def __init__(self, folder: Folder, findings: list[Finding]) -> None:
        self.folder = folder
        self.findings = findings
        self.index, duplicates = resolve.index(folder.documents)
        findings += duplicates
        self.definitions: dict[str, Definition] = {}
        self.enumerations: dict[str, Enumeration] = {}
        self.tables: dict[str, DecisionTable] = {}
        self.machines: dict[str, Machine] = {}
        self.values: dict[str, Values] = {}
        self.configurations: dict[str, Configuration] = {}
        self.events: dict[str, Event] = {}
        self.published: list[str] = []

    def run(self) -> ContractSet:
        for document in self.folder.documents:
            for name, raw in document.data.get("$defs", {}).items():
                self._definition(document, name, raw)
        commands = self._commands()
        tools = self._tools(commands)
        self._derive(tools)
        self.tables = {name: expand_stars(table, self.enumerations) for name, table in self.tables.items()}
        return ContractSet(
            settings=_settings(self.folder.settings),
            definitions=self.definitions,
            enumerations=self.enumerations,
            tables=self.tables,
            machines=self.machines,
            values=self.values,
            configurations=self.configurations,
            events=self.events,
            tools=tools,
            published=tuple(self.published),
            digest=_digest(self.folder.hashes),
            sources=dict(self.folder.hashes),
            suppressions=tuple(found for document in self.folder.documents for found in suppressions(document)),
        )

    def _definition(self, document: Document, name: str, raw: Mapping[str, Json]) -> None:
        origin = Origin(document.file, f"/$defs/{name}")
        kinds = [key for key in _KINDS if key in raw]
        if len(kinds) > 1:
            message = f"{name} is {' and '.join(kinds)} at once."
            self.findings.append(Finding("one-kind", origin, message, "Split it into one definition a kind."))
        if raw.get("title", name) != name:
            message = f'The title of {name} is "{raw["title"]}".'
            self.findings.append(Finding("definition-title", origin.at("title"), message, "Leave the title out."))
        schema = self._schema(document, name, raw, origin)
        if raw.get("x-published"):
            self.published.append(name)
        self._kind(kinds[0] if kinds else "", document, name, raw, schema, origin)

    def _schema(self, document: Document, name: str, raw: Mapping[str, Json], origin: Origin) -> dict[str, Json]:
        plain = without_settings({key: value for key, value in raw.items() if not key.startswith("x-") or key in _KEPT})
        closed: dict[str, Json] = resolve.rewrite(plain, document.file, self.index, origin, self.findings)
        return {"title": name} | closed

    def _kind(
        self, kind: str, document: Document, name: str, raw: Mapping[str, Json], schema: dict[str, Json], origin: Origin
    ) -> None:
        if kind == "x-machine":
            self.machines[name] = lower_machine(name, raw, origin)
            return
        if kind == "x-enum":
            self.enumerations[name] = self._enumeration(document, name, raw, origin)
            schema = _listed(schema, self.enumerations[name])
        elif kind == "x-table":
            self.tables[name] = lower_table(name, raw, schema, origin)
        elif kind == "x-values":
            self.values[name] = lower_values(name, raw, schema, origin)
        elif kind == "x-config":
            defined = {
                key: below for file in self.folder.documents for key, below in file.data.get("$defs", {}).items()
            }
            self.configurations[name] = lower_configuration(name, raw, defined, self.index.files, origin)
        elif kind == "x-event":
            self._event(name, raw, origin)
        self.definitions[name] = Definition(name, schema, _module(document), origin)

    def _enumeration(self, document: Document, name: str, raw: Mapping[str, Json], origin: Origin) -> Enumeration:
        where = origin.at("x-enum", "attributes")
        attributes = {
            key: resolve.rewrite(schema, document.file, self.index, where.at(key), self.findings)
            for key, schema in raw["x-enum"].get("attributes", {}).items()
        }
        return lower_enumeration(name, raw, attributes, origin, self.findings)

    def _event(self, name: str, raw: Mapping[str, Json], origin: Origin) -> None:
        kind: str = raw["x-event"]["type"]
        if kind in self.events:
            other = self.events[kind].origin
            message = f'The event type "{kind}" is also that of {other.file}#{other.pointer}.'
            self.findings.append(
                Finding("unique-name", origin.at("x-event", "type"), message, "Rename one of the two.")
            )
        else:
            said = raw["x-event"]
            self.events[kind] = Event(
                kind, name, raw.get("description", ""), said["stream"], origin, said.get("common", False)
            )

    def _commands(self) -> list[tuple[int, Command]]:
        found: dict[str, tuple[int, Command]] = {}
        for document in self.folder.documents:
            if "x-command" not in document.data:
                continue
            command = lower_command(document, self.findings)
            if command is not None and command.name in found:
                other = found[command.name][1].origin.file
                message = f"The command {command.name} also stands in {other}."
                self.findings.append(Finding("unique-name", command.origin, message, "Keep one of the two files."))
            elif command is not None:
                found[command.name] = (document.data["x-command"]["order"], command)
        return sorted(found.values(), key=lambda pair: (pair[0], pair[1].name))

    def _tools(self, commands: list[tuple[int, Command]]) -> dict[str, Tool]:
        tools: dict[str, tuple[int, Tool]] = {}
        for document in self.folder.documents:
            raw = document.data.get("x-tool")
            if raw is None:
                continue
            origin = Origin(document.file, "/x-tool")
            if raw["name"] in tools:
                message = f"The tool {raw['name']} also stands in {tools[raw['name']][1].origin.file}."
                self.findings.append(Finding("unique-name", origin, message, "Keep one of the two files."))
            tools[raw["name"]] = (raw["order"], _tool(raw, commands, origin))
        for _, command in commands:
            if command.tool not in tools:
                message = f"No file has an x-tool named {command.tool}."
                remedy = f"Write the tool's file, or correct the name.{hint(command.tool, tools)}"
                self.findings.append(Finding("tool-exists", command.origin.at("tool"), message, remedy))
        ordered = sorted(tools.values(), key=lambda pair: (pair[0], pair[1].name))
        return {tool.name: tool for _, tool in ordered}

    def _derive(self, tools: Mapping[str, Tool]) -> None:
        commands = [command for tool in tools.values() for command in tool.commands]
        lists = {
            "tools": [(tool.name, tool.description) for tool in tools.values()],
            "commands": [(command.name, command.description) for command in commands],
            "events": [(event.type, event.description) for event in self.events.values()],
        }
        for name, enumeration in self.enumerations.items():
            if enumeration.derived is None:
                continue
            members = tuple(Member(value, text, {}) for value, text in lists[enumeration.derived])
            self.enumerations[name] = replace(enumeration, members=members)
            definition = self.definitions[name]
            schema = _listed(definition.schema, self.enumerations[name])
            self.definitions[name] = replace(definition, schema=schema)


def _tool(raw: Mapping[str, Json], commands: Iterable[tuple[int, Command]], origin: Origin) -> Tool:
    own = tuple(command for _, command in commands if command.tool == raw["name"])
    return Tool(raw["name"], raw["title"], raw["description"], own, origin)


def _listed(schema: Mapping[str, Json], enumeration: Enumeration) -> dict[str, Json]:
    members = [member.value for member in enumeration.members]
    return {**schema, "enum": members} if members else dict(schema)


def _module(document: Document) -> str:
    raw = document.data.get("x-command")
    return (
        names.identifier(command_name(raw).replace(".", "_").replace("-", "_")) if raw else names.module(document.file)
    )


def _digest(hashes: Mapping[str, str]) -> str:
    return hashlib.sha256("".join(f"{file}\0{sha}\n" for file, sha in sorted(hashes.items())).encode()).hexdigest()


def _settings(raw: Mapping[str, Mapping[str, Json]]) -> Settings:
    return Settings(
        name=raw["set"]["name"],
        version=raw["set"]["version"],
        id_base=raw["set"]["id_base"],
        package=raw["python"]["package"],
        distribution=raw["python"]["distribution"],
        server=raw["mcp"]["server"],
        tool_reference=raw["docs"]["tool_reference"],
        errors=raw["set"]["errors"],
        roles=raw["set"]["roles"],
        envelope=raw["set"]["envelope"],
        flags=raw["set"].get("flags", ""),
        property_test_floor=raw["tests"]["minimum_examples"],
        **({"input_budget": raw["mcp"]["input_budget"]} if "input_budget" in raw["mcp"] else {}),
        deprecation_months=raw.get("deprecation", {}).get("months", 3),
        deprecation_minor_releases=raw.get("deprecation", {}).get("minor_releases", 2),
    )
