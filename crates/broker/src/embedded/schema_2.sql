-- What is known of a room that was made, and when its newest entry, or else itself, was made.
ALTER TABLE rooms ADD COLUMN about BLOB;
ALTER TABLE rooms ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
UPDATE rooms SET at = coalesce(
    (SELECT e.at FROM entries e WHERE e.room = rooms.key AND e.offset = rooms.head), 0);
CREATE INDEX rooms_by_time ON rooms (at);

-- Records of the sessions that may come back.
CREATE TABLE sessions (
    key TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,       -- who may write it
    before TEXT NOT NULL,      -- of whom the owner claimed it, for who asks once more
    ends INTEGER NOT NULL,     -- milliseconds since 1970; from then on it is as good as gone
    bytes BLOB NOT NULL        -- last, so that renewing needn't read it
) STRICT;
CREATE INDEX sessions_by_end ON sessions (ends);
