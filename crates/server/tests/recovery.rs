//! Stock clients that are cut off take up their session on any instance: nothing is missing,
//! nothing comes twice, or they are told that it could not be done.

#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "clients/stock.rs"]
mod stock;

use std::{sync::Arc, time::Duration};

use broker::{Broker, Limits, SessionRecord, embedded::Embedded};
use server::{Server, config::Config};
use stock::Stock;

fn log() -> Arc<dyn Broker> {
    Embedded::open(None, Limits::default()).unwrap()
}

fn config() -> Config {
    Config { port: 0, drain_window: Duration::ZERO, ..Config::default() }
}

async fn instances(broker: &Arc<dyn Broker>, count: usize) -> Vec<Server> {
    let mut servers = Vec::new();
    for _ in 0..count {
        servers.push(Server::start(&config(), broker.clone()).await.unwrap());
    }
    servers
}

async fn stop(servers: Vec<Server>) {
    for server in servers {
        server.stop().await;
    }
}

/// Numbers as they are said and heard.
fn numbers(range: std::ops::RangeInclusive<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

async fn say(speaker: &mut Stock, range: std::ops::RangeInclusive<usize>) {
    for number in range {
        speaker.say(&number.to_string()).await;
    }
}

async fn metric(server: &Server, name: &str) -> u64 {
    let url = server.address().to_string();
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    let mut page = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut page).await.unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().unwrap())
}

async fn recovered_from(server: &Server, whence: &str) -> u64 {
    metric(server, &format!("palabre_recoveries_total{{outcome=\"{whence}\"}}")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_cut_off_is_sent_what_it_missed_on_another_instance() {
    let servers = instances(&log(), 2).await;
    let mut speaker = Stock::connect(&servers[0]).await;
    let mut client = Stock::connect(&servers[0]).await;
    say(&mut speaker, 1..=3).await;
    client.hear(3).await;
    let (sid, pid) = (client.sid.clone(), client.pid.clone());
    client.cut();
    say(&mut speaker, 4..=40).await;
    client.reconnect(&servers[1]).await;
    assert!(client.recovered);
    assert_eq!((&client.sid, &client.pid), (&sid, &pid));
    let cursor = client.cursor.clone();
    client.welcomed().await;
    assert_eq!(client.heard.len(), 3, "the welcome comes first");
    assert_eq!(client.cursor, cursor, "and does not move the cursor");
    say(&mut speaker, 41..=45).await;
    client.hear(45).await;
    assert_eq!(client.heard, numbers(1..=45));
    // It speaks as before, and is heard once everywhere.
    client.say("46").await;
    speaker.hear(46).await;
    assert_eq!(speaker.heard, numbers(1..=46));
    assert_eq!(recovered_from(&servers[1], "ring").await, 1);
    stop(servers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_received_nothing_yet_can_come_back() {
    let servers = instances(&log(), 2).await;
    let mut speaker = Stock::connect(&servers[0]).await;
    let mut welcomed = Stock::connect(&servers[0]).await;
    welcomed.welcomed().await;
    let mut silent = Stock::connect(&servers[0]).await;
    assert_eq!(silent.cursor, None, "it has read the answer and nothing else");
    welcomed.cut();
    silent.cut();
    say(&mut speaker, 1..=5).await;
    for client in [&mut welcomed, &mut silent] {
        client.reconnect(&servers[1]).await;
        assert!(client.recovered);
        client.hear(5).await;
        assert_eq!(client.heard, numbers(1..=5));
    }
    stop(servers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_cut_in_the_middle_of_a_recovery_loses_and_doubles_nothing() {
    let servers = instances(&log(), 3).await;
    let mut speaker = Stock::connect(&servers[0]).await;
    let mut client = Stock::connect(&servers[0]).await;
    client.welcomed().await;
    client.cut();
    say(&mut speaker, 1..=60).await;
    for round in 1..=12 {
        client.reconnect(&servers[round % 3]).await;
        assert!(client.recovered, "round {round}");
        client.hear(round * 5).await;
        client.cut();
        // Sometimes it is cut when it has read no more than its welcome, or nothing at all.
        client.reconnect(&servers[(round + 1) % 3]).await;
        client.welcomed().await;
        client.cut();
        client.open(&servers[(round + 2) % 3]).await;
        client.cut();
    }
    assert_eq!(client.heard, numbers(1..=60));
    stop(servers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coming_back_before_the_cut_is_noticed_closes_the_connection_before() {
    let servers = instances(&log(), 2).await;
    let mut speaker = Stock::connect(&servers[0]).await;
    let mut client = Stock::connect(&servers[0]).await;
    client.welcomed().await;
    say(&mut speaker, 1..=3).await;
    let mut before = Stock::default();
    for round in 0..6 {
        // The connection before stays open, as after a change of networks.
        std::mem::swap(&mut before, &mut client);
        client = Stock {
            pid: before.pid.clone(),
            cursor: before.cursor.clone(),
            heard: before.heard.clone(),
            ..Stock::default()
        };
        client.reconnect(&servers[round % 2]).await;
        assert!(client.recovered, "round {round}");
        before.until_closed().await;
    }
    say(&mut speaker, 4..=6).await;
    client.hear(6).await;
    assert_eq!(client.heard, numbers(1..=6));
    stop(servers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_with_the_same_pid_at_once_one_remains() {
    let servers = instances(&log(), 2).await;
    let mut speaker = Stock::connect(&servers[0]).await;
    for on in [[0, 0], [0, 1], [1, 0]] {
        let mut client = Stock::connect(&servers[0]).await;
        client.welcomed().await;
        let twin =
            || Stock { pid: client.pid.clone(), cursor: client.cursor.clone(), ..Stock::default() };
        let (mut one, mut other) = (twin(), twin());
        client.cut();
        let first = speaker.heard.len() + 1;
        say(&mut speaker, first..=first + 4).await;
        let (a, b) =
            tokio::join!(one.try_reconnect(&servers[on[0]]), other.try_reconnect(&servers[on[1]]));
        assert!(a || b, "one of them remains");
        // The later one owns the session; the other one is closed, whatever it has read.
        let of_one = async {
            one.until_closed().await;
            0
        };
        let of_other = async {
            other.until_closed().await;
            1
        };
        let (a, b) = (a.then_some(of_one), b.then_some(of_other));
        let closed = match (a, b) {
            (Some(a), Some(b)) => tokio::select! { x = a => x, x = b => x },
            (None, _) => 0,
            (_, None) => 1,
        };
        let remains = if closed == 0 { &mut other } else { &mut one };
        assert!(remains.recovered);
        remains.hear(5).await;
        assert_eq!(remains.heard, numbers(first..=first + 4));
        speaker.hear(first + 4).await;
    }
    stop(servers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_waits_until_it_has_come_as_far_as_the_client() {
    let servers = instances(&log(), 1).await;
    let mut speaker = Stock::connect(&servers[0]).await;
    let mut client = Stock::connect(&servers[0]).await;
    say(&mut speaker, 1..=2).await;
    client.hear(2).await;
    client.cut();
    // As if it had heard the next three from an instance that was ahead of this one.
    let (epoch, seq) = client.cursor.as_ref().unwrap().split_once('.').unwrap();
    let ahead = seq.parse::<u64>().unwrap() + 3;
    client.cursor = Some(format!("{epoch}.{ahead}"));
    let back = client.reconnect(&servers[0]);
    let told = say(&mut speaker, 3..=8);
    let ((), ()) = tokio::join!(back, told);
    assert!(client.recovered);
    client.hear(5).await;
    assert_eq!(client.heard, ["1", "2", "6", "7", "8"]);
    stop(servers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_had_whole_is_a_new_session() {
    let broker = log();
    let servers = instances(&broker, 1).await;
    let mut speaker = Stock::connect(&servers[0]).await;
    say(&mut speaker, 1..=2).await;
    let other_life = "\ngeneral aaaaaaaaaaaaaaaa 1";
    let unknown_room = "\nanother-lobby aaaaaaaaaaaaaaaa 1";
    let record = |rooms: &str| format!("\u{2}sidsidsidsidsidsidsi gAAAA{rooms}");
    let records = [
        ("of-another-life", record(other_life)),
        ("of-another-lobby", record(unknown_room)),
        ("of-no-room", record("")),
        ("of-another-release", "\u{1}{}".to_owned()),
        ("damaged", "\u{2}sid".to_owned()),
    ];
    for (pid, bytes) in records {
        let record =
            SessionRecord { key: pid.into(), owner: "x".into(), bytes: bytes.into_bytes().into() };
        assert!(broker.keep(record, Duration::from_mins(1)).await.unwrap());
        let mut client = Stock { pid: Some(pid.into()), ..Stock::default() };
        client.reconnect(&servers[0]).await;
        assert!(!client.recovered, "{pid}");
        client.welcomed().await;
        let count = client.heard.len();
        speaker.say("to the new session").await;
        client.hear(count + 1).await;
        assert_eq!(client.heard, ["to the new session"], "{pid}");
        let again = broker.claim(pid, "y", Duration::from_mins(1)).await.unwrap();
        assert_eq!(again, None, "{pid} is forgotten");
    }
    for cursor in ["", "nonsense", "aaaaaaaaaaaaaaaa.1~aaaaaaaaaaaaaaaa.1"] {
        let mut client = Stock::connect(&servers[0]).await;
        client.welcomed().await;
        client.cut();
        client.cursor = Some(cursor.into());
        client.reconnect(&servers[0]).await;
        assert!(!client.recovered, "{cursor}");
    }
    let mut client = Stock { pid: Some("never-heard-of".into()), ..Stock::default() };
    client.reconnect(&servers[0]).await;
    assert!(!client.recovered);
    stop(servers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_of_a_session_before_takes_nothing_from_this_one() {
    let servers = instances(&log(), 1).await;
    let mut speaker = Stock::connect(&servers[0]).await;
    say(&mut speaker, 1..=5).await;
    let old = speaker.cursor.clone();
    let mut client = Stock::connect(&servers[0]).await;
    client.cut();
    // The official client keeps its cursor when it gets a new pid.
    client.cursor = old.map(|cursor| format!("{}.1", cursor.split_once('.').unwrap().0));
    say(&mut speaker, 6..=7).await;
    client.reconnect(&servers[0]).await;
    assert!(client.recovered);
    client.hear(2).await;
    assert_eq!(client.heard, ["6", "7"]);
    stop(servers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_on_purpose_gets_a_new_session() {
    let broker = log();
    let servers = instances(&broker, 1).await;
    let mut client = Stock::connect(&servers[0]).await;
    client.welcomed().await;
    client.leave().await;
    let pid = client.pid.clone().unwrap();
    client.cut();
    // It is forgotten behind the leaving.
    let record = SessionRecord { key: pid.into(), owner: "x".into(), bytes: "".into() };
    let is_free = async {
        while !broker.keep(record.clone(), Duration::from_millis(1)).await.unwrap() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), is_free).await.unwrap();
    client.reconnect(&servers[0]).await;
    assert!(!client.recovered);
    stop(servers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_instance_serves_who_comes_back_from_what_it_read_at_the_start() {
    let broker = log();
    let mut servers = instances(&broker, 2).await;
    let mut speaker = Stock::connect(&servers[1]).await;
    let mut client = Stock::connect(&servers[0]).await;
    say(&mut speaker, 1..=300).await;
    client.hear(100).await;
    servers.remove(0).stop().await;
    say(&mut speaker, 301..=1300).await;
    let restarted = instances(&broker, 1).await.remove(0);
    client.cut();
    client.reconnect(&restarted).await;
    assert!(client.recovered);
    client.hear(1300).await;
    assert_eq!(client.heard, numbers(1..=1300));
    assert_eq!(recovered_from(&restarted, "ring").await, 1);
    assert!(metric(&restarted, "palabre_ring_entries").await >= 1300);
    servers.push(restarted);
    stop(servers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_ring_the_log_is_read_and_where_that_ends_it_is_a_new_session() {
    let limits = Limits { room_entries: 700, ..Limits::default() };
    let broker: Arc<dyn Broker> = Embedded::open(None, limits).unwrap();
    let small = Config { ring_bytes: 64 << 10, ..config() };
    let server = Server::start(&small, broker).await.unwrap();
    let mut speaker = Stock::connect(&server).await;
    let (mut early, mut late) = (Stock::connect(&server).await, Stock::connect(&server).await);
    early.welcomed().await;
    early.cut();
    say(&mut speaker, 1..=400).await;
    late.hear(400).await;
    late.cut();
    say(&mut speaker, 401..=900).await;
    late.reconnect(&server).await;
    assert!(late.recovered);
    late.hear(900).await;
    assert_eq!(late.heard, numbers(1..=900));
    assert_eq!(recovered_from(&server, "log").await, 1);
    say(&mut speaker, 901..=1500).await;
    early.reconnect(&server).await;
    assert!(!early.recovered, "its first entries are gone");
    assert_eq!(recovered_from(&server, "past_lost").await, 1);
    early.welcomed().await;
    say(&mut speaker, 1501..=1502).await;
    early.hear(2).await;
    assert_eq!(early.heard, ["1501", "1502"], "and nothing of what came before");
    stop(vec![server]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_window_nobody_gets_a_pid() {
    let off = Config { recovery_window: Duration::ZERO, ..config() };
    let server = Server::start(&off, log()).await.unwrap();
    let mut client = Stock::connect(&server).await;
    assert_eq!(client.pid, None);
    client.welcomed().await;
    client.pid = Some("made-up".into());
    client.reconnect(&server).await;
    assert!(!client.recovered && client.pid.is_none());
    stop(vec![server]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_herd_is_served_from_the_ring() {
    const HERD: usize = 300;
    let servers = instances(&log(), 2).await;
    let mut speaker = Stock::connect(&servers[1]).await;
    let mut herd = Vec::new();
    for _ in 0..HERD {
        let mut client = Stock::connect(&servers[0]).await;
        client.welcomed().await;
        herd.push(client);
    }
    for client in &mut herd {
        client.cut();
    }
    say(&mut speaker, 1..=50).await;
    let back = herd.iter_mut().map(|client| async {
        client.reconnect(&servers[1]).await;
        assert!(client.recovered);
        client.hear(50).await;
        assert_eq!(client.heard, numbers(1..=50));
    });
    futures_util::future::join_all(back).await;
    assert_eq!(recovered_from(&servers[1], "ring").await, HERD as u64);
    say(&mut speaker, 51..=52).await;
    for client in &mut herd {
        client.hear(52).await;
        assert_eq!(client.heard, numbers(1..=52));
    }
    stop(servers).await;
}
