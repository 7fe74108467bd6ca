"""Units of work as they stand: one, listed, counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundry_contracts.vocabulary import (
    CommandName,
    ErrorCode,
    UnitKind,
    UnitState,
)
from tests.driving import (
    accepted,
    check,
    next_step,
    nothing,
    report,
    result_of,
    spec,
    start,
    task,
)
from tests.in_process import InProcess
from tests.scenes import (
    SPEC,
    TWO_PHASES,
    TWO_TASKS,
    failed,
    of,
    to_second_phase,
    turned_down,
)

pytestmark = pytest.mark.anyio


async def test_tasks_are_listed_page_by_page_as_they_stand(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task(f"t{number}") for number in range(5)]))
    listing = of(CommandName.TASK_LIST, spec_id=SPEC, limit=2)
    seen: list[str] = []
    page = await accepted(call, "task", **listing)
    while True:
        seen += [entry["id"] for entry in page["tasks"]]
        if "cursor" not in page:
            break
        page = await accepted(call, "task", **listing, cursor=page["cursor"])
    assert seen == [f"t{number}" for number in range(5)]
    first = await accepted(call, "task", **listing)
    filtered = of(CommandName.TASK_LIST, spec_id=SPEC, state=UnitState.DONE, cursor=first["cursor"])
    await turned_down(call, ErrorCode.INVALID_CURSOR, "task", **filtered)
    await turned_down(call, ErrorCode.UNIT_NOT_FOUND, "task", **of(CommandName.TASK_INFO, spec_id=SPEC, unit_id="t9"))
    session_id = await start(call, SPEC)
    step = (await next_step(call, session_id))["step"]
    await report(call, session_id, await result_of(call, step, nothing))
    progress = await accepted(call, "task", **of(CommandName.TASK_PROGRESS, spec_id=SPEC))
    assert progress["progress"] == {"total": 5, "completed": 1, "remaining": 4, "percent": 20}
    done = await accepted(call, "task", **of(CommandName.TASK_LIST, spec_id=SPEC, state=UnitState.DONE))
    assert [entry["id"] for entry in done["tasks"]] == ["t0"]


async def test_a_unit_is_told_with_everything_known_of_it(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1"), task("t2", "t1"), check("v1", command="make test")]))
    info = of(CommandName.TASK_INFO, spec_id=SPEC, unit_id="t2")
    untouched = await accepted(call.observer, "task", **info)
    assert "session_id" not in untouched
    assert (untouched["task"]["state"], untouched["task"]["depends_on"]) == (UnitState.PENDING, ["t1"])
    session_id = await start(call, SPEC)
    step = (await next_step(call, session_id))["step"]
    await report(call, session_id, failed(step))
    told = await accepted(call.observer, "task", **{**info, "unit_id": "t1"})
    assert (told["session_id"], told["task"]["failures"]) == (session_id, 1)


async def test_listings_are_narrowed_by_phase_and_kind(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_PHASES)
    for filters, wanted in (
        ({"phase_id": "phase-2"}, ["t2"]),
        ({"kind": UnitKind.VERIFY}, ["v1"]),
        ({"phase_id": "phase-1", "kind": UnitKind.TASK}, ["t1"]),
        ({"state": UnitState.BLOCKED}, []),
        ({"phase_id": "no-such"}, []),
    ):
        listed = await accepted(call, "task", **of(CommandName.TASK_LIST, spec_id=SPEC, **filters))
        assert ([entry["id"] for entry in listed["tasks"]], listed["total"]) == (wanted, len(wanted))


async def test_a_cursor_nobody_gave_is_refused(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    for cursor in ("x", "MTp4", "c1"):
        await turned_down(
            call, ErrorCode.INVALID_CURSOR, "task", **of(CommandName.TASK_LIST, spec_id=SPEC, cursor=cursor)
        )


async def test_progress_is_told_by_phase(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_PHASES)
    await to_second_phase(call)
    told = await accepted(call.observer, "task", **of(CommandName.TASK_PROGRESS, spec_id=SPEC))
    assert [(phase["phase_id"], phase["gate_passed"], phase["progress"]["percent"]) for phase in told["phases"]] == [
        ("phase-1", True, 100),
        ("phase-2", False, 0),
    ]


@pytest.mark.parametrize(
    "command",
    [CommandName.TASK_INFO, CommandName.TASK_LIST, CommandName.TASK_PROGRESS],
    ids=["info", "list", "progress"],
)
async def test_units_of_no_spec_are_not_found(tmp_path: Path, command: CommandName) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    more = {"unit_id": "t1"} if command is CommandName.TASK_INFO else {}
    await turned_down(call, ErrorCode.SPEC_NOT_FOUND, "task", **of(command, spec_id="no-such", **more))
