//! A client's way to the server, whichever it is.

use std::sync::Arc;

use mio::Registry;

use super::client::Readiness;
use super::desk::Desk;
use super::polling::{Polling, token};
use super::websocket::WebSocket;
use crate::args::Transport;
use crate::target::Target;

#[derive(Debug)]
pub(super) enum Link {
    WebSocket(WebSocket),
    Polling(Box<Polling>),
}

impl Link {
    /// Begins to connect.
    pub(super) fn open(
        transport: Transport,
        target: &Target,
        client: u32,
        registry: &Arc<Registry>,
        slot: usize,
    ) -> anyhow::Result<Self> {
        match transport {
            Transport::Websocket => {
                WebSocket::open(target, client, registry, token(slot, 0)).map(Self::WebSocket)
            }
            Transport::Polling => Polling::open(target, client, registry, slot)
                .map(|polling| Self::Polling(Box::new(polling))),
        }
    }

    /// The session is open, with this handshake.
    pub(super) fn opened(&mut self, handshake: &str) -> anyhow::Result<()> {
        match self {
            Self::WebSocket(_) => Ok(()),
            Self::Polling(polling) => polling.opened(handshake),
        }
    }

    /// Reads and writes what can be; answers whether more may be there to read.
    pub(super) fn ready(
        &mut self,
        side: usize,
        readiness: Readiness,
        scratch: &mut [u8],
        desk: &mut Desk<'_>,
    ) -> anyhow::Result<bool> {
        match self {
            Self::WebSocket(websocket) => websocket.ready(readiness, scratch, desk),
            Self::Polling(polling) => polling.ready(side, readiness, scratch, desk),
        }
    }

    /// Sends a packet, as soon as it can be sent.
    pub(super) fn push(&mut self, packet: &str) -> anyhow::Result<()> {
        match self {
            Self::WebSocket(websocket) => websocket.push(packet),
            Self::Polling(polling) => polling.push(packet),
        }
    }

    /// Answers a WebSocket's ping.
    pub(super) fn pong(&mut self, payload: &[u8]) -> anyhow::Result<()> {
        match self {
            Self::WebSocket(websocket) => websocket.pong(payload),
            Self::Polling(_) => Ok(()),
        }
    }

    /// How many bytes wait to be sent.
    pub(super) fn waiting(&self) -> usize {
        match self {
            Self::WebSocket(websocket) => websocket.waiting(),
            Self::Polling(polling) => polling.waiting(),
        }
    }

    /// Says goodbye, if there is room for it; the server will see the end in any case.
    pub(super) fn leave(self) {
        match self {
            Self::WebSocket(websocket) => websocket.leave(),
            Self::Polling(polling) => polling.leave(),
        }
    }
}
