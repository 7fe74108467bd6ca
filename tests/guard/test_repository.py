"""The shared folder of a repository is found wherever in it the workspace lies, as git itself finds it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from foundry_contracts.vocabulary import GuardReason
from foundry_mcp.guard.repository import shared_folder
from tests.guard.workplace import Workplace


def git(folder: Path, *words: str) -> str:
    settings = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always"]
    done = subprocess.run(["git", *settings, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a repository with a folder, a worktree beside it and a submodule."""
    main = tmp_path / "main"
    (main / "below").mkdir(parents=True)
    (main / "below" / "file").touch()
    git(main, "init", "-q")
    git(main, "add", ".")
    git(main, "commit", "-qm", "Begin")
    git(main, "worktree", "add", "-q", str(tmp_path / "tree"))
    git(main, "submodule", "--quiet", "add", str(main), "part")
    return main


@pytest.mark.parametrize("place", [".", "below", "../tree", "../tree/below", "part"])
def test_it_is_the_one_that_git_names(repository: Path, place: str) -> None:
    workspace = (repository / place).resolve()
    named = git(workspace, "rev-parse", "--path-format=absolute", "--git-common-dir")
    assert shared_folder(workspace).resolve() == Path(named)


def test_a_workspace_in_no_repository_has_the_one_it_would_get(tmp_path: Path) -> None:
    assert shared_folder(tmp_path) == tmp_path / ".git"


def test_the_hooks_of_a_worktree_are_guarded_where_they_lie(repository: Path, tmp_path: Path) -> None:
    place = Workplace(tmp_path / "tree", tmp_path / "home")
    assert place.judged(f"echo x > {repository}/.git/hooks/pre-commit") is GuardReason.PLACE_READ_ONLY
    assert place.judged("echo x > ../main/.git/config") is GuardReason.PLACE_READ_ONLY
    assert place.judged("echo x > ../main/notes.txt") is None
