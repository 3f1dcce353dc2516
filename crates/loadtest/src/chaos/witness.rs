//! What a client saw, in the order in which it saw it.

/// The sightings of one client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Witness {
    pub(crate) name: String,
    pub(crate) seen: Vec<Seen>,
}

/// One thing that a client saw, with the milliseconds since the run began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) at: u64,
    pub(crate) what: What,
}

/// What a client can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// It is connected for the first time.
    Connected,
    /// It came back, and was told that nothing is missing.
    Recovered,
    /// It came back, and was told that something may be missing.
    Restarted,
    /// A message with this number.
    Message(u32),
}

impl Witness {
    pub(crate) fn new(name: String) -> Self {
        Self { name, seen: Vec::new() }
    }

    pub(crate) fn note(&mut self, at: u64, what: What) {
        self.seen.push(Seen { at, what });
    }

    /// How often it saw this.
    pub(crate) fn count(&self, matches: impl Fn(What) -> bool) -> u64 {
        self.seen.iter().filter(|seen| matches(seen.what)).count() as u64
    }
}
