//! Why a connection or a socket ended. One enum is the log field, the metric label and the
//! reason that the application sees.

use std::fmt;

/// Why a connection or a socket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The peer closed the transport, or it vanished.
    TransportClose,
    /// The transport failed.
    TransportError,
    /// No pong came in time.
    PingTimeout,
    /// A packet broke the Engine.IO protocol.
    ParseError,
    /// A packet broke the Socket.IO protocol.
    ForcedClose,
    /// A packet was well-formed, but not allowed in that state.
    ForcedServerClose,
    /// The client left its namespace.
    ClientDisconnect,
    /// The application ended the socket.
    ServerDisconnect,
    /// This instance stops.
    ShuttingDown,
    /// More was waiting for the connection than its outbox may hold.
    SlowConsumer,
    /// A message was larger than the limit.
    TooLarge,
    /// The session joined no namespace in time.
    ConnectTimeout,
    /// The same session came back on another connection.
    Replaced,
    /// The log can't be reached; the client should try again.
    Unavailable,
    /// The log lost the past that the client relied on.
    LogReset,
    /// A defect of ours ended the connection's task.
    Internal,
}

impl CloseReason {
    /// Every reason, in the order of their discriminants.
    pub const ALL: [Self; 16] = [
        Self::TransportClose,
        Self::TransportError,
        Self::PingTimeout,
        Self::ParseError,
        Self::ForcedClose,
        Self::ForcedServerClose,
        Self::ClientDisconnect,
        Self::ServerDisconnect,
        Self::ShuttingDown,
        Self::SlowConsumer,
        Self::TooLarge,
        Self::ConnectTimeout,
        Self::Replaced,
        Self::Unavailable,
        Self::LogReset,
        Self::Internal,
    ];

    /// The reason as Socket.IO servers word it, where they have a word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TransportClose => "transport close",
            Self::TransportError => "transport error",
            Self::PingTimeout => "ping timeout",
            Self::ParseError => "parse error",
            Self::ForcedClose => "forced close",
            Self::ForcedServerClose => "forced server close",
            Self::ClientDisconnect => "client namespace disconnect",
            Self::ServerDisconnect => "server namespace disconnect",
            Self::ShuttingDown => "server shutting down",
            Self::SlowConsumer => "slow consumer",
            Self::TooLarge => "message too large",
            Self::ConnectTimeout => "connect timeout",
            Self::Replaced => "replaced",
            Self::Unavailable => "unavailable",
            Self::LogReset => "log reset",
            Self::Internal => "internal error",
        }
    }

    /// Whether the session may be taken up again later: not after somebody ended it on purpose,
    /// nor after it broke the protocol.
    pub fn may_reconnect(self) -> bool {
        !matches!(self, Self::ClientDisconnect | Self::ServerDisconnect | Self::ParseError)
    }

    /// The status in the WebSocket close frame (RFC 6455, section 7.4.1). `None` is a close frame
    /// without a status, as the stock server sends it.
    pub fn websocket_code(self) -> Option<u16> {
        match self {
            Self::ShuttingDown => Some(1001),
            Self::TooLarge => Some(1009),
            Self::Internal => Some(1011),
            Self::SlowConsumer | Self::Unavailable => Some(1013),
            _ => None,
        }
    }

    /// Whether what waits in the outbox is still worth writing after a close for this reason:
    /// not when nobody can read it any more, nor when there is too much of it.
    pub(crate) fn lets_outbox_drain(self) -> bool {
        !matches!(
            self,
            Self::TransportClose | Self::TransportError | Self::PingTimeout | Self::SlowConsumer
        )
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
