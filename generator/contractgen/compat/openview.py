"""See a schema as a tolerant reader does: it ignores properties it does not know, and members it need not know.

The view takes all that the schema takes. Closed objects become open; below `not` and `if`, where taking more would
mean taking less, nothing is changed; branches of a `oneOf`, which openness makes overlap, become alternatives. An
enumeration marked `x-open` keeps its type and loses its list.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contractgen.compat.normal import NAMED, PREFIX

Json = Any
SUFFIX = ".read"
_KINDS = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}


def open_view(document: Mapping[str, Json]) -> dict[str, Json]:
    """Give the reader's view of a closed document."""
    definitions = dict(document["$defs"])
    view = {name + SUFFIX: _opened(schema) for name, schema in definitions.items()}
    return {"$ref": document["$ref"] + SUFFIX, "$defs": definitions | view}


def _opened(schema: Json) -> Json:
    if not isinstance(schema, Mapping):
        return schema
    view = {keyword: _below(keyword, value) for keyword, value in schema.items()}
    if "contains" in schema and "maxContains" in schema:
        view["contains"] = schema["contains"]
    if "oneOf" in schema:
        _alternatives(schema, view)
    if schema.get("additionalProperties") is False:
        _open_object(schema, view)
    if schema.get("unevaluatedProperties") is False:
        del view["unevaluatedProperties"]
    if schema.get("x-open") is True:
        _open_enumeration(schema, view)
    view.pop("x-open", None)
    return view


def _below(keyword: str, value: Json) -> Json:
    if keyword == "$ref":
        return value + SUFFIX
    if keyword in NAMED:
        return {name: _opened(below) for name, below in value.items()}
    if keyword in ("allOf", "anyOf", "oneOf", "prefixItems"):
        return [_opened(item) for item in value]
    if keyword in ("additionalProperties", "contains", "else", "items", "then", "unevaluatedItems",
                   "unevaluatedProperties"):  # fmt: skip
        return _opened(value)
    return value


def _alternatives(schema: Mapping[str, Json], view: dict[str, Json]) -> None:
    opened = [after for before, after in zip(schema["oneOf"], view.pop("oneOf"), strict=True) if before != after]
    either = {"anyOf": [{"oneOf": schema["oneOf"]}, *opened]}
    view["allOf"] = [*view.get("allOf", ()), either]


def _open_object(schema: Mapping[str, Json], view: dict[str, Json]) -> None:
    del view["additionalProperties"]
    if "patternProperties" not in schema and schema.get("maxProperties", 0) >= len(schema.get("properties", ())):
        # Of the properties it knows there cannot be more; the others it does not count.
        view.pop("maxProperties", None)


def _open_enumeration(schema: Mapping[str, Json], view: dict[str, Json]) -> None:
    members = view.pop("enum", None)
    if members is not None and "type" not in schema:
        view["type"] = sorted({_KINDS.get(type(member), "null") for member in members})


def target(reference: str) -> str:
    """Name the definition that a reference of a closed document leads to."""
    return reference.removeprefix(PREFIX)
