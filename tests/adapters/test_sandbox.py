"""What each kind of sandbox holds a command to, and which is chosen."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from foundry_contracts.models.config import VerificationConfig
from foundry_contracts.tables import SANDBOX_KIND_INFO
from foundry_contracts.vocabulary import SandboxGuard, SandboxKind
from foundry_mcp import bubblewrap
from foundry_mcp.adapters import sandbox
from foundry_mcp.bootstrap import join
from foundry_mcp.ports import PortError
from tests.adapters.sandboxes import kinds_that, need, python, run

CLOSED = kinds_that(SandboxGuard.FILES_READ_ONLY)
APART = kinds_that(SandboxGuard.PROCESSES_HIDDEN)
ROOT = os.geteuid() == 0


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def outside() -> Iterator[Path]:
    """Give a folder that is neither in the workspace nor below the folder for temporary files."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        yield Path(folder)


@pytest.mark.parametrize("kind", CLOSED)
def test_it_writes_in_the_workspace_and_nowhere_else(
    kind: SandboxKind, workspace: Path, tmp_path: Path, outside: Path
) -> None:
    assert run(kind, workspace, "sh", "-c", f"echo in > here; echo out > {outside}/there").exit_code != 0
    # Below the folder for temporary files it may write, as it has one of its own there.
    run(kind, workspace, "sh", "-c", f"echo out > {tmp_path}/there")
    assert (workspace / "here").read_text() == "in\n"
    assert not (outside / "there").exists()
    assert not (tmp_path / "there").exists()


@pytest.mark.parametrize("kind", CLOSED)
def test_what_it_reads_outside_it_cannot_remove_or_change(kind: SandboxKind, workspace: Path, outside: Path) -> None:
    kept = outside / "kept"
    kept.write_text("kept\n")
    result = run(kind, workspace, "sh", "-c", f"cat {kept}; rm -rf {kept}; chmod 777 {kept}; echo x >> {kept}")
    assert result.output_tail.startswith("kept\n")
    assert kept.read_text() == "kept\n"


@pytest.mark.parametrize("kind", CLOSED)
def test_it_mounts_nothing_and_makes_no_device(kind: SandboxKind, workspace: Path, outside: Path) -> None:
    tried = f"mount -o remount,rw / ; mount -t tmpfs none {outside}; mknod device b 7 200; touch {outside}/there"
    run(kind, workspace, "sh", "-c", tried)
    assert list(outside.iterdir()) == []
    assert list(workspace.iterdir()) == []


@pytest.mark.parametrize("kind", CLOSED)
def test_its_folder_for_temporary_files_is_empty_writable_and_forgotten(kind: SandboxKind, workspace: Path) -> None:
    with tempfile.NamedTemporaryFile(dir="/tmp", prefix="outside-") as file:
        mine = f"{file.name}-2"
        result = run(kind, workspace, "sh", "-c", f"ls {file.name}; echo x > {mine} && cat {mine}")
    assert result.output_tail.endswith("\nx\n")
    assert "No such file" in result.output_tail
    assert not os.path.exists(mine)


@pytest.mark.parametrize("kind", kinds_that(SandboxGuard.STATE_HIDDEN))
def test_it_does_not_see_the_state_folder(kind: SandboxKind, workspace: Path, outside: Path) -> None:
    (outside / "key").write_text("secret")
    (workspace / "way").symlink_to(outside)
    result = run(kind, workspace, "sh", "-c", f"ls -A {outside} way/; cat way/key", hidden=[outside])
    assert "secret" not in result.output_tail
    assert "key\n" not in result.output_tail.replace("way/key", "")
    assert run(kind, workspace, "cat", "way/key").output_tail == "secret"


@pytest.mark.parametrize("kind", CLOSED)
def test_programs_on_the_path_are_there_wherever_they_lie(
    kind: SandboxKind, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "tools" / "bin" / "tool"
    tool.parent.mkdir(parents=True)
    tool.write_text('#!/bin/sh\ncat "$(dirname "$0")/../share"\n')
    tool.chmod(0o755)
    (tmp_path / "tools" / "share").write_text("beside")
    (tmp_path / "other").write_text("not to be seen")
    assert run(kind, workspace, str(tool)).output_tail == "beside"
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    assert run(kind, workspace, "tool").output_tail == "beside"
    assert run(kind, workspace, "cat", str(tmp_path / "other")).exit_code != 0


@pytest.mark.parametrize("kind", CLOSED)
def test_the_servers_own_python_is_there_wherever_it_lies(
    kind: SandboxKind, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.symlink_to(os.path.realpath(sys.executable))
    monkeypatch.setattr(sys, "executable", str(own))
    assert run(kind, workspace, "sh", "-c", f"{own} -I -S -c 'print(1)'").output_tail == "1\n"


# What of the system's own settings may be written, by what the system says of it: nothing is tried.
SETTINGS = """
import os
for folder, folders, names in os.walk("/proc"):
    folders[:] = [name for name in folders if not (folder == "/proc" and (name.isdigit() or name.endswith("self")))]
    for name in names:
        path = os.path.join(folder, name)
        if not os.path.islink(path) and os.stat(path).st_mode & 0o222 and os.access(path, os.W_OK):
            print(path)
for line in open("/proc/self/mountinfo"):
    fields = line.split()
    if "ro" not in fields[5].split(","):
        print("mount", fields[4])
"""


@pytest.mark.parametrize("kind", CLOSED)
def test_it_may_change_no_setting_of_the_system(kind: SandboxKind, workspace: Path) -> None:
    found = python(kind, workspace, SETTINGS).output_tail.splitlines()
    mounts = {line.removeprefix("mount ") for line in found if line.startswith("mount ")}
    own = {place for place in mounts if place.split("/")[1] in {"proc", "dev", "tmp"} or place.startswith("/run/user/")}
    assert "/proc" in own
    assert mounts - own == set()
    assert [line for line in found if not line.startswith("mount ")] == []


@pytest.mark.parametrize("kind", CLOSED)
def test_it_cannot_ask_a_helper_outside_to_do_its_work(
    kind: SandboxKind, workspace: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(outside / "engine.sock")
    ask = f"import socket; socket.socket(socket.AF_UNIX).connect({path!r})"
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(path)
        engine.listen()
        assert python(kind, workspace, ask).exit_code == 0
        monkeypatch.setattr(bubblewrap, "_HELPERS", (path,))
        assert "ConnectionRefusedError" in python(kind, workspace, ask).output_tail


@pytest.mark.parametrize("kind", APART)
def test_it_neither_sees_nor_signals_other_processes(kind: SandboxKind, workspace: Path) -> None:
    told: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: told.append(number))
    try:
        result = run(kind, workspace, "sh", "-c", f"kill -USR1 {os.getpid()}; ls /proc | grep -c '^[0-9]'")
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert told == []
    assert int(result.output_tail.splitlines()[-1]) < 10


# Whether it may gain rights, and may lift its own limits.
RIGHTS = """
import ctypes, resource
print(ctypes.CDLL(None).prctl(39, 0, 0, 0, 0))
for name in ("RLIMIT_CORE", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_NOFILE"):
    print(resource.getrlimit(getattr(resource, name)))
try:
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 9999))
    print("lifted")
except (ValueError, PermissionError):
    print("held")
"""


@pytest.mark.parametrize("kind", SandboxKind)
def test_its_rights_and_limits_are_as_the_settings_say(kind: SandboxKind, workspace: Path) -> None:
    settings = {"max_memory_mb": 512, "max_file_mb": 3, "max_open_files": 77}
    lines = python(kind, workspace, RIGHTS, **settings).output_tail.splitlines()
    mb = 1 << 20
    assert lines[1:5] == [str((most, most)) for most in (0, 512 * mb, 3 * mb, 77)]
    left = sandbox.unenforced(kind)
    if SandboxGuard.NO_NEW_PRIVILEGES not in left:
        assert lines[0] == "1"
    if SandboxGuard.OPEN_FILES_LIMIT not in left:
        assert lines[5] == "held"


@pytest.mark.parametrize("kind", SandboxKind)
def test_it_cannot_allocate_4_gib(kind: SandboxKind, workspace: Path) -> None:
    result = python(kind, workspace, "bytearray(4 << 30); print('got it')")
    assert result.exit_code == 1
    assert "MemoryError" in result.output_tail


@pytest.mark.parametrize("kind", SandboxKind)
def test_it_writes_no_file_larger_than_it_may(kind: SandboxKind, workspace: Path) -> None:
    result = run(kind, workspace, "sh", "-c", "head -c 3000000 /dev/zero > large", max_file_mb=1)
    assert result.exit_code == 153
    assert (workspace / "large").stat().st_size == 1 << 20


# Starts children until it may not, and says how many it had; nothing is left of them either.
MANY = """
import os, time
count = 0
try:
    for count in range(100):
        if os.fork() == 0:
            time.sleep(60)
except BlockingIOError:
    pass
print(count)
"""


@pytest.mark.parametrize("kind", kinds_that(SandboxGuard.PROCESS_LIMIT))
def test_it_has_no_more_processes_than_it_may(kind: SandboxKind, workspace: Path) -> None:
    if SandboxGuard.PROCESS_LIMIT in sandbox.unenforced(kind):
        pytest.skip("the system does not limit root's processes")
    assert 10 <= int(python(kind, workspace, MANY, max_processes=20).output_tail) < 20


def test_what_is_not_enforced_is_named_for_each_kind() -> None:
    for kind, known in SANDBOX_KIND_INFO.items():
        left = set(sandbox.unenforced(kind))
        assert left >= set(SandboxGuard) - set(known.enforces)
        assert (left >= set(known.not_as_root)) is (ROOT or not known.not_as_root)
        assert set(known.not_as_root) <= set(known.enforces)


def test_the_strongest_that_works_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {SandboxKind.BUBBLEWRAP, SandboxKind.PID_NAMESPACE}
    monkeypatch.setattr(sandbox, "problem_of", lambda kind, _: "not here" if kind in broken else None)
    assert sandbox.choose(VerificationConfig()) is SandboxKind.SUBREAPER
    broken.clear()
    assert sandbox.choose(VerificationConfig()) is next(iter(SandboxKind))


def test_one_that_is_asked_for_and_not_there_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap, "program", lambda name: f"/no/such/{name}")
    with pytest.raises(PortError) as refused:
        sandbox.choose(VerificationConfig(sandbox=SandboxKind.BUBBLEWRAP))
    assert "bubblewrap: /no/such/bwrap could not be executed" in refused.value.message
    assert "verification.sandbox" in refused.value.remedy
    assert sandbox.choose(VerificationConfig()) not in {SandboxKind.BUBBLEWRAP, SandboxKind.PID_NAMESPACE}


def test_a_server_does_not_start_without_the_sandbox_that_is_asked_for(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bubblewrap, "program", lambda name: f"/no/such/{name}")
    environ = {"XDG_STATE_HOME": str(tmp_path / "state")}
    asked = {**environ, "FOUNDRY_MCP_VERIFICATION_SANDBOX": SandboxKind.BUBBLEWRAP}
    with pytest.raises(PortError, match="No sandbox that the settings allow"):
        join(workspace, asked)
    asyncio.run(join(workspace, environ).application.close())


def test_a_machine_with_bubblewrap_uses_it() -> None:
    need(SandboxKind.BUBBLEWRAP)
    assert sandbox.choose(VerificationConfig()) is SandboxKind.BUBBLEWRAP
