"""Search a value that one schema takes and another refuses, and make it small."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contractgen.compat.facets import TYPES, Refused, every
from contractgen.compat.judges import Judges
from contractgen.compat.maker import Maker

Json = Any
ENOUGH = 5
FEW, MANY = 500, 6000


@dataclass(frozen=True, slots=True)
class Pair:
    """Hold the question: is there a value that `wide` takes and `narrow` refuses?"""

    wide: Judges
    narrow: Judges

    def definitions(self) -> dict[str, Json]:
        """Join the definitions of both; their names differ."""
        return {**self.wide.document["$defs"], **self.narrow.document["$defs"]}

    def separates(self, value: Json) -> bool:
        """Say whether jsonschema-rs tells the two apart by a value."""
        return self.wide.takes(value) and self.narrow.refuses(value)

    def confirmed(self, value: Json) -> bool:
        """Say whether both validators tell the two apart by a value."""
        return self.separates(value) and self.wide.agree(value, True) and self.narrow.agree(value, False)


def search(pair: Pair, most: int, leads: Iterable[Json] = ()) -> Json:
    """Give a small confirmed witness in a list, or an empty list; `leads` are schemas the witness may be made from."""
    found: list[Json] = []
    for value in candidates(pair, most, leads):
        if pair.separates(value) and pair.confirmed(value):
            found.append(value)
            if len(found) >= ENOUGH or _size(value) < 12:
                break
    if not found:
        return []
    return [smaller(min(found, key=_size), pair.confirmed)]


def candidates(pair: Pair, most: int, leads: Iterable[Json] = ()) -> Iterator[Json]:
    """Give different values worth trying, deterministically: simple ones, then made ones."""
    seen: set[str] = set()
    for value in _made(pair, most, leads):
        key = json.dumps(value, sort_keys=True)
        if key not in seen:
            seen.add(key)
            yield value


def _made(pair: Pair, most: int, leads: Iterable[Json]) -> Iterator[Json]:
    yield from (None, True, False, 0, 1, -1, 1.5, "", "a", [], {}, [None], {"extra": None})
    definitions = pair.definitions()
    wide, narrow = {"$ref": pair.wide.document["$ref"]}, {"$ref": pair.narrow.document["$ref"]}
    for facet in every([wide, narrow], definitions):
        yield from facet.get("enum", ())
        yield from [facet["const"]] if "const" in facet else ()
    makers = [Maker(lead, {"anyOf": [wide, narrow]}, {**definitions, **_definitions(lead)}, 3) for lead in leads]
    makers += [Maker(wide, narrow, definitions, 1), Maker(narrow, wide, definitions, 2)]
    # What `wide` takes is tried twice as often as what only `narrow` was asked for.
    makers.append(Maker(wide, narrow, definitions, 5))
    kinds = len(TYPES)
    for number in range(most):
        maker = makers[number % len(makers)] if number > kinds else makers[0]
        try:
            yield maker.make()
        except (Refused, RecursionError):
            continue


def _definitions(lead: Json) -> Mapping[str, Json]:
    return lead.get("$defs", {}) if isinstance(lead, Mapping) else {}


def smaller(value: Json, holds: Any) -> Json:
    """Take away what a witness does not need."""
    for _ in range(200):
        for shorter in _shorter(value):
            if _size(shorter) < _size(value) and holds(shorter):
                value = shorter
                break
        else:
            return value
    return value


def _shorter(value: Json) -> Iterator[Json]:
    if isinstance(value, dict):
        for name in value:
            yield {other: below for other, below in value.items() if other != name}
        for name, below in value.items():
            yield from ({**value, name: one} for one in _shorter(below))
    elif isinstance(value, list):
        for place in range(len(value)):
            yield value[:place] + value[place + 1 :]
        for place, below in enumerate(value):
            yield from ([*value[:place], one, *value[place + 1 :]] for one in _shorter(below))
    elif isinstance(value, str) and len(value) > 1:
        yield from (value[: len(value) // 2], value[1:], value[:-1])
    if value not in (None, 0, "", [], {}):
        yield from (None, 0, "", [], {})


def _size(value: Json) -> int:
    return len(json.dumps(value))
