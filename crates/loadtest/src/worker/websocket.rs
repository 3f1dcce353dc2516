//! A client's WebSocket: the upgrade, and then packets in both directions.

use std::ops::ControlFlow;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use mio::{Registry, Token};
use wire::websocket::{Decoder, Message, Opcode, accept_key, encode_client};

use super::client::Readiness;
use super::desk::Desk;
use super::pipe::Pipe;
use crate::target::Target;

/// The largest message that a client takes.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The largest answer to the HTTP upgrade.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

#[derive(Debug)]
pub(super) struct WebSocket {
    pipe: Pipe,
    decoder: Decoder,
    /// A mask has to be there, not to be good: this side is no browser.
    mask: [u8; 4],
    /// Until the server has changed to WebSocket.
    upgrade: Option<Box<Upgrade>>,
}

#[derive(Debug)]
struct Upgrade {
    accept: String,
    answer: Vec<u8>,
}

impl WebSocket {
    pub(super) fn open(
        target: &Target,
        client: u32,
        registry: &Registry,
        token: Token,
    ) -> anyhow::Result<Self> {
        let mut random = [0; 20];
        getrandom::fill(&mut random).context("no random numbers")?;
        let (key, mask) = random.split_at(16);
        let key = BASE64_STANDARD.encode(key);
        let mut pipe = Pipe::open(target, client, registry, token)?;
        let Target { host, path, .. } = target;
        let request = format!(
            "GET {path}?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        );
        pipe.out().extend_from_slice(request.as_bytes());
        pipe.flush()?;
        let mask = mask.try_into().expect("four bytes are left");
        let upgrade = Box::new(Upgrade { accept: accept_key(&key), answer: Vec::new() });
        let decoder = Decoder::client(MESSAGE_BYTES_MAX);
        Ok(Self { pipe, decoder, mask, upgrade: Some(upgrade) })
    }

    /// Reads and writes what can be; answers whether more may be there to read.
    pub(super) fn ready(
        &mut self,
        readiness: Readiness,
        scratch: &mut [u8],
        desk: &mut Desk<'_>,
    ) -> anyhow::Result<bool> {
        if readiness.is_writable {
            self.pipe.flush()?;
        }
        let Self { pipe, decoder, upgrade, .. } = self;
        if !readiness.is_readable {
            return Ok(false);
        }
        let has_more = pipe.read(scratch, readiness.is_ending, |bytes| match upgrade {
            None => take_in(decoder, bytes, desk),
            Some(pending) => {
                let Some(mut rest) = pending.take_in(bytes)? else { return Ok(()) };
                *upgrade = None;
                take_in(decoder, &mut rest, desk)
            }
        })?;
        self.pipe.flush()?;
        Ok(has_more)
    }

    pub(super) fn push(&mut self, packet: &str) -> anyhow::Result<()> {
        encode_client(Opcode::Text, packet.as_bytes(), self.mask, self.pipe.out());
        self.pipe.flush().map_err(Into::into)
    }

    pub(super) fn pong(&mut self, payload: &[u8]) -> anyhow::Result<()> {
        encode_client(Opcode::Pong, payload, self.mask, self.pipe.out());
        self.pipe.flush().map_err(Into::into)
    }

    pub(super) fn waiting(&self) -> usize {
        self.pipe.waiting()
    }

    /// Says goodbye, if there is room for it; the server will see the end in any case.
    pub(super) fn leave(mut self) {
        encode_client(Opcode::Close, &[], self.mask, self.pipe.out());
        let _no_longer_matters = self.pipe.flush();
    }
}

fn take_in(decoder: &mut Decoder, bytes: &mut [u8], desk: &mut Desk<'_>) -> anyhow::Result<()> {
    // Receivers of the same messages get the same bytes: only the first of them has to read them.
    let is_at_a_start = decoder.buffered() == 0;
    if is_at_a_start && desk.repeat(bytes) {
        return Ok(());
    }
    desk.begin_chunk();
    decoder.feed(bytes, |message| {
        match message {
            Message::Text(packet) => desk.take(packet),
            Message::Ping(payload) => desk.ping(payload),
            Message::Binary(_) | Message::Pong(_) => {}
            Message::Close(code) => desk.end(closed_with(code)),
        }
        if desk.is_over() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if is_at_a_start && decoder.buffered() == 0 {
        desk.keep_chunk(bytes);
    }
    Ok(())
}

impl Upgrade {
    /// What came behind the server's answer, once that is there as a whole.
    fn take_in(&mut self, bytes: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
        self.answer.extend_from_slice(bytes);
        let end = self.answer.windows(4).position(|four| four == b"\r\n\r\n");
        let Some(end) = end else {
            if self.answer.len() > ANSWER_BYTES_MAX {
                bail!("the server's answer to the upgrade is too long");
            }
            return Ok(None);
        };
        let rest = self.answer.split_off(end + 4);
        check_upgrade(&String::from_utf8_lossy(&self.answer), &self.accept)?;
        Ok(Some(rest))
    }
}

fn check_upgrade(answer: &str, accept: &str) -> anyhow::Result<()> {
    let mut lines = answer.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("101") {
        bail!("the server refused the upgrade: {status}");
    }
    let has_accept = lines.filter_map(|line| line.split_once(':')).any(|(name, value)| {
        name.eq_ignore_ascii_case("sec-websocket-accept") && value.trim() == accept
    });
    if !has_accept {
        bail!("the server's answer to the upgrade has no valid Sec-WebSocket-Accept");
    }
    Ok(())
}

fn closed_with(code: Option<u16>) -> String {
    match code {
        Some(code) => format!("the server closed the WebSocket with {code}"),
        None => "the server closed the WebSocket".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upgrade_needs_status_and_accept() {
        let good = "HTTP/1.1 101 Switching Protocols\r\nSEC-WebSocket-accept:  abc= \r\n\r\n";
        check_upgrade(good, "abc=").unwrap();
        let check = |answer: &str, expected: &str| {
            let error = check_upgrade(answer, "abc=").unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(&good.replace("abc=", "abd="), "no valid Sec-WebSocket-Accept");
        check(&good.replace("101 Switching", "503 Busy"), "refused the upgrade: HTTP/1.1 503");
        check("nonsense\r\n\r\n", "refused the upgrade: nonsense");
    }

    #[test]
    fn upgrade_may_come_in_pieces_with_the_first_frame_behind_it() {
        let mut upgrade = Upgrade { accept: "abc=".into(), answer: Vec::new() };
        let answer = b"HTTP/1.1 101 OK\r\nSec-WebSocket-Accept: abc=\r\n\r\nrest";
        let (head, tail) = answer.split_at(40);
        assert_eq!(upgrade.take_in(head).unwrap(), None);
        assert_eq!(upgrade.take_in(tail).unwrap().as_deref(), Some(&b"rest"[..]));
    }
}
