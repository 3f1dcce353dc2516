//! Who is in which room, by the place of its connection.

use std::collections::HashMap;

/// Rooms, each with those who are in it.
#[derive(Default)]
pub(crate) struct Rooms(HashMap<Vec<u8>, Vec<usize>>);

impl Rooms {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn join(&mut self, room: Vec<u8>, at: usize) {
        self.0.entry(room).or_default().push(at);
    }

    pub(crate) fn leave(&mut self, room: &[u8], at: usize) {
        let Some(members) = self.0.get_mut(room) else { return };
        members.retain(|member| *member != at);
        if members.is_empty() {
            self.0.remove(room);
        }
    }

    pub(crate) fn members(&self, room: &[u8]) -> &[usize] {
        self.0.get(room).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_there_while_somebody_is_in_it() {
        let mut rooms = Rooms::default();
        rooms.join(b"a".to_vec(), 1);
        rooms.join(b"a".to_vec(), 2);
        assert_eq!(rooms.members(b"a"), [1, 2]);
        rooms.leave(b"a", 1);
        rooms.leave(b"b", 2);
        assert_eq!(rooms.members(b"a"), [2]);
        rooms.leave(b"a", 2);
        assert!(rooms.is_empty());
        assert!(rooms.members(b"a").is_empty());
    }
}
