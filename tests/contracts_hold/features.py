"""What each feature flag switches off, stated here, and that all that tell of it agree."""

from __future__ import annotations

import re
from typing import Any

import pytest
from mcp import types

from foundry_contracts.dispatch import ALIASES, COMMANDS
from foundry_contracts.vocabulary import CommandName as Name
from foundry_contracts.vocabulary import ErrorCode, FeatureFlag
from tests.driving import accepted
from tests.mcp_client import McpClient
from tests.scenes import of

SESSIONS, GATES = FeatureFlag.AUTONOMY_SESSIONS, FeatureFlag.AUTONOMY_FIDELITY_GATES
# What belongs to a feature. A spec can be read, and a status written into it, without sessions.
BELONGS = {
    SESSIONS: {
        Name.TASK_SESSION_START,
        Name.TASK_SESSION_STATUS,
        Name.TASK_SESSION_PAUSE,
        Name.TASK_SESSION_RESUME,
        Name.TASK_SESSION_REBASE,
        Name.TASK_SESSION_END,
        Name.TASK_SESSION_LIST,
        Name.TASK_SESSION_RESET,
        Name.TASK_SESSION_ACCEPT_POLICY,
        Name.TASK_SESSION_CHECKPOINT,
        Name.TASK_SESSION_STEP_NEXT,
        Name.TASK_SESSION_STEP_REPORT,
        Name.TASK_SESSION_STEP_REPLAY,
        Name.TASK_SESSION_STEP_HEARTBEAT,
        Name.TASK_SESSION_EVENTS,
        Name.TASK_BLOCK,
        Name.TASK_UNBLOCK,
        Name.VERIFICATION_EXECUTE,
    },
    GATES: {Name.REVIEW_FIDELITY_GATE, Name.TASK_GATE_WAIVER},
}
# Every choice of flags, and what comes to be on: there are no gates without sessions.
CHOICES: list[tuple[dict[FeatureFlag, bool], set[FeatureFlag]]] = [
    ({SESSIONS: False, GATES: False}, set()),
    ({SESSIONS: False, GATES: True}, set()),
    ({SESSIONS: True, GATES: False}, {SESSIONS}),
    ({SESSIONS: True, GATES: True}, {SESSIONS, GATES}),
]
EACH = pytest.mark.parametrize(("chosen", "on"), CHOICES, ids=lambda value: " ".join(sorted(map(str, value))) or "none")


def enabled(on: set[FeatureFlag]) -> set[Name]:
    """Give the commands that are there when these features are on."""
    off = [names for flag, names in BELONGS.items() if flag not in on]
    return set(COMMANDS) - set().union(*off)


def routes(names: set[Name]) -> set[tuple[str, str, str | None]]:
    """Give the ways in which commands are called, the old ones too."""
    now = {(COMMANDS[name].tool, COMMANDS[name].action, COMMANDS[name].command) for name in names}
    old = {(alias.tool, alias.action, None) for alias in ALIASES.values() if alias.command_name in names}
    return now | old


def listed(tools: list[types.Tool]) -> set[tuple[str, str, str | None]]:
    """Give the ways of calling that a list of tools tells of."""
    found: set[tuple[str, str, str | None]] = set()
    for tool in tools:
        properties: dict[str, Any] = tool.input_schema["properties"]
        actions = properties["action"]["enum"]
        for line in filter(None, re.findall(r"^- (.+?):", tool.description or "", re.MULTILINE)):
            action, _, command = line.partition(" ")
            assert action in actions
            assert not command or command in properties["command"]["enum"]
            found.add((tool.name, action, command or None))
        told = {action for name, action, _ in found if name == tool.name}
        found |= {(tool.name, action, None) for action in actions if action not in told}
    return found


async def agreed(client: McpClient, on: set[FeatureFlag]) -> None:
    """See that the list of tools, the capabilities and the answers tell the same of what is on."""
    tools = (await client.sdk.list_tools()).tools
    assert listed(tools) == routes(enabled(on))

    told = await accepted(client, "server", **of(Name.SERVER_CAPABILITIES))
    assert {feature["name"] for feature in told["features"] if feature["enabled_now"]} == on
    assert all(feature["supported"] for feature in told["features"])
    assert {command["name"] for command in told["commands"] if command["enabled"]} == enabled(on)
    flags = {command["name"]: command.get("flag") for command in told["commands"]}
    assert flags == {name: next((f for f in BELONGS if name in BELONGS[f]), None) for name in COMMANDS}

    for tool, action, command in routes(set(COMMANDS)):
        more = {} if command is None else {"command": command}
        answer = await client(tool, action=action, **more, no_such_parameter=True)
        is_on = (tool, action, command) in routes(enabled(on))
        code = ErrorCode.VALIDATION_ERROR if is_on else ErrorCode.FEATURE_DISABLED
        assert answer["data"]["error_code"] == code, (tool, action, command)
