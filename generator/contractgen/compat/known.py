"""Read what is known of a value: a list of schemas that all hold, spelled out, and the cases that it leaves."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from contractgen.compat import evaluated, prove_objects, prove_scalars
from contractgen.compat.facets import TYPES, type_of, types_of
from contractgen.compat.negation import negated
from contractgen.compat.normal import PREFIX
from contractgen.compat.numbers import exact

Json = Any
Known = list[Mapping[str, Json]]
Definitions = Mapping[str, Json]
MOST_VALUES = 300
MOST_FACETS = 120


class OutOfReach(Exception):
    """Report that a proof grew too long."""


def flat(known: Iterable[Json], definitions: Definitions) -> Known | None:
    """Spell out references, `allOf`, triggered dependencies and simple negations; None: nothing can be so."""
    found: dict[str, Mapping[str, Json]] = {}
    waiting = list(known)
    while waiting:
        schema = waiting.pop(0)
        if schema is False or (isinstance(schema, Mapping) and schema.get("not") == {}):
            return None
        if schema is True or not schema or text(schema) in found:
            continue
        if len(found) > MOST_FACETS:
            raise OutOfReach
        found[text(schema)] = schema
        waiting += _further(schema, definitions)
        needed = prove_objects.required(list(found.values()))
        for facet in list(found.values()):
            waiting += [below for name, below in facet.get("dependentSchemas", {}).items() if name in needed]
    return list(found.values())


def _further(schema: Mapping[str, Json], definitions: Definitions) -> Iterator[Json]:
    if "$ref" in schema:
        yield definitions[schema["$ref"].removeprefix(PREFIX)]
    yield from schema.get("allOf", ())
    if "not" in schema:
        other = negated(schema["not"], definitions)
        if other is not None:
            yield other
    if "unevaluatedProperties" in schema:
        seen = evaluated.gather(schema, definitions, lambda _: True)
        yield seen.properties_rule(schema["unevaluatedProperties"])
    if "unevaluatedItems" in schema:
        seen = evaluated.gather(schema, definitions, lambda _: True)
        if not seen.contains:
            yield seen.items_rule(schema["unevaluatedItems"])


def types(facets: Known) -> set[str]:
    """Say which types a value can have."""
    kinds = types_of(facets)
    for facet in facets:
        rule = facet.get("not")
        if isinstance(rule, Mapping) and set(rule) == {"type"}:
            stated = {rule["type"]} if isinstance(rule["type"], str) else set(rule["type"])
            kinds -= stated | ({"integer"} if "number" in stated else set())
        if "multipleOf" in facet and exact(facet["multipleOf"]).denominator == 1:
            kinds -= {"number"}
        if "const" in facet or "enum" in facet:
            kinds &= {type_of(value) for value in facet.get("enum", [facet.get("const")])}
    return kinds


def values(facets: Known) -> list[Json] | None:
    """List all values that can be so, and more perhaps; None: they are not few."""
    for facet in facets:
        if "const" in facet:
            return [facet["const"]]
        if "enum" in facet:
            return list(facet["enum"])
    kinds = types(facets)
    if kinds <= {"null", "boolean"}:
        return [*([None] if "null" in kinds else []), *([False, True] if "boolean" in kinds else [])]
    if kinds == {"integer"}:
        low, _, high, _ = prove_scalars.interval(facets, True)
        if low is not None and high is not None and high - low < MOST_VALUES:
            return list(range(int(low), int(high) + 1))
    return None


def ways(facets: Known) -> Iterator[list[list[Json]]]:
    """Give ways to tell cases apart, each a list of what is known in each case."""
    for place, facet in enumerate(facets):
        others: list[Json] = facets[:place] + facets[place + 1 :]
        for keyword in ("anyOf", "oneOf"):
            if keyword in facet:
                rest = _without(facet, keyword)
                yield [[*others, rest, branch] for branch in facet[keyword]]
        if "if" in facet:
            rest = _without(facet, "if", "then", "else")
            yield [
                [*others, rest, facet["if"], facet.get("then", True)],
                [*others, rest, {"not": facet["if"]}, facet.get("else", True)],
            ]
    kinds = types(facets)
    if len(kinds) > 1:
        yield [
            [*facets, {"type": kind, **({"not": {"type": "integer"}} if kind == "number" else {})}]
            for kind in TYPES
            if kind in kinds
        ]
    if kinds == {"object"}:
        for cases in prove_objects.splits(facets):
            yield [[*facets, *case] for case in cases]


def _without(facet: Mapping[str, Json], *keywords: str) -> dict[str, Json]:
    # What is unevaluated hangs on the branches; spelled out with all of them, it is already known.
    gone = {*keywords, "unevaluatedProperties", "unevaluatedItems"}
    return {key: value for key, value in facet.items() if key not in gone}


def text(value: Json) -> str:
    """Write a value so that equal ones are written alike."""
    return json.dumps(value, sort_keys=True)
