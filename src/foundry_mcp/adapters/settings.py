"""Settings: the workspace's foundry-mcp.toml under the environment, held to the config contract."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema_rs

from foundry_contracts.models.config import Config
from foundry_mcp.ports import PortError

FILE_NAME = "foundry-mcp.toml"
ENVIRONMENT_PREFIX = "FOUNDRY_MCP_"
_BOOLEANS = {"true": True, "false": False}


class SettingsInvalid(PortError):
    """Report settings that do not hold to the contract, each with where it was set."""


def load_settings(workspace: Path, environ: Mapping[str, str]) -> Config:
    """Read the settings: environment over file over default; anything unknown is refused."""
    schema = _schema()
    values = _from_file(workspace / FILE_NAME)
    for name, section in _sections(schema).items():
        values.setdefault(name, {})
        if isinstance(values[name], dict):
            values[name].update(_from_environment(name, section, environ))
    _hold(schema, values)
    return Config.model_validate(values)


def _schema() -> dict[str, Any]:
    text = (files("foundry_contracts") / "schemas" / "formats" / "Config.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def _sections(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Give each section's properties."""
    sections: dict[str, dict[str, Any]] = {}
    for name, reference in schema["properties"].items():
        definition = schema["$defs"][reference["$ref"].rpartition("/")[2]]
        sections[name] = definition["properties"]
    return sections


def _from_file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as problem:
        raise SettingsInvalid(f"{path} cannot be read: {problem}", "Mend the file, or take it away.") from problem


def _from_environment(section: str, properties: dict[str, Any], environ: Mapping[str, str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, schema in properties.items():
        text = environ.get(environment_name(section, key))
        if text is not None:
            found[key] = _typed(text, schema.get("type"))
    return found


def environment_name(section: str, key: str) -> str:
    """Give the name of the environment's variable for a setting."""
    return f"{ENVIRONMENT_PREFIX}{section}_{key}".upper()


def _typed(text: str, kind: object) -> object:
    """Read a setting's text as its contract's type; what does not read so is left for the contract to refuse."""
    if kind == "integer" and text.lstrip("-").isdecimal():
        return int(text)
    if kind == "boolean" and text in _BOOLEANS:
        return _BOOLEANS[text]
    if kind == "array":
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _hold(schema: dict[str, Any], values: dict[str, Any]) -> None:
    problems = [*_unknown(schema, values)]
    if not problems:
        validator = jsonschema_rs.validator_for(schema)
        problems = [f"{'.'.join(map(str, e.instance_path))}: {e.message}" for e in validator.iter_errors(values)]
    if problems:
        raise SettingsInvalid(
            "; ".join(problems), f"Correct them in {FILE_NAME} or in the environment ({ENVIRONMENT_PREFIX}*)."
        )


def _unknown(schema: dict[str, Any], values: dict[str, Any]) -> list[str]:
    sections = _sections(schema)
    problems = [_no_such("section", name, list(sections)) for name in values if name not in sections]
    for name, properties in sections.items():
        inside = values.get(name)
        known = list(properties)
        if not isinstance(inside, dict):
            problems.append(f"[{name}] is {inside!r} and no section of settings")
            continue
        problems += [_no_such(f"setting in [{name}]", key, known) for key in inside if key not in known]
    return problems


def _no_such(what: str, name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"there is no {what} {name!r}; {f'did you mean {near[0]!r}?' if near else 'known are ' + ', '.join(known)}"
