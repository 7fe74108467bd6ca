"""Emit settings.py: every setting as data, with its variable, its default and which change makes it stricter."""

from __future__ import annotations

from contractgen.bundle import resolved
from contractgen.emit.python_text import header, mapping_of, tuple_of
from contractgen.model import Configuration, ContractSet, Setting

_CLASSES = '''
@dataclass(frozen=True, slots=True, kw_only=True)
class SettingEntry:
    """Hold what is known of one setting.

    `default` is None where it has none of its own; `profile` then names the profile's field that gives one, if any.
    `tighter` says which change makes it stricter: "lower", "higher", "more" (of a list, which keeps all it has),
    "order" (towards the end of `order`, where None stands for absence), "unchanged" (none does), "any" (it is no matter
    of strictness).
    """

    section: str
    key: str
    description: str
    environment: str
    kind: str
    default: bool | int | str | tuple[str, ...] | None
    profile: str | None
    tighter: str
    order: tuple[bool | int | str | None, ...]

'''


def emit(contracts: ContractSet) -> dict[str, str]:
    """Write the settings of the set's configuration; nothing where it has none."""
    files = {}
    for configuration in contracts.configurations.values():
        files[f"python/{contracts.settings.package}/settings.py"] = _module(contracts, configuration)
    return files


def _module(contracts: ContractSet, configuration: Configuration) -> str:
    origins = sorted({configuration.origin.file, *(setting.origin.file for setting in configuration.settings)})
    grouped = ((repr(name), repr(configuration.variable(name))) for name in configuration.grouped)
    entries = ((repr(setting.name), _entry(contracts, configuration, setting)) for setting in configuration.settings)
    lines = [
        header(*origins),
        '"""Every setting, as data that cannot be changed."""',
        "from __future__ import annotations",
        "from collections.abc import Mapping",
        "from dataclasses import dataclass",
        "from types import MappingProxyType",
        "from typing import Final",
        _CLASSES,
        f"FILE_NAME: Final = {configuration.file!r}",
        f"ENVIRONMENT: Final = {configuration.environment!r}",
        f"CHOSEN_BY: Final[str | None] = {configuration.chosen_by!r}",
        f"SECTIONS: Final[tuple[str, ...]] = {tuple_of(map(repr, configuration.sections))}",
        f"GROUPED: Final[Mapping[str, str]] = {mapping_of(grouped)}",
        f"SETTINGS: Final[Mapping[str, SettingEntry]] = {mapping_of(entries)}",
    ]
    return "\n".join(lines) + "\n"


def _entry(contracts: ContractSet, configuration: Configuration, setting: Setting) -> str:
    default = setting.schema.get("default")
    fields = {
        "section": setting.section,
        "key": setting.key,
        "description": setting.description,
        "environment": configuration.variable(setting.section, setting.key),
        "kind": resolved(contracts, setting.schema).get("type", "string"),
        "default": tuple(default) if isinstance(default, list) else default,
        "profile": setting.profile,
        "tighter": setting.tighter,
    }
    written = ", ".join(f"{key}={value!r}" for key, value in fields.items())
    return f"SettingEntry({written}, order={tuple_of(map(repr, setting.order))})"
