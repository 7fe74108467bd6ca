-- What happened outside of every session. The chain, the seals and the checks are those of the sessions' logs. It stays
-- apart from them, as it is pruned from its beginning and no session's row tells where it ends; and from upkeep, which
-- is never pruned, and whose records say up to where this was.
CREATE TABLE server_events (
    seq        INTEGER NOT NULL PRIMARY KEY CHECK (seq > 0),
    event_id   TEXT NOT NULL,
    time       TEXT NOT NULL,
    actor_id   TEXT NOT NULL,
    actor_role TEXT NOT NULL,
    type       TEXT NOT NULL,
    payload    TEXT NOT NULL,
    hash       TEXT NOT NULL CHECK (length(hash) = 64),
    seal       TEXT NOT NULL
) STRICT;

-- The one row says where the events end. It is there from the start, so that its absence is a fault.
CREATE TABLE server_events_end (
    only    INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    version INTEGER NOT NULL CHECK (version >= 0),
    seal    TEXT NOT NULL
) STRICT;

INSERT INTO server_events_end VALUES
    (1, 0, seal_of_head('server', 0, '0000000000000000000000000000000000000000000000000000000000000000'));
