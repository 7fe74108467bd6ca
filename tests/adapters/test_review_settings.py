"""Settings of reviews: what a server starts with, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundry_contracts.models.config import Config
from foundry_contracts.vocabulary import GatePolicy, ReviewerKind
from foundry_mcp.adapters.posture import session_settings
from foundry_mcp.adapters.review_settings import hold_review, review_command
from foundry_mcp.adapters.settings import SettingsInvalid, load_settings

POLICY = "FOUNDRY_MCP_SESSION_DEFAULTS_GATE_POLICY"


def settings(folder: Path, text: str, **environ: str) -> Config:
    """Load settings from a file and the environment, and hold them to what the server holds them to."""
    (folder / "foundry-mcp.toml").write_text(text, encoding="utf-8")
    loaded = load_settings(folder, environ)
    hold_review(loaded, environ)
    return loaded


def policy_file(profile: str, policy: GatePolicy) -> str:
    return f'[posture]\nprofile = "{profile}"\n[session_defaults]\ngate_policy = "{policy.value}"\n'


@pytest.mark.parametrize("profile", ["strict-prod", "staging"])
def test_the_workspaces_file_loosens_no_policy_that_the_posture_enforces(tmp_path: Path, profile: str) -> None:
    with pytest.raises(SettingsInvalid, match="cannot loosen") as refused:
        settings(tmp_path, policy_file(profile, GatePolicy.LENIENT))
    assert POLICY in refused.value.remedy


@pytest.mark.parametrize("policy", [GatePolicy.STRICT, GatePolicy.MANUAL])
def test_the_workspaces_file_may_ask_for_as_much_or_more(tmp_path: Path, policy: GatePolicy) -> None:
    loaded = settings(tmp_path, policy_file("strict-prod", policy))
    assert session_settings(loaded).gate_policy is policy


def test_where_gates_are_not_enforced_the_file_may_say_what_it_likes(tmp_path: Path) -> None:
    loaded = settings(tmp_path, policy_file("debug", GatePolicy.LENIENT))
    assert session_settings(loaded).gate_policy is GatePolicy.LENIENT


def test_whoever_starts_the_server_may_loosen_the_policy_and_is_warned(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = settings(tmp_path, "", **{POLICY: "lenient"})
    assert session_settings(loaded).gate_policy is GatePolicy.LENIENT
    assert "only warns" in caplog.text


def test_a_session_pins_who_reviews_and_what_is_protected(tmp_path: Path) -> None:
    text = '[review]\nreviewer = "command"\ncommand = "judge --model x"\nprotected_paths = ["tests", "ci/**"]\n'
    pinned = session_settings(settings(tmp_path, text))
    assert (pinned.reviewer, pinned.review_command) == (ReviewerKind.COMMAND, "judge --model x")
    assert pinned.protected_paths == ["tests", "ci/**"]
    assert review_command(load_settings(tmp_path, {})).argv == ["judge", "--model", "x"]


def test_a_program_that_does_not_review_is_nothing_to_a_session(tmp_path: Path) -> None:
    assert session_settings(settings(tmp_path, '[review]\ncommand = "judge"\n')).review_command == ""


def test_protected_paths_in_the_environment_are_separated_by_commas(tmp_path: Path) -> None:
    loaded = settings(tmp_path, "", FOUNDRY_MCP_REVIEW_PROTECTED_PATHS="tests, ci/**,")
    assert loaded.review.protected_paths == ["tests", "ci/**"]


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
def test_settings_that_cannot_be_meant_are_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsInvalid, match=said):
        settings(tmp_path, f"[review]\n{text}\n")
