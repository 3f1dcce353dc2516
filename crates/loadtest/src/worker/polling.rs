//! A client's session over HTTP long-polling: one connection that polls without pause, and one for
//! what the client says.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use mio::{Registry, Token};
use serde::Deserialize;

use super::client::Readiness;
use super::desk::Desk;
use super::pipe::Pipe;
use crate::target::Target;

/// The largest response that a client takes, with its head.
const RESPONSE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What stands between packets in a body.
const SEPARATOR: char = '\x1e';

#[derive(Debug)]
pub(super) struct Polling {
    registry: Arc<Registry>,
    target: Target,
    client: u32,
    slot: usize,
    sid: String,
    /// Tells requests apart, so that a response is never taken for another's.
    requests: u64,
    polls: Pipe,
    polled: Response,
    posts: Option<Pipe>,
    posted: Response,
    /// Packets that wait for the next POST, as its body.
    waiting: String,
    is_posting: bool,
}

/// A response that has not come as a whole yet.
#[derive(Debug, Default)]
struct Response(Vec<u8>);

/// The token of a client's first or second connection.
pub(super) fn token(slot: usize, side: usize) -> Token {
    Token(slot * 2 + side)
}

impl Polling {
    pub(super) fn open(
        target: &Target,
        client: u32,
        registry: &Arc<Registry>,
        slot: usize,
    ) -> anyhow::Result<Self> {
        let mut polling = Self {
            registry: Arc::clone(registry),
            target: target.clone(),
            client,
            slot,
            sid: String::new(),
            requests: 0,
            polls: Pipe::open(target, client, registry, token(slot, 0))?,
            polled: Response::default(),
            posts: None,
            posted: Response::default(),
            waiting: String::new(),
            is_posting: false,
        };
        polling.poll()?;
        Ok(polling)
    }

    /// The session is open; polls from now on.
    pub(super) fn opened(&mut self, handshake: &str) -> anyhow::Result<()> {
        #[derive(Deserialize)]
        struct Handshake {
            sid: String,
        }
        let handshake: Handshake =
            serde_json::from_str(handshake).context("a handshake without a session")?;
        if handshake.sid.bytes().any(|byte| byte <= b' ' || b"&#%".contains(&byte)) {
            bail!("a session id that doesn't fit into a URL");
        }
        self.sid = handshake.sid;
        self.poll()
    }

    /// Reads and writes what can be on one of the two connections.
    pub(super) fn ready(
        &mut self,
        side: usize,
        readiness: Readiness,
        scratch: &mut [u8],
        desk: &mut Desk<'_>,
    ) -> anyhow::Result<bool> {
        if side == 0 {
            self.ready_polls(readiness, scratch, desk)
        } else {
            self.ready_posts(readiness, scratch)
        }
    }

    fn ready_polls(
        &mut self,
        readiness: Readiness,
        scratch: &mut [u8],
        desk: &mut Desk<'_>,
    ) -> anyhow::Result<bool> {
        self.polls.flush()?;
        if !readiness.is_readable {
            return Ok(false);
        }
        let mut has_response = false;
        let polled = &mut self.polled;
        let has_more = self.polls.read(scratch, readiness.is_ending, |bytes| {
            has_response |= polled.take_in(bytes, |body| take_payload(body, desk))?;
            Ok(())
        })?;
        // The handshake has to be read before the session can be polled.
        if has_response && !self.sid.is_empty() && !desk.is_over() {
            self.poll()?;
        }
        Ok(has_more)
    }

    fn ready_posts(&mut self, readiness: Readiness, scratch: &mut [u8]) -> anyhow::Result<bool> {
        let Some(posts) = &mut self.posts else { return Ok(false) };
        posts.flush()?;
        if !readiness.is_readable {
            return Ok(false);
        }
        let (posted, is_posting) = (&mut self.posted, &mut self.is_posting);
        let read = posts.read(scratch, readiness.is_ending, |bytes| {
            if posted.take_in(bytes, |_| Ok(()))? {
                *is_posting = false;
            }
            Ok(())
        });
        match read {
            // A connection that nobody needs may be closed; the next POST opens another one.
            Err(_) if !self.is_posting && self.posted.0.is_empty() => self.posts = None,
            other => drop(other?),
        }
        self.post()?;
        Ok(false)
    }

    pub(super) fn push(&mut self, packet: &str) -> anyhow::Result<()> {
        if !self.waiting.is_empty() {
            self.waiting.push(SEPARATOR);
        }
        self.waiting.push_str(packet);
        self.post()
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len() + self.posts.as_ref().map_or(0, Pipe::waiting)
    }

    /// Says goodbye, if there is room for it.
    pub(super) fn leave(mut self) {
        self.is_posting = false;
        let _no_longer_matters = self.push("1");
    }

    fn poll(&mut self) -> anyhow::Result<()> {
        let head = self.head("GET");
        let out = self.polls.out();
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(b"\r\n");
        Ok(self.polls.flush()?)
    }

    fn post(&mut self) -> anyhow::Result<()> {
        if self.is_posting || self.waiting.is_empty() || self.sid.is_empty() {
            return Ok(());
        }
        let head = self.head("POST");
        let body = std::mem::take(&mut self.waiting);
        let posts = match &mut self.posts {
            Some(posts) => posts,
            none => {
                let token = token(self.slot, 1);
                none.insert(Pipe::open(&self.target, self.client, &self.registry, token)?)
            }
        };
        let length = body.len();
        let rest =
            format!("Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {length}\r\n\r\n");
        for part in [&head, &rest, &body] {
            posts.out().extend_from_slice(part.as_bytes());
        }
        self.is_posting = true;
        Ok(posts.flush()?)
    }

    fn head(&mut self, method: &str) -> String {
        let Target { path, host, .. } = &self.target;
        self.requests += 1;
        let mut head = format!("{method} {path}?EIO=4&transport=polling&t=b{:x}", self.requests);
        if !self.sid.is_empty() {
            write!(head, "&sid={}", self.sid).expect("memory can be written");
        }
        write!(head, " HTTP/1.1\r\nHost: {host}\r\n").expect("memory can be written");
        head
    }
}

fn take_payload(body: &[u8], desk: &mut Desk<'_>) -> anyhow::Result<()> {
    let body = std::str::from_utf8(body).context("a response that is no text")?;
    desk.begin_chunk();
    for packet in body.split(SEPARATOR).filter(|packet| !packet.starts_with('b')) {
        desk.take(packet);
        if desk.is_over() {
            break;
        }
    }
    Ok(())
}

impl Response {
    /// Takes in what came; hands on the body, and answers so, when it is there as a whole.
    fn take_in(
        &mut self,
        bytes: &[u8],
        mut on: impl FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<bool> {
        if self.0.is_empty()
            && let Some(body) = body_of(bytes)?
        {
            on(&bytes[body])?;
            return Ok(true);
        }
        self.0.extend_from_slice(bytes);
        if self.0.len() > RESPONSE_BYTES_MAX {
            bail!("a response of more than {RESPONSE_BYTES_MAX} bytes");
        }
        let Some(body) = body_of(&self.0)? else { return Ok(false) };
        let whole = std::mem::take(&mut self.0);
        on(&whole[body])?;
        Ok(true)
    }
}

/// Where the body of a response is, once it is there as a whole.
fn body_of(bytes: &[u8]) -> anyhow::Result<Option<Range<usize>>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    let length = lines.filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
    });
    let length = length.context("a response without Content-Length")??;
    let body = end + 4..(end + 4).saturating_add(length);
    if bytes.len() < body.end {
        return Ok(None);
    }
    if status.split(' ').nth(1) != Some("200") {
        let body = String::from_utf8_lossy(&bytes[body]);
        bail!("the server refused a request: {status}: {body:.80}");
    }
    Ok(Some(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n40{}x";

    #[test]
    fn response_may_come_in_pieces() {
        for at in 0..=OK.len() {
            let mut response = Response::default();
            let mut bodies = Vec::new();
            let (head, tail) = OK.as_bytes().split_at(at);
            for part in [head, tail].into_iter().filter(|part| !part.is_empty()) {
                let on = |body: &[u8]| {
                    bodies.push(body.to_vec());
                    Ok(())
                };
                response.take_in(part, on).unwrap();
            }
            assert_eq!(bodies, [b"40{}x"], "split at {at}");
            assert!(response.0.is_empty());
        }
    }

    #[test]
    fn refusal_and_missing_length_are_errors() {
        let refused = OK.replace("200 OK", "400 Bad Request");
        let error = body_of(refused.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("HTTP/1.1 400 Bad Request: 40{}x"), "{error}");
        let endless = OK.replace("content-length", "x");
        assert!(body_of(endless.as_bytes()).is_err());
    }
}
