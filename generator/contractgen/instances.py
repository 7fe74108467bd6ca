"""Make valid instances of a schema without references: every one, where they are few, else any number by hypothesis."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product
from typing import Any

from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema

# A schema that says no more than these is built from parts, several times faster than from_schema does it.
OBJECT_PARTS = frozenset({"type", "properties", "required", "additionalProperties", "title", "description", "default"})
ARRAY_PARTS = frozenset({"type", "items", "minItems", "maxItems", "title", "description", "default"})
STRING_PARTS = frozenset({"type", "pattern", "title", "description", "default"})
IDENTIFIER = re.compile(r"^\^([A-Za-z0-9_:-]*)\[([A-Za-z0-9_-]+)\]\{([0-9]+)(?:,([0-9]+))?\}\$$")
# What a view in an older draft does not know and the validator judges anyway.
NEWER = frozenset({"discriminator", "$schema", "$id", "$comment", "unevaluatedProperties", "unevaluatedItems"})
MORE_ITEMS = 3


def strategy(view: Any) -> st.SearchStrategy[Any]:
    """Give a strategy for instances most of which are valid; the caller filters by the real validator."""
    if view is False:
        return st.nothing()
    if view is True:
        return from_schema(True)
    if _parts_only(view, OBJECT_PARTS, "object") and view.get("additionalProperties") is False:
        return _closed_object(view)
    if _parts_only(view, ARRAY_PARTS, "array") and isinstance(view.get("items"), Mapping):
        fewest = view.get("minItems", 0)
        most = min(view.get("maxItems", fewest + MORE_ITEMS), fewest + MORE_ITEMS)
        return st.lists(strategy(view["items"]), min_size=fewest, max_size=most)
    if branches := _only_branches(view):
        return st.one_of([strategy(branch) for branch in branches])
    named = _identifier(view)
    return from_schema(older(view)) if named is None else named


def _identifier(view: Mapping[str, Any]) -> st.SearchStrategy[str] | None:
    """Make the commonest patterns, a prefix and a run of one class, in one draw instead of one a character."""
    found = IDENTIFIER.match(view.get("pattern", "")) if not view.keys() - STRING_PARTS else None
    if found is None:
        return None
    prefix, allowed, fewest, most = found.groups()
    alphabet = [character for character in map(chr, range(128)) if re.match(f"[{allowed}]", character)]
    text = st.text(alphabet, min_size=int(fewest), max_size=int(most or fewest))
    return text.map(lambda run: f"{prefix}{run}")


def _parts_only(view: Mapping[str, Any], parts: frozenset[str], kind: str) -> bool:
    return view.get("type") == kind and not view.keys() - parts - NEWER


def _closed_object(view: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    needed = view.get("required", ())
    properties = {name: strategy(below) for name, below in view.get("properties", {}).items()}
    optional = {name: below for name, below in properties.items() if name not in needed and not below.is_empty}
    return st.fixed_dictionaries({name: properties[name] for name in needed}, optional=optional)


def _only_branches(view: Mapping[str, Any]) -> list[Any]:
    said = view.keys() - NEWER - {"title", "description", "default"}
    return list(view[next(iter(said))]) if said in ({"oneOf"}, {"anyOf"}) else []


def older(view: Any) -> Any:
    """Rewrite a schema in the draft-07 words that hypothesis-jsonschema knows."""
    if isinstance(view, (list, tuple)):
        return [older(item) for item in view]
    if not isinstance(view, Mapping):
        return view
    seen = {key: value for key, value in view.items() if key not in NEWER}
    if "prefixItems" in seen:
        seen |= {"items": seen.pop("prefixItems"), "additionalItems": seen.pop("items", True)}
    # Python's $ also matches before a last newline, which the contract's does not.
    if isinstance(seen.get("pattern"), str) and seen["pattern"].endswith("$") and not seen["pattern"].endswith("\\$"):
        seen["pattern"] = seen["pattern"][:-1] + r"\Z"
    return {
        key: value if key in ("enum", "const", "required") else _older_below(key, value) for key, value in seen.items()
    }


def _older_below(keyword: str, value: Any) -> Any:
    if keyword in ("properties", "patternProperties", "dependentSchemas") and isinstance(value, Mapping):
        return {name: older(below) for name, below in value.items()}
    return older(value)


def enumerate_all(view: Any, limit: int) -> list[Any] | None:
    """List every instance of a schema if there are fewer than `limit`; None: there are more, or it is not known."""
    if view is False:
        return []
    if not isinstance(view, Mapping):
        return None
    found = _listed(view, limit)
    return found if found is not None and len(found) < limit else None


def _listed(view: Mapping[str, Any], limit: int) -> list[Any] | None:
    if "const" in view:
        return [view["const"]]
    if "enum" in view:
        return list(view["enum"])
    if branches := _only_branches(view):
        return _any_of(branches, limit)
    return _listed_by_type(view, limit)


def _listed_by_type(view: Mapping[str, Any], limit: int) -> list[Any] | None:
    kind = view.get("type")
    if kind == "null":
        return [None]
    if kind == "boolean":
        return [False, True]
    if kind == "integer" and "minimum" in view and "maximum" in view:
        numbers = range(int(view["minimum"]), int(view["maximum"]) + 1)
        return list(numbers) if len(numbers) < limit else None
    if _parts_only(view, OBJECT_PARTS, "object") and view.get("additionalProperties") is False:
        return _every_object(view, limit)
    return None


def _any_of(branches: list[Any], limit: int) -> list[Any] | None:
    listed = [enumerate_all(branch, limit) for branch in branches]
    found: list[Any] = []
    for part in listed:
        if part is None:
            return None
        found += [item for item in part if not any(type(item) is type(one) and item == one for one in found)]
    return found


def _every_object(view: Mapping[str, Any], limit: int) -> list[Any] | None:
    choices: list[list[tuple[tuple[str, Any], ...]]] = []
    count = 1
    for name, below in view.get("properties", {}).items():
        values = enumerate_all(below, limit)
        if values is None:
            return None
        absent: list[tuple[tuple[str, Any], ...]] = [] if name in view.get("required", ()) else [()]
        choices.append(absent + [((name, value),) for value in values])
        count *= len(choices[-1])
        if count >= limit:
            return None
    return [dict(pair for chosen in chosen_all for pair in chosen) for chosen_all in product(*choices)]
