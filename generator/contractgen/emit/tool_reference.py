"""Write the pages a person reads: the tools, the errors, the events, the tables and the state machines."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from contractgen.bundle import bundled, dereference, references
from contractgen.model import Command, ContractSet
from contractgen.reference_tables import machine_rows, mermaid, table_columns, table_rows

ERROR_PAGE = "06-error-reference.md"
EVENT_PAGE = "07-events.md"
TEMPLATES = {"tool_reference.md.j2": "", "error_reference.md.j2": ERROR_PAGE, "events.md.j2": EVENT_PAGE}


def emit(contracts: ContractSet) -> dict[str, str]:
    """Write the three pages; the first under the name the set gives it."""
    context = {
        "contracts": contracts,
        "settings": contracts.settings,
        "error_page": ERROR_PAGE,
        "event_page": EVENT_PAGE,
    }
    context |= {
        "errors": contracts.enumerations[contracts.settings.errors],
        "tool_page": contracts.settings.tool_reference,
    }
    environment = _environment()
    environment.globals.update(_helpers(contracts))
    return {
        f"docs/{page or contracts.settings.tool_reference}": environment.get_template(template).render(context)
        for template, page in TEMPLATES.items()
    }


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("contractgen", "emit/templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(cell=cell, anchor=anchor, pretty=pretty, attribute=attribute)
    return environment


def _helpers(contracts: ContractSet) -> dict[str, Any]:
    return {
        "fields": lambda name: fields(contracts, name),
        "sent": sent,
        "answered": lambda response: answered(contracts, response),
        "sentence": lambda code: _sentences(contracts)[code],
        "raised_by": lambda code: [c for c in contracts.commands if code in c.errors],
        "emitted_by": lambda event: [c for c in contracts.commands if event in c.emits],
        "machine_rows": machine_rows,
        "mermaid": lambda machine: mermaid(machine, contracts.events),
        "table_columns": table_columns,
        "table_rows": table_rows,
    }


def _sentences(contracts: ContractSet) -> dict[str, str]:
    return {member.value: member.description for member in contracts.enumerations[contracts.settings.errors].members}


def cell(value: object) -> str:
    """Make text fit one cell of a Markdown table."""
    return str(value).replace("|", "\\|").replace("\n", " ").strip()


def anchor(heading: str) -> str:
    """Give the fragment a Markdown viewer makes of a heading."""
    return re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-")


def pretty(value: object) -> str:
    """Write an example as JSON a person can read."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def attribute(value: object) -> str:
    """Write an attribute's value in a table: yes and no for booleans, a dash for nothing."""
    if value is None:
        return "-"
    return ("yes" if value else "no") if isinstance(value, bool) else cell(value)


def fields(contracts: ContractSet, name: str) -> list[dict[str, Any]]:
    """List the properties of an object definition, as rows of a table."""
    document = bundled(contracts, name)
    required = document.get("required", ())
    inlined = dereference(document).get("properties", {})
    return [
        {
            "name": key,
            "type": _kind(contracts, stated, inlined[key]),
            "required": key in required,
            "description": _explained(inlined[key]),
        }
        for key, stated in document.get("properties", {}).items()
    ]


def _kind(contracts: ContractSet, stated: Mapping[str, Any], inlined: Mapping[str, Any]) -> str:
    names = [name for name in dict.fromkeys(references(stated)) if name not in contracts.enumerations]
    kind = _type(inlined)
    return f"{kind} ({', '.join(names)})" if names else kind


def _type(schema: Mapping[str, Any]) -> str:
    if "items" in schema and schema.get("type") == "array" and isinstance(schema["items"], Mapping):
        return f"array of {_type(schema['items'])}"
    if "type" in schema:
        return schema["type"] if isinstance(schema["type"], str) else " or ".join(schema["type"])
    branches = [branch for keyword in ("oneOf", "anyOf") for branch in schema.get(keyword, ())]
    return " or ".join(dict.fromkeys(_type(branch) for branch in branches)) or "any"


def _explained(schema: Mapping[str, Any]) -> str:
    parts = [schema.get("description", "")]
    if values := schema.get("enum"):
        parts.append(f"One of {', '.join(f'`{value}`' for value in values)}.")
    parts.append(_bounds(schema))
    parts += [f"Default `{json.dumps(schema['default'])}`."] if "default" in schema else []
    return " ".join(part for part in parts if part)


BOUNDS = (("minLength", "maxLength", " characters"), ("minItems", "maxItems", " entries"), ("minimum", "maximum", ""))


def _bounds(schema: Mapping[str, Any]) -> str:
    for least, most, unit in BOUNDS:
        if least in schema and most in schema:
            return f"{schema[least]} to {schema[most]}{unit}."
        if least in schema or most in schema:
            how, key = ("At least", least) if least in schema else ("At most", most)
            return f"{how} {schema[key]}{unit}."
    return ""


def sent(command: Command, request: Mapping[str, Any]) -> dict[str, Any]:
    """Give the arguments of a `tools/call` that asks for this."""
    route = {"action": command.action} | ({"command": command.command} if command.command else {})
    return route | dict(request)


def answered(contracts: ContractSet, response: Mapping[str, Any]) -> Any:
    """Put a response into the envelope it travels in: the envelope's first open object carries it."""
    envelope = dereference(bundled(contracts, contracts.settings.envelope))
    sample = _sample(envelope)
    for name, below in envelope.get("properties", {}).items():
        if (
            below.get("type") == "object"
            and not below.get("properties")
            and below.get("additionalProperties") is not False
        ):
            return {**sample, name: dict(response)}
    return dict(response)


def _sample(schema: Mapping[str, Any]) -> Any:
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    if schema.get("type") == "object":
        needed: Sequence[str] = schema.get("required", ())
        return {key: _sample(below) for key, below in schema.get("properties", {}).items() if key in needed}
    return {"boolean": True, "integer": 1, "number": 1, "array": []}.get(schema.get("type", ""), "...")
