"""What is remembered is what would be made again: an edit gives the same outputs in a warm process and in a new one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from contractgen import lower
from contractgen.emit import models
from contractgen.memory import Memory, remembered
from contractgen.model import ContractSet
from contractgen.pipeline import generate
from tests.generator.contract_sets import OWN
from tests.generator.library import LIBRARY, Edit

CHOSEN = ["common.json", "formats/session.json", "events/session.json", "commands/task/session/pause.json"]
EDITS = [(LIBRARY, path.relative_to(LIBRARY).as_posix()) for path in sorted(LIBRARY.rglob("*.json"))]
EDITS += [(OWN, file) for file in CHOSEN]
SHELF = "shapes.json"
FREE = {"type": "number", "description": "How much room is left.", "default": 1}


def grow(path: Path) -> None:
    """Give each object of a contract one property more, so that its models differ."""
    data = json.loads(path.read_text(encoding="utf-8"))
    for definition in data.get("$defs", {}).values():
        if "properties" in definition:
            more: dict[str, Any] = {"type": "string", "description": "More."}
            definition["properties"]["more"] = more
    path.write_text(json.dumps(data), encoding="utf-8")


@pytest.mark.parametrize(("folder", "file"), EDITS, ids=lambda part: part if isinstance(part, str) else part.parts[-2])
def test_models_after_an_edit_are_those_a_new_process_makes(tmp_path: Path, folder: Path, file: str) -> None:
    contracts, memory = Path(shutil.copytree(folder, tmp_path / "contracts")), Memory()
    models.emit(lower.load(contracts, memory))
    grow(contracts / file)
    assert models.emit(lower.load(contracts, memory)) == models.emit(lower.load(contracts))


def test_modules_that_refer_to_each_other_are_remembered_as_one(contracts: Path) -> None:
    path = contracts / "vocabulary.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["$defs"]["Room"] = {
        "type": "object", "description": "A room.", "additionalProperties": False,
        "properties": {"shelf": {"$ref": "shapes.json#/$defs/Shelf", "description": "A shelf."}},
    }  # fmt: skip
    path.write_text(json.dumps(data), encoding="utf-8")
    shapes = contracts / SHELF
    data = json.loads(shapes.read_text(encoding="utf-8"))
    data["$defs"]["Shelf"]["properties"]["room"] = {"$ref": "vocabulary.json#/$defs/Room"}
    shapes.write_text(json.dumps(data), encoding="utf-8")
    memory = Memory()
    before = models.emit(lower.load(contracts, memory))
    grow(shapes)
    assert models.emit(lower.load(contracts, memory)) == models.emit(lower.load(contracts)) != before


def test_the_order_of_keys_and_the_kind_of_a_value_are_changes_though_python_thinks_them_equal(
    contracts: Path, edit: Edit
) -> None:
    edit(SHELF, lambda data: data["$defs"]["Shelf"]["properties"].update(free=FREE))
    memory = Memory()
    generate(contracts, memory)
    edit(SHELF, lambda data: data["$defs"]["Shelf"]["properties"]["free"].update(default=1.0))
    kind = generate(contracts, memory).tree
    assert kind == generate(contracts).tree

    def turn(data: Any) -> None:
        shelf = data["$defs"]["Shelf"]
        shelf["properties"] = dict(reversed(shelf["properties"].items()))

    edit(SHELF, turn)
    assert kind != generate(contracts, memory).tree == generate(contracts).tree


@pytest.fixture
def asked() -> list[str]:
    """Hold the names a remembered function was really run for, in turn."""
    return []


def test_a_remembered_function_runs_again_only_when_something_it_read_is_another(
    contracts: Path, edit: Edit, asked: list[str]
) -> None:
    @remembered
    def described(of: ContractSet, name: str) -> str:
        asked.append(name)
        return str(of.definitions[name].schema["description"])

    memory = Memory()
    first = lower.load(contracts, memory)
    names = list(first.definitions)
    assert [described(first, name) for name in names] == [described(first, name) for name in names]
    assert asked == names
    edit(SHELF, lambda data: data["$defs"]["Shelf"].update(description="Another."))
    second = lower.load(contracts, memory)
    assert [described(second, name) for name in names if name != "Shelf"]
    assert asked == names
    assert described(second, "Shelf") == "Another."
    assert described(first, "Shelf") != "Another."
    assert asked == [*names, "Shelf", "Shelf"]


def test_what_was_looked_for_in_vain_or_read_by_a_function_within_counts_as_read(
    contracts: Path, edit: Edit, asked: list[str]
) -> None:
    @remembered
    def known(of: ContractSet, name: str) -> bool:
        return name in of.definitions

    @remembered
    def both(of: ContractSet, name: str) -> tuple[bool, tuple[str, ...]]:
        asked.append(name)
        return known(of, name), tuple(of.events)

    memory = Memory()
    assert both(lower.load(contracts, memory), "Attic")[0] is False
    room = {"type": "object", "description": "A room.", "additionalProperties": False, "properties": {}}
    edit(SHELF, lambda data: data["$defs"].update(Attic=room))
    assert both(lower.load(contracts, memory), "Attic")[0] is True
    edit(SHELF, lambda data: data["$defs"].update(Cellar=room))
    both(lower.load(contracts, memory), "Attic")
    assert asked == ["Attic", "Attic"]


def test_what_failed_counts_as_read_by_who_went_on_without_it(contracts: Path, edit: Edit) -> None:
    @remembered
    def first_letter(of: ContractSet, name: str) -> str:
        return str(of.definitions[name].schema["description"][0])

    @remembered
    def letter_or_none(of: ContractSet, name: str) -> str:
        try:
            return first_letter(of, name)
        except IndexError:
            return ""

    edit(SHELF, lambda data: data["$defs"]["Shelf"].update(description=""))
    memory = Memory()
    assert letter_or_none(lower.load(contracts, memory), "Shelf") == ""
    edit(SHELF, lambda data: data["$defs"]["Shelf"].update(description="It."))
    assert letter_or_none(lower.load(contracts, memory), "Shelf") == "I"


def test_only_what_depends_on_an_edit_is_made_again_and_what_nobody_asked_for_is_forgotten() -> None:
    memory, made = Memory(), []

    def make(names: list[str]) -> dict[str, str]:
        made.append(names)
        return {name: name.upper() for name in names}

    memory.batch("kind", {"a": ("1",), "b": ("1",)}, make)
    memory.forget()
    assert memory.batch("kind", {"a": ("1",), "b": ("2",), "c": ("1",)}, make) == {"a": "A", "b": "B", "c": "C"}
    memory.forget()
    memory.batch("kind", {"c": ("1",)}, make)
    memory.forget()
    memory.batch("kind", {"a": ("1",), "c": ("1",)}, make)
    assert made == [["a", "b"], ["b", "c"], ["a"]]


def test_what_is_recalled_within_something_that_is_not_made_again_is_not_forgotten(
    contracts: Path, asked: list[str]
) -> None:
    def make() -> str:
        asked.append("a")
        return "A"

    @remembered
    def whole(of: ContractSet) -> str:
        return of.memory.once("within", "a", (of.settings.name,), make)

    memory = Memory()
    for _ in range(3):
        whole(lower.load(contracts, memory))
        memory.forget()
    assert memory.once("within", "a", ("library",), lambda: "made again") == "A"
    assert asked == ["a"]
