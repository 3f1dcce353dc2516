//! All settings and limits of the gateway, with their defaults. What happens when a limit is
//! reached stands with the limit.

use std::time::Duration;

use wire::engine::Rhythm;

use crate::Tag;

/// Settings and limits of a [`Gateway`](crate::Gateway). The defaults are those of the
/// reference implementation where it has them.
#[derive(Clone, Debug)]
pub struct Config {
    /// The path of the engine, with a slash at the end. Requests are also taken without it.
    pub path: Box<str>,
    /// From one pong (or the opening) to the next ping.
    pub ping_interval: Duration,
    /// How long a pong may take; then the session closes (`ping timeout`).
    pub ping_timeout: Duration,
    /// Whether polling sessions may move to a WebSocket.
    pub upgrades: bool,
    /// How long an upgrade may take; then the probing WebSocket is closed and polling goes on.
    pub upgrade_timeout: Duration,
    /// While an upgrade lasts, a pending poll is completed with a noop this often.
    pub probe_interval: Duration,
    /// A session that has joined no namespace after this time is closed.
    pub connect_timeout: Duration,
    /// Bytes in a POST body (then 413) or a WebSocket message (then close code 1009).
    pub max_payload: usize,
    /// Binary attachments of one packet; a packet with more closes the session.
    pub max_attachments: usize,
    /// Cross-origin rules; off by default.
    pub cors: Cors,
    /// Open sessions; beyond it a handshake is answered 503.
    pub sessions_max: usize,
    /// Open TCP or Unix connections; beyond it a new one is closed at once.
    pub connections_max: usize,
    /// Packets in one poll response (python-engineio refuses more than 16); the rest waits for
    /// the next poll.
    pub poll_packets_max: usize,
    /// Bytes in one poll response before a further packet waits for the next one. A single
    /// larger packet still goes out, alone.
    pub poll_bytes_max: usize,
    /// From this many bytes on a poll response is compressed, if the client accepts it.
    pub compress_min: usize,
    /// Event futures of one session at once; beyond it its transport isn't read.
    pub commands_max: usize,
    /// Namespaces of one session, joined or joining; beyond it CONNECT is answered with an error.
    pub namespaces_max: usize,
    /// Server events of one socket that wait for their acknowledgement; beyond it the oldest
    /// is given up.
    pub acks_max: usize,
    /// Bytes of a request's head; beyond it 431. A session keeps the query and the origin of
    /// its first request.
    pub header_bytes_max: usize,
    /// Header lines of a request; beyond it 431.
    pub headers_max: usize,
    /// How long a request's head may take, and how long a connection may idle between requests.
    pub header_timeout: Duration,
    /// How long the body of a POST may take; then 408.
    pub body_timeout: Duration,
    /// How long a response may make no progress because the client doesn't read.
    pub write_timeout: Duration,
    /// How long a polling session that the server closed waits for the poll that fetches what
    /// was still to be said.
    pub close_linger: Duration,
    /// How long a WebSocket that the server closed may take to accept the last bytes.
    pub close_timeout: Duration,
    /// How long a connection on which everything was said waits for the client to close its own
    /// side, so that the last words aren't lost by a reset.
    pub linger_timeout: Duration,
    /// When stopping, sessions are closed spread over this time, so that not all of them come
    /// back at once.
    pub drain_window: Duration,
    /// When stopping, how long a session stays open for the answers to what its client has asked
    /// before; what it asks from then on isn't looked at.
    pub answer_timeout: Duration,
    /// How long, after the window, stopping waits for the last sessions, and then for the last
    /// connections.
    pub drain_timeout: Duration,
    /// What the ids of this instance's sessions begin with, so that others know whose they are;
    /// all of an id is random where it is `None`.
    pub tag: Option<Tag>,
    /// Requests for sessions of other instances at once; beyond it the session is lost to the
    /// client, as if it were unknown.
    pub forwards_max: usize,
    /// WebSockets of other instances' sessions at once; beyond it an upgrade is refused, and the
    /// session polls on.
    pub relays_max: usize,
    /// Connections of other instances; beyond it a new one is closed at once.
    pub peer_connections_max: usize,
    /// How long the instance that has a session may take to answer. Longer than a poll lasts.
    pub forward_timeout: Duration,
}

impl Config {
    pub(crate) fn rhythm(&self) -> Rhythm {
        Rhythm { interval: self.ping_interval, timeout: self.ping_timeout }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: "/socket.io/".into(),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrades: true,
            upgrade_timeout: Duration::from_secs(10),
            probe_interval: Duration::from_millis(100),
            connect_timeout: Duration::from_secs(45),
            max_payload: 1_000_000,
            max_attachments: 10,
            cors: Cors::default(),
            sessions_max: 200_000,
            connections_max: 250_000,
            poll_packets_max: 16,
            poll_bytes_max: 256 * 1024,
            compress_min: 1024,
            commands_max: 32,
            namespaces_max: 16,
            acks_max: 64,
            header_bytes_max: 16 * 1024,
            headers_max: 100,
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            close_linger: Duration::from_secs(30),
            close_timeout: Duration::from_secs(5),
            linger_timeout: Duration::from_secs(1),
            drain_window: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(2),
            drain_timeout: Duration::from_secs(10),
            tag: None,
            forwards_max: 20_000,
            relays_max: 100_000,
            peer_connections_max: 120_000,
            forward_timeout: Duration::from_mins(1),
        }
    }
}

/// Cross-origin rules of the engine's path, for polling. A WebSocket isn't checked, as with the
/// reference implementation.
#[derive(Clone, Debug, Default)]
pub struct Cors {
    /// Who may read the answers.
    pub origins: Origins,
    /// Whether cookies may be sent along.
    pub credentials: bool,
}

/// The origins that may read answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// No cross-origin headers at all; a preflight request is an error.
    #[default]
    Off,
    /// Every origin: `*`.
    Any,
    /// These origins, reflected when they match.
    These(Vec<String>),
}
