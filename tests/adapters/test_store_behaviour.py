"""What every store does, the fake included."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from foundry_contracts.vocabulary import SessionStatus
from foundry_mcp.adapters.sqlite_store import SqliteStore
from foundry_mcp.ports import SERVER, Answer, Batch, Life, LiveSessionExists, PlanText, Store, VersionConflict
from tests.adapters.batches import ONE, THREE, TWO, batch, event, listed, logged, row, server_event
from tests.adapters.memory_store import MemoryStore, unkeyed


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store = SqliteStore(tmp_path / "state" / "store.db", unkeyed) if request.param == "sqlite" else MemoryStore()
    yield made
    made.close()


def seqs(store: Store, **wanted: object) -> list[int]:
    arguments = {"after": None, "before": None, "limit": 100, "types": (), **wanted}
    return [found.seq for found in store.page("ses_a", **arguments)]  # type: ignore[arg-type]


def test_an_empty_store_answers_with_nothing(store: Store) -> None:
    assert store.session("ses_a") is None
    assert store.live_session("spec-1") is None
    assert listed(store) == []
    assert logged(store, "ses_a") == []
    store.check()
    assert (store.answer("k"), store.plan("d"), store.life("ses_a")) == (None, None, None)


def test_all_of_a_batch_is_given_back_as_it_was(store: Store) -> None:
    kept = Answer("key", "0" * 64, "2026-01-01T00:00:00.000Z", '{"é": "\\u0000 \\n"}  ')
    plan = PlanText("1" * 64, "{}")
    written = batch(0, [ONE, TWO], answers=(kept,), plan=plan)
    store.append(written)
    assert store.session("ses_a") == written.session
    assert store.live_session("spec-1") == written.session
    assert logged(store, "ses_a") == list(written.events)
    assert (store.answer("key"), store.plan("1" * 64)) == (kept, plan)


def test_a_stale_version_is_refused_and_nothing_of_the_batch_is_kept(store: Store) -> None:
    store.append(batch(0, [ONE, TWO]))
    kept = Answer("key", "0" * 64, "2026-01-01T00:00:00.000Z", "{}")
    with pytest.raises(VersionConflict):
        store.append(batch(1, [THREE], answers=(kept,), plan=PlanText("d", "{}")))
    assert [found.type for found in logged(store, "ses_a")] == [ONE, TWO]
    assert (store.answer("key"), store.plan("d")) == (None, None)


def test_a_session_that_exists_cannot_be_begun_again(store: Store) -> None:
    store.append(batch(0, [ONE]))
    with pytest.raises(VersionConflict):
        store.append(batch(0, [ONE]))


def test_a_version_of_a_session_that_is_not_there_is_refused(store: Store) -> None:
    with pytest.raises(VersionConflict):
        store.append(batch(3, [ONE]))


def test_a_spec_has_one_live_session(store: Store) -> None:
    store.append(batch(0, [ONE]))
    with pytest.raises(LiveSessionExists):
        store.append(batch(0, [ONE], after=row(1, "ses_b")))
    assert store.session("ses_b") is None
    assert logged(store, "ses_b") == []


@pytest.mark.parametrize("status", [SessionStatus.RUNNING, SessionStatus.PAUSED, SessionStatus.FAILED])
def test_a_session_in_this_state_is_live(store: Store, status: SessionStatus) -> None:
    store.append(batch(0, [ONE], after=row(1, status=status)))
    assert store.live_session("spec-1") == row(1, status=status)


@pytest.mark.parametrize("status", [SessionStatus.COMPLETED, SessionStatus.ENDED])
def test_a_session_in_this_state_makes_room_for_another(store: Store, status: SessionStatus) -> None:
    store.append(batch(0, [ONE]))
    store.append(batch(1, [TWO], after=row(2, status=status)))
    assert store.live_session("spec-1") is None
    store.append(batch(0, [ONE], after=row(1, "ses_b")))
    assert store.live_session("spec-1") == row(1, "ses_b")


def test_events_that_leave_a_gap_are_a_bug(store: Store) -> None:
    for seqs_given in ([2], [1, 3], [2, 1]):
        wrong = Batch(row(len(seqs_given)), 0, tuple(event(seq) for seq in seqs_given))
        with pytest.raises(ValueError, match="follow"):
            store.append(wrong)


def test_sessions_are_listed_newest_first(store: Store) -> None:
    for name, spec, day in (("ses_a", "s1", 1), ("ses_c", "s2", 3), ("ses_b", "s3", 3), ("ses_d", "s4", 2)):
        store.append(batch(0, [ONE], after=row(1, name, spec=spec, created=f"2026-01-0{day}T00:00:00.000Z")))
    assert [found.session_id for found in listed(store)] == ["ses_c", "ses_b", "ses_d", "ses_a"]
    assert [found.session_id for found in listed(store, "s2")] == ["ses_c"]


@pytest.mark.parametrize("spec_id", [None, "spec-1"])
def test_a_listing_of_sessions_goes_on_after_a_place_whatever_began_meanwhile(
    store: Store, spec_id: str | None
) -> None:
    def begin(name: str, day: int, spec: str = "spec-1") -> None:
        after = row(1, name, spec=spec, created=f"2026-01-0{day}T00:00:00.000Z", status=SessionStatus.ENDED)
        store.append(batch(0, [ONE], after=after))

    begin("ses_x", 2, "other")
    for name, day in (("ses_b", 1), ("ses_a", 1), ("ses_c", 3), ("ses_d", 4)):
        begin(name, day)
    first = store.sessions("spec-1", limit=2)
    assert first is not None
    assert [found.row.session_id for found in first] == ["ses_d", "ses_c"]
    begin("ses_e", 5)
    second = store.sessions("spec-1", after=first[-1].place, limit=1)
    assert second is not None
    assert [found.row.session_id for found in second] == ["ses_b"]
    others = ["ses_x"] if spec_id is None else []
    rest = store.sessions(spec_id, after=first[-1].place, limit=10)
    assert rest is not None
    assert [found.row.session_id for found in rest] == [*others, "ses_b", "ses_a"]
    assert store.sessions(spec_id, after=rest[-1].place, limit=10) == []


def test_a_listing_cannot_go_on_after_a_session_that_is_not_there(store: Store) -> None:
    store.append(batch(0, [ONE]))
    assert store.sessions(after=99, limit=10) is None


def test_an_answered_key_is_not_answered_again(store: Store) -> None:
    kept = Answer("key", "0" * 64, "2026-01-01T00:00:00.000Z", "{}")
    store.append(batch(0, [ONE], answers=(kept,)))
    with pytest.raises(VersionConflict):
        store.append(batch(1, [TWO], answers=(kept,)))
    assert store.session("ses_a") == row(1)


def test_the_same_plan_may_be_pinned_twice(store: Store) -> None:
    store.append(batch(0, [ONE], plan=PlanText("d", "{}")))
    store.append(batch(1, [ONE], plan=PlanText("d", "{}")))
    assert store.plan("d") == PlanText("d", "{}")


def test_a_page_goes_up_or_down_from_its_edge(store: Store) -> None:
    store.append(batch(0, [ONE, TWO, THREE, ONE, TWO, THREE]))
    assert seqs(store, after=0, limit=2) == [1, 2]
    assert seqs(store, after=4) == [5, 6]
    assert seqs(store, limit=2) == [6, 5]
    assert seqs(store, before=3) == [2, 1]
    assert seqs(store, after=6) == []


def test_a_page_of_some_types_keeps_the_order_of_all(store: Store) -> None:
    store.append(batch(0, [ONE, TWO, THREE, ONE, TWO, THREE]))
    assert seqs(store, after=0, types=(ONE, THREE), limit=3) == [1, 3, 4]
    assert seqs(store, after=1, types=(ONE, ONE)) == [4]
    assert seqs(store, types=(TWO, THREE), limit=3) == [6, 5, 3]
    assert seqs(store, before=5, types=(TWO,)) == [2]


def test_a_page_has_one_edge(store: Store) -> None:
    with pytest.raises(ValueError, match="not both"):
        seqs(store, after=1, before=5)


def test_the_last_sign_of_life_replaces_the_one_before(store: Store) -> None:
    store.touch("ses_a", Life("run-1", "2026-01-01T00:00:00.000Z"))
    store.touch("ses_a", Life("run-2", "2026-01-01T00:00:01.000Z"))
    assert store.life("ses_a") == Life("run-2", "2026-01-01T00:00:01.000Z")


def test_the_servers_events_are_numbered_as_they_come_whatever_number_they_bring(store: Store) -> None:
    assert store.server_page(after=0, before=None, limit=10) == []
    made = [server_event(number) for number in (1, 2, 3)]
    for given in made:
        store.record(replace(given, seq=7))
    assert store.server_page(after=0, before=None, limit=10) == made
    assert store.server_page(after=1, before=None, limit=1) == made[1:2]
    assert store.server_page(after=None, before=None, limit=2) == [made[2], made[1]]
    assert store.server_page(after=None, before=2, limit=2) == made[:1]
    assert (listed(store), logged(store, SERVER)) == ([], [])


def test_a_page_of_the_servers_events_has_one_edge(store: Store) -> None:
    with pytest.raises(ValueError, match="not both"):
        store.server_page(after=1, before=5, limit=1)
