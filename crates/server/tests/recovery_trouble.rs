//! Coming back when something is in the way: a store that is away, a client that doesn't read.

#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "clients/moody.rs"]
mod moody;
#[path = "clients/palabre.rs"]
mod palabre;
#[path = "clients/stock.rs"]
mod stock;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use broker::{Broker, Limits, embedded::Embedded};
use moody::Moody;
use palabre::Client;
use serde_json::json;
use server::{Server, config::Config};
use stock::Stock;

fn config() -> Config {
    Config { port: 0, drain_window: Duration::ZERO, ..Config::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_store_is_away_all_can_connect_and_who_comes_back_is_put_off() {
    let moody = Moody::new();
    let broker: Arc<dyn Broker> = moody.clone();
    let server = Server::start(&config(), broker.clone()).await.unwrap();
    let mut speaker = Stock::connect(&server).await;
    moody.away.store(true, Ordering::SeqCst);
    let mut client = Stock::connect(&server).await;
    assert!(client.pid.is_some());
    client.welcomed().await;
    client.cut();
    for number in 1..=5 {
        speaker.say(&number.to_string()).await;
    }
    // Its transport is closed; a CONNECT_ERROR would keep it away for good.
    assert!(!client.try_reconnect(&server).await);
    moody.away.store(false, Ordering::SeqCst);
    moody.written(client.pid.as_deref().unwrap(), 1).await;
    client.reconnect(&server).await;
    assert!(client.recovered, "its record was written although it had gone");
    client.hear(5).await;
    assert_eq!(client.heard, ["1", "2", "3", "4", "5"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_the_store_lost_is_written_again_while_the_client_is_there() {
    let moody = Moody::new();
    let broker: Arc<dyn Broker> = moody.clone();
    let short = Config { recovery_window: Duration::from_secs(4), ..config() };
    let server = Server::start(&short, broker.clone()).await.unwrap();
    let mut client = Stock::connect(&server).await;
    client.welcomed().await;
    let pid = client.pid.clone().unwrap();
    moody.written(&pid, 1).await;
    // Whoever owns it can forget it: as if the store had lost it.
    let taken = broker.claim(&pid, "thief", Duration::from_mins(1)).await.unwrap().unwrap();
    broker.forget(&pid, "thief").await.unwrap();
    moody.written(&pid, 2).await;
    let again = broker.claim(&pid, "another", Duration::from_mins(1)).await.unwrap().unwrap();
    assert_eq!((again.owner, again.bytes), (taken.owner, taken.bytes));
    // Now it is somebody else's: the connection is closed at the next renewal.
    client.until_closed().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_lags_behind_a_client_waits_instead_of_losing_or_resetting() {
    let log = Embedded::open(None, Limits::default()).unwrap();
    let lagging = Moody::over(log.clone());
    let ahead = Server::start(&config(), log).await.unwrap();
    let behind = Server::start(&config(), lagging.clone()).await.unwrap();
    let mut stock = Stock::connect(&ahead).await;
    let mut member = Client::connect(&ahead).await;
    let joined = member.join("general").await;
    // It has begun, and hears no more.
    Stock::connect(&behind).await.welcomed().await;
    lagging.silent.send_replace(true);
    for number in 1..=5 {
        stock.say(&number.to_string()).await;
    }
    stock.hear(5).await;
    stock.cut();
    let mut member = Client::connect(&behind).await;
    let after = json!({ "epoch": joined["epoch"], "offset": 5 });
    let asked = member.ask("join", json!({ "room": "general", "after": after })).await;
    stock.open(&behind).await;
    lagging.silent.send_replace(false);
    let answer = member.answer(asked).await;
    assert_eq!((&answer["head"], answer.get("reset")), (&json!(5), None), "{answer}");
    stock.answered().await;
    assert!(stock.recovered);
    stock.say("6").await;
    stock.hear(6).await;
    assert_eq!(stock.heard, ["1", "2", "3", "4", "5", "6"]);
    for server in [ahead, behind] {
        server.stop().await;
    }
}

/// Texts large enough that no kernel buffer hides a client that doesn't read.
fn text(number: usize) -> String {
    format!("{number} {}", "x".repeat(3_000))
}

const FLOOD: usize = 6_000;

async fn flood(broker: &Arc<dyn Broker>) {
    let mut appends = Vec::new();
    for number in 1..=FLOOD {
        let bytes = chat::Entry::message("Ada", &text(number)).encode();
        let id = format!("flood-{number:08}").into();
        let (room, user) = ("general".into(), "gFLOOD".into());
        let (target, redact, content) = (None, None, None);
        let draft = broker::Draft { room, user, id, bytes, target, redact, content };
        appends.push(broker.append(draft));
    }
    for append in appends {
        append.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_too_slowly_is_closed_and_loses_nothing_by_coming_back() {
    let limits = Limits { append_queue_bytes: 64 << 20, ..Limits::default() };
    let broker: Arc<dyn Broker> = Embedded::open(None, limits).unwrap();
    let small = Config { outbox_bytes: 128 << 10, held_bytes: 128 << 10, ..config() };
    let server = Server::start(&small, broker.clone()).await.unwrap();
    let mut stock = Stock::connect(&server).await;
    stock.welcomed().await;
    let mut client = Client::connect(&server).await;
    let joined = client.join("general").await;
    flood(&broker).await;
    // Both are closed, after what the kernel had already taken for them.
    stock.until_closed().await;
    let first = stock.heard.len();
    assert!(first < FLOOD, "it was not too slow: the test proves nothing");
    while stock.heard.len() < FLOOD {
        if stock.socket.is_none() {
            stock.reconnect(&server).await;
            assert!(stock.recovered, "after {} of {FLOOD}", stock.heard.len());
        }
        stock.read().await;
    }
    let all: Vec<String> = (1..=FLOOD).map(text).collect();
    assert!(stock.heard == all, "{} were heard", stock.heard.len());

    client.until_closed().await;
    let mut offset = client.entries.last().map_or(0, |entry| entry["offset"].as_u64().unwrap());
    assert!(offset < FLOOD as u64);
    assert_eq!(offset, client.entries.len() as u64, "up to there nothing was missing");
    let mut client = Client::connect(&server).await;
    let after = json!({ "epoch": joined["epoch"], "offset": offset });
    let mut page = client.call("join", json!({ "room": "general", "after": after })).await;
    assert_eq!(page.get("reset"), None, "{page}");
    loop {
        for entry in page["entries"].as_array().unwrap() {
            offset += 1;
            assert_eq!(entry["offset"], offset);
        }
        if page["more"] == json!(false) {
            break;
        }
        let history = json!({ "room": "general", "after": offset, "limit": 200 });
        page = client.call("history", history).await;
    }
    assert_eq!(offset, FLOOD as u64);
    server.stop().await;
}
