"""Tell the properties of an object as rows of a table a person reads: name, type, whether required, what it means."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from contractgen.bundle import bundled, inlined
from contractgen.memory import remembered
from contractgen.model import ContractSet
from contractgen.reach import references
from contractgen.resolve import keywords


@remembered
def fields(contracts: ContractSet, name: str) -> list[dict[str, Any]]:
    """List the properties of an object definition, as rows of a table."""
    document = bundled(contracts, name)
    required = document.get("required", ())
    whole = inlined(contracts, name).get("properties", {})
    return [
        {
            "name": key,
            "type": _kind(contracts, stated, keywords(whole[key])),
            "required": key in required,
            "description": " ".join([explained(keywords(whole[key])), *_deprecated(contracts, stated)]).strip(),
        }
        for key, stated in document.get("properties", {}).items()
    ]


def _deprecated(contracts: ContractSet, stated: Mapping[str, Any]) -> list[str]:
    """Say which of the values that a property may have are deprecated."""
    named = [contracts.enumerations[name] for name in references(stated) if name in contracts.enumerations]
    values = [f"`{member.value}`" for enumeration in named for member in enumeration.members if member.deprecated]
    return [f"Deprecated: {', '.join(dict.fromkeys(values))}."] if values else []


def _kind(contracts: ContractSet, stated: Mapping[str, Any], inlined: Mapping[str, Any]) -> str:
    names = [name for name in dict.fromkeys(references(stated)) if name not in contracts.enumerations]
    kind = type_words(inlined)
    return f"{kind} ({', '.join(names)})" if names else kind


def type_words(schema: Mapping[str, Any]) -> str:
    """Name the type or the types of a dereferenced schema."""
    if "items" in schema and schema.get("type") == "array":
        return f"array of {type_words(keywords(schema['items']))}"
    if "type" in schema:
        return schema["type"] if isinstance(schema["type"], str) else " or ".join(schema["type"])
    branches = [branch for keyword in ("oneOf", "anyOf") for branch in schema.get(keyword, ())]
    return " or ".join(dict.fromkeys(type_words(keywords(branch)) for branch in branches)) or "any"


def explained(schema: Mapping[str, Any]) -> str:
    """Say what a property means, which values it may have and what it is when it is left out."""
    parts = [schema.get("description", "")]
    if values := schema.get("enum"):
        parts.append(f"One of {', '.join(f'`{value}`' for value in values)}.")
    parts.append(bounds(schema))
    parts += [f"Default `{json.dumps(schema['default'])}`."] if "default" in schema else []
    return " ".join(part for part in parts if part)


BOUNDS = (("minLength", "maxLength", " characters"), ("minItems", "maxItems", " entries"), ("minimum", "maximum", ""))


def bounds(schema: Mapping[str, Any]) -> str:
    """Say between which bounds a value lies; nothing where there are none."""
    for least, most, unit in BOUNDS:
        if least in schema and most in schema:
            return f"{schema[least]} to {schema[most]}{unit}."
        if least in schema or most in schema:
            how, key = ("At least", least) if least in schema else ("At most", most)
            return f"{how} {schema[key]}{unit}."
    return ""
