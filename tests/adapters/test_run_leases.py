"""Which runs are under way: known to every process on one folder, and forgotten with the process that held them."""

from __future__ import annotations

import errno
import fcntl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from foundry_mcp.adapters.run_leases import FolderRunLeases
from foundry_mcp.ports import StoreUnavailable

HOLDER = """
import sys
from pathlib import Path
from foundry_mcp.adapters.run_leases import FolderRunLeases
leases = FolderRunLeases(Path(sys.argv[1]))
leases.take("att_theirs")
print("held", flush=True)
if sys.stdin.readline() == "release\\n":
    leases.release("att_theirs")
    print("released", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a process that holds a run."""
    line = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_run_is_held_until_it_is_released(tmp_path: Path) -> None:
    leases = FolderRunLeases(tmp_path / "running")
    assert not leases.is_held("att_ours")
    leases.take("att_ours")
    assert leases.is_held("att_ours")
    assert FolderRunLeases(tmp_path / "running").is_held("att_ours")
    leases.release("att_ours")
    assert not leases.is_held("att_ours")
    assert list((tmp_path / "running").iterdir()) == []
    leases.release("att_ours")


def test_a_run_whose_file_cannot_be_removed_is_released_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(path: Path, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    leases = FolderRunLeases(tmp_path)
    leases.take("att_ours")
    monkeypatch.setattr(Path, "unlink", read_only)
    leases.release("att_ours")
    assert not leases.is_held("att_ours")


def test_another_process_sees_it_held_and_released(tmp_path: Path) -> None:
    leases = FolderRunLeases(tmp_path)
    with holder(tmp_path) as process:
        assert leases.is_held("att_theirs")
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("release\n")
        process.stdin.flush()
        assert process.stdout.readline() == "released\n"
        assert not leases.is_held("att_theirs")


def test_a_run_is_free_when_its_process_was_killed(tmp_path: Path) -> None:
    leases = FolderRunLeases(tmp_path)
    with holder(tmp_path) as process:
        # What another server finds when it starts is cleared away only where nobody holds it.
        assert FolderRunLeases(tmp_path).is_held("att_theirs")
        process.kill()
        process.wait()
        assert not leases.is_held("att_theirs")
        assert [path.name for path in tmp_path.iterdir()] == ["att_theirs"]
    assert not FolderRunLeases(tmp_path).is_held("att_theirs")
    assert list(tmp_path.iterdir()) == []


def test_a_file_taken_away_while_it_is_taken_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = fcntl.flock
    taken_away: list[Path] = []

    def flock(descriptor: int, kind: int) -> None:
        lock(descriptor, kind)
        if not taken_away:
            taken_away.append(tmp_path / "att_ours")
            taken_away[0].unlink()

    leases = FolderRunLeases(tmp_path)
    monkeypatch.setattr(fcntl, "flock", flock)
    leases.take("att_ours")
    assert taken_away
    assert FolderRunLeases(tmp_path).is_held("att_ours")


def test_a_folder_that_cannot_be_used_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable) as told:
        FolderRunLeases(tmp_path / "file" / "running")
    assert "state folder" in told.value.remedy
    leases = FolderRunLeases(tmp_path / "running")
    (tmp_path / "running").rmdir()
    with pytest.raises(StoreUnavailable):
        leases.take("att_ours")
