"""Mutants of the contracts' tables: one row, state, role, cell or way out changed, in the memory of one process."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from enum import Enum
from functools import cache
from itertools import pairwise, product
from types import MappingProxyType
from typing import Any

from foundry_contracts import dispatch, settings, tables
from foundry_contracts.settings import SettingEntry
from foundry_contracts.tables import (
    ActionTemplateValues,
    LoopDecisionRow,
    PostureValues,
    StartupRuleInfo,
    Transition,
)
from foundry_contracts.vocabulary import (
    CommandName,
    FeatureFlag,
    LoopSignal,
    PostureProfile,
    Role,
    SessionStatus,
    SettingSource,
    Severity,
    StartupLevel,
)

_ROLES = list(Role)
_RULES, _ROWS, _DOMAIN = "_LOOP_DECISION_WHEN", "LOOP_DECISION_ROWS", "_LOOP_DECISION_DOMAIN"
When = tuple[frozenset[str | None] | None, ...]
Rule = tuple[When, LoopDecisionRow]


@dataclass(frozen=True)
class Mutant:
    """Hold a mutant: what is changed, the test file that answers for it, and the tables that take the old ones' place.

    `choice` narrows that file's tests by their names. `equal` says why no test could tell it from the contracts;
    empty: one has to.
    """

    name: str
    file: str
    values: Mapping[str, object]
    equal: str = ""
    choice: str = ""

    def apply(self) -> None:
        """Put the mutant in place of the table, wherever a module of this process knows it."""
        for name, value in self.values.items():
            owner = next(module for module in (dispatch, settings, tables) if hasattr(module, name))
            original = getattr(owner, name)
            for module in list(sys.modules.values()):
                for known, held in list(getattr(module, "__dict__", {}).items()):
                    if held is original:
                        setattr(module, known, value)


def every_mutant() -> list[Mutant]:
    """Give every mutant of every table."""
    return [
        *_roles(),
        *_resume_roles(),
        *_machine(),
        *_signals(),
        *_ways_out(),
        *_postures(),
        *_startup(),
        *_settings(),
        *_flags(),
    ]


def _changed(table: Mapping[Any, Any], key: object, value: object) -> Mapping[Any, Any]:
    return MappingProxyType({**table, key: value})


def _without(table: Mapping[Any, Any], key: object) -> Mapping[Any, Any]:
    return MappingProxyType({name: value for name, value in table.items() if name != key})


def _others(values: list[Any], value: object) -> list[Any]:
    return [other for other in values if other != value]


def _roles() -> Iterator[Mutant]:
    for command, entry in dispatch.COMMANDS.items():
        for role in _others(_ROLES, entry.role):
            values = {"COMMANDS": _changed(dispatch.COMMANDS, command, replace(entry, role=role))}
            yield Mutant(f"{command} takes {role}", "test_roles.py", values)


def _resume_roles() -> Iterator[Mutant]:
    table, door = tables.PAUSE_REASON_INFO, dispatch.COMMANDS[CommandName.TASK_SESSION_RESUME].role
    for reason, info in table.items():
        for role in _others(_ROLES, info.resume_role):
            values = {"PAUSE_REASON_INFO": _changed(table, reason, replace(info, resume_role=role))}
            same = max(map(_ROLES.index, (role, door))) == max(map(_ROLES.index, (info.resume_role, door)))
            why = f"resume itself takes {door}" if same else ""
            yield Mutant(f"a pause for {reason} is lifted by {role}", "test_roles.py", values, why)


def _machine() -> Iterator[Mutant]:
    table = tables.SESSION_MACHINE_TRANSITIONS
    # Two rows have two names, so that their order answers nothing: there is no swap to make.
    for trigger, row in table.items():
        # Which commands a status takes is read by the server, so that sending them alone has to show it.
        choice = "each_command" if trigger in dispatch.COMMANDS else ""
        yield _of_machine(f"{trigger} deleted", _without(table, trigger), choice)
        for state in SessionStatus:
            to = "no more" if state in row.source else "also"
            changed = Transition(row.source ^ {state}, row.target)
            yield _of_machine(f"{trigger} {to} from {state}", _changed(table, trigger, changed), choice)
        for target in _other_targets(row.target):
            to = ", ".join(sorted(target)) or "the same"
            yield _of_machine(f"{trigger} to {to}", _changed(table, trigger, Transition(row.source, target)))


def _other_targets(target: frozenset[SessionStatus]) -> Iterator[frozenset[SessionStatus]]:
    """Give the targets with one state more, one fewer, or another in place of one."""
    for state in SessionStatus:
        yield target ^ {state}
    for old, new in product(sorted(target), SessionStatus):
        if new not in target:
            yield target - {old} | {new}


def _of_machine(name: str, table: Mapping[Any, Any], choice: str = "") -> Mutant:
    return Mutant(name, "test_lifecycle.py", {"SESSION_MACHINE_TRANSITIONS": table}, choice=choice)


def _signals() -> Iterator[Mutant]:
    rules = _rules()
    answering = {id(row) for row in _contracts_answers()}
    # Another answer of a row shows wherever the row answers; only an idle one could hide it.
    idle = {number for number, (_, row) in enumerate(rules) if id(row) not in answering}
    for number, (when, row) in enumerate(rules):
        before, after = rules[:number], rules[number + 1 :]
        yield _of_signals(f"row {number} deleted", [*before, *after])
        for changed in _other_decisions(row):
            mutated = [*before, (when, changed), *after]
            yield _of_signals(f"row {number}: {_difference(row, changed)}", mutated, same=number in idle)
        for place, choices in enumerate(when):
            for choice in sorted(choices or (), key=str):
                fewer = (*when[:place], frozenset(choices or ()) - {choice}, *when[place + 1 :])
                yield _of_signals(f"row {number} not for {choice}", [*before, (fewer, row), *after])
    for number, (one, other) in enumerate(pairwise(rules)):
        swapped = [*rules[:number], other, one, *rules[number + 2 :]]
        yield _of_signals(f"rows {number} and {number + 1} swapped", swapped)


def _other_decisions(row: LoopDecisionRow) -> Iterator[LoopDecisionRow]:
    for signal in _others([None, *LoopSignal], row.signal):
        yield replace(row, signal=signal)
    for severity in _others(list(Severity), row.severity):
        yield replace(row, severity=severity)
    names = list(tables.ACTION_TEMPLATE_VALUES)
    for place, action in enumerate(row.actions):
        yield replace(row, actions=row.actions[:place] + row.actions[place + 1 :])
        for name in _others(names, action):
            yield replace(row, actions=(*row.actions[:place], name, *row.actions[place + 1 :]))
    yield replace(row, actions=(*row.actions, next(name for name in names if name not in row.actions)))
    if len(row.actions) > 1:
        yield replace(row, actions=row.actions[::-1])


def _difference(one: Any, other: Any) -> str:
    return ", ".join(
        f"{field.name} {_text(getattr(other, field.name))}"
        for field in fields(one)
        if getattr(one, field.name) != getattr(other, field.name)
    )


def _text(value: object) -> str:
    return str(dict(value) if isinstance(value, Mapping) else value)


def _of_signals(name: str, rules: list[Rule], *, same: bool | None = None) -> Mutant:
    values = {_RULES: tuple(when for when, _ in rules), _ROWS: tuple(row for _, row in rules)}
    if same is None:
        same = _answers(rules) == _contracts_answers()
    return Mutant(
        f"signal {name}", "test_signals.py", values, "it answers the same on the whole domain" if same else ""
    )


def _answers(rules: list[Rule]) -> list[LoopDecisionRow | None]:
    """Give the answer of every point of the domain, in order."""
    asked = [
        ([(place, choices) for place, choices in enumerate(when) if choices is not None], row) for when, row in rules
    ]
    return [
        next((row for conditions, row in asked if all(point[place] in choices for place, choices in conditions)), None)
        for point in _domain()
    ]


def _rules() -> list[Rule]:
    return list(zip(getattr(tables, _RULES), tables.LOOP_DECISION_ROWS, strict=True))


@cache
def _contracts_answers() -> list[LoopDecisionRow | None]:
    return _answers(_rules())


@cache
def _domain() -> list[tuple[str | None, ...]]:
    """Give every point that the table has to answer."""
    products: tuple[tuple[frozenset[str | None], ...], ...] = getattr(tables, _DOMAIN)
    return [point for parts in products for point in product(*(sorted(part, key=str) for part in parts))]


def _ways_out() -> Iterator[Mutant]:
    table = tables.ACTION_TEMPLATE_VALUES
    for name, template in table.items():
        yield Mutant(f"way out {name} deleted", "test_signals.py", {"ACTION_TEMPLATE_VALUES": _without(table, name)})
        for changed in _other_templates(template):
            values = {"ACTION_TEMPLATE_VALUES": _changed(table, name, changed)}
            yield Mutant(f"way out {name}: {_difference(template, changed)}", "test_signals.py", values)


def _other_templates(template: ActionTemplateValues) -> Iterator[ActionTemplateValues]:
    for role in _others(_ROLES, template.least_role):
        yield replace(template, least_role=role)
    others = _others(list(CommandName), template.call)
    for call in _others([None, others[0], others[-1]], template.call):
        yield replace(template, call=call)
    for param in template.params:
        yield replace(template, params=tuple(_others(list(template.params), param)))
    for key in template.fixed:
        yield replace(template, fixed=_without(template.fixed, key))


def _postures() -> Iterator[Mutant]:
    table = tables.POSTURE_VALUES
    for profile, posture in table.items():
        yield Mutant(f"posture {profile} deleted", "test_postures.py", {"POSTURE_VALUES": _without(table, profile)})
        for field in fields(PostureValues):
            for value in _other_cells(posture, field.name):
                changed = replace(posture, **{field.name: value})
                values = {"POSTURE_VALUES": _changed(table, profile, changed)}
                name = f"posture {profile}: {_difference(posture, changed)}"
                yield Mutant(name, "test_postures.py", values, _idle_rehearsal(profile, posture, changed))


def _idle_rehearsal(profile: str, posture: PostureValues, changed: PostureValues) -> str:
    """Say why nobody could tell a rehearsal from none."""
    if posture.rehearses is not None or changed.rehearses is None:
        return ""
    if changed.rehearses == profile:
        return "a profile rehearses itself whenever it is in force"
    stricter = (profile, changed.rehearses) == (PostureProfile.STRICT_PROD, PostureProfile.STAGING)
    return "what staging refuses, strict-prod refuses itself" if stricter else ""


def _other_cells(posture: PostureValues, name: str) -> list[Any]:
    """Give a cell's other values: the other profiles', and where it is one of few, all of them."""
    value = getattr(posture, name)
    if isinstance(value, bool):
        return [not value]
    if name == "rehearses":
        return _others([None, *PostureProfile], value)
    if isinstance(value, Enum):
        return _others(list(type(value)), value)
    others = {getattr(other, name) for other in tables.POSTURE_VALUES.values()} | {value - 1, value + 1}
    return sorted(others - {value})


def _startup() -> Iterator[Mutant]:
    table = tables.STARTUP_RULE_INFO
    for rule, info in table.items():
        yield _of_startup(f"{rule} deleted", _without(table, rule))
        for changed in _other_rules(info):
            yield _of_startup(f"{rule}: {_difference(info, changed)}", _changed(table, rule, changed))


def _other_rules(info: StartupRuleInfo) -> Iterator[StartupRuleInfo]:
    for profile in PostureProfile:
        for level in _others([None, *StartupLevel], info.levels.get(profile)):
            levels = dict(_without(info.levels, profile)) | ({profile.value: level} if level else {})
            yield replace(info, levels=levels)
    for place in range(len(info.when)):
        if len(info.when) > 1:
            yield replace(info, when=info.when[:place] + info.when[place + 1 :])
        for key in ("is", "is_not"):
            if key in info.when[place]:
                emptied = {**info.when[place], key: ()}
                yield replace(info, when=(*info.when[:place], emptied, *info.when[place + 1 :]))


def _of_startup(name: str, table: Mapping[Any, Any]) -> Mutant:
    return Mutant(f"start-up {name}", "test_startup.py", {"STARTUP_RULE_INFO": table})


def _settings() -> Iterator[Mutant]:
    table = settings.SETTINGS
    for name, entry in table.items():
        for changed in _other_entries(entry):
            values = {"SETTINGS": _changed(table, name, changed)}
            yield Mutant(f"setting {name}: {_difference(entry, changed)}", "test_tightening.py", values)
    for source, info in tables.SETTING_SOURCE_INFO.items():
        # The contract and the profile are what is beneath, and no layer over it.
        why = "" if source not in (SettingSource.DEFAULT, SettingSource.PROFILE) else "it is no layer"
        values = {
            "SETTING_SOURCE_INFO": _changed(tables.SETTING_SOURCE_INFO, source, replace(info, outside=not info.outside))
        }
        yield Mutant(f"source {source} outside {not info.outside}", "test_tightening.py", values, why)


def _other_entries(entry: SettingEntry) -> Iterator[SettingEntry]:
    if entry.tighter == "order":
        yield replace(entry, order=entry.order[::-1])
    for tighter in {"lower": ["higher", "any", "unchanged"], "any": ["unchanged"]}.get(entry.tighter, ["any"]):
        yield replace(entry, tighter=tighter)


def _flags() -> Iterator[Mutant]:
    for command, entry in dispatch.COMMANDS.items():
        for flag in _others([None, *FeatureFlag], entry.flag):
            values = {"COMMANDS": _changed(dispatch.COMMANDS, command, replace(entry, flag=flag))}
            yield Mutant(f"{command} is behind {flag}", "test_features.py", values)
    table = tables.FEATURE_FLAG_INFO
    for flag, info in table.items():
        for needs in _others([(), *((other,) for other in FeatureFlag if other is not flag)], info.needs):
            values = {"FEATURE_FLAG_INFO": _changed(table, flag, replace(info, needs=needs))}
            yield Mutant(f"feature {flag} needs {', '.join(needs) or 'nothing'}", "test_features.py", values)
