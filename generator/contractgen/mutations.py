"""Make invalid instances from a valid one: one change each, at a place where the schema leaves no doubt."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Put = Callable[[Any], Any]
Mutant = tuple[str, Any]

UNKNOWN = "x_not_in_the_contract"
SPECIMENS: tuple[tuple[str, Any], ...] = (
    ("null", None),
    ("boolean", True),
    ("string", "x"),
    ("integer", 7),
    ("number", 7.5),
    ("array", []),
    ("object", {}),
)
LONGEST = 50_000


def mutants(view: Any, instance: Any) -> Iterator[Mutant]:
    """Give invalid instances, each with what is wrong with it and where."""
    yield from _at(view, instance, "", lambda value: value)


def _at(view: Any, value: Any, place: str, put: Put) -> Iterator[Mutant]:
    if not isinstance(view, Mapping):
        return
    view, value_known = _settled(view, value)
    if not value_known:
        return
    if isinstance(value, dict) and view.get("type") == "object":
        yield from _in_object(view, value, place, put)
    if isinstance(value, list) and value and view.get("type") == "array" and "prefixItems" not in view:
        items = view.get("items", True)
        yield from _at(items, value[0], f"{place}/0", lambda new: put([new, *value[1:]]))
        yield from _swapped(items, f"{place}/0", lambda new: put([new, *value[1:]]))


def _settled(view: Mapping[str, Any], value: Any) -> tuple[Mapping[str, Any], bool]:
    """Look through `oneOf [X, null]` and tagged unions to the branch in force; other composition is left alone."""
    if "anyOf" in view or "allOf" in view or "if" in view or "not" in view:
        return view, False
    if "oneOf" not in view:
        return view, True
    branches = [branch for branch in view["oneOf"] if branch is not False and branch.get("type") != "null"]
    if "discriminator" in view:
        tag = view["discriminator"]["propertyName"]
        branches = [b for b in branches if isinstance(value, dict) and value.get(tag) in _tags(b, tag)]
        # The tag decides the branch: changing it may lead to another valid one, so its branch is taken without it.
        branches = [_without(branch, tag) for branch in branches]
    if len(branches) != 1 or "oneOf" in branches[0]:
        return view, False
    return branches[0], value is not None


def _tags(branch: Mapping[str, Any], tag: str) -> list[Any]:
    stated = branch.get("properties", {}).get(tag, {})
    return [stated["const"]] if "const" in stated else list(stated.get("enum", ()))


def _without(branch: Mapping[str, Any], tag: str) -> Mapping[str, Any]:
    properties = {name: below if name != tag else {} for name, below in branch["properties"].items()}
    return {**branch, "properties": properties}


def _in_object(view: Mapping[str, Any], value: dict[str, Any], place: str, put: Put) -> Iterator[Mutant]:
    if view.get("additionalProperties") is False and "patternProperties" not in view:
        yield f"{place}: an unknown property", put({**value, UNKNOWN: 1})
    for name in view.get("required", ()):
        if name in value:
            yield f"{place}: no {name}", put({key: below for key, below in value.items() if key != name})
    for name, below in view.get("properties", {}).items():

        def put_property(new: Any, name: str = name) -> Any:
            return put({**value, name: new})

        yield from _swapped(below, f"{place}/{name}", put_property)
        if name in value:
            yield from _at(below, value[name], f"{place}/{name}", put_property)


def _swapped(view: Any, place: str, put: Put) -> Iterator[Mutant]:
    """Put values of every other type, then values just outside each bound."""
    if not isinstance(view, Mapping):
        return
    kinds = types(view)
    if kinds is not None:
        for kind, specimen in SPECIMENS:
            if kind not in kinds and not (kind == "integer" and "number" in kinds):
                yield f"{place}: {kind} in place of {' or '.join(sorted(kinds))}", put(specimen)
        for what, new in _outside(view):
            yield f"{place}: {what}", put(new)


def types(view: Mapping[str, Any]) -> set[str] | None:
    """Say which JSON types a schema may take, at most; None: it does not say."""
    if "type" in view:
        return {view["type"]} if isinstance(view["type"], str) else set(view["type"])
    for keyword in ("oneOf", "anyOf"):
        if keyword in view:
            below = [set() if branch is False else types(branch) for branch in view[keyword]]
            return None if None in below else set().union(*(kinds for kinds in below if kinds is not None))
    return None


def _outside(view: Mapping[str, Any]) -> Iterator[Mutant]:
    kind = view.get("type")
    if kind == "string":
        yield from _outside_string(view)
    if kind in ("integer", "number"):
        yield from (("under the minimum", view["minimum"] - 1),) if "minimum" in view else ()
        yield from (("over the maximum", view["maximum"] + 1),) if "maximum" in view else ()
    if kind == "array" and view.get("minItems", 0) > 0:
        yield "too few items", []


def _outside_string(view: Mapping[str, Any]) -> Iterator[Mutant]:
    if "enum" in view or "const" in view:
        yield "not one of the values", "\u0001"
    if view.get("minLength", 0) > 0:
        yield "too short", ""
    if view.get("maxLength", LONGEST) < LONGEST:
        yield "too long", "x" * (view["maxLength"] + 1)
    if "pattern" in view and not re.search(view["pattern"], "\u0001"):
        yield "not of the pattern", "\u0001"
