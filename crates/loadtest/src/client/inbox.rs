//! What a client does with the messages that it gets, and what it has to send.

use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use anyhow::bail;
use tokio::net::TcpStream;
use tokio::time::Instant;
use wire::websocket::{Message, Opcode, encode_client};

use super::OUTGOING_BYTES_MAX;
use crate::ledger::{Fate, Receiver};
use crate::packet::{Incoming, Verdict};
use crate::run::{Counts, Run};

#[derive(Debug, Default)]
pub(super) struct Inbox {
    pub(super) receiver: Receiver,
    connected: bool,
}

/// One read's worth of messages.
pub(super) struct Arrivals<'a> {
    inbox: &'a mut Inbox,
    run: &'a Run,
    outgoing: &'a mut Outgoing,
    now: Instant,
    /// How long they took, in microseconds.
    deliveries: Vec<u64>,
    answers: Vec<u64>,
    end: Option<String>,
}

impl Inbox {
    pub(super) fn is_connected(&self) -> bool {
        self.connected
    }

    pub(super) fn arrivals<'a>(
        &'a mut self,
        run: &'a Run,
        outgoing: &'a mut Outgoing,
    ) -> Arrivals<'a> {
        let (now, deliveries, answers) = (Instant::now(), Vec::new(), Vec::new());
        Arrivals { inbox: self, run, outgoing, now, deliveries, answers, end: None }
    }
}

impl Arrivals<'_> {
    pub(super) fn take(&mut self, message: Message<'_>) -> ControlFlow<()> {
        match message {
            Message::Text(packet) => self.take_packet(packet),
            Message::Ping(payload) => self.outgoing.push(Opcode::Pong, payload),
            Message::Binary(_) | Message::Pong(_) => {}
            Message::Close(code) => self.end = Some(closed_with(code)),
        }
        if self.end.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn take_packet(&mut self, packet: &str) {
        match self.run.phrase.read(packet) {
            Incoming::Message(number) => {
                if self.inbox.receiver.take(number, &self.run.ledger) {
                    self.deliveries.push(self.run.since_due(number, self.now));
                }
            }
            Incoming::Stranger => Counts::add(&self.run.counts.strangers, 1),
            Incoming::Answer(number, verdict) => self.take_answer(number, verdict),
            Incoming::Ping(data) => {
                self.outgoing.push(Opcode::Text, format!("3{data}").as_bytes());
            }
            Incoming::Open => self.outgoing.push(Opcode::Text, b"40"),
            Incoming::Connected => self.inbox.connected = true,
            Incoming::Other => {}
            Incoming::End(why) => self.end = Some(why.into_owned()),
        }
    }

    fn take_answer(&mut self, number: u32, verdict: Verdict) {
        let fate = match &verdict {
            Verdict::Acknowledged => Fate::Acknowledged,
            Verdict::Refused(_) => Fate::Refused,
        };
        if !self.run.ledger.note(number, fate) {
            return;
        }
        Counts::add(&self.run.counts.answered, 1);
        self.answers.push(self.run.since_due(number, self.now));
        if let Verdict::Refused(code) = verdict {
            *self.run.refusals.lock().entry(code).or_default() += 1;
        }
    }

    /// Adds up what came.
    pub(super) fn finish(self, client: u32) -> anyhow::Result<()> {
        if !self.deliveries.is_empty() || !self.answers.is_empty() {
            let counts = &self.run.counts;
            Counts::add(&counts.received, self.deliveries.len() as u64);
            counts.last_us.fetch_max(self.run.since_due(0, self.now), Ordering::Relaxed);
            let mut times = self.run.meter.of(client);
            for took in self.deliveries {
                times.delivery.saturating_record(took);
            }
            for took in self.answers {
                times.answer.saturating_record(took);
            }
        }
        match self.end {
            Some(why) => bail!(why),
            None => Ok(()),
        }
    }
}

/// Bytes that wait to be written; none held while there are none.
#[derive(Debug)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    /// A mask has to be there, not to be good: this side is no browser.
    mask: [u8; 4],
}

impl Outgoing {
    pub(super) fn new(mask: [u8; 4]) -> Self {
        Self { bytes: Vec::new(), mask }
    }

    pub(super) fn push(&mut self, opcode: Opcode, payload: &[u8]) {
        encode_client(opcode, payload, self.mask, &mut self.bytes);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() > OUTGOING_BYTES_MAX
    }

    pub(super) fn write_to(&mut self, stream: &TcpStream) -> io::Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        match stream.try_write(&self.bytes) {
            Ok(written) if written == self.bytes.len() => self.bytes = Vec::new(),
            Ok(written) => drop(self.bytes.drain(..written)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn closed_with(code: Option<u16>) -> String {
    match code {
        Some(code) => format!("the server closed the WebSocket with {code}"),
        None => "the server closed the WebSocket".to_owned(),
    }
}
