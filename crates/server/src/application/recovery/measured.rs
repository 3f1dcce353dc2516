//! What measurements see of what is private otherwise.

use super::record::{self, Session};

/// A session as its record tells it.
pub struct Kept(Session);

impl Kept {
    /// Reads a record; `None` where it is none.
    pub fn decode(record: &[u8]) -> Option<Self> {
        Session::decode(record).map(Self)
    }

    /// Writes the record.
    pub fn encode(&self) -> Box<[u8]> {
        let Session { sid, user, rooms } = &self.0;
        record::encode(*sid, user, rooms.iter().map(|joined| (&*joined.room, joined.head)))
    }
}
