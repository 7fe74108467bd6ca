"""Find a value that tells two schemas apart, among few that are likely to: at the bounds, with and without each part.

Nothing here is proof by itself: the validator decides of each sample, and when none tells, nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from contractgen.bundle import unrolled
from contractgen.model import Json, Schema

_TRIED = 400
_BREADTH = 12
_LONGEST = 70_000
_ANY: tuple[Json, ...] = ("x", 1, 0, -1, 0.5, "", None, True, [], {}, "\u0001")
_WORDS = ("x", "", "\u0001", "a0", "A-1", "0", "not it", "2026-01-31", "2026-01-31T00:00:00Z", "https://a.example/x",
          "a@b.example", "00000000-0000-4000-8000-000000000000", "/a", "P1D", "127.0.0.1")  # fmt: skip


def witness(narrow: Schema, wide: Schema) -> tuple[Json] | None:
    """Find a value that `wide` takes and `narrow` refuses, as a tuple of one, for null is a value."""
    import jsonschema_rs

    takes, refuses = (
        jsonschema_rs.Draft202012Validator(dict(schema), validate_formats=True) for schema in (wide, narrow)
    )
    likely = _mixed([samples(unrolled(wide, 1)), samples(unrolled(narrow, 1)), iter(_ANY)])
    for value in islice(likely, _TRIED):
        if takes.is_valid(value) and not refuses.is_valid(value):
            return (value,)
    return None


def _mixed(sources: list[Iterator[Json]]) -> Iterator[Json]:
    while sources:
        for source in list(sources):
            try:
                yield next(source)
            except StopIteration:
                sources.remove(source)


def samples(schema: Json) -> Iterator[Json]:
    """Give values a schema without references may take or just refuse."""
    if schema is False:
        return
    if not isinstance(schema, Mapping) or not schema:
        yield from _ANY
        return
    yield from ([schema["const"]] if "const" in schema else schema.get("enum", ()))
    yield from schema.get("examples", ())
    for keyword in ("oneOf", "anyOf", "allOf"):
        yield from _mixed([samples(_joined(schema, branch)) for branch in schema.get(keyword, ())])
    for keyword in ("if", "then", "else", "not"):
        if keyword in schema:
            yield from samples(_joined(schema, schema[keyword]))
    yield from _mixed([_MAKERS[kind](schema) for kind in _kinds(schema)])


def _joined(schema: Schema, branch: Json) -> Json:
    if not isinstance(branch, Mapping):
        return branch
    rest = {key: value for key, value in schema.items() if key in ("type", "properties", "required", "items")}
    properties = {**rest.get("properties", {}), **branch.get("properties", {})}
    required = sorted({*rest.get("required", ()), *branch.get("required", ())})
    joined = {**rest, **branch}
    joined |= {"properties": properties} if properties else {}
    return joined | ({"required": required} if required else {})


def _kinds(schema: Schema) -> list[str]:
    stated = schema.get("type")
    if isinstance(stated, str):
        return [stated]
    if isinstance(stated, (list, tuple)):
        return list(stated)
    composed = schema.keys() & {"oneOf", "anyOf", "const", "enum"}
    return [] if composed else [kind for kind, words in _SIGNS.items() if schema.keys() & words] or list(_MAKERS)


def _strings(schema: Schema) -> Iterator[Json]:
    yield from _WORDS
    for bound in (schema.get("minLength"), schema.get("maxLength")):
        if isinstance(bound, int) and bound < _LONGEST:
            yield from ("x" * length for length in (bound, bound - 1, bound + 1) if length >= 0)


def _numbers(schema: Schema) -> Iterator[Json]:
    yield from (0, 1, 0.5, -1)
    for keyword in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"):
        if keyword in schema:
            yield from (schema[keyword], schema[keyword] - 1, schema[keyword] + 1)


def _arrays(schema: Schema) -> Iterator[Json]:
    items = list(islice(samples(schema.get("items", True)), _BREADTH))
    prefix = [next(samples(part), None) for part in schema.get("prefixItems", ())]
    yield from ([], prefix, *([item] for item in items), *([item, item] for item in items), items)
    if "contains" in schema:
        yield from ([item] for item in islice(samples(schema["contains"]), _BREADTH))
    for keyword in ("minItems", "maxItems", "minContains", "maxContains"):
        bound = schema.get(keyword)
        if isinstance(bound, int) and bound < _LONGEST:
            for item in items[:3]:
                yield from ([item] * length for length in (bound, bound - 1, bound + 1) if length >= 0)
    if prefix:
        yield from ([*prefix[:-1], other] for other in _ANY)


def _objects(schema: Schema) -> Iterator[Json]:
    parts = {name: list(islice(samples(part), _BREADTH)) for name, part in schema.get("properties", {}).items()}
    full = {name: values[0] for name, values in parts.items() if values}
    least = {name: value for name, value in full.items() if name in schema.get("required", ())}
    yield from (least, full, {})
    for name, values in parts.items():
        yield {key: value for key, value in full.items() if key != name}
        for value in values:
            yield least | {name: value}
            yield full | {name: value}
    for name in ("x", "x_more", "X", "0", "", "a-b"):
        for value in ("x", 1, None, *islice(samples(schema.get("additionalProperties", True)), _BREADTH)):
            yield least | {name: value}
    bounds = [schema[keyword] for keyword in ("minProperties", "maxProperties") if keyword in schema]
    for size in (size for bound in bounds for size in (bound - 1, bound, bound + 1) if 0 <= size < _LONGEST):
        value = next(samples(schema.get("additionalProperties", True)), None)
        yield {f"x{number}": value for number in range(size)}


_MAKERS: dict[str, Any] = {
    "string": _strings,
    "integer": _numbers,
    "number": _numbers,
    "array": _arrays,
    "object": _objects,
    "boolean": lambda _: iter((True, False)),
    "null": lambda _: iter((None,)),
}
_SIGNS = {
    "string": {"minLength", "maxLength", "pattern", "format"},
    "number": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"},
    "array": {"items", "prefixItems", "contains", "minItems", "maxItems", "uniqueItems"},
    "object": {"properties", "required", "additionalProperties", "minProperties", "maxProperties", "propertyNames"},
}
