"""A keyword that a language cannot tell is shown to be enforced: by a value that two validators refuse for it alone."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from contractgen.pipeline import lint
from contractgen.rules.expressible import TYPESCRIPT
from contractgen.samples import witness
from tests.generator.contract_sets import FOLDERS, NAMES
from tests.generator.library import Edit

SEARCH = "commands/catalog/search.json"
TEXTS = {"type": "array", "items": {"type": "string"}}
OPEN = {"type": "object", "additionalProperties": {"type": "string"}}
INTEGER, TEXT = {"type": "integer"}, {"type": "string"}
SAID = {"type": "string", "description": "It."}
PAIR = {"type": "object", "additionalProperties": False, "properties": {"a": SAID, "b": SAID}}

# Each keyword in a schema that it alone makes narrower.
SCHEMAS: dict[str, Any] = {
    "contains": {**TEXTS, "contains": {"const": "x"}},
    "maxContains": {**TEXTS, "contains": {"const": "x"}, "maxContains": 1},
    "dependentRequired": {**PAIR, "dependentRequired": {"a": ["b"]}},
    "dependentSchemas": {**PAIR, "dependentSchemas": {"a": {"properties": {"b": {"const": "0"}}}}},
    "format": {**TEXT, "format": "date"},
    "if": {**PAIR, "if": {"required": ["a"]}, "then": {"required": ["b"]}},
    "maxProperties": {**OPEN, "maxProperties": 2},
    "minProperties": {**OPEN, "minProperties": 1},
    "not": {**TEXT, "not": {"const": "x"}},
    "oneOf": {"oneOf": [{**INTEGER, "minimum": 0}, {**INTEGER, "maximum": 1}]},
    "patternProperties": {**OPEN, "patternProperties": {"^x": {"maxLength": 0}}},
    "prefixItems": {"type": "array", "prefixItems": [TEXT], "items": INTEGER},
    "propertyNames": {**OPEN, "propertyNames": {"maxLength": 1}},
    "unevaluatedItems": {"type": "array", "prefixItems": [TEXT], "unevaluatedItems": False},
    "unevaluatedProperties": {"type": "object", "properties": {"a": SAID},
        "unevaluatedProperties": False},
    "uniqueItems": {**TEXTS, "uniqueItems": True},
    "exclusiveMaximum": {**INTEGER, "exclusiveMaximum": 9},
    "exclusiveMinimum": {**INTEGER, "exclusiveMinimum": 9},
    "maxItems": {**TEXTS, "maxItems": 3},
    "maxLength": {**TEXT, "maxLength": 300},
    "maximum": {**INTEGER, "maximum": 900},
    "minItems": {**TEXTS, "minItems": 2},
    "minLength": {**TEXT, "minLength": 2},
    "minimum": {**INTEGER, "minimum": 7},
    "multipleOf": {**INTEGER, "multipleOf": 5},
    "pattern": {**TEXT, "pattern": "^[a-z]+$"},
}  # fmt: skip


def test_every_keyword_that_a_language_lacks_is_tried_here() -> None:
    assert SCHEMAS.keys() == TYPESCRIPT


@pytest.mark.parametrize("keyword", SCHEMAS)
def test_the_lint_names_the_keyword_and_proves_that_it_is_enforced(keyword: str, contracts: Any, edit: Edit) -> None:
    schema = {"description": "It.", **SCHEMAS[keyword]}
    edit(SEARCH, lambda data: data["$defs"]["SearchResponse"]["properties"].update(it=schema))
    pointer = f"/$defs/SearchResponse/properties/it/{keyword}"
    found = [item for item in lint(contracts)[1] if (item.rule, item.origin.pointer) == ("beyond-language", pointer)]
    assert [item.message.rpartition("; ")[2] for item in found] == ["the validator enforces it."]
    refused = list(_second(schema).iter_errors(json.loads(found[0].proof)))
    assert refused, found[0].proof


@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_no_keyword_of_a_set_goes_without_proof(folder: Any) -> None:
    notes = [item for item in lint(folder)[1] if item.rule == "beyond-language"]
    # The smallest set says nothing that the languages cannot.
    assert bool(notes) == (folder.parent.name != "units")
    assert [item for item in notes if not item.proof] == []


def test_where_no_value_tells_two_schemas_apart_there_is_no_proof() -> None:
    assert witness({"type": "string"}, {"type": "string"}) is None


def _second(schema: Any) -> jsonschema.Draft202012Validator:
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    return jsonschema.Draft202012Validator(schema, format_checker=checker)
