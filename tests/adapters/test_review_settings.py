"""Settings of reviews: what a session pins of them, and what cannot be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundry_contracts.models.events_session import SessionSettings
from foundry_contracts.vocabulary import ReviewerKind, StartupRule
from foundry_mcp.adapters.review_settings import review_command
from foundry_mcp.adapters.settings import SettingsInvalid
from foundry_mcp.bootstrap import examine
from foundry_mcp.machine.settings import config_of, session_settings
from tests.outside import user_config


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Give a workspace beside which, and not in which, the user's configuration lies."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


def pinned(folder: Path, text: str) -> SessionSettings:
    """Give what a session pins under a user's configuration that no start-up rule refuses."""
    examined = examine(folder, user_config(folder.parent, text))
    assert examined.refusals == []
    return session_settings(examined.resolved)


def test_a_session_pins_who_reviews_and_what_is_protected(workspace: Path) -> None:
    text = '[review]\nreviewer = "command"\ncommand = "judge --model x"\nprotected_paths = ["tests", "ci/**"]\n'
    settings = pinned(workspace, text)
    assert (settings.reviewer, settings.review_command) == (ReviewerKind.COMMAND, "judge --model x")
    assert settings.protected_paths == ["tests", "ci/**"]
    resolved = examine(workspace, user_config(workspace.parent, text)).resolved
    assert review_command(config_of(resolved)).argv == ["judge", "--model", "x"]


def test_a_program_that_does_not_review_is_nothing_to_a_session(workspace: Path) -> None:
    assert pinned(workspace, '[review]\ncommand = "judge"\n').review_command == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('reviewer = "command"', "command is empty"),
        ('reviewer = "command"\ncommand = "  "', "command is empty"),
        ('reviewer = "command"\ncommand = "judge | tee log"', "needs a shell"),
        ('reviewer = "model"', "reviewer"),
        ('protected_paths = ["tests", "../x"]', "'../x' leads out of the workspace"),
        ('protected_paths = ["/etc"]', "'/etc' leads out of the workspace"),
        ('protected_paths = "tests"', "protected_paths"),
        ('protected_path = ["tests"]', "did you mean 'protected_paths'"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(workspace: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsInvalid, match=said):
        examine(workspace, user_config(workspace.parent, f"[review]\n{text}\n"))


def test_a_workspace_that_names_its_own_reviewer_is_told_that_it_may_not(workspace: Path) -> None:
    own = '[review]\nreviewer = "command"\ncommand = "true"\n'
    (workspace / "foundry-mcp.toml").write_text(own, encoding="utf-8")
    (refused,) = examine(workspace, user_config(workspace.parent, "")).refusals
    assert (refused.code, refused.settings) == (StartupRule.SETTING_LOOSENED, ["review.command"])


def test_a_workspace_may_have_the_users_program_review_it_and_may_not_go_without(workspace: Path) -> None:
    file, program = workspace / "foundry-mcp.toml", '[review]\ncommand = "judge"\n'
    file.write_text('[review]\nreviewer = "command"\n', encoding="utf-8")
    assert pinned(workspace, program).review_command == "judge"
    file.write_text('[review]\nreviewer = "evidence"\n', encoding="utf-8")
    environ = user_config(workspace.parent, program + 'reviewer = "command"\n')
    assert [finding.settings for finding in examine(workspace, environ).refusals] == [["review.reviewer"]]
