//! The names of one partition's keys and of its channel. What they hold is in `redis.rs`.

use crate::Partition;

/// Names the keys of a partition.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    /// The hash of the partition; every other name begins with it, and so shares its hash tag.
    pub(super) partition: String,
    pub(super) log: String,
    pub(super) redacted: String,
    pub(super) due: String,
    pub(super) rooms: String,
    pub(super) repair: String,
    pub(super) offers: String,
    /// Bears the number of the database, since Pub/Sub knows no databases.
    pub(super) channel: String,
}

/// Names the keys of a room.
#[derive(Clone, Debug)]
pub(super) struct RoomKeys {
    pub(super) room: String,
    pub(super) entries: String,
    pub(super) ids: String,
    pub(super) targets: String,
    pub(super) redacted: String,
}

impl Keys {
    pub(super) fn new(prefix: &str, partition: Partition, database: i64) -> Self {
        let stem = format!("{prefix}:{{p{}}}", partition.0);
        Self {
            log: format!("{stem}:log"),
            redacted: format!("{stem}:redacted"),
            due: format!("{stem}:due"),
            rooms: format!("{stem}:rooms"),
            repair: format!("{stem}:repair"),
            offers: format!("{stem}:offers"),
            channel: format!("{stem}:{database}"),
            partition: stem,
        }
    }

    pub(super) fn room(&self, room: &str) -> RoomKeys {
        let of = |what: &str| format!("{}:{what}:{room}", self.partition);
        RoomKeys {
            room: of("room"),
            entries: of("entries"),
            ids: of("ids"),
            targets: of("targets"),
            redacted: of("redacted"),
        }
    }
}
