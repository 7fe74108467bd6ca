"""Ways to harm a session's log with SQL, and what has to be found of each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import apsw

from foundry_contracts.vocabulary import LogFault
from foundry_mcp.adapters import event_chain
from foundry_mcp.adapters.event_chain import Entry

FIELDS = "event_id, session_id, seq, spec_id, time, actor_id, actor_role, type, payload, hash, seal"
# Numbers are moved by way of others that nobody has, for no two events may share one for a moment.
AWAY = 1_000_000


@dataclass(frozen=True)
class Harm:
    """Hold a way to harm a log of at least nine events: its SQL, and the fault and the place that have to be found."""

    name: str
    statements: tuple[str, ...]
    fault: LogFault
    seq: int
    chain_anew_from: int | None = None

    def do(self, store: Path, session_id: str) -> None:
        """Harm a session's log."""
        raw = apsw.Connection(str(store))
        for statement in self.statements:
            raw.execute(statement, {"session": session_id} if ":session" in statement else None)
        if self.chain_anew_from is not None:
            chain_anew(raw, session_id, self.chain_anew_from)
        raw.close()

    def __str__(self) -> str:
        return self.name


def chain_anew(raw: apsw.Connection, session_id: str, first: int) -> None:
    """Compute the hashes anew from an event on, as anybody can who knows how; the seals nobody can make."""
    previous = "0" * 64
    found: list[Any] = raw.execute(
        f"SELECT {FIELDS} FROM events WHERE session_id = ? ORDER BY seq", (session_id,)
    ).fetchall()
    for row in found:
        entry = Entry(*row)
        digest = event_chain.link(previous, entry) if entry.seq >= first else entry.hash
        raw.execute("UPDATE events SET hash = ? WHERE session_id = ? AND seq = ?", (digest, session_id, entry.seq))
        previous = replace(entry, hash=digest).hash


def doctor(
    store: Path, session_id: str, mac: Callable[[str], str], change: Callable[[list[Entry]], list[Entry]]
) -> None:
    """Change a session's log as somebody can who has the secret of the seals: nothing in the log itself shows it."""
    raw, seals = apsw.Connection(str(store)), event_chain.Seals(mac)
    found: list[Any] = raw.execute(
        f"SELECT {FIELDS} FROM events WHERE session_id = ? ORDER BY seq", (session_id,)
    ).fetchall()
    raw.execute("DELETE FROM events WHERE session_id = ?", (session_id,))
    previous = "0" * 64
    entries = change([Entry(*row) for row in found])
    for seq, entry in enumerate(entries, start=1):
        placed = replace(entry, seq=seq)
        previous = event_chain.link(previous, placed)
        sealed = replace(placed, hash=previous, seal=seals.of_event(session_id, seq, previous))
        raw.execute(f"INSERT INTO events ({FIELDS}) VALUES ({', '.join('?' * 11)})", astuple(sealed))
    end = seals.of_head(session_id, len(entries), previous)
    raw.execute(
        "UPDATE sessions SET version = ?, updated_at = ?, seal = ? WHERE session_id = ?",
        (len(entries), entries[-1].time, end, session_id),
    )
    raw.close()


def with_payload(entry: Entry, **changes: Any) -> Entry:
    """Give an event whose payload says something else in some fields; None leaves a field out."""
    payload = json.loads(entry.payload) | changes
    return replace(entry, payload=json.dumps({name: value for name, value in payload.items() if value is not None}))


def _here(seq: str) -> str:
    return f"WHERE session_id = :session AND seq {seq}"


def _moved(from_: str, by: int) -> tuple[str, str]:
    return (
        f"UPDATE events SET seq = seq + {AWAY} {_here(from_)}",
        f"UPDATE events SET seq = seq - {AWAY} + {by} {_here(f'>= {AWAY}')}",
    )


COPIED = "event_id, session_id, 5, spec_id, time, actor_id, actor_role, type, payload, hash, seal"
_NAMES = FIELDS
_PAYLOAD = json.dumps({"reason": "user"})
_END = "(SELECT max(seq) FROM events WHERE session_id = :session)"

HARMS = (
    Harm("an edited payload", (f"UPDATE events SET payload = '{{}}' {_here('= 4')}",), LogFault.EDITED, 4),
    Harm("an edited actor", (f"UPDATE events SET actor_id = 'eve' {_here('= 4')}",), LogFault.EDITED, 4),
    Harm(
        "an edited time", (f"UPDATE events SET time = '2020-01-01T00:00:00.000Z' {_here('= 1')}",), LogFault.EDITED, 1
    ),
    Harm("an edited hash", (f"UPDATE events SET hash = '{'0' * 64}' {_here('= 4')}",), LogFault.EDITED, 4),
    Harm("a removed event", (f"DELETE FROM events {_here('= 4')}",), LogFault.REMOVED, 4),
    Harm("a first event removed", (f"DELETE FROM events {_here('= 1')}",), LogFault.REMOVED, 1),
    Harm(
        "a removed event, the others moved up",
        (f"DELETE FROM events {_here('= 4')}", *_moved("> 4", -1)),
        LogFault.REMOVED,
        4,
    ),
    Harm(
        "two events exchanged",
        (
            f"UPDATE events SET seq = {AWAY} {_here('= 4')}",
            f"UPDATE events SET seq = 4 {_here('= 5')}",
            f"UPDATE events SET seq = 5 {_here(f'= {AWAY}')}",
        ),
        LogFault.REORDERED,
        4,
    ),
    Harm(
        "an event put between others",
        (
            *_moved(">= 5", 1),
            f"INSERT INTO events ({_NAMES}) SELECT 'evt_new', session_id, 5, spec_id, time, actor_id, actor_role,"
            f" 'session_paused', '{_PAYLOAD}', '{sha256(b'new').hexdigest()}', seal FROM events {_here('= 4')}",
            "UPDATE sessions SET version = version + 1 WHERE session_id = :session",
        ),
        LogFault.INSERTED,
        5,
    ),
    Harm(
        "a copy of an event put between others",
        (
            *_moved(">= 5", 1),
            f"INSERT INTO events ({_NAMES}) SELECT {COPIED} FROM events {_here('= 3')}",
            "UPDATE sessions SET version = version + 1 WHERE session_id = :session",
        ),
        LogFault.INSERTED,
        5,
    ),
    Harm(
        "an edited event, all chained anew",
        (f"UPDATE events SET payload = '{{}}' {_here('= 4')}",),
        LogFault.FORGED,
        4,
        chain_anew_from=4,
    ),
    Harm(
        "a forged event at the end, chained",
        (
            f"INSERT INTO events ({_NAMES}) SELECT 'evt_new', session_id, seq + 1, spec_id, time, actor_id,"
            f" actor_role, 'session_paused', '{_PAYLOAD}', hash, seal FROM events {_here(f'= {_END}')}",
            "UPDATE sessions SET version = version + 1 WHERE session_id = :session",
        ),
        LogFault.FORGED,
        10,
        chain_anew_from=10,
    ),
    Harm("a cut tail", (f"DELETE FROM events {_here('> 6')}",), LogFault.CUT, 7),
    Harm(
        "a cut tail, and the session's row to go with it",
        (f"DELETE FROM events {_here('> 6')}", "UPDATE sessions SET version = 6 WHERE session_id = :session"),
        LogFault.CUT,
        7,
    ),
    Harm("all events gone", ("DELETE FROM events WHERE session_id = :session",), LogFault.CUT, 1),
    Harm("the row gone", ("DELETE FROM sessions WHERE session_id = :session",), LogFault.ROW_ALTERED, 0),
    Harm(
        "the row's status changed",
        ("UPDATE sessions SET status = 'completed', live = 0 WHERE session_id = :session",),
        LogFault.ROW_ALTERED,
        9,
    ),
    Harm(
        "the row's status no status",
        ("UPDATE sessions SET status = 'gone' WHERE session_id = :session",),
        LogFault.ROW_ALTERED,
        9,
    ),
    Harm(
        "the row's status no text",
        ("UPDATE sessions SET status = CAST(x'ff' AS TEXT) WHERE session_id = :session",),
        LogFault.ROW_ALTERED,
        0,
    ),
    Harm(
        "the row's version lowered",
        ("UPDATE sessions SET version = 6 WHERE session_id = :session",),
        LogFault.ROW_ALTERED,
        6,
    ),
    Harm("a type nobody knows", (f"UPDATE events SET type = 'made_up' {_here('= 4')}",), LogFault.EDITED, 4),
    Harm("a payload that is no JSON", (f"UPDATE events SET payload = '<' {_here('= 4')}",), LogFault.EDITED, 4),
    Harm(
        "a payload that is no text",
        (f"UPDATE events SET payload = CAST(x'ff41' AS TEXT) {_here('= 4')}",),
        LogFault.UNREADABLE,
        4,
    ),
    Harm("a changed plan", ("UPDATE plans SET text = replace(text, 't1', 'tx')",), LogFault.PLAN_ALTERED, 1),
    Harm("a plan that is no JSON", ("UPDATE plans SET text = '<'",), LogFault.PLAN_ALTERED, 1),
    Harm("a plan gone", ("DELETE FROM plans",), LogFault.PLAN_ALTERED, 1),
)
