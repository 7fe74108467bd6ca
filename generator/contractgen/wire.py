"""Lower a rich schema to the profile every MCP client accepts.

Lowering only ever widens: what the rich schema takes, the lowered one takes. What it can no longer say
(which branch goes with which tag, what depends on what) is enforced by the command's own schema behind it.
A request that cannot be widened into the profile (a property that may be a string or a number, say) is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contractgen.model import Schema

Wire = dict[str, Any]

# Keywords that travel as they are. Formats and defaults are refused by strict clients, so they stay behind.
KEPT = {
    "string": ("pattern", "minLength", "maxLength"),
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "boolean": (),
    "array": ("minItems", "maxItems"),
    "object": (),
}


class WireError(ValueError):
    """Report a schema that the wire profile cannot carry; the message says where and why."""


def lower(schema: object, place: str) -> Wire:
    """Lower a dereferenced schema; `place` names it in an error."""
    if not isinstance(schema, Mapping):
        raise WireError(f"{place}: any value is allowed, but on the wire every value has a type; state one")
    lowered = _constrained(_merged_branches(schema, place), place)
    if description := schema.get("description"):
        return {"type": lowered.pop("type"), "description": description} | lowered
    return lowered


def lower_output(schema: object, place: str) -> Wire:
    """Lower what a server answers: a property the profile has no type for (a nullable one, say) goes without.

    Clients refuse an answer that its schema refuses, so here leaving a type out is right and narrowing it is not.
    """
    if not isinstance(schema, Mapping):
        return {}
    try:
        return lower(schema, place)
    except WireError:
        described = {"description": schema["description"]} if "description" in schema else {}
        if schema.get("type") != "object" or schema.keys() & {"oneOf", "anyOf", "allOf"}:
            return described
    stated = schema.get("properties", {})
    lowered: Wire = {"type": "object", **described}
    lowered["properties"] = {name: lower_output(below, f"{place}/{name}") for name, below in stated.items()}
    lowered["additionalProperties"] = schema.get("additionalProperties") is not False or "patternProperties" in schema
    return lowered | {"required": [name for name in schema.get("required", ()) if name in stated]}


def _merged_branches(schema: Schema, place: str) -> Schema:
    """Fold oneOf, anyOf and allOf into one schema without composition."""
    rest = {key: value for key, value in schema.items() if key not in ("oneOf", "anyOf", "allOf")}
    for part in schema.get("allOf", ()):
        rest = both(rest, _merged_branches(part, place), place)
    for keyword in ("oneOf", "anyOf"):
        if keyword in schema:
            typed = [_with_type_of(rest, branch) for branch in schema[keyword]]
            branches = [lower(branch, f"{place}/{keyword}/{n}") for n, branch in enumerate(typed)]
            rest = both(rest, either(branches, place), place)
    return rest


def _with_type_of(base: Schema, branch: object) -> object:
    # A branch often states only what it adds ({"required": [...]}) and leaves the type to the schema around it.
    return {"type": base["type"], **branch} if isinstance(branch, Mapping) and "type" in base else branch


def both(first: Schema, second: Schema, place: str) -> Wire:
    """Give a schema that takes at least what both take."""
    joined = {**second, **first}
    if "properties" in first or "properties" in second:
        joined["properties"] = {**second.get("properties", {}), **first.get("properties", {})}
        joined["required"] = list(dict.fromkeys([*first.get("required", ()), *second.get("required", ())]))
        joined["additionalProperties"] = _closed_by_either(first, second)
    if "enum" in first and "enum" in second:
        joined["enum"] = [value for value in first["enum"] if value in second["enum"]]
    return joined


def _closed_by_either(first: Schema, second: Schema) -> bool:
    return not (first.get("additionalProperties") is False or second.get("additionalProperties") is False)


def _constrained(schema: Schema, place: str) -> Wire:
    kind = _kind(schema, place)
    lowered: Wire = {"type": kind}
    if kind == "string" and (values := _strings(schema)):
        lowered["enum"] = values
    lowered |= {keyword: schema[keyword] for keyword in KEPT[kind] if keyword in schema}
    if kind == "array":
        lowered["items"] = _items(schema, place)
    if kind == "object":
        lowered |= _object(schema, place)
    return lowered


def _kind(schema: Schema, place: str) -> str:
    kind = schema.get("type")
    if isinstance(kind, list) and len(kind) == 1:
        kind = kind[0]
    if kind is None and (values := schema.get("enum", [schema["const"]] if "const" in schema else None)):
        kinds = {_kind_of(value) for value in values}
        kind = kinds.pop() if len(kinds) == 1 else None
    if not isinstance(kind, str) or kind not in KEPT:
        raise WireError(
            f"{place}: the type is {schema.get('type')!r}, but on the wire it is exactly one and never null"
        )
    return kind


def _kind_of(value: object) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")


def _strings(schema: Schema) -> list[str]:
    values = [schema["const"]] if "const" in schema else schema.get("enum", [])
    return [value for value in values if isinstance(value, str)]


def _items(schema: Schema, place: str) -> Wire:
    tuple_items = [lower(item, f"{place}/prefixItems/{n}") for n, item in enumerate(schema.get("prefixItems", ()))]
    rest = schema.get("items")
    if rest is None:
        raise WireError(f"{place}: an array without items breaks clients; say what it holds")
    if rest is False and not tuple_items:
        raise WireError(f"{place}: an array that holds nothing cannot be told on the wire")
    branches = tuple_items if rest is False else [*tuple_items, lower(rest, f"{place}/items")]
    return either(branches, place)


def _object(schema: Schema, place: str) -> Wire:
    properties = {name: lower(below, f"{place}/{name}") for name, below in schema.get("properties", {}).items()}
    lowered: Wire = {"properties": properties, "additionalProperties": _open(schema, place)}
    required = [name for name in schema.get("required", ()) if name in properties]
    if required:
        lowered["required"] = required
    return lowered


def _open(schema: Schema, place: str) -> object:
    # A pattern cannot travel; leaving it out of a closed object would refuse what it allowed.
    if "patternProperties" in schema or "unevaluatedProperties" in schema:
        return True
    extra = schema.get("additionalProperties", True)
    return lower(extra, f"{place}/additionalProperties") if isinstance(extra, Mapping) and extra else extra is not False


def either(branches: Sequence[Schema], place: str) -> Wire:
    """Give a schema of one type that takes whatever any of the lowered branches takes."""
    kinds = {branch["type"] for branch in branches}
    if kinds == {"integer", "number"}:
        kinds = {"number"}
    if len(kinds) != 1:
        raise WireError(
            f"{place}: may be {' or '.join(sorted(kinds)) or 'nothing'}, but on the wire a value has one type"
        )
    joined: Wire = {"type": kinds.pop()}
    descriptions = list(dict.fromkeys(b["description"] for b in branches if "description" in b))
    if descriptions:
        joined["description"] = " Or: ".join(descriptions)
    return joined | _common(branches, place)


def _common(branches: Sequence[Schema], place: str) -> Wire:
    first = branches[0]
    common: Wire = {}
    if all("enum" in branch for branch in branches):
        common["enum"] = list(dict.fromkeys(value for branch in branches for value in branch["enum"]))
    for keyword in KEPT[first["type"]]:
        if keyword in first and all(branch.get(keyword) == first[keyword] for branch in branches):
            common[keyword] = first[keyword]
    if first["type"] == "array":
        common["items"] = either([branch["items"] for branch in branches], f"{place}/items")
    return common | (_either_object(branches, place) if first["type"] == "object" else {})


def _either_object(branches: Sequence[Schema], place: str) -> Wire:
    names = dict.fromkeys(name for branch in branches for name in branch["properties"])
    properties = {name: _either_property(branches, name, place) for name in names}
    extras = [branch["additionalProperties"] for branch in branches]
    joined: Wire = {"properties": properties, "additionalProperties": extras[0] if _alike(extras) else True}
    required = [name for name in names if all(name in branch.get("required", ()) for branch in branches)]
    return joined | ({"required": required} if required else {})


def _either_property(branches: Sequence[Schema], name: str, place: str) -> Wire:
    stated = [branch["properties"][name] for branch in branches if name in branch["properties"]]
    opened = [b for b in branches if name not in b["properties"] and b["additionalProperties"] is not False]
    if opened:
        raise WireError(f"{place}/{name}: one branch states it and another, being open, takes anything under that name")
    return either(stated, f"{place}/{name}")


def _alike(values: Sequence[object]) -> bool:
    return all(value == values[0] for value in values)
