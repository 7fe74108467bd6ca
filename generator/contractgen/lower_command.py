"""Lower one command file."""

from __future__ import annotations

from collections.abc import Mapping

from contractgen.contract_file import Document
from contractgen.model import Alias, Command, Example, Finding, Json, Origin


def command_name(raw: Mapping[str, Json]) -> str:
    """Name a command: tool.action, or tool.action.command."""
    parts = [raw["tool"], raw["action"], raw.get("command")]
    return ".".join(part for part in parts if part)


def lower_command(document: Document, findings: list[Finding]) -> Command | None:
    """Build a file's command, or add to `findings` why its request or response cannot be told."""
    request = _shape(document, "Request", findings)
    response = _shape(document, "Response", findings)
    if request is None or response is None:
        return None
    raw = document.data["x-command"]
    name = command_name(raw)
    return Command(
        name=name,
        identifier=name.replace(".", "_").replace("-", "_"),
        tool=raw["tool"],
        action=raw["action"],
        command=raw.get("command"),
        title=document.data["title"],
        description=document.data["description"],
        request=request,
        response=response,
        read_only=raw["read_only"],
        role=raw["role"],
        flag=raw.get("flag"),
        errors=tuple(raw["errors"]),
        emits=tuple(raw["emits"]),
        tags=tuple(raw.get("tags", ())),
        aliases=tuple(Alias(**alias) for alias in raw.get("aliases", ())),
        examples=tuple(_example(example) for example in raw["examples"]),
        origin=document.command or Origin(document.file, "/x-command"),
        deprecated=raw.get("deprecated"),
    )


def _shape(document: Document, ending: str, findings: list[Finding]) -> str | None:
    # A machine is no shape: nothing can be valid against it.
    named = document.data["$defs"].items()
    found = [name for name, schema in named if name.endswith(ending) and "x-machine" not in schema]
    if len(found) == 1:
        return str(found[0])
    listed = ", ".join(found) or "none"
    message = f"A command file has exactly one definition whose name ends in {ending}; here: {listed}."
    remedy = f"Rename the others, or add the {ending.lower()}'s definition."
    findings.append(Finding("command-shapes", Origin(document.file, "/$defs"), message, remedy))
    return None


def _example(raw: Mapping[str, Json]) -> Example:
    return Example(raw["title"], raw["request"], raw.get("response"), raw.get("error"))
