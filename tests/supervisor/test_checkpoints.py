"""What a run keeps apart from the store, and that failing to keep it hides nothing."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import apsw
import jsonschema_rs
import pytest
from rich.console import Console

from foundry_contracts.tables import LOOP_SIGNAL_INFO
from foundry_contracts.vocabulary import ErrorCode, LogFault, LoopSignal, PauseReason, Severity
from foundry_mcp.supervisor.keeping import NotKept, keep
from foundry_mcp.supervisor.progress_json import JsonLines
from foundry_mcp.supervisor.progress_text import TextProgress
from foundry_mcp.supervisor.run import run_sync
from tests.driving import Json, task
from tests.supervisor.lab import SUCCEED, Lab
from tests.supervisor.schemas import published

FAIL = "sys.exit(7)"


def kept(lab: Lab) -> list[Json]:
    folder = lab.folder / "state" / "foundry-mcp" / "checkpoints"
    return [json.loads(path.read_text()) for path in sorted(folder.iterdir())]


def audit(lab: Lab, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "foundry_mcp.cli.main", "audit", "verify", "--workspace", str(lab.workspace)]
    return subprocess.run([*command, *words], env=lab.environ(), capture_output=True, text=True, timeout=50)


def store_of(lab: Lab) -> Path:
    (found,) = (lab.folder / "state" / "foundry-mcp").glob("*/store.sqlite3")
    return found


def test_each_phase_end_leaves_a_signed_head_that_an_audit_takes(lab: Lab) -> None:
    lab.plan("two", [task("a")], [task("b")])
    out = io.StringIO()
    assert run_sync("two", lab.settings(SUCCEED), TextProgress(Console(file=out, width=300))).exit_code == 0
    folder = lab.folder / "state" / "foundry-mcp" / "checkpoints"
    files = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert len(files) == 2
    for path in files:
        jsonschema_rs.validator_for(published("Checkpoint")).validate(json.loads(path.read_text()))
        assert path.stat().st_mode & 0o777 == 0o600
        assert f"log signed at event {path.stem.rsplit('-', 1)[1]}: {path}" in out.getvalue()
    words = [word for path in files for word in ("--checkpoint", str(path))]
    done = audit(lab, *words)
    assert (done.returncode, "2 checkpoints" in done.stdout) == (0, True), done.stdout

    raw = apsw.Connection(str(store_of(lab)))
    raw.execute("DELETE FROM events WHERE seq > 3")
    raw.close()
    done = audit(lab, *words)
    assert done.returncode == 1
    assert done.stdout.count("  cut: ") == 3


def test_the_head_is_in_the_packet_and_in_the_lines_for_programs(lab: Lab) -> None:
    lab.plan("stuck", [task("a")])
    out = io.StringIO()
    run_sync("stuck", lab.settings(FAIL), JsonLines(out))
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    (line,) = [line for line in lines if line["kind"] == "checkpoint"]
    assert lab.packet()["checkpoint"] == line["checkpoint"] == kept(lab)[0]
    jsonschema_rs.validator_for(published("EscalationPacket")).validate(lab.packet())
    (packet,) = lab.packets.iterdir()
    assert audit(lab, "--checkpoint", str(packet)).returncode == 0


def test_a_run_on_a_log_at_fault_stops_for_a_maintainer_and_leaves_the_way_out(lab: Lab) -> None:
    lab.plan("two", [task("a")], [task("b")])
    lab.run("two", phases=1)
    raw = apsw.Connection(str(store_of(lab)))
    raw.execute("UPDATE events SET actor_id = 'eve' WHERE seq = 2")
    raw.close()
    result = lab.run("two")
    packet = lab.packet()
    assert result.exit_code == LOOP_SIGNAL_INFO[LoopSignal.FAILED].exit_code
    assert (packet["error_code"], packet["severity"]) == (ErrorCode.LOG_INTEGRITY, Severity.L2)
    assert (packet["details"]["fault"], packet["details"]["seq"]) == (LogFault.EDITED, 2)
    assert [action["action"] for action in packet["recommended_actions"]] == ["audit", "reset"]
    assert packet["recommended_actions"][1]["call"]["params"]["session_id"] == packet["details"]["session_id"]


TAMPER = """
import glob, sqlite3
(path,) = glob.glob(os.environ["XDG_STATE_HOME"] + "/foundry-mcp/*/store.sqlite3")
db = sqlite3.connect(path)
db.execute("UPDATE events SET actor_id = 'eve' WHERE seq = 1")
db.commit()
answer(outcome="success")
"""


def test_a_worker_that_changes_the_log_is_found_when_the_head_is_signed_and_nothing_is_called_done(lab: Lab) -> None:
    lab.unisolated()
    lab.plan("one", [task("a")])
    out = io.StringIO()
    result = run_sync("one", lab.settings(TAMPER), JsonLines(out))
    line = next(json.loads(line) for line in out.getvalue().splitlines() if '"checkpoint"' in line)
    assert line["checkpoint"] is None
    assert "The head of the log was not signed: The session's log is at fault: Event 1" in line["problem"]
    assert result.exit_code == LOOP_SIGNAL_INFO[LoopSignal.FAILED].exit_code
    assert lab.packet()["error_code"] == ErrorCode.LOG_INTEGRITY


@pytest.mark.parametrize("place", ["a file in the way", "inside the workspace", "through a link into the workspace"])
def test_a_packet_that_cannot_be_kept_hides_nothing_and_nothing_is_written_in_the_workspace(
    lab: Lab, place: str
) -> None:
    lab.plan("stuck", [task("a")])
    folder = lab.folder / "packets"
    if place == "a file in the way":
        folder.write_text("")
    elif place == "inside the workspace":
        folder = lab.workspace / "packets"
    else:
        folder.symlink_to(lab.workspace, target_is_directory=True)
    before = sorted(lab.workspace.rglob("*"))
    out = io.StringIO()
    settings = lab.settings(FAIL, escalation_folder=folder, checkpoint_folder=folder)
    result = run_sync("stuck", settings, TextProgress(Console(file=out, width=300)))
    assert result.exit_code == LOOP_SIGNAL_INFO[LoopSignal.PAUSED_NEEDS_ATTENTION].exit_code
    assert result.last.escalation is None
    assert result.last.session is not None
    assert result.last.session.pause_reason is PauseReason.ATTEMPT_LIMIT
    said = out.getvalue()
    assert "Paused for attempt_limit" in said
    assert "task session resume" in said
    assert said.count("Name a folder outside" if "workspace" in place else "could not be written") == 2
    assert sorted(lab.workspace.rglob("*")) == before


def test_a_server_that_cannot_open_its_store_is_told_though_no_packet_can_be_written(lab: Lab) -> None:
    lab.plan("any", [task("a")])
    lab.packets.write_text("")
    environ = {**lab.environ(), "XDG_STATE_HOME": str(lab.workspace / "inside")}
    out = io.StringIO()
    result = run_sync("any", lab.settings(SUCCEED, environ=environ), JsonLines(out))
    line = next(json.loads(line) for line in out.getvalue().splitlines() if '"escalation"' in line)
    assert line["packet"]["message"] == "The server did not start; what it wrote above says why."
    assert (line["path"], "could not be written" in line["problem"]) == (None, True)
    assert result.exit_code == LOOP_SIGNAL_INFO[LoopSignal.PAUSED_NEEDS_ATTENTION].exit_code


@pytest.mark.parametrize("option", ["--escalation-dir", "--checkpoint-dir"])
def test_a_folder_in_the_workspace_is_bad_use(lab: Lab, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    from foundry_mcp.cli.main import main

    words = ["run", "any", "--worker", "true", "--workspace", str(lab.workspace)]
    assert main([*words, option, str(lab.workspace / "kept")]) == 2
    assert "lies in the workspace, where a worker could change it" in capsys.readouterr().err


def test_a_full_disk_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotKept, match="No space left on device"):
        keep(tmp_path / "kept" / "file", "text", workspace=tmp_path / "workspace")
    assert list((tmp_path / "kept").iterdir()) == []
