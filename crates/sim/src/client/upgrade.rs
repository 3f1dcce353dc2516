//! From long-polling to a WebSocket, as the official client does it: a probe beside the living
//! poll, then the polls come to rest, then the session moves over.

use std::time::Duration;

use super::{pipe::Pipe, polling::Polling};
use crate::chance::Chance;

/// A session that is moving.
pub(super) struct Upgrade {
    polling: Polling,
    pipe: Pipe,
}

/// What became of it.
pub(super) enum Moved {
    /// It is still moving; these packets arrived.
    NotYet(Box<Upgrade>, Vec<String>),
    /// It is over there.
    Over(Box<Pipe>),
    /// The WebSocket failed: the session stays where it is.
    Back(Box<Polling>, Vec<String>),
    /// The session has ended.
    Ended,
}

impl Upgrade {
    /// Opens a WebSocket for a session; `None` where it can't be.
    pub(super) fn begin(polling: &Polling, now: Duration, chance: &mut Chance) -> Option<Pipe> {
        let sid = polling.sid()?;
        let mut pipe = Pipe::open(polling.path(), &format!("&sid={sid}"))?;
        pipe.send("2probe", now, chance);
        Some(pipe)
    }

    pub(super) fn new(polling: Polling, pipe: Pipe) -> Box<Self> {
        Box::new(Self { polling, pipe })
    }

    /// Sends a packet: over polling, as long as that isn't at rest.
    pub(super) fn send(&mut self, packet: &str, now: Duration, chance: &mut Chance) {
        self.polling.send(packet, now, chance);
    }

    pub(super) fn stall(&mut self, until: Duration) {
        self.polling.stall(until);
        self.pipe.stall(until);
    }

    pub(super) fn turn(mut self: Box<Self>, now: Duration, chance: &mut Chance) -> Moved {
        let Some(arrived) = self.polling.turn(now, chance) else { return Moved::Ended };
        let Some(answers) = self.pipe.turn(now, chance) else {
            self.polling.go_on();
            return Moved::Back(Box::new(self.polling), arrived);
        };
        if answers.iter().any(|packet| packet == "3probe") {
            self.polling.rest();
        }
        if !self.polling.is_at_rest() || !arrived.is_empty() {
            return Moved::NotYet(self, arrived);
        }
        let Self { polling, mut pipe } = *self;
        pipe.send("5", now, chance);
        for packet in polling.into_unsent() {
            pipe.send(&packet, now, chance);
        }
        Moved::Over(Box::new(pipe))
    }
}
