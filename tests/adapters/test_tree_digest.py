"""What changes a tree's digest, and what does not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from foundry_mcp.adapters.tree_digest import tree_digest


@pytest.fixture(params=["git", "plain"])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    if request.param == "git":
        subprocess.run(["git", "init", "-q", str(folder)], check=True)
    (folder / "a").write_text("1")
    (folder / "sub").mkdir()
    (folder / "sub" / "b").write_text("2")
    return folder


def test_the_same_tree_has_the_same_digest(tree: Path) -> None:
    assert tree_digest(tree) == tree_digest(tree)


def test_content_mode_name_and_links_count(tree: Path) -> None:
    seen = {tree_digest(tree)}
    (tree / "a").write_text("3")
    seen.add(tree_digest(tree))
    (tree / "a").chmod(0o755)
    seen.add(tree_digest(tree))
    (tree / "a").rename(tree / "c")
    seen.add(tree_digest(tree))
    (tree / "link").symlink_to("c")
    seen.add(tree_digest(tree))
    (tree / "link").unlink()
    (tree / "link").symlink_to("sub")
    seen.add(tree_digest(tree))
    (tree / "sub" / "b").unlink()
    seen.add(tree_digest(tree))
    assert len(seen) == 7


def test_a_tracked_file_that_is_gone_is_as_if_it_never_was(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "a").write_text("1")
    before = tree_digest(tmp_path)
    (tmp_path / "b").write_text("1")
    subprocess.run(["git", "add", "b"], cwd=tmp_path, check=True)
    (tmp_path / "b").unlink()
    assert tree_digest(tmp_path) == before


def test_caches_do_not_count_without_git(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    before = tree_digest(tmp_path)
    for name in ("__pycache__", ".pytest_cache"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text("1")
    assert tree_digest(tmp_path) == before


def test_a_pipe_is_not_waited_on(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert len(tree_digest(tmp_path)) == 64


def test_another_repository_in_the_environment_is_not_looked_at(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree_digest(tree)
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert tree_digest(tree) == before


def test_the_repositorys_own_configuration_runs_nothing(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    subprocess.run(["git", "init", "-q", str(tree)], check=True)
    hook = tmp_path / "hook"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    subprocess.run(["git", "config", "core.fsmonitor", str(hook)], cwd=tree, check=True)
    tree_digest(tree)
    assert not (tmp_path / "ran").exists()
