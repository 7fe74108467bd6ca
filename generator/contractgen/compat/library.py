"""What jsonschema-rs itself can say of two schemas, as far as it can be believed: a yes is checked by trying values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contractgen.compat.normal import MANY, NAMED, ONE, PREFIX

Json = Any
LARGEST = 4000


def inlined(document: Mapping[str, Json]) -> dict[str, Json]:
    """Put definitions in the place of references, as the library is faster and surer without; recursion stays."""
    definitions = document["$defs"]
    used: set[str] = set()
    budget = [LARGEST]

    def inline(schema: Json, open_: frozenset[str]) -> Json:
        budget[0] -= 1
        if not isinstance(schema, Mapping):
            return schema
        copy = {key: below(key, value, open_) for key, value in schema.items() if key not in ("$ref", "x-open")}
        if "$ref" not in schema:
            return copy
        name = schema["$ref"].removeprefix(PREFIX)
        if name in open_ or budget[0] < 0:
            used.add(name)
            part: Json = {"$ref": schema["$ref"]}
        else:
            part = inline(definitions[name], open_ | {name})
        if not copy:
            return part
        return {**copy, "allOf": [*copy.get("allOf", ()), part]}

    def below(keyword: str, value: Json, open_: frozenset[str]) -> Json:
        if keyword in ONE:
            return inline(value, open_)
        if keyword in MANY:
            return [inline(item, open_) for item in value]
        return {name: inline(item, open_) for name, item in value.items()} if keyword in NAMED else value

    whole = inline({"$ref": document["$ref"]}, frozenset())
    if not used or not isinstance(whole, dict):
        return whole if isinstance(whole, dict) else {"allOf": [whole]}
    return {**whole, "$defs": dict(definitions)}


def canonical(schema: Json) -> Any:
    """Give the library's canonical form, or None where it has none."""
    import jsonschema_rs

    try:
        return jsonschema_rs.canonicalize(schema, validate_formats=True)
    except (ValueError, jsonschema_rs.ReferencingError):
        return None


def covers(wide: Any, narrow: Any) -> bool:
    """Say whether the library proves that `wide` takes all that `narrow` takes."""
    from jsonschema_rs.canonical import Containment

    try:
        return wide is not None and narrow is not None and wide.covers(narrow) == Containment.YES
    except ValueError:
        return False


def difference(one: Any, other: Any) -> list[Json]:
    """Give schemas of what `one` takes and `other` refuses, as far as the library can write them."""
    if one is None or other is None:
        return []
    try:
        return [one.subtract(other).to_json_schema()]
    except ValueError:
        return []


def apart(one: Any, other: Any) -> bool:
    """Say whether the library proves that no value is taken by both."""
    from jsonschema_rs.canonical import Satisfiability

    try:
        return one is not None and other is not None and one.intersect(other).satisfiability() == Satisfiability.NO
    except ValueError:
        return False
