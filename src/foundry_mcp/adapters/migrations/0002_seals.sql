-- What was recorded before seals were made is sealed as it stands: its hashes still say whether it was changed before.
ALTER TABLE events ADD COLUMN seal TEXT NOT NULL DEFAULT '';
UPDATE events SET seal = seal_of_event(session_id, seq, hash);

ALTER TABLE sessions ADD COLUMN seal TEXT NOT NULL DEFAULT '';
UPDATE sessions SET seal = seal_of_head(
    session_id,
    version,
    coalesce((SELECT hash FROM events e WHERE e.session_id = sessions.session_id AND e.seq = sessions.version), '')
);

-- Without it nobody could say which answers go with a session that is removed. Earlier ones stay.
ALTER TABLE answers ADD COLUMN session_id TEXT NOT NULL DEFAULT '';
CREATE INDEX answers_of_session ON answers (session_id);

-- What somebody did to the store by hand; append only, and no event of a session, whose log may be at fault or gone.
CREATE TABLE upkeep (
    number     INTEGER NOT NULL PRIMARY KEY CHECK (number > 0),
    time       TEXT NOT NULL,
    actor      TEXT NOT NULL,
    action     TEXT NOT NULL,
    session_id TEXT NOT NULL,
    details    TEXT NOT NULL,
    seal       TEXT NOT NULL
) STRICT;

CREATE INDEX upkeep_of_session ON upkeep (session_id, action);
