"""Each start-up rule: where it refuses or warns, what trips it, and that its remedy, carried out, starts the server."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from foundry_contracts.settings import SETTINGS
from foundry_contracts.tables import STARTUP_RULE_INFO
from foundry_contracts.vocabulary import PostureProfile, Role, SandboxKind, StartupFact, StartupLevel
from foundry_contracts.vocabulary import StartupRule as Rule
from foundry_mcp import bubblewrap
from foundry_mcp.bootstrap import Examined, StartRefused, examine, join, open_tokens
from foundry_mcp.machine.startup import startup_findings
from tests.adapters.sandboxes import need
from tests.outside import outside, user_config

STRICT, STAGING, DEBUG = PostureProfile.STRICT_PROD, PostureProfile.STAGING, PostureProfile.DEBUG
R, W, NO = StartupLevel.REFUSE, StartupLevel.WARN, None
Given = bool | int | str | tuple[str, ...]
Said = Mapping[str, Given]

# What each rule comes to under strict-prod, staging and debug.
LEVELS: dict[Rule, tuple[StartupLevel | None, StartupLevel | None, StartupLevel | None]] = {
    Rule.SETTING_LOOSENED: (R, R, R),
    Rule.POLICY_IN_WORKSPACE: (R, W, W),
    Rule.MAINTAINER_LOOP: (R, W, NO),
    Rule.LOCK_BYPASS_ALLOWED: (R, W, NO),
    Rule.GATE_WAIVER_ALLOWED: (R, W, NO),
    Rule.GATES_UNENFORCED: (R, W, NO),
    Rule.SHELL_ALLOWED: (R, NO, NO),
    Rule.AGENT_ATTESTS: (R, NO, NO),
    Rule.COMMANDS_REPLACED: (R, W, W),
    Rule.STORE_NOT_LASTING: (R, W, NO),
    Rule.SESSIONS_OFF: (R, NO, NO),
    Rule.GATES_OFF: (R, W, W),
    Rule.FLAG_WITHOUT_NEED: (NO, W, W),
    Rule.DEBUG_UNATTENDED: (NO, NO, R),
    Rule.OPEN_NETWORK: (R, R, R),
    Rule.NOBODY_ADMITTED: (R, R, R),
    Rule.GATE_POLICY_LOWERED: (W, W, W),
    Rule.LIMITS_RAISED: (W, W, W),
    Rule.SANDBOX_WEAKENED: (W, W, W),
    Rule.WORKERS_EXPOSED: (W, W, W),
    Rule.KEYS_EXPOSED: (W, W, W),
}
PROFILES = (STRICT, STAGING, DEBUG)


@dataclass
class Place:
    """Hold what is set where; `write` puts it there."""

    folder: Path
    user: dict[str, Given] = field(default_factory=dict)
    workspace: dict[str, Given] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    loopback: bool | None = None
    sandbox: bool = False

    @property
    def root(self) -> Path:
        """Give the workspace."""
        return self.folder / "workspace"

    def environ(self) -> dict[str, str]:
        """Write what is set, and give the environment of a server."""
        self.root.mkdir(exist_ok=True)
        (self.root / "foundry-mcp.toml").write_text(_toml(self.workspace), encoding="utf-8")
        user_config(self.folder, _toml(self.user))
        return {"XDG_STATE_HOME": str(self.folder / "state"), **outside(self.folder), **self.variables}

    def examine(self) -> Examined:
        """Look at it as doctor does, and as a server does that is to listen where it says."""
        return examine(self.root, self.environ(), loopback=self.loopback, try_sandbox=self.sandbox)

    def found(self) -> dict[Rule, StartupLevel]:
        """Give what is found under the profile in force."""
        examined = self.examine()
        return {f.code: f.level for f in examined.findings if f.profile is examined.resolved.profile}

    def take_away(self, settings: list[str]) -> None:
        """Take settings away from wherever the workspace sets them; where it does not, from the user's file."""
        for name in settings:
            inside = name in self.workspace or SETTINGS[name].environment in self.variables
            self.workspace.pop(name, None)
            self.variables.pop(SETTINGS[name].environment, None)
            if not inside:
                self.user.pop(name, None)


def _toml(said: Said) -> str:
    sections: dict[str, list[str]] = {}
    for name, value in said.items():
        section, _, key = name.partition(".")
        written = json.dumps(value)
        sections.setdefault(section, []).append(f"{key} = {written}")
    return "\n".join(line for section, lines in sections.items() for line in [f"[{section}]", *lines]) + "\n"


def _inside(place: Place) -> None:
    # A home in the workspace brings the user's file in with it.
    place.variables["XDG_CONFIG_HOME"] = str(place.root / "config")
    shutil.copytree(place.folder / "config", place.root / "config", dirs_exist_ok=True)


def _user(**said: bool | int | str) -> Callable[[Place], None]:
    return lambda place: place.user.update({name.replace("__", "."): value for name, value in said.items()})


def _workspace(place: Place) -> None:
    place.workspace["session_defaults.max_tasks"] = 1000


def _policy_inside(place: Place) -> None:
    place.environ()
    _inside(place)


def _open(place: Place) -> None:
    place.user["server.require_token"] = False
    place.loopback = False


def _shut(place: Place) -> None:
    place.loopback = True


def _sandbox(place: Place) -> None:
    place.sandbox = True


# How each rule is tripped, in what is otherwise a profile and nothing else.
TRIPS: dict[Rule, Callable[[Place], None]] = {
    Rule.SETTING_LOOSENED: _workspace,
    Rule.POLICY_IN_WORKSPACE: _policy_inside,
    Rule.MAINTAINER_LOOP: _user(security__loop_role=Role.MAINTAINER.value),
    Rule.LOCK_BYPASS_ALLOWED: _user(security__allow_lock_bypass=True),
    Rule.GATE_WAIVER_ALLOWED: _user(security__allow_gate_waiver=True),
    Rule.GATES_UNENFORCED: _user(security__enforce_gates=False),
    Rule.SHELL_ALLOWED: _user(verification__allow_shell=True),
    Rule.AGENT_ATTESTS: _user(verification__attestation="agent"),
    Rule.COMMANDS_REPLACED: _user(verification__replace_command="true"),
    Rule.STORE_NOT_LASTING: _user(store__lasting=False),
    Rule.SESSIONS_OFF: _user(feature_flags__autonomy_sessions=False),
    Rule.GATES_OFF: _user(feature_flags__autonomy_fidelity_gates=False),
    Rule.FLAG_WITHOUT_NEED: _user(feature_flags__autonomy_sessions=False),
    Rule.DEBUG_UNATTENDED: _user(security__allow_unattended=True),
    Rule.OPEN_NETWORK: _open,
    Rule.NOBODY_ADMITTED: _shut,
    Rule.LIMITS_RAISED: _user(session_defaults__max_tasks=1000),
    Rule.SANDBOX_WEAKENED: _user(verification__sandbox=SandboxKind.PROCESS_GROUP.value),
    Rule.WORKERS_EXPOSED: _user(security__worker_isolation="off"),
    Rule.KEYS_EXPOSED: _sandbox,
    Rule.GATE_POLICY_LOWERED: _user(session_defaults__gate_policy="lenient"),
}
# The remedies that are no setting to take away.
MENDED: dict[Rule, Callable[[Place], object]] = {
    Rule.POLICY_IN_WORKSPACE: lambda place: place.variables.pop("XDG_CONFIG_HOME"),
    Rule.OPEN_NETWORK: lambda place: setattr(place, "loopback", True),
    Rule.NOBODY_ADMITTED: lambda place: open_tokens(place.root, place.environ()).add("somebody", Role.OBSERVER),
}
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
        joined = join(place.root, place.environ(), loopback=place.loopback)
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
    ("loopback", "token", "asked", "found"),
    [
        (True, False, False, set()),
        (True, True, True, set()),
        (False, True, True, set()),
        (False, True, False, {Rule.OPEN_NETWORK}),
        (False, False, True, {Rule.NOBODY_ADMITTED}),
        (None, False, True, set()),
        (None, False, False, set()),
    ],
)
def test_over_http_a_server_is_neither_open_to_other_machines_nor_shut_for_all(
    tmp_path: Path, loopback: bool | None, token: bool, asked: bool, found: set[Rule]
) -> None:
    place = Place(tmp_path, {"server.require_token": asked}, loopback=loopback)
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
