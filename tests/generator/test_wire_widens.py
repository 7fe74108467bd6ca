"""Lowering only widens: whatever schema an author writes, its wire form refuses nothing of what it took."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
from hypothesis import event, given, settings
from hypothesis import strategies as st

from contractgen.wire import WireError, lower

NAMES = st.sampled_from(["a", "b", "kind"])
WORDS = st.sampled_from(["x", "y", "z"])
STRINGS: st.SearchStrategy[Any] = st.one_of(
    st.builds(lambda least: {"type": "string", "minLength": least}, st.integers(0, 3)),
    st.builds(lambda pattern: {"type": "string", "pattern": pattern}, st.sampled_from(["^[a-z]+$", "^x"])),
    st.builds(lambda word: {"const": word}, WORDS),
    st.builds(lambda words: {"enum": words}, st.lists(WORDS, min_size=1, max_size=3, unique=True)),
    st.just({"type": "string", "format": "uuid", "default": "x"}),
)
NUMBERS: st.SearchStrategy[Any] = st.one_of(
    st.builds(lambda least: {"type": "integer", "minimum": least}, st.integers(0, 9)),
    st.builds(lambda most: {"type": "number", "exclusiveMaximum": most}, st.integers(0, 9)),
    st.just({"type": "boolean"}),
)


def arrays(below: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.builds(lambda item, least: {"type": "array", "items": item, "minItems": least}, below, st.integers(0, 2)),
        st.builds(lambda first, rest: {"type": "array", "prefixItems": [first], "items": rest}, below, below),
        st.builds(lambda item: {"type": "array", "prefixItems": [item], "items": False}, below),
    )


def objects(below: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    closed = st.builds(
        lambda properties, required, extra: {
            "type": "object",
            "properties": properties,
            "required": [name for name in required if name in properties],
            "additionalProperties": extra,
        },
        st.dictionaries(NAMES, below, max_size=3),
        st.lists(NAMES, max_size=2, unique=True),
        st.sampled_from([False, False, True]),
    )
    more = st.sampled_from(
        [
            {},
            {"patternProperties": {"^p": {"type": "string"}}},
            {"minProperties": 1},
            {"dependentRequired": {"a": ["b"]}},
            {"if": {"required": ["a"]}, "then": {"required": ["b"]}},
            {"not": {"required": ["kind"]}},
        ]
    )
    return st.builds(lambda plain, extra: plain | extra, closed, more)


def composed(below: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    branches = st.lists(below, min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda found, keyword: {keyword: found}, branches, st.sampled_from(["oneOf", "anyOf", "allOf"])),
        st.builds(lambda base, found: base | {"anyOf": [{"required": [name]} for name in found]}, objects(below),
            st.lists(NAMES, min_size=1, max_size=2)),
    )  # fmt: skip


SCHEMAS = st.recursive(
    STRINGS | NUMBERS, lambda below: st.one_of(arrays(below), objects(below), composed(below)), max_leaves=8
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(SCHEMAS)
def test_what_a_rich_schema_takes_its_wire_form_takes(rich: dict[str, Any]) -> None:
    try:
        flat = lower(rich, "here")
    except WireError:
        event("cannot be told on the wire")
        return
    try:
        verdict = jsonschema_rs.canonicalize(flat).covers(jsonschema_rs.canonicalize(rich))
    except jsonschema_rs.canonical.UnsupportedOperand:
        event("not to be decided")
        return
    event(f"covered: {verdict}")
    assert verdict is not jsonschema_rs.canonical.Containment.NO, (rich, flat)
