//! The short way in for what nearly every connection begins with: one request that opens a session
//! over a WebSocket, whole in the first bytes, with nothing unusual in it.
//!
//! It is answered without the HTTP library, whose state would be made and dropped again at once.
//! Everything else, every refusal too, is left to the library, which is given the bytes that were
//! read.

use std::io::ErrorKind;
use std::net::IpAddr;
use std::str::from_utf8;
use std::sync::Arc;

use bytes::Bytes;
use httparse::{EMPTY_HEADER, Status};
use hub::Stream;
use wire::engine::Query;
use wire::websocket::accept_key;

use super::upgrade::{self, Upgrade};
use super::{is_engine_path, remember};
use crate::core::Core;
use crate::handshake::USUAL_QUERY;
use crate::{Config, scratch};

/// A browser's request is half as long.
const HEAD_BYTES_MAX: usize = 2 * 1024;

const HEADERS_MAX: usize = 32;

/// A request for a session over a WebSocket, borrowed from the bytes that it came in.
#[derive(Debug, PartialEq, Eq)]
struct Opening<'a> {
    path: &'a str,
    query: &'a str,
    key: &'a str,
    origin: Option<&'a str>,
    /// How many bytes it was.
    length: usize,
}

/// How a connection began.
pub(crate) enum First {
    /// With a request of the usual kind, which is still to be answered.
    Usual {
        /// What it becomes.
        upgrade: Upgrade,
        /// What came behind the request.
        early: Vec<u8>,
    },
    /// With something else: these bytes, where any could be read.
    Other(Bytes),
}

/// Reads the first request of a connection; nothing where nothing has come yet.
pub(crate) fn open(core: &Arc<Core>, stream: &Stream, peer: Option<IpAddr>) -> Option<First> {
    scratch::with(|scratch| {
        let length = match stream.try_read(&mut scratch[..HEAD_BYTES_MAX]) {
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
            // It shows again to whoever reads next.
            Err(_) => 0,
        };
        let bytes = &scratch[..length];
        Some(match upgrade_of(core, bytes, peer) {
            Some((upgrade, used)) => First::Usual { upgrade, early: bytes[used..].to_vec() },
            None => First::Other(Bytes::copy_from_slice(bytes)),
        })
    })
}

/// What the usual request asks for, and how many bytes it was.
fn upgrade_of(core: &Arc<Core>, bytes: &[u8], peer: Option<IpAddr>) -> Option<(Upgrade, usize)> {
    let opening = Opening::read(bytes, &core.config)?;
    if core.site.claims(opening.path) {
        return None;
    }
    if opening.query != USUAL_QUERY {
        let query = Query::parse(opening.query);
        // Clients that can't take binary frames are few.
        if query.sid.is_some() || query.b64 || query.handshake(true, true).is_err() {
            return None;
        }
    }
    let place = core.sessions.reserve()?;
    let handshake = remember(opening.query, opening.origin, peer);
    let accept = Some(accept_key(opening.key));
    Some((Upgrade::Open { place, handshake, b64: false, accept }, opening.length))
}

impl<'a> Opening<'a> {
    fn read(bytes: &'a [u8], config: &Config) -> Option<Self> {
        let mut headers = [EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut headers);
        let Ok(Status::Complete(length)) = request.parse(bytes) else { return None };
        let fits = length <= config.header_bytes_max && request.headers.len() <= config.headers_max;
        let is_plain_get = request.method == Some("GET") && request.version == Some(1);
        if !fits || !is_plain_get || config.cors.is_on() {
            return None;
        }
        let (path, query) = request.path?.split_once('?')?;
        let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~%=&".contains(&byte);
        let is_plain = |part: &str| part == USUAL_QUERY || part.bytes().all(is_usual);
        if !is_plain(path) || !is_plain(query) || !is_engine_path(&config.path, path) {
            return None;
        }
        let mut wanted = Wanted::default();
        for header in request.headers.iter() {
            wanted.note(header.name, header.value)?;
        }
        let (key, origin) = (wanted.key?, wanted.origin);
        (wanted.connection && wanted.upgrade && wanted.version).then_some(Self {
            path,
            query,
            key,
            origin,
            length,
        })
    }
}

/// What the headers say, each of them at most once.
#[derive(Default)]
struct Wanted<'a> {
    connection: bool,
    upgrade: bool,
    version: bool,
    key: Option<&'a str>,
    origin: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    /// `None` where a header isn't as it usually is.
    fn note(&mut self, name: &str, value: &'a [u8]) -> Option<()> {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        let text = || from_utf8(value).ok().filter(|text| text.bytes().all(is_visible));
        // Most lists are of one.
        let names = |token: &str| {
            let is_all = value.eq_ignore_ascii_case(token.as_bytes());
            Some(is_all || upgrade::names_token(text()?, token))
        };
        if is("connection") {
            let is_it = names("upgrade")?;
            return (is_it && !std::mem::replace(&mut self.connection, true)).then_some(());
        }
        if is("upgrade") {
            let is_it = names("websocket")?;
            return (is_it && !std::mem::replace(&mut self.upgrade, true)).then_some(());
        }
        if is("sec-websocket-version") {
            return (value == b"13" && !std::mem::replace(&mut self.version, true)).then_some(());
        }
        if is("sec-websocket-key") {
            let key = text().filter(|key| upgrade::is_key(key))?;
            return self.key.replace(key).is_none().then_some(());
        }
        if is("origin") {
            return self.origin.replace(text()?).is_none().then_some(());
        }
        let brings_a_body = is("content-length") || is("transfer-encoding") || is("expect");
        (!brings_a_body).then_some(())
    }
}

fn is_visible(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: &str = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n\
        Host: example.org\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Origin: https://example.org\r\n\r\n";

    fn is_read(request: &str) -> bool {
        Opening::read(request.as_bytes(), &Config::default()).is_some()
    }

    #[test]
    fn the_usual_request_is_read_and_what_follows_it_is_not_touched() {
        let with_more = format!("{USUAL}more");
        let opening = Opening::read(with_more.as_bytes(), &Config::default()).unwrap();
        let expected = Opening {
            path: "/socket.io/",
            query: "EIO=4&transport=websocket",
            key: "dGhlIHNhbXBsZSBub25jZQ==",
            origin: Some("https://example.org"),
            length: USUAL.len(),
        };
        assert_eq!(opening, expected);
        for cut in 0..USUAL.len() {
            assert!(!is_read(&USUAL[..cut]), "cut at {cut}");
        }
    }

    #[test]
    fn whatever_is_unusual_is_left_to_the_library() {
        let with = |from: &str, to: &str| {
            assert!(USUAL.contains(from), "{from}");
            USUAL.replace(from, to)
        };
        for request in [
            with("GET", "POST"),
            with("HTTP/1.1", "HTTP/1.0"),
            with("/socket.io/?", "/other/?"),
            with("/socket.io/?", "/socket.io/"),
            with("EIO=4", "EIO=4&name=\u{e9}"),
            with("EIO=4", "EIO=4&name={"),
            with("keep-alive, Upgrade", "keep-alive"),
            with("WebSocket\r\n", "h2c\r\n"),
            with("Version: 13", "Version: 8"),
            with("dGhlIHNhbXBsZSBub25jZQ==", "short=="),
            with("Origin: https://example.org", "Origin: \u{e9}"),
            with("Host: example.org", "Content-Length: 1"),
            with("Host: example.org", "Transfer-Encoding: chunked"),
            with("Host: example.org", "Expect: 100-continue"),
            with("Host: example.org", "Sec-WebSocket-Version: 13"),
            with("Host: example.org", "Origin: https://example.com"),
            with("Host: example.org", "Connection: Upgrade"),
            with("Host: example.org", "Ho st: example.org"),
            with("Host: example.org\r\n", &"X: y\r\n".repeat(40)),
        ] {
            assert!(!is_read(&request), "{request}");
        }
        let cors = crate::Cors { origins: crate::Origins::Any, credentials: false };
        let with_cors = Config { cors, ..Config::default() };
        let small = Config { header_bytes_max: USUAL.len() - 1, ..Config::default() };
        let few = Config { headers_max: 5, ..Config::default() };
        for config in [with_cors, small, few] {
            assert_eq!(Opening::read(USUAL.as_bytes(), &config), None);
        }
    }
}
