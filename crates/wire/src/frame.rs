//! The shared, already encoded frame: what the hub hands to every receiver of a topic.

use bytes::Bytes;

/// One or more whole Engine.IO packets, encoded once as unmasked WebSocket frames
/// (RFC 6455, section 5.2) and shared by all their receivers.
///
/// WebSocket frames delimit themselves, so that the same bytes also serve a polling
/// connection: [`Frame::parts`] walks over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame(Bytes);

impl Frame {
    /// The bytes as they go onto a WebSocket.
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }
}
