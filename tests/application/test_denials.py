"""Who may send what, and what becomes of those who keep trying."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundry_contracts.vocabulary import (
    CommandName,
    ErrorCode,
    EventType,
    ReasonCode,
    Role,
)
from tests.driving import (
    Json,
    accepted,
    events,
    start,
)
from tests.in_process import InProcess
from tests.scenes import (
    SPEC,
    TWO_TASKS,
    of,
    payloads,
    turned_down,
)

pytestmark = pytest.mark.anyio


async def test_ten_denials_within_a_minute_make_an_actor_wait(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    end = of(CommandName.TASK_SESSION_END, session_id=session_id, reason=ReasonCode.TESTING)
    for _ in range(10):
        await turned_down(call, ErrorCode.UNAUTHORIZED, "task", **end)
    status = of(CommandName.TASK_SESSION_STATUS, session_id=session_id)
    limited = await turned_down(call, ErrorCode.RATE_LIMITED, "task", **status)
    assert limited["retryable"]
    call.clock.time = "2026-01-01T00:01:00.000Z"
    await accepted(call, "task", **status)


async def test_a_denial_within_a_command_is_recorded_like_one_at_its_door(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    await accepted(call.maintainer, "task", **of(CommandName.TASK_SESSION_PAUSE, session_id=session_id))
    resume = of(CommandName.TASK_SESSION_RESUME, session_id=session_id)
    data = await turned_down(call, ErrorCode.UNAUTHORIZED, "task", **resume)
    assert data["details"] == {"role": Role.AUTONOMY_RUNNER, "needed": Role.MAINTAINER}
    assert await payloads(call, session_id, EventType.ACCESS_DENIED) == [
        {
            "command": CommandName.TASK_SESSION_RESUME,
            "error_code": ErrorCode.UNAUTHORIZED,
            "needed": Role.MAINTAINER,
        }
    ]


async def test_a_rate_limited_actor_is_told_how_long_and_denials_spread_out_limit_nobody(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS, allow_gate_waiver=False)
    session_id = await start(call, SPEC)
    waive = of(CommandName.TASK_GATE_WAIVER, session_id=session_id, phase_id="phase-1", reason=ReasonCode.TESTING)
    for second in range(0, 60, 6):
        call.clock.time = f"2026-01-01T00:00:{second:02d}.000Z"
        await turned_down(call.maintainer, ErrorCode.GATE_WAIVER_FORBIDDEN, "task", **waive)
    limited = await turned_down(call.maintainer, ErrorCode.RATE_LIMITED, "task", **waive)
    assert (limited["retryable"], limited["retry_after_s"]) == (True, 6.0)
    assert len(await payloads_of_nobody(call, session_id)) == 10
    for minute in range(2, 14):
        call.clock.time = f"2026-01-01T00:{minute:02d}:00.000Z"
        await turned_down(call.maintainer, ErrorCode.GATE_WAIVER_FORBIDDEN, "task", **waive)


async def payloads_of_nobody(call: InProcess, session_id: str) -> list[Json]:
    """Read the denials from a world that has not counted any, as the one here answers nobody."""
    return await payloads(call.fork(), session_id, EventType.ACCESS_DENIED)


async def test_a_denial_names_its_actor_and_role_in_the_log(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    await turned_down(
        call.observer, ErrorCode.UNAUTHORIZED, "task", **of(CommandName.TASK_SESSION_PAUSE, session_id=session_id)
    )
    (denied,) = await events(call, session_id, types=[EventType.ACCESS_DENIED])
    assert (denied["actor"]["id"], denied["actor"]["role"]) == ("tester", Role.OBSERVER)
