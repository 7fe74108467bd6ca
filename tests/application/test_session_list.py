"""Sessions are listed page by page, newest first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foundry_contracts.vocabulary import CommandName, ErrorCode, ReasonCode
from foundry_mcp.adapters.sqlite_store import SqliteStore
from tests.adapters.memory_store import unkeyed
from tests.driving import Json, accepted, spec, start, task
from tests.in_process import InProcess
from tests.scenes import SPEC, TWO_TASKS, of, turned_down

pytestmark = pytest.mark.anyio

OTHER = "other-spec"


async def five_sessions(call: InProcess) -> list[str]:
    """Begin four sessions of a spec and one of another between them; give their ids, newest first."""
    ids: list[str] = []
    for minute, name in enumerate([SPEC, SPEC, OTHER, SPEC, SPEC]):
        call.clock.time = f"2026-01-01T00:0{minute}:00.000Z"
        ids.insert(0, await start(call, name))
        end = of(CommandName.TASK_SESSION_END, session_id=ids[0], reason=ReasonCode.TESTING)
        await accepted(call.maintainer, "task", **end)
    return ids


async def listing(call: InProcess, **params: Any) -> Json:
    return await accepted(call.observer, "task", **of(CommandName.TASK_SESSION_LIST, **params))


def shown(page: Json) -> list[str]:
    return [entry["session_id"] for entry in page["sessions"]]


@pytest.mark.parametrize("spec_id", [None, SPEC])
async def test_pages_follow_one_another_and_are_of_one_listing(tmp_path: Path, spec_id: str | None) -> None:
    call = InProcess(tmp_path, TWO_TASKS, spec(OTHER, [task("t1")]))
    ids = await five_sessions(call)
    asked = {"spec_id": spec_id} if spec_id else {}
    wanted = [name for place, name in enumerate(ids) if spec_id is None or place != 2]
    pages = [await listing(call, limit=2, **asked)]
    while pages[-1]["has_more"]:
        pages.append(await listing(call, limit=2, cursor=pages[-1]["cursor"], **asked))
    assert [shown(page) for page in pages] == [wanted[place : place + 2] for place in range(0, len(wanted), 2)]
    for other in ({"spec_id": OTHER}, {} if spec_id else {"spec_id": SPEC}):
        listed = of(CommandName.TASK_SESSION_LIST, cursor=pages[0]["cursor"], **other)
        await turned_down(call.observer, ErrorCode.INVALID_CURSOR, "task", **listed)


async def test_a_workspace_without_sessions_has_an_empty_page_to_go_on_from(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    empty = await listing(call)
    assert (empty["sessions"], empty["has_more"]) == ([], False)
    session_id = await start(call, SPEC)
    assert shown(await listing(call, cursor=empty["cursor"])) == [session_id]


async def test_a_page_that_ended_with_a_session_since_removed_says_so(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.sqlite3", unkeyed)
    call = InProcess(tmp_path, TWO_TASKS, spec(OTHER, [task("t1")]), store=store)
    ids = await five_sessions(call)
    page = await listing(call, limit=2)
    with store._database.writing() as db:
        db.execute("DELETE FROM sessions WHERE session_id = ?", (ids[1],))
    listed = of(CommandName.TASK_SESSION_LIST, cursor=page["cursor"])
    await turned_down(call.observer, ErrorCode.INVALID_CURSOR, "task", **listed)
    store.close()


async def test_a_page_reads_its_own_rows_and_no_other(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.sqlite3", unkeyed)
    call = InProcess(tmp_path, TWO_TASKS, spec(OTHER, [task("t1")]), store=store)
    ids = await five_sessions(call)
    with store._database.writing() as db:
        for place in (0, 4):
            db.execute("UPDATE sessions SET spec_id = CAST(x'ff' AS TEXT) WHERE session_id = ?", (ids[place],))
    pages = [await listing(call, limit=2)]
    while pages[-1]["has_more"]:
        pages.append(await listing(call, limit=2, cursor=pages[-1]["cursor"]))
    assert [shown(page) for page in pages] == [[ids[1]], ids[2:4], []]
    assert [page["unreadable"] for page in pages] == [1, 0, 1]
    store.close()
