"""The contract dialect: its meta-schema, and what that says of each keyword of our own."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from contractgen.model import Json, Schema

DIALECT = "https://foundry-mcp.dev/contractgen/contract-v1"
_LISTED = re.compile(r"^\^\(\?!\((?P<names>.*)\)\$\)$")
_PLACES = (("root", "at a file's root"), ("definition", "in a definition"), ("schema", "in a schema in a definition"))


@dataclass(frozen=True, slots=True)
class Part:
    """Hold one key inside a keyword: its path, its type in words, whether it is required, and what it says."""

    path: str
    kind: str
    required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Keyword:
    """Hold what the meta-schema says of one keyword."""

    name: str
    title: str
    description: str
    places: tuple[str, ...]
    parts: tuple[Part, ...]
    examples: tuple[Json, ...]


@functools.cache
def metaschema() -> dict[str, Any]:
    """Read the meta-schema of contract files."""
    text = resources.files("contractgen").joinpath("metaschema/contract.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@functools.cache
def keywords() -> dict[str, Keyword]:
    """List the keywords that JSON Schema does not have, in the order the meta-schema gives them."""
    own = {name: schema for name, schema in metaschema()["$defs"].items() if name.startswith("x-")}
    own["discriminator"] = metaschema()["$defs"]["discriminator"]
    return {name: _keyword(name, schema) for name, schema in own.items()}


def known_at(place: str) -> list[str]:
    """List every keyword that may stand at a place: `root`, `definition` or `schema`."""
    schema = metaschema() if place == "root" else metaschema()["$defs"][place]
    (pattern,) = schema["patternProperties"]
    found = _LISTED.match(pattern)
    return found["names"].replace("\\", "").split("|") if found else []


def _keyword(name: str, schema: Schema) -> Keyword:
    places = tuple(text for place, text in _PLACES if name in known_at(place))
    parts = tuple(_parts(schema, ""))
    return Keyword(name, schema["title"], schema["description"], places, parts, tuple(schema["examples"]))


def _parts(schema: Schema, above: str) -> Iterator[Part]:
    for name, part in schema.get("properties", {}).items():
        path = f"{above}{name}"
        yield Part(path, _kind(part), name in schema.get("required", ()), part["description"])
        yield from _parts(part, f"{path}.")
        for below, end in ((part.get("items"), "[]."), (part.get("additionalProperties"), ".*.")):
            yield from _parts(below, f"{path}{end}") if isinstance(below, Mapping) else ()
    if isinstance(schema.get("items"), Mapping):
        yield from _parts(schema["items"], f"{above}[].")


def _kind(schema: Schema) -> str:
    if "enum" in schema:
        return " or ".join(f'"{value}"' for value in schema["enum"])
    kind = schema.get("type", "object")
    return kind if isinstance(kind, str) else " or ".join(kind)
