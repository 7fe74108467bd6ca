"""Make instances that one schema probably takes, shaped by everything another schema asks at the same place.

Every choice comes from a seeded generator, so a search gives the same answer each time. The validators judge the
result: what is made here needs only to be likely.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from contractgen.compat import make_arrays, make_objects, numbers, texts
from contractgen.compat.below import DEEPEST
from contractgen.compat.facets import TYPES, Facet, Refused, chosen, every, type_of, types_of, values, written

Json = Any


class Maker:
    """Make instances of `held` beside `asked`, two schemas of one family of definitions."""

    def __init__(self, held: Json, asked: Json, definitions: Mapping[str, Json], seed: int) -> None:
        """Keep the two schemas and begin a reproducible sequence."""
        self._held, self._asked = held, asked
        self._definitions = definitions
        self.rng = random.Random(seed)
        self._hints: dict[tuple[int, ...], list[Facet]] = {}
        self._pools: dict[tuple[tuple[int, ...], tuple[int, ...], str], list[Json]] = {}
        self._alive: list[Json] = []
        # How much of what may be left out is there, and how often a place goes its own way; each instance has others.
        self.fullness = self.stray = 0.0

    def make(self) -> Json:
        """Make one instance; raise Refused where the branches chosen leave none."""
        # Now everything is spelled out, now only what has to be: small differences hide in either.
        self.fullness = self.rng.choice((0.0, 0.15, 0.5, 0.5, 0.9, 1.0))
        self.stray = self.rng.choice((0.0, 0.0, 0.1, 0.3))
        return self.value([self._held], [self._asked, self._held], 0)

    def value(self, held: Sequence[Json], asked: Sequence[Json], depth: int) -> Json:
        """Make a value that all of `held` take, likely one that `asked` speak of."""
        facets = chosen(held, self._definitions, self.rng)
        hints = self.every(asked)
        kinds = types_of(facets)
        listed = [facet for facet in facets if "enum" in facet or "const" in facet]
        if listed:
            return self._listed(listed, facets, hints, kinds)
        named = values(hints)
        if named and self.rng.random() < 0.25:
            fitting = [value for value in named if type_of(value) in kinds]
            if fitting:
                return self.rng.choice(fitting)
        return self._of_kind(self._kind(kinds, facets, hints, depth), facets, hints, depth)

    def every(self, asked: Sequence[Json]) -> list[Facet]:
        """List all that some schemas may ask of a value."""
        key = tuple(map(id, asked))
        if key not in self._hints:
            self._alive += asked
            self._hints[key] = every(asked, self._definitions)
        return self._hints[key]

    def _listed(self, listed: list[Facet], facets: list[Facet], hints: list[Facet], kinds: set[str]) -> Json:
        keyed = [{written(value): value for value in values([facet])} for facet in listed]
        fitting = [v for key, v in keyed[0].items() if all(key in other for other in keyed) and type_of(v) in kinds]
        if not fitting:
            raise Refused
        return self.rng.choice(fitting)

    def _kind(self, kinds: set[str], facets: list[Facet], hints: list[Facet], depth: int) -> str:
        if not kinds:
            raise Refused
        allowed = [kind for kind in TYPES if kind in kinds]
        likely = [kind for kind in allowed if any(_speaks_of(facet, kind) for facet in (*facets, *hints))]
        if depth > DEEPEST:
            flat = [kind for kind in allowed if kind not in ("array", "object")]
            return self.rng.choice(flat or allowed)
        return self.rng.choice(likely if likely and self.rng.random() < 0.85 else allowed)

    def _of_kind(self, kind: str, facets: list[Facet], hints: list[Facet], depth: int) -> Json:
        if kind == "null":
            return None
        if kind == "boolean":
            return self.rng.random() < 0.5
        if kind == "object":
            return make_objects.an_object(self, facets, hints, depth)
        if kind == "array":
            return make_arrays.an_array(self, facets, hints, depth)
        pool = self.pool(kind, facets, hints)
        if not pool:
            raise Refused
        return self.rng.choice(pool)

    def pool(self, kind: str, facets: list[Facet], hints: list[Facet]) -> list[Json]:
        """List texts or numbers worth trying."""
        key = (tuple(map(id, facets)), tuple(map(id, hints)), kind)
        if key not in self._pools:
            self._alive += [*facets, *hints]
            if kind == "string":
                self._pools[key] = list(texts.pool(facets, hints))
            else:
                found = [number for number in numbers.pool([*facets, *hints]) if numbers.fits(number, facets)]
                whole = kind == "integer"
                self._pools[key] = [number for number in found if (type_of(number) == "integer") == whole]
        return self._pools[key]


_KEYWORDS = {
    "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains", "unevaluatedItems"),
    "object": ("properties", "patternProperties", "additionalProperties", "required", "minProperties", "maxProperties",
               "propertyNames", "dependentRequired", "dependentSchemas", "unevaluatedProperties"),
    "string": ("pattern", "minLength", "maxLength", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}  # fmt: skip


def _speaks_of(facet: Facet, kind: str) -> bool:
    if any(keyword in facet for keyword in _KEYWORDS.get(kind, ())):
        return True
    return "type" in facet and kind in types_of([facet])
