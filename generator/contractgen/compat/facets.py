"""Take a schema apart at one place of an instance: what must hold of the value itself, and what may be asked of it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from contractgen.compat.normal import PREFIX

Json = Any
Facet = Mapping[str, Json]
DEEPEST = 24
TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")


class Refused(Exception):
    """Report that the chosen branches leave no value."""


def chosen(schemas: Iterable[Json], definitions: Mapping[str, Json], rng: random.Random, depth: int = 0) -> list[Facet]:
    """Choose a way through the branches of some schemas that all hold, and list what holds then."""
    found: list[Facet] = []
    for schema in schemas:
        if schema is False or depth > DEEPEST:
            raise Refused
        if schema is True:
            continue
        found.append(schema)
        below = list(_picked(schema, definitions, rng))
        if below:
            found += chosen(below, definitions, rng, depth + 1)
    return found


def _picked(schema: Facet, definitions: Mapping[str, Json], rng: random.Random) -> Iterator[Json]:
    if "$ref" in schema:
        yield definitions[schema["$ref"].removeprefix(PREFIX)]
    yield from schema.get("allOf", ())
    for keyword in ("anyOf", "oneOf"):
        if branches := [branch for branch in schema.get(keyword, ()) if branch is not False]:
            yield rng.choice(branches)
    if "if" in schema:
        if rng.random() < 0.5:
            yield from (schema["if"], schema.get("then", True))
        else:
            yield schema.get("else", True)
    for name, below in schema.get("dependentSchemas", {}).items():
        if rng.random() < 0.5:
            yield from ({"required": [name]}, below)


def every(schemas: Iterable[Json], definitions: Mapping[str, Json]) -> list[Facet]:
    """List everything any branch of some schemas says of the same place, each once."""
    found: dict[int, Facet] = {}
    waiting = list(schemas)
    while waiting:
        schema = waiting.pop(0)
        if not isinstance(schema, Mapping) or id(schema) in found or len(found) > 200:
            continue
        found[id(schema)] = schema
        if "$ref" in schema:
            waiting.append(definitions[schema["$ref"].removeprefix(PREFIX)])
        for keyword in ("allOf", "anyOf", "oneOf"):
            waiting += schema.get(keyword, ())
        waiting += [schema[keyword] for keyword in ("if", "then", "else", "not") if keyword in schema]
        waiting += schema.get("dependentSchemas", {}).values()
    return list(found.values())


def types_of(facets: Iterable[Facet]) -> set[str]:
    """Say which types facets allow together; a number includes the integers."""
    allowed = set(TYPES)
    for facet in facets:
        if "type" in facet:
            stated = {facet["type"]} if isinstance(facet["type"], str) else set(facet["type"])
            allowed &= stated | ({"integer"} if "number" in stated else set())
    return allowed


def type_of(value: Json) -> str:
    """Name the type of a value, as a schema would."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "integer" if isinstance(value, int) or value.is_integer() else "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


def values(facets: Iterable[Facet]) -> list[Json]:
    """List the values that facets name outright."""
    return [
        value for facet in facets for value in [*facet.get("enum", ()), *([facet["const"]] if "const" in facet else [])]
    ]


def written(value: Json) -> str:
    """Write a value so that equal ones are written alike, 1 and 1.0 too."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True)
