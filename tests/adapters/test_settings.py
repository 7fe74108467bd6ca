"""Settings come from the file and the environment; what is not known, or cannot be read, is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from foundry_contracts.vocabulary import EnvironmentVariable
from foundry_mcp.adapters.settings import FILE_NAME, SettingsInvalid, load_settings


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("[verification]\ntimeout_s = 60\n[session_defaults]\nmax_attempts = 5\n")
    environ = {"FOUNDRY_MCP_VERIFICATION_TIMEOUT_S": "61", "FOUNDRY_MCP_SPECS_WRITE_BACK": "false"}
    settings = load_settings(tmp_path, environ)
    assert settings.verification.timeout_s == 61
    assert settings.session_defaults.max_attempts == 5
    assert settings.specs.write_back is False
    assert settings.server.actor == "local"


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
        load_settings(tmp_path, {name: "1", "PATH": "/bin"})
    assert f"there is no environment variable {name!r}" in caught.value.message
    assert f"did you mean {meant!r}?" in caught.value.message if meant else "known are" in caught.value.message


def test_every_variable_that_is_not_known_is_named_at_once_and_with_what_else_is_wrong(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("[verification]\ntimeout = 60\n")
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(tmp_path, {"FOUNDRY_MCP_TOKN": "", "FOUNDRY_MCP_POSTURE": "debug"})
    for name in ("'FOUNDRY_MCP_TOKN'", "'FOUNDRY_MCP_POSTURE'", "'timeout'"):
        assert f"{name};" in caught.value.message


def test_variables_that_are_no_settings_and_those_of_others_are_let_be(tmp_path: Path) -> None:
    environ = {name.value: "x" for name in EnvironmentVariable} | {"FOUNDRY_PYTHON": "p", "foundry_mcp_x": "y"}
    assert load_settings(tmp_path, environ) == load_settings(tmp_path, {})


def test_the_settings_file_may_be_a_link_to_a_file(tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text('[server]\nactor = "ann"\n')
    (tmp_path / FILE_NAME).symlink_to("real.toml")
    assert load_settings(tmp_path, {}).server.actor == "ann"


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
        env={"PATH": os.environ["PATH"], "XDG_STATE_HOME": str(tmp_path / "state")},
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
