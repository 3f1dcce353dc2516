-- One tree instead of two: an append looks into it and writes it at once. Which ids are remembered
-- no more is found by way of their entries, which never go before them.
ALTER TABLE ids RENAME TO ids_by_seq;
CREATE TABLE ids (
    room INTEGER NOT NULL,
    user TEXT NOT NULL,
    id TEXT NOT NULL,
    seq INTEGER NOT NULL,      -- of the entry
    offset INTEGER NOT NULL,
    at INTEGER NOT NULL,
    content BLOB NOT NULL,     -- a digest of what was sent, which outlives a redaction
    PRIMARY KEY (room, user, id)
) STRICT, WITHOUT ROWID;
INSERT INTO ids SELECT room, user, id, seq, offset, at, content FROM ids_by_seq
    ORDER BY room, user, id;
-- The newest entry whose id is remembered no more, nor are those of all before it.
ALTER TABLE log ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0;
UPDATE log SET forgotten = coalesce((SELECT min(seq) - 1 FROM ids_by_seq), seq);
DROP TABLE ids_by_seq;

-- Without an index by time, which each renewal would have to change: whose life is over is found
-- by looking through all of them, a part at a time. The key is apart from the rows, since new ones
-- come in any order of keys and would part full pages again and again.
ALTER TABLE sessions RENAME TO sessions_by_time;
CREATE TABLE sessions (
    place INTEGER PRIMARY KEY, -- they are looked through in this order
    key TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,       -- who may write it
    before TEXT NOT NULL,      -- of whom the owner claimed it, for who asks once more
    ends INTEGER NOT NULL,     -- milliseconds since 1970; from then on it is as good as gone
    bytes BLOB NOT NULL        -- last, so that who looks through them needn't read it
) STRICT;
INSERT INTO sessions (key, owner, before, ends, bytes)
    SELECT key, owner, before, ends, bytes FROM sessions_by_time ORDER BY ends;
DROP TABLE sessions_by_time;
