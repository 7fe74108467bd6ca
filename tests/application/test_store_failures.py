"""A store that fails under the server: the caller is told what to do, and the server lives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from foundry_contracts.dispatch import COMMANDS
from foundry_contracts.vocabulary import CommandName, ErrorCode, EventType, LoopSignal
from foundry_mcp.ports import Batch, Head, StoreUnavailable
from foundry_mcp.surface import routing
from tests.adapters.memory_store import MemoryStore
from tests.driving import accepted, next_step, refused, start, types
from tests.in_process import InProcess
from tests.scenes import SPEC, TWO_TASKS, of

pytestmark = pytest.mark.anyio


class Failing(MemoryStore):
    """Fail to write with what it was given, while it has something."""

    def __init__(self) -> None:
        super().__init__()
        self.failure: Exception | None = None

    def append(self, batch: Batch) -> Head:
        if self.failure is not None:
            raise self.failure
        return super().append(batch)


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (StoreUnavailable("The disk is full.", "Make room."), ErrorCode.STORE_UNAVAILABLE),
        (ZeroDivisionError("a fault of ours"), ErrorCode.INTERNAL_ERROR),
    ],
)
async def test_a_write_that_fails_is_told_and_nothing_of_it_remains(
    tmp_path: Path, failure: Exception, code: ErrorCode, caplog: pytest.LogCaptureFixture
) -> None:
    store = Failing()
    call = InProcess(tmp_path, TWO_TASKS, store=store)
    session_id = await start(call, SPEC)
    store.failure = failure
    answer = await call("task", **of(CommandName.TASK_SESSION_STEP_NEXT, session_id=session_id))
    data = answer["data"]
    assert (data["error_code"], data["loop_signal"]) == (code, LoopSignal.FAILED)
    if code is ErrorCode.STORE_UNAVAILABLE:
        assert (answer["error"], data["details"]["remedy"]) == ("The disk is full.", "Make room.")
    else:
        # The cause is the log's to tell, under the request's id; a caller learns nothing of our insides.
        request = answer["meta"]["request_id"]
        assert request in answer["error"]
        assert f"{request}: task.session-step.next failed" in caplog.text
        assert "a fault of ours" not in answer["error"]
    store.failure = None
    assert await types(call, session_id) == [EventType.SESSION_STARTED]
    assert (await next_step(call, session_id))["step"]["attempt"] == 1


async def test_what_a_contract_does_not_declare_is_a_fault_and_is_not_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    entry = COMMANDS[CommandName.TASK_SESSION_START]
    mute = {**COMMANDS, entry.name: replace(entry, errors=(), emits=())}
    monkeypatch.setattr(routing, "COMMANDS", mute)
    begin = of(CommandName.TASK_SESSION_START, spec_id=SPEC)
    await refused(call, ErrorCode.INTERNAL_ERROR, "task", **begin)
    await refused(call, ErrorCode.INTERNAL_ERROR, "task", **{**begin, "spec_id": "no-such-spec"})
    assert (await accepted(call, "task", **of(CommandName.TASK_SESSION_LIST)))["sessions"] == []
