"""What doctor and config show tell, as processes of their own; and that a server says the same."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import jsonschema_rs
import pytest

from foundry_contracts.settings import SETTINGS
from foundry_contracts.vocabulary import CommandName, SettingSource
from tests.driving import Json, accepted
from tests.outside import user_config
from tests.scenes import of
from tests.stdio_server import StdioServer, command_line, environment
from tests.supervisor.schemas import published

WAIVED = '[posture]\nprofile = "{}"\n[security]\nallow_gate_waiver = true\n'


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Give an empty workspace."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


def told(workspace: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the product in a workspace."""
    line = [sys.executable, "-m", "foundry_mcp.cli.main", *words, "--workspace", str(workspace)]
    environ = environment(workspace.with_name("state"))
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False, env=environ)


def test_doctor_says_what_would_be_refused_and_what_to_change_and_starts_nothing(workspace: Path) -> None:
    user_config(workspace.parent, WAIVED.format("strict-prod"))
    done = told(workspace, "doctor")
    assert (done.returncode, done.stderr) == (1, "")
    assert (
        "refuse: GATE_WAIVER_ALLOWED: A gate may be waived. security.allow_gate_waiver is true (user: " in done.stdout
    )
    assert "\n    Take security.allow_gate_waiver away.\n" in done.stdout
    assert done.stdout.endswith("A server does not start: 1 refusal, under the profile strict-prod.\n")
    assert not workspace.with_name("state").exists()
    user_config(workspace.parent, "")
    assert told(workspace, "doctor").returncode == 0


@pytest.mark.parametrize(
    ("name", "value", "told_of"),
    [
        ("FOUNDRY_MCP_TOKEN", "fmt_of-nobody", "The token in FOUNDRY_MCP_TOKEN is none of this workspace's."),
        ("XDG_STATE_HOME", "%WORKSPACE%/state", "would lie inside the workspace."),
    ],
)
def test_doctor_and_a_server_say_alike_that_place_or_token_keep_it_from_starting(
    workspace: Path, name: str, value: str, told_of: str
) -> None:
    environ = environment(workspace.with_name("state"))
    environ[name] = value.replace("%WORKSPACE%", str(workspace))
    said = []
    for verb in ("doctor", "serve"):
        line = [sys.executable, "-m", "foundry_mcp.cli.main", verb, "--workspace", str(workspace)]
        done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False, env=environ, input="")
        assert (done.returncode, done.stdout) == (3, "")
        said.append(done.stderr.replace("cannot start: ", ""))
    assert told_of in said[0]
    assert said[0] == said[1]
    assert not (workspace / "state").exists()


def test_doctor_says_what_a_server_over_http_would_be_refused_for(workspace: Path) -> None:
    over_pipes, over_http = told(workspace, "doctor"), told(workspace, "doctor", "--http", "[::]:8765")
    assert over_pipes.returncode == 0
    assert over_http.returncode == 1
    assert [line.split(": ")[:2] for line in over_http.stdout.splitlines() if line.startswith("refuse")] == [
        ["refuse", "NOBODY_ADMITTED"],
        ["refuse", "HOSTS_UNKNOWN"],
    ]
    assert over_http.stdout.endswith(
        "A server at [::]:8765 does not start: 2 refusals, under the profile strict-prod.\n"
    )
    user_config(workspace.parent, "[server]\nrequire_token = false\n")
    assert told(workspace, "doctor", "--http", "localhost:8765").returncode == 0
    assert not workspace.with_name("state").exists()


@pytest.mark.parametrize("command", ["doctor", "serve"])
@pytest.mark.parametrize(
    ("place", "code", "said"),
    [
        ("no.such.host.invalid:1", 3, "no.such.host.invalid:1 cannot be listened at: "),
        ("127.0.0.1", 2, "'127.0.0.1' is no HOST:PORT, as in 127.0.0.1:8765"),
        ("127.0.0.1:99999", 2, "'127.0.0.1:99999' is no HOST:PORT"),
    ],
)
def test_doctor_and_serve_say_the_same_of_an_address_that_is_none(
    workspace: Path, command: str, place: str, code: int, said: str
) -> None:
    done = told(workspace, command, "--http", place)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


def test_doctor_rehearses_strict_prod_under_staging(workspace: Path) -> None:
    user_config(workspace.parent, WAIVED.format("staging"))
    done = told(workspace, "doctor")
    assert done.returncode == 0
    assert "warn: GATE_WAIVER_ALLOWED: " in done.stdout
    assert "strict-prod would refuse: GATE_WAIVER_ALLOWED: " in done.stdout
    assert done.stdout.endswith("A server starts, under the profile staging.\n")


def test_doctor_writes_findings_that_hold_to_their_contract(workspace: Path) -> None:
    user_config(workspace.parent, WAIVED.format("staging"))
    findings = json.loads(told(workspace, "doctor", "--json").stdout)
    codes = [(finding["profile"], finding["level"]) for finding in findings if finding["code"] == "GATE_WAIVER_ALLOWED"]
    assert codes == [("staging", "warn"), ("strict-prod", "refuse")]
    schema = jsonschema_rs.validator_for(published("StartupFinding"))
    for finding in findings:
        schema.validate(finding)


@pytest.mark.parametrize("words", [("doctor",), ("config", "show")])
def test_settings_that_cannot_be_read_are_told_in_words(workspace: Path, words: tuple[str, ...]) -> None:
    user_config(workspace.parent, "[posture]\nprofil = 1\n")
    done = told(workspace, *words)
    assert (done.returncode, done.stdout) == (3, "")
    assert "did you mean 'profile'?" in done.stderr


def test_a_server_that_is_refused_says_so_and_one_that_warns_starts(workspace: Path) -> None:
    user_config(workspace.parent, WAIVED.format("strict-prod"))
    assert serve(workspace)[:2] == (3, "")
    assert "cannot start: GATE_WAIVER_ALLOWED: A gate may be waived." in serve(workspace)[2]
    user_config(workspace.parent, WAIVED.format("staging"))
    assert serve(workspace)[0] == 0
    assert "WARNING: warn: GATE_WAIVER_ALLOWED: A gate may be waived." in serve(workspace)[2]
    user_config(workspace.parent, WAIVED.format("staging") + '[observability]\nlog_level = "error"\n')
    assert serve(workspace) == (0, "", "")


def serve(workspace: Path) -> tuple[int, str, str]:
    """Start a server whose client leaves at once, and give how it ended and what it wrote."""
    done = subprocess.run(
        command_line(workspace),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment(workspace.with_name("state")),
    )
    return done.returncode, done.stdout, done.stderr


def test_config_show_and_the_server_tell_the_same_of_every_setting(workspace: Path) -> None:
    user_config(workspace.parent, WAIVED.format("staging"))
    (workspace / "foundry-mcp.toml").write_text("[session_defaults]\nmax_tasks = 7\n", encoding="utf-8")
    shown = json.loads(told(workspace, "config", "show", "--json").stdout)
    answer = asyncio.run(asked(workspace))
    assert answer["settings"] == shown
    assert [setting["name"] for setting in shown] == list(SETTINGS)
    assert answer["profile"] == "staging"
    assert {finding["code"] for finding in answer["findings"]} == {"GATE_WAIVER_ALLOWED"}
    by_name = {setting["name"]: setting for setting in shown}
    assert by_name["session_defaults.max_tasks"] == {
        "name": "session_defaults.max_tasks",
        "value": 7,
        "source": SettingSource.WORKSPACE,
        "place": str(workspace / "foundry-mcp.toml"),
    }
    assert by_name["session_defaults.max_attempts"] == {
        "name": "session_defaults.max_attempts",
        "value": 3,
        "source": SettingSource.DEFAULT,
    }
    assert by_name["verification.sandbox"] == {"name": "verification.sandbox", "source": SettingSource.DEFAULT}


async def asked(workspace: Path) -> Json:
    """Ask a server for its settings."""
    async with StdioServer.begin(workspace, environment(workspace.with_name("state"))) as server:
        return await accepted(server, "server", **of(CommandName.SERVER_CONFIG))


def test_config_show_names_what_does_not_hold(workspace: Path) -> None:
    file = workspace / "foundry-mcp.toml"
    file.write_text("[session_defaults]\nmax_tasks = 700\n", encoding="utf-8")
    lines = told(workspace, "config", "show").stdout.splitlines()
    assert "session_defaults.max_tasks = 100  (profile)" in lines
    assert 'security.loop_role = "autonomy_runner"  (profile)' in lines
    assert "verification.sandbox = not set  (default)" in lines
    said = f"session_defaults.max_tasks = 700 in {file} does not hold: it is looser than what holds without it"
    assert lines[-1] == said
