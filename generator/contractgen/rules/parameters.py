"""One parameter name has one type in a tool: the commands of a tool share one flat list of parameters."""

from __future__ import annotations

from collections.abc import Iterator

from contractgen import resolve
from contractgen.model import ContractSet, Finding, Json, Tool


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find parameters that have one name and several types in a tool."""
    for tool in contracts.tools.values():
        yield from _tool(contracts, tool)


def _tool(contracts: ContractSet, tool: Tool) -> Iterator[Finding]:
    seen: dict[str, tuple[str, str]] = {}
    for command in tool.commands:
        definition = contracts.definitions[command.request]
        for name, schema in definition.schema.get("properties", {}).items():
            kind = shape(contracts, schema)
            first, where = seen.setdefault(name, (kind, command.name))
            if kind != first:
                origin = definition.origin.at("properties", name)
                message = f'"{name}" is {kind} here and {first} in {where}, commands of one tool.'
                yield Finding("one-type", origin, message, "Give one of the two another name, or both the same type.")


def shape(contracts: ContractSet, schema: Json, depth: int = 8) -> str:
    """Name a schema's type as a flat parameter list shows it: the JSON type, with that of array items."""
    if not isinstance(schema, dict) or depth == 0:
        return "anything"
    name = str(schema.get("$ref", "")).removeprefix(resolve.PREFIX)
    if name in contracts.definitions:
        return shape(contracts, contracts.definitions[name].schema, depth - 1)
    kind = schema.get("type")
    if kind == "array":
        return f"array of {shape(contracts, schema.get('items'), depth - 1)}"
    if isinstance(kind, str):
        return kind
    choices = {shape(contracts, choice, depth - 1) for key in ("oneOf", "anyOf") for choice in schema.get(key, ())}
    return " or ".join(sorted(choices)) or _of_values(schema)


def _of_values(schema: dict[str, Json]) -> str:
    values = [schema["const"]] if "const" in schema else schema.get("enum", [])
    kinds = {bool: "boolean", str: "string", int: "integer", float: "number", list: "array", dict: "object"}
    return " or ".join(sorted({kinds.get(type(value), "null") for value in values})) or "anything"
