"""The reviewer that is a program: what it is given, what is taken from it, and what becomes of one that misbehaves."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from foundry_contracts.models.common import ReviewFinding
from foundry_contracts.models.config import ReviewConfig, VerificationConfig
from foundry_contracts.models.formats_plan import PlanPhase
from foundry_contracts.models.formats_review import ProtectedChange
from foundry_contracts.vocabulary import ChangeKind, ReviewFindingCode, UnitStanding, Verdict
from foundry_mcp.adapters.command_reviewer import CommandReviewer
from foundry_mcp.machine.command_line import ShellNeeded, parse_command
from foundry_mcp.ports import Review, Reviewer, ReviewRequest
from tests.adapters.sandboxes import STRAY, pipe_in

UNITS = [
    {"id": "t-1", "kind": "task", "title": "A task", "depends_on": [], "status": "pending"},
    {
        "id": "v-1",
        "kind": "verify",
        "title": "A check",
        "depends_on": [],
        "status": "",
        "verification": {"kind": "manual"},
    },
]
REQUEST = ReviewRequest(
    session_id=f"ses_{'0' * 26}",
    spec_id="a-spec",
    version=7,
    phase=PlanPhase.model_validate({"id": "phase-1", "title": "A phase", "units": UNITS}),
    standing=(("t-1", UnitStanding.REPORTED), ("v-1", None)),
    unproven=(ReviewFinding(code="not_proven", node="v-1", message="Nothing says that v-1 is done."),),
    findings=(ReviewFinding(code="protected_path_changed", path="tests/a.py", message="It is gone."),),
    protected_changes=(ProtectedChange(path="tests/a.py", change=ChangeKind.REMOVED),),
)


def reviewer(workspace: Path, command: str, environ: dict[str, str] | None = None, **settings: Any) -> Reviewer:
    asked = ReviewConfig.model_validate({"timeout_s": 20, **settings})
    line = parse_command(command)
    assert not isinstance(line, ShellNeeded), line
    return CommandReviewer(workspace, line, asked, VerificationConfig(), {**os.environ, **(environ or {})})


def program(code: str, *arguments: str) -> str:
    return shlex.join([sys.executable, "-c", code, *arguments])


def review(workspace: Path, code: str, *arguments: str, **settings: Any) -> Review:
    """Have a Python program review."""
    return asyncio.run(reviewer(workspace, program(code, *arguments), **settings).review(REQUEST))


def refused(result: Review, code: ReviewFindingCode) -> str:
    """Hold a review to be a failing one with a finding of a code; give its message."""
    assert result.verdict is Verdict.FAIL
    (finding,) = result.findings
    assert finding.code == code, finding
    return finding.message


@pytest.mark.parametrize("verdict", list(Verdict))
def test_its_verdict_and_its_findings_are_taken(tmp_path: Path, verdict: Verdict) -> None:
    finding = {"code": "style", "node": "t-1", "path": "a.py", "message": "Too long: ünd so."}
    said = json.dumps({"verdict": verdict, "findings": [finding]})
    assert review(tmp_path, f"print({said!r})") == Review(verdict, (ReviewFinding.model_validate(finding),))


def test_findings_may_be_left_out(tmp_path: Path) -> None:
    assert review(tmp_path, """print('{"verdict": "pass"}')""") == Review(Verdict.PASS, ())


def test_it_gets_the_phase_by_its_contract_and_runs_in_the_workspace(tmp_path: Path) -> None:
    review(tmp_path, "import sys; open('phase.json', 'w').write(sys.stdin.read())")
    text = (tmp_path / "phase.json").read_text(encoding="utf-8")
    schema = (files("foundry_contracts") / "schemas" / "formats" / "PhaseReview.json").read_text(encoding="utf-8")
    jsonschema_rs.validator_for(json.loads(schema)).validate(json.loads(text))
    document = json.loads(text)
    assert document.pop("phase")["units"] == UNITS
    assert document == {
        "workspace": str(tmp_path),
        "session_id": REQUEST.session_id,
        "spec_id": "a-spec",
        "version": 7,
        "results": [{"unit_id": "t-1", "standing": "reported"}, {"unit_id": "v-1"}],
        "findings": [{"code": "protected_path_changed", "path": "tests/a.py", "message": "It is gone."}],
        "protected_changes": [{"path": "tests/a.py", "change": "removed"}],
    }


def test_it_has_the_servers_environment_but_what_is_the_servers_own(tmp_path: Path) -> None:
    environ = {"FOUNDRY_MCP_TOKEN": "secret", "FOUNDRY_MCP_POSTURE_PROFILE": "debug", "MODEL_KEY": "needed"}
    code = "import os, json; open('environ', 'w').write(json.dumps(dict(os.environ)))"
    asyncio.run(reviewer(tmp_path, program(code), environ).review(REQUEST))
    seen = json.loads((tmp_path / "environ").read_text())
    assert [name for name in seen if name.startswith("FOUNDRY_MCP_")] == []
    assert seen["MODEL_KEY"] == "needed"
    assert seen["HOME"] == os.environ["HOME"]


def test_it_is_run_without_a_shell_and_in_the_folder_its_command_names(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    script = tmp_path / "sub" / "judge"
    script.write_text(f"#!{sys.executable}\nimport os, sys\nopen('seen', 'w').write(' '.join(sys.argv[1:]))\n")
    script.chmod(0o755)
    asyncio.run(reviewer(tmp_path, "cd sub && ./judge 'a b' '$HOME'").review(REQUEST))
    assert (tmp_path / "sub" / "seen").read_text() == "a b $HOME"


@pytest.mark.parametrize("command", ["no-such-program-anywhere", "./no-such-file", "./plain"])
def test_a_program_that_cannot_start_fails_the_review(tmp_path: Path, command: str) -> None:
    (tmp_path / "plain").write_text("#!/bin/sh\n")
    result = asyncio.run(reviewer(tmp_path, command).review(REQUEST))
    assert command in refused(result, ReviewFindingCode.REVIEWER_NOT_STARTED)


def test_a_program_without_its_interpreter_fails_the_review(tmp_path: Path) -> None:
    (tmp_path / "judge").write_text("#!/no/such/interpreter\n")
    (tmp_path / "judge").chmod(0o755)
    result = asyncio.run(reviewer(tmp_path, "./judge").review(REQUEST))
    refused(result, ReviewFindingCode.REVIEWER_CRASHED)


def test_a_program_that_runs_too_long_fails_the_review(tmp_path: Path) -> None:
    begun = time.monotonic()
    code = """import time; print('{"verdict": "pass"}', flush=True); time.sleep(60)"""
    assert "longer than 1 s" in refused(review(tmp_path, code, timeout_s=1), ReviewFindingCode.REVIEWER_STOPPED)
    assert time.monotonic() - begun < 15


def test_a_program_that_writes_too_much_fails_the_review(tmp_path: Path) -> None:
    code = """import sys
print('{"verdict": "pass"}' + ' ' * 4096, flush=True)"""
    message = refused(review(tmp_path, code, max_answer_kb=1), ReviewFindingCode.REVIEWER_STOPPED)
    assert "more than 1 KiB" in message


def test_what_it_says_on_the_side_is_no_part_of_its_answer_and_may_be_much(tmp_path: Path) -> None:
    code = """import sys
print('thinking ' * 100_000, file=sys.stderr)
print('{"verdict": "pass"}')"""
    assert review(tmp_path, code).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("""print('{"verdict": "pass"}'); raise SystemExit(3)""", "exited with 3"),
        ("""import os; print('{"verdict": "pass"}', flush=True); os.kill(os.getpid(), 9)""", "SIGKILL"),
        ("raise ValueError('no model')", "ValueError: no model"),
    ],
)
def test_a_program_that_crashes_fails_the_review_though_it_passed_the_phase(
    tmp_path: Path, code: str, said: str
) -> None:
    assert said in refused(review(tmp_path, code), ReviewFindingCode.REVIEWER_CRASHED)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"LGTM",
        b"null",
        b"[]",
        b'"pass"',
        b"{}",
        b'{"verdict": "PASS"}',
        b'{"verdict": "pass", "verdict": "fail"}',
        b'{"verdict": "fail", "verdict": "pass"}',
        b'{"verdict": "pass"} {"verdict": "pass"}',
        b'{"verdict": "pass", "confidence": 1}',
        b'{"verdict": "pass", "findings": {}}',
        b'{"verdict": "pass", "findings": null}',
        b'{"verdict": "pass", "findings": [{"code": "x"}]}',
        b'{"verdict": "pass", "findings": [{"code": "x", "message": "\\ud800"}]}',
        b'{"verdict": "pass", "findings": [{"code": "x", "message": "\xff"}]}',
        b'{"verdict": "pass", "findings": ' + b"[" * 100_000,
        b'{"verdict": NaN}',
    ],
)
def test_an_answer_that_is_none_fails_the_review(tmp_path: Path, answer: bytes) -> None:
    (tmp_path / "answer").write_bytes(answer)
    code = "import sys; sys.stdout.buffer.write(open('answer', 'rb').read())"
    refused(review(tmp_path, code), ReviewFindingCode.REVIEWER_ANSWER_INVALID)


def test_nothing_of_it_survives(tmp_path: Path) -> None:
    with pipe_in(tmp_path) as pipe:
        code = STRAY + """\nprint('{"verdict": "pass"}')"""
        result = review(tmp_path, code, "lets_go", "0")
        refused(result, ReviewFindingCode.REVIEWER_ANSWER_INVALID)
        assert pipe.wait_for_word()
        assert pipe.is_let_go()


def test_nothing_of_it_survives_a_review_that_is_cut_off(tmp_path: Path) -> None:
    async def cut_off() -> None:
        reviewing = asyncio.create_task(reviewer(tmp_path, program(STRAY, "lets_go", "60")).review(REQUEST))
        assert await asyncio.to_thread(pipe.wait_for_word)
        reviewing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reviewing

    with pipe_in(tmp_path) as pipe:
        asyncio.run(cut_off())
        assert pipe.is_let_go()
