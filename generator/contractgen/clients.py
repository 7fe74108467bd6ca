"""Say which clients take a tool, by the table of what each is known to do (clients.toml).

A check is a function of a server's name, a tool definition and a limit; it yields the places that break the rule.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

ToolDefinition = Mapping[str, Any]
Places = Iterator[str]

REFUSES, LIMITS = "refuses", "limits"
COMPOSITION = ("oneOf", "anyOf", "allOf", "not", "if")
_KEY = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Rule:
    """Hold one known behaviour of a client: the check's name, its effect, the limit and the reason."""

    rule: str
    effect: str
    reason: str
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Hold what a client does with one tool, at which place, and why."""

    client: str
    tool: str
    effect: str
    place: str
    reason: str


@cache
def table() -> dict[str, tuple[Rule, ...]]:
    """Give the rules of each client."""
    text = resources.files("contractgen").joinpath("clients.toml").read_text(encoding="utf-8")
    return {entry["name"]: tuple(Rule(**rule) for rule in entry["rules"]) for entry in tomllib.loads(text)["client"]}


def verdicts(server: str, tools: list[dict[str, Any]]) -> Iterator[Verdict]:
    """List all that any client refuses or limits; a client that is not named takes every tool as it is."""

    # Several clients follow one rule, and what breaks it is the same for all of them.
    @cache
    def broken(number: int, rule: str, limit: int) -> tuple[str, ...]:
        return tuple(CHECKS[rule](server, tools[number], limit))

    for client, rules in table().items():
        for number, tool in enumerate(tools):
            for rule in rules:
                for place in broken(number, rule.rule, rule.limit):
                    yield Verdict(client, tool["name"], rule.effect, place, rule.reason)


def schemas_in(schema: Any, place: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """List a schema and the schemas below it, wherever a client would look."""
    if not isinstance(schema, Mapping):
        return
    yield place, schema
    for keyword in ("properties", "patternProperties", "$defs"):
        for name, below in schema.get(keyword, {}).items():
            yield from schemas_in(below, f"{place}/{name}")
    for keyword in ("items", "additionalProperties", "not", "if", "then", "else", "contains"):
        yield from schemas_in(schema.get(keyword), f"{place}/{keyword}")
    for keyword in ("oneOf", "anyOf", "allOf", "prefixItems"):
        for number, below in enumerate(schema.get(keyword, ())):
            yield from schemas_in(below, f"{place}/{keyword}/{number}")


def _root_object(_server: str, tool: ToolDefinition, _limit: int) -> Places:
    if tool["inputSchema"].get("type") != "object":
        yield "/"


def _output_object(_server: str, tool: ToolDefinition, _limit: int) -> Places:
    if "outputSchema" in tool and tool["outputSchema"].get("type") != "object":
        yield "/"


def _root_plain(_server: str, tool: ToolDefinition, _limit: int) -> Places:
    yield from (f"/{keyword}" for keyword in COMPOSITION if keyword in tool["inputSchema"])


def _key_names(_server: str, tool: ToolDefinition, limit: int) -> Places:
    for place, schema in schemas_in(tool["inputSchema"]):
        for name in schema.get("properties", {}):
            if len(name) > limit or not _KEY.fullmatch(name):
                yield f"{place}/{name}"


def _optional_count(_server: str, tool: ToolDefinition, limit: int) -> Places:
    schema = tool["inputSchema"]
    if (count := len(schema.get("properties", {}).keys() - set(schema.get("required", ())))) > limit:
        yield f"{count} optional parameters"


def _full_name(server: str, tool: ToolDefinition, limit: int) -> Places:
    if (length := len(server) + len(tool["name"])) > limit:
        yield f"{length} characters"


def _schema_check(broken: Callable[[Mapping[str, Any]], bool]) -> Callable[[str, ToolDefinition, int], Places]:
    def check(_server: str, tool: ToolDefinition, _limit: int) -> Places:
        yield from (place or "/" for place, schema in schemas_in(tool["inputSchema"]) if broken(schema))

    return check


def _is_odd_enum(schema: Mapping[str, Any]) -> bool:
    values = schema.get("enum", ())
    typed = schema.get("type") == "string" and all(isinstance(value, str) for value in values)
    return "const" in schema or (bool(values) and not typed)


CHECKS: dict[str, Callable[[str, ToolDefinition, int], Places]] = {
    "root_object": _root_object,
    "root_plain": _root_plain,
    "output_object": _output_object,
    "key_names": _key_names,
    "optional_count": _optional_count,
    "full_name": _full_name,
    "no_composition": _schema_check(lambda schema: any(keyword in schema for keyword in COMPOSITION)),
    "no_reference": _schema_check(lambda schema: "$ref" in schema or "$defs" in schema),
    "single_type": _schema_check(lambda schema: not isinstance(schema.get("type"), str)),
    "string_enum": _schema_check(_is_odd_enum),
    "array_items": _schema_check(lambda schema: schema.get("type") == "array" and "items" not in schema),
    "object_properties": _schema_check(lambda schema: schema.get("type") == "object" and "properties" not in schema),
    "closed_objects": _schema_check(
        lambda schema: schema.get("type") == "object" and schema.get("additionalProperties") is not False
    ),
    "no_default": _schema_check(lambda schema: "default" in schema or "format" in schema),
}
