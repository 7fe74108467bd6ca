"""The tool definitions, as generated for the features that are on: nothing is added and nothing left out."""

from __future__ import annotations

import json
from collections.abc import Set as AbstractSet
from functools import cache
from importlib.resources import files
from typing import Any

from foundry_contracts.vocabulary import FeatureFlag


@cache
def definitions() -> tuple[dict[str, Any], ...]:
    """Give every tool's definition, in the contract's order."""
    text = (files("foundry_contracts") / "schemas" / "tools.json").read_text(encoding="utf-8")
    return tuple(json.loads(text))


def listed(flags: AbstractSet[str]) -> tuple[dict[str, Any], ...]:
    """Give the definitions of what is on: all, where every flag is."""
    if set(flags) == set(FeatureFlag):
        return definitions()
    text = (files("foundry_contracts") / "schemas" / "tools_by_flags.json").read_text(encoding="utf-8")
    fewer = {frozenset(entry["flags"]): tuple(entry["tools"]) for entry in json.loads(text)}
    return fewer[frozenset(flags)]


@cache
def object_parameters(tool: str) -> frozenset[str]:
    """Give the names of a tool's parameters that are objects."""
    definition = next(entry for entry in definitions() if entry["name"] == tool)
    properties: dict[str, Any] = definition["inputSchema"]["properties"]
    return frozenset(name for name, schema in properties.items() if schema.get("type") == "object")
