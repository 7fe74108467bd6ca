"""Every SQL statement of the SQLite store, by name."""

from __future__ import annotations

from typing import Final

BEGIN_WRITE: Final = "BEGIN IMMEDIATE"
"""Take the write lock at once, so that nothing read in the transaction can be stale by its commit."""

BEGIN_READ: Final = "BEGIN"
"""Hold one snapshot over several reads."""

COMMIT: Final = "COMMIT"
"""Make the transaction last."""

ROLLBACK: Final = "ROLLBACK"
"""Undo the transaction."""

# Another number whenever another connection has committed.
READ_DATA_VERSION: Final = "PRAGMA data_version"
READ_USER_VERSION: Final = "PRAGMA user_version"
"""Tell how many migrations the store has seen."""

SET_USER_VERSION: Final = "PRAGMA user_version = {number:d}"
"""Note that a migration was made; a pragma takes no bound value."""

SET_JOURNAL_MODE: Final = "PRAGMA journal_mode = {mode}"
"""Choose how a transaction survives a crash; a pragma takes no bound value."""

SET_SYNCHRONOUS: Final = "PRAGMA synchronous = FULL"
"""Have a commit reach the disk before it is acknowledged, so that a power cut loses nothing acknowledged."""

SESSION_VERSION: Final = "SELECT version FROM sessions WHERE session_id = ?"
"""Tell a session's version."""

LAST_HASH: Final = "SELECT hash FROM events WHERE session_id = ? AND seq = ?"
"""Give the hash the next event of a session is chained to."""

LAST_SEQ: Final = "SELECT coalesce(max(seq), 0) FROM events WHERE session_id = ?"
"""Give the number of a session's last event."""

INSERT_EVENT: Final = (
    "INSERT INTO events (session_id, seq, event_id, spec_id, time, actor_id, actor_role, type, payload, hash, seal)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
"""Append an event."""

INSERT_ANSWER: Final = "INSERT INTO answers (key, payload_digest, recorded_at, body, session_id) VALUES (?, ?, ?, ?, ?)"
"""Keep an answer; a key is used once."""

INSERT_PLAN: Final = "INSERT INTO plans (digest, text) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING"
"""Keep a plan; the same digest is the same plan."""

PUT_SESSION: Final = (
    "INSERT INTO sessions (session_id, spec_id, status, version, created_at, updated_at, live, seal)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (session_id) DO UPDATE SET"
    " status = excluded.status, version = excluded.version, updated_at = excluded.updated_at,"
    " live = excluded.live, seal = excluded.seal"
)
"""Bring a session's row to what it is after a batch."""

PUT_LIFE: Final = (
    "INSERT INTO life (session_id, run_id, at) VALUES (?, ?, ?)"
    " ON CONFLICT (session_id) DO UPDATE SET run_id = excluded.run_id, at = excluded.at"
)
"""Replace the last sign of life of a session."""

SESSION_COLUMNS: Final = "session_id, spec_id, status, version, created_at, updated_at"

SESSION_BY_ID: Final = f"SELECT {SESSION_COLUMNS} FROM sessions WHERE session_id = ?"
"""Give a session's row."""

LIVE_SESSION: Final = f"SELECT {SESSION_COLUMNS} FROM sessions WHERE spec_id = ? AND live = 1"
"""Give the live session of a spec."""

LIVE_SESSION_ID: Final = "SELECT session_id FROM sessions WHERE spec_id = ? AND live = 1"
"""Name the live session of a spec."""

_NEWEST_FIRST: Final = "ORDER BY created_at DESC, session_id DESC LIMIT ?"
# A place is a rowid: it says where a row lies even if its texts cannot be read. Nothing here has SQLite renumber them.
_OLDER: Final = "(created_at, session_id) < (SELECT created_at, session_id FROM sessions WHERE rowid = ?)"

ALL_SESSIONS: Final = f"SELECT rowid FROM sessions {_NEWEST_FIRST}"
"""List where the newest sessions' rows lie, from the index alone."""

ALL_SESSIONS_AFTER: Final = f"SELECT rowid FROM sessions WHERE {_OLDER} {_NEWEST_FIRST}"
"""List where the rows lie of the sessions next older than one."""

SPEC_SESSIONS: Final = f"SELECT rowid FROM sessions WHERE spec_id = ? {_NEWEST_FIRST}"
"""List where the rows of a spec's newest sessions lie."""

SPEC_SESSIONS_AFTER: Final = f"SELECT rowid FROM sessions WHERE spec_id = ? AND {_OLDER} {_NEWEST_FIRST}"
"""List where the rows lie of the sessions of a spec next older than one."""

SESSION_AND_SEAL: Final = f"SELECT {SESSION_COLUMNS}, live, seal FROM sessions WHERE session_id = ?"
"""Give a session's row with whether it is live and the seal on its log's end."""

SESSION_LIES_AT: Final = "SELECT 1 FROM sessions WHERE rowid = ?"
"""Tell whether a session's row lies somewhere."""

SESSION_AT: Final = f"SELECT {SESSION_COLUMNS} FROM sessions WHERE rowid = ?"
"""Give the row of a session by where it lies."""

_ENTRY_NAMES: Final = (
    "event_id", "session_id", "seq", "spec_id", "time", "actor_id", "actor_role", "type", "payload", "hash", "seal"
)  # fmt: skip
ENTRY_COLUMNS: Final = ", ".join(f"e.{name}" for name in _ENTRY_NAMES)
_WITH_PREVIOUS: Final = (
    f"SELECT {ENTRY_COLUMNS}, p.hash FROM events e"
    " LEFT JOIN events p ON p.session_id = e.session_id AND p.seq = e.seq - 1"
)

LOG_AFTER: Final = f"SELECT {ENTRY_COLUMNS} FROM events e WHERE e.session_id = ? AND e.seq > ? ORDER BY e.seq"
"""List a session's events above a seq, as they are kept."""

SEQS_OF_LOG: Final = "SELECT seq FROM events WHERE session_id = ? AND seq > ? ORDER BY seq"
"""List where a session's events above a seq lie."""

EVENTS_AFTER: Final = f"{_WITH_PREVIOUS} WHERE e.session_id = ? AND e.seq > ? ORDER BY e.seq LIMIT ?"
"""List events above a seq, ascending, each with the hash before it."""

EVENTS_BEFORE: Final = f"{_WITH_PREVIOUS} WHERE e.session_id = ? AND e.seq < ? ORDER BY e.seq DESC LIMIT ?"
"""List events below a seq, descending, each with the hash before it."""

EVENT_AT: Final = f"{_WITH_PREVIOUS} WHERE e.session_id = ? AND e.seq = ?"
"""Give one event with the hash before it."""

EVENTS_AT: Final = (
    f"SELECT {ENTRY_COLUMNS}, p.hash FROM json_each(?2) place"
    " CROSS JOIN events e ON e.session_id = ?1 AND e.seq = place.value"
    " LEFT JOIN events p ON p.session_id = ?1 AND p.seq = place.value - 1"
    " ORDER BY place.key"
)
"""Give the events at places listed in JSON, in that order, each with the hash before it."""

SEQS_AFTER: Final = "SELECT seq FROM events WHERE session_id = ? AND type = ? AND seq > ? ORDER BY seq LIMIT ?"
"""List where events of one type lie above a seq, ascending, from the index alone."""

SEQS_BEFORE: Final = "SELECT seq FROM events WHERE session_id = ? AND type = ? AND seq < ? ORDER BY seq DESC LIMIT ?"
"""List where events of one type lie below a seq, descending, from the index alone."""

_SERVER_COLUMNS: Final = ", ".join(
    f"e.{name}" for name in ("event_id", "seq", "time", "actor_id", "actor_role", "type", "payload", "hash", "seal")
)
_SERVER_WITH_PREVIOUS: Final = (
    f"SELECT {_SERVER_COLUMNS}, p.hash FROM server_events e LEFT JOIN server_events p ON p.seq = e.seq - 1"
)

SERVER_EVENTS: Final = f"SELECT {_SERVER_COLUMNS} FROM server_events e ORDER BY e.seq"
"""List the server's own events."""

SERVER_EVENTS_AFTER: Final = f"{_SERVER_WITH_PREVIOUS} WHERE e.seq > ? ORDER BY e.seq LIMIT ?"
"""List the server's events above a seq, ascending, each with the hash before it."""

SERVER_EVENTS_BEFORE: Final = f"{_SERVER_WITH_PREVIOUS} WHERE e.seq < ? ORDER BY e.seq DESC LIMIT ?"
"""List the server's events below a seq, descending, each with the hash before it."""

LAST_SERVER_EVENT: Final = "SELECT seq, hash FROM server_events ORDER BY seq DESC LIMIT 1"
"""Give the number and the hash of the server's last event."""

SERVER_EVENT_HASH: Final = "SELECT hash FROM server_events WHERE seq = ?"
"""Give the hash of an event of the server."""

INSERT_SERVER_EVENT: Final = (
    "INSERT INTO server_events (seq, event_id, time, actor_id, actor_role, type, payload, hash, seal)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
"""Append an event of the server."""

SERVER_EVENTS_END: Final = "SELECT version, seal FROM server_events_end"
"""Tell where the server's events end."""

END_SERVER_EVENTS: Final = "UPDATE server_events_end SET version = ?, seal = ?"
"""Bring what is kept of the end of the server's events up to it."""

LAST_SERVER_EVENT_BEFORE: Final = (
    "SELECT coalesce((SELECT min(seq) - 1 FROM server_events WHERE time >= ?), (SELECT max(seq) FROM server_events))"
)
"""Give the last event of the server before the first that is as young as a moment; NULL where there are none."""

FORGET_SERVER_EVENTS: Final = "DELETE FROM server_events WHERE seq <= ?"
"""Remove the server's events up to a seq."""

OVER_BEFORE: Final = (
    f"SELECT {SESSION_COLUMNS} FROM sessions WHERE live = 0 AND updated_at < ? ORDER BY created_at, session_id"
)
"""List the sessions that are over and whose last event is older than a moment, oldest first."""

LAST_OF_SPEC: Final = (
    "SELECT session_id FROM sessions WHERE spec_id = ? ORDER BY created_at DESC, session_id DESC LIMIT 1"
)
"""Give the newest session of a spec."""

FORGET_SESSION: Final = (
    "DELETE FROM events WHERE session_id = ?",
    "DELETE FROM sessions WHERE session_id = ?",
    "DELETE FROM answers WHERE session_id = ?",
    "DELETE FROM life WHERE session_id = ?",
)
"""Remove all that is kept of a session."""

PLAN_IN_USE: Final = "SELECT 1 FROM events WHERE type IN (?, ?) AND instr(payload, ?) > 0 LIMIT 1"
"""Tell whether an event of one of two types names a plan."""

FORGET_PLAN: Final = "DELETE FROM plans WHERE digest = ?"
"""Remove a plan."""

COUNT_STORE: Final = "SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM events)"
"""Count sessions and events."""

QUICK_CHECK: Final = "PRAGMA quick_check(1)"
"""Have SQLite look through a file for damage: ok, or what it found first."""

LOGGED_SESSIONS: Final = "SELECT session_id FROM sessions UNION SELECT session_id FROM events ORDER BY session_id"
"""List the sessions that have a row or an event."""

CLOSE_SESSION: Final = "UPDATE sessions SET status = ?, live = 0 WHERE session_id = ?"
"""Take a session whose log is at fault out of its spec's way."""

LAST_RECORD: Final = "SELECT coalesce(max(number), 0) FROM upkeep"
"""Give the number of the last record of upkeep."""

INSERT_RECORD: Final = (
    "INSERT INTO upkeep (number, time, actor, action, session_id, details, seal) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
"""Record what was done to the store by hand."""

RECORDS: Final = "SELECT number, time, actor, action, session_id, details, seal FROM upkeep ORDER BY number"
"""List what was done to the store by hand."""

RECORDS_OF_SESSION: Final = (
    "SELECT number, time, actor, action, session_id, details, seal FROM upkeep"
    " WHERE session_id = ? AND action = ? ORDER BY number"
)
"""List one kind of what was done by hand to a session."""

LAST_RECORD_OF_SESSION: Final = f"{RECORDS_OF_SESSION} DESC"
"""The same, the last first."""

ANSWER_BY_KEY: Final = "SELECT key, payload_digest, recorded_at, body FROM answers WHERE key = ?"
"""Give a kept answer."""

PLAN_BY_DIGEST: Final = "SELECT digest, text FROM plans WHERE digest = ?"
"""Give a pinned plan."""

LIFE_OF_SESSION: Final = "SELECT run_id, at FROM life WHERE session_id = ?"
"""Give the last sign of life of a session."""
