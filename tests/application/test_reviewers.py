"""The reviewers that the settings choose between, in a server that is started with them."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from foundry_contracts.vocabulary import (
    CommandName,
    EventType,
    Judgement,
    LoopSignal,
    PauseReason,
    ReviewFindingCode,
    Role,
    StepType,
    Verdict,
)
from foundry_mcp.bootstrap import join
from foundry_mcp.machine.situation import Caller
from tests.driving import Json, accepted, check, drive, next_step, nothing, report, result_of, spec, start, task
from tests.mcp_client import McpClient
from tests.outside import user_config
from tests.scenes import SPEC, of, payloads

pytestmark = pytest.mark.anyio

DECLARING = spec(SPEC, [task("t1", metadata={"file_path": "made.py"})])
# It passes a phase in which every task's file holds the word that it was started with.
JUDGE = """
import json, os, sys
asked = json.load(sys.stdin)
lacking = [
    {"code": "word_missing", "node": unit["id"], "path": unit["file_path"], "message": "It lacks " + sys.argv[1]}
    for unit in asked["phase"]["units"]
    if not os.path.exists(unit["file_path"]) or sys.argv[1] not in open(unit["file_path"]).read()
]
print(json.dumps({"verdict": "fail" if lacking else "pass", "findings": lacking}))
"""


@asynccontextmanager
async def server(
    folder: Path, document: Json, review: str, role: Role = Role.AUTONOMY_RUNNER
) -> AsyncIterator[McpClient]:
    """Start a server with these lines under [review]."""
    workspace = folder / "workspace"
    (workspace / "specs" / "active").mkdir(parents=True, exist_ok=True)
    (workspace / "specs" / "active" / f"{SPEC}.json").write_text(json.dumps(document), encoding="utf-8")
    # A workspace may not name the program that reviews it.
    outside = user_config(folder, f"[review]\n{review}\n")
    joined = join(workspace, {"XDG_STATE_HOME": str(folder / "state"), "PATH": "/usr/bin:/bin", **outside})
    try:
        async with McpClient(joined.application.handle, joined.ids.fresh, Caller("tester", role)) as client:
            yield client
    finally:
        await joined.application.close()


def command(folder: Path) -> str:
    """Give the setting of a program that reviews, which lies outside the workspace."""
    judge = folder / "judge.py"
    judge.write_text(JUDGE, encoding="utf-8")
    return f'reviewer = "command"\ncommand = {json.dumps(shlex.join([sys.executable, str(judge), "hello"]))}'


async def findings(call: McpClient, session_id: str) -> list[Json]:
    """Give the findings that the next step asks to have mended."""
    step = (await next_step(call, session_id))["step"]
    assert step["type"] == StepType.ADDRESS_FEEDBACK
    found: list[Json] = step["findings"]
    await report(call, session_id, await result_of(call, step, nothing))
    return found


async def steps(call: McpClient, session_id: str, count: int = 1) -> None:
    """Carry out steps, each well."""
    for _ in range(count):
        step = (await next_step(call, session_id))["step"]
        await report(call, session_id, await result_of(call, step, nothing))


async def test_a_programs_findings_are_mended_and_the_phase_is_reviewed_again(tmp_path: Path) -> None:
    async with server(tmp_path, DECLARING, command(tmp_path)) as call:
        session_id = await start(call, SPEC)
        await steps(call, session_id, 2)
        wanted = {"code": "word_missing", "node": "t1", "path": "made.py", "message": "It lacks hello"}
        assert await findings(call, session_id) == [wanted]
        (tmp_path / "workspace" / "made.py").write_text("print('hello')\n", encoding="utf-8")
        assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE
        verdicts = [event["verdict"] for event in await payloads(call, session_id, EventType.GATE_FINISHED)]
    assert verdicts == [Verdict.FAIL, Verdict.PASS]


async def test_a_program_that_passes_a_phase_passes_no_changed_test(tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace" / "made.py").write_text("hello\n", encoding="utf-8")
    protect = command(tmp_path) + '\nprotected_paths = ["made.py"]'
    async with server(tmp_path, DECLARING, protect) as call:
        session_id = await start(call, SPEC)
        (tmp_path / "workspace" / "made.py").write_text("hello there\n", encoding="utf-8")
        await steps(call, session_id, 2)
        (found,) = await findings(call, session_id)
    assert (found["code"], found["path"]) == (ReviewFindingCode.PROTECTED_PATH_CHANGED, "made.py")


async def test_a_program_that_is_not_there_passes_nothing(tmp_path: Path) -> None:
    async with server(tmp_path, DECLARING, 'reviewer = "command"\ncommand = "no-such-judge"') as call:
        session_id = await start(call, SPEC)
        await steps(call, session_id, 2)
        (found,) = await findings(call, session_id)
    assert found["code"] == ReviewFindingCode.REVIEWER_NOT_STARTED


async def test_the_evidence_asks_for_declared_files_and_is_the_default(tmp_path: Path) -> None:
    async with server(tmp_path, DECLARING, "") as call:
        session_id = await start(call, SPEC)
        await steps(call, session_id, 2)
        (found,) = await findings(call, session_id)
        assert (found["code"], found["path"]) == (ReviewFindingCode.FILE_MISSING, "made.py")
        (tmp_path / "workspace" / "made.py").touch()
        assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE


async def test_the_evidence_takes_a_receipt_an_attestation_and_a_maintainers_word(tmp_path: Path) -> None:
    units = [task("t1"), task("t2", status="completed"), check("v1", command="true"), check("v2")]
    async with server(tmp_path, spec(SPEC, units), "", Role.MAINTAINER) as call:
        begin = of(CommandName.TASK_SESSION_START, spec_id=SPEC, adopt_completed=True)
        session_id = (await accepted(call, "task", **begin))["session"]["session_id"]
        await steps(call, session_id, 2)
        asked = (await next_step(call, session_id))["session"]
        assert asked["pause_reason"] == PauseReason.VERIFICATION_ATTESTATION
        verdict = {"id": "v2", "verdict": Judgement.PASS}
        await accepted(call, "task", **of(CommandName.TASK_SESSION_RESUME, session_id=session_id, verdict=verdict))
        assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE


async def test_a_person_who_reviews_is_shown_what_the_evidence_lacks(tmp_path: Path) -> None:
    async with server(tmp_path, DECLARING, 'reviewer = "manual"', Role.MAINTAINER) as call:
        session_id = await start(call, SPEC)
        await steps(call, session_id, 2)
        asked = (await next_step(call, session_id))["session"]
        assert asked["pause_reason"] == PauseReason.GATE_REVIEW_REQUIRED
        assert [found["code"] for found in asked["findings"]] == [ReviewFindingCode.FILE_MISSING]
        verdict = {"id": "phase-1", "verdict": Judgement.PASS, "note": "It is made elsewhere."}
        await accepted(call, "task", **of(CommandName.TASK_SESSION_RESUME, session_id=session_id, verdict=verdict))
        assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE
