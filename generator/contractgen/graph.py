"""Draw which contract needs which: an edge goes from a file to each file that something in it names."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from contractgen import lower, resolve
from contractgen.model import Command, ContractSet

Edges = Mapping[str, list[str]]


def run(arguments: argparse.Namespace) -> int:
    """Print the graph in the format asked for."""
    edges = needs(lower.load(Path(arguments.contracts)))
    print("\n".join(FORMATS[arguments.format](edges)))
    return 0


def needs(contracts: ContractSet) -> dict[str, list[str]]:
    """List for each contract file the files it needs, both in alphabetical order."""
    found: dict[str, set[str]] = {file: set() for file in sorted(contracts.sources) if file.endswith(".json")}
    for file, needed in _named(contracts):
        if file != needed:
            found[file].add(needed)
    return {file: sorted(needed) for file, needed in found.items()}


def _named(contracts: ContractSet) -> Iterator[tuple[str, str]]:
    homes = {name: item.origin.file for name, item in contracts.definitions.items()}
    for item in contracts.definitions.values():
        yield from ((item.origin.file, homes[name]) for name in resolve.references(item.schema) if name in homes)
    enumerations = {name: item.origin.file for name, item in contracts.enumerations.items()}
    for table in contracts.tables.values():
        yield from ((table.origin.file, enumerations[name]) for name in table.inputs.values() if name in enumerations)
    callers = {command.name: command.origin.file for command in contracts.commands}
    events = {event.type: event.origin.file for event in contracts.events.values()}
    for machine in contracts.machines.values():
        triggers = [move.trigger for move in machine.transitions]
        known = {**callers, **events, **enumerations}
        yield from ((machine.origin.file, known[name]) for name in [machine.states, *triggers] if name in known)
    for command in contracts.commands:
        yield from ((command.origin.file, file) for file in _of_command(contracts, command, events))


def _of_command(contracts: ContractSet, command: Command, events: Mapping[str, str]) -> Iterator[str]:
    yield contracts.tools[command.tool].origin.file
    yield from (events[name] for name in command.emits if name in events)
    for name, used in ((contracts.settings.errors, command.errors), (contracts.settings.roles, (command.role,))):
        if used and name in contracts.enumerations:
            yield contracts.enumerations[name].origin.file


def _mermaid(edges: Edges) -> Iterator[str]:
    numbers = {file: f"f{number}" for number, file in enumerate(edges)}
    yield "flowchart LR"
    yield from (f'    {number}["{file}"]' for file, number in numbers.items())
    yield from (f"    {numbers[file]} --> {numbers[needed]}" for file, below in edges.items() for needed in below)


def _dot(edges: Edges) -> Iterator[str]:
    yield "digraph contracts {"
    yield "    rankdir=LR; node [shape=box];"
    yield from (f"    {json.dumps(file)};" for file in edges)
    yield from (f"    {json.dumps(file)} -> {json.dumps(needed)};" for file, below in edges.items() for needed in below)
    yield "}"


def _json(edges: Edges) -> Iterator[str]:
    yield json.dumps(edges, indent=2, ensure_ascii=False)


FORMATS = {"mermaid": _mermaid, "dot": _dot, "json": _json}
