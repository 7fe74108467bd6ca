"""How commands run, end and are cleared away."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from foundry_contracts.models.formats_plan import CommandLine
from foundry_mcp.adapters.output_capture import TAIL_BYTES
from foundry_mcp.adapters.process_runner import ProcessRunner
from foundry_mcp.adapters.system import SystemClock
from foundry_mcp.ports import Runner, RunResult

# A grandchild with a session of its own, which a kill of the process group does not reach; it says its number.
STRAY = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open(sys.argv[1], "w").write(str(os.getpid()))
        time.sleep(60)
    os._exit(0)
while not os.path.exists(sys.argv[1]) or not open(sys.argv[1]).read():
    time.sleep(0.01)
print("leader done", flush=True)
time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


def runner(workspace: Path, timeout_s: float = 20, **environ: str) -> Runner:
    return ProcessRunner(workspace, SystemClock(), timeout_s=timeout_s, environ={**os.environ, **environ})


def run(workspace: Path, *argv: str, cwd: str = ".", timeout_s: float = 20) -> RunResult:
    return asyncio.run(runner(workspace, timeout_s).run(CommandLine(argv=list(argv), cwd=cwd)))


def python(workspace: Path, code: str, *arguments: str, timeout_s: float = 20) -> RunResult:
    return run(workspace, sys.executable, "-c", code, *arguments, timeout_s=timeout_s)


def alive(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return status not in {"Z", "X"}


def gone(process: int) -> bool:
    deadline = time.monotonic() + 5
    while alive(process) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not alive(process)


def test_exit_code_output_and_moments_are_recorded(workspace: Path) -> None:
    result = run(workspace, "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (result.exit_code, result.timed_out, result.error) == (3, False, "")
    assert result.output_tail == "out\nerr\n"
    assert result.output_digest == hashlib.sha256(b"out\nerr\n").hexdigest()
    assert result.output_bytes == 8
    assert result.started_at <= result.finished_at


def test_it_runs_in_its_folder_without_input_and_with_a_small_environment(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOUNDRY_MCP_TOKEN", "secret")
    (workspace / "sub").mkdir()
    result = run(workspace, "sh", "-c", "pwd; cat; env | cut -d= -f1 | sort", cwd="sub")
    names = set(result.output_tail.splitlines()[1:]) - {"PWD", "OLDPWD", "SHLVL", "_"}
    assert result.output_tail.splitlines()[0] == str(workspace / "sub")
    assert names == {"PATH", "LANG", "HOME", "PYTHONDONTWRITEBYTECODE", "VERIFICATION_RUN"}


def test_a_long_output_is_hashed_whole_and_kept_at_its_end(workspace: Path) -> None:
    result = python(workspace, "print('é' * 500_000 + 'end', end='')")
    assert result.output_bytes == 1_000_003
    assert result.output_digest == hashlib.sha256(("é" * 500_000 + "end").encode()).hexdigest()
    assert len(result.output_tail.encode()) <= TAIL_BYTES
    assert result.output_tail.endswith("ééend")


def test_output_that_is_no_utf_8_becomes_valid_and_stays_within_the_cap(workspace: Path) -> None:
    result = python(workspace, "import sys; sys.stdout.buffer.write(bytes([255]) * 100_000)")
    assert len(result.output_tail.encode()) <= TAIL_BYTES
    assert set(result.output_tail) == {"\ufffd"}


def test_a_command_that_runs_too_long_is_stopped(workspace: Path) -> None:
    begun = time.monotonic()
    result = run(workspace, "sh", "-c", "echo before; sleep 60", timeout_s=0.5)
    assert time.monotonic() - begun < 5
    assert (result.exit_code, result.timed_out, result.output_tail) == (None, True, "before\n")
    assert "longer than 0.5 s" in result.error


def test_a_command_that_is_not_there_is_a_result(workspace: Path) -> None:
    result = run(workspace, "no-such-command-anywhere")
    assert (result.exit_code, result.timed_out) == (127, False)
    assert "was not found" in result.error


def test_a_file_that_may_not_be_executed_is_a_result(workspace: Path) -> None:
    (workspace / "script").write_text("#!/bin/sh\n")
    assert run(workspace, "./script").exit_code == 126


def test_a_command_that_cannot_be_passed_on_is_a_result(workspace: Path) -> None:
    result = run(workspace, "echo", "a\0b")
    assert result.exit_code is None
    assert "could not be started" in result.error


@pytest.mark.parametrize("cwd", ["..", "/", "link", "absent"])
def test_a_folder_outside_the_workspace_or_absent_is_refused(workspace: Path, cwd: str) -> None:
    (workspace / "link").symlink_to(workspace.parent)
    result = run(workspace, "touch", "mark", cwd=cwd)
    assert result.exit_code is None
    assert "workspace" in result.error
    assert not (workspace.parent / "mark").exists()


def test_a_folder_whose_name_begins_like_the_workspace_is_outside(workspace: Path) -> None:
    workspace.with_name("workspace-2").mkdir()
    assert "outside" in run(workspace, "true", cwd="../workspace-2").error


def test_a_stray_that_holds_the_output_does_not_hold_the_runner(workspace: Path, tmp_path: Path) -> None:
    begun = time.monotonic()
    result = python(workspace, STRAY, str(tmp_path / "pid"), "0")
    assert time.monotonic() - begun < 5
    assert (result.exit_code, result.output_tail) == (0, "leader done\n")
    assert gone(int((tmp_path / "pid").read_text()))


def test_a_child_in_the_background_does_not_survive(workspace: Path, tmp_path: Path) -> None:
    result = run(workspace, "sh", "-c", f"sleep 60 >/dev/null 2>&1 & echo $! > {tmp_path}/pid")
    assert result.exit_code == 0
    assert gone(int((tmp_path / "pid").read_text()))


def test_nothing_survives_a_timeout(workspace: Path, tmp_path: Path) -> None:
    result = python(workspace, STRAY, str(tmp_path / "pid"), "60", timeout_s=2)
    assert result.timed_out
    assert gone(int((tmp_path / "pid").read_text()))


def test_nothing_survives_a_cancellation(workspace: Path, tmp_path: Path) -> None:
    async def cancelled() -> None:
        command = CommandLine(argv=[sys.executable, "-c", STRAY, str(tmp_path / "pid"), "60"], cwd=".")
        task = asyncio.create_task(runner(workspace).run(command))
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert gone(int((tmp_path / "pid").read_text()))


def test_a_deadly_signal_is_named(workspace: Path) -> None:
    result = run(workspace, "sh", "-c", "kill -SEGV $$")
    assert result.exit_code == -11
    assert "SIGSEGV" in result.error


def test_no_descriptor_is_left_open(workspace: Path) -> None:
    run(workspace, "true")
    before = len(os.listdir("/proc/self/fd"))
    for argv in (["true"], ["no-such-command"], ["sh", "-c", "sleep 9 & exit 0"]):
        run(workspace, *argv, timeout_s=3)
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_tree_is_digested_before_and_after(workspace: Path) -> None:
    subprocess.run(["git", "init", "-q", str(workspace)], check=True)
    (workspace / ".gitignore").write_text("ignored\n")
    quiet = run(workspace, "touch", "ignored")
    assert quiet.tree_before == quiet.tree_after
    loud = run(workspace, "touch", "new")
    assert loud.tree_before == quiet.tree_after
    assert loud.tree_before != loud.tree_after
