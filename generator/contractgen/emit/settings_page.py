"""Write the page of a configuration: every setting with its type, default, meaning, and which change tightens it."""

from __future__ import annotations

from typing import Any

from contractgen import markdown
from contractgen.bundle import inlined
from contractgen.emit.sample_config import by_profile, stricter, toml
from contractgen.model import Configuration, ContractSet, Json, Setting
from contractgen.reference_fields import explained, type_words


def emit(contracts: ContractSet) -> dict[str, str]:
    """Write a page for each configuration; nothing where the set has none."""
    return {f"docs/{known.page}": _page(contracts, known) for known in contracts.configurations.values()}


def _page(contracts: ContractSet, configuration: Configuration) -> str:
    schemas = inlined(contracts, configuration.name)["properties"]
    sections = [
        {
            "name": name,
            "description": description,
            "variable": configuration.variable(name) if name in configuration.grouped else None,
            "settings": [
                _row(contracts, configuration, setting, schemas[name]["properties"][setting.key])
                for setting in configuration.settings
                if setting.section == name
            ],
        }
        for name, description in configuration.sections.items()
    ]
    page = markdown.environment().get_template("settings.md.j2")
    sample = f"../config/{configuration.file}"
    return page.render(
        {"description": configuration.description, "file": configuration.file, "sample": sample}, sections=sections
    )


def _row(contracts: ContractSet, configuration: Configuration, setting: Setting, schema: Json) -> dict[str, Any]:
    said = {word: value for word, value in schema.items() if word != "default"}
    return {
        "name": setting.key,
        "type": type_words(schema),
        "default": toml(schema["default"]) if "default" in schema else None,
        "meaning": " ".join(filter(None, [explained(said), by_profile(contracts, configuration, setting)])),
        "stricter": stricter(setting),
        "variable": configuration.variable(setting.section, setting.key),
    }
