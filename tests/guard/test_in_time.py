"""A hook that is too slow is one that an agent goes on without: no line may take it long, and in the end it refuses."""

from __future__ import annotations

import gc
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from foundry_contracts.tables import GUARDED_AGENT_INFO
from foundry_contracts.vocabulary import GuardedAgent, GuardedToolKind
from foundry_mcp.cli import guard, main
from foundry_mcp.guard import tool_call
from foundry_mcp.guard.verdict import Refused
from tests.guard.workplace import Workplace

# Each would take longer than anybody waits, or more memory than there is, if its reader tried every way to read it.
SLOW = {
    "wildcards": "rm " + "*" * 60 + "q",
    "wildcards and letters": "rm " + "*o" * 200,
    "commas in a brace that does not end": "echo {" + "," * 59_000,
    "a long name in arithmetic": "echo $((" + "a" * 59_000 + "))",
    "variables that double": "a=xxxxxxxxxx;"
    + "".join(f"{b}=${a}${a}${a}${a};" for a, b in zip("abcdefghijklmnopq", "bcdefghijklmnopqr", strict=True)),
    "variables that double in a loop": "a=xxxxxxxxxx; echo " + "$a" * 20_000,
    "a mode that does not end": "python -c 'f(,\"" + "w" * 59_000 + "~'",
}


@pytest.mark.parametrize("line", SLOW.values(), ids=SLOW.keys())
def test_no_line_keeps_the_hook_from_its_answer(workplace: Workplace, line: str) -> None:
    call = json.dumps({"tool_name": "Bash", "tool_input": {"command": line}, "cwd": str(workplace.workspace)})
    words = [sys.executable, "-m", "foundry_mcp.cli.main", "guard", "hook", "--agent", GuardedAgent.CLAUDE_CODE.value]
    # The hook ends itself later than this.
    done = subprocess.run(
        words,
        input=call,
        env={**os.environ, **workplace.environ},
        capture_output=True,
        text=True,
        timeout=15,
        check=False,
    )
    assert done.returncode in (0, GUARDED_AGENT_INFO[GuardedAgent.CLAUDE_CODE].refusal_code), done.stderr
    assert "not_understood" in done.stderr or "place_read_only" in done.stderr or done.stdout == "{}\n"


@pytest.fixture
def no_collection() -> Iterator[None]:
    """Keep the collector still: the property tests' library has it call back, where what a signal raises is lost."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("agent", GuardedAgent)
def test_a_call_that_takes_too_long_to_judge_is_refused(
    workplace: Workplace, agent: GuardedAgent, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "rm " + " ".join(f"a{number}" for number in range(9_000))
    tool = next(tool for tool in GUARDED_AGENT_INFO[agent].tools if tool["kind"] == GuardedToolKind.SHELL)
    call = {"tool_name": tool["tool"], "tool_input": {"command": line}, "cwd": str(workplace.workspace)}
    monkeypatch.setattr(guard, "_PATIENCE_S", 0.05)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(call).encode())))
    assert main.main(["guard", "hook", "--agent", agent.value]) == GUARDED_AGENT_INFO[agent].refusal_code
    assert "it takes too long to read" in capsys.readouterr().err


def test_time_that_ran_out_counts_even_where_the_signal_was_lost(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def loses_it(*_: object) -> None:
        with suppress(Refused):
            while True:
                pass

    monkeypatch.setattr(tool_call, "_hold", loses_it)
    monkeypatch.setattr(guard, "_PATIENCE_S", 0.01)
    call = {"tool_name": "Bash", "tool_input": {"command": "ls"}, "cwd": str(workplace.workspace)}
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(call).encode())))
    code = GUARDED_AGENT_INFO[GuardedAgent.CLAUDE_CODE].refusal_code
    assert main.main(["guard", "hook", "--agent", "claude-code"]) == code
    assert "it takes too long to read" in capsys.readouterr().err
