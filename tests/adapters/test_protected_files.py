"""Which files are looked at as protected ones, and what of them counts."""

from __future__ import annotations

import os
from pathlib import Path

from foundry_mcp.adapters.protected_files import WorkspaceProtectedFiles


def look(workspace: Path, *patterns: str) -> dict[str, str]:
    return dict(WorkspaceProtectedFiles(workspace).digests(patterns))


def test_ignored_files_count_and_what_tools_leave_behind_does_not(tmp_path: Path) -> None:
    for name in ("tests/a.py", "tests/ignored.py", "tests/__pycache__/a.pyc", "tests/.git/x", ".gitignore", "b.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("ignored.py\n", encoding="utf-8")
    assert sorted(look(tmp_path, "tests")) == ["tests/a.py", "tests/ignored.py"]
    assert sorted(look(tmp_path, "**")) == [".gitignore", "b.py", "tests/a.py", "tests/ignored.py"]
    assert look(tmp_path) == {}


def test_a_link_is_looked_at_as_a_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.py").touch()
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "tests").symlink_to(outside)
    before = look(workspace, "tests/**")
    assert list(before) == ["tests"]
    (outside / "a.py").write_text("1")
    assert look(workspace, "tests/**") == before
    (workspace / "tests").unlink()
    (workspace / "tests").symlink_to(tmp_path)
    assert look(workspace, "tests/**") != before


def test_a_name_that_is_no_text_is_written_out(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/\xff.py", "wb"):
        pass
    assert list(look(tmp_path, "*.py")) == ["\\xff.py"]


def test_a_workspace_that_is_gone_holds_nothing(tmp_path: Path) -> None:
    assert look(tmp_path / "gone", "**") == {}
