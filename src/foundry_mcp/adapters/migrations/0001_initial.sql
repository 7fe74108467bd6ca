-- Events are kept in an ordinary table, not WITHOUT ROWID: their payloads run to kilobytes, and in a
-- WITHOUT ROWID table they would fill the inner pages of the tree that every look-up walks.
CREATE TABLE events (
    session_id TEXT NOT NULL,
    seq        INTEGER NOT NULL CHECK (seq > 0),
    event_id   TEXT NOT NULL,
    spec_id    TEXT NOT NULL,
    time       TEXT NOT NULL,
    actor_id   TEXT NOT NULL,
    actor_role TEXT NOT NULL,
    type       TEXT NOT NULL,
    payload    TEXT NOT NULL,
    hash       TEXT NOT NULL CHECK (length(hash) = 64),
    PRIMARY KEY (session_id, seq)
) STRICT;

-- A page filtered by type reads only this index until it knows which events it shows.
CREATE INDEX events_by_type ON events (session_id, type, seq);

CREATE TABLE sessions (
    session_id TEXT NOT NULL PRIMARY KEY,
    spec_id    TEXT NOT NULL,
    status     TEXT NOT NULL,
    version    INTEGER NOT NULL CHECK (version >= 0),
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    live       INTEGER NOT NULL CHECK (live IN (0, 1))
) STRICT;

-- Two servers that start the same spec at once: the second insert fails here, whatever either had read.
CREATE UNIQUE INDEX one_live_session ON sessions (spec_id) WHERE live = 1;

CREATE INDEX sessions_by_age ON sessions (created_at, session_id);
CREATE INDEX sessions_of_spec ON sessions (spec_id, created_at, session_id);

CREATE TABLE answers (
    key            TEXT NOT NULL PRIMARY KEY,
    payload_digest TEXT NOT NULL,
    recorded_at    TEXT NOT NULL,
    body           TEXT NOT NULL
) STRICT;

CREATE TABLE plans (
    digest TEXT NOT NULL PRIMARY KEY,
    text   TEXT NOT NULL
) STRICT;

CREATE TABLE life (
    session_id TEXT NOT NULL PRIMARY KEY,
    run_id     TEXT NOT NULL,
    at         TEXT NOT NULL
) STRICT;
