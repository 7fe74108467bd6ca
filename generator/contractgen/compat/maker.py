"""Make instances that one schema probably takes, shaped by everything another schema asks at the same place.

Every choice comes from a seeded generator, so a search gives the same answer each time. The validators judge the
result: what is made here needs only to be likely.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

from contractgen.compat import numbers, texts
from contractgen.compat.facets import TYPES, Facet, Refused, chosen, every, type_of, types_of, values
from contractgen.compat.words import Wanted, shortest, some

Json = Any
DEEPEST = 7
UNKNOWN = ("extra", "zz", "X-1", "0")
LONGEST_LIST = 40


class Maker:
    """Make instances of `held` beside `asked`, two schemas of one family of definitions."""

    def __init__(self, held: Json, asked: Json, definitions: Mapping[str, Json], seed: int) -> None:
        """Keep the two schemas and begin a reproducible sequence."""
        self._held, self._asked = held, asked
        self._definitions = definitions
        self._rng = random.Random(seed)
        self._hints: dict[tuple[int, ...], list[Facet]] = {}
        self._pools: dict[tuple[tuple[int, ...], tuple[int, ...], str], list[Json]] = {}
        self._alive: list[Json] = []

    def make(self) -> Json:
        """Make one instance; raise Refused where the branches chosen leave none."""
        # Now everything is spelled out, now only what has to be: small differences hide in either.
        self._fullness = self._rng.choice((0.0, 0.15, 0.5, 0.5, 0.9, 1.0))
        self._stray = self._rng.choice((0.0, 0.0, 0.1, 0.3))
        return self._value([self._held], [self._asked, self._held], 0)

    def _value(self, held: Sequence[Json], asked: Sequence[Json], depth: int) -> Json:
        facets = chosen(held, self._definitions, self._rng)
        hints = self._every(asked)
        kinds = types_of(facets)
        listed = [facet for facet in facets if "enum" in facet or "const" in facet]
        if listed:
            return self._listed(listed, facets, hints, kinds)
        named = values(hints)
        if named and self._rng.random() < 0.25:
            fitting = [value for value in named if type_of(value) in kinds]
            if fitting:
                return self._rng.choice(fitting)
        return self._of_kind(self._kind(kinds, facets, hints, depth), facets, hints, depth)

    def _every(self, asked: Sequence[Json]) -> list[Facet]:
        key = tuple(map(id, asked))
        if key not in self._hints:
            self._alive += asked
            self._hints[key] = every(asked, self._definitions)
        return self._hints[key]

    def _listed(self, listed: list[Facet], facets: list[Facet], hints: list[Facet], kinds: set[str]) -> Json:
        keyed = [{_key(value): value for value in values([facet])} for facet in listed]
        fitting = [v for key, v in keyed[0].items() if all(key in other for other in keyed) and type_of(v) in kinds]
        if not fitting:
            raise Refused
        return self._rng.choice(fitting)

    def _kind(self, kinds: set[str], facets: list[Facet], hints: list[Facet], depth: int) -> str:
        if not kinds:
            raise Refused
        allowed = [kind for kind in TYPES if kind in kinds]
        likely = [kind for kind in allowed if any(_speaks_of(facet, kind) for facet in (*facets, *hints))]
        if depth > DEEPEST:
            flat = [kind for kind in allowed if kind not in ("array", "object")]
            return self._rng.choice(flat or allowed)
        return self._rng.choice(likely if likely and self._rng.random() < 0.85 else allowed)

    def _of_kind(self, kind: str, facets: list[Facet], hints: list[Facet], depth: int) -> Json:
        if kind == "null":
            return None
        if kind == "boolean":
            return self._rng.random() < 0.5
        if kind == "object":
            return self._object(facets, hints, depth)
        if kind == "array":
            return self._array(facets, hints, depth)
        pool = self._pool(kind, facets, hints)
        if not pool:
            raise Refused
        return self._rng.choice(pool)

    def _pool(self, kind: str, facets: list[Facet], hints: list[Facet]) -> list[Json]:
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

    # Objects

    def _object(self, facets: list[Facet], hints: list[Facet], depth: int) -> dict[str, Json]:
        needed = self._needed(facets)
        known = self._names(facets, hints)
        optional = [name for name in known if name not in needed]
        self._rng.shuffle(optional)
        fullness = self._fullness if depth < DEEPEST - 2 else 0.0
        if self._rng.random() < self._stray:
            fullness = self._rng.random()
        wanted = [*needed, *(name for name in optional if self._rng.random() < fullness)]
        least, most = _bounds(facets, "minProperties", "maxProperties")
        wanted += [name for name in optional if name not in wanted][: max(0, least - len(wanted))]
        if most is not None and len(wanted) > most:
            wanted = wanted[:most]
        made: dict[str, Json] = {}
        for name in self._implied(wanted, facets):
            self._put(made, name, name in needed, facets, hints, depth)
        for number in range(max(0, min(least, LONGEST_LIST) - len(made))):
            self._put(made, f"k{number}", False, facets, hints, depth)
        return made

    def _put(
        self, made: dict[str, Json], name: str, needed: bool, facets: list[Facet], hints: list[Facet], depth: int
    ) -> None:
        held = [child for facet in facets for child in children(facet, name)]
        held = held or [facet["unevaluatedProperties"] for facet in facets if "unevaluatedProperties" in facet]
        asked = [child for facet in hints for child in children(facet, name)]
        if any(child is False for child in held):
            if needed:
                raise Refused
            return
        try:
            made[name] = self._value(held, [*asked, *held], depth + 1)
        except Refused:
            if needed:
                raise

    def _needed(self, facets: list[Facet]) -> list[str]:
        return list(dict.fromkeys(name for facet in facets for name in facet.get("required", ())))

    def _implied(self, names: list[str], facets: list[Facet]) -> list[str]:
        found = dict.fromkeys(names)
        for _ in range(4):
            for facet in facets:
                for name, others in facet.get("dependentRequired", {}).items():
                    if name in found and self._rng.random() < 0.95:
                        found |= dict.fromkeys(others)
        return list(found)

    def _names(self, facets: list[Facet], hints: list[Facet]) -> list[str]:
        both = [*facets, *hints]
        found: dict[str, None] = {}
        for facet in both:
            found |= dict.fromkeys([*facet.get("properties", ()), *facet.get("required", ())])
            for name, others in facet.get("dependentRequired", {}).items():
                found |= dict.fromkeys([name, *others])
            found |= dict.fromkeys(facet.get("dependentSchemas", ()))
            found |= dict.fromkeys(
                value
                for value in values(
                    [facet.get("propertyNames") or {}] if isinstance(facet.get("propertyNames"), Mapping) else []
                )
                if isinstance(value, str)
            )
        found |= dict.fromkeys(self._patterned_names(both))
        found |= dict.fromkeys(UNKNOWN)
        return [name for name in found if self._names_taken(name, facets)]

    def _patterned_names(self, facets: list[Facet]) -> list[str]:
        patterns = sorted({pattern for facet in facets for pattern in facet.get("patternProperties", ())})
        found: list[str] = []
        for pattern in patterns:
            found += some(Wanted(frozenset({pattern})), 2)
            for other in patterns:
                if other != pattern:
                    for wanted in (
                        Wanted(frozenset({pattern, other})),
                        Wanted(frozenset({pattern}), frozenset({other})),
                    ):
                        word = shortest(wanted)
                        found += [word] if isinstance(word, str) else []
        named = [facet["propertyNames"] for facet in facets if isinstance(facet.get("propertyNames"), Mapping)]
        said = self._every(named) if named else []
        if said:
            pool = self._pool("string", [], said)
            found += self._rng.sample(pool, min(len(pool), 6))
        return found

    def _names_taken(self, name: str, facets: list[Facet]) -> bool:
        rules = [facet["propertyNames"] for facet in facets if "propertyNames" in facet]
        return all(rule is not False and (rule is True or texts.fits(name, [rule])) for rule in rules)

    # Arrays

    def _array(self, facets: list[Facet], hints: list[Facet], depth: int) -> list[Json]:
        least, most = _bounds(facets, "minItems", "maxItems")
        length = self._length(facets, hints, depth, least, most)
        made: list[Json] = []
        for place in range(length):
            held = [child for facet in facets for child in items(facet, place)]
            asked = [child for facet in hints for child in items(facet, place)]
            if any(child is False for child in held):
                break
            made.append(self._value(held, [*asked, *held], depth + 1))
        return self._arranged(made, facets, hints, depth, most)

    def _length(self, facets: list[Facet], hints: list[Facet], depth: int, least: int, most: int | None) -> int:
        lengths = {0, 1, 2, 3, least, least + 1}
        for facet in (*facets, *hints):
            for keyword in ("minItems", "maxItems", "minContains", "maxContains"):
                if keyword in facet:
                    lengths |= {int(facet[keyword]) + step for step in (-1, 0, 1)}
            lengths |= {len(facet.get("prefixItems", ())) + step for step in (-1, 0, 1)}
        if depth >= DEEPEST - 2:
            lengths = {least}
        fitting = sorted(n for n in lengths if n >= max(least, 0) and (most is None or n <= most) and n <= LONGEST_LIST)
        if not fitting:
            raise Refused
        return self._rng.choice(fitting)

    def _arranged(
        self, made: list[Json], facets: list[Facet], hints: list[Facet], depth: int, most: int | None
    ) -> list[Json]:
        for facet in (*facets, *hints):
            if "contains" not in facet or (facet in hints and facet not in facets and self._rng.random() < 0.5):
                continue
            wanted = self._rng.choice([facet.get("minContains", 1), facet.get("maxContains", 2), 1, 2])
            for place in range(min(int(wanted), LONGEST_LIST)):
                if place >= len(made) and most is not None and len(made) >= most:
                    break
                held = [child for other in facets for child in items(other, place)]
                try:
                    value = self._value([facet["contains"], *held], [facet["contains"]], depth + 1)
                except Refused:
                    continue
                made[place : place + 1] = [value]
        unique = any(facet.get("uniqueItems") for facet in facets)
        if unique:
            made = list({_key(value): value for value in made}.values())
        elif len(made) > 1 and self._rng.random() < 0.3:
            made[self._rng.randrange(1, len(made))] = made[0]
        return made


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


def _bounds(facets: list[Facet], low: str, high: str) -> tuple[int, int | None]:
    least = max((int(facet[low]) for facet in facets if low in facet), default=0)
    return least, min((int(facet[high]) for facet in facets if high in facet), default=None)


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


def _key(value: Json) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True)
