"""Putting the guard into agents' settings files, and saying how it stands there."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from foundry_contracts.tables import GUARDED_AGENT_INFO
from foundry_contracts.vocabulary import GuardedAgent, GuardState
from foundry_mcp import bubblewrap
from foundry_mcp.cli.main import main
from foundry_mcp.guard.installing import Unreadable, check, install

CLAUDE, GEMINI = GuardedAgent.CLAUDE_CODE, GuardedAgent.GEMINI_CLI
AGENTS = pytest.mark.parametrize("agent", list(GuardedAgent))
HOOKS = {CLAUDE: "PreToolUse", GEMINI: "BeforeTool"}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "foundry-mcp").write_text("#!/bin/sh\n")
    (programs / "foundry-mcp").chmod(0o755)
    return {"PATH": str(programs), "HOME": str(tmp_path)}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def written(workspace: Path, agent: GuardedAgent, document: object) -> Path:
    """Write an agent's settings file, as a user has it."""
    path = workspace / GUARDED_AGENT_INFO[agent].file
    path.parent.mkdir(exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


@AGENTS
def test_an_installed_guard_is_found_whole(agent: GuardedAgent, workspace: Path, environ: dict[str, str]) -> None:
    assert check(agent, workspace, environ).state is GuardState.MISSING
    assert install(agent, workspace) is True
    assert check(agent, workspace, environ).state is GuardState.INSTALLED


@AGENTS
def test_installing_twice_changes_nothing_the_second_time(agent: GuardedAgent, workspace: Path) -> None:
    install(agent, workspace)
    path = workspace / GUARDED_AGENT_INFO[agent].file
    before = (path.read_bytes(), path.stat().st_ino)
    assert install(agent, workspace) is False
    assert (path.read_bytes(), path.stat().st_ino) == before


@AGENTS
def test_what_a_user_has_set_is_kept(agent: GuardedAgent, workspace: Path) -> None:
    mine = {"matcher": "Bash", "hooks": [{"type": "command", "command": "./mine.sh", "timeout": 5}]}
    document = {
        "größe": "ü",
        "hooks": {HOOKS[agent]: [mine], "Stop": [mine]},
        "permissions": {"allow": ["Bash(ls:*)"], "deny": ["Read(.env)"]},
        "mcpServers": {"x": {"command": "y"}},
    }
    path = written(workspace, agent, document)
    path.chmod(0o600)
    install(agent, workspace)
    merged = read(path)
    ours = merged["hooks"][HOOKS[agent]].pop()
    assert "foundry-mcp guard hook" in ours["hooks"][0]["command"]
    merged["permissions"]["deny"] = merged["permissions"]["deny"][:1]
    assert merged == document
    assert list(merged) == list(document)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "größe" in path.read_text()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@AGENTS
def test_an_older_hook_of_the_guard_is_replaced_and_one_beside_it_kept(agent: GuardedAgent, workspace: Path) -> None:
    mine = {"type": "command", "command": "./mine.sh"}
    older = {"type": "command", "command": "foundry-mcp guard hook --agent older"}
    path = written(workspace, agent, {"hooks": {HOOKS[agent]: [{"matcher": "X", "hooks": [older, mine]}]}})
    install(agent, workspace)
    groups = read(path)["hooks"][HOOKS[agent]]
    assert groups[0] == {"matcher": "X", "hooks": [mine]}
    assert len(groups) == 2
    assert "older" not in path.read_text()


def test_an_entry_that_is_no_group_of_hooks_is_kept(workspace: Path) -> None:
    path = written(workspace, CLAUDE, {"hooks": {HOOKS[CLAUDE]: [None, 3]}})
    install(CLAUDE, workspace)
    assert read(path)["hooks"][HOOKS[CLAUDE]][:2] == [None, 3]


@AGENTS
@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "// a comment\n{}",
        '{"a": 1, "a": 2}',
        '{"hooks": []}',
        '{"hooks": {"%EVENT%": {}}}',
        '{"a": "\\ud800"}',
        "\udcff",
    ],
)
def test_a_file_that_cannot_be_added_to_is_left_as_it_is(
    agent: GuardedAgent, text: str, workspace: Path, environ: dict[str, str]
) -> None:
    path = written(workspace, agent, "")
    path.write_bytes(text.replace("%EVENT%", HOOKS[agent]).encode("utf-8", "surrogateescape"))
    before = path.read_bytes()
    with pytest.raises(Unreadable):
        install(agent, workspace)
    assert path.read_bytes() == before
    assert check(agent, workspace, environ).state is GuardState.UNREADABLE


def test_a_link_stays_a_link_and_one_to_nothing_is_refused(workspace: Path, tmp_path: Path) -> None:
    path = written(workspace, CLAUDE, {})
    kept = tmp_path / "kept.json"
    path.rename(kept)
    path.symlink_to(kept)
    install(CLAUDE, workspace)
    assert path.is_symlink()
    assert "guard hook" in kept.read_text()
    kept.unlink()
    with pytest.raises(Unreadable):
        install(CLAUDE, workspace)


def changed(document: dict[str, Any], event: str, how: str) -> None:
    """Change an installed guard as somebody might."""
    group = document["hooks"][event][0]
    if how == "command":
        group["hooks"][0]["command"] = "foundry-mcp guard hook --agent x || true"
    elif how == "matcher":
        group["matcher"] = "Nothing"
    elif how == "twice":
        document["hooks"][event].append(group)
    elif how == "type":
        group["hooks"][0]["type"] = "prompt"
    elif how == "timeout":
        group["hooks"][0]["timeout"] = 0


@AGENTS
@pytest.mark.parametrize("how", ["command", "matcher", "twice", "type", "timeout"])
def test_a_changed_guard_is_told_and_mended(
    agent: GuardedAgent, how: str, workspace: Path, environ: dict[str, str]
) -> None:
    install(agent, workspace)
    path = workspace / GUARDED_AGENT_INFO[agent].file
    document = read(path)
    changed(document, HOOKS[agent], how)
    path.write_text(json.dumps(document))
    finding = check(agent, workspace, environ)
    assert finding.state is GuardState.CHANGED
    assert f"hooks.{HOOKS[agent]}" in finding.message
    assert install(agent, workspace) is True
    assert check(agent, workspace, environ).state is GuardState.INSTALLED


def test_a_rule_that_was_taken_away_is_told(workspace: Path, environ: dict[str, str]) -> None:
    install(CLAUDE, workspace)
    path = workspace / GUARDED_AGENT_INFO[CLAUDE].file
    document = read(path)
    document["permissions"]["deny"].pop()
    path.write_text(json.dumps(document))
    finding = check(CLAUDE, workspace, environ)
    assert (finding.state, "permissions.deny" in finding.message) == (GuardState.CHANGED, True)


@pytest.mark.parametrize(
    ("agent", "file", "document"),
    [
        (CLAUDE, ".claude/settings.json", {"disableAllHooks": True}),
        (CLAUDE, ".claude/settings.local.json", {"disableAllHooks": True}),
        (GEMINI, ".gemini/settings.json", {"hooksConfig": {"enabled": False}}),
    ],
)
def test_hooks_that_are_switched_off_are_told(
    agent: GuardedAgent, file: str, document: dict[str, Any], workspace: Path, environ: dict[str, str]
) -> None:
    install(agent, workspace)
    path = workspace / file
    path.write_text(json.dumps({**(read(path) if path.exists() else {}), **document}))
    assert check(agent, workspace, environ).state is GuardState.SWITCHED_OFF


@pytest.mark.parametrize(
    ("agent", "document"), [(CLAUDE, {"disableAllHooks": True}), (GEMINI, {"hooksConfig": {"enabled": False}})]
)
def test_hooks_that_the_user_switched_off_everywhere_are_told(
    agent: GuardedAgent, document: dict[str, Any], workspace: Path, environ: dict[str, str]
) -> None:
    install(agent, workspace)
    path = Path(environ["HOME"]) / GUARDED_AGENT_INFO[agent].file
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(document))
    finding = check(agent, workspace, environ)
    assert (finding.state, str(path) in finding.message) == (GuardState.SWITCHED_OFF, True)


def test_a_program_that_is_not_found_is_told(workspace: Path, environ: dict[str, str]) -> None:
    install(CLAUDE, workspace)
    assert check(CLAUDE, workspace, {**environ, "PATH": "/nowhere"}).state is GuardState.UNREACHABLE


def test_the_command_installs_for_agents_with_a_folder_and_tells_how_they_stand(
    workspace: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{environ['PATH']}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(bubblewrap, "worker_problem", lambda: None)
    where = ["--workspace", str(workspace)]
    assert main(["guard", "install", *where]) == 2
    assert "--agent" in capsys.readouterr().err
    assert main(["guard", "check", "--agent", "claude-code", *where]) == 1
    assert "claude-code: missing" in capsys.readouterr().out
    (workspace / ".gemini").mkdir()
    assert main(["guard", "install", *where]) == 0
    assert capsys.readouterr().out == "gemini-cli: written to .gemini/settings.json\n"
    assert not (workspace / ".claude").exists()
    assert main(["guard", "check", *where]) == 0
    assert main(["guard", "check", "--json", *where]) == 0
    (workspace / ".gemini" / "settings.json").write_text("{")
    assert main(["guard", "install", *where]) == 3
    assert "nothing was changed" in capsys.readouterr().err
    assert main(["guard", "check", *where]) == 3


def test_workers_that_cannot_be_isolated_are_a_finding_with_its_remedy(
    workspace: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{environ['PATH']}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(bubblewrap, "worker_problem", lambda: "no such program")
    install(CLAUDE, workspace)
    where = ["--workspace", str(workspace), "--agent", "claude-code"]
    assert main(["guard", "check", *where]) == 1
    assert "workers: not isolated: no such program\n    Install bubblewrap" in capsys.readouterr().out
    assert main(["guard", "check", "--json", *where]) == 1
    assert json.loads(capsys.readouterr().out)["problem"] == "no such program"
