"""What each feature flag switches off, stated here, and that every surface agrees on it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import product
from pathlib import Path

import pytest

from foundry_contracts.dispatch import COMMANDS
from foundry_contracts.vocabulary import CommandName as Name
from foundry_contracts.vocabulary import ErrorCode, FeatureFlag, Role, SettingSource
from foundry_mcp.machine.settings import Held
from foundry_mcp.machine.situation import Caller
from tests.contracts_hold.features import BELONGS, CHOICES, EACH, GATES, SESSIONS, agreed
from tests.driving import accepted, refused
from tests.in_process import InProcess
from tests.mcp_client import McpClient
from tests.scenes import of

pytestmark = pytest.mark.anyio

GENERATED = Path(__file__).parents[2] / "generated"


def server(folder: Path, chosen: Mapping[FeatureFlag, bool]) -> InProcess:
    """Give a server with some flags on and the others off."""
    call = InProcess(folder)
    call.flags = {flag: Held(value, SettingSource.USER, "config.toml") for flag, value in chosen.items()}
    call.restart()
    return call


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
        await agreed(client, on)


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
