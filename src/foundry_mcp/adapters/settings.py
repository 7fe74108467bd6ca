"""Settings: the workspace's foundry-mcp.toml under the environment, held to the config contract."""

from __future__ import annotations

import difflib
import json
import os
import stat
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema_rs

from foundry_contracts.models.config import Config
from foundry_contracts.vocabulary import EnvironmentVariable
from foundry_mcp.ports import PortError

FILE_NAME = "foundry-mcp.toml"
ENVIRONMENT_PREFIX = "FOUNDRY_MCP_"
_BOOLEANS = {"true": True, "false": False}


class SettingsInvalid(PortError):
    """Report settings that do not hold to the contract, each with where it was set."""


def load_settings(workspace: Path, environ: Mapping[str, str]) -> Config:
    """Read the settings: environment over file over default; anything unknown is refused."""
    schema = _schema()
    problems = _misspelled(schema, environ)
    values = _from_file(workspace / FILE_NAME)
    for name, section in _sections(schema).items():
        values.setdefault(name, {})
        if isinstance(values[name], dict):
            values[name].update(_from_environment(name, section, environ))
    _hold(schema, values, problems)
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
        return tomllib.loads(_text(path).decode("utf-8"))
    except FileNotFoundError as missing:
        if not path.is_symlink():
            return {}
        raise _unusable(path, f"it is a link to {path.readlink()}, which is not there") from missing
    except (OSError, ValueError) as problem:
        raise _unusable(path, getattr(problem, "strerror", None) or str(problem)) from problem


def _text(path: Path) -> bytes:
    # Opening a pipe the plain way waits for somebody to write into it.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _unusable(path, "it is not a regular file")
        return file.read()


def _unusable(path: Path, why: str) -> SettingsInvalid:
    return SettingsInvalid(f"{path} cannot be read: {why}.", "Mend the file, or take it away.")


def _misspelled(schema: dict[str, Any], environ: Mapping[str, str]) -> list[str]:
    """Say which names in the environment begin like ours and are none."""
    settings = [environment_name(name, key) for name, section in _sections(schema).items() for key in section]
    known = [name.removeprefix(ENVIRONMENT_PREFIX) for name in (*settings, *EnvironmentVariable)]
    given = [name.removeprefix(ENVIRONMENT_PREFIX) for name in sorted(environ) if name.startswith(ENVIRONMENT_PREFIX)]
    # What all have in common would make any two of them seem near.
    return [_no_such("environment variable", name, known, ENVIRONMENT_PREFIX) for name in given if name not in known]


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


def _hold(schema: dict[str, Any], values: dict[str, Any], problems: list[str]) -> None:
    problems = [*problems, *_unknown(schema, values)]
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


def _no_such(what: str, name: str, known: list[str], prefix: str = "") -> str:
    near = [f"{prefix}{found}" for found in difflib.get_close_matches(name, known, n=1)]
    listed = ", ".join(f"{prefix}{each}" for each in known)
    return f"there is no {what} {prefix + name!r}; {f'did you mean {near[0]!r}?' if near else f'known are {listed}'}"
