"""The store over SQLite."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import apsw

from foundry_contracts.vocabulary import EventType, Role, SessionStatus
from foundry_mcp.adapters import event_chain
from foundry_mcp.adapters import sqlite_statements as sql
from foundry_mcp.adapters.sqlite_database import Database
from foundry_mcp.ports import (
    Answer,
    Batch,
    Life,
    LiveSessionExists,
    PlanText,
    SessionRow,
    StoredEvent,
    StoreUnavailable,
    VersionConflict,
)

LIVE: Final = frozenset({SessionStatus.RUNNING, SessionStatus.PAUSED, SessionStatus.FAILED})

_NO_LIMIT: Final = -1
_ABOVE_ALL: Final = 2**63 - 1

Value = str | int | float | bytes | None
Row = tuple[Value, ...]


class SqliteStore:
    """Keep everything in one SQLite file; several servers may use it at once."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path)

    def append(self, batch: Batch) -> None:
        """Write a batch in one transaction."""
        _check_dense(batch)
        with self._database.writing() as db:
            _check_version(db, batch)
            _put_session(db, batch.session)
            _insert_events(db, batch)
            _insert_answers(db, batch.answers)
            if batch.plan is not None:
                db.execute(sql.INSERT_PLAN, (batch.plan.digest, batch.plan.text))

    def session(self, session_id: str) -> SessionRow | None:
        """Give a session's row."""
        rows = self._rows(sql.SESSION_BY_ID, (session_id,))
        return _session(rows[0]) if rows else None

    def live_session(self, spec_id: str) -> SessionRow | None:
        """Give the one live session of a spec."""
        rows = self._rows(sql.LIVE_SESSION, (spec_id,))
        return _session(rows[0]) if rows else None

    def sessions(self, spec_id: str | None = None) -> list[SessionRow]:
        """List sessions, newest first."""
        rows = self._rows(sql.ALL_SESSIONS, ()) if spec_id is None else self._rows(sql.SPEC_SESSIONS, (spec_id,))
        return [_session(row) for row in rows]

    def events_after(self, session_id: str, seq: int) -> list[StoredEvent]:
        """List a session's events with a greater seq, in order."""
        return [_event(row) for row in self._rows(sql.EVENTS_AFTER, (session_id, seq, _NO_LIMIT))]

    def page(
        self, session_id: str, *, after: int | None, before: int | None, limit: int, types: Sequence[EventType]
    ) -> list[StoredEvent]:
        """List up to `limit` events, of all types where `types` is empty; only one of `after` and `before` is given."""
        if after is not None and before is not None:
            raise ValueError("a page goes up from `after` or down from `before`, not both")
        edge = after if after is not None else before if before is not None else _ABOVE_ALL
        if types:
            return self._page_of_types(session_id, edge, after is not None, limit, types)
        statement = sql.EVENTS_AFTER if after is not None else sql.EVENTS_BEFORE
        return [_event(row) for row in self._rows(statement, (session_id, edge, limit))]

    def _page_of_types(
        self, session_id: str, edge: int, ascending: bool, limit: int, types: Sequence[EventType]
    ) -> list[StoredEvent]:
        # One snapshot for all types: an event recorded between two of the reads would be skipped for good.
        statement = sql.SEQS_AFTER if ascending else sql.SEQS_BEFORE
        with self._database.reading() as db:
            places = [_seqs(db, statement, (session_id, str(kind), edge, limit)) for kind in set(types)]
            chosen = list(islice(heapq.merge(*places, reverse=not ascending), limit))
            return [_event(db.execute(sql.EVENT_AT, (session_id, seq)).fetchall()[0]) for seq in chosen]

    def answer(self, key: str) -> Answer | None:
        """Give the answer kept under a key."""
        rows = self._rows(sql.ANSWER_BY_KEY, (key,))
        return Answer(*map(str, rows[0])) if rows else None

    def plan(self, digest: str) -> PlanText | None:
        """Give a pinned plan."""
        rows = self._rows(sql.PLAN_BY_DIGEST, (digest,))
        return PlanText(*map(str, rows[0])) if rows else None

    def touch(self, session_id: str, life: Life) -> None:
        """Keep a sign of life."""
        with self._database.writing() as db:
            db.execute(sql.PUT_LIFE, (session_id, life.run_id, life.at))

    def life(self, session_id: str) -> Life | None:
        """Give the last sign of life."""
        rows = self._rows(sql.LIFE_OF_SESSION, (session_id,))
        return Life(*map(str, rows[0])) if rows else None

    def head(self, session_id: str) -> tuple[int, str]:
        """Give the seq and the hash a session's chain ends with; (0, zeros) where it has no events."""
        with self._database.reading() as db:
            version = db.execute(sql.SESSION_VERSION, (session_id,)).get or 0
            return version, _hash_at(db, session_id, version)

    def first_break(self, session_id: str) -> int | None:
        """Give the seq where a session's chain first fails, or None where it holds."""
        with self._database.reading() as db:
            chain = ((_event(row[:-1]), str(row[-1])) for row in db.execute(sql.CHAIN, (session_id,)))
            return event_chain.first_break(chain)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _rows(self, statement: str, values: tuple[Value, ...]) -> list[Row]:
        with self._database.reading() as db:
            return db.execute(statement, values).fetchall()


def _check_dense(batch: Batch) -> None:
    """Refuse a batch whose numbers do not follow from its expected version: the caller has a bug."""
    seqs = [event.seq for event in batch.events]
    if seqs != list(range(batch.expected_version + 1, batch.expected_version + 1 + len(seqs))):
        raise ValueError(f"events numbered {seqs} do not follow version {batch.expected_version}")
    if batch.session.version != batch.expected_version + len(seqs):
        raise ValueError(f"version {batch.session.version} is not the seq of the batch's last event")
    if any(event.session_id != batch.session.session_id for event in batch.events):
        raise ValueError("a batch holds events of one session only")


def _check_version(db: apsw.Connection, batch: Batch) -> None:
    present = db.execute(sql.SESSION_VERSION, (batch.session.session_id,)).get or 0
    if present != batch.expected_version:
        raise VersionConflict(f"the session has version {present}, not {batch.expected_version}: load it again")


def _put_session(db: apsw.Connection, row: SessionRow) -> None:
    values = (row.session_id, row.spec_id, str(row.status), row.version, row.created_at, row.updated_at)
    try:
        db.execute(sql.PUT_SESSION, (*values, int(row.status in LIVE)))
    except apsw.ConstraintError as error:
        # The index over live sessions is the only one here with this code; the type stubs lack the attribute.
        if getattr(error, "extendedresult", None) != apsw.SQLITE_CONSTRAINT_UNIQUE:
            raise
        raise LiveSessionExists(f"the spec {row.spec_id} has a live session already") from error


def _insert_events(db: apsw.Connection, batch: Batch) -> None:
    if not batch.events:
        return
    previous = _hash_at(db, batch.session.session_id, batch.expected_version)
    for event in batch.events:
        previous = event_chain.link(previous, event)
        header = (event.session_id, event.seq, event.event_id, event.spec_id, event.time, event.actor_id)
        db.execute(sql.INSERT_EVENT, (*header, str(event.actor_role), str(event.type), event.payload, previous))


def _hash_at(db: apsw.Connection, session_id: str, seq: int) -> str:
    if seq == 0:
        return event_chain.START
    found = db.execute(sql.LAST_HASH, (session_id, seq)).get
    if found is None:
        raise StoreUnavailable(
            f"The log of session {session_id} lacks its event {seq}.", "Restore the store from a backup."
        )
    return str(found)


def _insert_answers(db: apsw.Connection, answers: Sequence[Answer]) -> None:
    for answer in answers:
        try:
            db.execute(sql.INSERT_ANSWER, (answer.key, answer.payload_digest, answer.recorded_at, answer.body))
        except apsw.ConstraintError as error:
            # Somebody answered this key since the caller looked: loading again finds that answer.
            raise VersionConflict(f"the key {answer.key} has an answer already: load it again") from error


def _seqs(db: apsw.Connection, statement: str, values: tuple[Value, ...]) -> Iterator[int]:
    """Step through the index as far as the merge asks, no further."""
    return (int(row[0]) for row in db.execute(statement, values))


def _session(row: Row) -> SessionRow:
    session_id, spec_id, status, version, created_at, updated_at = row
    return SessionRow(
        str(session_id), str(spec_id), SessionStatus(str(status)), _whole(version), str(created_at), str(updated_at)
    )


def _event(row: Row) -> StoredEvent:
    event_id, session_id, seq, spec_id, time, actor_id, role, kind, payload = row
    return StoredEvent(
        event_id=str(event_id),
        session_id=str(session_id),
        seq=_whole(seq),
        spec_id=str(spec_id),
        time=str(time),
        actor_id=str(actor_id),
        actor_role=Role(str(role)),
        type=EventType(str(kind)),
        payload=str(payload),
    )


def _whole(value: Value) -> int:
    if not isinstance(value, int):
        raise TypeError(f"the store holds {value!r} where it keeps whole numbers")
    return value
