"""Progress that is written into the spec file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foundry_contracts.vocabulary import (
    CommandName,
    EventType,
    LoopSignal,
    NodeStatus,
    ReasonCode,
    SessionStatus,
)
from tests.driving import (
    accepted,
    drive,
    start,
    types,
)
from tests.in_process import InProcess
from tests.scenes import (
    SPEC,
    TWO_PHASES,
    TWO_TASKS,
    done,
    of,
    to_second_phase,
)

pytestmark = pytest.mark.anyio


async def test_progress_is_written_back_at_the_end_of_each_phase(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_PHASES)
    call.write_back = True
    call.restart()
    await to_second_phase(call)

    def statuses() -> list[object]:
        document = json.loads(call.spec_file(SPEC).read_text(encoding="utf-8"))
        return [unit.get("status") for phase in document["phases"] for unit in phase["tasks"]]

    assert statuses() == [NodeStatus.COMPLETED, NodeStatus.COMPLETED, None]
    assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE
    assert statuses() == [NodeStatus.COMPLETED] * 3


async def test_nothing_is_written_back_where_the_settings_say_no(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_PHASES)
    before = call.spec_file(SPEC).read_bytes()
    assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE
    assert call.spec_file(SPEC).read_bytes() == before


async def test_an_ended_session_writes_back_what_is_done_and_what_is_blocked(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    call.write_back = True
    call.restart()
    session_id = await start(call, SPEC)
    await done(call, session_id)
    block = of(CommandName.TASK_BLOCK, session_id=session_id, unit_id="t2", reason="No access yet.")
    await accepted(call, "task", **block)
    end = of(CommandName.TASK_SESSION_END, session_id=session_id, reason=ReasonCode.TESTING)
    await accepted(call.maintainer, "task", **end)
    units = json.loads(call.spec_file(SPEC).read_text(encoding="utf-8"))["phases"][0]["tasks"]
    assert [unit["status"] for unit in units] == [NodeStatus.COMPLETED, NodeStatus.BLOCKED]
    assert EventType.SESSION_ENDED in await types(call, session_id)


async def test_a_spec_file_that_is_gone_at_the_end_takes_nothing_from_the_session(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    call.write_back = True
    call.restart()
    session_id = await start(call, SPEC)
    call.spec_file(SPEC).unlink()
    end = of(CommandName.TASK_SESSION_END, session_id=session_id, reason=ReasonCode.TESTING)
    ended = await accepted(call.maintainer, "task", **end)
    assert ended["session"]["status"] == SessionStatus.ENDED
    assert not call.spec_file(SPEC).exists()
