"""Make, for a keyword of a schema, a value that this keyword alone refuses: without it the schema takes the value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from contractgen import resolve
from contractgen.compat import library
from contractgen.compat.judges import Judges
from contractgen.compat.normal import normal
from contractgen.compat.witness import Pair, candidates, search

Json = Any
# What one change of a valid value cannot be trusted to break; types, bounds and required properties it can.
KEYWORDS = (
    "contains", "minContains", "maxContains", "dependentRequired", "dependentSchemas", "if", "not", "uniqueItems",
    "prefixItems", "patternProperties", "propertyNames", "unevaluatedItems", "unevaluatedProperties", "multipleOf",
    "minProperties", "maxProperties", "maxItems", "exclusiveMinimum", "exclusiveMaximum", "oneOf", "anyOf", "allOf",
)  # fmt: skip
TRIES = 150


def refused_by_one_keyword(schema: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    """Give values with the keyword that refuses each, and its place; a keyword with no such value is left out."""
    whole = normal(schema, None, "whole")
    for tokens, found in resolve.walk(dict(schema)):
        for keyword in KEYWORDS:
            if keyword in found:
                relaxed = normal(_without(schema, tokens, keyword), None, "relaxed")
                pair = Pair(Judges(relaxed), Judges(whole))
                leads = library.difference(*(library.canonical(library.inlined(side)) for side in (relaxed, whole)))
                place = "".join(f"/{token}" for token in tokens)
                yield from ((f"{place}: only {keyword} refuses it", value) for value in search(pair, TRIES, leads))


def taken(schema: Mapping[str, Json], tries: int) -> Iterator[Json]:
    """Give values that a schema takes, of kinds that its keywords suggest."""
    judges = Judges(normal(schema))
    for value in candidates(Pair(judges, judges), tries):
        if judges.takes(value):
            yield value


def _without(schema: Json, tokens: tuple[str | int, ...], keyword: str) -> Json:
    if not tokens:
        return {key: value for key, value in schema.items() if key != keyword}
    first, *rest = tokens
    if isinstance(schema, list):
        assert isinstance(first, int)
        return [*schema[:first], _without(schema[first], tuple(rest), keyword), *schema[first + 1 :]]
    return {**schema, first: _without(schema[first], tuple(rest), keyword)}
