//! Whose an entry is: room, user and id in one piece of memory. Every instance makes and drops one
//! of each entry of its log, also of those that nobody there reads.

use std::{fmt, ops::Range};

use bytes::Bytes;

/// The names of an entry: its room's key, who sent it, and its idempotency id.
#[derive(Clone, PartialEq, Eq)]
pub struct Names {
    /// The three, one after the other. Each of them is text.
    text: Bytes,
    room_end: u32,
    user_end: u32,
}

impl Names {
    /// Puts names together.
    ///
    /// # Panics
    /// Where they are longer than 4 GiB.
    pub fn new(room: &str, user: &str, id: &str) -> Self {
        let text = [room, user, id].concat();
        Self::of(text.into(), room.len(), room.len() + user.len()).expect("all three are text")
    }

    /// Names that lie together: the room's key ends and the user begins at `room_end`, and the user
    /// ends and the id begins at `user_end`. `None` where one of them is no text.
    pub(crate) fn of(text: Bytes, room_end: usize, user_end: usize) -> Option<Self> {
        let are_texts = if text.is_ascii() {
            // What nearly all are, and what is seen sooner.
            room_end <= user_end && user_end <= text.len()
        } else {
            let all = std::str::from_utf8(&text).ok()?;
            let are_apart = all.is_char_boundary(room_end) && all.is_char_boundary(user_end);
            room_end <= user_end && are_apart
        };
        let (room_end, user_end) = (room_end.try_into().ok()?, user_end.try_into().ok()?);
        are_texts.then_some(Self { text, room_end, user_end })
    }

    /// The room's key.
    pub fn room(&self) -> &str {
        self.part(0..self.room_end as usize)
    }

    /// Who sent it.
    pub fn user(&self) -> &str {
        self.part(self.room_end as usize..self.user_end as usize)
    }

    /// The idempotency id.
    pub fn id(&self) -> &str {
        self.part(self.user_end as usize..self.text.len())
    }

    /// The bytes of all three.
    #[inline]
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether all three are empty.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// What is the same for the same names, and differs for others.
    pub(crate) fn as_key(&self) -> (&[u8], u32, u32) {
        (&self.text, self.room_end, self.user_end)
    }

    /// The room's key as bytes: whoever only compares need not see it as a text.
    #[inline]
    pub fn room_bytes(&self) -> &[u8] {
        &self.text[..self.room_end as usize]
    }

    fn part(&self, range: Range<usize>) -> &str {
        std::str::from_utf8(&self.text[range]).expect("it was text when it was put together")
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {:?} in {:?}", self.id(), self.user(), self.room())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_was_put_together() {
        for (room, user, id) in [("lobby", "ann", "some-id1"), ("", "", ""), ("\u{e9}", "", "x")] {
            let names = Names::new(room, user, id);
            assert_eq!((names.room(), names.user(), names.id()), (room, user, id));
            assert_eq!(names.room_bytes(), room.as_bytes());
        }
        assert_ne!(Names::new("ab", "c", "d"), Names::new("a", "bc", "d"));
        assert_ne!(Names::new("a", "bc", "d"), Names::new("a", "b", "cd"));
    }

    #[test]
    fn what_is_no_text_is_no_name() {
        let of = |bytes: &'static [u8], room, user| Names::of(bytes.into(), room, user);
        assert!(of(b"r\xc3\xa9u", 1, 3).is_some());
        assert!(of(b"r\xc3\xa9u", 2, 3).is_none(), "a letter is cut");
        assert!(of(b"r\xc3\xa9u", 1, 2).is_none(), "a letter is cut");
        assert!(of(b"r\xffu", 1, 2).is_none());
        assert!(of(b"rui", 2, 1).is_none());
        assert!(of(b"rui", 1, 4).is_none());
    }
}
