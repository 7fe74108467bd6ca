"""Which way each setting is tightened, stated by a looser and a tighter value, and who may set which."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundry_contracts.settings import SETTINGS
from foundry_contracts.tables import POSTURE_VALUES
from foundry_contracts.vocabulary import PostureProfile, SettingSource, StartupRule
from foundry_mcp.machine.settings import Value
from tests.contracts_hold.startup_places import Given, Place

# Under this configuration: a value that is looser, one that is stricter (None: there is none of either).
BASE: dict[str, Given] = {"posture.profile": "staging"}
STATED: dict[str, tuple[Value, Value]] = {
    "feature_flags.autonomy_sessions": (None, False),
    "feature_flags.autonomy_fidelity_gates": (None, False),
    "posture.profile": ("debug", "strict-prod"),
    "security.loop_role": ("maintainer", "observer"),
    "security.allow_lock_bypass": (True, None),
    "security.allow_gate_waiver": (True, None),
    "security.enforce_gates": (False, None),
    "security.allow_unattended": (None, False),
    "security.worker_isolation": ("off", "required"),
    "session_defaults.max_attempts": (4, 2),
    "session_defaults.max_consecutive_errors": (6, 4),
    "session_defaults.max_feedback_cycles": (4, 2),
    "session_defaults.replay_grace_s": (86401, 86399),
    "session_defaults.max_tasks": (101, 99),
    "session_defaults.max_context_percent": (86, 84),
    "session_defaults.heartbeat_stale_s": (601, 599),
    "session_defaults.step_stale_s": (3601, 3599),
    "session_defaults.gate_policy": ("lenient", "manual"),
    "session_defaults.stop_on_phase_completion": (False, None),
    "session_defaults.auto_retry_gate": (None, False),
    "verification.attestation": (None, "operator"),
    "verification.allow_shell": (None, False),
    "verification.timeout_s": (601, 599),
    "verification.sandbox": ("pid_namespace", "bubblewrap"),
    "verification.max_output_mb": (65, 63),
    "verification.max_memory_mb": (4097, 4095),
    "verification.max_file_mb": (4097, 4095),
    "verification.max_open_files": (4097, 4095),
    "verification.max_processes": (1025, 1023),
    # Nothing stands in for the commands of a workspace on its own word.
    "verification.replace_command": ("true", None),
    "store.lasting": (False, None),
    "review.reviewer": (None, "manual"),
    # Nor does anything in a workspace choose the program that reviews it.
    "review.command": ("true", None),
    "review.timeout_s": (601, 599),
    "review.max_answer_kb": (257, 255),
    "review.protected_paths": (None, ("tests",)),
    "server.require_token": (False, None),
    "server.hosts": (("mcp.example",), None),
    "server.origins": (("https://app.example",), None),
    "server.max_body_kb": (4097, 4095),
    "server.client_timeout_s": (16, 14),
    "server.keep_alive_s": (76, 74),
    "server.shutdown_grace_s": (11, 9),
    "server.max_connections": (1001, 999),
}
# No value of these is stricter than another.
OTHER: dict[str, Value] = {
    "verification.default_test_command": "make test",
    "specs.write_back": False,
    "server.actor": "somebody",
    "observability.log_level": "debug",
}
LOOSER = [(name, value) for name, (value, _) in STATED.items() if value is not None]
TIGHTER = [(name, value) for name, (_, value) in STATED.items() if value is not None]
INSIDE = pytest.mark.parametrize("inside", [SettingSource.WORKSPACE, SettingSource.ENVIRONMENT])


def said(folder: Path, name: str, value: Value, source: SettingSource) -> Place:
    """Set one value at a source."""
    assert value is not None
    place = Place(folder, dict(BASE))
    if source is SettingSource.USER:
        place.user[name] = value
    elif source is SettingSource.WORKSPACE:
        place.workspace[name] = value
    else:
        place.variables[SETTINGS[name].environment] = _in_a_variable(value)
    return place


def _in_a_variable(value: Given) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_every_setting_is_stated() -> None:
    assert STATED.keys() | OTHER.keys() == SETTINGS.keys()
    assert STATED.keys() & OTHER.keys() == set()


@INSIDE
@pytest.mark.parametrize(("name", "value"), LOOSER)
def test_inside_the_workspace_nothing_is_loosened(
    tmp_path: Path, name: str, value: Value, inside: SettingSource
) -> None:
    examined = said(tmp_path, name, value, inside).examine()
    assert list(examined.resolved.loosened) == [name]
    assert examined.resolved.held[name].value != value
    (finding,) = examined.refusals
    assert (finding.code, finding.settings) == (StartupRule.SETTING_LOOSENED, [name])


@INSIDE
@pytest.mark.parametrize(("name", "value"), [*TIGHTER, *OTHER.items()])
def test_inside_the_workspace_it_may_be_tightened(
    tmp_path: Path, name: str, value: Value, inside: SettingSource
) -> None:
    resolved = said(tmp_path, name, value, inside).examine().resolved
    assert (resolved.held[name].value, resolved.held[name].source) == (value, inside)
    assert not resolved.loosened
    assert not resolved.looser


@pytest.mark.parametrize(("name", "value"), [*LOOSER, *TIGHTER, *OTHER.items()])
def test_outside_the_workspace_anything_may_be_set(tmp_path: Path, name: str, value: Value) -> None:
    resolved = said(tmp_path, name, value, SettingSource.USER).examine().resolved
    assert (resolved.held[name].value, resolved.held[name].source) == (value, SettingSource.USER)
    assert resolved.looser == ((name,) if (name, value) in LOOSER and name != "posture.profile" else ())


@pytest.mark.parametrize("name", STATED)
def test_the_same_value_is_no_looser(tmp_path: Path, name: str) -> None:
    held = Place(tmp_path, dict(BASE)).examine().resolved.held[name].value
    if held is not None:
        assert not said(tmp_path, name, held, SettingSource.WORKSPACE).examine().resolved.loosened


# Nothing that a file can say means absence.
SAYABLE = [(name, value) for name, value in TIGHTER if name != "verification.sandbox"]


@pytest.mark.parametrize(("name", "value"), SAYABLE)
def test_what_is_tightened_outside_is_not_undone_inside(tmp_path: Path, name: str, value: Value) -> None:
    before = Place(tmp_path, dict(BASE)).examine().resolved.held[name].value
    place = said(tmp_path, name, value, SettingSource.USER)
    assert before is not None
    place.workspace[name] = before
    resolved = place.examine().resolved
    assert (list(resolved.loosened), resolved.held[name].value) == ([name], value)


def test_the_systems_file_may_loosen_and_the_users_more(tmp_path: Path) -> None:
    file = tmp_path / "system" / "foundry-mcp" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("[session_defaults]\nmax_tasks = 500\n", encoding="utf-8")
    place = Place(tmp_path)
    held = place.examine().resolved.held["session_defaults.max_tasks"]
    assert (held.value, held.source) == (500, SettingSource.SYSTEM)
    place.user["session_defaults.max_tasks"] = 600
    held = place.examine().resolved.held["session_defaults.max_tasks"]
    assert (held.value, held.source) == (600, SettingSource.USER)


@pytest.mark.parametrize("profile", PostureProfile)
def test_a_profile_expands_to_exactly_its_table(tmp_path: Path, profile: PostureProfile) -> None:
    held = Place(tmp_path, {"posture.profile": profile.value}).examine().resolved.held
    from_profile = {name: h.value for name, h in held.items() if h.source is SettingSource.PROFILE}
    assert from_profile == {
        name: getattr(POSTURE_VALUES[profile], entry.profile) for name, entry in SETTINGS.items() if entry.profile
    }
    others = {name: h.source for name, h in held.items() if name not in from_profile}
    assert others.pop("posture.profile") is SettingSource.USER
    assert set(others.values()) == {SettingSource.DEFAULT}


def test_what_the_user_allows_the_workspace_may_use_and_no_more(tmp_path: Path) -> None:
    place = Place(tmp_path, {"session_defaults.max_tasks": 500})
    place.workspace["session_defaults.max_tasks"] = 300
    assert place.examine().resolved.held["session_defaults.max_tasks"].value == 300
    place.variables["FOUNDRY_MCP_SESSION_DEFAULTS_MAX_TASKS"] = "400"
    assert place.examine().resolved.held["session_defaults.max_tasks"].source is SettingSource.ENVIRONMENT
    place.variables["FOUNDRY_MCP_SESSION_DEFAULTS_MAX_TASKS"] = "501"
    held = place.examine().resolved
    assert list(held.loosened) == ["session_defaults.max_tasks"]
    # What does not hold leaves the rest as it was.
    assert held.held["session_defaults.max_tasks"].value == 300
