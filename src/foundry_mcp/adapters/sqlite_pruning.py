"""Removing sessions that are over from an SQLite store, wholly, and with a record of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import apsw

from foundry_contracts.vocabulary import EventType, UpkeepAction
from foundry_mcp.adapters import sqlite_statements as sql
from foundry_mcp.adapters.event_chain import Seals
from foundry_mcp.adapters.sqlite_log import Logs, session_row
from foundry_mcp.adapters.sqlite_records import is_sealed, record
from foundry_mcp.adapters.sqlite_server_events import ServerEvents
from foundry_mcp.adapters.sqlite_store import open_database
from foundry_mcp.ports import SERVER, START, Log, LogBroken, SessionRow, Upkeep

_OVER = {EventType.SESSION_COMPLETED, EventType.SESSION_ENDED, EventType.SESSION_RESET}
_PINNING = (EventType.SESSION_STARTED, EventType.SESSION_REBASED)

_AT_FAULT = "its log is at fault: have it audited and reset"
_SERVER_AT_FAULT = "they are not what the server wrote: have them audited"
_NOT_OVER = "its log does not say that it is over"
_CARRIED_ON = "a later session of its spec would carry on what it did"


@dataclass(frozen=True, slots=True)
class Pruned:
    """Hold what became of a session, or of the server's events, that was old enough.

    `kept` says why it was kept, and is empty where it was not.
    """

    session_id: str
    spec_id: str
    events: int
    kept: str = ""


class SqlitePruning:
    """Remove sessions from a store that servers may have open."""

    def __init__(self, path: Path, mac: Callable[[str], str]) -> None:
        self._seals = Seals(mac)
        self._database = open_database(path, self._seals)

    def prune(self, before: str, now: str, actor: str, *, try_only: bool = False) -> Iterator[Pruned]:
        """Remove each session that is over and whose last event is older, in a transaction of its own."""
        with self._database.reading() as db:
            old = [session_row(row) for row in db.execute(sql.OVER_BEFORE, (before,))]
        for row in old:
            with self._database.writing() as db:
                result = self._pruned(db, row, now, actor, try_only)
            yield result

    def prune_server_events(self, before: str, now: str, actor: str, *, try_only: bool = False) -> Pruned | None:
        """Remove the server's own events up to the first that is not older; None where none is that old."""
        with self._database.writing() as db:
            kept = ServerEvents(db, self._seals)
            through, begin = db.execute(sql.LAST_SERVER_EVENT_BEFORE, (before,)).get, kept.begin().seq
            if through is None or through <= begin:
                return None
            try:
                kept.checked()
            except LogBroken:
                return Pruned(SERVER, "", through - begin, _SERVER_AT_FAULT)
            if not try_only:
                kept.forget(through, now, actor, self._seals)
            return Pruned(SERVER, "", through - begin)

    def _pruned(self, db: apsw.Connection, row: SessionRow, now: str, actor: str, try_only: bool) -> Pruned:
        log, kept = self._judged(db, row)
        result = Pruned(row.session_id, row.spec_id, log.head.seq if log else row.version, kept)
        if not kept and not try_only:
            details = {
                "spec_id": row.spec_id,
                "status": row.status.value if row.status else "",
                "events": result.events,
                "hash": log.head.hash if log else "",
                "created_at": row.created_at,
                "updated_at": row.updated_at,
            }
            for statement in sql.FORGET_SESSION:
                db.execute(statement, (row.session_id,))
            _forget_plans(db, log)
            record(db, Upkeep(now, actor, UpkeepAction.SESSION_PRUNED, row.session_id, details), self._seals)
        return result

    def _judged(self, db: apsw.Connection, row: SessionRow) -> tuple[Log | None, str]:
        """Give a session's log, and why it has to be kept: its row alone is no evidence that it is over."""
        try:
            log = Logs(db, self._seals).log(row.session_id, START)
        except LogBroken:
            return None, "" if self._was_reset(db, row.session_id) else _AT_FAULT
        if log is None or not _told_by(row, log):
            return log, _AT_FAULT
        if not _OVER & {event.type for event in log.events}:
            return log, _NOT_OVER
        last = db.execute(sql.LAST_OF_SPEC, (row.spec_id,)).get
        ended = any(event.type is EventType.SESSION_ENDED for event in log.events)
        return log, _CARRIED_ON if ended and last == row.session_id else ""

    def _was_reset(self, db: apsw.Connection, session_id: str) -> bool:
        values = (session_id, UpkeepAction.LOG_CLOSED.value)
        return any(is_sealed(found, self._seals) for found in db.execute(sql.RECORDS_OF_SESSION, values))

    def close(self) -> None:
        """Let go of the store."""
        self._database.close()


def _told_by(row: SessionRow, log: Log) -> bool:
    """Tell whether a row's spec and age are those of its log: somebody may have changed them to have it removed."""
    return (row.spec_id, row.updated_at) == (log.events[-1].spec_id, log.events[-1].time)


def _forget_plans(db: apsw.Connection, log: Log | None) -> None:
    """Remove the plans that a removed session pinned, and that no other session did."""
    payloads = [json.loads(event.payload) for event in log.events if event.type in _PINNING] if log else []
    for digest in {str(payload.get("plan_digest")) for payload in payloads}:
        if not db.execute(sql.PLAN_IN_USE, (*(kind.value for kind in _PINNING), digest)).fetchall():
            db.execute(sql.FORGET_PLAN, (digest,))
