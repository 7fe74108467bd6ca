"""The store over SQLite."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

import apsw

from foundry_contracts.vocabulary import EventType, LogFault, SessionStatus, UpkeepAction
from foundry_mcp.adapters import event_chain
from foundry_mcp.adapters import sqlite_statements as sql
from foundry_mcp.adapters.event_chain import Seals
from foundry_mcp.adapters.sqlite_database import Database, Row, Value
from foundry_mcp.adapters.sqlite_log import LIVE, Logs, session_row, whole
from foundry_mcp.adapters.sqlite_records import is_sealed, record
from foundry_mcp.adapters.sqlite_server_events import ServerEvents
from foundry_mcp.ports import (
    START,
    Answer,
    Batch,
    Head,
    Life,
    Listed,
    LiveSessionExists,
    Log,
    LogBroken,
    PlanText,
    SessionRow,
    StoredEvent,
    Upkeep,
    VersionConflict,
)

_ABOVE_ALL: Final = 2**63 - 1
# By whether a spec is named, and whether a place is.
_LISTINGS: Final = {
    (False, False): sql.ALL_SESSIONS,
    (False, True): sql.ALL_SESSIONS_AFTER,
    (True, False): sql.SPEC_SESSIONS,
    (True, True): sql.SPEC_SESSIONS_AFTER,
}
_UNREADABLE: Final = SessionRow("", "", None, 0, "", "")


class SqliteStore:
    """Keep everything in one SQLite file; several servers may use it at once."""

    def __init__(self, path: Path, mac: Callable[[str], str]) -> None:
        self._seals = Seals(mac)
        self._database = open_database(path, self._seals)
        # Where logs ended when they were checked or written here last, and the store's version then.
        self._seen: dict[str, tuple[int, Log]] = {}

    def append(self, batch: Batch) -> Head:
        """Write a batch in one transaction."""
        _check_dense(batch)
        session_id = batch.session.session_id
        try:
            with self._database.writing() as db:
                # Asked while nobody else can write: whoever does after this gives the store another version.
                version: int = db.execute(sql.READ_DATA_VERSION).get
                head = _insert_events(db, batch, self._end(db, batch, version), self._seals)
                _put_session(db, batch.session, self._seals.of_head(session_id, head.seq, head.hash))
                _insert_answers(db, session_id, batch.answers)
                if batch.plan is not None:
                    db.execute(sql.INSERT_PLAN, (batch.plan.digest, batch.plan.text))
                # Remembered while other threads wait, so that none remembers an earlier end later.
                self._seen[session_id] = (version, Log(batch.session, (), head))
        except BaseException:
            # Whether the commit came through is not known here.
            self._seen.pop(session_id, None)
            raise
        return head

    def _end(self, db: apsw.Connection, batch: Batch, version: int) -> Head:
        """Give where the log ends that a batch follows; VersionConflict where it ends elsewhere."""
        seen = self._seen.get(batch.session.session_id)
        if seen is not None and seen[0] == version and seen[1].head.seq == batch.expected_version:
            return seen[1].head
        _check_version(db, batch)
        return Head(batch.expected_version, _hash_at(db, batch.session.session_id, batch.expected_version))

    def session(self, session_id: str) -> SessionRow | None:
        """Give a session's row, with nothing but its id where the rest cannot be read."""
        try:
            rows = self._rows(sql.SESSION_BY_ID, (session_id,))
        except UnicodeDecodeError:
            return replace(_UNREADABLE, session_id=session_id)
        return session_row(rows[0]) if rows else None

    def check(self) -> None:
        """Read, and see that the file is still the one that was opened."""
        with self._database.reading() as db:
            self._database.still_there()
            db.execute(sql.READ_USER_VERSION).fetchall()

    def live_session(self, spec_id: str) -> SessionRow | None:
        """Give the one live session of a spec."""
        try:
            rows = self._rows(sql.LIVE_SESSION, (spec_id,))
        except UnicodeDecodeError as error:
            ((session_id,),) = self._rows(sql.LIVE_SESSION_ID, (spec_id,))
            message = f"The session's row cannot be read: {error.reason}."
            raise LogBroken(str(session_id), LogFault.ROW_ALTERED, 0, message) from error
        return session_row(rows[0]) if rows else None

    def sessions(self, spec_id: str | None = None, *, after: int | None = None, limit: int) -> list[Listed] | None:
        """List sessions, newest first, next after a place."""
        of_spec = () if spec_id is None else (spec_id,)
        of_place = () if after is None else (after,)
        statement = _LISTINGS[bool(of_spec), bool(of_place)]
        with self._database.reading() as db:
            if after is not None and not db.execute(sql.SESSION_LIES_AT, of_place).fetchall():
                return None
            places = [whole(place) for (place,) in db.execute(statement, (*of_spec, *of_place, limit)).fetchall()]
            return [_listed(db, place) for place in places]

    def log(self, session_id: str, after: Head = START) -> Log | None:
        """Give a session's events after a place in its log, checked: what nobody has touched since is as it was."""
        version = self._database.version()
        seen = self._seen.get(session_id)
        if seen is not None and seen[0] == version and seen[1].head == after:
            return seen[1]
        with self._database.reading() as db:
            self._seen.pop(session_id, None)
            found = Logs(db, self._seals).log(session_id, after)
            if found is not None:
                self._seen[session_id] = (version, replace(found, events=()))
            return found

    def page(
        self, session_id: str, *, after: int | None, before: int | None, limit: int, types: Sequence[EventType]
    ) -> list[StoredEvent]:
        """List up to `limit` events, of all types where `types` is empty; only one of `after` and `before` is given."""
        edge, ascending = _edge(after, before)
        if types:
            return self._page_of_types(session_id, edge, ascending, limit, types)
        statement = sql.EVENTS_AFTER if ascending else sql.EVENTS_BEFORE
        with self._database.reading() as db:
            return Logs(db, self._seals).page(session_id, db.execute(statement, (session_id, edge, limit)))

    def _page_of_types(
        self, session_id: str, edge: int, ascending: bool, limit: int, types: Sequence[EventType]
    ) -> list[StoredEvent]:
        # One snapshot for all types: an event recorded between two of the reads would be skipped for good.
        statement = sql.SEQS_AFTER if ascending else sql.SEQS_BEFORE
        with self._database.reading() as db:
            places = [_seqs(db, statement, (session_id, str(kind), edge, limit)) for kind in set(types)]
            chosen = list(islice(heapq.merge(*places, reverse=not ascending), limit))
            return Logs(db, self._seals).page(session_id, db.execute(sql.EVENTS_AT, (session_id, json.dumps(chosen))))

    def record(self, event: StoredEvent) -> None:
        """Append an event of the server's own; the older half is removed where there are very many."""
        with self._database.writing() as db:
            ServerEvents(db, self._seals).append(event, self._seals)

    def server_page(self, *, after: int | None, before: int | None, limit: int) -> list[StoredEvent]:
        """List up to `limit` of the server's events; only one of `after` and `before` is given."""
        edge, ascending = _edge(after, before)
        with self._database.reading() as db:
            return ServerEvents(db, self._seals).page(edge, ascending=ascending, limit=limit)

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

    def close_log(self, upkeep: Upkeep, answers: tuple[Answer, ...]) -> None:
        """End a session whose log is at fault, and record who did so."""
        with self._database.writing() as db:
            self._seen.pop(upkeep.session_id, None)
            db.execute(sql.CLOSE_SESSION, (SessionStatus.ENDED.value, upkeep.session_id))
            record(db, upkeep, self._seals)
            _insert_answers(db, upkeep.session_id, answers)

    def note(self, upkeep: Upkeep) -> None:
        """Record what somebody did to the store by hand."""
        with self._database.writing() as db:
            record(db, upkeep, self._seals)

    def is_closed(self, session_id: str) -> bool:
        """Tell whether a session was ended so, on the word of a record that bears its seal."""
        action = UpkeepAction.LOG_CLOSED.value
        with self._database.reading() as db:
            return any(is_sealed(row, self._seals) for row in db.execute(sql.RECORDS_OF_SESSION, (session_id, action)))

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _rows(self, statement: str, values: tuple[Value, ...]) -> list[Row]:
        return self._database.rows(statement, values)


def open_database(path: Path, seals: Seals) -> Database:
    """Open a store's file, brought up to this server's version."""
    return Database(path, functions={"seal_of_event": seals.of_event, "seal_of_head": seals.of_head})


def _listed(db: apsw.Connection, place: int) -> Listed:
    """Read the row at a place by itself, so that one that holds no text hides no other."""
    try:
        return Listed(place, session_row(db.execute(sql.SESSION_AT, (place,)).fetchall()[0]))
    except UnicodeDecodeError:
        return Listed(place, _UNREADABLE)


def _edge(after: int | None, before: int | None) -> tuple[int, bool]:
    """Give where a page begins, and whether it goes up from there."""
    if after is not None and before is not None:
        raise ValueError("a page goes up from `after` or down from `before`, not both")
    return after if after is not None else before if before is not None else _ABOVE_ALL, after is not None


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


def _put_session(db: apsw.Connection, row: SessionRow, seal: str) -> None:
    if row.status is None:
        raise ValueError("a session that is written has a status")
    values = (row.session_id, row.spec_id, row.status.value, row.version, row.created_at, row.updated_at)
    try:
        db.execute(sql.PUT_SESSION, (*values, int(row.status in LIVE), seal))
    except apsw.ConstraintError as error:
        # The index over live sessions is the only one here with this code; the type stubs lack the attribute.
        if getattr(error, "extendedresult", None) != apsw.SQLITE_CONSTRAINT_UNIQUE:
            raise
        raise LiveSessionExists(f"the spec {row.spec_id} has a live session already") from error


def _insert_events(db: apsw.Connection, batch: Batch, head: Head, seals: Seals) -> Head:
    for event in batch.events:
        entry = event_chain.chained(event, head.hash, seals)
        header = (entry.session_id, entry.seq, entry.event_id, entry.spec_id, entry.time, entry.actor_id)
        db.execute(sql.INSERT_EVENT, (*header, entry.actor_role, entry.type, entry.payload, entry.hash, entry.seal))
        head = Head(entry.seq, entry.hash)
    return head


def _hash_at(db: apsw.Connection, session_id: str, seq: int) -> str:
    if seq == 0:
        return START.hash
    found = db.execute(sql.LAST_HASH, (session_id, seq)).get
    if found is None:
        raise LogBroken(session_id, LogFault.REMOVED, seq, f"Event {seq}, the last of the log, is gone.")
    return str(found)


def _insert_answers(db: apsw.Connection, session_id: str, answers: Sequence[Answer]) -> None:
    for answer in answers:
        values = (answer.key, answer.payload_digest, answer.recorded_at, answer.body, session_id)
        try:
            db.execute(sql.INSERT_ANSWER, values)
        except apsw.ConstraintError as error:
            # Somebody answered this key since the caller looked: loading again finds that answer.
            raise VersionConflict(f"the key {answer.key} has an answer already: load it again") from error


def _seqs(db: apsw.Connection, statement: str, values: tuple[Value, ...]) -> Iterator[int]:
    """Step through the index as far as the merge asks, no further."""
    return (int(row[0]) for row in db.execute(statement, values))
