//! What a session remembers of the request that opened it: small owned copies, never slices of
//! the HTTP library's buffers.

use std::borrow::Cow;
use std::net::IpAddr;

use wire::engine::Query;

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
    /// The decoded value of a query parameter; the last one where it is repeated.
    pub fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        Query::find(&self.query, name)
    }
}
