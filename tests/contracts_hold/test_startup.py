"""Each start-up rule: where it refuses or warns, what trips it, and that its remedy, carried out, starts the server."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from foundry_contracts.settings import SETTINGS
from foundry_contracts.tables import STARTUP_RULE_INFO
from foundry_contracts.vocabulary import PostureProfile, Reach, Role, SandboxKind, StartupFact, StartupLevel
from foundry_contracts.vocabulary import StartupRule as Rule
from foundry_mcp import bubblewrap
from foundry_mcp.bootstrap import StartRefused, join, open_tokens
from foundry_mcp.machine.startup import startup_findings
from tests.adapters.sandboxes import need
from tests.contracts_hold.startup_places import (
    LEVELS,
    MENDED,
    PROFILES,
    STAGING,
    STRICT,
    TRIPS,
    Place,
    R,
    W,
)

CASES = [
    pytest.param(rule, profile, level, id=f"{rule} {profile}")
    for rule, levels in LEVELS.items()
    for profile, level in zip(PROFILES, levels, strict=True)
]


@pytest.fixture
def no_bubblewrap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be on a machine without bubblewrap."""
    monkeypatch.setattr(bubblewrap, "program", lambda name: f"/no/such/{name}")


def starts(place: Place) -> bool:
    """Tell whether a server starts; where it does not, it is for the start-up rules."""
    try:
        joined = join(place.root, place.environ(), reach=place.reach)
    except StartRefused:
        return False
    asyncio.run(joined.application.close())
    return True


def test_each_rule_and_each_level_is_stated() -> None:
    assert set(LEVELS) == set(TRIPS) == set(Rule)
    stated = {rule: {p.value: level for p, level in zip(PROFILES, LEVELS[rule], strict=True) if level} for rule in Rule}
    assert {rule: dict(info.levels) for rule, info in STARTUP_RULE_INFO.items()} == stated


def test_each_condition_is_of_a_fact_or_a_setting() -> None:
    for info in STARTUP_RULE_INFO.values():
        for condition in info.when:
            assert condition["of"] in set(StartupFact) | SETTINGS.keys()
            if condition["of"] == StartupFact.LOOSER:
                assert set(_values(condition["is"])) <= SETTINGS.keys()


def test_every_limit_that_may_be_raised_is_told_of() -> None:
    (condition,) = STARTUP_RULE_INFO[Rule.LIMITS_RAISED].when
    limits = {name for name, entry in SETTINGS.items() if entry.tighter == "lower"}
    assert set(_values(condition["is"])) == limits


def _values(value: Any) -> list[Any]:
    return list(value)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_by_itself_trips_nothing_and_starts(tmp_path: Path, profile: PostureProfile) -> None:
    place = Place(tmp_path, {"posture.profile": profile.value})
    assert place.found() == {}
    assert starts(place)


@pytest.mark.usefixtures("no_bubblewrap")
@pytest.mark.parametrize(("rule", "profile", "level"), CASES)
def test_a_rule_is_tripped_where_and_as_it_is_stated_and_its_remedy_mends_it(
    tmp_path: Path, rule: Rule, profile: PostureProfile, level: StartupLevel | None
) -> None:
    place = Place(tmp_path, {"posture.profile": profile.value})
    TRIPS[rule](place)
    found = place.found()
    assert found.get(rule) is level
    if level is None:
        return
    assert bool(place.examine().refusals) is (level is R)
    assert starts(place) is (level is W)
    if rule is Rule.KEYS_EXPOSED:
        # Its remedy is another machine: the test below is on one.
        return
    finding = next(f for f in place.examine().findings if f.code is rule)
    if rule in MENDED:
        MENDED[rule](place)
    else:
        assert finding.settings
        assert all(name in finding.message for name in finding.settings)
        place.take_away(finding.settings)
    assert rule not in place.found()
    assert place.examine().refusals == []
    assert starts(place)


@pytest.mark.parametrize(
    ("reach", "token", "asked", "found"),
    [
        (Reach.THIS_MACHINE, False, False, set()),
        (Reach.THIS_MACHINE, True, True, set()),
        (Reach.OTHER_MACHINES, True, True, set()),
        (Reach.OTHER_MACHINES, True, False, {Rule.OPEN_NETWORK}),
        (Reach.OTHER_MACHINES, False, True, {Rule.NOBODY_ADMITTED}),
        (Reach.ANY_ADDRESS, True, True, {Rule.HOSTS_UNKNOWN}),
        (Reach.ANY_ADDRESS, True, False, {Rule.OPEN_NETWORK, Rule.HOSTS_UNKNOWN}),
        (Reach.ANY_ADDRESS, False, True, {Rule.NOBODY_ADMITTED, Rule.HOSTS_UNKNOWN}),
        (None, False, True, set()),
        (None, False, False, set()),
    ],
)
def test_over_http_a_server_is_neither_open_to_other_machines_nor_shut_for_all(
    tmp_path: Path, reach: Reach | None, token: bool, asked: bool, found: set[Rule]
) -> None:
    place = Place(tmp_path, {"server.require_token": asked}, reach=reach)
    if token:
        open_tokens(place.root, place.environ()).add("somebody", Role.OBSERVER)
    assert set(place.found()) == found


def test_on_a_machine_with_bubblewrap_the_keys_are_hidden(tmp_path: Path) -> None:
    need(SandboxKind.BUBBLEWRAP)
    assert Place(tmp_path, sandbox=True).found() == {}


def test_staging_also_says_what_strict_prod_would_refuse(tmp_path: Path) -> None:
    place = Place(tmp_path, {"posture.profile": STAGING.value, "security.allow_gate_waiver": True})
    place.workspace["session_defaults.max_consecutive_errors"] = 4
    told = [(f.profile, f.code, f.level) for f in place.examine().findings]
    assert told == [
        (STAGING, Rule.GATE_WAIVER_ALLOWED, W),
        # Four errors are fewer than staging's five, and more than the three of strict-prod.
        (STRICT, Rule.SETTING_LOOSENED, R),
        (STRICT, Rule.GATE_WAIVER_ALLOWED, R),
    ]
    assert starts(place)


def test_a_flag_that_is_off_as_well_needs_nothing(tmp_path: Path) -> None:
    off = {"feature_flags.autonomy_sessions": False, "feature_flags.autonomy_fidelity_gates": False}
    found = Place(tmp_path, {"posture.profile": STAGING.value, **off}).found()
    assert found == {Rule.GATES_OFF: W}


@pytest.mark.parametrize("lasting", [True, False])
def test_a_store_that_does_not_last_is_not_in_the_state_folder(tmp_path: Path, lasting: bool) -> None:
    place = Place(tmp_path, {"posture.profile": STAGING.value, "store.lasting": lasting})
    assert starts(place)
    assert bool(list((tmp_path / "state").rglob("store.sqlite3"))) is lasting


def test_a_fact_that_nobody_looked_into_trips_nothing() -> None:
    assert startup_findings((), {})[1] == ()
    (finding,) = startup_findings((), {StartupFact.KEYS_HIDDEN: False})[1]
    assert finding.code is Rule.KEYS_EXPOSED


def test_a_refusal_names_every_rule_that_is_tripped_each_with_its_remedy(tmp_path: Path) -> None:
    place = Place(tmp_path, {"security.allow_gate_waiver": True, "security.allow_lock_bypass": True})
    with pytest.raises(StartRefused) as refused:
        join(place.root, place.environ())
    for rule in (Rule.GATE_WAIVER_ALLOWED, Rule.LOCK_BYPASS_ALLOWED):
        assert rule in refused.value.message
        assert STARTUP_RULE_INFO[rule].remedy in refused.value.message
    assert not os.path.lexists(tmp_path / "state")
