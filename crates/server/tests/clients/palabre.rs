//! A palabre client, as thin as can be, and instances for it to talk to.

#![allow(dead_code, unreachable_pub, reason = "each test includes it and uses its part")]

use std::{collections::HashMap, sync::Arc, time::Duration};

use broker::{Broker, Limits, embedded::Embedded};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use server::{Server, config::Config};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

/// Long enough for the slowest machine; reached only when something never comes.
const DEADLINE: Duration = Duration::from_mins(1);

/// A palabre client, as thin as can be.
pub struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_ack: u64,
    /// Live entries that came while something else was awaited.
    pub entries: Vec<Value>,
    answers: HashMap<u64, Value>,
    pub welcome: Value,
    /// Other events, in the order in which they came.
    pub events: Vec<(String, Value)>,
}

impl Client {
    pub async fn connect(server: &Server) -> Self {
        Self::connect_as(server, json!({ "palabre": 1 })).await
    }

    pub async fn connect_as(server: &Server, introduction: Value) -> Self {
        let address = server.address().to_string().replace("http://", "ws://");
        let url = format!("{address}/socket.io/?EIO=4&transport=websocket");
        let (socket, _) = connect_async(url).await.unwrap();
        let mut client = Self {
            socket,
            next_ack: 0,
            entries: Vec::new(),
            answers: HashMap::new(),
            welcome: Value::Null,
            events: Vec::new(),
        };
        client.write(format!("40{introduction}")).await;
        while client.welcome.is_null() {
            client.read().await;
        }
        client
    }

    async fn write(&mut self, text: String) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    pub async fn read(&mut self) {
        let next = tokio::time::timeout(DEADLINE, self.socket.next()).await;
        let message = next.expect("something comes").expect("the connection lives").unwrap();
        self.take(message.to_text().unwrap()).await;
    }

    /// Reads until the connection ends.
    pub async fn until_closed(&mut self) {
        loop {
            let next = tokio::time::timeout(DEADLINE, self.socket.next()).await;
            match next.expect("something comes") {
                Some(Ok(message)) if message.is_text() => {
                    self.take(message.to_text().unwrap()).await;
                }
                _ => return,
            }
        }
    }

    async fn take(&mut self, text: &str) {
        if text == "2" {
            self.write("3".into()).await;
        } else if let Some(event) = text.strip_prefix("42") {
            let event: Value = serde_json::from_str(event).unwrap();
            match event[0].as_str().unwrap() {
                "entry" => self.entries.push(event[1].clone()),
                "palabre:welcome" => self.welcome = event[1].clone(),
                other => self.events.push((other.to_owned(), event[1].clone())),
            }
        } else if let Some(ack) = text.strip_prefix("43") {
            let start = ack.find('[').unwrap();
            let answer: Value = serde_json::from_str(&ack[start..]).unwrap();
            self.answers.insert(ack[..start].parse().unwrap(), answer[0].clone());
        }
    }

    pub async fn ask(&mut self, command: &str, arguments: Value) -> u64 {
        let id = self.next_ack;
        self.next_ack += 1;
        self.write(format!("42{id}{}", json!([command, arguments]))).await;
        id
    }

    pub async fn answer(&mut self, id: u64) -> Value {
        loop {
            if let Some(answer) = self.answers.remove(&id) {
                return answer;
            }
            self.read().await;
        }
    }

    pub async fn call(&mut self, command: &str, arguments: Value) -> Value {
        let id = self.ask(command, arguments).await;
        self.answer(id).await
    }

    /// Waits until an event of this name has come that fits, and takes it and all before it.
    pub async fn event(&mut self, name: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let mut looked_at = 0;
        loop {
            while let Some((named, argument)) = self.events.get(looked_at) {
                looked_at += 1;
                if named == name && fits(argument) {
                    let (_, argument) = self.events.drain(..looked_at).next_back().unwrap();
                    return argument;
                }
            }
            self.read().await;
        }
    }

    /// Joins a room, and gives the answer.
    pub async fn join(&mut self, room: &str) -> Value {
        self.call("join", json!({ "room": room })).await
    }

    /// The code of the refusal that a command is answered with.
    pub async fn refusal(&mut self, command: &str, arguments: Value) -> String {
        let answer = self.call(command, arguments).await;
        assert_eq!(answer["ok"], false, "{answer}");
        answer["error"]["code"].as_str().unwrap().to_owned()
    }

    /// The user that it speaks as.
    pub fn user(&self) -> &str {
        self.welcome["user"].as_str().unwrap()
    }
}

/// Does something that must come to an end.
pub async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what).await.expect("it comes to pass in time")
}

/// Instances on one log in memory.
pub async fn instances(count: usize) -> (Vec<Server>, Arc<dyn Broker>) {
    instances_with(count, &Config::default()).await
}

/// The same, configured otherwise.
pub async fn instances_with(count: usize, config: &Config) -> (Vec<Server>, Arc<dyn Broker>) {
    let broker: Arc<dyn Broker> = Embedded::open(None, Limits::default()).unwrap();
    let mut servers = Vec::new();
    for _ in 0..count {
        servers.push(start(config, &broker).await);
    }
    (servers, broker)
}

/// Stops them.
pub async fn stop(servers: Vec<Server>) {
    for server in servers {
        server.stop().await;
    }
}

/// One more instance on a log.
pub async fn start(config: &Config, broker: &Arc<dyn Broker>) -> Server {
    let config = Config { port: 0, drain_window: Duration::ZERO, ..config.clone() };
    Server::start(&config, broker.clone()).await.unwrap()
}
