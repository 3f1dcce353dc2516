//! The handshake's answers: the open packet, or one of six rejections.

use std::fmt::Write;
use std::time::Duration;

use serde_json::json;

/// How a session's packets travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// HTTP requests: GET waits for packets, POST brings them.
    Polling,
    /// One WebSocket.
    WebSocket,
}

impl Transport {
    /// Its name in `transport` and `upgrades`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::WebSocket => "websocket",
        }
    }
}

/// What a new session is told.
#[derive(Clone, Copy, Debug)]
pub struct Open<'a> {
    /// The session's id; whoever has it can act as the client.
    pub sid: &'a str,
    /// The names of the transports to switch to; none over WebSocket.
    pub upgrades: &'a [&'a str],
    /// Between a pong and the next ping; sent in milliseconds.
    pub ping_interval: Duration,
    /// For the answer to a ping; sent in milliseconds.
    pub ping_timeout: Duration,
    /// Bytes that one message, or one polling body, may have.
    pub max_payload: usize,
}

impl Open<'_> {
    /// Encodes the open packet, type digit included.
    pub fn packet(&self) -> String {
        // Written by hand: every connection has one, and a tree of values costs ten times as much.
        let sid = serde_json::to_string(self.sid).expect("a text is JSON");
        let upgrades = serde_json::to_string(self.upgrades).expect("texts are JSON");
        let (interval, timeout) =
            (milliseconds(self.ping_interval), milliseconds(self.ping_timeout));
        let max_payload = self.max_payload;
        let mut packet = String::with_capacity(PACKET_BYTES);
        write!(packet, "0{{\"sid\":{sid},\"upgrades\":{upgrades},\"pingInterval\":{interval},")
            .and_then(|()| {
                write!(packet, "\"pingTimeout\":{timeout},\"maxPayload\":{max_payload}}}")
            })
            .expect("a String takes all");
        packet
    }
}

/// What an open packet takes, give or take a digit.
const PACKET_BYTES: usize = 128;

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Why an Engine.IO request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// `transport` names none that is served.
    UnknownTransport,
    /// `sid` names no session; also after its end.
    UnknownSession,
    /// A handshake by another method than GET.
    BadMethod,
    /// The request contradicts its session, or itself.
    BadRequest,
    /// The application's own word.
    Forbidden,
    /// `EIO` is not 4.
    UnsupportedVersion,
}

impl Rejection {
    /// The `code` of the body.
    pub fn code(self) -> u8 {
        match self {
            Self::UnknownTransport => 0,
            Self::UnknownSession => 1,
            Self::BadMethod => 2,
            Self::BadRequest => 3,
            Self::Forbidden => 4,
            Self::UnsupportedVersion => 5,
        }
    }

    /// The `message` of the body; alone, the body for a request to upgrade.
    pub fn message(self) -> &'static str {
        match self {
            Self::UnknownTransport => "Transport unknown",
            Self::UnknownSession => "Session ID unknown",
            Self::BadMethod => "Bad handshake method",
            Self::BadRequest => "Bad request",
            Self::Forbidden => "Forbidden",
            Self::UnsupportedVersion => "Unsupported protocol version",
        }
    }

    /// The HTTP status; for a request to upgrade it is 400 in any case.
    pub fn status(self) -> u16 {
        match self {
            Self::Forbidden => 403,
            _ => 400,
        }
    }

    /// The body, `application/json`.
    pub fn body(self) -> String {
        json!({ "code": self.code(), "message": self.message() }).to_string()
    }
}
