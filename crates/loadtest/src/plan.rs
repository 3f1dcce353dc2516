//! What a worker of a load test is to do, and what it is told and tells while it does it.
//!
//! Everything here can go through a pipe: a worker is a thread of this process or another process.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::args::Transport;
use crate::ledger::{Fate, Settlement, Tally};
use crate::meter::Counted;
use crate::target::Target;

/// One worker's part of a load test.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) targets: Vec<Target>,
    /// Names the run in the text of each message.
    pub(crate) run: String,
    /// Bytes of a text.
    pub(crate) size: u32,
    pub(crate) transport: Transport,
    /// The number of this worker's first client.
    pub(crate) first: u32,
    /// How many clients it has.
    pub(crate) clients: u32,
    /// The clients from 0 up to this one send, in turn.
    pub(crate) senders: u32,
    /// Rooms that the clients share, if they are palabre clients.
    pub(crate) rooms: Option<u32>,
    pub(crate) course: Course,
    /// Whether there is no other worker, so that it closes the loop by itself.
    pub(crate) is_alone: bool,
    /// Clients of this worker that leave and come anew in a minute.
    pub(crate) churn: f64,
    /// Clients of this worker that connect at the same time.
    pub(crate) connecting_max: u32,
    /// Seconds that one point of the timeline stands for.
    pub(crate) bin_seconds: u32,
}

/// When messages are sent, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Course {
    pub(crate) pace: Pace,
    /// There are never more.
    pub(crate) messages_max: u32,
    /// When the last one is sent, if time ends it and not their number.
    pub(crate) duration_us: Option<u64>,
}

/// What makes the next message go.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Pace {
    /// The clock: so many a second, whether or not the server keeps up, so that a server that
    /// stalls can't hide it by slowing the generator down.
    Rate(f64),
    /// That one has reached every receiver: so many are under way at once.
    InFlight(u32),
}

/// What workers are told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Send from now on; the clock of the messages began at this time.
    Start(u64),
    /// Messages below this number may go.
    Allow(u32),
    /// Nothing more is waited for: say what became of the messages.
    Stop,
    /// Say what was lost.
    Settle(Settlement),
    /// Go.
    Leave,
}

/// What workers tell.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum News {
    Progress(Progress),
    /// These have reached every receiver of this worker.
    Reached(Vec<u32>),
    /// These are not waited for: they could not be sent, or were refused.
    Void(Vec<u32>),
    /// The end of a stretch of the timeline.
    Bin(Bin),
    /// Nothing is sent any more.
    Stopped(Box<Remains>),
    Settled(Box<Findings>),
    /// It can't go on.
    Broken(String),
}

/// How far a worker is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) connected: u64,
    pub(crate) failed: u64,
    pub(crate) dropped: u64,
    pub(crate) sent: u64,
    pub(crate) answered: u64,
    pub(crate) refused: u64,
    /// First arrivals of a message at a client.
    pub(crate) received: u64,
    /// Messages that arrived anywhere.
    pub(crate) seen: u64,
    /// Deliveries that are still to come, as far as this worker knows.
    pub(crate) behind: u64,
    /// Messages that may be sent, where the worker itself decides it.
    pub(crate) allowed: u32,
    /// Whether all of them have been sent, as far as this worker sends them.
    pub(crate) is_through: bool,
    pub(crate) came: u64,
    pub(crate) left: u64,
    pub(crate) effort: Effort,
}

/// What a worker spent, in microseconds, between two moments at which something happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Effort {
    pub(crate) wall: u64,
    pub(crate) cpu: u64,
    /// Ready to run, and not running, since others had the core.
    pub(crate) waited: u64,
}

/// What arrived within some seconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Bin {
    pub(crate) at: u32,
    pub(crate) deliveries: u64,
    pub(crate) times: Counted,
}

/// What a worker knows of the messages when it has stopped.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Remains {
    /// What became of those of its own that were not acknowledged.
    pub(crate) fates: Vec<(u32, Fate)>,
    /// Numbers below this were given out, as far as it knows.
    pub(crate) messages: u32,
    /// How many of its own were acknowledged.
    pub(crate) acknowledged: u64,
    /// Codes with which messages were refused.
    pub(crate) refused: BTreeMap<String, u64>,
    /// In which order its clients saw them, for each room; empty if it is alone.
    pub(crate) orders: Vec<Vec<u32>>,
}

/// What a worker has found when all is over.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Findings {
    pub(crate) tally: Tally,
    pub(crate) strangers: u64,
    pub(crate) failures: BTreeMap<String, u64>,
    /// When the last message or answer came, in microseconds from the start.
    pub(crate) last_us: u64,
    pub(crate) delivery: Counted,
    pub(crate) answer: Counted,
    pub(crate) lag: Counted,
    pub(crate) unread: Counted,
}

impl Plan {
    /// The room of a client.
    pub(crate) fn room_of(&self, client: u32) -> u32 {
        client % self.room_count()
    }

    pub(crate) fn room_count(&self) -> u32 {
        self.rooms.unwrap_or(1)
    }

    /// Which of its clients, counted from 0, sends this message, if one does.
    pub(crate) fn sender_of(&self, message: u32) -> Option<usize> {
        let at = (message % self.senders).checked_sub(self.first)?;
        (at < self.clients).then_some(at as usize)
    }

    /// Whether any of its clients is in this room.
    pub(crate) fn is_in(&self, room: u32) -> bool {
        let rooms = self.room_count();
        (room + rooms - self.room_of(self.first)) % rooms < self.clients
    }
}

impl Course {
    /// Microseconds from the start to the time at which a message is due, in an open loop.
    pub(crate) fn due_us(&self, message: u32) -> Option<u64> {
        match self.pace {
            #[expect(clippy::cast_sign_loss, reason = "rates are positive")]
            Pace::Rate(rate) => Some((f64::from(message) * 1e6 / rate) as u64),
            Pace::InFlight(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(first: u32, clients: u32, rooms: u32) -> Plan {
        Plan {
            targets: Vec::new(),
            run: String::new(),
            size: 64,
            transport: Transport::Websocket,
            first,
            clients,
            senders: 4,
            rooms: Some(rooms),
            course: Course { pace: Pace::Rate(50.0), messages_max: 10, duration_us: None },
            is_alone: false,
            churn: 0.0,
            connecting_max: 1,
            bin_seconds: 1,
        }
    }

    #[test]
    fn senders_take_turns_wherever_they_are() {
        let workers = [plan(0, 3, 1), plan(3, 3, 1)];
        let of = |message| workers.each_ref().map(|worker| worker.sender_of(message));
        assert_eq!(of(6), [Some(2), None]);
        assert_eq!(of(7), [None, Some(0)]);
        assert_eq!(of(8), [Some(0), None]);
    }

    #[test]
    fn rooms_of_a_worker_are_those_of_its_clients() {
        let worker = plan(7, 3, 5);
        let of_clients: Vec<u32> = (7..10).map(|client| worker.room_of(client)).collect();
        let rooms: Vec<u32> = (0..5).filter(|room| worker.is_in(*room)).collect();
        assert_eq!((of_clients, rooms), (vec![2, 3, 4], vec![2, 3, 4]));
        assert!((0..5).all(|room| plan(7, 5, 5).is_in(room)));
    }

    #[test]
    fn open_loop_follows_the_clock() {
        let course = plan(0, 1, 1).course;
        assert_eq!(course.due_us(5), Some(100_000));
        let closed = Course { pace: Pace::InFlight(3), ..course };
        assert_eq!(closed.due_us(5), None);
    }
}
