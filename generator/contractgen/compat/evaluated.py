"""What `unevaluatedProperties` and `unevaluatedItems` leave to their schema, at least and at most."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from contractgen.compat.normal import PREFIX

Json = Any
DEEPEST = 20


@dataclass
class Evaluated:
    """Hold names, patterns and the number of leading items that something else has looked at."""

    names: set[str] = field(default_factory=set)
    patterns: set[str] = field(default_factory=set)
    every_property: bool = False
    items: int = 0
    every_item: bool = False
    contains: list[Json] = field(default_factory=list)

    def properties_rule(self, rest: Json) -> dict[str, Json]:
        """Say with plain keywords what an `unevaluatedProperties` with this schema asks."""
        return {
            "properties": dict.fromkeys(sorted(self.names), True),
            "patternProperties": dict.fromkeys(sorted(self.patterns), True),
            "additionalProperties": True if self.every_property else rest,
        }

    def items_rule(self, rest: Json) -> dict[str, Json]:
        """Say with plain keywords what an `unevaluatedItems` with this schema asks."""
        either = {"anyOf": [rest, *self.contains]} if self.contains else rest
        return {"prefixItems": [True] * self.items, "items": True if self.every_item else either}


def gather(schema: Json, definitions: Mapping[str, Json], holds: Callable[[Json], bool]) -> Evaluated:
    """List what a schema looks at, a branch counting when `holds` says that it applies."""
    found = Evaluated()
    _add(schema, definitions, holds, found, 0, {"unevaluatedProperties", "unevaluatedItems"})
    return found


def _add(
    schema: Json,
    definitions: Mapping[str, Json],
    holds: Callable[[Json], bool],
    found: Evaluated,
    depth: int,
    skipped: set[str],
) -> None:
    if not isinstance(schema, Mapping) or depth > DEEPEST:
        return
    _own(schema, found, skipped)
    always = [*schema.get("allOf", ())]
    if "$ref" in schema:
        always.append(definitions[schema["$ref"].removeprefix(PREFIX)])
    maybe = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    for branch in maybe:
        always += [branch] if holds(branch) else []
    if "if" in schema:
        always += [part for part in (schema["if"], {"allOf": [schema["if"], schema.get("then", True)]}) if holds(part)]
        otherwise = {"allOf": [{"not": schema["if"]}, schema.get("else", True)]}
        always += [schema.get("else", True)] if holds(otherwise) else []
    for name, below in schema.get("dependentSchemas", {}).items():
        always += [below] if holds({"required": [name]}) else []
    for part in always:
        _add(part, definitions, holds, found, depth + 1, set())


def _own(schema: Mapping[str, Json], found: Evaluated, skipped: set[str]) -> None:
    found.names |= set(schema.get("properties", ()))
    found.patterns |= set(schema.get("patternProperties", ()))
    found.items = max(found.items, len(schema.get("prefixItems", ())))
    if {"additionalProperties", "unevaluatedProperties"} & (schema.keys() - skipped):
        found.every_property = True
    if {"items", "unevaluatedItems"} & (schema.keys() - skipped):
        found.every_item = True
    if "contains" in schema:
        found.contains.append(schema["contains"])
