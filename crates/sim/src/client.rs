//! Clients: state machines without a runtime. They talk to the instances over real sockets, know
//! what they should see, and compare every single thing with what the log ever held.

mod palabre;
mod pipe;
mod polling;
mod room;
mod session;
mod stock;
mod tally;
mod upgrade;

use std::{path::PathBuf, time::Duration};

pub(crate) use palabre::Palabre;
pub(crate) use stock::Stock;
pub use tally::Tally;

use crate::{broker::SharedWorld, chance::Chance};

/// What a client is told of at its turn.
pub(crate) struct Turn<'a> {
    pub(crate) now: Duration,
    pub(crate) world: &'a SharedWorld,
    /// Where instances can be reached.
    pub(crate) paths: &'a [PathBuf],
    /// Whether it should still say something of its own accord.
    pub(crate) busy: bool,
}

/// How a client's connection is disturbed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Disturbance {
    /// It ends at once, for both sides.
    Cut,
    /// It goes silent: the client comes back while the server still believes in it.
    Silence,
    /// It goes silent, and what the client had sent arrives much later.
    Delay,
    /// Nothing gets through for a while; the connection goes on.
    Pause,
}

/// Either kind of client.
pub(crate) enum Client {
    Palabre(Box<Palabre>),
    Stock(Box<Stock>),
}

impl Client {
    pub(crate) fn turn(&mut self, turn: &Turn<'_>) {
        match self {
            Self::Palabre(client) => client.turn(turn),
            Self::Stock(client) => client.turn(turn),
        }
    }

    pub(crate) fn disturb(&mut self, how: Disturbance, now: Duration, chance: &mut Chance) {
        let (session, back_at) = match self {
            Self::Palabre(client) => (&mut client.session, &mut client.back_at),
            Self::Stock(client) => (&mut client.session, &mut client.back_at),
        };
        session.disturb(how);
        let longest = *chance.pick(&[500, 500, 6_000]);
        *back_at = now + chance.millis(0, longest);
    }

    /// What is still missing for it to be content; `None` where nothing is.
    pub(crate) fn wants(&self, world: &SharedWorld) -> Option<String> {
        match self {
            Self::Palabre(client) => client.wants(world),
            Self::Stock(client) => client.wants(world),
        }
    }

    /// Whether it is in a room now.
    pub(crate) fn is_in(&self, room: &str) -> bool {
        match self {
            Self::Palabre(client) => client.is_in(room),
            Self::Stock(client) => client.is_connected() && room == stock::LOBBY,
        }
    }

    pub(crate) fn tally(&self) -> Tally {
        let (tally, session) = match self {
            Self::Palabre(client) => (client.tally, &client.session),
            Self::Stock(client) => (client.tally, &client.session),
        };
        Tally { upgraded: session.upgraded(), ..tally }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Palabre(client) => &client.name,
            Self::Stock(client) => &client.name,
        }
    }
}
