//! Joining a room while messages arrive: the answer and what comes live behind it are one
//! sequence, without a gap and without a double, on any instance.

#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "clients/palabre.rs"]
mod palabre;

use serde_json::{Value, json};

use palabre::{Client, instances, stop};

const MESSAGES: u64 = 300;
const JOINERS: u64 = 20;

fn offsets(entries: &[Value]) -> Vec<u64> {
    entries.iter().map(|entry| entry["offset"].as_u64().unwrap()).collect()
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
