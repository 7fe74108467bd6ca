"""What is the SQLite store's own: lasting, sharing, refusing."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from foundry_contracts.vocabulary import LogFault, SessionStatus
from foundry_mcp.adapters import event_chain
from foundry_mcp.adapters import sqlite_statements as sql
from foundry_mcp.adapters.event_chain import Entry, Seals
from foundry_mcp.adapters.sqlite_database import Database, journal_mode, migrations
from foundry_mcp.adapters.sqlite_store import SqliteStore
from foundry_mcp.ports import START, Batch, LiveSessionExists, LogBroken, StoreBusy, StoreUnavailable, VersionConflict
from tests.adapters.batches import ONE, TWO, batch, event, listed, logged, row
from tests.adapters.memory_store import unkeyed

ROOT = Path(__file__).parents[2]


UNSEALED = {"seal_of_event": lambda *_: "", "seal_of_head": lambda *_: ""}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(path, unkeyed)
    yield made
    made.close()


def process(*arguments: str) -> subprocess.Popen[str]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src"), *sys.path])}
    command = [sys.executable, "-m", "tests.adapters.appending_process", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ)


def test_of_several_processes_that_append_the_same_version_one_wins(path: Path, tmp_path: Path) -> None:
    SqliteStore(path, unkeyed).close()
    signal = tmp_path / "go"
    racers = [process("race", str(path), str(signal)) for _ in range(4)]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    signal.touch()
    said = sorted(racer.communicate(timeout=20)[0].strip() for racer in racers)
    assert said == ["conflict", "conflict", "conflict", "won"]
    assert logged(SqliteStore(path, unkeyed), "ses_a") == [event(1)]


def test_what_was_acknowledged_before_a_kill_is_there_after_it(path: Path) -> None:
    writer = process("endless", str(path))
    assert writer.stdout is not None
    for _ in range(25):
        writer.stdout.readline()
    writer.kill()
    acknowledged = [int(line) for line in writer.communicate()[0].splitlines() if line][-1:] or [50]
    reopened = SqliteStore(path, unkeyed)
    session = reopened.session("ses_a")
    assert session is not None
    assert session.version >= acknowledged[0]
    assert [found.seq for found in logged(reopened, "ses_a")] == list(range(1, session.version + 1))


def test_many_threads_share_one_store(store: SqliteStore) -> None:
    def write(name: str) -> None:
        for version in range(20):
            store.append(batch(version, [ONE], after=row(version + 1, name, spec=name)))

    threads = [threading.Thread(target=write, args=(f"ses_{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found.version for found in listed(store)] == [20] * 8


def test_two_openings_see_each_others_writes(store: SqliteStore, path: Path) -> None:
    other = SqliteStore(path, unkeyed)
    other.append(batch(0, [ONE]))
    with pytest.raises(VersionConflict):
        store.append(batch(0, [ONE]))
    with pytest.raises(LiveSessionExists):
        store.append(batch(0, [ONE], after=row(1, "ses_b")))
    other.close()


def test_a_store_held_by_another_is_busy_within_two_seconds(store: SqliteStore, path: Path) -> None:
    gate = os.open(path.with_name("store.db.gate"), os.O_RDWR)
    fcntl.flock(gate, fcntl.LOCK_EX)
    begun = time.monotonic()
    with pytest.raises(StoreBusy):
        store.append(batch(0, [ONE]))
    assert time.monotonic() - begun < 2
    os.close(gate)
    store.append(batch(0, [ONE]))


def test_a_writer_that_passed_the_gate_by_is_busy_too(store: SqliteStore, path: Path) -> None:
    intruder = apsw.Connection(str(path))
    intruder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy):
        store.append(batch(0, [ONE]))
    intruder.close()
    store.append(batch(0, [ONE]))


def test_folder_and_files_are_their_owners_only(store: SqliteStore, path: Path) -> None:
    store.append(batch(0, [ONE]))
    assert path.parent.stat().st_mode & 0o777 == 0o700
    made = list(path.parent.iterdir())
    assert {entry.name for entry in made} == {
        "store.db",
        "store.db-wal",
        "store.db-shm",
        "store.db.gate",
        "store.db.held",
    }
    assert {entry.stat().st_mode & 0o777 for entry in made} == {0o600}


def test_a_store_of_a_newer_server_is_left_alone(store: SqliteStore, path: Path) -> None:
    store.close()
    raw = apsw.Connection(str(path))
    raw.execute("PRAGMA user_version = 99")
    raw.close()
    with pytest.raises(StoreUnavailable, match="version 99") as caught:
        SqliteStore(path, unkeyed)
    assert "newer server" in caught.value.remedy


def test_a_file_that_is_no_database_is_named(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database, but long enough to be read as one" * 100)
    with pytest.raises(StoreUnavailable, match="no SQLite database"):
        SqliteStore(path, unkeyed)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        SqliteStore(tmp_path / "file" / "state" / "store.db", unkeyed)


def test_a_full_disk_is_named_and_loses_nothing(store: SqliteStore) -> None:
    store.append(batch(0, [ONE]))
    with store._database.reading() as db:
        db.execute("PRAGMA max_page_count = 1")
    large = Batch(row(2), 1, (event(2, payload="x" * 200_000),))
    with pytest.raises(StoreUnavailable, match="full"):
        store.append(large)
    with store._database.reading() as db:
        db.execute("PRAGMA max_page_count = 100000")
    assert store.session("ses_a") == row(1)
    store.append(large)
    assert store.log("ses_a") is not None


def test_a_store_that_cannot_be_written_is_named(store: SqliteStore) -> None:
    with store._database.reading() as db:
        db.execute("PRAGMA query_only = 1")
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        store.append(batch(0, [ONE]))


@pytest.mark.parametrize(
    ("version", "mode"),
    [("3.40.1", "DELETE"), ("3.51.2", "DELETE"), ("3.51.3", "WAL"), ("3.54.1", "WAL"), ("4.0.0", "WAL")],
)
def test_wal_is_used_only_where_it_loses_nothing(version: str, mode: str) -> None:
    assert journal_mode(version) == mode


def test_the_journal_mode_and_the_flush_are_really_set(path: Path) -> None:
    for version, mode in (("3.51.2", "delete"), ("3.51.3", "wal")):
        database = Database(path, functions=UNSEALED, sqlite_version=version)
        with database.reading() as db:
            assert db.execute("PRAGMA journal_mode").get == mode
            assert db.execute("PRAGMA synchronous").get == 2
        database.close()


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        (sql.SEQS_AFTER, ("ses_a", "x", 1, 5)),
        (sql.SEQS_BEFORE, ("ses_a", "x", 9, 5)),
        (sql.EVENTS_AFTER, ("ses_a", 1, 5)),
        (sql.EVENTS_BEFORE, ("ses_a", 9, 5)),
        (sql.LIVE_SESSION, ("spec-1",)),
        (sql.ALL_SESSIONS, (5,)),
        (sql.ALL_SESSIONS_AFTER, (3, 5)),
        (sql.SPEC_SESSIONS, ("spec-1", 5)),
        (sql.SPEC_SESSIONS_AFTER, ("spec-1", 3, 5)),
    ],
)
def test_no_listing_scans_or_sorts(store: SqliteStore, statement: str, values: tuple[str | int, ...]) -> None:
    with store._database.reading() as db:
        steps = " ".join(str(step[3]) for step in db.execute(f"EXPLAIN QUERY PLAN {statement}", values))
    assert "USING" in steps
    assert "INDEX" in steps
    assert "TEMP B-TREE" not in steps


def test_closing_twice_is_closing_once(path: Path) -> None:
    store = SqliteStore(path, unkeyed)
    store.close()
    store.close()


def test_a_store_from_before_seals_is_sealed_as_it_stands_and_says_still_what_was_changed(path: Path) -> None:
    first, second, *_ = migrations()
    assert "seal" in second
    path.parent.mkdir()
    raw = apsw.Connection(str(path))
    raw.execute(first)
    previous = START.hash
    for name in ("ses_a", "ses_b"):
        raw.execute(
            "INSERT INTO sessions VALUES (?, ?, 'ended', 2, '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.002Z', 0)",
            (name, name),
        )
        previous = START.hash
        for seq in (1, 2):
            entry = event_chain.chained(event(seq, session=name), previous, Seals(unkeyed))
            previous = entry.hash
            columns = "session_id, seq, event_id, spec_id, time, actor_id, actor_role, type, payload, hash"
            values = tuple(getattr(entry, column) for column in columns.split(", "))
            raw.execute(f"INSERT INTO events ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    raw.execute("UPDATE events SET payload = 'changed' WHERE session_id = 'ses_b' AND seq = 2")
    raw.execute("PRAGMA user_version = 1")
    raw.close()
    store = SqliteStore(path, unkeyed)
    assert logged(store, "ses_a") == [event(1), event(2)]
    with pytest.raises(LogBroken) as caught:
        store.log("ses_b")
    assert (caught.value.finding.fault, caught.value.finding.seq) == (LogFault.EDITED, 2)
    store.close()


def test_a_log_that_was_read_to_its_end_is_checked_again_once_somebody_else_has_written(
    store: SqliteStore, path: Path
) -> None:
    head = store.append(batch(0, [ONE, TWO]))
    for _ in range(2):
        read = store.log("ses_a", head)
        assert read is not None
        assert (read.row, read.events, read.head) == (row(2), (), head)
    other = apsw.Connection(str(path))
    other.execute("UPDATE sessions SET status = 'paused' WHERE session_id = 'ses_a'")
    paused = store.log("ses_a", head)
    assert paused is not None
    assert paused.row == replace(row(2), status=SessionStatus.PAUSED)
    other.execute("UPDATE events SET hash = replace(hash, substr(hash, 1, 8), 'ffffffff') WHERE seq = 2")
    with pytest.raises(LogBroken):
        store.log("ses_a", head)
    other.close()


class After:
    """Do something once, right after a use of the connection: what another thread may do there, or a fault."""

    def __init__(self, store: SqliteStore, then: Callable[[], object]) -> None:
        self._turn = store._database._turn
        self._waiting = [then]
        store._database._turn = self  # type: ignore[assignment]

    def __enter__(self) -> None:
        self._turn.__enter__()

    def __exit__(self, *caught: Any) -> None:
        self._turn.__exit__(*caught)
        while self._waiting:
            self._waiting.pop()()


def test_a_write_that_failed_after_its_commit_is_read_again(store: SqliteStore) -> None:
    def fail() -> None:
        raise StoreUnavailable("The lock cannot be let go of.", "")

    head = store.append(batch(0, [ONE]))
    After(store, fail)
    with pytest.raises(StoreUnavailable):
        store.append(batch(1, [TWO]))
    log = store.log("ses_a", head)
    assert log is not None
    assert log.events == (event(2, TWO),)
    with pytest.raises(VersionConflict):
        store.append(batch(1, [TWO]))


def test_a_thread_that_writes_right_after_another_is_told_of_its_write(store: SqliteStore) -> None:
    def write() -> None:
        with pytest.raises(VersionConflict):
            store.append(batch(1, [TWO]))
        heads.append(store.append(batch(2, [TWO])))

    heads = [store.append(batch(0, [ONE]))]
    After(store, write)
    heads.append(store.append(batch(1, [ONE])))
    for head in heads:
        log = store.log("ses_a", head)
        assert log is not None
        assert [found.seq for found in log.events] == list(range(head.seq + 1, 4))


@pytest.mark.parametrize("replaced", [False, True])
def test_a_store_deleted_or_replaced_under_the_server_is_named_and_not_written(
    store: SqliteStore, path: Path, replaced: bool
) -> None:
    store.append(batch(0, [ONE]))
    path.rename(path.with_name("moved"))
    if replaced:
        SqliteStore(path, unkeyed).close()
    with pytest.raises(StoreUnavailable, match="deleted or replaced") as caught:
        store.append(batch(1, [TWO]))
    assert "Stop every server" in caught.value.remedy
    with pytest.raises(StoreUnavailable, match="deleted or replaced"):
        store.check()
    if not replaced:
        path.with_name("moved").rename(path)
        store.append(batch(1, [TWO]))
        assert logged(store, "ses_a") == [event(1), event(2, TWO)]


@given(
    st.builds(
        Entry,
        *[st.text(st.characters(exclude_categories=["Cs"]))] * 2,
        st.integers(1, 2**53 - 1),
        *[st.text(st.characters(exclude_categories=["Cs"]))] * 6,
    )
)
def test_what_a_hash_covers_is_the_canonical_form(entry: Entry) -> None:
    names = ("event_id", "session_id", "seq", "spec_id", "time", "actor_id", "actor_role", "type", "payload")
    assert event_chain.canonical(entry) == rfc8785.dumps({name: getattr(entry, name) for name in names})
