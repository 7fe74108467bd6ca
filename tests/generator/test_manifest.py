"""The manifest tells everything there is, once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contractgen.emit.manifest import PATH, emit
from tests.generator.contract_sets import FOLDERS, NAMES, load

pytestmark = pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)


def manifest(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(emit(load(folder))[PATH])
    return told


def test_the_manifest_tells_every_command_with_its_errors_events_and_aliases(folder: Path) -> None:
    contracts = load(folder)
    told = {
        (command["name"], command["role"], tuple(command["errors"]), tuple(command["emits"]), alias_names(command))
        for tool in manifest(folder)["tools"]
        for action in tool["actions"]
        for command in action["commands"]
    }
    expected = {(c.name, c.role, c.errors, c.emits, tuple(a.action for a in c.aliases)) for c in contracts.commands}
    assert told == expected


def alias_names(command: dict[str, Any]) -> tuple[str, ...]:
    return tuple(alias["action"] for alias in command["aliases"])


def test_the_manifest_tells_every_error_event_and_enumeration(folder: Path) -> None:
    contracts, told = load(folder), manifest(folder)
    errors = contracts.enumerations[contracts.settings.errors]
    assert [error["code"] for error in told["errors"]] == [member.value for member in errors.members]
    assert [event["type"] for event in told["events"]] == list(contracts.events)
    assert told["enumerations"].keys() == contracts.enumerations.keys() - {contracts.settings.errors}
    assert told["contract"]["digest"] == contracts.digest
