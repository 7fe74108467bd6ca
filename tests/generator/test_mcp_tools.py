"""The wire profile: what every client accepts, and that it refuses nothing a command takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from contractgen.bundle import bundled
from contractgen.emit.mcp_tools import emit
from contractgen.model import Command
from contractgen.wire import WireError, lower, lower_output
from tests.generator.contract_sets import FOLDERS, NAMES, load

ALLOWED = {
    "type", "description", "properties", "required", "additionalProperties", "items", "enum", "pattern",
    "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
    "minItems", "maxItems",
}  # fmt: skip
BUDGET = 24_000
own_sets = pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)


def tools(folder: Path) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(emit(load(folder))["mcp/tools.json"])
    return listed


def schemas_in(schema: Mapping[str, Any], place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield place, schema
    for name, below in schema.get("properties", {}).items():
        yield from schemas_in(below, f"{place}/{name}")
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), dict):
            yield from schemas_in(schema[keyword], f"{place}/{keyword}")


def broken_rules(schema: Mapping[str, Any]) -> Iterator[str]:
    for place, below in schemas_in(schema, ""):
        if foreign := below.keys() - ALLOWED:
            yield f"{place}: {sorted(foreign)}"
        if not isinstance(below.get("type"), str):
            yield f"{place}: no single type"
        if "enum" in below and not all(isinstance(value, str) for value in below["enum"]):
            yield f"{place}: an enumeration of other things than strings"
        if below.get("type") == "array" and "items" not in below:
            yield f"{place}: no items"
        if below.get("type") == "object" and not below.keys() >= {"properties", "additionalProperties"}:
            yield f"{place}: an object that does not say what it holds"
        for name, stated in below.get("properties", {}).items():
            if not stated.get("description"):
                yield f"{place}/{name}: no description"
            if not re.fullmatch(r"[A-Za-z0-9_]{1,45}", name):
                yield f"{place}/{name}: a name clients refuse"


@own_sets
def test_every_tool_keeps_to_the_profile(folder: Path) -> None:
    for tool in tools(folder):
        assert list(broken_rules(tool["inputSchema"])) == []
        assert [rule for rule in broken_rules(tool["outputSchema"]) if "no single type" not in rule] == []
        assert tool["inputSchema"]["required"] == ["action"]
        assert tool["inputSchema"]["additionalProperties"] is False
        assert tool["outputSchema"]["type"] == "object"


@own_sets
def test_the_inputs_of_all_tools_fit_the_budget(folder: Path) -> None:
    assert sum(len(json.dumps(tool["inputSchema"], separators=(",", ":"))) for tool in tools(folder)) <= BUDGET


@own_sets
def test_every_parameter_names_the_commands_that_use_it(folder: Path) -> None:
    contracts = load(folder)
    listed = {tool["name"]: tool["inputSchema"]["properties"] for tool in tools(folder)}
    for command in contracts.commands:
        for name in bundled(contracts, command.request).get("properties", {}):
            described = listed[command.tool][name]["description"]
            assert " ".join(filter(None, (command.action, command.command))) in described


def routed(request: dict[str, Any], command: Command, action: str, with_command: bool) -> dict[str, Any]:
    route = {"action": action} | ({"command": command.command} if command.command and with_command else {})
    stated = {name: {"const": value} for name, value in route.items()}
    properties = {**request.get("properties", {}), **stated}
    return {**request, "properties": properties, "required": [*request.get("required", ()), *route]}


@own_sets
def test_the_flat_schema_takes_all_that_each_command_takes(folder: Path) -> None:
    contracts = load(folder)
    flat = {tool["name"]: jsonschema_rs.canonicalize(tool["inputSchema"]) for tool in tools(folder)}
    for command in contracts.commands:
        rich = jsonschema_rs.dereference(bundled(contracts, command.request))
        rich.pop("$defs", None)
        calls = [(command.action, True), *((alias.action, False) for alias in command.aliases)]
        for action, with_command in calls:
            call = jsonschema_rs.canonicalize(routed(rich, command, action, with_command))
            assert flat[command.tool].covers(call) is jsonschema_rs.canonical.Containment.YES, command.name


@own_sets
def test_the_output_schema_takes_every_answer_the_envelope_takes(folder: Path) -> None:
    contracts = load(folder)
    rich = jsonschema_rs.canonicalize(bundled(contracts, contracts.settings.envelope))
    for tool in tools(folder):
        flat = jsonschema_rs.canonicalize(tool["outputSchema"])
        assert flat.covers(rich) is jsonschema_rs.canonical.Containment.YES


@own_sets
def test_a_tool_is_called_read_only_when_all_its_commands_are(folder: Path) -> None:
    contracts = load(folder)
    for tool in tools(folder):
        expected = all(command.read_only for command in contracts.tools[tool["name"]].commands)
        assert tool["annotations"]["readOnlyHint"] is expected


def test_a_tagged_union_becomes_one_object_with_what_all_branches_need() -> None:
    branches = [
        {"type": "object", "additionalProperties": False, "required": ["kind", "a"],
         "properties": {"kind": {"const": "a"}, "a": {"type": "integer", "format": "int32"}}},
        {"type": "object", "additionalProperties": False, "required": ["kind"],
         "properties": {"kind": {"const": "b"}, "b": {"type": "string"}}},
    ]  # fmt: skip
    assert lower({"oneOf": branches}, "here") == {
        "type": "object",
        "properties": {
            "kind": {"type": "string", "enum": ["a", "b"]},
            "a": {"type": "integer"},
            "b": {"type": "string"},
        },
        "additionalProperties": False,
        "required": ["kind"],
    }


@pytest.mark.parametrize(
    "schema",
    [True, {}, {"type": ["string", "null"]}, {"type": "array"}, {"oneOf": [{"type": "string"}, {"type": "integer"}]}],
    ids=["anything", "no type", "nullable", "no items", "two types"],
)
def test_what_the_profile_cannot_say_is_an_error_that_names_the_place(schema: object) -> None:
    with pytest.raises(WireError, match=r"^tool\.action/value"):
        lower(schema, "tool.action/value")


def test_dropping_a_pattern_of_names_opens_the_object() -> None:
    schema = {"type": "object", "patternProperties": {"^x": {"type": "string"}}, "additionalProperties": False}
    assert lower(schema, "here")["additionalProperties"] is True


def test_a_nullable_answer_goes_without_a_type() -> None:
    nullable = {"description": "Maybe.", "oneOf": [{"type": "string"}, {"type": "null"}]}
    answer = {"type": "object", "properties": {"a": nullable, "b": {"type": "string"}}, "additionalProperties": False}
    assert lower_output(answer, "Answer")["properties"] == {"a": {"description": "Maybe."}, "b": {"type": "string"}}


@pytest.mark.parametrize("schema", [True, False])
def test_an_answer_of_which_nothing_is_said_goes_without_a_type(schema: bool) -> None:
    assert lower_output(schema, "Answer") == {}


@own_sets
def test_under_each_choice_of_flags_the_commands_behind_them_are_listed_and_no_others(folder: Path) -> None:
    contracts = load(folder)
    files = emit(contracts)
    flags = {command.flag for command in contracts.commands if command.flag}
    paths = [path for path in files if path.endswith("tools_by_flags.json")]
    assert len(paths) == bool(flags)
    fewer = json.loads(files[paths[0]]) if flags else []
    assert len({frozenset(entry["flags"]) for entry in fewer}) == len(fewer) == 2 ** len(flags) - 1
    for on, listed in [*((entry["flags"], entry["tools"]) for entry in fewer), (sorted(flags), tools(folder))]:
        left = [command for command in contracts.commands if command.flag is None or command.flag in on]
        assert [tool["name"] for tool in listed] == list(dict.fromkeys(command.tool for command in left))
        for tool in listed:
            lines = [line for line in tool["description"].splitlines() if line.startswith("- ")]
            own = [command for command in left if command.tool == tool["name"]]
            assert [line[2:].partition(":")[0] for line in lines] == [
                f"{command.action} {command.command or ''}".strip() for command in own
            ]
            actions = dict.fromkeys(name for c in own for name in (c.action, *(alias.action for alias in c.aliases)))
            assert set(tool["inputSchema"]["properties"]["action"]["enum"]) == set(actions)
