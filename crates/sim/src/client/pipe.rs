//! A WebSocket as a client has it: a real socket to the instance, with a delay in both
//! directions. What is still under way when it is cut is lost.

use std::{
    collections::VecDeque,
    io::{ErrorKind, Read, Write},
    ops::ControlFlow,
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use wire::websocket::{Decoder, Message, Opcode, encode_client};

use crate::chance::Chance;

/// The largest message that a client takes.
const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// Longest way in one direction, in milliseconds.
const WAY_MAX: u64 = 12;

/// One WebSocket.
pub(super) struct Pipe {
    stream: UnixStream,
    /// The answer to the upgrade, while it isn't whole.
    answer: Option<Vec<u8>>,
    decoder: Decoder,
    up: Way<Vec<u8>>,
    down: Way<String>,
    unwritten: Vec<u8>,
    /// The other side, or an error, has ended it.
    ended: bool,
    /// Nothing gets through until then.
    stalled_until: Duration,
}

/// Things that arrive later, in order.
pub(super) struct Way<T> {
    under_way: VecDeque<(Duration, T)>,
    newest: Duration,
}

impl<T> Way<T> {
    pub(super) fn new() -> Self {
        Self { under_way: VecDeque::new(), newest: Duration::ZERO }
    }

    pub(super) fn put(&mut self, what: T, now: Duration, chance: &mut Chance) {
        self.newest = self.newest.max(now + chance.millis(0, WAY_MAX));
        self.under_way.push_back((self.newest, what));
    }

    pub(super) fn take(&mut self, now: Duration) -> Option<T> {
        self.under_way.pop_front_if(|(moment, _)| *moment <= now).map(|(_, what)| what)
    }

    pub(super) fn into_rest(self) -> impl Iterator<Item = T> {
        self.under_way.into_iter().map(|(_, what)| what)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }
}

impl Pipe {
    /// Asks an instance for a WebSocket; `None` where nobody listens.
    pub(super) fn open(path: &Path, query: &str) -> Option<Self> {
        let stream = UnixStream::connect(path).ok()?;
        stream.set_nonblocking(true).ok()?;
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket{query} HTTP/1.1\r\nHost: sim\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        );
        Some(Self {
            stream,
            answer: Some(Vec::new()),
            decoder: Decoder::client(MESSAGE_BYTES_MAX),
            up: Way::new(),
            down: Way::new(),
            unwritten: request.into_bytes(),
            ended: false,
            stalled_until: Duration::ZERO,
        })
    }

    /// Sends one Engine.IO packet.
    pub(super) fn send(&mut self, packet: &str, now: Duration, chance: &mut Chance) {
        let mut frame = Vec::new();
        encode_client(Opcode::Text, packet.as_bytes(), [7, 7, 7, 7], &mut frame);
        self.up.put(frame, now, chance);
    }

    /// Nothing gets through until a moment.
    pub(super) fn stall(&mut self, until: Duration) {
        self.stalled_until = until;
    }

    /// Moves what is due in both directions and gives the packets that have arrived; `None` when
    /// it has ended and everything was given.
    pub(super) fn turn(&mut self, now: Duration, chance: &mut Chance) -> Option<Vec<String>> {
        if now < self.stalled_until {
            return Some(Vec::new());
        }
        if self.answer.is_none() {
            while let Some(frame) = self.up.take(now) {
                self.unwritten.extend(frame);
            }
        }
        self.write();
        self.read(now, chance);
        let mut arrived = Vec::new();
        while let Some(packet) = self.down.take(now) {
            arrived.push(packet);
        }
        let over = self.ended && self.down.is_empty() && arrived.is_empty();
        (!over).then_some(arrived)
    }

    fn write(&mut self) {
        while !self.unwritten.is_empty() && !self.ended {
            match self.stream.write(&self.unwritten) {
                Ok(written) => drop(self.unwritten.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => self.ended = true,
            }
        }
    }

    fn read(&mut self, now: Duration, chance: &mut Chance) {
        let mut buffer = [0; 16 * 1024];
        while !self.ended {
            match self.stream.read(&mut buffer) {
                Ok(0) => self.ended = true,
                Ok(read) => self.take_in(&mut buffer[..read], now, chance),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => self.ended = true,
            }
        }
    }

    fn take_in(&mut self, bytes: &mut [u8], now: Duration, chance: &mut Chance) {
        let Some(answer) = &mut self.answer else { return self.decode(bytes, now, chance) };
        answer.extend_from_slice(bytes);
        let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return };
        let mut rest = answer.split_off(end + 4);
        self.ended = !answer.starts_with(b"HTTP/1.1 101");
        self.answer = None;
        self.decode(&mut rest, now, chance);
    }

    fn decode(&mut self, bytes: &mut [u8], now: Duration, chance: &mut Chance) {
        let Self { decoder, down, ended, .. } = self;
        let decoded = decoder.feed(bytes, |message| {
            match message {
                Message::Text(text) => down.put(text.to_owned(), now, chance),
                Message::Close(_) => *ended = true,
                _ => {}
            }
            ControlFlow::Continue(())
        });
        self.ended |= decoded.is_err();
    }
}
