"""A store read without a server, for audits: the file itself or a copy of it, which is never changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import apsw

from foundry_contracts.models.formats_audit import LogFinding, UpkeepRecord
from foundry_contracts.vocabulary import LogFault
from foundry_mcp.adapters import event_chain
from foundry_mcp.adapters import sqlite_statements as sql
from foundry_mcp.adapters.event_chain import Seals
from foundry_mcp.adapters.sqlite_database import migrations
from foundry_mcp.adapters.sqlite_errors import in_port_words
from foundry_mcp.adapters.sqlite_log import Logs, whole
from foundry_mcp.adapters.sqlite_records import is_sealed, read_record
from foundry_mcp.adapters.sqlite_server_events import ServerEvents
from foundry_mcp.ports import SERVER, START, Log, LogBroken, PlanText, StoredEvent, StoreUnavailable

_WAIT_MS: Final = 5000
_READ_ONLY: Final = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI


class SqliteArchive:
    """Read one SQLite file as it is at one moment. `seals` is None where the server's secret is not at hand."""

    def __init__(self, path: Path, seals: Seals | None) -> None:
        self._path = path
        self._seals = seals
        with in_port_words(path):
            self._connection = open_read_only(path)
        try:
            with in_port_words(path):
                self._check_version()
                self._connection.execute(sql.BEGIN_READ)
        except BaseException:
            self._connection.close()
            raise

    def _check_version(self) -> None:
        present, known = self._connection.execute(sql.READ_USER_VERSION).get, len(migrations())
        if present == 0:
            raise StoreUnavailable(
                f"{self._path} is no store of foundry-mcp.", "Name the store's file, or a backup of it, with --store."
            )
        if present != known:
            raise StoreUnavailable(
                f"The store {self._path} has version {present}; this program reads version {known}.",
                "Use the program that wrote it, or start this version's server on it once, which brings it up.",
            )

    @property
    def seals_checked(self) -> bool:
        """Tell whether seals are checked."""
        return self._seals is not None

    def session_ids(self) -> list[str]:
        """List every session that has a row or an event; one whose name is no text is a fault of the whole store."""
        with in_port_words(self._path):
            try:
                return [str(row[0]) for row in self._connection.execute(sql.LOGGED_SESSIONS)]
            except UnicodeDecodeError as error:
                raise LogBroken(
                    "", LogFault.UNREADABLE, 0, "A row of the store names a session with bytes that are no text."
                ) from error

    def log(self, session_id: str) -> tuple[Log | None, list[LogFinding]]:
        """Give a session's whole log, or its faults."""
        logs = Logs(self._connection, self._seals)
        with in_port_words(self._path):
            try:
                return logs.log(session_id, START), []
            except LogBroken as first:
                return None, self._faults(logs, session_id) or [first.finding]

    def events(self, session_id: str) -> list[StoredEvent]:
        """List those of a session's events that can be read."""
        found = []
        with in_port_words(self._path), suppress(LogBroken):
            for entry in Logs(self._connection, self._seals).entries(session_id, 0):
                with suppress(LogBroken):
                    found.append(event_chain.read(entry))
        return found

    def _faults(self, logs: Logs, session_id: str) -> list[LogFinding]:
        """Give all faults of a session's events, and of its row where these are sound."""
        try:
            entries = logs.entries(session_id, 0)
        except LogBroken as broken:
            return [broken.finding]
        found, head = event_chain.faults(session_id, entries, self._seals)
        if head is not None and found:
            with self._noting(found):
                kept = logs.kept(session_id)
                if kept is not None:
                    event_chain.end(session_id, head, kept.row.version, kept.seal, self._seals)
        return [broken.finding for broken in found]

    @contextmanager
    def _noting(self, found: list[LogBroken]) -> Iterator[None]:
        try:
            yield
        except LogBroken as broken:
            found.append(broken)

    def hash_at(self, session_id: str, seq: int) -> str | None:
        """Give the hash that a log holds at a place."""
        with in_port_words(self._path):
            found: str | None = self._connection.execute(sql.LAST_HASH, (session_id, seq)).get
            return found

    def last_seq(self, session_id: str) -> int:
        """Give the number of a log's last event."""
        with in_port_words(self._path):
            return whole(self._connection.execute(sql.LAST_SEQ, (session_id,)).get)

    def plan(self, digest: str) -> PlanText | None:
        """Give a pinned plan; one whose text is none counts as gone."""
        with in_port_words(self._path), suppress(UnicodeDecodeError):
            for row in self._connection.execute(sql.PLAN_BY_DIGEST, (digest,)):
                return PlanText(*map(str, row))
        return None

    def server_events(self) -> tuple[list[StoredEvent], list[LogFinding]]:
        """List the server's own events, or their faults."""
        kept = ServerEvents(self._connection, self._seals)
        with in_port_words(self._path):
            try:
                return kept.checked()[0], []
            except LogBroken as first:
                with suppress(LogBroken):
                    found, _ = event_chain.faults(SERVER, kept.entries(), self._seals, kept.begin())
                    return [], [broken.finding for broken in found or [first]]
                return [], [first.finding]

    def upkeep(self) -> tuple[list[UpkeepRecord], list[LogFinding]]:
        """List what was done by hand, each record held against its seal and its number."""
        records: list[UpkeepRecord] = []
        found: list[LogFinding] = []
        with in_port_words(self._path):
            rows = iter(self._connection.execute(sql.RECORDS))
            while True:
                place = len(records) + 1
                try:
                    row = next(rows)
                    record = read_record(row)
                except StopIteration:
                    return records, found
                except ValueError:
                    return records, [*found, _altered(place, f"Record {place} of the store's upkeep cannot be read.")]
                if record.number != place:
                    return records, [*found, _altered(place, f"Record {place} of the store's upkeep is gone.")]
                if self._seals is not None and not is_sealed(row, self._seals):
                    found.append(_altered(place, f"Record {place} of the store's upkeep was changed."))
                records.append(record)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def _altered(place: int, message: str) -> LogFinding:
    return LogFinding(session_id="", fault=LogFault.RECORD_ALTERED, seq=place, message=message)


def open_read_only(path: Path) -> apsw.Connection:
    """Open a store's file to read it; StoreUnavailable where there is none."""
    if not path.is_file():
        raise StoreUnavailable(f"There is no store {path}.", "Name another workspace, or another file.")
    address = path.resolve().as_uri()
    try:
        connection = apsw.Connection(f"{address}?mode=ro", flags=_READ_ONLY)
        connection.set_busy_timeout(_WAIT_MS)
        connection.execute(sql.READ_USER_VERSION)
    except (apsw.CantOpenError, apsw.ReadOnlyError):
        # Where nothing may be made beside the file, and nobody has changes beside it, it is read as it lies there.
        if path.with_name(path.name + "-wal").exists():
            raise
        connection = apsw.Connection(f"{address}?mode=ro&immutable=1", flags=_READ_ONLY)
    return connection
