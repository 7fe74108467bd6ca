"""Where settings are read, which source wins, and what is refused or cannot be read, with where it was said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from foundry_contracts.settings import FILE_NAME
from foundry_contracts.vocabulary import EnvironmentVariable, SettingSource
from foundry_mcp.adapters.settings import SettingsInvalid
from foundry_mcp.machine.settings import config_of
from foundry_mcp.places import system_settings, user_settings
from tests.outside import load_settings, outside, user_config

ACTOR = "server.actor"


def system_config(folder: Path, name: str, text: str) -> str:
    """Write a system's configuration below a folder, and give the folder that names it."""
    file = folder / name / "foundry-mcp" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")
    return str(folder / name)


def actor(name: str) -> str:
    return f'[server]\nactor = "{name}"\n'


def test_the_environment_wins_over_the_workspace_that_over_the_user_and_the_user_over_the_system(
    tmp_path: Path,
) -> None:
    environ = outside(tmp_path)
    told = [load_settings(tmp_path, environ).held[ACTOR]]
    folders = [system_config(tmp_path, name, actor(name)) for name in ("site", "host")]
    environ["XDG_CONFIG_DIRS"] = folders[1]
    told.append(load_settings(tmp_path, environ).held[ACTOR])
    environ["XDG_CONFIG_DIRS"] = ":".join(folders)
    told.append(load_settings(tmp_path, environ).held[ACTOR])
    user_config(tmp_path, actor("me"))
    told.append(load_settings(tmp_path, environ).held[ACTOR])
    (tmp_path / "foundry-mcp.toml").write_text(actor("here"), encoding="utf-8")
    told.append(load_settings(tmp_path, environ).held[ACTOR])
    told.append(load_settings(tmp_path, environ | {"FOUNDRY_MCP_SERVER_ACTOR": "now"}).held[ACTOR])
    assert [(held.value, held.source, held.place) for held in told] == [
        ("local", SettingSource.DEFAULT, ""),
        ("host", SettingSource.SYSTEM, str(tmp_path / "host" / "foundry-mcp" / "config.toml")),
        ("site", SettingSource.SYSTEM, str(tmp_path / "site" / "foundry-mcp" / "config.toml")),
        ("me", SettingSource.USER, str(tmp_path / "config" / "foundry-mcp" / "config.toml")),
        ("here", SettingSource.WORKSPACE, str(tmp_path / "foundry-mcp.toml")),
        ("now", SettingSource.ENVIRONMENT, "FOUNDRY_MCP_SERVER_ACTOR"),
    ]


def test_files_outside_are_where_the_xdg_specification_has_them() -> None:
    named = {"XDG_CONFIG_HOME": "/c", "XDG_CONFIG_DIRS": "/a:relative:/b", "HOME": "/home/me"}
    assert user_settings(named) == Path("/c/foundry-mcp/config.toml")
    assert system_settings(named) == [Path("/b/foundry-mcp/config.toml"), Path("/a/foundry-mcp/config.toml")]
    unnamed = {"HOME": "/home/me", "XDG_CONFIG_HOME": "relative"}
    assert user_settings(unnamed) == Path("/home/me/.config/foundry-mcp/config.toml")
    assert system_settings(unnamed) == [Path("/etc/foundry-mcp/config.toml")]


def test_flags_are_also_set_in_one_variable(tmp_path: Path) -> None:
    environ = outside(tmp_path) | {
        "FOUNDRY_MCP_FEATURE_FLAGS": "autonomy_sessions=true, autonomy_fidelity_gates=false,"
    }
    held = load_settings(tmp_path, environ).held
    assert held["feature_flags.autonomy_fidelity_gates"].value is False
    assert held["feature_flags.autonomy_fidelity_gates"].place == "FOUNDRY_MCP_FEATURE_FLAGS"
    assert held["feature_flags.autonomy_sessions"].value is True
    environ["FOUNDRY_MCP_FEATURE_FLAGS_AUTONOMY_SESSIONS"] = "false"
    held = load_settings(tmp_path, environ).held
    assert held["feature_flags.autonomy_sessions"].value is False


FAULTS = [
    ("[posture]\nprofil = 1\n", "there is no setting in [posture] 'profil'; did you mean 'profile'?"),
    ("[postur]\nprofile = 1\n", "there is no section 'postur'; did you mean 'posture'?"),
    ("posture = 1\n", "[posture] is 1 and no section of settings"),
    ("[verification]\ntimeout_s = 0\n", "verification.timeout_s: 0 is less than the minimum of 1"),
    ("[specs]\nwrite_back = 'no'\n", 'specs.write_back: "no" is not of type "boolean"'),
]


@pytest.mark.parametrize(("text", "problem"), FAULTS)
def test_what_is_no_setting_is_refused_in_whichever_file_it_stands(tmp_path: Path, text: str, problem: str) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    file = workspace / "foundry-mcp.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsInvalid) as refused:
        load_settings(workspace, outside(tmp_path))
    assert (refused.value.message, refused.value.remedy) == (problem, f"Correct them in {file}.")
    file.unlink()
    environ = user_config(tmp_path, text)
    with pytest.raises(SettingsInvalid) as refused:
        load_settings(workspace, environ)
    assert refused.value.message == problem
    assert str(user_settings(environ)) in refused.value.remedy


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"FOUNDRY_MCP_VERIFICATION_TIMEOUT_S": "soon"}, 'verification.timeout_s: "soon" is not of type "integer"'),
        (
            {"FOUNDRY_MCP_FEATURE_FLAGS": "autonomy_session=true"},
            "there is no setting in [feature_flags] 'autonomy_session'; did you mean 'autonomy_sessions'?",
        ),
        (
            {"FOUNDRY_MCP_FEATURE_FLAGS": "autonomy_sessions=yes"},
            'feature_flags.autonomy_sessions: "yes" is not of type "boolean"',
        ),
        (
            {"FOUNDRY_MCP_FEATURE_FLAGS": "autonomy_sessions"},
            "FOUNDRY_MCP_FEATURE_FLAGS has 'autonomy_sessions', which is no name=value",
        ),
    ],
)
def test_what_is_no_setting_is_refused_in_the_environment(
    tmp_path: Path, variables: dict[str, str], problem: str
) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        load_settings(tmp_path, outside(tmp_path) | variables)
    assert refused.value.message == problem


def test_lists_in_the_environment_are_separated_by_commas(tmp_path: Path) -> None:
    environ = outside(tmp_path) | {"FOUNDRY_MCP_REVIEW_PROTECTED_PATHS": "tests, ci/**,"}
    resolved = load_settings(tmp_path, environ)
    assert config_of(resolved).review.protected_paths == ["tests", "ci/**"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("FOUNDRY_MCP_TOKN", "FOUNDRY_MCP_TOKEN"),
        ("FOUNDRY_MCP_WORKSPACES", "FOUNDRY_MCP_WORKSPACE"),
        ("FOUNDRY_MCP_VERIFICATION_TIMEOUT", "FOUNDRY_MCP_VERIFICATION_TIMEOUT_S"),
        ("FOUNDRY_MCP_SPEC_WRITEBACK", "FOUNDRY_MCP_SPECS_WRITE_BACK"),
        ("FOUNDRY_MCP_server_actor", None),
        ("FOUNDRY_MCP_", None),
    ],
)
def test_a_misspelled_variable_is_refused_with_the_nearest_that_is_known(
    tmp_path: Path, name: str, meant: str | None
) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(tmp_path, outside(tmp_path) | {name: "1", "PATH": "/bin"})
    assert f"there is no environment variable {name!r}" in caught.value.message
    assert f"did you mean {meant!r}?" in caught.value.message if meant else "known are" in caught.value.message


def test_every_variable_that_is_not_known_is_named_at_once_and_with_what_else_is_wrong_there(tmp_path: Path) -> None:
    wrong = {"FOUNDRY_MCP_TOKN": "", "FOUNDRY_MCP_POSTURE": "debug", "FOUNDRY_MCP_FEATURE_FLAGS": "sessions=true"}
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(tmp_path, outside(tmp_path) | wrong)
    for name in ("'FOUNDRY_MCP_TOKN'", "'FOUNDRY_MCP_POSTURE'", "'sessions'"):
        assert f"{name};" in caught.value.message


def test_variables_that_are_no_settings_and_those_of_others_are_let_be(tmp_path: Path) -> None:
    environ = {name.value: "x" for name in EnvironmentVariable} | {"FOUNDRY_PYTHON": "p", "foundry_mcp_x": "y"}
    assert load_settings(tmp_path, outside(tmp_path) | environ) == load_settings(tmp_path, outside(tmp_path))


def test_the_settings_file_may_be_a_link_to_a_file(tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text('[server]\nactor = "ann"\n')
    (tmp_path / FILE_NAME).symlink_to("real.toml")
    assert load_settings(tmp_path, outside(tmp_path)).held[ACTOR].value == "ann"


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere.toml")


def _circular(path: Path) -> None:
    path.symlink_to(path.name)


def _not_text(path: Path) -> None:
    path.write_bytes(b"\xff")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (_dangling, "it is a link to nowhere.toml, which is not there"),
        (_circular, "Too many levels of symbolic links"),
        (os.mkfifo, "it is not a regular file"),
        (os.mkdir, "Is a directory"),
        (_not_text, "can't decode byte"),
    ],
    ids=["dangling link", "link to itself", "pipe", "folder", "no text"],
)
def test_a_server_does_not_start_on_a_settings_file_it_cannot_read_and_waits_for_none(
    tmp_path: Path, made: object, said: str
) -> None:
    assert callable(made)
    made(tmp_path / FILE_NAME)
    done = subprocess.run(
        [sys.executable, "-m", "foundry_mcp.cli.main", "serve", "--workspace", str(tmp_path)],
        env={"PATH": os.environ["PATH"], "XDG_STATE_HOME": str(tmp_path / "state"), **outside(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert f"{FILE_NAME} cannot be read: " in done.stderr
    assert said in done.stderr
    assert "Mend the file, or take it away." in done.stderr
