"""What is looked at before a server starts: facts against the contract's rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from foundry_contracts.models.startup import StartupFinding
from foundry_contracts.settings import SETTINGS
from foundry_contracts.tables import POSTURE_VALUES, STARTUP_RULE_INFO, StartupRuleInfo
from foundry_contracts.vocabulary import StartupFact, StartupLevel, StartupRule
from foundry_mcp.machine.settings import Held, Layer, Resolved, Said, Value, plain, resolve

Facts = Mapping[str, Sequence[Value]]


def startup_findings(
    layers: Sequence[Layer], known: Mapping[StartupFact, Value]
) -> tuple[Resolved, tuple[StartupFinding, ...]]:
    """Give what holds, and what the rules find in it: under its profile, and under the one that this one rehearses."""
    resolved = resolve(layers)
    found = [*_tripped(resolved, known)]
    rehearsed = POSTURE_VALUES[resolved.profile].rehearses
    if rehearsed is not None:
        refused = {finding.code for finding in refusals(resolved, found)}
        would = [f for f in _tripped(resolve(layers, rehearsed), known) if f.code not in refused]
        found += [finding for finding in would if finding.level is StartupLevel.REFUSE]
    return resolved, tuple(found)


def refusals(resolved: Resolved, findings: Sequence[StartupFinding]) -> list[StartupFinding]:
    """Give the findings that keep the server from starting."""
    return [f for f in findings if f.level is StartupLevel.REFUSE and f.profile is resolved.profile]


def _tripped(resolved: Resolved, known: Mapping[StartupFact, Value]) -> Iterator[StartupFinding]:
    facts = _facts(resolved, known)
    for rule, info in STARTUP_RULE_INFO.items():
        level = info.levels.get(resolved.profile)
        if level is not None and all(_holds(condition, facts) for condition in info.when):
            yield _finding(rule, info, StartupLevel(str(level)), resolved, facts)


def _facts(resolved: Resolved, known: Mapping[StartupFact, Value]) -> Facts:
    return {
        **{name: (held.value,) for name, held in resolved.held.items()},
        **{fact.value: (value,) for fact, value in known.items()},
        StartupFact.LOOSENED.value: tuple(resolved.loosened),
        StartupFact.LOOSER.value: resolved.looser,
    }


# Any: a condition is a contract's object, whose schema says what is in it.
def _holds(condition: Mapping[str, Any], facts: Facts) -> bool:
    return bool(_matching(condition, facts))


def _matching(condition: Mapping[str, Any], facts: Facts) -> list[Value]:
    """Give those of a fact's values that trip a condition; none where the fact is not known."""
    values = facts.get(condition["of"], ())
    if "is" in condition:
        return [value for value in values if value in condition["is"]]
    return [value for value in values if value not in condition.get("is_not", ())]


def _finding(
    rule: StartupRule, info: StartupRuleInfo, level: StartupLevel, resolved: Resolved, facts: Facts
) -> StartupFinding:
    named: list[str] = []
    told: list[str] = []
    for condition in info.when:
        of = str(condition["of"])
        names = [of] if of in SETTINGS else [str(value) for value in _matching(condition, facts) if value in SETTINGS]
        asked = resolved.loosened if of == StartupFact.LOOSENED else {}
        named += names
        told += [_told(name, resolved, asked.get(name)) for name in names]
    message = f"{info.description} {'; '.join(told)}." if told else info.description
    return StartupFinding(
        code=rule, level=level, profile=resolved.profile, settings=named, message=message, remedy=info.remedy
    )


def _told(name: str, resolved: Resolved, said: Said | None) -> str:
    held = resolved.held[name]
    if said is None:
        return f"{name} is {in_words(held.value)} ({origin(held)})"
    return f"{name} is {in_words(said.value)} in {said.place}, and {in_words(held.value)} ({origin(held)}) without it"


def in_words(value: Value) -> str:
    """Write a value as the settings file does; an absent one in words."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "not set" if value is None else repr(plain(value)).replace("'", '"')


def origin(held: Held) -> str:
    """Say where a value comes from."""
    return f"{held.source.value}: {held.place}" if held.place else held.source.value
