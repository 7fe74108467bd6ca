"""Schemas with one keyword fewer: what that keyword alone refuses is what it is there for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from contractgen.bundle import plain, plain_of
from contractgen.model import ContractSet, Origin, Schema
from contractgen.reach import reachable, within

# Keywords that only ever refuse: a schema without one of them takes at least what it took with it.
REFUSING = frozenset({
    "const", "contains", "dependentRequired", "dependentSchemas", "enum", "exclusiveMaximum", "exclusiveMinimum",
    "format", "if", "maxContains", "maxItems", "maxLength", "maxProperties", "maximum", "minItems", "minLength",
    "minProperties", "minimum", "multipleOf", "not", "oneOf", "pattern", "patternProperties", "prefixItems",
    "propertyNames", "required", "unevaluatedItems", "unevaluatedProperties", "uniqueItems",
})  # fmt: skip
# Keywords that say nothing without another go with it.
_TOGETHER = {"if": ("if", "then", "else"), "contains": ("contains", "minContains", "maxContains")}


@dataclass(frozen=True, slots=True)
class Relaxed:
    """Hold a schema as a closed document, the same without one keyword, and where that keyword stands."""

    keyword: str
    whole: Schema
    without: Schema
    origin: Origin


def relaxed(contracts: ContractSet, keywords: frozenset[str]) -> Iterator[Relaxed]:
    """List every schema of a set once for each of some keywords that stands in it."""
    for definition in contracts.definitions.values():
        for tokens, schema in within(contracts, definition.name):
            present = [keyword for keyword in schema if keyword in keywords and keyword in REFUSING]
            # The members of an enumeration are its contract's, and no keyword that somebody wrote.
            if not tokens and definition.name in contracts.enumerations:
                present = [keyword for keyword in present if keyword != "enum"]
            if present:
                below = {name: plain_of(contracts, name) for name in reachable(contracts, schema)}
                whole = plain(schema) | {"$defs": below}
                for keyword in present:
                    origin = definition.origin.at(*tokens, keyword)
                    yield Relaxed(keyword, whole, _without(whole, keyword), origin)


def _without(schema: dict[str, Any], keyword: str) -> dict[str, Any]:
    """Take a keyword out; of oneOf only the exclusion goes, of prefixItems and patterns what they say of values."""
    if keyword == "oneOf":
        rest = {key: value for key, value in schema.items() if key not in ("oneOf", "discriminator")}
        return {**rest, "allOf": [*rest.get("allOf", ()), {"anyOf": schema["oneOf"]}]}
    if keyword == "prefixItems":
        return {**schema, "prefixItems": [True] * len(schema["prefixItems"])}
    if keyword == "patternProperties":
        return {**schema, "patternProperties": dict.fromkeys(schema["patternProperties"], True)}
    gone = _TOGETHER.get(keyword, (keyword,))
    return {key: value for key, value in schema.items() if key not in gone}
