-- Whether a file beside this one ever promised what was acknowledged: if it is missing then, this
-- database was put here from elsewhere.
ALTER TABLE log ADD COLUMN promised INTEGER NOT NULL DEFAULT 0;
