-- The log as a whole: one row.
CREATE TABLE log (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch TEXT NOT NULL,
    seq INTEGER NOT NULL,      -- the newest one
    at INTEGER NOT NULL,       -- of the newest entry
    trimmed INTEGER NOT NULL   -- the newest seq that was deleted: from the next one on, no holes
) STRICT;

-- A room's row is never deleted, since its offsets must go on.
CREATE TABLE rooms (
    key INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    head INTEGER NOT NULL,     -- the newest offset
    trimmed INTEGER NOT NULL   -- the newest offset that was deleted: from the next one on, no holes
) STRICT;

CREATE TABLE entries (
    seq INTEGER PRIMARY KEY,
    room INTEGER NOT NULL,     -- rooms.key
    offset INTEGER NOT NULL,
    at INTEGER NOT NULL,       -- milliseconds since 1970; never less than at a smaller seq
    user TEXT NOT NULL,
    id TEXT NOT NULL,
    target INTEGER,
    bytes BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX entries_of_room ON entries (room, offset);
CREATE INDEX entries_by_target ON entries (room, target) WHERE target IS NOT NULL;

-- The ids of recent entries. Apart from them, so that what is searched at each append stays small
-- however long the log grows.
CREATE TABLE ids (
    seq INTEGER PRIMARY KEY,   -- of the entry
    room INTEGER NOT NULL,
    user TEXT NOT NULL,
    id TEXT NOT NULL,
    offset INTEGER NOT NULL,
    at INTEGER NOT NULL,
    content BLOB NOT NULL,     -- a digest of what was sent, which outlives a redaction
    UNIQUE (room, user, id)
) STRICT;

-- What the instances sign with: one row, made when it is first asked for.
CREATE TABLE secret (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    bytes BLOB NOT NULL CHECK (length(bytes) = 32)
) STRICT;
