"""The same key, the same answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foundry_contracts.vocabulary import (
    CommandName,
    ErrorCode,
    EventType,
    Role,
)
from tests.driving import (
    accepted,
    start,
    types,
)
from tests.in_process import InProcess
from tests.scenes import (
    SPEC,
    TWO_TASKS,
    of,
    turned_down,
)

pytestmark = pytest.mark.anyio


async def test_the_same_key_gives_the_same_answer_and_another_call_is_refused(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    begin = of(CommandName.TASK_SESSION_START, spec_id=SPEC, idempotency_key="k")
    first = await call.answer("task", **begin)
    call.restart()
    assert (await call.answer("task", **begin)).text == first.text
    await turned_down(call, ErrorCode.IDEMPOTENCY_CONFLICT, "task", **begin, attended=True)
    assert (await call.answer("task", Role.MAINTAINER, **begin)).text == first.text


async def test_a_key_is_answered_the_same_however_late(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    begin = of(CommandName.TASK_SESSION_START, spec_id=SPEC, idempotency_key="k")
    first = await call.answer("task", **begin)
    call.clock.time = "2027-01-01T00:00:00.000Z"
    assert (await call.answer("task", **begin)).text == first.text
    data: Any = first.document["data"]
    assert await types(call, data["session"]["session_id"]) == [EventType.SESSION_STARTED]


async def test_a_key_of_one_command_is_refused_for_another(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    begin = of(CommandName.TASK_SESSION_START, spec_id=SPEC, idempotency_key="k")
    session_id = (await accepted(call, "task", **begin))["session"]["session_id"]
    pause = of(CommandName.TASK_SESSION_PAUSE, session_id=session_id, idempotency_key="k")
    await turned_down(call, ErrorCode.IDEMPOTENCY_CONFLICT, "task", **pause)
    assert await types(call, session_id) == [EventType.SESSION_STARTED]
    await accepted(call, "task", **{**pause, "idempotency_key": "another"})


async def test_a_refused_call_uses_up_no_key(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    begin = of(CommandName.TASK_SESSION_START, idempotency_key="k")
    await turned_down(call, ErrorCode.SPEC_NOT_FOUND, "task", **begin, spec_id="no-such")
    await accepted(call, "task", **begin, spec_id=SPEC)


async def test_a_pause_sent_twice_with_its_key_is_recorded_once(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    pause = of(CommandName.TASK_SESSION_PAUSE, session_id=session_id, idempotency_key="k")
    first = await call.answer("task", **pause)
    assert (await call.answer("task", **pause)).text == first.text
    assert (await types(call, session_id)).count(EventType.SESSION_PAUSED) == 1
