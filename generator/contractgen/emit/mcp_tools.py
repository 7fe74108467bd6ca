"""Write one MCP tool definition a tool: every command of it behind one flat object that all clients accept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations
from typing import Any

from contractgen.bundle import inlined, text
from contractgen.memory import remembered
from contractgen.model import Command, ContractSet, Tool
from contractgen.wire import Wire, WireError, either, lower, lower_output

Requests = list[tuple[Command, Wire]]

ROUTING = ("action", "command")
# Clients put the server's name before the tool's, and cut or refuse what is longer than some sixty characters.
LONGEST_NAME = 45


def emit(contracts: ContractSet) -> dict[str, str]:
    """Write the list of tools for readers of files and as data of the Python package, there also under fewer flags."""
    listed = text(definitions(contracts))
    package = f"python/{contracts.settings.package}/schemas"
    files = {"mcp/tools.json": listed, f"{package}/tools.json": listed}
    if flags := _flags(contracts):
        fewer = [on for count in range(len(flags)) for on in combinations(flags, count)]
        files[f"{package}/tools_by_flags.json"] = text(
            [{"flags": list(on), "tools": _listed(contracts, on)} for on in fewer]
        )
    return files


def _flags(contracts: ContractSet) -> tuple[str, ...]:
    return tuple(dict.fromkeys(command.flag for command in contracts.commands if command.flag))


def _listed(contracts: ContractSet, flags: Iterable[str]) -> list[dict[str, Any]]:
    """Give the tools as they are listed when only these flags are on; a tool with nothing left is not."""
    on = {None, *flags}
    left = (
        replace(tool, commands=tuple(command for command in tool.commands if command.flag in on))
        for tool in contracts.tools.values()
    )
    return [definition(contracts, tool) for tool in left if tool.commands]


def definitions(contracts: ContractSet) -> list[dict[str, Any]]:
    """Give the whole list."""
    return [definition(contracts, tool) for tool in contracts.tools.values()]


@remembered
def definition(contracts: ContractSet, tool: Tool) -> dict[str, Any]:
    """Give one tool as `tools/list` has it."""
    if len(tool.name) > LONGEST_NAME:
        raise WireError(f"{tool.name}: a tool's name has at most {LONGEST_NAME} characters")
    return {
        "name": tool.name,
        "title": tool.title,
        "description": _description(tool),
        "inputSchema": _input(contracts, tool),
        "outputSchema": _output(contracts),
        "annotations": {"title": tool.title, "readOnlyHint": all(command.read_only for command in tool.commands)},
    }


def _description(tool: Tool) -> str:
    lines = [f"- {_route(command)}: {command.description}" for command in tool.commands]
    return "\n".join([tool.description, "Actions and commands:", *lines])


def _route(command: Command) -> str:
    return f"{command.action} {command.command}" if command.command else command.action


def _input(contracts: ContractSet, tool: Tool) -> Wire:
    requests = [(command, _request(contracts, command)) for command in tool.commands]
    return {
        "type": "object",
        "properties": _routing(tool) | _parameters(requests),
        "required": ["action"],
        "additionalProperties": False,
    }


@remembered
def _request(contracts: ContractSet, command: Command) -> Wire:
    request = lower(inlined(contracts, command.request), command.name)
    if request["type"] != "object" or request["additionalProperties"] is not False:
        raise WireError(f"{command.name}: a request is a closed object")
    if taken := [name for name in ROUTING if name in request["properties"]]:
        raise WireError(f"{command.name}: {taken[0]} routes the call and cannot be a parameter; rename it")
    return request


def _routing(tool: Tool) -> Wire:
    actions = dict.fromkeys(command.action for command in tool.commands)
    old = [alias.action for command in tool.commands for alias in command.aliases]
    described = "What to do." + (f" Deprecated: {', '.join(old)}." if old else "")
    routing: Wire = {
        "action": {"type": "string", "description": described, "enum": list(dict.fromkeys([*actions, *old]))}
    }
    commands = list(dict.fromkeys(c.command for c in tool.commands if c.command))
    if commands:
        routing["command"] = {"type": "string", "description": _command_help(tool), "enum": commands}
    return routing


def _command_help(tool: Tool) -> str:
    groups: dict[str, list[str]] = {}
    for command in tool.commands:
        if command.command:
            groups.setdefault(command.action, []).append(command.command)
    parts = [f"with action {action}: {', '.join(commands)}" for action, commands in groups.items()]
    return f"Which command of the action; {'; '.join(parts)}."


def _parameters(requests: Requests) -> Wire:
    names = dict.fromkeys(name for _, request in requests for name in request["properties"])
    return {name: _parameter([(c, r) for c, r in requests if name in r["properties"]], name) for name in names}


def _parameter(users: Requests, name: str) -> Wire:
    joined = either([request["properties"][name] for _, request in users], f"{users[0][0].tool}.{name}")
    needed = [_route(command) for command, request in users if name in request.get("required", ())]
    optional = [_route(command) for command, request in users if name not in request.get("required", ())]
    parts = [joined.pop("description", ""), _use("Required by", needed), _use("Optional for", optional)]
    return {"type": joined.pop("type"), "description": " ".join(part for part in parts if part)} | joined


def _use(how: str, routes: list[str]) -> str:
    return f"{how} {', '.join(routes)}." if routes else ""


@remembered
def _output(contracts: ContractSet) -> Wire:
    name = contracts.settings.envelope
    lowered = lower_output(inlined(contracts, name), name)
    # One tool whose output is no object at its root takes the whole list of tools away from older clients.
    if lowered.get("type") != "object":
        raise WireError(f"{name}: an envelope is an object without composition at its root")
    return lowered
