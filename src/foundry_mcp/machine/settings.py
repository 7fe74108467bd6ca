"""Which value of a setting holds: one layer over another, of which those inside the workspace can only tighten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, overload

from pydantic_core import MISSING

from foundry_contracts.models.config import Config, SettingShown
from foundry_contracts.models.events_session import SessionSettings
from foundry_contracts.settings import CHOSEN_BY, SECTIONS, SETTINGS, SettingEntry
from foundry_contracts.tables import POSTURE_VALUES, SETTING_SOURCE_INFO
from foundry_contracts.vocabulary import PostureProfile, ReviewerKind, SettingSource

Value = bool | int | str | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Said:
    """Hold what was said of a setting, and in which file or variable."""

    value: Value
    place: str


@dataclass(frozen=True, slots=True)
class Layer:
    """Hold what one source says, by the settings' full names. `file` is empty where it is no file."""

    source: SettingSource
    said: Mapping[str, Said]
    file: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """Hold the value of a setting that is in force, and who said so."""

    value: Value
    source: SettingSource
    place: str = ""


@dataclass(frozen=True, slots=True)
class Resolved:
    """Hold every setting as it is in force.

    `loosened` is what was asked for from inside the workspace, is looser than what holds without it, and so does not
    hold; `looser` names what holds and is looser than the profile, or than where nothing is set.
    """

    profile: PostureProfile
    held: Mapping[str, Held]
    loosened: Mapping[str, Said]
    looser: tuple[str, ...]


def resolve(layers: Sequence[Layer], profile: PostureProfile | None = None) -> Resolved:
    """Give what holds: environment over file over profile over default, and inside the workspace only what is tighter.

    `layers` stand from the weakest to the strongest. `profile` is taken in place of what they choose.
    """
    loosened: dict[str, Said] = {}
    if profile is None:
        chosen = _held(str(CHOSEN_BY), None, layers, loosened)
        profile = PostureProfile(str(chosen.value))
    else:
        chosen = Held(profile.value, SettingSource.PROFILE)
    held = {name: chosen if name == CHOSEN_BY else _held(name, profile, layers, loosened) for name in SETTINGS}
    beneath = {name: _beneath(entry, profile).value for name, entry in SETTINGS.items() if name != CHOSEN_BY}
    looser = tuple(name for name, value in beneath.items() if is_looser(SETTINGS[name], held[name].value, value))
    return Resolved(profile, held, loosened, looser)


def _held(name: str, profile: PostureProfile | None, layers: Sequence[Layer], loosened: dict[str, Said]) -> Held:
    entry = SETTINGS[name]
    held = allowed = _beneath(entry, profile)
    for layer in layers:
        said = layer.said.get(name)
        if said is None:
            continue
        outside = SETTING_SOURCE_INFO[layer.source].outside
        if not outside and is_looser(entry, said.value, allowed.value):
            loosened[name] = said
            continue
        held = Held(said.value, layer.source, said.place)
        if outside:
            allowed = held
    return held


def _beneath(entry: SettingEntry, profile: PostureProfile | None) -> Held:
    """Give what holds where nobody says anything."""
    if entry.profile is not None and profile is not None:
        value = getattr(POSTURE_VALUES[profile], entry.profile)
        return Held(value.value if isinstance(value, Enum) else value, SettingSource.PROFILE)
    return Held(entry.default, SettingSource.DEFAULT)


# Any: the contract's rules see to it that only numbers are called lower or higher, and only lists more.
def is_looser(entry: SettingEntry, value: Any, than: Any) -> bool:
    """Tell whether one value of a setting is looser than another."""
    if entry.tighter == "lower":
        return bool(value > than)
    if entry.tighter == "higher":
        return bool(value < than)
    if entry.tighter == "more":
        return not set(than) <= set(value)
    if entry.tighter == "order":
        return entry.order.index(value) < entry.order.index(than)
    return entry.tighter == "unchanged" and value != than


def config_of(resolved: Resolved) -> Config:
    """Give the settings by section; what nobody set and nothing gives a default stays absent."""
    values: dict[str, dict[str, object]] = {section: {} for section in SECTIONS}
    for name, entry in SETTINGS.items():
        if (value := resolved.held[name].value) is not None:
            values[entry.section][entry.key] = plain(value)
    return Config.model_validate(values)


def session_settings(resolved: Resolved) -> SessionSettings:
    """Give what a session started now would pin: the settings of the same names, and the program that reviews."""
    values: dict[str, object] = {entry.key: plain(resolved.held[name].value) for name, entry in SETTINGS.items()}
    reviews = values["reviewer"] == ReviewerKind.COMMAND
    values["review_command"] = resolved.held["review.command"].value if reviews else ""
    return SessionSettings.model_validate({name: values[name] for name in SessionSettings.model_fields})


@overload
def plain(value: None) -> None: ...


@overload
def plain(value: bool | int | str | tuple[str, ...]) -> bool | int | str | list[str]: ...


def plain(value: Value) -> bool | int | str | list[str] | None:
    """Give a value as contracts have it: a tuple becomes a list."""
    return list(value) if isinstance(value, tuple) else value


def shown(resolved: Resolved) -> tuple[SettingShown, ...]:
    """Give each setting with its value and where that was said."""
    return tuple(
        SettingShown(
            name=name,
            value=MISSING if held.value is None else plain(held.value),
            source=held.source,
            place=held.place or MISSING,
        )
        for name, held in resolved.held.items()
    )
