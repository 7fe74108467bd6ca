"""The floor of what a step writes: its rows and bytes, prepared beforehand, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from foundry_mcp.adapters import sqlite_statements as sql
from foundry_mcp.adapters.event_chain import Seals
from foundry_mcp.adapters.signing import FileSigner
from foundry_mcp.adapters.sqlite_store import open_database

_INSERTS = {
    "events": "INSERT INTO events VALUES ({})",
    "answers": "INSERT INTO answers VALUES ({})",
    "sessions": "INSERT OR REPLACE INTO sessions VALUES ({})",
}


def transactions(folder: Path, written: Path) -> Iterator[Callable[[], None]]:
    """Give transactions that write what the last step in the store `written` did, into a store of their own."""
    seals = Seals(FileSigner(folder).mac)
    taken = open_database(written, seals)
    with taken.reading() as db:
        events = [dict(zip(_columns(db, "events"), row, strict=True)) for row in _last(db, "events", 2)]
        answers = [dict(zip(_columns(db, "answers"), row, strict=True)) for row in _last(db, "answers", 1)]
        session = dict(zip(_columns(db, "sessions"), db.execute("SELECT * FROM sessions").fetchall()[0], strict=True))
    taken.close()
    database = open_database(folder / "floor.sqlite3", seals)
    # Held beyond its block: what is timed is the transaction alone, without the turn and the gate before it.
    with database.writing() as connection:
        pass
    for number in range(10**9):
        rows = [
            ("events", {**event, "seq": 2 * number + place, "event_id": f"evt_{2 * number + place:026d}"})
            for place, event in enumerate(events, start=1)
        ]
        rows += [("answers", {**answer, "key": f"{number:064d}{answer['key'][64:]}"}) for answer in answers]
        rows.append(("sessions", session))
        yield partial(
            _write,
            connection,
            [(_INSERTS[table].format(",".join("?" * len(row))), tuple(row.values())) for table, row in rows],
        )


def _columns(db: Any, table: str) -> list[str]:
    return [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")]


def _last(db: Any, table: str, count: int) -> list[Any]:
    rows: list[Any] = db.execute(f"SELECT * FROM {table} ORDER BY rowid DESC LIMIT {count}").fetchall()
    return rows[::-1]


def _write(connection: Any, rows: list[tuple[str, tuple[Any, ...]]]) -> None:
    connection.execute(sql.BEGIN_WRITE)
    for statement, values in rows:
        connection.execute(statement, values)
    connection.execute(sql.COMMIT)
