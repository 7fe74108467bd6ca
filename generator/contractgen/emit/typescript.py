"""Emit TypeScript types of every shape: declarations alone, so that a client needs nothing of ours at run time.

Where TypeScript cannot say what a schema says (a bound, a pattern, what depends on what) the type is wider, never
narrower; the schema beside it judges.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contractgen.bundle import text
from contractgen.emit.python_text import NOTICE
from contractgen.memory import remembered
from contractgen.model import Command, ContractSet, Json, Schema
from contractgen.resolve import PREFIX

ROOT = "typescript"
INDENT = "  "
PRIMITIVES = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
_BARE = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


def emit(contracts: ContractSet) -> dict[str, str]:
    """Write the package of types."""
    settings = contracts.settings
    package = {
        "name": settings.distribution,
        "version": settings.version,
        "description": f"Types of the {settings.name} contracts.",
        "types": "index.d.ts",
        "files": ["index.d.ts"],
    }
    return {f"{ROOT}/index.d.ts": _declarations(contracts), f"{ROOT}/package.json": text(package)}


def _declarations(contracts: ContractSet) -> str:
    parts = [f"// {NOTICE}\n// Contract set {contracts.settings.name} {contracts.settings.version}."]
    parts += [_definition(contracts, name) for name in contracts.definitions]
    parts += [_commands(contracts), _events(contracts), _arguments(contracts)]
    return "\n\n".join(parts) + "\n"


def _schema(contracts: ContractSet, name: str) -> Schema:
    schema = contracts.definitions[name].schema
    if name not in contracts.enumerations:
        return schema
    members = contracts.enumerations[name].members
    # A union has no place for @deprecated at one of its members, so the type's comment says it.
    said = [f"{json.dumps(member.value)}: {member.description}" for member in members if member.deprecated]
    description = "\n".join([schema.get("description", ""), *said]).strip()
    return {**schema, "description": description, "enum": [member.value for member in members]}


@remembered
def _definition(contracts: ContractSet, name: str) -> str:
    schema = _schema(contracts, name)
    written = type_of(schema, "")
    # An interface reads better in an editor's hints than an alias of an object type does.
    if written.startswith("{\n") and written.endswith("\n}") and "\n}" not in written[:-1]:
        return f"{_comment(schema, '')}export interface {name} {written}"
    return f"{_comment(schema, '')}export type {name} = {written};"


def type_of(schema: Json, indent: str) -> str:
    """Write a schema as a type; `indent` is that of the line it stands on."""
    if not isinstance(schema, Mapping):
        return "never" if schema is False else "unknown"
    parts = [part for part in _parts(schema, indent) if part != "unknown"]
    return " & ".join(_grouped(part) for part in dict.fromkeys(parts)) if len(parts) > 1 else (parts or ["unknown"])[0]


def _parts(schema: Schema, indent: str) -> Iterator[str]:
    """List the types that all have to hold at once."""
    if "$ref" in schema:
        yield str(schema["$ref"]).removeprefix(PREFIX)
    elif "const" in schema:
        yield _literal(schema["const"])
    elif "enum" in schema:
        yield _union(_literal(value) for value in schema["enum"])
    elif "type" in schema or "properties" in schema:
        kinds = schema.get("type", "object")
        yield _union(_kind(kind, schema, indent) for kind in ([kinds] if isinstance(kinds, str) else kinds))
    for keyword in ("oneOf", "anyOf"):
        if keyword in schema:
            yield _union(type_of(branch, indent) for branch in schema[keyword])
    for branch in schema.get("allOf", ()):
        yield type_of(branch, indent)


def _union(parts: Iterator[str]) -> str:
    found = list(dict.fromkeys(parts))
    if "unknown" in found:
        return "unknown"
    return " | ".join(found) or "never"


def _grouped(part: str) -> str:
    return f"({part})" if " | " in part else part


def _kind(kind: str, schema: Schema, indent: str) -> str:
    if kind == "array":
        return _array(schema, indent)
    return _object(schema, indent) if kind == "object" else PRIMITIVES[kind]


def _array(schema: Schema, indent: str) -> str:
    rest = schema.get("items", True)
    if "prefixItems" not in schema:
        item = type_of(rest, indent)
        return f"({item})[]" if re.search(r" [|&] ", item) else f"{item}[]"
    needed = schema.get("minItems", 0)
    first = [
        f"({type_of(item, indent)}){'' if number < needed else '?'}"
        for number, item in enumerate(schema["prefixItems"])
    ]
    return f"[{', '.join([*first, *([] if rest is False else [f'...({type_of(rest, indent)})[]'])])}]"


def _object(schema: Schema, indent: str) -> str:
    below, required = indent + INDENT, schema.get("required", ())
    stated: Mapping[str, Json] = dict.fromkeys(required, True) | dict(schema.get("properties", {}))
    lines = [
        f"{_comment(child, below)}{below}{_key(name)}{'' if name in required else '?'}: {type_of(child, below)};"
        for name, child in stated.items()
    ]
    if (more := _more(schema, bool(stated), below)) is not None:
        lines.append(f"{below}[key: string]: {more};")
    return "{\n" + "\n".join(lines) + f"\n{indent}}}"


def _more(schema: Schema, stated: bool, indent: str) -> str | None:
    """Say what stands under names that are not stated; None where there may be none."""
    extra = schema.get("additionalProperties", schema.get("unevaluatedProperties", True))
    patterns = list(schema.get("patternProperties", {}).values())
    if extra is False and not patterns:
        return None if stated else "never"
    # An index signature speaks of stated names too, so beside some only the widest is safe.
    return "unknown" if stated else _union(type_of(child, indent) for child in [*patterns, extra] if child is not False)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name)


def _literal(value: Json) -> str:
    if isinstance(value, Mapping):
        return "{ " + " ".join(f"{_key(name)}: {_literal(item)};" for name, item in value.items()) + " }"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(_literal, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _comment(schema: Json, indent: str) -> str:
    if not isinstance(schema, Mapping):
        return ""
    lines = [str(schema["description"])] if schema.get("description") else []
    lines += ["@deprecated"] if schema.get("deprecated") else []
    lines += [f"@default {json.dumps(schema['default'], ensure_ascii=False)}"] if "default" in schema else []
    said = [line for part in lines for line in part.replace("*/", "*\\/").splitlines()]
    if not said:
        return ""
    if len(said) == 1:
        return f"{indent}/** {said[0]} */\n"
    return f"{indent}/**\n" + "".join(f"{indent} * {line}\n" for line in said) + f"{indent} */\n"


def _own(contracts: ContractSet, name: str) -> str:
    """Name a type of this module; no definition's name can end in an underscore."""
    return f"{name}_" if name in contracts.definitions else name


def _commands(contracts: ContractSet) -> str:
    entries = "".join(_command(command) for command in contracts.commands)
    return (
        "/** Every command by its name: how it is called, what it takes, what it answers, what may refuse it. */\n"
        f"export interface {_own(contracts, 'CommandMap')} {{\n{entries}}}"
    )


def _command(command: Command) -> str:
    route: dict[str, Any] = {"tool": command.tool, "action": command.action}
    route |= {"command": command.command} if command.command else {}
    lines: list[str] = [f"{name}: {json.dumps(value)};" for name, value in route.items()]
    lines += [f"request: {command.request};", f"response: {command.response};"]
    lines.append(f"errors: {_union(json.dumps(code) for code in command.errors)};")
    inside = "".join(f"{INDENT * 2}{line}\n" for line in lines)
    described = _comment({"description": command.description}, INDENT)
    return f"{described}{INDENT}{json.dumps(command.name)}: {{\n{inside}{INDENT}}};\n"


def _events(contracts: ContractSet) -> str:
    entries = "".join(f"{INDENT}{json.dumps(e.type)}: {e.definition};\n" for e in contracts.events.values())
    name = _own(contracts, "EventMap")
    return f"/** The payload of every event, by its type. */\nexport interface {name} {{\n{entries}}}"


def _arguments(contracts: ContractSet) -> str:
    commands = _own(contracts, "CommandMap")
    request = f'{commands}[Name]["request"]'
    # A request without parameters says that nothing stands beside it, so the route may not be joined to it.
    return (
        "/** What `tools/call` is given for a command: its route and its request, in one flat object. */\n"
        f"export type {_own(contracts, 'ToolArguments')}<Name extends keyof {commands}> =\n"
        f'{INDENT}Omit<{commands}[Name], "tool" | "request" | "response" | "errors"> &\n'
        f"{INDENT}({request} extends {{ [key: string]: never }} ? unknown : {request});"
    )
