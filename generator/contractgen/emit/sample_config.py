"""Emit a commented sample of the configuration file, and the file's schema for editors and for whoever reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any

from contractgen.bundle import bundled, identifier, resolved, text
from contractgen.model import Configuration, ContractSet, Json, Setting

_WIDTH = 100


def emit(contracts: ContractSet) -> dict[str, str]:
    """Write the sample, and the schema for editors and as data of the package; nothing without a configuration."""
    files = {}
    for configuration in contracts.configurations.values():
        stem = configuration.file.removesuffix(".toml")
        schema = text(_schema(contracts, configuration))
        files[f"config/{configuration.file}"] = sample(contracts, configuration)
        files[f"config/{stem}.schema.json"] = schema
        files[f"python/{contracts.settings.package}/schemas/config_file.json"] = schema
    return files


def _schema(contracts: ContractSet, configuration: Configuration) -> dict[str, Any]:
    """Give the schema of a file, which may leave out any section and any key."""
    stem = configuration.file.removesuffix(".toml")
    document = dict(bundled(contracts, configuration.name, f"config/{stem}.schema.json"))
    document.pop("required", None)
    return {**document, "title": configuration.file, "$id": identifier(contracts, f"config/{stem}.schema.json")}


def sample(contracts: ContractSet, configuration: Configuration) -> str:
    """Give the sample: every setting with what it means and its default, commented out."""
    stem = configuration.file.removesuffix(".toml")
    first = "Every setting with its default. Nothing here is in force: take the # away from what you want to change."
    lines = [f"#:schema ./{stem}.schema.json", *_comment(configuration.description), *_comment(first)]
    for section, description in configuration.sections.items():
        lines += ["", *_comment(description), f"[{section}]"]
        if section in configuration.grouped:
            lines += _comment(f'Or all in one variable: {configuration.variable(section)}="name=value,name=value"')
        for setting in configuration.settings:
            if setting.section == section:
                lines += ["", *_setting(contracts, configuration, setting)]
    return "\n".join(lines) + "\n"


def _setting(contracts: ContractSet, configuration: Configuration, setting: Setting) -> Iterator[str]:
    schema = resolved(contracts, setting.schema)
    yield from _comment(setting.description)
    if "enum" in schema:
        yield from _comment(f"One of {', '.join(map(json.dumps, schema['enum']))}.")
    elif "minimum" in schema and "maximum" in schema:
        yield from _comment(f"From {schema['minimum']} to {schema['maximum']}.")
    yield from _comment(by_profile(contracts, configuration, setting))
    yield from _comment(stricter(setting))
    yield f"# Variable: {configuration.variable(setting.section, setting.key)}"
    default = _default(contracts, configuration, setting)
    yield f"# {setting.key} = {toml(default)}" if default is not None else f"# {setting.key} ="


def by_profile(contracts: ContractSet, configuration: Configuration, setting: Setting) -> str:
    """Say in a sentence what default each profile gives a setting; empty where none does."""
    if setting.profile is None or configuration.profiles is None:
        return ""
    values = contracts.values[configuration.profiles].values
    return (
        "By profile: " + ", ".join(f"{toml(value[setting.profile])} in {name}" for name, value in values.items()) + "."
    )


def stricter(setting: Setting) -> str:
    """Say in a sentence which change makes a setting stricter; empty where it is no matter of strictness."""
    if setting.tighter == "order":
        return "From the loosest: " + ", ".join("absent" if v is None else toml(v) for v in setting.order) + "."
    words = {
        "lower": "Lower is stricter.",
        "higher": "Higher is stricter.",
        "more": "More is stricter; nothing may be left out.",
        "unchanged": "Set it outside a workspace only.",
    }
    return words.get(setting.tighter, "")


def _default(contracts: ContractSet, configuration: Configuration, setting: Setting) -> Json:
    if setting.profile is None or configuration.profiles is None:
        return setting.schema.get("default")
    values: Mapping[str, Mapping[str, Json]] = contracts.values[configuration.profiles].values
    chosen = next(item for item in configuration.settings if item.name == configuration.chosen_by)
    return values[chosen.schema["default"]][setting.profile]


def toml(value: Json) -> str:
    """Write a value as TOML does."""
    # JSON writes strings, numbers and booleans as TOML does.
    return json.dumps(value, ensure_ascii=False)


def _comment(sentence: str) -> list[str]:
    return [f"# {line}" for line in wrap(sentence, _WIDTH)]
