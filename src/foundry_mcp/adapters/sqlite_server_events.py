"""The server's own events in an SQLite store: chained and sealed as sessions' logs are, and bounded in number.

Where old ones were removed, a sealed record of the store's upkeep says up to which event, and with which hash the
chain goes on.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import apsw

from foundry_contracts.vocabulary import LogFault, UpkeepAction
from foundry_mcp.adapters import event_chain
from foundry_mcp.adapters import sqlite_statements as sql
from foundry_mcp.adapters.event_chain import Entry, Seals
from foundry_mcp.adapters.sqlite_database import Row
from foundry_mcp.adapters.sqlite_log import shown_from, whole
from foundry_mcp.adapters.sqlite_records import is_sealed, read_record, record
from foundry_mcp.places import PRODUCT
from foundry_mcp.ports import SERVER, START, Head, LogBroken, StoredEvent, Upkeep

MOST: Final = 20_000
"""How many events are kept at most, about ten megabytes: when there are more, the older half is removed."""

_PRUNED: Final = UpkeepAction.SERVER_EVENTS_PRUNED.value


@dataclass(frozen=True, slots=True)
class ServerEvents:
    """Read and write them over a connection, inside its transaction. `seals` is None where they cannot be checked."""

    db: apsw.Connection
    seals: Seals | None

    def begin(self) -> Head:
        """Give the place after which the chain begins: that of the last event removed."""
        for row in self.db.execute(sql.LAST_RECORD_OF_SESSION, ("", _PRUNED)):
            # What cannot be read is no record of a pruning: then the chain shows that something is missing.
            with suppress(KeyError, ValueError):
                if self.seals is None or is_sealed(row, self.seals):
                    details = read_record(row).details
                    return Head(int(str(details["through"])), str(details["hash"]))
        return START

    def checked(self) -> tuple[list[StoredEvent], Head]:
        """Give all events and where they end; LogBroken where they are not as they were written."""
        entries = self.entries()
        head = event_chain.follow(SERVER, self.begin(), entries, self.seals)
        self.hold_end(head)
        return [event_chain.read(entry) for entry in entries], head

    def entries(self) -> list[Entry]:
        """Give the events as they are; LogBroken where one is no text."""
        try:
            return [_entry(row) for row in self.db.execute(sql.SERVER_EVENTS)]
        except UnicodeDecodeError as error:
            message = f"An event of the server holds bytes that are no text: {error.reason}."
            raise LogBroken(SERVER, LogFault.UNREADABLE, 0, message) from error

    def hold_end(self, head: Head) -> None:
        """Hold where the events end against what was kept of that; LogBroken where it differs."""
        found = self.db.execute(sql.SERVER_EVENTS_END).fetchall()
        if not found:
            raise LogBroken(SERVER, LogFault.ROW_ALTERED, 0, "The row that says where the server's events end is gone.")
        version, seal = found[0]
        event_chain.end(SERVER, head, whole(version), str(seal), self.seals)

    def page(self, edge: int, *, ascending: bool, limit: int) -> list[StoredEvent]:
        """Give the events next to a place, each held against the one before it and its seal."""
        statement = sql.SERVER_EVENTS_AFTER if ascending else sql.SERVER_EVENTS_BEFORE
        begin = self.begin()
        try:
            rows = self.db.execute(statement, (edge, limit)).fetchall()
            return [shown_from(begin, _entry(row[:-1]), row[-1], self.seals) for row in rows]
        except (LogBroken, UnicodeDecodeError):
            # The whole tells where it was harmed first, and how.
            self.checked()
            raise

    def append(self, event: StoredEvent, seals: Seals) -> None:
        """Give an event its number and write it. LogBroken, and nothing written, where the end is not the one kept."""
        last = self.db.execute(sql.LAST_SERVER_EVENT).fetchall()
        head = Head(whole(last[0][0]), str(last[0][1])) if last else self.begin()
        self.hold_end(head)
        entry = event_chain.chained(replace(event, seq=head.seq + 1), head.hash, seals)
        header = (entry.seq, entry.event_id, entry.time, entry.actor_id, entry.actor_role)
        self.db.execute(sql.INSERT_SERVER_EVENT, (*header, entry.type, entry.payload, entry.hash, entry.seal))
        self.db.execute(sql.END_SERVER_EVENTS, (entry.seq, seals.of_head(SERVER, entry.seq, entry.hash)))
        if entry.seq - self.begin().seq > MOST:
            self.checked()
            self.forget(entry.seq - MOST // 2, event.time, PRODUCT, seals)

    def forget(self, through: int, now: str, actor: str, seals: Seals) -> None:
        """Remove the events up to a place, and record who did so."""
        digest = self.db.execute(sql.SERVER_EVENT_HASH, (through,)).get
        details = {"events": through - self.begin().seq, "through": through, "hash": str(digest)}
        self.db.execute(sql.FORGET_SERVER_EVENTS, (through,))
        record(self.db, Upkeep(now, actor, UpkeepAction.SERVER_EVENTS_PRUNED, "", details), seals)


def _entry(row: Row) -> Entry:
    event_id, seq, *texts = row
    time, actor_id, actor_role, kind, payload, digest, seal = map(str, texts)
    return Entry(str(event_id), SERVER, whole(seq), "", time, actor_id, actor_role, kind, payload, digest, seal)
