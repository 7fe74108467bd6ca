"""What each feature flag switches off, stated here, and that every surface agrees on it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from mcp import types

from foundry_contracts.dispatch import ALIASES, COMMANDS
from foundry_contracts.vocabulary import CommandName as Name
from foundry_contracts.vocabulary import ErrorCode, FeatureFlag, Role, SettingSource
from foundry_mcp.machine.settings import Held
from foundry_mcp.machine.situation import Caller
from tests.driving import accepted, refused
from tests.in_process import InProcess
from tests.mcp_client import McpClient
from tests.scenes import of

pytestmark = pytest.mark.anyio

GENERATED = Path(__file__).parents[2] / "generated"
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


def server(folder: Path, chosen: Mapping[FeatureFlag, bool]) -> InProcess:
    """Give a server with some flags on and the others off."""
    call = InProcess(folder)
    call.flags = {flag: Held(value, SettingSource.USER, "config.toml") for flag, value in chosen.items()}
    call.restart()
    return call


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


def test_every_choice_of_flags_is_stated() -> None:
    assert [tuple(chosen.values()) for chosen, _ in CHOICES] == list(product([False, True], repeat=len(FeatureFlag)))
    assert set(BELONGS) == set(FeatureFlag)


@EACH
async def test_tools_list_and_capabilities_and_answers_agree(
    tmp_path: Path, chosen: dict[FeatureFlag, bool], on: set[FeatureFlag]
) -> None:
    call = server(tmp_path, chosen)
    caller = Caller("tester", Role.MAINTAINER)
    async with McpClient(call.application.handle, call.ids.fresh, caller, flags=call.application_flags()) as client:
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


async def test_what_is_off_says_why_and_what_to_do(tmp_path: Path) -> None:
    call = server(tmp_path, {SESSIONS: False, GATES: True})
    told = await accepted(call, "server", **of(Name.SERVER_CAPABILITIES))
    assert {feature["name"]: feature["why"] for feature in told["features"]} == {
        SESSIONS: "feature_flags.autonomy_sessions is false (user: config.toml).",
        GATES: "It needs autonomy_sessions, which is off.",
    }
    data = await refused(call, ErrorCode.FEATURE_DISABLED, "task", **of(Name.TASK_SESSION_LIST))
    assert data["details"] == {"feature": SESSIONS, "why": told["features"][0]["why"]}
    assert [action["action"] for action in data["recommended_actions"]] == ["enable_feature"]


async def test_what_is_off_is_so_for_every_role_and_is_no_denial(tmp_path: Path) -> None:
    call = server(tmp_path, {SESSIONS: False, GATES: False})
    for caller in (call, call.observer, call.maintainer) * 5:
        await refused(caller, ErrorCode.FEATURE_DISABLED, "task", **of(Name.TASK_SESSION_END))


def test_the_manifest_and_the_tool_reference_name_the_same_flags() -> None:
    stated = {name: next((flag for flag in BELONGS if name in BELONGS[flag]), None) for name in COMMANDS}
    manifest = json.loads((GENERATED / "mcp" / "capabilities_manifest.json").read_text(encoding="utf-8"))
    commands = [c for tool in manifest["tools"] for action in tool["actions"] for c in action["commands"]]
    assert {command["name"]: command["flag"] for command in commands} == stated
    page = (GENERATED / "docs" / "05-mcp-tool-reference.md").read_text(encoding="utf-8")
    for name, flag in stated.items():
        section = page.partition(f"\n### {name}\n")[2].partition("\n### ")[0].partition("\n## ")[0]
        assert re.findall(r"Behind the flag `(\w+)`", section) == ([flag] if flag else [])
