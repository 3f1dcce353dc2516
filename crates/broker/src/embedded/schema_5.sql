-- Where the log and its rooms stand is what their entries say, or else what was deleted last, so an
-- append writes an entry and its id, and nothing else. From here on log.at is the time of the
-- newest entry that was deleted.
ALTER TABLE rooms DROP COLUMN head;
CREATE VIEW rooms_and_heads AS
    SELECT rooms.key, rooms.name, rooms.trimmed, rooms.about, coalesce(
        (SELECT max(entries.offset) FROM entries WHERE entries.room = rooms.key),
        rooms.trimmed
    ) AS head
    FROM rooms;
-- How far rooms.at is written down: the one of a room that has an entry behind this seq may be
-- that of an earlier entry.
ALTER TABLE log ADD COLUMN listed INTEGER NOT NULL DEFAULT 0;
UPDATE log SET listed = seq;
ALTER TABLE log DROP COLUMN seq;
CREATE VIEW log_and_tip AS
    SELECT log.epoch, log.listed, log.trimmed,
        max(log.trimmed, coalesce((SELECT max(seq) FROM entries), 0)) AS seq,
        max(log.at, coalesce((SELECT at FROM entries ORDER BY seq DESC LIMIT 1), 0)) AS at
    FROM log;
