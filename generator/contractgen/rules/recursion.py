"""A definition that holds itself ends somewhere, and does not stand in a request."""

from __future__ import annotations

from collections.abc import Iterator

from contractgen import resolve
from contractgen.model import Command, ContractSet, Definition, Finding, Json
from contractgen.reach import holds_itself, reach, schema_of


def check_definition(contracts: ContractSet, definition: Definition) -> Iterator[Finding]:
    """Find definitions that no finite value can satisfy."""
    needed = reach(contracts, definition.name)
    # Only a circle can have no end.
    if not any(holds_itself(contracts, name) for name in needed):
        return
    if definition.name not in _finite({name: schema_of(contracts, name) for name in needed}):
        message = f"Every {definition.name} has to hold another one, so none can ever be written."
        remedy = "Make the property on the way back to it optional, or let its array be empty."
        yield Finding("recursion-ends", definition.origin, message, remedy)


def check_command(contracts: ContractSet, command: Command) -> Iterator[Finding]:
    """Find requests that hold themselves."""
    for name in reach(contracts, command.request):
        if holds_itself(contracts, name):
            message = f"{command.request} reaches {name}, which holds itself; without references it has no end."
            remedy = "State the depth that is needed, or take the inner value as an identifier."
            yield Finding("request-recursion", command.origin, message, remedy)


def _finite(schemas: dict[str, Json]) -> set[str]:
    """Grow the set of definitions that have a finite value until nothing is added."""
    found: set[str] = set()
    while added := {name for name in schemas.keys() - found if _ends(schemas[name], found)}:
        found |= added
    return found


def _ends(schema: Json, finite: set[str]) -> bool:
    """Say whether a schema has a value built of definitions already known to have one."""
    if not isinstance(schema, dict):
        return True
    if "$ref" in schema and str(schema["$ref"]).removeprefix(resolve.PREFIX) not in finite:
        return False
    needed = [schema.get("properties", {}).get(name, True) for name in schema.get("required", ())]
    needed += schema.get("allOf", [])
    if schema.get("minItems", 0) > 0:
        needed += [*schema.get("prefixItems", ())][: schema["minItems"]]
        needed += [schema.get("items", True)] if schema["minItems"] > len(schema.get("prefixItems", ())) else []
    choices = [schema[keyword] for keyword in ("oneOf", "anyOf") if keyword in schema]
    return all(_ends(part, finite) for part in needed) and all(
        any(_ends(branch, finite) for branch in branches) for branches in choices
    )
