//! One client: its connection, how far it is, and what it has to send.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use mio::Registry;

use super::desk::{Desk, Reply};
use super::link::Link;
use super::score::Score;
use crate::ledger::Receiver;
use crate::packet::Arrival;
use crate::plan::Plan;

/// Bytes that may wait to be written before a sender holds back its next message.
const WAITING_BYTES_MAX: usize = 1024 * 1024;

#[derive(Debug)]
pub(super) struct Client {
    pub(super) number: u32,
    pub(super) receiver: Receiver,
    pub(super) stage: Stage,
    /// How often it has come.
    pub(super) life: u32,
    link: Option<Link>,
    /// Messages that wait until the connection takes them.
    held: VecDeque<Arrival>,
}

/// How far a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not connected, or not yet.
    Outside,
    /// Connected, and in its room.
    In,
    /// Failed, or gone.
    Gone,
}

/// What can be done with a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Readiness {
    pub(super) is_readable: bool,
    pub(super) is_writable: bool,
    /// The peer has announced the end, so that this must be read up to it.
    pub(super) is_ending: bool,
}

impl Readiness {
    pub(super) fn of(event: &mio::event::Event) -> Self {
        let is_ending = event.is_read_closed() || event.is_error();
        let is_readable = event.is_readable() || is_ending;
        Self { is_readable, is_writable: event.is_writable(), is_ending }
    }

    /// More to read was left behind.
    pub(super) const MORE: Self = Self { is_readable: true, is_writable: false, is_ending: true };
}

/// What came of looking at a connection.
pub(super) struct Look {
    /// There may be more to read at once.
    pub(super) has_more: bool,
    /// It has just come in.
    pub(super) has_entered: bool,
}

impl Client {
    pub(super) fn new(number: u32, receiver: Receiver) -> Self {
        Self { number, receiver, stage: Stage::Outside, life: 0, link: None, held: VecDeque::new() }
    }

    /// Begins to connect.
    pub(super) fn open(
        &mut self,
        plan: &Plan,
        registry: &Arc<Registry>,
        slot: usize,
    ) -> anyhow::Result<()> {
        let target = &plan.targets[self.number as usize % plan.targets.len()];
        self.life += 1;
        self.stage = Stage::Outside;
        self.link = Some(Link::open(plan.transport, target, self.number, registry, slot)?);
        Ok(())
    }

    /// Reads and writes what can be.
    pub(super) fn look(
        &mut self,
        side: usize,
        readiness: Readiness,
        scratch: &mut [u8],
        score: &mut Score,
        now_us: u64,
    ) -> anyhow::Result<Look> {
        let Some(link) = &mut self.link else {
            return Ok(Look { has_more: false, has_entered: false });
        };
        let before = self.stage;
        let mut replies = Vec::new();
        let mut desk = Desk {
            score,
            receiver: &mut self.receiver,
            stage: &mut self.stage,
            replies: &mut replies,
            now_us,
            end: None,
        };
        let read = link.ready(side, readiness, scratch, &mut desk);
        if let Some(why) = desk.end {
            anyhow::bail!(why);
        }
        let has_more = read?;
        for reply in replies {
            match reply {
                Reply::Packet(packet) => link.push(&packet)?,
                Reply::Pong(payload) => link.pong(&payload)?,
                Reply::Opened(handshake) => {
                    link.opened(&handshake)?;
                    link.push(score.phrase.connect())?;
                }
            }
        }
        if !self.held.is_empty() {
            self.send_held(score, now_us)?;
        }
        let has_entered = before == Stage::Outside && self.stage == Stage::In;
        Ok(Look { has_more, has_entered })
    }

    /// Sends a message, or keeps it until the connection takes it.
    pub(super) fn send(
        &mut self,
        message: Arrival,
        score: &mut Score,
        now_us: u64,
    ) -> anyhow::Result<()> {
        self.held.push_back(message);
        self.send_held(score, now_us)
    }

    fn send_held(&mut self, score: &mut Score, now_us: u64) -> anyhow::Result<()> {
        let Some(link) = &mut self.link else { return Ok(()) };
        while link.waiting() < WAITING_BYTES_MAX
            && let Some(message) = self.held.pop_front()
        {
            score.note_sent(message, now_us);
            link.push(&score.phrase.packet(message, self.receiver.room()))?;
        }
        Ok(())
    }

    /// Closes the connection without a word.
    pub(super) fn drop_link(&mut self) -> VecDeque<Arrival> {
        self.link = None;
        mem::take(&mut self.held)
    }

    /// Closes the connection as a client that goes.
    pub(super) fn leave(&mut self) {
        if let Some(link) = self.link.take() {
            link.leave();
        }
    }
}
