"""Tool calls as agents' hooks are told of them, and the answers in the agents' own form."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from foundry_contracts.tables import GUARDED_AGENT_INFO
from foundry_contracts.vocabulary import GuardedAgent, GuardReason
from foundry_mcp.guard.tool_call import Answer, answered
from tests.guard.workplace import Workplace

CLAUDE, GEMINI = GuardedAgent.CLAUDE_CODE, GuardedAgent.GEMINI_CLI
AGENTS = pytest.mark.parametrize("agent", list(GuardedAgent))


def refused(answer: Answer, reason: GuardReason) -> bool:
    """Tell whether an answer is a refusal for a reason, in the form that both agents document."""
    return answer.exit_code == 2 and answer.output == "" and f"({reason.value})" in answer.errors


@pytest.mark.parametrize(
    ("agent", "tool", "given", "reason"),
    [
        (CLAUDE, "Bash", {"command": 'git status "$(git push)"'}, GuardReason.COMMAND_RESERVED),
        (CLAUDE, "Write", {"file_path": "%WORK%/specs/active/a.json", "content": "{}"}, GuardReason.PLACE_READ_ONLY),
        (CLAUDE, "Edit", {"file_path": "plans/active/greeter.json"}, GuardReason.PLACE_READ_ONLY),
        (CLAUDE, "Edit", {"file_path": "%WORK%/foundry-mcp.toml"}, GuardReason.PLACE_READ_ONLY),
        (CLAUDE, "Edit", {"file_path": "%WORK%/.claude/settings.local.json"}, GuardReason.PLACE_READ_ONLY),
        (CLAUDE, "NotebookEdit", {"notebook_path": "%WORK%/specs/a.ipynb"}, GuardReason.PLACE_READ_ONLY),
        (CLAUDE, "Read", {"file_path": "%STATE%/work-1/keys/mac.secret"}, GuardReason.PLACE_HIDDEN),
        (CLAUDE, "Read", {"file_path": "%WORK%/elsewhere/work-1/keys/mac.secret"}, GuardReason.PLACE_HIDDEN),
        (CLAUDE, "Read", {"file_path": "/proc/1/environ"}, GuardReason.PLACE_HIDDEN),
        (CLAUDE, "Glob", {"pattern": "~/.local/state/foundry-mcp/**"}, GuardReason.PLACE_HIDDEN),
        (CLAUDE, "Glob", {"path": "/", "pattern": "**/mac.secret"}, GuardReason.PLACE_HIDDEN),
        (CLAUDE, "Grep", {"path": "%STATE%", "pattern": "."}, GuardReason.PLACE_HIDDEN),
        (CLAUDE, "mcp__files__write", {"target": {"path": "%WORK%/specs/a.json"}}, GuardReason.PLACE_READ_ONLY),
        (CLAUDE, "mcp__files__write", {"path": "%WORK%/specs/a b.json"}, GuardReason.PLACE_READ_ONLY),
        (CLAUDE, "mcp__files__write", {"path": "./specs/a b.json"}, GuardReason.PLACE_READ_ONLY),
        (CLAUDE, "Bash", {"command": ["git", "push"]}, GuardReason.CALL_UNREADABLE),
        (CLAUDE, "Bash", {"order": "git status"}, GuardReason.CALL_UNREADABLE),
        (CLAUDE, "Write", {"path": "x"}, GuardReason.CALL_UNREADABLE),
        (GEMINI, "run_shell_command", {"command": "rm -rf %STATE%"}, GuardReason.PLACE_HIDDEN),
        (GEMINI, "run_shell_command", {"command": "touch x", "dir_path": "specs"}, GuardReason.PLACE_READ_ONLY),
        (GEMINI, "write_file", {"file_path": "specs/a.json", "content": ""}, GuardReason.PLACE_READ_ONLY),
        (GEMINI, "replace", {"file_path": ".gemini/settings.json"}, GuardReason.PLACE_READ_ONLY),
        (GEMINI, "read_file", {"absolute_path": "%STATE%/work-1/keys/mac.secret"}, GuardReason.PLACE_HIDDEN),
        (GEMINI, "read_many_files", {"include": ["src/*", "%STATE%/**"]}, GuardReason.PLACE_HIDDEN),
    ],
)
def test_a_call_that_may_not_be_is_refused_with_its_reason(
    workplace: Workplace, agent: GuardedAgent, tool: str, given: dict[str, object], reason: GuardReason
) -> None:
    text = json.dumps(given).replace("%WORK%", str(workplace.workspace)).replace("%STATE%", str(workplace.state))
    answer = workplace.called(agent, tool, **json.loads(text))
    assert refused(answer, reason), answer


@pytest.mark.parametrize(
    ("agent", "tool", "given"),
    [
        (CLAUDE, "Bash", {"command": "git status"}),
        (CLAUDE, "Write", {"file_path": "src/new.py", "content": "specs/active/greeter.json"}),
        (CLAUDE, "Read", {"file_path": "specs/active/greeter.json"}),
        (CLAUDE, "Glob", {"pattern": "**/*.py"}),
        (CLAUDE, "Grep", {"pattern": "TODO"}),
        (CLAUDE, "TodoWrite", {"todos": [{"content": "Read specs/active/greeter.json first"}]}),
        (CLAUDE, "Task", {"prompt": "./specs/active/greeter.json is the plan.\nRead it."}),
        (CLAUDE, "WebFetch", {"url": "https://example.org/a.html", "prompt": "what is it"}),
        (CLAUDE, "mcp__foundry__task", {"action": "session", "command": "status", "spec_id": "greeter"}),
        (GEMINI, "run_shell_command", {"command": "pytest -q", "dir_path": "src"}),
        (GEMINI, "write_file", {"file_path": "src/new.py", "content": ""}),
        (GEMINI, "read_file", {"file_path": "specs/active/greeter.json"}),
        (GEMINI, "google_web_search", {"query": "how to"}),
    ],
)
def test_a_harmless_call_is_let_through_in_words_of_json(
    workplace: Workplace, agent: GuardedAgent, tool: str, given: dict[str, object]
) -> None:
    assert workplace.called(agent, tool, **given) == Answer(0, "{}\n")


@AGENTS
@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        "null",
        "{}",
        '{"tool_name": "Bash"}',
        '{"tool_name": 1, "tool_input": {}}',
        '{"tool_name": "Bash", "tool_input": {"command": "ls"}, "cwd": 7}',
        "[" * 5000,
        "\ud800",
    ],
)
def test_what_is_no_tool_call_is_refused(workplace: Workplace, agent: GuardedAgent, text: str) -> None:
    answer = answered(agent, text, workplace.environ)
    assert (answer.exit_code, answer.output) == (GUARDED_AGENT_INFO[agent].refusal_code, "")
    assert answer.errors.startswith("Refused by foundry-mcp guard: ")


def test_the_workspace_is_the_one_that_the_agent_names(workplace: Workplace) -> None:
    call = {"tool_name": "Write", "tool_input": {"file_path": "../specs/a.json"}, "cwd": f"{workplace.workspace}/src"}
    named = {**workplace.environ, "CLAUDE_PROJECT_DIR": str(workplace.workspace)}
    assert refused(answered(CLAUDE, json.dumps(call), named), GuardReason.PLACE_READ_ONLY)


@AGENTS
def test_the_program_answers_an_agent_as_its_documentation_says(workplace: Workplace, agent: GuardedAgent) -> None:
    shell = {CLAUDE: "Bash", GEMINI: "run_shell_command"}[agent]
    for command, code in (("git push", 2), ("git status", 0), ("git diff | cat /dev/stdin", 0)):
        call = {"tool_name": shell, "tool_input": {"command": command}, "cwd": str(workplace.workspace)}
        done = subprocess.run(
            [sys.executable, "-m", "foundry_mcp.cli.main", "guard", "hook", "--agent", agent.value],
            input=json.dumps(call),
            env=workplace.environ,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stdout) == (code, "" if code else "{}\n")
        assert ("git push" in done.stderr) == bool(code)


def test_without_a_home_in_the_environment_the_accounts_own_is_guarded(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pathlib.Path.home", lambda: workplace.home)
    environ = {name: value for name, value in workplace.environ.items() if name != "HOME"}
    for path in (f"{workplace.home}/.bashrc", "~/.bashrc"):
        call = {"tool_name": "Write", "tool_input": {"file_path": path}, "cwd": str(workplace.workspace)}
        assert "means account (place_read_only)" in answered(GuardedAgent.CLAUDE_CODE, json.dumps(call), environ).errors
