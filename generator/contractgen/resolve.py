"""Close every `$ref`: find what it names, write it as `#/$defs/NAME`, and walk schemas without guessing.

The walk knows which keywords hold schemas, so a `$ref` inside a `const`, a default or an example stays data.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from contractgen.contract_file import Document
from contractgen.model import Finding, Json, Origin, Schema
from contractgen.nearest import hint

ONE = ("additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames", "then",
       "unevaluatedItems", "unevaluatedProperties")  # fmt: skip
MANY = ("allOf", "anyOf", "oneOf", "prefixItems")
NAMED = ("$defs", "dependentSchemas", "patternProperties", "properties")
PREFIX = "#/$defs/"


@dataclass(frozen=True, slots=True)
class Index:
    """Say in which file each definition stands."""

    files: Mapping[str, str]
    known: frozenset[str]


def index(documents: Iterable[Document]) -> tuple[Index, list[Finding]]:
    """List every definition of the set; a name given in two files is a finding that names both."""
    files: dict[str, str] = {}
    findings: list[Finding] = []
    paths: set[str] = set()
    for document in documents:
        paths.add(document.file)
        for name in document.data.get("$defs", {}):
            if name in files:
                origin = Origin(document.file, f"/$defs/{name}")
                message = f"{name} is also defined in {files[name]}#/$defs/{name}."
                findings.append(Finding("unique-name", origin, message, "Rename one of the two, or refer to one."))
            files.setdefault(name, document.file)
    return Index(files, frozenset(paths)), findings


def subschemas(schema: Json) -> Iterator[tuple[tuple[str | int, ...], Json]]:
    """List the schemas directly below one, each with its tokens."""
    if not isinstance(schema, Mapping):
        return
    for key in ONE:
        if key in schema:
            yield (key,), schema[key]
    for key in MANY:
        for position, item in enumerate(schema.get(key, ())):
            yield (key, position), item
    for key in NAMED:
        for name, item in schema.get(key, {}).items():
            yield (key, name), item


def keywords(schema: Json) -> Schema:
    """Give a schema's keywords; one that is true or false has none."""
    return schema if isinstance(schema, Mapping) else {}


def walk(schema: Json) -> Iterator[tuple[tuple[str | int, ...], Schema]]:
    """List a schema and every schema below it, each with its tokens; booleans are left out."""
    if isinstance(schema, Mapping):
        yield (), schema
    for tokens, child in subschemas(schema):
        for rest, found in walk(child):
            yield tokens + rest, found


def rebuild(schema: Schema, change: Callable[[tuple[str | int, ...], Json], Json]) -> dict[str, Json]:
    """Copy a schema with each schema directly below it changed; `change` is given its tokens and itself."""
    copy = dict(schema)
    for key in (*MANY, *NAMED):
        if key in copy:
            copy[key] = list(copy[key]) if key in MANY else dict(copy[key])
    for tokens, child in subschemas(schema):
        if len(tokens) == 1:
            copy[str(tokens[0])] = change(tokens, child)
        else:
            copy[str(tokens[0])][tokens[1]] = change(tokens, child)
    return copy


def rewrite(schema: Json, file: str, places: Index, origin: Origin, findings: list[Finding]) -> Json:
    """Copy a schema with each reference written as `#/$defs/NAME`; those that lead nowhere become findings."""
    if not isinstance(schema, Mapping):
        return schema
    copy = rebuild(schema, lambda tokens, child: rewrite(child, file, places, origin.at(*tokens), findings))
    copy.pop("x-suppress", None)  # It speaks of the file's text, and no reader of the schema needs it.
    if "$ref" in copy:
        copy["$ref"] = _target(copy["$ref"], file, places, origin.at("$ref"), findings)
    return copy


def standing(schema: Json, file: str, places: Index) -> Iterator[object]:
    """List all that `rewrite` asks of the places: nothing where each reference leads to its file, else all of them."""
    if isinstance(schema, Mapping):
        reference = schema.get("$ref")
        if isinstance(reference, str) and not _leads(*_parted(reference, file), places):
            yield places
        for below in schema.values():
            yield from standing(below, file, places)
    elif isinstance(schema, list):
        for item in schema:
            yield from standing(item, file, places)


def _parted(reference: str, file: str) -> tuple[str, str]:
    """Part a reference into the file it names and what it names there."""
    path, _, fragment = reference.partition("#")
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), path)) if path else file, fragment


def _leads(target: str, fragment: str, places: Index) -> bool:
    return fragment.startswith("/$defs/") and places.files.get(fragment.removeprefix("/$defs/")) == target


def _target(reference: str, file: str, places: Index, origin: Origin, findings: list[Finding]) -> str:
    target, fragment = _parted(reference, file)
    name = fragment.removeprefix("/$defs/")
    if not _leads(target, fragment, places):
        findings.append(_dangling(reference, name, target, places, origin))
    return PREFIX + name


def _dangling(reference: str, name: str, target: str, places: Index, origin: Origin) -> Finding:
    message = f'"{reference}" leads nowhere'
    message += (
        f": {target} defines no {name}."
        if target in places.known
        else f": there is no file {target}.{hint(target, places.known)}"
    )
    elsewhere = places.files.get(name)
    if elsewhere is None:
        remedy = f"Define it, or name a definition that exists.{hint(name, places.files)}"
        return Finding("ref-resolves", origin, message, remedy)
    here = posixpath.relpath(elsewhere, posixpath.dirname(origin.file) or ".")
    path = "" if elsewhere == origin.file else here
    return Finding("ref-resolves", origin, message, f'Write "{path}#/$defs/{name}".')


def references(schema: Json) -> Iterator[str]:
    """List the names of the definitions a schema refers to, nearest first, with repetitions."""
    for _, found in walk(schema):
        reference = found.get("$ref")
        if isinstance(reference, str) and reference.startswith(PREFIX):
            yield reference.removeprefix(PREFIX)


def reachable(definitions: Mapping[str, Json], roots: Iterable[str]) -> list[str]:
    """List, sorted, the definitions that can be reached from some, these included.

    `definitions` maps a name to its schema.
    """
    seen: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in seen and name in definitions:
            seen.add(name)
            waiting += references(definitions[name])
    return sorted(seen)
