//! What happened to clients, counted for the report.

use std::fmt;

/// Numbers of what happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages that were acknowledged.
    pub acknowledged: u64,
    /// Entries and messages that were seen.
    pub seen: u64,
    /// Connections that were made.
    pub connected: u64,
    /// Sessions that moved to a WebSocket.
    pub upgraded: u64,
    /// Times that a position was continued.
    pub continued: u64,
    /// Times that a palabre client was told that its past is gone.
    pub reset: u64,
    /// Times that a stock client was recovered.
    pub recovered: u64,
    /// Times that a stock client wasn't, and was told so.
    pub not_recovered: u64,
}

impl Tally {
    fn numbers(&mut self) -> [(&mut u64, &'static str); 8] {
        [
            (&mut self.acknowledged, "acknowledged"),
            (&mut self.seen, "seen"),
            (&mut self.connected, "connections"),
            (&mut self.upgraded, "upgraded"),
            (&mut self.continued, "continued"),
            (&mut self.reset, "reset"),
            (&mut self.recovered, "recovered"),
            (&mut self.not_recovered, "not recovered"),
        ]
    }

    /// Adds what happened to others.
    pub fn add(&mut self, other: &Self) {
        let mut other = *other;
        for ((ours, _), (theirs, _)) in self.numbers().into_iter().zip(other.numbers()) {
            *ours += *theirs;
        }
    }

    /// Reads what was shown, whatever stands before it; `None` where it is something else.
    pub fn read(line: &str) -> Option<Self> {
        let mut tally = Self::default();
        let mut parts = line.rsplit(": ").next()?.split(", ");
        for (number, name) in tally.numbers() {
            let (text, its_name) = parts.next()?.split_once(' ')?;
            *number = text.parse().ok().filter(|_| its_name == name)?;
        }
        Some(tally)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tally = *self;
        for (at, (number, name)) in tally.numbers().into_iter().enumerate() {
            let between = if at == 0 { "" } else { ", " };
            write!(f, "{between}{number} {name}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_can_be_read() {
        let tally = Tally { acknowledged: 12, seen: 3, not_recovered: 7, ..Tally::default() };
        assert_eq!(Tally::read(&format!("seed 5: digest 0, 1.2 s: {tally}")), Some(tally));
        assert_eq!(Tally::read("seed 5 broke a promise"), None);
    }
}
