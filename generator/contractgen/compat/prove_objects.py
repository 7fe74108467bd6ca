"""Prove what a schema asks of an object, from what is known to hold of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from contractgen.compat.below import children
from contractgen.compat.words import Wanted, none

if TYPE_CHECKING:
    from contractgen.compat.prove import Prover

Json = Any
Known = Sequence[Mapping[str, Json]]
MOST_PATTERNS = 7


def required(known: Known) -> set[str]:
    """List the properties that are there for certain."""
    found = {name for facet in known for name in facet.get("required", ())}
    while True:
        more = {
            other
            for facet in known
            for name, others in facet.get("dependentRequired", {}).items()
            if name in found
            for other in others
        }
        if more <= found:
            return found
        found |= more


def absent(prover: Prover, known: Known, name: str, level: int) -> bool:
    """Say whether a property cannot be there."""
    return prover.empty([below for facet in known for below in children(facet, name)], level + 1)


def properties(prover: Prover, known: Known, asked: Mapping[str, Json], level: int) -> bool:
    """Prove `properties`, `patternProperties` and `additionalProperties`, key by key and kind of key by kind of key."""
    for name in names([*known, asked]):
        held = [below for facet in known for below in children(facet, name)]
        for below in children(asked, name):
            if not prover.implies(held, below, level + 1):
                return False
    regions = _regions(known, [*known, asked])
    if regions is None:
        return False
    for matched, _ in regions:
        held = [below for facet in known for below in _at(facet, matched)]
        for below in _at(asked, matched):
            if not prover.implies(held, below, level + 1):
                return False
    return True


def names(facets: Known) -> list[str]:
    """List the properties that facets name."""
    found: dict[str, None] = {}
    for facet in facets:
        found |= dict.fromkeys([*facet.get("properties", ()), *facet.get("required", ())])
        rule = facet.get("propertyNames")
        if isinstance(rule, Mapping):
            listed = [*rule.get("enum", ()), *([rule["const"]] if "const" in rule else [])]
            found |= dict.fromkeys(name for name in listed if isinstance(name, str))
    return list(found)


def _at(facet: Mapping[str, Json], matched: frozenset[str]) -> list[Json]:
    found = [below for pattern, below in facet.get("patternProperties", {}).items() if pattern in matched]
    return found or ([facet["additionalProperties"]] if "additionalProperties" in facet else [])


def _regions(known: Known, facets: Known) -> list[tuple[frozenset[str], Wanted]] | None:
    """Part the keys nobody names by the patterns they match; None: there are too many patterns."""
    patterns = sorted({pattern for facet in facets for pattern in facet.get("patternProperties", ())})
    if len(patterns) > MOST_PATTERNS:
        return None
    rules = [facet["propertyNames"] for facet in known if "propertyNames" in facet]
    if any(rule is False or (isinstance(rule, Mapping) and ("enum" in rule or "const" in rule)) for rule in rules):
        return []
    stated = [rule for rule in rules if isinstance(rule, Mapping)]
    found = []
    for count in range(len(patterns) + 1):
        for matched in combinations(patterns, count):
            wanted = Wanted(
                frozenset(matched) | {rule["pattern"] for rule in stated if "pattern" in rule},
                frozenset(patterns) - frozenset(matched),
                max((int(rule.get("minLength", 0)) for rule in stated), default=0),
                min((int(rule["maxLength"]) for rule in stated if "maxLength" in rule), default=None),
            )
            if not none(wanted):
                found.append((frozenset(matched), wanted))
    return found


def property_names(prover: Prover, known: Known, rule: Json, level: int) -> bool:
    """Prove `propertyNames` for the keys that can be there."""
    for name in names(known):
        if not absent(prover, known, name, level) and not prover.implies([{"const": name}], rule, level + 1):
            return False
    regions = _regions(known, known)
    if regions is None:
        return False
    own = [facet["propertyNames"] for facet in known if "propertyNames" in facet]
    for matched, wanted in regions:
        if prover.empty([below for facet in known for below in _at(facet, matched)], level + 1):
            continue
        key: list[Json] = [{"type": "string"}, *({"pattern": one} for one in wanted.has)]
        key += [{"not": {"pattern": one}} for one in wanted.lacks]
        if not prover.implies([*key, *own], rule, level + 1):
            return False
    return True


def fewest(known: Known) -> int:
    """Say how many properties there are at least."""
    return max([len(required(known)), *(int(facet["minProperties"]) for facet in known if "minProperties" in facet)])


def most(prover: Prover, known: Known, level: int) -> int | None:
    """Say how many properties there are at most; None: it is not known."""
    bounds = [int(facet["maxProperties"]) for facet in known if "maxProperties" in facet]
    regions = _regions(known, known)
    if regions is not None and all(
        prover.empty([below for facet in known for below in _at(facet, matched)], level + 1) for matched, _ in regions
    ):
        bounds.append(sum(not absent(prover, known, name, level) for name in names(known)))
    return min(bounds, default=None)


def contradictory(prover: Prover, known: Known, level: int) -> bool:
    """Say whether no object can be so."""
    needed = required(known)
    for name in needed:
        if absent(prover, known, name, level):
            return True
        rules = [facet["propertyNames"] for facet in known if "propertyNames" in facet]
        if rules and prover.empty([{"const": name}, *rules], level + 1):
            return True
    if not any("minProperties" in facet for facet in known) and not any("maxProperties" in facet for facet in known):
        return False
    upper = most(prover, known, level)
    return upper is not None and fewest(known) > upper


def splits(known: Known) -> Iterator[list[list[Json]]]:
    """Give ways to tell objects apart: a property with few values, or there or not."""
    needed = required(known)
    for name in names(known):
        listed = [below for facet in known for below in children(facet, name) if isinstance(below, Mapping)]
        few = [below["enum"] for below in listed if "enum" in below and len(below["enum"]) > 1]
        if few and name in needed:
            yield [[{"type": "object", "properties": {name: {"const": value}}}] for value in few[0]]
    triggers = {
        name for facet in known for key in ("dependentRequired", "dependentSchemas") for name in facet.get(key, ())
    }
    for name in sorted(triggers - needed):
        if not any(below is False for facet in known for below in children(facet, name)):
            yield [[{"required": [name]}], [{"properties": {name: False}}]]
