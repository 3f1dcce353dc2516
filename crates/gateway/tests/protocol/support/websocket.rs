//! A WebSocket client on top of an implementation that isn't ours.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::{Server, soon};

pub(crate) struct WebSocket(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What the server said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Text(String),
    Binary(Vec<u8>),
    /// The end, with the code of the close frame; `None` without a close frame.
    Closed(Option<u16>),
}

/// The code that stands for a close frame without one.
pub(crate) const NO_CODE: u16 = 1005;

impl WebSocket {
    pub(crate) async fn connect(server: &Server, query: &str) -> Result<Self, u16> {
        let url = format!("ws://{}{}{query}", server.address, server.path);
        match soon("a WebSocket", connect_async(url)).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.expect("sent");
    }

    pub(crate) async fn send_binary(&mut self, bytes: &[u8]) {
        self.0.send(Message::binary(bytes.to_vec())).await.expect("sent");
    }

    /// Sends without expecting that it arrives.
    pub(crate) async fn try_send(&mut self, text: &str) {
        let _ = self.0.send(Message::text(text)).await;
    }

    /// Sends bytes without expecting that they arrive.
    pub(crate) async fn try_send_binary(&mut self, bytes: &[u8]) {
        let _ = self.0.send(Message::binary(bytes.to_vec())).await;
    }

    pub(crate) async fn next(&mut self) -> Said {
        loop {
            match soon("a message", self.0.next()).await {
                Some(Ok(Message::Text(text))) => return Said::Text(text.to_string()),
                Some(Ok(Message::Binary(bytes))) => return Said::Binary(bytes.to_vec()),
                Some(Ok(Message::Close(frame))) => {
                    return Said::Closed(Some(frame.map_or(NO_CODE, |frame| frame.code.into())));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Said::Closed(None),
            }
        }
    }

    /// The next text.
    pub(crate) async fn text(&mut self) -> String {
        match self.next().await {
            Said::Text(text) => text,
            said => panic!("{said:?} in place of a text"),
        }
    }

    /// The next text that is no ping; pings are answered.
    pub(crate) async fn message(&mut self) -> String {
        loop {
            let text = self.text().await;
            if text != "2" {
                return text;
            }
            self.send("3").await;
        }
    }

    /// The next binary message; pings are answered.
    pub(crate) async fn binary(&mut self) -> Vec<u8> {
        loop {
            match self.next().await {
                Said::Binary(bytes) => return bytes,
                Said::Text(text) if text == "2" => self.send("3").await,
                said => panic!("{said:?} in place of bytes"),
            }
        }
    }

    /// Reads to the end, whatever comes before; the code.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        loop {
            if let Said::Closed(code) = self.next().await {
                return code;
            }
        }
    }

    /// The raw stream, behind the handshake.
    pub(crate) fn into_stream(self) -> TcpStream {
        match self.0.into_inner() {
            MaybeTlsStream::Plain(stream) => stream,
            _ => unreachable!("there is no TLS here"),
        }
    }

    /// Sends a ping of the WebSocket protocol and waits for its pong.
    pub(crate) async fn ping(&mut self, payload: &[u8]) {
        self.0.send(Message::Ping(payload.to_vec().into())).await.expect("sent");
        loop {
            match soon("a pong", self.0.next()).await {
                Some(Ok(Message::Pong(bytes))) => return assert_eq!(&bytes[..], payload),
                Some(Ok(_)) => {}
                other => panic!("{other:?} in place of a pong"),
            }
        }
    }
}
