"""Make one definition a document of its own: closed over its references, free of our own keywords.

`bundled` is what readers of a schema get. `dereference` is for readers that know no `$ref` at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from contractgen.json_text import pretty
from contractgen.memory import remembered
from contractgen.model import ContractSet, Json, Schema
from contractgen.reach import DATA_KEYWORDS, closure, needs, schema_of
from contractgen.resolve import NAMED, PREFIX

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def text(document: Json) -> str:
    """Write a JSON document the one way every emitted JSON file is written."""
    return pretty(document) + "\n"


def plain(schema: Json) -> Any:
    """Copy a schema without its `x-` keywords, in the order it was written."""
    if isinstance(schema, Mapping):
        return {key: _plain_below(key, value) for key, value in schema.items() if not key.startswith("x-")}
    if isinstance(schema, (list, tuple)):
        return [plain(item) for item in schema]
    return schema


def _plain_below(keyword: str, value: Json) -> Any:
    if keyword in NAMED and isinstance(value, Mapping):
        return {name: plain(below) for name, below in value.items()}
    if keyword in DATA_KEYWORDS:
        return json.loads(json.dumps(value, default=_mapping))
    return plain(value)


def _mapping(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"not JSON: {value!r}")


def resolved(contracts: ContractSet, schema: Schema) -> Schema:
    """Give a schema with what it refers to beside what it says itself."""
    if "$ref" not in schema:
        return schema
    return {**schema_of(contracts, schema["$ref"].removeprefix(PREFIX)), **schema}


@remembered
def plain_of(contracts: ContractSet, name: str) -> dict[str, Any]:
    """Give a definition's schema without keywords of our own."""
    copy: dict[str, Any] = plain(schema_of(contracts, name))
    return copy


@remembered
def bundled(contracts: ContractSet, name: str, path: str | None = None) -> dict[str, Any]:
    """Give the definition as a document that needs no other; `path` adds the `$id` it is published under."""
    document: dict[str, Any] = {"$schema": DIALECT}
    if path is not None:
        document["$id"] = identifier(contracts, path)
    document["title"] = name
    document |= plain_of(contracts, name)
    if definitions := closure(contracts, needs(contracts, name)):
        document["$defs"] = {needed: plain_of(contracts, needed) for needed in definitions}
    return document


@remembered
def inlined(contracts: ContractSet, name: str) -> dict[str, Any]:
    """Give the definition as a document without references."""
    return dereference(bundled(contracts, name))


def identifier(contracts: ContractSet, path: str) -> str:
    """Give the `$id` of a file published below schemas/."""
    return f"{contracts.settings.id_base}/{contracts.settings.version}/{path}"


def dereference(document: Schema) -> dict[str, Any]:
    """Inline every reference of a bundled document; where a definition holds itself, put a plain object."""
    whole: dict[str, Any] = _inline(_without_definitions(document), document.get("$defs", {}), 1, {})
    return whole


def unrolled(document: Schema, depth: int) -> dict[str, Any]:
    """Inline every reference of a bundled document, nesting a definition in itself at most `depth` times.

    Below that nothing is valid, so what the result takes, the document takes.
    """
    whole: dict[str, Any] = _inline(_without_definitions(document), document.get("$defs", {}), depth, {}, False)
    return whole


def _without_definitions(document: Schema) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in ("$defs", "$schema", "$id")}


def _inline(schema: Json, definitions: Schema, depth: int, open_: Mapping[str, int], end: Json = None) -> Any:
    if isinstance(schema, (list, tuple)):
        return [_inline(item, definitions, depth, open_, end) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    inlined: dict[str, Any] = {}
    if "$ref" in schema:
        target = _target(schema["$ref"], definitions, depth, open_, end)
        if target is False:
            return False
        inlined = target
    for key, value in schema.items():
        if key != "$ref":
            inlined[key] = _inline_below(key, value, definitions, depth, open_, end)
    return inlined


def _inline_below(
    keyword: str, value: Json, definitions: Schema, depth: int, open_: Mapping[str, int], end: Json
) -> Any:
    if keyword in DATA_KEYWORDS:
        return value
    if keyword in NAMED:
        return {name: _inline(below, definitions, depth, open_, end) for name, below in value.items()}
    return _inline(value, definitions, depth, open_, end)


def _target(reference: str, definitions: Schema, depth: int, open_: Mapping[str, int], end: Json) -> Any:
    name = reference.removeprefix(PREFIX)
    target = definitions[name]
    if open_.get(name, 0) >= depth:
        return end if end is not None else _opaque(name, target)
    return _inline(target, definitions, depth, {**open_, name: open_.get(name, 0) + 1}, end)


def _opaque(name: str, target: Schema) -> dict[str, Any]:
    description = target.get("description", f"Another {name}.")
    return {"type": "object", "description": description, "properties": {}, "additionalProperties": True}
