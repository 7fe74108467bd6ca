"""Every tool can be told on the wire, to every client, within the budget, and refuses nothing a command takes.

The lowering itself is the judge, so that the rule and what is emitted cannot differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from contractgen import clients, sizes
from contractgen.bundle import bundled
from contractgen.emit.mcp_tools import definition
from contractgen.freshness import SETTINGS_FILE
from contractgen.model import Command, ContractSet, Finding, Origin, Tool
from contractgen.wire import WireError

LONGEST_TOOL, LONGEST_PARAMETER = 45, 64
_PARAMETER = re.compile(rf"[a-z][a-z0-9_]{{0,{LONGEST_PARAMETER - 1}}}")
SIMPLIFY = "Simplify the schema that the message names; the command's own contract may stay as rich."


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find tools that the wire profile cannot carry, or that carry too much, or that a client refuses."""
    listed: list[dict[str, Any]] = []
    for tool in contracts.tools.values():
        yield from _names(contracts, tool)
        try:
            listed.append(definition(contracts, tool))
        except WireError as error:
            message = f"The tool {tool.name} does not fit the wire profile: {error}."
            yield Finding("wire-profile", tool.origin, message, SIMPLIFY)
            continue
        yield from _covered(contracts, tool, listed[-1])
    yield from _budget(contracts, listed)
    yield from _refused(contracts, listed)


def _budget(contracts: ContractSet, listed: list[dict[str, Any]]) -> Iterator[Finding]:
    measured, budget = sizes.measure(listed), contracts.settings.input_budget
    total = sum(size.inputs for size in measured)
    if total > budget:
        largest = max(measured, key=lambda size: size.inputs)
        message = f"The inputs of all tools are {total} bytes, {total - budget} over the budget of {budget}; "
        message += f"{largest.tool} has {largest.inputs} of them."
        remedy = "Shorten descriptions or share parameters (contractgen size shows where), or raise mcp.input_budget."
        yield Finding("wire-budget", Origin(SETTINGS_FILE, "/mcp/input_budget"), message, remedy)


def _refused(contracts: ContractSet, listed: list[dict[str, Any]]) -> Iterator[Finding]:
    for verdict in clients.verdicts(contracts.settings.server, listed):
        if verdict.effect == clients.REFUSES:
            message = f"{verdict.client} refuses the tool {verdict.tool} ({verdict.place}): {verdict.reason}"
            yield Finding("wire-client", contracts.tools[verdict.tool].origin, message, SIMPLIFY)


def _covered(contracts: ContractSet, tool: Tool, listed: dict[str, Any]) -> Iterator[Finding]:
    import jsonschema_rs

    flat = jsonschema_rs.canonicalize(listed["inputSchema"])
    for command in tool.commands:
        for call in calls(contracts, command):
            if how := _doubt(flat, call):
                message = f"The flat schema of {tool.name} {how} some call that {command.name} takes."
                yield Finding("wire-covers", command.origin, message, "Simplify the request's schema.")


def _doubt(flat: Any, call: dict[str, Any]) -> str:
    """Say what stands against the flat schema taking all of a call's; nothing where that is proved."""
    from jsonschema_rs import canonical, canonicalize

    try:
        verdict = flat.covers(canonicalize(call))
    except canonical.CanonicalizationError:
        return "cannot be proved to take"
    if verdict is canonical.Containment.YES:
        return ""
    return "refuses" if verdict is canonical.Containment.NO else "cannot be proved to take"


def calls(contracts: ContractSet, command: Command) -> Iterator[dict[str, Any]]:
    """Give the schema of a command's whole call, dereferenced, under its own name and under each older one."""
    import jsonschema_rs

    rich = jsonschema_rs.dereference(bundled(contracts, command.request))
    rich.pop("$defs", None)
    own = {"action": command.action} | ({"command": command.command} if command.command else {})
    for route in (own, *({"action": alias.action} for alias in command.aliases)):
        stated = {name: {"const": value} for name, value in route.items()}
        properties = {**rich.get("properties", {}), **stated}
        yield {**rich, "properties": properties, "required": [*rich.get("required", ()), *route]}


def _names(contracts: ContractSet, tool: Tool) -> Iterator[Finding]:
    if len(tool.name) > LONGEST_TOOL:
        message = f"The name {tool.name} has {len(tool.name)} characters; some clients take {LONGEST_TOOL}."
        yield Finding("wire-name", tool.origin.at("name"), message, "Shorten it.")
    for command in tool.commands:
        definition = contracts.definitions[command.request]
        for name in definition.schema.get("properties", {}):
            if not _PARAMETER.fullmatch(name):
                message = f'Some clients refuse a parameter named "{name}".'
                remedy = f"Use small letters, digits and _, beginning with a letter, at most {LONGEST_PARAMETER}."
                yield Finding("wire-name", definition.origin.at("properties", name), message, remedy)
