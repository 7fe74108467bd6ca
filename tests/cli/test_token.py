"""The words of foundry-mcp token, and the server that a token is given to."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from foundry_contracts.vocabulary import ErrorCode, Role
from foundry_mcp.cli.main import main
from tests.driving import accepted, refused, spec, task
from tests.stdio_server import StdioServer, command_line, environment

SPEC = "a-spec"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "workspace"
    (folder / "specs" / "active").mkdir(parents=True)
    (folder / "specs" / "active" / f"{SPEC}.json").write_text(json.dumps(spec(SPEC, [task("t1")])), encoding="utf-8")
    return folder


def added(workspace: Path, actor: str, role: Role, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["token", "add", actor, "--role", role.value, "--workspace", str(workspace)]) == 0
    said = capsys.readouterr()
    assert "FOUNDRY_MCP_TOKEN" in said.err
    return said.out.strip()


def test_a_token_is_told_once_and_listed_without_itself(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = added(workspace, "ops", Role.MAINTAINER, capsys)
    assert main(["token", "list", "--workspace", str(workspace)]) == 0
    listed = capsys.readouterr().out
    assert listed.split("\t")[:2] == ["ops", Role.MAINTAINER]
    assert secret not in listed
    assert not list(workspace.rglob("tokens*"))


def test_a_name_taken_is_refused_with_what_to_do(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    added(workspace, "ops", Role.MAINTAINER, capsys)
    assert main(["token", "add", "ops", "--role", Role.OBSERVER.value, "--workspace", str(workspace)]) == 1
    said = capsys.readouterr()
    assert (said.out, "Revoke it first" in said.err) == ("", True)


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\x1b[31m", "a" * 129])
def test_a_name_that_cannot_be_told_in_a_log_is_refused(
    workspace: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["token", "add", name, "--role", Role.OBSERVER.value, "--workspace", str(workspace)]) == 1
    said = capsys.readouterr()
    assert (said.out, "is no name" in said.err) == ("", True)


def test_revoking_says_whether_there_was_one(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    added(workspace, "ops", Role.MAINTAINER, capsys)
    revoke = ["token", "revoke", "ops", "--workspace", str(workspace)]
    assert main(revoke) == 0
    assert main(revoke) == 1
    assert "'ops' has no token" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["add", "ops"], ["add", "ops", "--role", "king"], ["revoke"]])
def test_words_that_make_no_sense_are_bad_use(words: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["token", *words])
    assert left.value.code == 2


@pytest.mark.anyio
async def test_a_server_with_a_token_calls_in_its_role(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = added(workspace, "eve", Role.OBSERVER, capsys)
    start = {"action": "session", "command": "start", "spec_id": SPEC}
    async with StdioServer.begin(workspace, environment(tmp_path / "state", FOUNDRY_MCP_TOKEN=secret)) as server:
        await accepted(server, "task", action="session", command="list")
        data = await refused(server, ErrorCode.UNAUTHORIZED, "task", **start)
    assert data["details"] == {"role": Role.OBSERVER, "needed": Role.AUTONOMY_RUNNER}
    async with StdioServer.begin(workspace, environment(tmp_path / "state")) as server:
        await accepted(server, "task", **start)


def test_a_server_with_a_token_of_nobody_does_not_start(workspace: Path, tmp_path: Path) -> None:
    environ = environment(tmp_path / "state", FOUNDRY_MCP_TOKEN="fmt_nobody")
    served = subprocess.run(
        command_line(workspace), env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=50
    )
    assert served.returncode == 3
    assert "none of this workspace's" in served.stderr
    assert "fmt_nobody" not in served.stderr
