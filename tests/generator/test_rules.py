"""Each rule of the lint, failed by one small edit of a sound set."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import contractgen
from contractgen.pipeline import lint
from tests.generator.library import LIBRARY, Edit

BORROW, GIVE_BACK, SEARCH = "commands/loan/borrow.json", "commands/loan/give_back.json", "commands/catalog/search.json"
ABSENT = object()


def put(*path: str | int, value: Any = ABSENT) -> Callable[[Any], None]:
    """Make an edit: set a place below a document, or remove it."""

    def change(data: Any) -> None:
        for token in path[:-1]:
            data = data[token]
        if value is ABSENT:
            del data[path[-1]]
        elif isinstance(data, list) and path[-1] == len(data):
            data.append(value)
        else:
            data[path[-1]] = value

    return change


ENUM = ("$defs", "Problem", "x-enum", "members")
TABLE = ("$defs", "Advice", "x-table")
MACHINE = ("$defs", "ItemLife", "x-machine")
REQUEST = ("$defs", "BorrowRequest", "properties")
ALIAS = {"deprecated_in": "1", "deprecated_on": "2026-01-01", "removal_version": "2", "removal_date": "2027-01-01"}
NEW_MEMBER = {"description": "New.", "kind": "absent"}

CASES: list[tuple[str, str, Callable[[Any], None], str]] = [
    ("ref-resolves", "shapes.json", put("$defs", "Shelf", "properties", "life",
        value={"$ref": "policy.json#/$defs/ItemLife"}), "/$defs/Shelf/properties/life/$ref"),
    ("unique-name", "vocabulary.json", put(*ENUM, "ON-LOAN", value={**NEW_MEMBER, "common": True}),
        "/$defs/Problem/x-enum/members/ON-LOAN"),
    ("enum-attributes", "vocabulary.json", put(*ENUM, "ON_LOAN", "kind", value="odd"),
        "/$defs/Problem/x-enum/members/ON_LOAN/kind"),
    ("error-used", "vocabulary.json", put(*ENUM, "UNUSED", value=NEW_MEMBER), "/$defs/Problem/x-enum/members/UNUSED"),
    ("role-used", "vocabulary.json", put("$defs", "Standing", "x-enum", "members", "child",
        value={"description": "A child."}), "/$defs/Standing/x-enum/members/child"),
    ("closed-objects", "shapes.json", put("$defs", "Book", "additionalProperties"), "/$defs/Book"),
    ("request-object", BORROW, put("$defs", "BorrowRequest", value={"type": "string"}), "/x-command"),
    ("request-routing", BORROW, put(*REQUEST, "action", value={"type": "string", "description": "It."}),
        "/$defs/BorrowRequest/properties/action"),
    ("described", BORROW, put(*REQUEST, "rule", "description"), "/$defs/BorrowRequest/properties/rule"),
    ("never-null", BORROW, put(*REQUEST, "rule", "type", value=["string", "null"]),
        "/$defs/BorrowRequest/properties/rule"),
    ("never-null", "shapes.json", put("$defs", "Answer", "properties", "ok", "type", value=["boolean", "null"]),
        "/$defs/Answer/properties/ok"),
    ("one-type", GIVE_BACK, put("$defs", "GiveBackRequest", "properties", "rule",
        value={"type": "integer", "description": "Which."}), "/$defs/GiveBackRequest/properties/rule"),
    ("role-exists", BORROW, put("x-command", "role", value="nobody"), "/x-command/role"),
    ("error-exists", BORROW, put("x-command", "errors", 2, value="NOPE"), "/x-command/errors/2"),
    ("event-exists", BORROW, put("x-command", "emits", 1, value="item_burnt"), "/x-command/emits/1"),
    ("read-only", SEARCH, put("x-command", "emits", 0, value="item_lent"), "/x-command/emits"),
    ("alias-real", BORROW, put("x-command", "aliases", 0, "action", value="item"), "/x-command/aliases/0/action"),
    ("alias-unique", GIVE_BACK, put("x-command", "aliases", value=[{"action": "borrow-item", **ALIAS}]),
        "/x-command/aliases/0/action"),
    ("alias-dates", BORROW, put("x-command", "aliases", 0, "removal_date", value="2025-01-01"),
        "/x-command/aliases/0/removal_date"),
    ("event-used", BORROW, put("x-command", "emits", value=[]), "/$defs/ItemLent/x-event/type"),
    ("example-valid", BORROW, put("x-command", "examples", 0, "request", "item", value="wrong"),
        "/x-command/examples/0/request/item"),
    ("example-valid", BORROW, put("x-command", "examples", 0, "response", "due"), "/x-command/examples/0/response"),
    ("example-error", SEARCH, put("x-command", "examples", 1, "error", value="ON_LOAN"), "/x-command/examples/1/error"),
    ("table-names", "policy.json", put(*TABLE, "rows", 2, "when", "status", value=["burnt"]),
        "/$defs/Advice/x-table/rows/2/when/status"),
    ("table-row-valid", "policy.json", put(*TABLE, "rows", 2, "then", "stop", value="yes"),
        "/$defs/Advice/x-table/rows/2/then/stop"),
    ("table-total", "policy.json", put(*TABLE, "rows", 3), "/$defs/Advice/x-table/rows"),
    ("table-dead-row", "policy.json", put(*TABLE, "rows", 4, value={"when": {}, "then": {"say": None, "stop": True}}),
        "/$defs/Advice/x-table/rows/4"),
    ("machine-names", "policy.json", put(*MACHINE, "initial", value="burnt"), "/$defs/ItemLife/x-machine/initial"),
    ("machine-trigger", "policy.json", put(*MACHINE, "transitions", 1, "trigger", value="loan.item.burn"),
        "/$defs/ItemLife/x-machine/transitions/1/trigger"),
    ("machine-reachable", "policy.json", put(*MACHINE, "transitions", 2), "/$defs/ItemLife"),
    ("machine-way-out", "policy.json", put(*MACHINE, "terminal", value=[]), "/$defs/ItemLife"),
    ("wire-profile", BORROW, put(*REQUEST, "rule", value={"description": "Anything."}), "/x-tool"),
    ("wire-budget", BORROW, put(*REQUEST, "rule", "description", value="It. " * 6_000), "/mcp/input_budget"),
    ("wire-client", BORROW, put(*REQUEST, "größe", value={"type": "string", "description": "Which."}), "/x-tool"),
    # Whether one array or the other, but not both: nothing decides it.
    ("wire-covers", BORROW, put(*REQUEST, "notes", value={"description": "Which.", "oneOf": [
        {"type": "array", "items": {"type": "string"}},
        {"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "string", "minLength": 1}}]}),
        "/x-command"),
    ("values-valid", "policy.json", put("$defs", "LendingRule", "x-values", "open-shelf", "days", value=0),
        "/$defs/LendingRule/x-values/open-shelf/days"),
]  # fmt: skip


def places(contracts: Path) -> list[tuple[str, str]]:
    return [(finding.rule, finding.origin.pointer) for finding in lint(contracts)[1]]


def test_the_sound_set_has_no_findings() -> None:
    assert places(LIBRARY) == []


@pytest.mark.parametrize(
    ("rule", "file", "change", "pointer"), [pytest.param(*case, id=f"{case[0]} {case[3]}") for case in CASES]
)
def test_one_small_edit_breaks_one_rule(
    contracts: Path, edit: Edit, rule: str, file: str, change: Callable[[Any], None], pointer: str
) -> None:
    edit(file, change)
    assert (rule, pointer) in places(contracts)


def test_settings_that_name_nothing_are_found(contracts: Path) -> None:
    path = contracts / "contracts.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('"Answer"', '"Reply"'), encoding="utf-8")
    assert places(contracts) == [("settings", "/set/envelope")]


def test_an_enumeration_of_nothing_is_found(contracts: Path) -> None:
    (contracts / "events" / "loan.json").unlink()
    assert ("enum-empty", "/$defs/FactType") in places(contracts)


def test_every_rule_has_a_case_here() -> None:
    folder = Path(contractgen.__file__).parent / "rules"
    texts = [path.read_text(encoding="utf-8") for path in folder.glob("*.py")]
    declared = {rule for text in texts for rule in re.findall(r'"((?!x-)[a-z]+(?:-[a-z]+)+)"', text)}
    # No edit of one file trips the second: the test below adds two.
    assert declared - {case[0] for case in CASES} == {"enum-empty", "module-unique"}


def test_two_files_that_come_to_one_module_are_refused(contracts: Path) -> None:
    shapes = (contracts / "shapes.json").read_text(encoding="utf-8")
    schema = json.loads(shapes)["$schema"]
    for place, name in (("formats/card.json", "Card"), ("formats_card.json", "Badge")):
        (contracts / place).parent.mkdir(exist_ok=True)
        shape = {"type": "object", "description": "It.", "additionalProperties": False, "properties": {}}
        text = json.dumps({"$schema": schema, "title": name, "$defs": {name: shape}})
        (contracts / place).write_text(text, encoding="utf-8")
    findings = [finding for finding in lint(contracts)[1] if finding.rule == "module-unique"]
    assert [finding.origin.file for finding in findings] == ["formats_card.json"]
