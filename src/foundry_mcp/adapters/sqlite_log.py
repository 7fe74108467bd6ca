"""Reading sessions' logs from an SQLite store, and checking what is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import apsw

from foundry_contracts.vocabulary import LogFault, SessionStatus, UpkeepAction
from foundry_mcp.adapters import event_chain
from foundry_mcp.adapters import sqlite_statements as sql
from foundry_mcp.adapters.event_chain import Entry, Seals
from foundry_mcp.adapters.sqlite_database import Row, Value
from foundry_mcp.adapters.sqlite_records import is_sealed
from foundry_mcp.ports import START, Head, Log, LogBroken, SessionRow, StoredEvent

LIVE: Final = frozenset({SessionStatus.RUNNING, SessionStatus.PAUSED, SessionStatus.FAILED})


@dataclass(frozen=True, slots=True)
class KeptSession:
    """Hold all of a session's row: what is listed, whether it counts as live, and the seal on its log's end."""

    row: SessionRow
    live: bool
    seal: str


@dataclass(frozen=True, slots=True)
class Logs:
    """Read logs over a connection, inside its transaction. `seals` is None where they cannot be checked."""

    db: apsw.Connection
    seals: Seals | None

    def log(self, session_id: str, after: Head) -> Log | None:
        """Give a session's events after a place, checked; None where there is no such session."""
        kept = self.kept(session_id)
        if after.seq > 0 and self._hash_at(session_id, after.seq) != after.hash:
            return self._other_than(session_id, after, kept)
        entries = self.entries(session_id, after.seq)
        if kept is None:
            if not entries and after == START:
                return None
            raise LogBroken(session_id, LogFault.ROW_ALTERED, 0, "The session's row is gone; its log is not.")
        head = event_chain.follow(session_id, after, entries, self.seals)
        if kept.live != (kept.row.status in LIVE):
            message = "The session's row says that it is live, and that it is over."
            raise LogBroken(session_id, LogFault.ROW_ALTERED, kept.row.version, message)
        event_chain.end(session_id, head, kept.row.version, kept.seal, self.seals)
        return Log(kept.row, tuple(event_chain.read(entry) for entry in entries), head)

    def _other_than(self, session_id: str, seen: Head, kept: KeptSession | None) -> Log | None:
        """Say how a log differs from what was seen of it before; None where the session was removed on purpose."""
        whole = self.log(session_id, START)
        if whole is None:
            if self._was_pruned(session_id):
                return None
            raise LogBroken(session_id, LogFault.LOST, 0, f"The session had {seen.seq} events; nothing is left of it.")
        if whole.head.seq < seen.seq:
            message = f"The log ends at event {whole.head.seq}; event {seen.seq} was seen in it before."
            raise LogBroken(session_id, LogFault.CUT, whole.head.seq + 1, message)
        message = f"Event {seen.seq} is another than was seen there before, or follows others."
        raise LogBroken(session_id, LogFault.REWRITTEN, seen.seq, message)

    def page(self, session_id: str, rows: Iterable[Row]) -> list[StoredEvent]:
        """Give the events of rows that hold the hash before each; LogBroken where one does not hold."""
        try:
            return [shown_from(START, _entry(row[:-1]), row[-1], self.seals) for row in rows]
        except (LogBroken, UnicodeDecodeError):
            # The whole log tells where it was harmed first, and how.
            self.log(session_id, START)
            raise

    def _was_pruned(self, session_id: str) -> bool:
        action = UpkeepAction.SESSION_PRUNED.value
        found = self.db.execute(sql.RECORDS_OF_SESSION, (session_id, action)).fetchall()
        return any(self.seals is None or is_sealed(row, self.seals) for row in found)

    def kept(self, session_id: str) -> KeptSession | None:
        """Give all of a session's row; LogBroken where it cannot be read."""
        try:
            found = self.db.execute(sql.SESSION_AND_SEAL, (session_id,)).fetchall()
        except UnicodeDecodeError as error:
            raise LogBroken(
                session_id, LogFault.ROW_ALTERED, 0, f"The session's row cannot be read: {error.reason}."
            ) from error
        if not found:
            return None
        *row, live, seal = found[0]
        return KeptSession(session_row(tuple(row)), bool(live), str(seal))

    def _hash_at(self, session_id: str, seq: int) -> str | None:
        found: str | None = self.db.execute(sql.LAST_HASH, (session_id, seq)).get
        return found

    def entries(self, session_id: str, after: int) -> Sequence[Entry]:
        """Give a session's entries above a seq, as they are; LogBroken where one is no text."""
        try:
            return [_entry(row) for row in self.db.execute(sql.LOG_AFTER, (session_id, after))]
        except UnicodeDecodeError:
            return self._until_unreadable(session_id, after)

    def _until_unreadable(self, session_id: str, after: int) -> Sequence[Entry]:
        """Read one by one, to say which event holds what is no text."""
        entries = []
        for (seq,) in self.db.execute(sql.SEQS_OF_LOG, (session_id, after)).fetchall():
            try:
                entries += [_entry(row[:-1]) for row in self.db.execute(sql.EVENT_AT, (session_id, seq))]
            except UnicodeDecodeError as error:
                message = f"Event {seq} holds bytes that are no text: {error.reason}."
                raise LogBroken(session_id, LogFault.UNREADABLE, whole(seq), message) from error
        return entries


def shown_from(begin: Head, entry: Entry, previous: Value, seals: Seals | None) -> StoredEvent:
    """Give an entry's event, held against the hash before it, or the chain's beginning where it is the first."""
    before = begin if entry.seq == begin.seq + 1 else Head(entry.seq - 1, str(previous))
    if previous is None and before is not begin:
        raise LogBroken(entry.session_id, LogFault.REMOVED, entry.seq - 1, f"Event {entry.seq - 1} is gone.")
    event_chain.follow(entry.session_id, before, [entry], seals)
    return event_chain.read(entry)


def _entry(row: Sequence[Value]) -> Entry:
    event_id, session_id, seq, *texts = row
    return Entry(str(event_id), str(session_id), whole(seq), *map(str, texts))


def session_row(row: Row) -> SessionRow:
    """Give a session's row as a record."""
    session_id, spec_id, status, version, created_at, updated_at = row
    known = str(status) in SessionStatus.__members__.values()
    return SessionRow(
        str(session_id),
        str(spec_id),
        SessionStatus(str(status)) if known else None,
        whole(version),
        str(created_at),
        str(updated_at),
    )


def whole(value: Value) -> int:
    """Give a number that the store keeps as a whole one."""
    if not isinstance(value, int):
        raise TypeError(f"the store holds {value!r} where it keeps whole numbers")
    return value
