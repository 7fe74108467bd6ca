"""The tool definitions, as generated: nothing is added and nothing left out."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def definitions() -> tuple[dict[str, Any], ...]:
    """Give every tool's definition, in the contract's order."""
    text = (files("foundry_contracts") / "schemas" / "tools.json").read_text(encoding="utf-8")
    return tuple(json.loads(text))


@cache
def object_parameters(tool: str) -> frozenset[str]:
    """Give the names of a tool's parameters that are objects."""
    definition = next(entry for entry in definitions() if entry["name"] == tool)
    properties: dict[str, Any] = definition["inputSchema"]["properties"]
    return frozenset(name for name, schema in properties.items() if schema.get("type") == "object")
