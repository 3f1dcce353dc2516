//! What a client does with the packets that it gets.

use super::client::Stage;
use super::score::Score;
use crate::ledger::Receiver;
use crate::packet::{Incoming, JOIN, Verdict};

/// Where one client's packets are taken in, for one read.
pub(super) struct Desk<'a> {
    pub(super) score: &'a mut Score,
    pub(super) receiver: &'a mut Receiver,
    pub(super) stage: &'a mut Stage,
    pub(super) replies: &'a mut Vec<Reply>,
    /// When it was read, in microseconds from the start.
    pub(super) now_us: u64,
    pub(super) end: Option<String>,
}

/// What is to be sent in return.
#[derive(Debug)]
pub(super) enum Reply {
    Packet(String),
    /// A WebSocket's pong.
    Pong(Vec<u8>),
    /// The session is open: its handshake.
    Opened(String),
}

impl Desk<'_> {
    /// Takes the same bytes as somebody before, if they are the same.
    pub(super) fn repeat(&mut self, bytes: &[u8]) -> bool {
        self.score.repeat(bytes, self.receiver, self.now_us)
    }

    pub(super) fn begin_chunk(&mut self) {
        self.score.chunk.begin();
    }

    pub(super) fn keep_chunk(&mut self, bytes: &[u8]) {
        self.score.chunk.keep(bytes);
    }

    pub(super) fn take(&mut self, packet: &str) {
        match self.score.phrase.read(packet) {
            Incoming::Message(arrival) => {
                self.score.chunk.add(arrival);
                self.score.arrive(arrival, self.receiver, self.now_us);
                return;
            }
            Incoming::Stranger => self.score.strangers += 1,
            Incoming::Answer(JOIN, Verdict::Acknowledged) => *self.stage = Stage::In,
            Incoming::Answer(JOIN, Verdict::Refused(code)) => {
                self.end(format!("the room was refused: {code}"));
            }
            Incoming::Answer(number, verdict) => self.score.answer(number, verdict, self.now_us),
            Incoming::Ping(payload) => self.replies.push(Reply::Packet(format!("3{payload}"))),
            Incoming::Open(handshake) => self.replies.push(Reply::Opened(handshake.to_owned())),
            Incoming::Connected => match self.score.phrase.join(self.receiver.room()) {
                Some(join) => self.replies.push(Reply::Packet(join)),
                None => *self.stage = Stage::In,
            },
            Incoming::Other => {}
            Incoming::End(why) => self.end = Some(why.into_owned()),
        }
        self.score.chunk.spoil();
    }

    pub(super) fn ping(&mut self, payload: &[u8]) {
        self.replies.push(Reply::Pong(payload.to_vec()));
        self.score.chunk.spoil();
    }

    pub(super) fn end(&mut self, why: String) {
        self.end = Some(why);
        self.score.chunk.spoil();
    }

    pub(super) fn is_over(&self) -> bool {
        self.end.is_some()
    }
}
