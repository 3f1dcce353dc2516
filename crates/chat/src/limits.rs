//! What a client may ask for, in one place.

/// The limits of the chat. The welcome tells palabre clients those that concern them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Characters (Unicode scalar values) of a text.
    pub text_chars: usize,
    /// Characters of a display name.
    pub name_chars: usize,
    /// Entries of a page where the client names no limit.
    pub page: usize,
    /// Entries of a page at most.
    pub page_max: usize,
    /// Rooms that one socket may be in.
    pub rooms_per_socket: usize,
    /// Characters of a room's title.
    pub title_chars: usize,
    /// Rooms of which a client may say how far it has seen them.
    pub seen_rooms: usize,
    /// Rooms that an answer lists.
    pub rooms_listed: usize,
    /// Members that an answer lists.
    pub members_listed: usize,
    /// Rooms that one socket may make at once; in a minute as many again.
    pub rooms_made: u32,
}

/// Characters of a room's key; part of the contract, so not configurable.
pub const ROOM_CHARS_MAX: usize = 64;

impl Default for Limits {
    fn default() -> Self {
        Self {
            text_chars: 4_000,
            name_chars: 40,
            page: 50,
            page_max: 200,
            rooms_per_socket: 100,
            title_chars: 100,
            seen_rooms: 1_000,
            rooms_listed: 200,
            members_listed: 500,
            rooms_made: 120,
        }
    }
}
