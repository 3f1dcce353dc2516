//! Joining a room while messages arrive: the answer and what comes live behind it are one
//! sequence, without a gap and without a double, on any instance.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::{collections::HashMap, sync::Arc, time::Duration};

use broker::{Broker, Limits, embedded::Embedded};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use server::{Server, config::Config};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

const MESSAGES: u64 = 300;
const JOINERS: u64 = 20;

/// Long enough for the slowest machine; reached only when something never comes.
const DEADLINE: Duration = Duration::from_mins(1);

/// A palabre client, as thin as can be.
struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_ack: u64,
    /// Live entries that came while something else was awaited.
    entries: Vec<Value>,
    answers: HashMap<u64, Value>,
    welcome: Value,
}

impl Client {
    async fn connect(server: &Server) -> Self {
        Self::connect_as(server, json!({ "palabre": 1 })).await
    }

    async fn connect_as(server: &Server, introduction: Value) -> Self {
        let address = server.address().to_string().replace("http://", "ws://");
        let url = format!("{address}/socket.io/?EIO=4&transport=websocket");
        let (socket, _) = connect_async(url).await.unwrap();
        let (entries, answers) = (Vec::new(), HashMap::new());
        let mut client = Self { socket, next_ack: 0, entries, answers, welcome: Value::Null };
        client.write(format!("40{introduction}")).await;
        while client.welcome.is_null() {
            client.read().await;
        }
        client
    }

    async fn write(&mut self, text: String) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    async fn read(&mut self) {
        let next = tokio::time::timeout(DEADLINE, self.socket.next()).await;
        let message = next.expect("something comes").expect("the connection lives").unwrap();
        let text = message.into_text().unwrap();
        if text == "2" {
            self.write("3".into()).await;
        } else if let Some(event) = text.strip_prefix("42") {
            let event: Value = serde_json::from_str(event).unwrap();
            match event[0].as_str().unwrap() {
                "entry" => self.entries.push(event[1].clone()),
                "palabre:welcome" => self.welcome = event[1].clone(),
                other => panic!("{other}"),
            }
        } else if let Some(ack) = text.strip_prefix("43") {
            let start = ack.find('[').unwrap();
            let answer: Value = serde_json::from_str(&ack[start..]).unwrap();
            self.answers.insert(ack[..start].parse().unwrap(), answer[0].clone());
        }
    }

    async fn ask(&mut self, command: &str, arguments: Value) -> u64 {
        let id = self.next_ack;
        self.next_ack += 1;
        self.write(format!("42{id}{}", json!([command, arguments]))).await;
        id
    }

    async fn answer(&mut self, id: u64) -> Value {
        loop {
            if let Some(answer) = self.answers.remove(&id) {
                return answer;
            }
            self.read().await;
        }
    }

    async fn call(&mut self, command: &str, arguments: Value) -> Value {
        let id = self.ask(command, arguments).await;
        self.answer(id).await
    }
}

fn offsets(entries: &[Value]) -> Vec<u64> {
    entries.iter().map(|entry| entry["offset"].as_u64().unwrap()).collect()
}

async fn instances(count: usize) -> (Vec<Server>, Arc<dyn Broker>) {
    let broker: Arc<dyn Broker> = Embedded::open(None, Limits::default()).unwrap();
    let mut servers = Vec::new();
    for _ in 0..count {
        let config = Config { port: 0, drain_window: Duration::ZERO, ..Config::default() };
        servers.push(Server::start(&config, broker.clone()).await.unwrap());
    }
    (servers, broker)
}

async fn stop(servers: Vec<Server>) {
    for server in servers {
        server.stop().await;
    }
}

fn message(number: u64) -> Value {
    json!({ "room": "general", "id": format!("message-{number}"), "text": number.to_string() })
}

/// Reads live entries until the last one, and checks that they follow the answer.
async fn check_sequence(mut client: Client, answer: Value) {
    assert_eq!(answer["ok"], true, "{answer}");
    let head = answer["head"].as_u64().unwrap();
    let shown = offsets(answer["entries"].as_array().unwrap());
    assert_eq!(shown.last().copied().unwrap_or(0), head);
    assert!(shown.windows(2).all(|pair| pair[1] == pair[0] + 1), "{shown:?}");
    while client.entries.len() as u64 + head < MESSAGES {
        client.read().await;
    }
    let want: Vec<u64> = (head + 1..=MESSAGES).collect();
    assert_eq!(offsets(&client.entries), want);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_and_what_comes_live_are_one_sequence() {
    let (servers, _broker) = instances(2).await;
    let mut writer = Client::connect(&servers[0]).await;
    writer.call("join", json!({ "room": "general" })).await;
    let mut joined = Vec::new();
    for number in 1..=MESSAGES {
        writer.ask("send", message(number)).await;
        if number % (MESSAGES / JOINERS) == 0 {
            let on = &servers[joined.len() % servers.len()];
            let mut client = Client::connect(on).await;
            let id = client.ask("join", json!({ "room": "general", "limit": 200 })).await;
            joined.push((client, id));
        }
    }
    for (mut client, id) in joined {
        let answer = client.answer(id).await;
        assert!(client.entries.is_empty(), "nothing comes live before the answer");
        check_sequence(client, answer).await;
    }
    stop(servers).await;
}

#[tokio::test]
async fn coming_back_with_a_position_shows_what_was_missed() {
    let (servers, _broker) = instances(2).await;
    let mut writer = Client::connect(&servers[0]).await;
    writer.call("join", json!({ "room": "general" })).await;
    let mut position = Value::Null;
    for number in 1..=MESSAGES {
        let sent = writer.call("send", message(number)).await;
        assert_eq!(sent["offset"], number, "{sent}");
        if number == MESSAGES - 30 {
            position = json!({ "epoch": sent["epoch"], "offset": sent["offset"] });
        }
    }
    let mut client = Client::connect(&servers[1]).await;
    let after = json!({ "room": "general", "after": position, "limit": 10 });
    let answer = client.call("join", after).await;
    assert_eq!(answer.get("reset"), None);
    assert_eq!(answer["head"], MESSAGES);
    assert_eq!(answer["more"], true);
    let shown = offsets(answer["entries"].as_array().unwrap());
    assert_eq!(shown, (MESSAGES - 29..=MESSAGES - 20).collect::<Vec<_>>());
    let lost = json!({ "room": "general", "after": { "epoch": "another", "offset": 1 } });
    assert_eq!(client.call("join", lost).await["reset"], true);
    stop(servers).await;
}

#[tokio::test]
async fn a_retry_is_the_same_entry_on_any_instance_and_under_another_name() {
    let (servers, _broker) = instances(2).await;
    let mut first = Client::connect(&servers[0]).await;
    first.call("join", json!({ "room": "general" })).await;
    let sent = first.call("send", message(1)).await;
    let token = &first.welcome["token"];
    let introduction = json!({ "palabre": 1, "token": token, "name": "Ada" });
    let mut again = Client::connect_as(&servers[1], introduction).await;
    assert_eq!(again.welcome["user"], first.welcome["user"], "the token proves who it is");
    again.call("join", json!({ "room": "general" })).await;
    for name in ["Ada", "Ada Lovelace"] {
        again.call("rename", json!({ "name": name })).await;
        let retry = again.call("send", message(1)).await;
        assert_eq!((&retry["offset"], &retry["duplicate"]), (&sent["offset"], &json!(true)));
    }
    let other = json!({ "room": "general", "id": "message-1", "text": "other" });
    assert_eq!(again.call("send", other).await["error"]["code"], "conflict");
    stop(servers).await;
}

#[tokio::test]
async fn ids_and_tokens_are_each_users_own() {
    let (servers, _broker) = instances(1).await;
    let mut ada = Client::connect(&servers[0]).await;
    let token = ada.welcome["token"].as_str().unwrap().replace("v1.", "v1.x");
    let forged = json!({ "palabre": 1, "token": token, "user": ada.welcome["user"] });
    let mut other = Client::connect_as(&servers[0], forged).await;
    assert_ne!(other.welcome["user"], ada.welcome["user"]);
    for (client, offset) in [(&mut ada, 1), (&mut other, 2)] {
        client.call("join", json!({ "room": "general" })).await;
        let sent = client.call("send", message(1)).await;
        assert_eq!((&sent["offset"], sent.get("duplicate")), (&json!(offset), None));
    }
    stop(servers).await;
}
