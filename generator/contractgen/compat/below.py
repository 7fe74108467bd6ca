"""Say what a schema asks of the values below an instance: under a name, at a place, and how many there may be."""

from __future__ import annotations

from typing import Any

from contractgen.compat import texts
from contractgen.compat.facets import Facet

Json = Any
# How deep instances are made, and how long their lists are at most.
DEEPEST = 7
LONGEST_LIST = 40


def children(facet: Facet, name: str) -> list[Json]:
    """List what a facet asks of the value under a name."""
    found = [facet["properties"][name]] if name in facet.get("properties", {}) else []
    found += [below for pattern, below in facet.get("patternProperties", {}).items() if texts.matches(name, pattern)]
    if not found and "additionalProperties" in facet:
        found = [facet["additionalProperties"]]
    return found


def items(facet: Facet, place: int) -> list[Json]:
    """List what a facet asks of the item at a place."""
    prefix = facet.get("prefixItems", ())
    if place < len(prefix):
        return [prefix[place]]
    return [facet["items"]] if "items" in facet else []


def bounds(facets: list[Facet], low: str, high: str) -> tuple[int, int | None]:
    """Give the least and the most that some facets allow by two of their keywords."""
    least = max((int(facet[low]) for facet in facets if low in facet), default=0)
    return least, min((int(facet[high]) for facet in facets if high in facet), default=None)
