"""What a later session of the same spec takes over from an earlier one, and what it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundry_contracts.vocabulary import (
    CommandName,
    ErrorCode,
    EventType,
    LoopSignal,
    ReasonCode,
    SessionStatus,
    StepType,
    UnitStanding,
)
from tests.driving import (
    accepted,
    check,
    drive,
    next_step,
    spec,
    start,
    task,
    types,
)
from tests.in_process import InProcess
from tests.scenes import (
    SPEC,
    TWO_PHASES,
    TWO_TASKS,
    done,
    every_way_out,
    of,
    payloads,
    rewrite,
    to_second_phase,
    turned_down,
)

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("reset", [False, True], ids=["ended", "reset"])
async def test_a_later_session_carries_on_what_an_ended_one_did(tmp_path: Path, reset: bool) -> None:
    call = InProcess(tmp_path, TWO_PHASES)
    session_id = await to_second_phase(call)
    command = CommandName.TASK_SESSION_RESET if reset else CommandName.TASK_SESSION_END
    await accepted(call.maintainer, "task", **of(command, session_id=session_id, reason=ReasonCode.TESTING))
    later = await start(call, SPEC)
    (started,) = await payloads(call, later, EventType.SESSION_STARTED)
    carried = [] if reset else [("t1", UnitStanding.REPORTED), ("v1", UnitStanding.PROVEN)]
    assert [(unit["unit_id"], unit["standing"]) for unit in started["carried"]] == carried
    assert started["carried_phases"] == ([] if reset else ["phase-1"])
    first = (await next_step(call, later))["step"]
    assert first["unit"]["id"] == ("t1" if reset else "t2")


async def test_a_completed_session_is_not_carried_on(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    await drive(call, SPEC)
    later = await start(call, SPEC)
    assert (await next_step(call, later))["step"]["unit"]["id"] == "t1"


async def test_only_a_maintainer_takes_the_files_word_for_completed_work(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1", status="completed"), task("t2")]))
    adopt = of(CommandName.TASK_SESSION_START, spec_id=SPEC, adopt_completed=True)
    await turned_down(call, ErrorCode.UNAUTHORIZED, "task", **adopt)
    data = await accepted(call.maintainer, "task", **adopt)
    assert data["warnings"] != []
    (started,) = await payloads(call, data["session"]["session_id"], EventType.SESSION_STARTED)
    assert started["carried"] == [{"unit_id": "t1", "standing": UnitStanding.ADOPTED}]


async def test_a_reset_discards_work_and_is_a_maintainers(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_PHASES)
    session_id = await to_second_phase(call)
    reset = of(CommandName.TASK_SESSION_RESET, session_id=session_id, reason=ReasonCode.CORRUPT_STATE, note="Again.")
    await turned_down(call, ErrorCode.UNAUTHORIZED, "task", **reset)
    answer = await accepted(call.maintainer, "task", **reset)
    assert (answer["session"]["status"], answer["loop_signal"]) == (
        SessionStatus.ENDED,
        LoopSignal.PAUSED_NEEDS_ATTENTION,
    )
    await every_way_out(call, answer)
    assert await payloads(call, session_id, EventType.SESSION_RESET) == [
        {"reason": ReasonCode.CORRUPT_STATE, "note": "Again."}
    ]
    left = await accepted(call, "task", **of(CommandName.TASK_PROGRESS, spec_id=SPEC))
    assert left["progress"]["completed"] == 0
    await turned_down(call.maintainer, ErrorCode.SESSION_STATE_CONFLICT, "task", **reset)


async def test_a_running_session_is_not_reset(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    reset = of(CommandName.TASK_SESSION_RESET, session_id=session_id, reason=ReasonCode.TESTING)
    await turned_down(call.maintainer, ErrorCode.SESSION_STATE_CONFLICT, "task", **reset)
    assert await types(call, session_id) == [EventType.SESSION_STARTED]


async def test_a_check_that_changed_since_is_carried_out_again(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_PHASES)
    session_id = await to_second_phase(call)
    end = of(CommandName.TASK_SESSION_END, session_id=session_id, reason=ReasonCode.TESTING)
    await every_way_out(call, await accepted(call.maintainer, "task", **end))
    rewrite(call, spec(SPEC, [task("t1"), check("v1", command="make other")], [task("t2")]))
    later = await start(call, SPEC)
    (started,) = await payloads(call, later, EventType.SESSION_STARTED)
    assert [unit["unit_id"] for unit in started["carried"]] == ["t1"]
    assert started["carried_phases"] == []
    driven = await drive(call, SPEC)
    assert driven.last["loop_signal"] == LoopSignal.SPEC_COMPLETE
    assert [step["unit"]["id"] for step in driven.steps if "unit" in step] == ["v1", "t2"]


async def test_work_is_carried_through_several_ended_sessions(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    for _ in range(2):
        session_id = await start(call, SPEC)
        await done(call, session_id)
        end = of(CommandName.TASK_SESSION_END, session_id=session_id, reason=ReasonCode.TESTING)
        await accepted(call.maintainer, "task", **end)
    await start(call, SPEC)
    driven = await drive(call, SPEC)
    assert [step["type"] for step in driven.steps] == [StepType.RUN_FIDELITY_GATE]
