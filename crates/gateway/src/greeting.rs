//! What a client is told first that opens a session over a WebSocket: that the protocol changes,
//! and the open packet. It is rendered once; only the answer to its key and its id are put in.

use wire::Frame;
use wire::engine::Open;

use crate::Config;
use crate::ids::{ID_LEN, Sid};

/// The length of the answer to a WebSocket's key: 20 bytes in base64.
const ACCEPT_LEN: usize = 28;

/// The greeting of all clients, with gaps.
#[derive(Debug)]
pub(crate) struct Greeting {
    bytes: Box<[u8]>,
    /// Where the answer to the key goes.
    accept_at: usize,
    /// Where the open packet's frame begins.
    open_at: usize,
    sid_at: usize,
}

impl Greeting {
    pub(crate) fn new(config: &Config) -> Self {
        let sid = "-".repeat(ID_LEN);
        let open = Open {
            sid: &sid,
            upgrades: &[],
            ping_interval: config.ping_interval,
            ping_timeout: config.ping_timeout,
            max_payload: config.max_payload,
        };
        let open = Frame::text(&open.packet());
        let mut bytes = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
            Upgrade: websocket\r\nSec-WebSocket-Accept: "
            .to_vec();
        let accept_at = bytes.len();
        bytes.extend([b'-'; ACCEPT_LEN]);
        bytes.extend(b"\r\n\r\n");
        let open_at = bytes.len();
        let sid_in_open = open.bytes().windows(ID_LEN).position(|part| part == sid.as_bytes());
        let sid_at = open_at + sid_in_open.expect("the open packet names the session");
        bytes.extend(open.bytes());
        Self { bytes: bytes.into(), accept_at, open_at, sid_at }
    }

    /// For a client whose request is still to be answered: `accept` is the answer to its key.
    pub(crate) fn with_answer(&self, accept: &str, sid: &Sid) -> Vec<u8> {
        let mut bytes = self.bytes.to_vec();
        bytes[self.accept_at..][..ACCEPT_LEN].copy_from_slice(accept.as_bytes());
        bytes[self.sid_at..][..ID_LEN].copy_from_slice(sid.as_str().as_bytes());
        bytes
    }

    /// For one whose request is answered: the open packet alone.
    pub(crate) fn alone(&self, sid: &Sid) -> Vec<u8> {
        let mut bytes = self.bytes[self.open_at..].to_vec();
        bytes[self.sid_at - self.open_at..][..ID_LEN].copy_from_slice(sid.as_str().as_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use wire::websocket::accept_key;

    use super::*;

    #[test]
    fn it_is_what_would_be_rendered_for_each_client() {
        let config = Config::default();
        let greeting = Greeting::new(&config);
        for _ in 0..3 {
            let sid = Sid::random(None);
            let open = Open {
                sid: sid.as_str(),
                upgrades: &[],
                ping_interval: config.ping_interval,
                ping_timeout: config.ping_timeout,
                max_payload: config.max_payload,
            };
            let open = Frame::text(&open.packet());
            assert_eq!(greeting.alone(&sid), open.bytes().to_vec());
            // The key of the specification, and its answer.
            let accept = accept_key("dGhlIHNhbXBsZSBub25jZQ==");
            let answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
            let expected = [answer.as_bytes(), open.bytes()].concat();
            assert_eq!(greeting.with_answer(&accept, &sid), expected);
        }
    }
}
