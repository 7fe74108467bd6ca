"""Write what a schema refuses as a schema, as far as that can be said without `not`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from contractgen.compat.facets import TYPES
from contractgen.compat.normal import PREFIX

Json = Any


def negated(schema: Json, definitions: Mapping[str, Json]) -> Json | None:
    """Give a schema that takes at least all that this one refuses, or None where nothing shorter than `not` says it."""
    if isinstance(schema, bool):
        return not schema
    if "$ref" in schema and len(schema) == 1:
        return {"not": definitions[schema["$ref"].removeprefix(PREFIX)]}
    parts = list(_parts(schema))
    if not parts or (len(schema) == 1 and set(schema) <= {"pattern", "enum", "const", "format"}):
        return False if not schema else None
    return parts[0] if len(parts) == 1 else {"anyOf": parts}


def _parts(schema: Mapping[str, Json]) -> Iterator[Json]:
    if "if" in schema:
        yield {"allOf": [schema["if"], {"not": schema.get("then", True)}]}
        yield {"allOf": [{"not": schema["if"]}, {"not": schema.get("else", True)}]}
    for keyword, value in schema.items():
        if keyword not in ("if", "then", "else", "minContains", "maxContains", "x-open"):
            yield from _part(keyword, value, schema)


def _part(keyword: str, value: Json, schema: Mapping[str, Json]) -> Iterator[Json]:
    if keyword == "type":
        stated = {value} if isinstance(value, str) else set(value)
        out = [kind for kind in TYPES if kind not in stated and not (kind == "integer" and "number" in stated)]
        yield {"type": out, "not": {"type": value}}
    elif keyword == "required":
        yield from ({"type": "object", "properties": {name: False}} for name in value)
    elif keyword == "properties":
        yield from (
            {"type": "object", "required": [name], "properties": {name: {"not": below}}}
            for name, below in value.items()
        )
    elif keyword in ("anyOf", "allOf"):
        yield (
            {"allOf": [{"not": item} for item in value]}
            if keyword == "anyOf"
            else {"anyOf": [{"not": item} for item in value]}
        )
    elif keyword == "not":
        yield value
    elif keyword in _BOUNDS:
        kind, other, step = _BOUNDS[keyword]
        yield {"type": kind, other: value + step}
    elif not (keyword == "minItems" and value == 0):
        yield {"not": _alone(keyword, value, schema)}


_BOUNDS = {
    "minimum": ("number", "exclusiveMaximum", 0),
    "maximum": ("number", "exclusiveMinimum", 0),
    "exclusiveMinimum": ("number", "maximum", 0),
    "exclusiveMaximum": ("number", "minimum", 0),
    "minLength": ("string", "maxLength", -1),
    "maxLength": ("string", "minLength", 1),
    "minItems": ("array", "maxItems", -1),
    "maxItems": ("array", "minItems", 1),
    "minProperties": ("object", "maxProperties", -1),
    "maxProperties": ("object", "minProperties", 1),
}
_TOGETHER = (
    ("contains", "minContains", "maxContains"),
    ("properties", "patternProperties", "additionalProperties"),
    ("prefixItems", "items"),
)


def _alone(keyword: str, value: Json, schema: Mapping[str, Json]) -> Json:
    if keyword.startswith("unevaluated"):
        return dict(schema)
    for group in _TOGETHER:
        if keyword in group:
            return {key: schema[key] for key in group if key in schema}
    return {keyword: value}
