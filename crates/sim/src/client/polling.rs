//! HTTP long-polling as a client has it: one GET at a time, one POST at a time. Now and then an
//! answer is lost on the way, and the same request is made again, as a proxy or a browser does.

use std::{
    io::{ErrorKind, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use super::pipe::Way;
use crate::chance::Chance;

/// Answers that are lost, in a thousand.
const LOST: u64 = 25;

/// What stands between the packets of a payload.
const BETWEEN: char = '\x1e';

/// One session over long-polling.
pub(super) struct Polling {
    path: PathBuf,
    query: String,
    sid: Option<String>,
    get: Option<Exchange>,
    post: Option<Exchange>,
    stamp: u64,
    up: Way<String>,
    unsent: Vec<String>,
    down: Way<String>,
    ended: bool,
    /// Nothing more is asked or sent; what is under way comes to its end.
    rests: bool,
    stalled_until: Duration,
}

impl Polling {
    /// Opens a session; `None` where nobody listens.
    pub(super) fn open(path: &Path, query: &str) -> Option<Self> {
        let mut polling = Self {
            path: path.to_owned(),
            query: query.to_owned(),
            sid: None,
            get: None,
            post: None,
            stamp: 0,
            up: Way::new(),
            unsent: Vec::new(),
            down: Way::new(),
            ended: false,
            rests: false,
            stalled_until: Duration::ZERO,
        };
        polling.get = polling.request("GET", "");
        polling.get.is_some().then_some(polling)
    }

    /// Sends one Engine.IO packet.
    pub(super) fn send(&mut self, packet: &str, now: Duration, chance: &mut Chance) {
        self.up.put(packet.to_owned(), now, chance);
    }

    /// Nothing gets through until a moment.
    pub(super) fn stall(&mut self, until: Duration) {
        self.stalled_until = until;
    }

    /// As with a WebSocket.
    pub(super) fn turn(&mut self, now: Duration, chance: &mut Chance) -> Option<Vec<String>> {
        if now < self.stalled_until {
            return Some(Vec::new());
        }
        while let Some(packet) = self.up.take(now) {
            self.unsent.push(packet);
        }
        self.poll_post();
        self.poll_get(now, chance);
        let mut arrived = Vec::new();
        while let Some(packet) = self.down.take(now) {
            if let Some(open) = packet.strip_prefix('0') {
                let open: serde_json::Value = serde_json::from_str(open).unwrap_or_default();
                self.sid = open["sid"].as_str().map(str::to_owned);
            }
            arrived.push(packet);
        }
        let over = self.ended && self.down.is_empty() && arrived.is_empty();
        (!over).then_some(arrived)
    }

    pub(super) fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Asks and sends no more.
    pub(super) fn rest(&mut self) {
        self.rests = true;
    }

    /// Does so again.
    pub(super) fn go_on(&mut self) {
        self.rests = false;
    }

    /// Whether nothing is under way any more.
    pub(super) fn is_at_rest(&self) -> bool {
        self.rests && self.get.is_none() && self.post.is_none() && self.down.is_empty()
    }

    /// What was not sent yet.
    pub(super) fn into_unsent(self) -> Vec<String> {
        self.unsent.into_iter().chain(self.up.into_rest()).collect()
    }

    fn poll_post(&mut self) {
        match self.post.as_mut().map(Exchange::turn) {
            Some(Outcome::Pending) => return,
            Some(Outcome::Done(body)) if body == "ok" => self.post = None,
            Some(_) => self.ended = true,
            None => {}
        }
        if self.sid.is_some() && !self.unsent.is_empty() && !self.ended && !self.rests {
            let body = std::mem::take(&mut self.unsent).join(&BETWEEN.to_string());
            self.post = self.request("POST", &body);
            self.ended |= self.post.is_none();
        }
    }

    fn poll_get(&mut self, now: Duration, chance: &mut Chance) {
        match self.get.as_mut().map(Exchange::turn) {
            Some(Outcome::Pending) => return,
            Some(Outcome::Done(_)) if self.sid.is_some() && chance.per_mille(LOST) => {
                self.get = self.get.take().and_then(|lost| lost.again(&self.path));
                self.ended |= self.get.is_none();
                return;
            }
            Some(Outcome::Done(body)) => {
                self.get = None;
                for packet in body.split(BETWEEN) {
                    self.down.put(packet.to_owned(), now, chance);
                }
            }
            Some(Outcome::Broken) => self.ended = true,
            None => {}
        }
        if self.sid.is_some() && !self.ended && !self.rests && self.get.is_none() {
            self.stamp += 1;
            self.get = self.request("GET", "");
            self.ended |= self.get.is_none();
        }
    }

    fn request(&self, method: &str, body: &str) -> Option<Exchange> {
        let sid = self.sid.as_ref().map_or(String::new(), |sid| format!("&sid={sid}"));
        let (query, stamp) = (&self.query, self.stamp);
        let text = format!(
            "{method} /socket.io/?EIO=4&transport=polling&t=s{stamp}{query}{sid} HTTP/1.1\r\n\
             Host: sim\r\nContent-Type: text/plain;charset=UTF-8\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Exchange::begin(&self.path, text.into_bytes())
    }
}

/// One request and its answer, on a connection of its own.
struct Exchange {
    stream: UnixStream,
    request: Vec<u8>,
    written: usize,
    answer: Vec<u8>,
}

enum Outcome {
    Pending,
    Done(String),
    Broken,
}

impl Exchange {
    fn begin(path: &Path, request: Vec<u8>) -> Option<Self> {
        let stream = UnixStream::connect(path).ok()?;
        stream.set_nonblocking(true).ok()?;
        Some(Self { stream, request, written: 0, answer: Vec::new() })
    }

    fn again(self, path: &Path) -> Option<Self> {
        Self::begin(path, self.request)
    }

    fn turn(&mut self) -> Outcome {
        while self.written < self.request.len() {
            match self.stream.write(&self.request[self.written..]) {
                Ok(written) => self.written += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Outcome::Pending,
                Err(_) => return Outcome::Broken,
            }
        }
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return self.whole().unwrap_or(Outcome::Broken),
                Ok(read) => self.answer.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return self.whole().unwrap_or(Outcome::Pending);
                }
                Err(_) => return Outcome::Broken,
            }
        }
    }

    /// The answer, once all of it is there.
    fn whole(&self) -> Option<Outcome> {
        let end = self.answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&self.answer[..end]).to_lowercase();
        let length = head.split("\r\n").find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.and_then(|length| length.trim().parse().ok())?;
        let body = self.answer.get(end..end + length)?;
        if !head.starts_with("http/1.1 200") {
            return Some(Outcome::Broken);
        }
        Some(Outcome::Done(String::from_utf8_lossy(body).into_owned()))
    }
}
