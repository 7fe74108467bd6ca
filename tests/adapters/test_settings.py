"""Where settings are read, which source wins, and what is refused, with where it was said."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundry_contracts.vocabulary import SettingSource
from foundry_mcp.adapters.settings import SettingsInvalid, load_settings, system_files, user_file
from tests.outside import outside, user_config

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
    assert user_file(named) == Path("/c/foundry-mcp/config.toml")
    assert system_files(named) == [Path("/b/foundry-mcp/config.toml"), Path("/a/foundry-mcp/config.toml")]
    unnamed = {"HOME": "/home/me", "XDG_CONFIG_HOME": "relative"}
    assert user_file(unnamed) == Path("/home/me/.config/foundry-mcp/config.toml")
    assert system_files(unnamed) == [Path("/etc/foundry-mcp/config.toml")]


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
    assert str(user_file(environ)) in refused.value.remedy


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
