"""foundry-mcp store: copies, putting one back, and removing what is over, beside a server and without one."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from foundry_contracts.vocabulary import CommandName, ErrorCode, ReasonCode
from foundry_mcp.adapters.sqlite_store import SqliteStore
from foundry_mcp.ports import StoreUnavailable
from tests.adapters.memory_store import unkeyed
from tests.cli.kept import PLAN, Kept, denied_once
from tests.driving import accepted, drive, next_step, refused, start
from tests.scenes import SPEC, of
from tests.tampering import HARMS

OLD = "2025-01-01T00:00:00.000Z"


def rows(path: Path, table: str = "events") -> int:
    raw = apsw.Connection(str(path))
    try:
        return int(str(raw.execute(f"SELECT count(*) FROM {table}").get))
    finally:
        raw.close()


def test_a_backup_is_one_sound_file_made_beside_a_running_server(kept: Kept, tmp_path: Path) -> None:
    session_id = kept.nine_events()
    copy = tmp_path / "copy.sqlite3"
    with kept.server() as call:
        assert kept("store", "backup", copy) == 0
        assert kept.out == f"{copy}: 1 session, 9 events\n"
        assert "The keys are not in it" in kept.err
        asyncio.run(drive(call, SPEC))
    assert copy.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(("copy", ".copy"))] == [copy.name]
    assert kept("audit", "verify", "--store", copy, "--session", session_id) == 0
    assert rows(copy) == 9 < rows(kept.store)


def test_a_backup_replaces_no_file(kept: Kept, tmp_path: Path) -> None:
    kept.nine_events()
    (tmp_path / "there").write_text("mine")
    assert kept("store", "backup", tmp_path / "there") == 3
    assert "is there already" in kept.err
    assert (tmp_path / "there").read_text() == "mine"


def test_a_backup_is_put_back_and_what_was_there_is_kept(kept: Kept, tmp_path: Path) -> None:
    session_id = kept.nine_events()
    copy = tmp_path / "copy.sqlite3"
    assert kept("store", "backup", copy) == 0
    kept.completed()
    later = rows(kept.store)
    assert kept("store", "restore", copy) == 0
    assert "restored: 1 session, 9 events" in kept.out
    (before,) = kept.state.glob("store.sqlite3.before-restore-*[0-9Z]")
    assert str(before) in kept.out
    assert (rows(kept.store), rows(before)) == (9, later)
    assert kept("audit", "verify") == 0
    with kept.server() as call:
        assert asyncio.run(drive(call, SPEC)).session_id == session_id
    assert copy.exists()


def test_a_store_that_a_server_has_open_is_not_replaced(kept: Kept, tmp_path: Path) -> None:
    kept.nine_events()
    copy = tmp_path / "copy.sqlite3"
    assert kept("store", "backup", copy) == 0
    with kept.server() as call:
        assert kept("store", "restore", copy) == 3
        assert "A server has the store" in kept.err
        asyncio.run(drive(call, SPEC))
    assert not list(kept.state.glob("*before*"))
    assert kept("store", "restore", copy) == 0


def test_a_damaged_store_can_be_replaced(kept: Kept, tmp_path: Path) -> None:
    kept.nine_events()
    copy = tmp_path / "copy.sqlite3"
    assert kept("store", "backup", copy) == 0
    kept.store.write_text("prose " * 1000)
    assert kept("store", "restore", copy) == 0
    assert kept("audit", "verify") == 0


@pytest.mark.parametrize(
    ("content", "said"), [("prose " * 1000, "no SQLite database"), ("", "has version 0"), (None, "There is no store")]
)
def test_what_is_no_backup_is_not_put_in_the_stores_place(
    kept: Kept, tmp_path: Path, content: str | None, said: str
) -> None:
    kept.nine_events()
    if content is not None:
        (tmp_path / "file").write_text(content)
    assert kept("store", "restore", tmp_path / "file") == 3
    assert said in kept.err
    assert rows(kept.store) == 9
    assert not list(kept.state.glob("*before*"))


def test_a_backup_by_a_newer_program_is_left_alone(kept: Kept, tmp_path: Path) -> None:
    kept.nine_events()
    copy = tmp_path / "copy.sqlite3"
    assert kept("store", "backup", copy) == 0
    raw = apsw.Connection(str(copy))
    raw.execute("PRAGMA user_version = 99")
    raw.close()
    assert kept("store", "restore", copy) == 3
    assert "has version 99" in kept.err
    assert kept("audit", "verify", "--store", copy) == 3


def test_a_backup_is_not_put_where_its_keys_are_not(kept: Kept, tmp_path: Path) -> None:
    kept.nine_events()
    copy = tmp_path / "copy.sqlite3"
    assert kept("store", "backup", copy) == 0
    kept.state.rename(tmp_path / "gone")
    assert kept("store", "restore", copy) == 3
    assert "Put the copy of the store's keys folder there first" in kept.err


def test_sessions_that_are_long_over_are_removed_wholly_and_the_record_says_so(kept: Kept) -> None:
    old = kept.nine_events()
    kept.completed()
    with kept.server() as call:
        asyncio.run(start(call, SPEC))
    raw = apsw.Connection(str(kept.store))
    answers = rows(kept.store, "answers")
    assert kept("store", "prune", "--older-than", "0", "--dry-run") == 0
    assert f"{old}  {SPEC}  " in kept.out
    assert "1 session would be removed, 0 kept" in kept.out
    assert kept("store", "prune", "--older-than", "36000") == 0
    assert "0 sessions removed" in kept.out
    assert rows(kept.store, "sessions") == 2
    assert kept("store", "prune", "--older-than", "0") == 0
    assert "1 session removed, 0 kept" in kept.out
    for table in ("events", "sessions", "answers", "life"):
        assert raw.execute(f"SELECT count(*) FROM {table} WHERE session_id = ?", (old,)).get == 0, table
    assert answers > rows(kept.store, "answers")
    raw.close()
    # The one plan is still pinned by the session that lives.
    assert rows(kept.store, "plans") == 1
    assert kept("audit", "verify") == 0
    assert f"session_pruned {old}" in kept.out


def test_old_denials_of_no_session_are_removed_and_the_record_says_so(kept: Kept) -> None:
    denied_once(kept)
    assert kept("store", "prune", "--older-than", "0", "--dry-run") == 0
    assert "server  of no session  1 event  would be removed\n" in kept.out
    assert kept("store", "prune", "--older-than", "36000") == 0
    assert "of no session" not in kept.out
    assert kept("store", "prune", "--older-than", "0") == 0
    assert "server  of no session  1 event  removed\n0 sessions removed, 0 kept" in kept.out
    assert rows(kept.store, "server_events") == 0
    denied_once(kept)
    assert kept("audit", "verify") == 0
    assert "server_events_pruned\n" in kept.out
    assert "1 event of no session" in kept.out


def test_a_plan_goes_with_the_last_session_that_pinned_it(kept: Kept) -> None:
    kept.nine_events()
    kept.completed()
    assert kept("store", "prune", "--older-than", "0") == 0
    assert (rows(kept.store, "plans"), rows(kept.store, "events")) == (0, 0)


def test_a_session_that_a_later_one_would_carry_on_is_kept(kept: Kept) -> None:
    session_id = kept.nine_events()
    end = of(CommandName.TASK_SESSION_END, session_id=session_id, reason=ReasonCode.TESTING)
    with kept.server() as call:
        asyncio.run(accepted(call.maintainer, "task", **end))
    assert kept("store", "prune", "--older-than", "0") == 0
    assert "kept: a later session of its spec would carry on what it did" in kept.out
    with kept.server() as call:
        asyncio.run(start(call, SPEC))
    kept.completed()
    assert kept("store", "prune", "--older-than", "0") == 0
    assert "2 sessions removed" in kept.out


def test_a_live_session_whose_row_says_that_it_is_over_is_kept(kept: Kept) -> None:
    session_id = kept.nine_events()
    raw = apsw.Connection(str(kept.store))
    raw.execute("UPDATE sessions SET status = 'completed', live = 0")
    raw.close()
    assert kept("store", "prune", "--older-than", "0") == 0
    assert "kept: its log does not say that it is over" in kept.out
    HARMS[0].do(kept.store, session_id)
    assert kept("store", "prune", "--older-than", "0") == 0
    assert "kept: its log is at fault" in kept.out
    reset = of(CommandName.TASK_SESSION_RESET, session_id=session_id, reason=ReasonCode.CORRUPT_STATE)
    with kept.server() as call:
        asyncio.run(accepted(call.maintainer, "task", **reset))
    assert kept("audit", "verify") == 1
    assert f"log_closed {session_id}" in kept.out
    assert kept("store", "prune", "--older-than", "0") == 0
    assert "1 session removed" in kept.out
    assert kept("audit", "verify") == 0


@pytest.mark.parametrize("change", [f"updated_at = '{OLD}'", "spec_id = 'another'"])
def test_a_session_whose_row_was_changed_to_have_it_removed_is_kept(kept: Kept, change: str) -> None:
    kept.nine_events()
    kept.completed()
    raw = apsw.Connection(str(kept.store))
    raw.execute(f"UPDATE sessions SET {change}")
    raw.close()
    assert kept("store", "prune", "--older-than", "0") == 0
    assert "kept: its log is at fault" in kept.out


def test_a_server_that_knows_a_session_takes_its_pruning_for_what_it_is(kept: Kept) -> None:
    async def scene() -> None:
        with kept.server(PLAN) as call:
            driven = await drive(call, SPEC)
            assert kept("store", "prune", "--older-than", "0") == 0
            assert "1 session removed" in kept.out
            status = of(CommandName.TASK_SESSION_STATUS, session_id=driven.session_id)
            await refused(call, ErrorCode.SESSION_NOT_FOUND, "task", **status)
            assert "step" in await next_step(call, await start(call, SPEC))

    asyncio.run(scene())


@pytest.mark.parametrize("words", [[], ["prune"], ["prune", "--older-than", "-1"], ["prune", "--older-than", "x"]])
def test_words_that_make_no_sense_are_bad_use(kept: Kept, words: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        kept("store", *words)
    assert left.value.code == 2


@contextmanager
def somebody_who_may_not_write(folder: Path) -> Iterator[None]:
    """Be nobody where the tests run as root, whom no permission stops; else take the permission away."""
    if os.geteuid() == 0:
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)
    else:
        folder.chmod(0o500)
        try:
            yield
        finally:
            folder.chmod(0o700)


def test_a_folder_that_may_not_be_written_is_named() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        with somebody_who_may_not_write(folder), pytest.raises(StoreUnavailable, match="Permission denied") as caught:
            SqliteStore(folder / "store.sqlite3", unkeyed)
        assert "may read and write there" in caught.value.remedy


def test_a_full_disk_is_told_and_the_server_goes_on_when_there_is_space_again(kept: Kept) -> None:
    async def scene() -> None:
        with kept.server(PLAN) as call:
            session_id = await start(call, SPEC)
            assert isinstance(call.store, SqliteStore)
            with call.store._database.reading() as db:
                db.execute("PRAGMA max_page_count = 1")
            step = of(CommandName.TASK_SESSION_STEP_NEXT, session_id=session_id)
            pause = of(CommandName.TASK_SESSION_PAUSE, session_id=session_id, note="x" * 20_000)
            data = await refused(call, ErrorCode.STORE_UNAVAILABLE, "task", **pause)
            assert "Free space" in data["details"]["remedy"]
            await accepted(call, "task", **of(CommandName.TASK_SESSION_STATUS, session_id=session_id))
            with call.store._database.reading() as db:
                db.execute("PRAGMA max_page_count = 100000")
            await accepted(call, "task", **step)

    asyncio.run(scene())
    assert kept("audit", "verify") == 0


def test_a_store_that_vanished_is_told_and_the_server_lives(kept: Kept) -> None:
    async def scene() -> None:
        with kept.server(PLAN) as call:
            session_id = await start(call, SPEC)
            kept.store.rename(kept.store.with_name("moved"))
            pause = of(CommandName.TASK_SESSION_PAUSE, session_id=session_id)
            data = await refused(call, ErrorCode.STORE_UNAVAILABLE, "task", **pause)
            assert "Stop every server" in data["details"]["remedy"]
            kept.store.with_name("moved").rename(kept.store)
            await accepted(call, "task", **pause)

    asyncio.run(scene())
