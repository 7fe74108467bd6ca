"""The property tests: that they cover what is published, and that they fail when something is wrong."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from contractgen.emit.property_tests import emit
from contractgen.emit.published_schemas import publications
from contractgen.instances import enumerate_all
from contractgen.mutations import mutants
from contractgen.propertytest import Subject, same, try_subject
from tests.generator.contract_sets import FOLDERS, NAMES, load

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "count"],
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "count": {"type": "integer", "minimum": 0},
        "kind": {"enum": ["a", "b"], "type": "string"},
    },
}


class Whole(BaseModel):
    """Stand for SCHEMA as it should."""

    name: str
    count: int
    kind: Literal["a", "b"] = "a"


class Dropping(BaseModel):
    """Lack a field."""

    name: str
    count: int


class Choosy(Whole):
    """Refuse an optional field's absence."""

    kind: Literal["a", "b"]


class Changing(Whole):
    """Turn a number into text."""

    count: str  # type: ignore[assignment]

    model_config = {"coerce_numbers_to_str": True}


def tried(model: type[BaseModel], schema: dict[str, Any] = SCHEMA, examples: list[Any] | None = None) -> str:
    return str(try_subject("case", Subject(schema, model), 50, examples or []))


@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_every_published_schema_with_a_model_is_a_case(folder: Path) -> None:
    contracts = load(folder)
    module = emit(contracts)["tests/test_contract_properties.py"]
    ast.parse(module)
    expected = [p.path for p in publications(contracts) if p.definition not in contracts.enumerations]
    assert re.findall(r"Case\('([^']+)'", module) == [
        path for path, name in zip(expected, names(folder), strict=True) if name in contracts.definitions
    ]


def names(folder: Path) -> list[str]:
    contracts = load(folder)
    return [p.definition for p in publications(contracts) if p.definition not in contracts.enumerations]


def test_a_model_that_says_what_the_schema_says_passes_with_enough_instances() -> None:
    valid = re.search(r"(\d+) valid", tried(Whole))
    assert valid is not None
    assert int(valid[1]) >= 50


@pytest.mark.parametrize(
    ("model", "complaint"),
    [(Dropping, "the model changes"), (Choosy, "the model refuses"), (Changing, "the model changes")],
)
def test_a_model_that_drops_refuses_or_changes_something_fails(model: type[BaseModel], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        tried(model)


def test_an_example_that_is_not_valid_fails() -> None:
    with pytest.raises(AssertionError, match="an example of the contract is not valid"):
        tried(Whole, examples=[{"name": "x"}])


def test_a_schema_that_takes_a_mutant_fails() -> None:
    subject = Subject(SCHEMA, Whole)
    subject.__dict__["judge"] = Subject({"type": "object"}, Whole).judge
    with pytest.raises(AssertionError, match="jsonschema-rs takes an instance with"):
        try_subject("case", subject, 50, [])


def test_too_few_accepted_instances_fail() -> None:
    # Four values that are not seen to be four: nothing lists what a pattern matches.
    few = {"type": "string", "pattern": "^a{0,3}$"}
    with pytest.raises(AssertionError, match="too few valid instances"):
        try_subject("case", Subject(few, str), 50, [])


def test_a_schema_with_few_values_is_enumerated() -> None:
    small = {**SCHEMA, "required": [], "properties": {"kind": SCHEMA["properties"]["kind"]}}
    assert enumerate_all(small, 50) == [{}, {"kind": "a"}, {"kind": "b"}]
    assert enumerate_all(SCHEMA, 50) is None


def test_mutants_are_invalid_in_one_place_each() -> None:
    found = dict(mutants(SCHEMA, {"name": "x", "count": 1}))
    assert found[": no name"] == {"count": 1}
    assert found["/count: under the minimum"] == {"name": "x", "count": -1}
    assert found["/name: null in place of string"] == {"name": None, "count": 1}
    assert not [what for what, instance in found.items() if Subject(SCHEMA, Whole).judge.is_valid(instance)]


def test_numbers_compare_as_json_compares_them() -> None:
    assert same({"a": [1]}, {"a": [1.0]})
    assert not same(1, True)
    assert not same([1], [1, 2])
