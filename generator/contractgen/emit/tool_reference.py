"""Write the pages a person reads: the tools, the errors, the events, the tables and the state machines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from contractgen import markdown
from contractgen.bundle import inlined
from contractgen.diagrams import life, state_diagram
from contractgen.memory import remembered
from contractgen.model import Command, ContractSet
from contractgen.reference_fields import fields
from contractgen.reference_tables import consequences, machine_rows, table_columns, table_rows
from contractgen.resolve import keywords

ERROR_PAGE = "06-error-reference.md"
EVENT_PAGE = "07-events.md"
TEMPLATES = {"tool_reference.md.j2": "", "error_reference.md.j2": ERROR_PAGE, "events.md.j2": EVENT_PAGE}


def emit(contracts: ContractSet) -> dict[str, str]:
    """Write the three pages; the first under the name the set gives it."""
    pages = {f"docs/{page or contracts.settings.tool_reference}": template for template, page in TEMPLATES.items()}
    return {path: _page(contracts, template) for path, template in pages.items()}


@remembered
def _page(contracts: ContractSet, template: str) -> str:
    return _rendered(contracts, template)


@remembered
def _section(contracts: ContractSet, command: Command) -> str:
    """Write what the tool reference says of one command."""
    return _rendered(contracts, "command.md.j2", command=command)


def _rendered(contracts: ContractSet, template: str, **more: object) -> str:
    settings = contracts.settings
    names = {"contracts": contracts, "settings": settings, "errors": contracts.enumerations[settings.errors]}
    pages = {"error_page": ERROR_PAGE, "event_page": EVENT_PAGE, "tool_page": settings.tool_reference}
    return markdown.environment().get_template(template).render(**names, **pages, **_helpers(contracts), **more)


def _helpers(contracts: ContractSet) -> dict[str, Any]:
    return {
        "section": lambda command: _section(contracts, command),
        "fields": lambda name: fields(contracts, name),
        "sent": sent,
        "answered": lambda response: answered(contracts)(response),
        "sentence": lambda code: _sentences(contracts)[code],
        "raised_by": lambda code: [c for c in contracts.commands if code in c.errors],
        "emitted_by": lambda event: [c for c in contracts.commands if event in c.emits],
        "machine_rows": machine_rows,
        "state_diagram": lambda machine: state_diagram(machine, contracts.events),
        "life": lambda machine: life(contracts, machine),
        "consequences": lambda code: consequences(contracts, code),
        "table_columns": table_columns,
        "table_rows": table_rows,
    }


@remembered
def _sentences(contracts: ContractSet) -> dict[str, str]:
    return {member.value: member.description for member in contracts.enumerations[contracts.settings.errors].members}


def sent(command: Command, request: Mapping[str, Any]) -> dict[str, Any]:
    """Give the arguments of a `tools/call` that asks for this."""
    route = {"action": command.action} | ({"command": command.command} if command.command else {})
    return route | dict(request)


@remembered
def answered(contracts: ContractSet) -> Callable[[Mapping[str, Any]], Any]:
    """Give what puts a response into the envelope it travels in: the envelope's first open object carries it."""
    envelope = inlined(contracts, contracts.settings.envelope)
    sample = _sample(envelope)
    for name, below in ((name, keywords(below)) for name, below in envelope.get("properties", {}).items()):
        if (
            below.get("type") == "object"
            and not below.get("properties")
            and below.get("additionalProperties") is not False
        ):
            return lambda response: {**sample, name: dict(response)}
    return dict


def _sample(schema: Mapping[str, Any]) -> Any:
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    if schema.get("type") == "object":
        needed: Sequence[str] = schema.get("required", ())
        return {key: _sample(keywords(below)) for key, below in schema.get("properties", {}).items() if key in needed}
    return {"boolean": True, "integer": 1, "number": 1, "array": []}.get(schema.get("type", ""), "...")
