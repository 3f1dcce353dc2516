//! A stock client with connection state recovery, as thin as can be: it does what the official
//! client does with `pid` and cursor.

#![allow(dead_code, unreachable_pub, reason = "each test includes it and uses its part")]

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use server::Server;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message},
};

/// Long enough for the slowest machine; reached only when something never comes.
const DEADLINE: Duration = Duration::from_secs(40);

/// A stock client, connected or cut off.
#[derive(Default)]
pub struct Stock {
    pub socket: Option<WebSocketStream<MaybeTlsStream<TcpStream>>>,
    pub sid: String,
    pub pid: Option<String>,
    /// The last argument of the last event, where that is a text.
    pub cursor: Option<String>,
    /// Whether the session went on at the last connect.
    pub recovered: bool,
    /// All texts that it ever heard.
    pub heard: Vec<String>,
    /// Welcomes since the last connect.
    pub welcomes: Vec<Value>,
    pub acks: u64,
    pub next_ack: u64,
}

impl Stock {
    pub async fn connect(server: &Server) -> Self {
        let mut client = Self::default();
        client.reconnect(server).await;
        client
    }

    /// Connects as the official client does, up to the answer.
    pub async fn reconnect(&mut self, server: &Server) {
        assert!(self.try_reconnect(server).await, "the transport was closed");
    }

    /// The same; `false` where the transport was closed instead of an answer.
    pub async fn try_reconnect(&mut self, server: &Server) -> bool {
        self.open(server).await;
        self.answered().await
    }

    /// Reads up to the answer to its CONNECT; `false` where the transport was closed instead.
    pub async fn answered(&mut self) -> bool {
        let answer = loop {
            match self.next().await {
                None => return false,
                Some(text) if text.starts_with("44") => panic!("refused: {text}"),
                Some(text) if text.starts_with("40") => break text,
                Some(text) => assert!(text.starts_with('0'), "before the answer: {text}"),
            }
        };
        let answer: Value = serde_json::from_str(&answer[2..]).unwrap();
        let pid = answer["pid"].as_str().map(str::to_owned);
        self.recovered = pid.is_some() && pid == self.pid;
        answer["sid"].as_str().unwrap().clone_into(&mut self.sid);
        self.pid = pid;
        self.welcomes.clear();
        true
    }

    /// Opens a connection and says who it was, without reading anything.
    pub async fn open(&mut self, server: &Server) {
        let address = server.address().to_string().replace("http://", "ws://");
        let url = format!("{address}/socket.io/?EIO=4&transport=websocket");
        self.socket = Some(connect_async(url).await.unwrap().0);
        let mut auth = json!({});
        if let Some(pid) = &self.pid {
            auth["pid"] = json!(pid);
            if let Some(cursor) = &self.cursor {
                auth["offset"] = json!(cursor);
            }
        }
        self.write(format!("40{auth}")).await;
    }

    /// Cuts the connection, without a word.
    pub fn cut(&mut self) {
        self.socket = None;
    }

    /// Gives the connection away, so that nobody reads or closes it.
    pub fn abandon(&mut self) -> impl Sized + use<> {
        self.socket.take()
    }

    /// Leaves on purpose.
    pub async fn leave(&mut self) {
        self.write("41".into()).await;
    }

    async fn write(&mut self, text: String) {
        self.socket.as_mut().unwrap().send(Message::text(text)).await.unwrap();
    }

    /// The next packet that is no ping; `None` at the end of the connection.
    async fn next(&mut self) -> Option<String> {
        let next = tokio::time::timeout(DEADLINE, self.next_but_pings()).await;
        next.expect("something comes")
    }

    async fn next_but_pings(&mut self) -> Option<String> {
        loop {
            let text = match self.socket.as_mut().unwrap().next().await {
                None | Some(Ok(Message::Close(_)) | Err(Error::Io(_) | Error::Protocol(_))) => {
                    self.socket = None;
                    return None;
                }
                Some(message) => message.unwrap().into_text().unwrap().to_string(),
            };
            if text != "2" {
                return Some(text);
            }
            self.write("3".into()).await;
        }
    }

    /// Reads one packet; `false` at the end of the connection.
    pub async fn read(&mut self) -> bool {
        let Some(text) = self.next().await else { return false };
        if let Some(event) = text.strip_prefix("42") {
            let event: Vec<Value> = serde_json::from_str(event).unwrap();
            match event[0].as_str().unwrap() {
                "chat message" => self.heard.push(event[1].as_str().unwrap().to_owned()),
                "palabre:welcome" => self.welcomes.push(event[1].clone()),
                other => panic!("{other}"),
            }
            if let (Some(_), Some(cursor)) = (&self.pid, event.last().unwrap().as_str()) {
                self.cursor = Some(cursor.to_owned());
            }
        } else {
            assert!(text.starts_with("43"), "{text}");
            self.acks += 1;
        }
        true
    }

    /// Reads until it has heard so many.
    pub async fn hear(&mut self, count: usize) {
        while self.heard.len() < count {
            assert!(self.read().await, "closed after {:?}", self.heard.last());
        }
    }

    /// Reads until it is welcome.
    pub async fn welcomed(&mut self) {
        while self.welcomes.is_empty() {
            assert!(self.read().await, "closed before it was welcome");
        }
    }

    /// Reads until the connection ends.
    pub async fn until_closed(&mut self) {
        while self.read().await {}
    }

    /// Says something, and waits until it is stored.
    pub async fn say(&mut self, text: &str) {
        let message = json!(["chat message", text]);
        self.write(format!("42{}{message}", self.next_ack)).await;
        self.next_ack += 1;
        while self.acks < self.next_ack {
            assert!(self.read().await, "closed before it was answered");
        }
    }
}
