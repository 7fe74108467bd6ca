"""What a bundled or dereferenced schema promises its reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from contractgen.bundle import bundled, dereference, plain, unrolled
from contractgen.reach import references
from tests.generator.contract_sets import FOLDERS, NAMES, load

TREE: dict[str, Any] = {
    "title": "Tree",
    "type": "object",
    "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}},
    "additionalProperties": False,
    "$defs": {
        "Tree": {
            "type": "object",
            "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}},
            "additionalProperties": False,
        }
    },
}


@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_every_bundled_definition_is_valid_and_holds_exactly_what_it_needs(folder: Path) -> None:
    contracts = load(folder)
    for name in contracts.definitions:
        document = bundled(contracts, name, f"formats/{name}.json")
        jsonschema.Draft202012Validator.check_schema(document)
        held = document.get("$defs", {})
        assert set(references(document)) | set(references(list(held.values()))) == set(held) | ({name} & set(held))


@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_a_dereferenced_definition_refers_to_nothing(folder: Path) -> None:
    contracts = load(folder)
    for name in contracts.definitions:
        assert list(references(dereference(bundled(contracts, name)))) == []


def test_our_own_keywords_go_but_a_property_of_such_a_name_stays() -> None:
    schema = {"x-event": {}, "properties": {"x-note": {"x-published": True}}, "const": {"x-data": 1}}
    assert plain(schema) == {"properties": {"x-note": {}}, "const": {"x-data": 1}}


def test_a_definition_that_holds_itself_is_cut_to_a_plain_object() -> None:
    inner = dereference(TREE)["properties"]["children"]["items"]["properties"]["children"]["items"]
    assert inner == {
        "type": "object",
        "description": "Another Tree.",
        "properties": {},
        "additionalProperties": True,
    }


def test_an_unrolled_definition_takes_nothing_that_the_whole_refuses() -> None:
    validator = jsonschema.Draft202012Validator(unrolled(TREE, 2))
    deep: dict[str, Any] = {}
    for depth in range(5):
        assert validator.is_valid(deep) == (depth <= 2)
        deep = {"children": [deep]}
