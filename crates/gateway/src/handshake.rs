//! What a session remembers of the request that opened it: small owned copies, never slices of
//! the HTTP library's buffers.

use std::borrow::Cow;
use std::net::IpAddr;

use wire::engine::Query;

/// What a stock client says that begins with a WebSocket: the query of most handshakes.
pub(crate) const USUAL_QUERY: &str = "EIO=4&transport=websocket";

/// The request that opened a session.
#[derive(Debug)]
pub struct Handshake {
    /// The raw query string; borrowed where it is the usual one.
    pub query: Cow<'static, str>,
    /// The peer's address; `None` over a Unix socket.
    pub address: Option<IpAddr>,
    /// The `Origin` header.
    pub origin: Option<Box<str>>,
}

impl Handshake {
    /// Whether the query names a WebSocket and nothing else: most do.
    pub fn is_usual(&self) -> bool {
        self.query == USUAL_QUERY
    }

    /// The decoded value of a query parameter; the last one where it is repeated.
    pub fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        Query::find(&self.query, name)
    }
}
