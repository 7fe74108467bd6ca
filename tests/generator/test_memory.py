"""What is remembered is what would be made again: an edit gives the same outputs in a warm process and in a new one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from contractgen import lower
from contractgen.emit import models
from contractgen.memory import Memory
from contractgen.pipeline import generate
from tests.generator.contract_sets import OWN
from tests.generator.library import LIBRARY

CHOSEN = ["common.json", "formats/session.json", "events/session.json", "commands/task/session/pause.json"]
EDITS = [(LIBRARY, path.relative_to(LIBRARY).as_posix()) for path in sorted(LIBRARY.rglob("*.json"))]
EDITS += [(OWN, file) for file in CHOSEN]


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
    models.emit(lower.load(contracts), memory)
    grow(contracts / file)
    after = lower.load(contracts)
    assert models.emit(after, memory) == models.emit(after)


def test_modules_that_refer_to_each_other_are_remembered_as_one(contracts: Path) -> None:
    path = contracts / "vocabulary.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["$defs"]["Room"] = {
        "type": "object", "description": "A room.", "additionalProperties": False,
        "properties": {"shelf": {"$ref": "shapes.json#/$defs/Shelf", "description": "A shelf."}},
    }  # fmt: skip
    path.write_text(json.dumps(data), encoding="utf-8")
    shapes = contracts / "shapes.json"
    data = json.loads(shapes.read_text(encoding="utf-8"))
    data["$defs"]["Shelf"]["properties"]["room"] = {"$ref": "vocabulary.json#/$defs/Room"}
    shapes.write_text(json.dumps(data), encoding="utf-8")
    memory = Memory()
    before = models.emit(lower.load(contracts), memory)
    grow(shapes)
    after = lower.load(contracts)
    assert models.emit(after, memory) == models.emit(after) != before


def test_a_whole_generation_after_an_edit_is_what_a_new_process_generates(contracts: Path) -> None:
    memory = Memory()
    first = generate(contracts, memory).tree
    path = contracts / "shapes.json"
    path.write_text(path.read_text(encoding="utf-8").replace("A shelf, with", "One shelf, with"), encoding="utf-8")
    assert first != generate(contracts, memory).tree == generate(contracts).tree


def test_only_what_depends_on_an_edit_is_made_again() -> None:
    memory, made = Memory(), []

    def make(names: list[str]) -> dict[str, str]:
        made.append(names)
        return {name: name.upper() for name in names}

    memory.recall("kind", {"a": 1, "b": 1}, make)
    assert memory.recall("kind", {"a": 1, "b": 2, "c": 1}, make) == {"a": "A", "b": "B", "c": "C"}
    memory.recall("kind", {"c": 1}, make)
    memory.recall("kind", {"a": 1, "c": 1}, make)
    assert made == [["a", "b"], ["b", "c"], ["a"]]
