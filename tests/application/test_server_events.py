"""What the server tells of denials that no session's log tells of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foundry_contracts.vocabulary import CommandName, ErrorCode, EventOrder, EventType, ReasonCode, Role
from foundry_mcp.adapters.sqlite_store import SqliteStore
from tests.adapters.memory_store import unkeyed
from tests.driving import Json, accepted, refused, start
from tests.in_process import InProcess
from tests.scenes import SPEC, TWO_TASKS, of, turned_down

pytestmark = pytest.mark.anyio

NOBODYS = "ses_" + "7" * 26


async def told(call: InProcess, **params: Any) -> Json:
    """Give a page of the server's events, read by a maintainer whom no denial of others makes wait."""
    return await accepted(call.fork().maintainer, "server", **of(CommandName.SERVER_EVENTS, **params))


async def payloads(call: InProcess) -> list[Json]:
    return [event["payload"] for event in (await told(call))["events"]]


async def test_a_denied_start_is_told_with_who_asked_for_what(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    start_it = of(CommandName.TASK_SESSION_START, spec_id=SPEC)
    await turned_down(call.observer, ErrorCode.UNAUTHORIZED, "task", **start_it)
    (event,) = (await told(call))["events"]
    assert event == {
        "event_id": event["event_id"],
        "seq": 1,
        "time": call.clock.time,
        "actor": {"id": "tester", "role": Role.OBSERVER},
        "type": EventType.CALL_DENIED,
        "payload": {
            "command": CommandName.TASK_SESSION_START,
            "error_code": ErrorCode.UNAUTHORIZED,
            "needed": Role.AUTONOMY_RUNNER,
            "spec_id": SPEC,
        },
    }


async def test_a_denial_within_a_start_is_told_as_one_at_its_door_is(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    adopting = of(CommandName.TASK_SESSION_START, spec_id=SPEC, adopt_completed=True)
    await turned_down(call, ErrorCode.UNAUTHORIZED, "task", **adopting)
    assert await payloads(call) == [
        {
            "command": CommandName.TASK_SESSION_START,
            "error_code": ErrorCode.UNAUTHORIZED,
            "needed": Role.MAINTAINER,
            "spec_id": SPEC,
        }
    ]


@pytest.mark.parametrize(
    ("named", "kept"),
    [
        ({"session_id": NOBODYS}, {"session_id": NOBODYS}),
        ({"session_id": "x" * 5000, "spec_id": "../../etc"}, {}),
        ({"session_id": 7}, {}),
        ({}, {}),
    ],
)
async def test_a_denial_for_no_session_keeps_of_what_was_named_only_ids(
    tmp_path: Path, named: Json, kept: Json
) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    end = of(CommandName.TASK_SESSION_END, reason=ReasonCode.TESTING, **named)
    await turned_down(call, ErrorCode.UNAUTHORIZED, "task", **end)
    asked = {"command": CommandName.TASK_SESSION_END, "error_code": ErrorCode.UNAUTHORIZED, "needed": Role.MAINTAINER}
    assert await payloads(call) == [asked | kept]


async def test_a_denial_in_a_session_is_its_own_and_not_the_servers(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    pause = of(CommandName.TASK_SESSION_PAUSE, session_id=session_id)
    await turned_down(call.observer, ErrorCode.UNAUTHORIZED, "task", **pause)
    assert await payloads(call) == []


async def test_reading_is_a_maintainers_and_a_denied_reader_is_told_of(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    await turned_down(call, ErrorCode.UNAUTHORIZED, "server", **of(CommandName.SERVER_EVENTS))
    assert [denied["command"] for denied in await payloads(call)] == [CommandName.SERVER_EVENTS]


async def test_an_actor_that_was_made_to_wait_leaves_one_event_more_however_often_it_calls(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    start_it = of(CommandName.TASK_SESSION_START, spec_id=SPEC)
    for _ in range(10):
        await turned_down(call.observer, ErrorCode.UNAUTHORIZED, "task", **start_it)
    for _ in range(30):
        await turned_down(call.observer, ErrorCode.RATE_LIMITED, "task", **start_it)
    seen = (await told(call))["events"]
    assert [event["type"] for event in seen] == [EventType.CALL_DENIED] * 10 + [EventType.ACTOR_LIMITED]
    until = "2026-01-01T00:01:00.000Z"
    assert seen[-1]["payload"] == {"command": CommandName.TASK_SESSION_START, "until": until}
    call.clock.time = until
    await turned_down(call.observer, ErrorCode.UNAUTHORIZED, "task", **start_it)
    assert (await told(call))["events"][-1]["type"] == EventType.CALL_DENIED


async def denied_five_times(call: InProcess) -> None:
    for second in range(5):
        call.clock.time = f"2026-01-01T00:00:{second:02d}.000Z"
        await turned_down(call.observer, ErrorCode.UNAUTHORIZED, "task", **of(CommandName.TASK_SESSION_START))


@pytest.mark.parametrize(("order", "pages"), [("asc", [[1, 2], [3, 4], [5]]), ("desc", [[5, 4], [3, 2], [1]])])
async def test_events_are_read_page_by_page_either_way(
    tmp_path: Path, order: EventOrder, pages: list[list[int]]
) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    await denied_five_times(call)
    found = [await told(call, limit=2, order=order)]
    while found[-1]["has_more"]:
        found.append(await told(call, limit=2, order=order, cursor=found[-1]["cursor"]))
    assert [[event["seq"] for event in page["events"]] for page in found] == pages


async def test_a_cursor_at_the_end_goes_on_with_what_comes(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    await denied_five_times(call)
    end = await told(call)
    again = await told(call, cursor=end["cursor"])
    assert (again["events"], again["cursor"], again["has_more"]) == ([], end["cursor"], False)
    await turned_down(call.observer, ErrorCode.UNAUTHORIZED, "task", **of(CommandName.TASK_SESSION_START))
    assert [event["seq"] for event in (await told(call, cursor=end["cursor"]))["events"]] == [6]


async def test_a_cursor_of_another_listing_is_refused_in_both_directions(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    of_session = of(CommandName.TASK_SESSION_EVENTS, session_id=session_id)
    sessions = (await accepted(call, "task", **of_session))["cursor"]
    await denied_five_times(call)
    servers = (await told(call))["cursor"]
    reader = call.fork().maintainer
    for cursor in (sessions, "x", servers + "A"):
        await turned_down(reader, ErrorCode.INVALID_CURSOR, "server", **of(CommandName.SERVER_EVENTS, cursor=cursor))
    await turned_down(reader, ErrorCode.INVALID_CURSOR, "task", **of_session, cursor=servers)


async def test_events_that_were_changed_are_not_shown_and_a_denial_stands_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = SqliteStore(tmp_path / "store.sqlite3", unkeyed)
    call = InProcess(tmp_path, TWO_TASKS, store=store)
    start_it = of(CommandName.TASK_SESSION_START, spec_id=SPEC)
    for _ in range(3):
        await turned_down(call.observer, ErrorCode.UNAUTHORIZED, "task", **start_it)
    with store._database.writing() as db:
        db.execute("DELETE FROM server_events WHERE seq = 3")
    read = of(CommandName.SERVER_EVENTS, order="desc")
    page = await accepted(call.maintainer, "server", **read)
    assert [event["seq"] for event in page["events"]] == [2, 1]
    await turned_down(call.observer, ErrorCode.UNAUTHORIZED, "task", **start_it)
    assert "cannot be recorded: The log ends at event 2; there were 3 events." in caplog.text
    with store._database.writing() as db:
        db.execute("UPDATE server_events SET actor_id = 'nobody' WHERE seq = 1")
    data = await refused(call.maintainer, ErrorCode.LOG_INTEGRITY, "server", **read)
    assert (data["details"]["fault"], data["details"]["seq"]) == ("edited", 1)
    assert not any("call" in action for action in data["recommended_actions"])
    store.close()
