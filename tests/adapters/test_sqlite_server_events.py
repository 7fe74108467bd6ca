"""The server's own events in an SQLite file: bounded, pruned from the beginning, and no harm to them unseen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from foundry_contracts.vocabulary import LogFault, UpkeepAction
from foundry_mcp.adapters import sqlite_server_events
from foundry_mcp.adapters import sqlite_statements as sql
from foundry_mcp.adapters.event_chain import Seals
from foundry_mcp.adapters.sqlite_archive import SqliteArchive
from foundry_mcp.adapters.sqlite_pruning import SqlitePruning
from foundry_mcp.adapters.sqlite_store import SqliteStore
from foundry_mcp.ports import LogBroken
from tests.adapters.batches import server_event
from tests.adapters.memory_store import unkeyed

NOW = "2026-02-01T00:00:00.000Z"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(path, unkeyed)
    yield made
    made.close()


def record(store: SqliteStore, count: int, first: int = 1) -> None:
    for number in range(first, first + count):
        store.record(server_event(number))


def seqs(store: SqliteStore) -> list[int]:
    return [event.seq for event in store.server_page(after=0, before=None, limit=100)]


def audited(path: Path, *, sealed: bool = True) -> tuple[list[int], list[tuple[LogFault, int]]]:
    """Give what an audit reads of them, and the faults it finds."""
    archive = SqliteArchive(path, Seals(unkeyed) if sealed else None)
    try:
        events, found = archive.server_events()
    finally:
        archive.close()
    return [event.seq for event in events], [(finding.fault, finding.seq) for finding in found]


def pruned(path: Path, before: str, *, try_only: bool = False) -> tuple[int, str] | None:
    pruning = SqlitePruning(path, unkeyed)
    try:
        result = pruning.prune_server_events(before, NOW, "ann", try_only=try_only)
    finally:
        pruning.close()
    return (result.events, result.kept) if result else None


def test_a_flood_keeps_the_newest_and_a_record_of_what_went(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_server_events, "MOST", 10)
    most = 0
    for number in range(1, 48):
        record(store, 1, number)
        most = max(most, len(seqs(store)))
    assert most == 10
    assert seqs(store) == list(range(seqs(store)[0], 48))
    assert len(seqs(store)) >= 5
    assert audited(path) == (seqs(store), [])
    archive = SqliteArchive(path, Seals(unkeyed))
    records, altered = archive.upkeep()
    archive.close()
    assert ({found.action for found in records}, altered) == ({UpkeepAction.SERVER_EVENTS_PRUNED}, [])
    assert sum(int(str(found.details["events"])) for found in records) == seqs(store)[0] - 1


def test_old_ones_are_removed_from_the_beginning_and_the_chain_goes_on(store: SqliteStore, path: Path) -> None:
    record(store, 6)
    before = server_event(4).time
    assert pruned(path, before, try_only=True) == (3, "")
    assert seqs(store) == [1, 2, 3, 4, 5, 6]
    assert pruned(path, before) == (3, "")
    assert (seqs(store), pruned(path, before)) == ([4, 5, 6], None)
    record(store, 1, 7)
    assert audited(path) == audited(path, sealed=False) == ([4, 5, 6, 7], [])


def test_all_may_be_removed_and_the_numbers_go_on(store: SqliteStore, path: Path) -> None:
    assert pruned(path, NOW) is None
    record(store, 2)
    assert pruned(path, NOW) == (2, "")
    assert (seqs(store), audited(path)) == ([], ([], []))
    record(store, 1, 3)
    assert audited(path) == ([3], [])


def test_an_older_one_after_a_younger_one_stays_with_it(store: SqliteStore, path: Path) -> None:
    store.record(replace(server_event(1), time=NOW))
    record(store, 2, 2)
    assert pruned(path, NOW) is None


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        ("UPDATE server_events SET payload = '{}' WHERE seq = 5", [(LogFault.EDITED, 5)]),
        ("UPDATE server_events SET time = '' WHERE seq IN (4, 6)", [(LogFault.EDITED, 4), (LogFault.EDITED, 6)]),
        ("UPDATE server_events SET actor_id = CAST(x'ff' AS TEXT) WHERE seq = 5", [(LogFault.UNREADABLE, 0)]),
        ("DELETE FROM server_events WHERE seq = 5", [(LogFault.REMOVED, 5)]),
        ("DELETE FROM server_events WHERE seq = 4", [(LogFault.REMOVED, 4)]),
        ("DELETE FROM server_events WHERE seq = 6", [(LogFault.CUT, 6)]),
        ("DELETE FROM server_events", [(LogFault.CUT, 4)]),
        ("DELETE FROM server_events; DELETE FROM server_events_end", [(LogFault.ROW_ALTERED, 0)]),
        ("DELETE FROM server_events WHERE seq = 6; UPDATE server_events_end SET version = 5", [(LogFault.CUT, 6)]),
        ("DELETE FROM upkeep", [(LogFault.REMOVED, 1)]),
        ("UPDATE upkeep SET details = 'x'", [(LogFault.REMOVED, 1)]),
    ],
)
def test_harm_is_found_nothing_is_added_to_it_and_nothing_removed(
    store: SqliteStore, path: Path, harm: str, found: list[tuple[LogFault, int]]
) -> None:
    record(store, 6)
    assert pruned(path, server_event(4).time) == (3, "")
    raw = apsw.Connection(str(path))
    raw.execute(harm)
    assert audited(path) == ([], found)
    count = raw.execute("SELECT count(*) FROM server_events").get
    raw.close()
    if {LogFault.CUT, LogFault.ROW_ALTERED} & {fault for fault, _ in found}:
        with pytest.raises(LogBroken):
            record(store, 1, 7)
    result = pruned(path, NOW)
    # Where nothing is left there is nothing to keep.
    assert "have them audited" in result[1] if result else count == 0
    raw = apsw.Connection(str(path))
    assert raw.execute("SELECT count(*) FROM server_events").get == count
    raw.close()


def test_an_event_chained_by_somebody_else_bears_no_seal(store: SqliteStore, path: Path) -> None:
    record(store, 2)
    SqliteStore(path, unkeyed).close()
    forger = SqliteStore(path, lambda text: unkeyed("guessed" + text))
    with pytest.raises(LogBroken):
        forger.record(server_event(3))
    forger.close()
    assert audited(path) == ([1, 2], [])


@pytest.mark.parametrize(
    ("statement", "values"), [(sql.SERVER_EVENTS_AFTER, (1, 5)), (sql.SERVER_EVENTS_BEFORE, (9, 5))]
)
def test_a_page_is_found_by_its_numbers(store: SqliteStore, statement: str, values: tuple[int, int]) -> None:
    with store._database.reading() as db:
        steps = [str(step[3]) for step in db.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
    assert all("USING INTEGER PRIMARY KEY" in step for step in steps), steps
