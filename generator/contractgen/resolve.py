"""Close every `$ref`: find what it names, write it as `#/$defs/NAME`, and walk schemas without guessing.

The walk knows which keywords hold schemas, so a `$ref` inside a `const`, a default or an example stays data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from contractgen import addresses
from contractgen.addresses import Index
from contractgen.model import Finding, Json, Origin, Schema

ONE = ("additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames", "then",
       "unevaluatedItems", "unevaluatedProperties")  # fmt: skip
MANY = ("allOf", "anyOf", "oneOf", "prefixItems")
NAMED = ("$defs", "dependentSchemas", "patternProperties", "properties")
PREFIX = "#/$defs/"


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


def rewrite(
    schema: Json, file: str, places: Index, origin: Origin, findings: list[Finding], definition: bool = False
) -> Json:
    """Copy a schema with each reference written as `#/$defs/NAME`; those that lead nowhere become findings.

    `definition` says that it is one, which may have an anchor. References that are dynamic, and anchors, are gone then.
    """
    if not isinstance(schema, Mapping):
        return schema
    copy = rebuild(schema, lambda tokens, child: rewrite(child, file, places, origin.at(*tokens), findings))
    copy.pop("x-suppress", None)  # It speaks of the file's text, and no reader of the schema needs it.
    findings += addresses.misplaced(copy, origin, definition)
    for key in (addresses.ID, *addresses.ANCHORS):
        copy.pop(key, None)
    if "$ref" in copy:
        copy["$ref"] = _target("$ref", copy["$ref"], file, places, origin, findings)
    if addresses.DYNAMIC in copy:
        reference = _target(addresses.DYNAMIC, copy.pop(addresses.DYNAMIC), file, places, origin, findings)
        if "$ref" in copy:
            copy["allOf"] = [*copy.get("allOf", ()), {"$ref": reference}]
        else:
            copy["$ref"] = reference
    return copy


def _target(keyword: str, reference: str, file: str, places: Index, origin: Origin, findings: list[Finding]) -> str:
    name = addresses.name_of(reference, file, places)
    if name is None:
        findings.append(addresses.dangling(reference, places, origin.at(keyword)))
        return PREFIX + reference.rpartition(PREFIX)[2]
    if keyword == addresses.DYNAMIC:
        findings += addresses.ambiguous(reference, name, places, origin.at(keyword))
    return PREFIX + name


def standing(schema: Json, file: str, places: Index) -> Iterator[object]:
    """List all that `rewrite` asks of the places: to what each reference leads, or all of them where more counts."""
    if isinstance(schema, Mapping):
        for keyword in ("$ref", addresses.DYNAMIC):
            if isinstance(schema.get(keyword), str):
                name = addresses.name_of(schema[keyword], file, places)
                yield places if name is None or keyword == addresses.DYNAMIC else name
        for below in schema.values():
            yield from standing(below, file, places)
    elif isinstance(schema, list):
        for item in schema:
            yield from standing(item, file, places)


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
