"""Ways round that a session must not have: undone work, lifted pauses, lost checks, answers that never come."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from foundry_contracts.dispatch import COMMANDS
from foundry_contracts.vocabulary import (
    CommandName,
    ErrorCode,
    EventType,
    LoopSignal,
    PauseReason,
    ReasonCode,
    RunState,
)
from tests.driving import (
    Json,
    accepted,
    check,
    drive,
    next_step,
    nothing,
    refused,
    report,
    result_of,
    spec,
    start,
    task,
    types,
)
from tests.in_process import InProcess

pytestmark = pytest.mark.anyio

SPEC = "a-spec"


def of(command: CommandName, **params: Any) -> Json:
    entry = COMMANDS[command]
    return {"action": entry.action, **({"command": entry.command} if entry.command else {}), **params}


def rewrite(call: InProcess, document: Json) -> None:
    call.spec_file(SPEC).write_text(json.dumps(document), encoding="utf-8")


async def test_work_taken_over_is_not_done_again_and_does_not_stand_for_blocked_work(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("a"), task("b", "a", status="completed"), task("c")]))
    begin = of(CommandName.TASK_SESSION_START, spec_id=SPEC, adopt_completed=True)
    session_id = (await accepted(call.maintainer, "task", **begin))["session"]["session_id"]
    await accepted(call, "task", **of(CommandName.TASK_BLOCK, session_id=session_id, unit_id="c", reason="No access."))
    driven = await drive(call, SPEC)
    assert [step["unit"]["id"] for step in driven.steps] == ["a"]
    assert driven.last["session"]["pause_reason"] == PauseReason.BLOCKED
    assert driven.last["session"]["phase"]["progress"]["completed"] == 2


async def test_work_that_waits_for_work_taken_over_is_done_once(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("a"), task("b", "a", status="completed"), task("c", "b")]))
    begin = of(CommandName.TASK_SESSION_START, spec_id=SPEC, adopt_completed=True)
    await accepted(call.maintainer, "task", **begin)
    driven = await drive(call, SPEC)
    assert driven.last["loop_signal"] == LoopSignal.SPEC_COMPLETE
    assert sorted(step["unit"]["id"] for step in driven.steps if "unit" in step) == ["a", "c"]


async def paused_by_failures(call: InProcess) -> str:
    session_id = await start(call, SPEC)
    step = (await next_step(call, session_id))["step"]
    result = {**step["report_call"]["params"]["result"], "outcome": "failure"}
    await report(call, session_id, result)
    data = await next_step(call, session_id)
    assert data["session"]["pause_reason"] == PauseReason.ATTEMPT_LIMIT
    return session_id


async def test_a_rebase_lifts_no_pause_that_only_a_maintainer_may_lift(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1")]), max_attempts=1)
    session_id = await paused_by_failures(call)
    rewrite(call, spec(SPEC, [task("t1"), task("t2")]))
    await accepted(call, "task", **of(CommandName.TASK_SESSION_REBASE, session_id=session_id))
    resume = of(CommandName.TASK_SESSION_RESUME, session_id=session_id)
    await refused(call, ErrorCode.UNAUTHORIZED, "task", **resume)
    await accepted(call.maintainer, "task", **resume)


async def test_a_check_that_is_lost_takes_a_maintainer_though_nothing_proved_it_yet(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1"), check("v1", command="make test")]))
    session_id = await start(call, SPEC)
    await accepted(call, "task", **of(CommandName.TASK_SESSION_PAUSE, session_id=session_id))
    rewrite(call, spec(SPEC, [task("t1"), check("v9", command="true")]))
    rebase = of(CommandName.TASK_SESSION_REBASE, session_id=session_id)
    await refused(call, ErrorCode.UNAUTHORIZED, "task", **rebase)
    await accepted(call.maintainer, "task", **rebase)


async def test_a_key_does_not_freeze_what_a_run_answers(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [check("v1", command="make test")]))
    session_id = await start(call, SPEC)
    step = (await next_step(call, session_id))["step"]
    execute = of(CommandName.VERIFICATION_EXECUTE, session_id=session_id, step_id=step["step_id"], idempotency_key="k")
    ended = await accepted(call, "verification", **execute)
    assert (ended["state"], ended["passed"]) == (RunState.FINISHED, True)
    await report(call, session_id, await result_of(call, step, nothing))
    end = of(CommandName.TASK_SESSION_END, session_id=session_id, reason=ReasonCode.TESTING)
    await accepted(call.maintainer, "task", **end)


@pytest.mark.parametrize("odd", [None, 3, ["x"]])
async def test_a_hierarchy_is_written_back_whatever_else_its_file_holds(tmp_path: Path, odd: object) -> None:
    node = {"type": "task", "title": "Do t1", "parent": "p1", "children": []}
    tree = {
        "root": {"type": "spec", "title": "A", "parent": None, "children": ["p1"]},
        "p1": {"type": "phase", "title": "P", "parent": "root", "children": ["t1"]},
        "t1": node,
    }
    call = InProcess(tmp_path, {"spec_id": SPEC, "title": "A", "hierarchy": tree, "phases": odd})
    call.write_back = True
    call.restart()
    assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE
    assert json.loads(call.spec_file(SPEC).read_text(encoding="utf-8"))["hierarchy"]["t1"]["status"] == "completed"


async def test_a_run_whose_session_ends_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call = InProcess(tmp_path, spec(SPEC, [check("v1", command="make test")]))
    ended = asyncio.Event()

    async def endless(command: object) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    monkeypatch.setattr(call.runner, "run", endless)
    session_id = await start(call, SPEC)
    step = (await next_step(call, session_id))["step"]
    execute = of(CommandName.VERIFICATION_EXECUTE, session_id=session_id, step_id=step["step_id"], wait_ms=10)
    assert (await accepted(call, "verification", **execute))["state"] == RunState.RUNNING
    end = of(CommandName.TASK_SESSION_END, session_id=session_id, reason=ReasonCode.TESTING)
    await accepted(call.maintainer, "task", **end)
    await asyncio.wait_for(ended.wait(), timeout=5)
    assert (await types(call, session_id))[-3:] == [
        EventType.VERIFICATION_STARTED,
        EventType.RUN_INTERRUPTED,
        EventType.SESSION_ENDED,
    ]


async def test_a_status_that_could_not_be_written_is_not_answered_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1")]), allow_lock_bypass=True)
    await start(call, SPEC)
    before = call.spec_file(SPEC).read_bytes()

    def full(*_: object, **__: object) -> tuple[int, str]:
        raise OSError(28, "No space left on device")

    update = of(CommandName.TASK_UPDATE_STATUS, spec_id=SPEC, node_id="t1", status="completed", idempotency_key="k")
    update["bypass"] = ReasonCode.OPERATOR_OVERRIDE
    with monkeypatch.context() as patched:
        patched.setattr("foundry_mcp.whole_files.tempfile.mkstemp", full)
        answer = await call.maintainer("task", **update)
        assert answer["data"]["error_code"] == ErrorCode.SPEC_UNAVAILABLE
        assert "cannot be written: No space left on device" in answer["error"]
    assert call.spec_file(SPEC).read_bytes() == before
    await accepted(call.maintainer, "task", **update)
    assert (
        json.loads(call.spec_file(SPEC).read_text(encoding="utf-8"))["phases"][0]["tasks"][0]["status"] == "completed"
    )
