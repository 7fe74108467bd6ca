"""Settings as they are written: in files outside the workspace, its own, the environment. Held to the contract."""

from __future__ import annotations

import difflib
import json
import os
import stat
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema_rs

from foundry_contracts.settings import ENVIRONMENT, FILE_NAME, GROUPED, SECTIONS, SETTINGS
from foundry_contracts.vocabulary import EnvironmentVariable, SettingSource
from foundry_mcp.machine.settings import Layer, Said, Value, plain
from foundry_mcp.places import system_settings, user_settings
from foundry_mcp.ports import PortError

_BOOLEANS = {"true": True, "false": False}


class SettingsInvalid(PortError):
    """Report settings that do not hold to the contract, each with where it was set."""


def read_layers(workspace: Path, environ: Mapping[str, str]) -> tuple[Layer, ...]:
    """Read what each source says, from the weakest to the strongest; SettingsInvalid names what does not hold."""
    return (
        *(_file_layer(SettingSource.SYSTEM, path) for path in system_settings(environ)),
        _file_layer(SettingSource.USER, user_settings(environ)),
        _file_layer(SettingSource.WORKSPACE, workspace / FILE_NAME),
        _environment_layer(environ),
    )


def lies_inside(layers: tuple[Layer, ...], workspace: Path) -> bool:
    """Tell whether a file that counts as outside the workspace lies in it, where whoever works there can change it."""
    real = os.path.realpath(workspace)
    outside = (layer for layer in layers if layer.source in (SettingSource.SYSTEM, SettingSource.USER))
    return any(Path(os.path.realpath(layer.file)).is_relative_to(real) for layer in outside if layer.said)


def _file_layer(source: SettingSource, path: Path) -> Layer:
    values = _from_file(path)
    _hold(values, str(path))
    said = {
        f"{section}.{key}": Said(tuple(value) if isinstance(value, list) else value, str(path))
        for section, inside in values.items()
        for key, value in inside.items()
    }
    return Layer(source, said, str(path))


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


def _environment_layer(environ: Mapping[str, str]) -> Layer:
    said = dict(_grouped(environ))
    for name, entry in SETTINGS.items():
        if (text := environ.get(entry.environment)) is not None:
            said[name] = Said(_typed(text, entry.kind), entry.environment)
    values: dict[str, dict[str, object]] = {}
    for name, what in said.items():
        section, _, key = name.partition(".")
        values.setdefault(section, {})[key] = plain(what.value)
    _hold(values, f"the environment ({ENVIRONMENT}*)", _misspelled(environ))
    return Layer(SettingSource.ENVIRONMENT, said)


def _misspelled(environ: Mapping[str, str]) -> list[str]:
    """Say which names in the environment begin like ours and are none."""
    settings = [entry.environment for entry in SETTINGS.values()]
    known = [name.removeprefix(ENVIRONMENT) for name in (*settings, *GROUPED.values(), *EnvironmentVariable)]
    given = [name.removeprefix(ENVIRONMENT) for name in sorted(environ) if name.startswith(ENVIRONMENT)]
    # What all have in common would make any two of them seem near.
    return [_no_such("environment variable", name, known, ENVIRONMENT) for name in given if name not in known]


def _grouped(environ: Mapping[str, str]) -> Iterator[tuple[str, Said]]:
    """Read the variables that set a section as `name=value,name=value`."""
    for section, variable in GROUPED.items():
        for part in filter(None, environ.get(variable, "").split(",")):
            key, equals, text = part.partition("=")
            entry = SETTINGS.get(f"{section}.{key.strip()}")
            if not equals:
                message = f"{variable} has {part.strip()!r}, which is no name=value"
                raise SettingsInvalid(message, f'Write {variable}="name=value,name=value".')
            yield f"{section}.{key.strip()}", Said(_typed(text.strip(), entry.kind if entry else ""), variable)


def _typed(text: str, kind: str) -> Value:
    """Read a setting's text as its contract's type; what does not read so is left for the contract to refuse."""
    if kind == "integer" and text.lstrip("-").isdecimal():
        return int(text)
    if kind == "boolean" and text in _BOOLEANS:
        return _BOOLEANS[text]
    if kind == "array":
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


def _hold(values: dict[str, Any], place: str, problems: Sequence[str] = ()) -> None:
    problems = [*problems, *_unknown(values)]
    if values and not problems:
        text = (files("foundry_contracts") / "schemas" / "config_file.json").read_text(encoding="utf-8")
        validator = jsonschema_rs.validator_for(json.loads(text))
        problems = [f"{'.'.join(map(str, e.instance_path))}: {e.message}" for e in validator.iter_errors(values)]
    if problems:
        raise SettingsInvalid("; ".join(problems), f"Correct them in {place}.")


def _unknown(values: dict[str, Any]) -> list[str]:
    problems = [_no_such("section", name, list(SECTIONS)) for name in values if name not in SECTIONS]
    for section, inside in values.items():
        known = [entry.key for entry in SETTINGS.values() if entry.section == section]
        if section in SECTIONS and not isinstance(inside, dict):
            problems.append(f"[{section}] is {inside!r} and no section of settings")
        elif section in SECTIONS:
            problems += [_no_such(f"setting in [{section}]", key, known) for key in inside if key not in known]
    return problems


def _no_such(what: str, name: str, known: list[str], prefix: str = "") -> str:
    near = [f"{prefix}{found}" for found in difflib.get_close_matches(name, known, n=1)]
    listed = ", ".join(f"{prefix}{each}" for each in known)
    return f"there is no {what} {prefix + name!r}; {f'did you mean {near[0]!r}?' if near else f'known are {listed}'}"
