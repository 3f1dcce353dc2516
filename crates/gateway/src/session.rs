//! An Engine.IO session: from the handshake to the end, over one transport or two.

use std::sync::Arc;

use hub::{CloseReason, Connection};

use crate::Handshake;

/// An Engine.IO session; it survives the upgrade from polling to WebSocket.
#[derive(Debug)]
pub struct Session {
    connection: Arc<Connection>,
    handshake: Arc<Handshake>,
}

impl Session {
    /// The outbox. Frames sent to it reach the client in order, whatever the transport.
    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// The request that opened the session.
    pub fn handshake(&self) -> &Arc<Handshake> {
        &self.handshake
    }

    /// Ends the session behind what was already sent; the first reason stays.
    pub fn close(&self, reason: CloseReason) {
        self.connection.close(reason);
    }
}
