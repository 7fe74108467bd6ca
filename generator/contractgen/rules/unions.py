"""Unions of objects are tagged: each branch states its own value of the property that tells them apart."""

from __future__ import annotations

import json
from collections.abc import Iterator

from contractgen import resolve
from contractgen.model import ContractSet, Definition, Finding, Json, Origin, Schema
from contractgen.nearest import hint
from contractgen.reach import within


def check_definition(contracts: ContractSet, definition: Definition) -> Iterator[Finding]:
    """Find unions without a tag, and tags that do not tell the branches apart."""
    for tokens, schema in within(contracts, definition.name):
        for keyword in ("oneOf", "anyOf"):
            if keyword in schema:
                yield from _union(contracts, schema, keyword, definition.origin.at(*tokens))


def _union(contracts: ContractSet, schema: Schema, keyword: str, origin: Origin) -> Iterator[Finding]:
    branches = [(position, _target(contracts, branch)) for position, branch in enumerate(schema[keyword])]
    objects = [(position, branch) for position, branch in branches if _is_object(branch)]
    tag = schema.get("discriminator", {}).get("propertyName")
    if tag is not None:
        yield from _tags(tag, objects, origin, keyword)
    elif len(objects) > 1 and "type" not in schema:
        message = f"{len(objects)} objects may stand here, and no discriminator says which one does."
        remedy = 'Give each a property with a const of its own, and name it: "discriminator": {"propertyName": ...}.'
        yield Finding("union-tagged", origin.at(keyword), message, remedy)


def _tags(tag: str, objects: list[tuple[int, Schema]], origin: Origin, keyword: str) -> Iterator[Finding]:
    owners: dict[str, int] = {}
    for position, branch in objects:
        where = origin.at(keyword, position)
        values = _values(branch.get("properties", {}).get(tag))
        if not values or tag not in branch.get("required", ()):
            message = f'This branch does not require "{tag}" with a value of its own.'
            remedy = f'Add "{tag}" with a const, and require it.{hint(tag, branch.get("properties", {}))}'
            yield Finding("union-tags", where, message, remedy)
        for value in values:
            other = owners.setdefault(json.dumps(value), position)
            if other != position:
                message = f'"{tag}" is {json.dumps(value)} in branch {other}, too.'
                yield Finding("union-tags", where, message, "Give each branch a value of its own.")


def _values(schema: Json) -> list[Json]:
    if not isinstance(schema, dict):
        return []
    return [schema["const"]] if "const" in schema else list(schema.get("enum", ()))


def _target(contracts: ContractSet, branch: Json) -> Json:
    seen: set[str] = set()
    while isinstance(branch, dict) and "$ref" in branch:
        name = str(branch["$ref"]).removeprefix(resolve.PREFIX)
        if name in seen or name not in contracts.definitions:
            return {}
        seen.add(name)
        branch = contracts.definitions[name].schema
    return branch


def _is_object(schema: Json) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "object"
