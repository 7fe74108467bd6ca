"""Anchors, `$id` and `$dynamicRef` lead where JSON Schema says, and come to nothing but plain references."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contractgen import lower
from contractgen.errors import ContractError
from contractgen.memory import Memory
from contractgen.model import Finding
from contractgen.pipeline import generate
from tests.generator.library import Edit
from tests.generator.test_foreign_set import MUSEUM

SHAPES, BORROW = "shapes.json", "commands/loan/borrow.json"
ADDRESS = "https://library.example/contracts/shapes"
# What the museum says by such words, and how it would be said without them.
PLAIN = {
    '"$ref": "#size"': '"$ref": "#/$defs/Size"',
    '"$dynamicRef": "#part"': '"$ref": "#/$defs/Part"',
    "https://museum.example/shapes/matter#": "../../shapes/matter.json#",
}
GONE = ('"$anchor": "size",', '"$dynamicAnchor": "part",', '"$id": "https://museum.example/shapes/matter",')


def findings(contracts: Path) -> list[Finding]:
    with pytest.raises(ContractError) as caught:
        lower.load(contracts)
    return list(caught.value.findings)


def test_a_set_with_such_words_generates_what_one_without_them_does(tmp_path: Path) -> None:
    contracts = Path(shutil.copytree(MUSEUM, tmp_path / "contracts"))
    for path in contracts.rglob("*.json"):
        text = path.read_text(encoding="utf-8")
        for word, plain in {**PLAIN, **dict.fromkeys(GONE, "")}.items():
            text = text.replace(word, plain)
        path.write_text(text, encoding="utf-8")
    same, other = generate(MUSEUM).tree, generate(contracts).tree
    differ = {path for path in same if same[path] != other[path]}
    # These hold a digest of the contracts' own text.
    digesting = {"manifest.lock.json", "capabilities_manifest.json", "catalog.json", "__init__.py"}
    assert {path.rpartition("/")[2] for path in differ} == digesting


def name(data: Any) -> None:
    data["$id"] = ADDRESS
    data["$defs"]["Day"]["$anchor"] = "day"
    data["$defs"]["Answer"]["properties"]["problem"]["$ref"] = "vocabulary#/$defs/Problem"


def when(reference: str) -> Callable[[Any], None]:
    def add(data: Any) -> None:
        data["$defs"]["BorrowRequest"]["properties"]["when"] = {"$ref": reference, "description": "When."}

    return add


@pytest.mark.parametrize("reference", [f"{ADDRESS}#day", f"{ADDRESS}#/$defs/Day", "../../shapes.json#day"])
def test_a_file_is_found_by_its_address_and_by_its_path(contracts: Path, edit: Edit, reference: str) -> None:
    edit(SHAPES, name)
    edit("vocabulary.json", lambda data: data.update({"$id": ADDRESS.replace("shapes", "vocabulary")}))
    edit(BORROW, when(reference))
    request = lower.load(contracts).definitions["BorrowRequest"].schema
    assert request["properties"]["when"]["$ref"] == "#/$defs/Day"


def test_references_in_a_file_with_an_address_are_relative_to_that(contracts: Path, edit: Edit) -> None:
    edit(SHAPES, name)
    (found,) = findings(contracts)
    assert found.origin.pointer == "/$defs/Answer/properties/problem/$ref"
    assert "there is no file https://library.example/contracts/vocabulary." in found.message
    assert found.remedy == 'Write "vocabulary.json#/$defs/Problem".'


def test_an_anchor_that_is_misspelt_is_told_with_the_nearest(contracts: Path, edit: Edit) -> None:
    edit(SHAPES, lambda data: data["$defs"]["Day"].update({"$anchor": "weekday"}))
    edit(BORROW, when("../../shapes.json#wekday"))
    (found,) = findings(contracts)
    assert (found.rule, found.origin.pointer) == ("ref-resolves", "/$defs/BorrowRequest/properties/when/$ref")
    assert 'Did you mean "weekday"?' in found.remedy


def test_an_anchor_and_an_address_are_given_once(contracts: Path, edit: Edit) -> None:
    def anchor(data: Any) -> None:
        for kind in ("Day", "ItemId"):
            data["$defs"][kind]["$anchor"] = "a"

    edit(SHAPES, anchor)
    for file in (SHAPES, "vocabulary.json"):
        edit(file, lambda data: data.update({"$id": ADDRESS}))
    said = {(found.rule, found.origin.file, found.origin.pointer) for found in findings(contracts)}
    assert {("unique-name", SHAPES, "/$defs/Day/$anchor"), ("unique-name", "vocabulary.json", "/$id")} <= said


def test_a_dynamic_reference_beside_a_plain_one_holds_as_well(contracts: Path, edit: Edit) -> None:
    def both(data: Any) -> None:
        data["$defs"]["Day"]["$dynamicAnchor"] = "day"
        data["$defs"]["Late"] = {"description": "A late day.", "$ref": "#/$defs/ItemId", "$dynamicRef": "#day"}

    edit(SHAPES, both)
    late = lower.load(contracts).definitions["Late"].schema
    assert (late["$ref"], late["allOf"]) == ("#/$defs/ItemId", [{"$ref": "#/$defs/Day"}])


def test_what_an_anchor_means_is_not_remembered_when_it_moves(contracts: Path, edit: Edit) -> None:
    edit(SHAPES, lambda data: data["$defs"]["Day"].update({"$anchor": "it"}))
    edit(BORROW, when("../../shapes.json#it"))
    memory = Memory()

    def target() -> Any:
        schema = lower.load(contracts, memory).definitions["BorrowRequest"].schema
        return schema["properties"]["when"]["$ref"]

    assert target() == "#/$defs/Day"

    def move(data: Any) -> None:
        data["$defs"]["ItemId"]["$anchor"] = data["$defs"]["Day"].pop("$anchor")

    edit(SHAPES, move)
    assert target() == "#/$defs/ItemId"


def test_data_that_looks_like_an_anchor_is_data(contracts: Path, edit: Edit) -> None:
    shown = {"$id": 1, "$anchor": "x"}
    edit(SHAPES, lambda data: data["$defs"]["Answer"]["properties"]["data"].update(examples=[shown]))
    data = json.loads(generate(contracts).tree["schemas/formats/Answer.json"])
    assert data["properties"]["data"]["examples"] == [shown]
