"""Configurations: each setting says what tightens it, and what its default is follows from it or from the profile."""

from __future__ import annotations

from collections.abc import Container, Iterator

from contractgen.bundle import resolved
from contractgen.lower_config import UNSAID
from contractgen.model import Configuration, ContractSet, Finding, Setting
from contractgen.nearest import hint


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find settings of which nobody can tell what is stricter or what holds where nothing is set."""
    for configuration in contracts.configurations.values():
        yield from _names(contracts, configuration)
        for setting in configuration.settings:
            yield from _tighter(contracts, setting)
            yield from _default(contracts, configuration, setting)


def _names(contracts: ContractSet, configuration: Configuration) -> Iterator[Finding]:
    known = {setting.name for setting in configuration.settings}
    for key, name, all_of in (
        ("profiles", configuration.profiles, set(contracts.values)),
        ("chosen_by", configuration.chosen_by, known),
        *(("grouped", section, set(configuration.sections)) for section in configuration.grouped),
    ):
        if name is not None and name not in all_of:
            origin = configuration.origin.at("x-config", key)
            remedy = f"Define it, or correct the name.{hint(name, all_of)}"
            yield Finding("config-names", origin, f"Nothing is named {name}.", remedy)


def _tighter(contracts: ContractSet, setting: Setting) -> Iterator[Finding]:
    if setting.tighter == UNSAID:
        message = f"{setting.name} does not say which change makes it stricter."
        remedy = 'Give it x-setting; {"tighter": "any"} where strictness is no matter.'
        yield Finding("setting-tighter", setting.origin, message, remedy)
    schema = resolved(contracts, setting.schema)
    if setting.tighter in ("lower", "higher") and schema.get("type") not in ("integer", "number"):
        message = f"{setting.name} is no number, so that nothing of it is lower or higher."
        yield Finding("setting-tighter", setting.origin, message, "List its values from the loosest to the strictest.")
    if setting.tighter == "more" and schema.get("type") != "array":
        message = f"{setting.name} is no list, so that it cannot have more."
        yield Finding("setting-tighter", setting.origin, message, "List its values from the loosest to the strictest.")
    if setting.tighter == "order":
        values = [False, True] if schema.get("type") == "boolean" else list(schema.get("enum", ()))
        values += [] if _has_default(setting) else [None]
        if sorted(map(repr, values)) != sorted(map(repr, setting.order)):
            message = f"The order of {setting.name} is not of its values: {', '.join(map(repr, values))}."
            remedy = "List each once, from the loosest to the strictest; null stands for an absent one."
            yield Finding("setting-tighter", setting.origin, message, remedy)


def _default(contracts: ContractSet, configuration: Configuration, setting: Setting) -> Iterator[Finding]:
    if setting.profile is not None:
        if setting.profile not in _fields(contracts, configuration, setting.profile):
            message = f"The profiles have no {setting.profile}, which is to give {setting.name} its default."
            yield Finding("setting-default", setting.origin, message, "Correct the name, or give a default here.")
        if "default" in setting.schema:
            message = f"{setting.name} has a default of its own and one from the profile."
            yield Finding("setting-default", setting.origin, message, "Remove one of the two.")
    elif setting.tighter in ("lower", "higher", "more", "unchanged") and not _has_default(setting):
        message = f"{setting.name} can be tightened, but has nothing to be tightened from."
        yield Finding("setting-default", setting.origin, message, "Give it a default, or one from the profile.")


def _fields(contracts: ContractSet, configuration: Configuration, otherwise: str) -> Container[str]:
    """Give the fields of the profiles; where they are named and not there, which is told already, the one given."""
    if configuration.profiles is None:
        return ()
    profiles = contracts.values.get(configuration.profiles)
    return (otherwise,) if profiles is None else profiles.schema.get("properties", {})


def _has_default(setting: Setting) -> bool:
    return setting.profile is not None or "default" in setting.schema
