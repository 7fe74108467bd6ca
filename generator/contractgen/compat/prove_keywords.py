"""Prove one keyword of what is asked: each rule parts the question into smaller ones, which the prover answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from contractgen.compat import evaluated, prove_arrays, prove_objects
from contractgen.compat.facets import types_of
from contractgen.compat.known import Json, Known, types
from contractgen.compat.normal import PREFIX

if TYPE_CHECKING:
    from contractgen.compat.prove import Prover

Rule = Callable[["Prover", Known, Mapping[str, Json], int, int], bool]
_SIDE = ("then", "else", "minContains", "maxContains", "x-open")
_GROUPS = (("properties", "patternProperties", "additionalProperties"), ("prefixItems", "items"),
           ("contains", "minContains", "maxContains"), ("if", "then", "else"))  # fmt: skip


def parted(asked: Json) -> Iterator[Json]:
    """Part what is asked into keywords that can be proved one by one."""
    if not isinstance(asked, Mapping):
        yield asked
        return
    left = dict(asked)
    left.pop("x-open", None)
    for key in ("unevaluatedProperties", "unevaluatedItems"):
        if left.pop(key, True) is not True:
            # What is unevaluated hangs on everything beside it.
            yield {key: asked[key]} | {other: value for other, value in asked.items() if not other.startswith("uneval")}
    for item in left.pop("allOf", ()):
        yield from parted(item)
    for group in _GROUPS:
        part = {key: left.pop(key) for key in group if key in left}
        if part and next(iter(part)) not in _SIDE:
            yield part
    yield from ({key: value} for key, value in left.items() if key not in _SIDE)


def _type(prover: Prover, facets: Known, part: Mapping[str, Json], level: int, splits: int) -> bool:
    return types(facets) <= types_of([part])


def _reference(prover: Prover, facets: Known, part: Mapping[str, Json], level: int, splits: int) -> bool:
    return prover.implies(facets, prover.definitions[part["$ref"].removeprefix(PREFIX)], level, splits)


def _any(prover: Prover, facets: Known, part: Mapping[str, Json], level: int, splits: int) -> bool:
    branches = part["anyOf"]
    if any(prover.implies(facets, branch, level, min(splits, 2)) for branch in branches):
        return True
    if len(branches) > 1 and splits > 1:
        for place, branch in enumerate(branches):
            others = [{"not": other} for other in branches[:place] + branches[place + 1 :]]
            if prover.implies([*facets, *others], branch, level, min(splits - 1, 1)):
                return True
    return False


def _one(prover: Prover, facets: Known, part: Mapping[str, Json], level: int, splits: int) -> bool:
    branches = part["oneOf"]
    for place, branch in enumerate(branches):
        if prover.implies(facets, branch, level, min(splits, 2)):
            others = branches[:place] + branches[place + 1 :]
            return all(prover.apart(facets, other, level, splits) for other in others)
    return False


def _not(prover: Prover, facets: Known, part: Mapping[str, Json], level: int, splits: int) -> bool:
    if prover.apart(facets, part["not"], level, splits):
        return True
    refused = [facet["not"] for facet in facets if "not" in facet]
    return any(prover.implies([part["not"]], rule, level, min(splits, 2)) for rule in refused)


def _conditional(prover: Prover, facets: Known, part: Mapping[str, Json], level: int, splits: int) -> bool:
    yes = prover.implies([*facets, part["if"]], part.get("then", True), level, splits - 1)
    return yes and prover.implies([*facets, {"not": part["if"]}], part.get("else", True), level, splits - 1)


def _required(prover: Prover, facets: Known, part: Mapping[str, Json], level: int, splits: int) -> bool:
    return set(part["required"]) <= prove_objects.required(facets)


def _dependent_required(prover: Prover, facets: Known, part: Mapping[str, Json], level: int, splits: int) -> bool:
    return all(
        prover.implies([*facets, {"type": "object", "required": [name]}], {"required": others}, level, splits)
        for name, others in part["dependentRequired"].items()
    )


def _dependent_schemas(prover: Prover, facets: Known, part: Mapping[str, Json], level: int, splits: int) -> bool:
    return all(
        prover.implies([*facets, {"type": "object", "required": [name]}], below, level, splits)
        for name, below in part["dependentSchemas"].items()
    )


def _sized(prover: Prover, facets: Known, part: Mapping[str, Json], level: int, splits: int) -> bool:
    keyword = next(iter(part))
    room: Any = prove_objects if keyword.endswith("Properties") else prove_arrays
    if keyword.startswith("min"):
        return bool(room.fewest(facets) >= part[keyword])
    upper = room.most(prover, facets, level)
    return upper is not None and upper <= part[keyword]


def _unevaluated(prover: Prover, facets: Known, part: Mapping[str, Json], level: int, splits: int) -> bool:
    seen = evaluated.gather(
        part, prover.definitions, lambda branch: prover.implies(facets, branch, level, min(splits, 1))
    )
    if "unevaluatedProperties" in part and not prove_objects.properties(
        prover, facets, seen.properties_rule(part["unevaluatedProperties"]), level
    ):
        return False
    if "unevaluatedItems" not in part:
        return True
    return prove_arrays.positions(prover, facets, seen.items_rule(part["unevaluatedItems"]), level)


RULES: dict[str, Rule] = {
    "$ref": _reference,
    "anyOf": _any,
    "dependentRequired": _dependent_required,
    "dependentSchemas": _dependent_schemas,
    "if": _conditional,
    "not": _not,
    "oneOf": _one,
    "required": _required,
    "type": _type,
    "unevaluatedItems": _unevaluated,
    "unevaluatedProperties": _unevaluated,
    "propertyNames": lambda prover, facets, part, level, _: prove_objects.property_names(
        prover, facets, part["propertyNames"], level
    ),
    "uniqueItems": lambda prover, facets, part, level, _: (
        part["uniqueItems"] is not True or prove_arrays.unique(prover, facets, level)
    ),
    "contains": lambda prover, facets, part, level, _: prove_arrays.contains(prover, facets, part, level),
    **dict.fromkeys(("minItems", "maxItems", "minProperties", "maxProperties"), _sized),
    **dict.fromkeys(
        ("properties", "patternProperties", "additionalProperties"),
        lambda prover, facets, part, level, _: prove_objects.properties(prover, facets, part, level),
    ),
    **dict.fromkeys(
        ("items", "prefixItems"),
        lambda prover, facets, part, level, _: prove_arrays.positions(prover, facets, part, level),
    ),
}
