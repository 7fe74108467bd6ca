"""From a tool call's arguments to a command: names and aliases resolve here and nowhere else."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from pydantic_core import from_json

from foundry_contracts.dispatch import ALIASES, COMMANDS, ROUTES
from foundry_contracts.handlers import Refusal
from foundry_contracts.vocabulary import ErrorCode
from foundry_mcp.application.call import Call
from foundry_mcp.machine.situation import Caller

_ACTION, _COMMAND = "action", "command"


def route(tool: str, arguments: Mapping[str, object], caller: Caller) -> Call | Refusal:
    """Find the command that arguments ask for, and its parameters."""
    action, command = arguments.get(_ACTION), arguments.get(_COMMAND)
    if not isinstance(action, str) or not isinstance(command, str | None):
        return _unknown(tool, action, command)
    alias = ALIASES.get((tool, action)) if command is None else None
    name = alias.command_name if alias else ROUTES.get((tool, action, command))
    if name is None:
        return _unknown(tool, action, command)
    entry = COMMANDS[name]
    params, warnings = _params(arguments)
    return Call(entry, params, caller, alias, tuple(warnings))


def _params(arguments: Mapping[str, object]) -> tuple[dict[str, object], list[str]]:
    """Take the routing words away; a null counts as absent, with a warning."""
    params: dict[str, object] = {}
    warnings: list[str] = []
    for name, value in arguments.items():
        if name in (_ACTION, _COMMAND):
            continue
        if value is None:
            warnings.append(f"Parameter {name!r} is null; it counts as absent.")
            continue
        params[name] = value
    return params, warnings


def read_objects(call: Call, objects: frozenset[str]) -> Call:
    """Read parameters that should be objects but came as JSON text, as some clients send them."""
    if objects.isdisjoint(call.params):
        return call
    params, warnings = dict(call.params), list(call.warnings)
    for name in objects & params.keys():
        value = params[name]
        if isinstance(value, str) and value.lstrip().startswith("{"):
            try:
                # As strict as what reads the call around it: nothing that could not be stored or sent gets in.
                params[name] = from_json(value, allow_inf_nan=False)
            except ValueError:
                continue
            warnings.append(f"Parameter {name!r} came as JSON text; it was read as an object.")
    return Call(call.entry, params, call.caller, call.alias, tuple(warnings))


def _unknown(tool: str, action: object, command: object) -> Refusal:
    actions = sorted({known for name, known, _ in ROUTES if name == tool})
    commands = sorted(known for name, owner, known in ROUTES if name == tool and owner == action and known)
    details: dict[str, object] = {"tool": tool, "actions": actions}
    if commands:
        details["commands"] = commands
        wanted, known, owner, word = command, commands, f"Action {action!r} of tool {tool!r}", _COMMAND
    else:
        wanted, known, owner, word = action, actions, f"Tool {tool!r}", _ACTION
    if wanted is None:
        message = f"{owner} takes one of several {word}s, and none was given."
    else:
        near = difflib.get_close_matches(str(wanted)[:100], known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        message = f"{owner} has no {word} {repr(wanted)[:120]}.{hint}"
    return Refusal(ErrorCode.UNKNOWN_ACTION, message, _json(details))


def _json(details: dict[str, object]) -> dict[str, str | list[str]]:
    return {key: value if isinstance(value, list) else str(value) for key, value in details.items()}
