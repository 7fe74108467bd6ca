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

INSERT_EVENT: Final = (
    "INSERT INTO events (session_id, seq, event_id, spec_id, time, actor_id, actor_role, type, payload, hash)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
"""Append an event."""

INSERT_ANSWER: Final = "INSERT INTO answers (key, payload_digest, recorded_at, body) VALUES (?, ?, ?, ?)"
"""Keep an answer; a key is used once."""

INSERT_PLAN: Final = "INSERT INTO plans (digest, text) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING"
"""Keep a plan; the same digest is the same plan."""

PUT_SESSION: Final = (
    "INSERT INTO sessions (session_id, spec_id, status, version, created_at, updated_at, live)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (session_id) DO UPDATE SET"
    " status = excluded.status, version = excluded.version, updated_at = excluded.updated_at, live = excluded.live"
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

ALL_SESSIONS: Final = f"SELECT {SESSION_COLUMNS} FROM sessions ORDER BY created_at DESC, session_id DESC"
"""List every session, newest first."""

SPEC_SESSIONS: Final = (
    f"SELECT {SESSION_COLUMNS} FROM sessions WHERE spec_id = ? ORDER BY created_at DESC, session_id DESC"
)
"""List a spec's sessions, newest first."""

EVENT_COLUMNS: Final = "event_id, session_id, seq, spec_id, time, actor_id, actor_role, type, payload"

EVENTS_AFTER: Final = f"SELECT {EVENT_COLUMNS} FROM events WHERE session_id = ? AND seq > ? ORDER BY seq LIMIT ?"
"""List events above a seq, ascending; a limit of -1 is none."""

EVENTS_BEFORE: Final = f"SELECT {EVENT_COLUMNS} FROM events WHERE session_id = ? AND seq < ? ORDER BY seq DESC LIMIT ?"
"""List events below a seq, descending."""

EVENT_AT: Final = f"SELECT {EVENT_COLUMNS} FROM events WHERE session_id = ? AND seq = ?"
"""Give one event."""

SEQS_AFTER: Final = "SELECT seq FROM events WHERE session_id = ? AND type = ? AND seq > ? ORDER BY seq LIMIT ?"
"""List where events of one type lie above a seq, ascending, from the index alone."""

SEQS_BEFORE: Final = "SELECT seq FROM events WHERE session_id = ? AND type = ? AND seq < ? ORDER BY seq DESC LIMIT ?"
"""List where events of one type lie below a seq, descending, from the index alone."""

CHAIN: Final = f"SELECT {EVENT_COLUMNS}, hash FROM events WHERE session_id = ? ORDER BY seq"
"""List a session's events with their hashes."""

ANSWER_BY_KEY: Final = "SELECT key, payload_digest, recorded_at, body FROM answers WHERE key = ?"
"""Give a kept answer."""

PLAN_BY_DIGEST: Final = "SELECT digest, text FROM plans WHERE digest = ?"
"""Give a pinned plan."""

LIFE_OF_SESSION: Final = "SELECT run_id, at FROM life WHERE session_id = ?"
"""Give the last sign of life of a session."""
