"""Read contracts.toml: TOML, and valid by the schema that editors check it with, which says what each key is, too."""

from __future__ import annotations

import functools
import json
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

from contractgen.freshness import SETTINGS_FILE
from contractgen.model import Finding, Json, Origin, Settings
from contractgen.nearest import hint

Sections = dict[str, dict[str, Json]]
_KINDS = {"string": "a string", "integer": "an integer"}


@functools.cache
def schema() -> dict[str, Any]:
    """Give the schema of the file."""
    text = resources.files("contractgen").joinpath("metaschema/contracts_toml.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def read(raw: bytes) -> tuple[Sections, list[Finding]]:
    """Give the sections with every key they may leave out at its default; findings say why they cannot be used."""
    try:
        data = tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        origin = Origin(SETTINGS_FILE, "", 1, 1)
        return {}, [Finding("settings", origin, f"Not TOML: {error}.", "Mend the syntax.")]
    findings = list(_findings(data))
    return ({} if findings else _whole(data)), findings


def missing() -> Finding:
    """Say that there is no such file."""
    needed = ", ".join(schema()["required"])
    message, remedy = "The contracts folder has no contracts.toml.", f"Write one with the sections {needed}."
    return Finding("settings", Origin(SETTINGS_FILE, "", 1, 1), message, remedy)


def _whole(data: Sections) -> Sections:
    return {
        name: {key: said["default"] for key, said in section["properties"].items() if "default" in said}
        | data.get(name, {})
        for name, section in schema()["properties"].items()
    }


def _findings(data: Mapping[str, Json]) -> Iterator[Finding]:
    import jsonschema_rs

    for error in jsonschema_rs.Draft202012Validator(schema()).iter_errors(data):
        path = [str(token) for token in error.instance_path]
        kind = error.kind
        if isinstance(kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
            yield from (_unknown(path, key) for key in sorted(kind.unexpected))
        elif isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
            yield _bad([*path, kind.property], "is missing")
        else:
            yield _bad(path, "is not what it has to be")


def _unknown(path: list[str], key: str) -> Finding:
    if path:
        known = schema()["properties"][path[0]]["properties"]
        message, remedy = f"Unknown key {key} in [{path[0]}].", f"Use one of {', '.join(known)}.{hint(key, known)}"
    else:
        known = schema()["properties"]
        message, remedy = f"Unknown section [{key}].", f"Remove it or correct its name.{hint(key, known)}"
    return Finding("settings", Origin(SETTINGS_FILE, "").at(*path, key), message, remedy)


def _bad(path: list[str], how: str) -> Finding:
    origin = Origin(SETTINGS_FILE, "").at(*path)
    if len(path) == 1:
        return Finding("settings", origin, f"Section [{path[0]}] {how}.", f"Add [{path[0]}].")
    said = schema()["properties"][path[0]]["properties"][path[1]]
    remedy = f"Set it to {_KINDS[said['type']]}: {said['description']}"
    return Finding("settings", origin, f"{'.'.join(path)} {how}.", remedy)


def settings(raw: Mapping[str, Mapping[str, Json]]) -> Settings:
    """Give what the sections say as the set holds it."""
    return Settings(
        name=raw["set"]["name"],
        version=raw["set"]["version"],
        id_base=raw["set"]["id_base"],
        package=raw["python"]["package"],
        distribution=raw["python"]["distribution"],
        server=raw["mcp"]["server"],
        tool_reference=raw["docs"]["tool_reference"],
        errors=raw["set"]["errors"],
        roles=raw["set"]["roles"],
        envelope=raw["set"]["envelope"],
        flags=raw["set"]["flags"],
        property_test_floor=raw["tests"]["minimum_examples"],
        input_budget=raw["mcp"]["input_budget"],
        deprecation_months=raw["deprecation"]["months"],
        deprecation_minor_releases=raw["deprecation"]["minor_releases"],
    )


def place(text: str, pointer: str) -> tuple[int, int]:
    """Find the line and column of a section or of a key in one."""
    section, _, key = pointer.strip("/").partition("/")
    line, inside = 1, False
    for number, content in enumerate(text.splitlines(), 1):
        if content.strip().startswith("["):
            inside = content.strip().strip("[]").strip() == section
            line = number if inside else line
        elif inside and key and content.split("=")[0].strip() == key:
            return number, 1
    return line, 1
