"""Prove what a schema asks of an array, from what is known to hold of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from contractgen.compat.below import items

if TYPE_CHECKING:
    from contractgen.compat.prove import Prover

Json = Any
Known = Sequence[Mapping[str, Json]]


def _held(known: Known, place: int) -> list[Json]:
    return [below for facet in known for below in items(facet, place)]


def _prefix(facets: Known) -> int:
    return max((len(facet.get("prefixItems", ())) for facet in facets), default=0)


def fewest(known: Known) -> int:
    """Say how many items there are at least."""
    bounds = [int(facet["minItems"]) for facet in known if "minItems" in facet]
    bounds += [int(facet.get("minContains", 1)) for facet in known if "contains" in facet]
    return max(bounds, default=0)


def most(prover: Prover, known: Known, level: int) -> int | None:
    """Say how many items there are at most; None: it is not known."""
    bounds = [int(facet["maxItems"]) for facet in known if "maxItems" in facet]
    for place in range(_prefix(known) + 1):
        if (not bounds or place < min(bounds)) and prover.empty(_held(known, place), level + 1):
            bounds.append(place)
    return min(bounds, default=None)


def contradictory(prover: Prover, known: Known, level: int) -> bool:
    """Say whether no array can be so."""
    if not fewest(known):
        return False
    upper = most(prover, known, level)
    if upper is not None and fewest(known) > upper:
        return True
    # An item that has to be there and can stand nowhere
    for facet in known:
        if "contains" in facet and facet.get("minContains", 1) > 0:
            places = range(_prefix(known) + 1)
            if all(prover.empty([*_held(known, place), facet["contains"]], level + 1) for place in places):
                return True
    return False


def positions(prover: Prover, known: Known, asked: Mapping[str, Json], level: int) -> bool:
    """Prove `prefixItems` and `items`, place by place."""
    upper = most(prover, known, level)
    for place in range(_prefix([*known, asked]) + 1):
        if upper is not None and place >= upper:
            return True
        for below in items(asked, place):
            if not prover.implies(_held(known, place), below, level + 1):
                return False
    return True


def contains(prover: Prover, known: Known, asked: Mapping[str, Json], level: int) -> bool:
    """Prove `contains` with its bounds."""
    least, upper = int(asked.get("minContains", 1)), asked.get("maxContains")
    return (least == 0 or _contains_enough(prover, known, asked["contains"], least, level)) and (
        upper is None or _contains_few(prover, known, asked["contains"], int(upper), level)
    )


def _contains_enough(prover: Prover, known: Known, wanted: Json, least: int, level: int) -> bool:
    for facet in known:
        if "contains" in facet and int(facet.get("minContains", 1)) >= least:
            everywhere = [facet["contains"]]
            shared = _held(known, 0) if _prefix(known) == 0 else []
            if prover.implies([*everywhere, *shared], wanted, level + 1):
                return True
    sure = 0
    for place in range(min(fewest(known), _prefix(known) + 1)):
        if prover.implies(_held(known, place), wanted, level + 1):
            sure += fewest(known) - place if place == _prefix(known) else 1
    return sure >= least


def _contains_few(prover: Prover, known: Known, wanted: Json, upper: int, level: int) -> bool:
    longest = most(prover, known, level)
    if longest is not None and longest <= upper:
        return True
    for facet in known:
        if "contains" in facet and int(facet.get("maxContains", upper + 1)) <= upper:
            shared = _held(known, 0) if _prefix(known) == 0 else []
            if prover.implies([wanted, *shared], facet["contains"], level + 1):
                return True
    possible = 0
    for place in range(_prefix(known) + 1):
        if (longest is None or place < longest) and not prover.empty([*_held(known, place), wanted], level + 1):
            if place == _prefix(known):
                if longest is None:
                    return False
                possible += longest - place
            else:
                possible += 1
    return possible <= upper


def unique(prover: Prover, known: Known, level: int) -> bool:
    """Prove `uniqueItems`."""
    upper = most(prover, known, level)
    return any(facet.get("uniqueItems") is True for facet in known) or (upper is not None and upper <= 1)
