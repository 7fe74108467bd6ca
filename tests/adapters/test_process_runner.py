"""How commands run, end and are cleared away, in each kind of sandbox."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import os
import py_compile
import subprocess
import sys
import time
from pathlib import Path

import pytest

from foundry_contracts.models.formats_plan import CommandLine
from foundry_contracts.vocabulary import SandboxGuard, SandboxKind
from foundry_mcp.adapters.output_capture import TAIL_BYTES
from foundry_mcp.adapters.sandbox import unenforced
from tests.adapters.sandboxes import STRAY, kinds_that, need, pipe_in, python, run, runner

SURE = kinds_that(SandboxGuard.DESCENDANTS_ENDED)

# A child that leaves the group, but keeps its environment.
CHILD = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    pipe = os.open("alive", os.O_WRONLY)
    os.write(pipe, b"up")
    open("up", "w").close()
    time.sleep(60)
while not os.path.exists("up"):
    time.sleep(0.01)
"""


@pytest.fixture(params=list(SandboxKind))
def kind(request: pytest.FixtureRequest) -> SandboxKind:
    chosen: SandboxKind = request.param
    need(chosen)
    return chosen


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


def test_exit_code_output_and_moments_are_recorded(kind: SandboxKind, workspace: Path) -> None:
    result = run(kind, workspace, "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (result.exit_code, result.timed_out, result.error) == (3, False, "")
    assert result.output_tail == "out\nerr\n"
    assert result.output_digest == hashlib.sha256(b"out\nerr\n").hexdigest()
    assert result.output_bytes == 8
    assert result.started_at <= result.finished_at
    assert (result.sandbox, result.unenforced) == (kind, unenforced(kind))


def test_it_runs_in_its_folder_without_input_and_with_a_small_environment(
    kind: SandboxKind, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOUNDRY_MCP_TOKEN", "secret")
    (workspace / "sub").mkdir()
    result = run(kind, workspace, "sh", "-c", "pwd; cat; env | cut -d= -f1 | sort", cwd="sub")
    names = set(result.output_tail.splitlines()[1:]) - {"PWD", "OLDPWD", "SHLVL", "_"}
    assert result.output_tail.splitlines()[0] == str(workspace / "sub")
    assert names == {"PATH", "LANG", "HOME", "TMPDIR", "PYTHONPYCACHEPREFIX", "VERIFICATION_RUN"}


def test_home_and_temporary_files_are_its_own_and_go_with_it(kind: SandboxKind, workspace: Path) -> None:
    result = run(kind, workspace, "sh", "-c", 'touch "$HOME/a" "$TMPDIR/b" && echo "$HOME" && echo "$TMPDIR"')
    assert result.exit_code == 0
    for folder in result.output_tail.splitlines():
        assert os.path.isabs(folder)
        assert not os.path.exists(folder)


def test_a_compiled_file_of_the_workspace_never_stands_in_for_its_source(kind: SandboxKind, workspace: Path) -> None:
    source, planted = workspace / "checks.py", workspace / "planted.py"
    source.write_text("raise SystemExit('the source ran')\n")
    planted.write_text("print('the planted file ran')\n")
    compiled = importlib.util.cache_from_source(str(source))
    # Of this kind no source is ever looked at: it stays good whatever the source says.
    py_compile.compile(str(planted), compiled, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    assert Path(compiled).parent.parent == workspace
    result = run(kind, workspace, sys.executable, "-c", "import checks")
    assert (result.exit_code, result.output_tail) == (1, "the source ran\n")
    assert {path.name for path in Path(compiled).parent.iterdir()} == {Path(compiled).name}


def test_a_long_output_is_hashed_whole_and_kept_at_its_end(kind: SandboxKind, workspace: Path) -> None:
    result = python(kind, workspace, "print('é' * 500_000 + 'end', end='')")
    assert result.output_bytes == 1_000_003
    assert result.output_digest == hashlib.sha256(("é" * 500_000 + "end").encode()).hexdigest()
    assert len(result.output_tail.encode()) <= TAIL_BYTES
    assert result.output_tail.endswith("ééend")


def test_output_that_is_no_utf_8_becomes_valid_and_stays_within_the_cap(kind: SandboxKind, workspace: Path) -> None:
    result = python(kind, workspace, "import sys; sys.stdout.buffer.write(bytes([255]) * 100_000)")
    assert len(result.output_tail.encode()) <= TAIL_BYTES
    assert set(result.output_tail) == {"\ufffd"}


def test_an_output_without_end_is_stopped_at_its_limit(kind: SandboxKind, workspace: Path) -> None:
    begun = time.monotonic()
    result = run(kind, workspace, "yes", max_output_mb=1)
    assert time.monotonic() - begun < 10
    assert (result.exit_code, result.timed_out) == (None, False)
    assert "more than 1 MiB" in result.error
    assert 1 << 20 < result.output_bytes <= (1 << 20) + (64 << 10)
    assert len(result.output_tail) <= TAIL_BYTES


def test_a_command_that_runs_too_long_is_stopped(kind: SandboxKind, workspace: Path) -> None:
    begun = time.monotonic()
    result = run(kind, workspace, "sh", "-c", "echo before; sleep 60", timeout_s=1)
    assert time.monotonic() - begun < 5
    assert (result.exit_code, result.timed_out, result.output_tail) == (None, True, "before\n")
    assert "longer than 1 s" in result.error


def test_a_command_that_is_not_there_is_a_result(kind: SandboxKind, workspace: Path) -> None:
    for name in ("no-such-command-anywhere", "./no-such-file"):
        result = run(kind, workspace, name)
        assert (result.exit_code, result.timed_out, result.sandbox) == (127, False, None)
        assert "was not found" in result.error


def test_a_file_that_may_not_be_executed_is_a_result(kind: SandboxKind, workspace: Path) -> None:
    (workspace / "script").write_text("#!/bin/sh\n")
    assert run(kind, workspace, "./script").exit_code == 126


def test_a_script_of_the_workspace_is_run_by_its_path(kind: SandboxKind, workspace: Path) -> None:
    (workspace / "sub").mkdir()
    script = workspace / "sub" / "script"
    script.write_text('#!/bin/sh\necho "$0" "$@"\n')
    script.chmod(0o755)
    assert run(kind, workspace, "./script", "a b", "", cwd="sub").output_tail.endswith("script a b \n")


def test_a_word_of_the_shell_is_no_command(kind: SandboxKind, workspace: Path) -> None:
    assert run(kind, workspace, "exit", "0").exit_code == 127
    assert run(kind, workspace, "exec", "true").exit_code == 127


def test_a_script_without_an_interpreter_is_a_result(kind: SandboxKind, workspace: Path) -> None:
    script = workspace / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    result = run(kind, workspace, "./script")
    assert result.exit_code in {126, 127}
    assert "script" in result.output_tail


def test_a_command_that_cannot_be_passed_on_is_a_result(kind: SandboxKind, workspace: Path) -> None:
    result = run(kind, workspace, "echo", "a\0b")
    assert (result.exit_code, result.sandbox) == (None, None)
    assert "could not be started" in result.error


@pytest.mark.parametrize("cwd", ["..", "/", "link", "absent"])
def test_a_folder_outside_the_workspace_or_absent_is_refused(workspace: Path, cwd: str) -> None:
    (workspace / "link").symlink_to(workspace.parent)
    result = run(SandboxKind.PROCESS_GROUP, workspace, "touch", "mark", cwd=cwd)
    assert (result.exit_code, result.sandbox) == (None, None)
    assert "workspace" in result.error
    assert not (workspace.parent / "mark").exists()


def test_a_folder_whose_name_begins_like_the_workspace_is_outside(workspace: Path) -> None:
    workspace.with_name("workspace-2").mkdir()
    assert "outside" in run(SandboxKind.PROCESS_GROUP, workspace, "true", cwd="../workspace-2").error


def test_a_child_that_holds_the_output_does_not_hold_the_runner(kind: SandboxKind, workspace: Path) -> None:
    with pipe_in(workspace) as pipe:
        begun = time.monotonic()
        result = python(kind, workspace, CHILD)
        assert time.monotonic() - begun < 10
        assert result.exit_code == 0
        assert pipe.wait_for_word()
        assert pipe.is_let_go()


@pytest.mark.parametrize("sure", SURE)
@pytest.mark.parametrize("output", ["holds", "lets go of"])
def test_a_stray_that_hid_from_every_search_does_not_survive(sure: SandboxKind, workspace: Path, output: str) -> None:
    need(sure)
    with pipe_in(workspace) as pipe:
        begun = time.monotonic()
        result = python(sure, workspace, STRAY, output, "0")
        # When the answer is there the stray is gone already: no wait is needed to see it.
        assert pipe.wait_for_word(0)
        assert pipe.is_let_go(0)
        assert time.monotonic() - begun < 10
        assert (result.exit_code, result.output_tail) == (0, "leader done\n")


@pytest.mark.parametrize("sure", SURE)
def test_nothing_survives_a_timeout(sure: SandboxKind, workspace: Path) -> None:
    need(sure)
    with pipe_in(workspace) as pipe:
        assert python(sure, workspace, STRAY, "holds", "60", timeout_s=3).timed_out
        assert pipe.wait_for_word(0)
        assert pipe.is_let_go(0)


@pytest.mark.parametrize("sure", SURE)
def test_nothing_survives_a_cancellation(sure: SandboxKind, workspace: Path) -> None:
    async def cancelled() -> None:
        command = CommandLine(argv=[sys.executable, "-c", STRAY, "holds", "60"], cwd=".")
        task = asyncio.create_task(runner(sure, workspace).run(command))
        assert await asyncio.to_thread(pipe.wait_for_word)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    need(sure)
    with pipe_in(workspace) as pipe:
        asyncio.run(cancelled())
        assert pipe.is_let_go(0)


def test_a_deadly_signal_is_named(kind: SandboxKind, workspace: Path) -> None:
    result = run(kind, workspace, "sh", "-c", "kill -SEGV $$")
    assert result.exit_code == 139
    assert "SIGSEGV" in result.error


def test_a_command_that_a_closed_pipe_ends_is_ended_by_it(kind: SandboxKind, workspace: Path) -> None:
    # An interpreter ignores that signal for itself, and what it starts would inherit that.
    assert run(kind, workspace, "sh", "-c", "kill -PIPE $$; echo lives").exit_code == 141


def test_no_descriptor_is_left_open(kind: SandboxKind, workspace: Path) -> None:
    run(kind, workspace, "true")
    before = len(os.listdir("/proc/self/fd"))
    for argv in (["true"], ["no-such-command"], ["echo", "a\0b"], ["sh", "-c", "sleep 9 & exit 0"]):
        run(kind, workspace, *argv, timeout_s=3)
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_tree_is_digested_before_and_after(workspace: Path) -> None:
    kind = SandboxKind.PROCESS_GROUP
    subprocess.run(["git", "init", "-q", str(workspace)], check=True)
    (workspace / ".gitignore").write_text("ignored\n")
    quiet = run(kind, workspace, "touch", "ignored")
    assert quiet.tree_before == quiet.tree_after
    loud = run(kind, workspace, "touch", "new")
    assert loud.tree_before == quiet.tree_after
    assert loud.tree_before != loud.tree_after
