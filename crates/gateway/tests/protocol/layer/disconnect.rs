//! How sockets leave, and that the application hears of each of them once.

use std::time::Duration;

use gateway::Config;
use hub::{Class, CloseReason};

use super::{config, join, joined, joined_polling, scripted, scripted_with};
use crate::support::{NO_CODE, Said, Session, WebSocket, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_end_has_its_reason() {
    let (server, mut seen) = scripted(|script| script).await;
    let ends: [(&str, CloseReason); 5] = [
        ("41", CloseReason::ClientDisconnect),
        ("1", CloseReason::TransportClose),
        ("abc", CloseReason::ParseError),
        ("4abc", CloseReason::ForcedClose),
        ("42/custom,[\"x\"]", CloseReason::ForcedServerClose),
    ];
    for (packet, reason) in ends {
        let mut client = joined(&server).await;
        client.send(packet).await;
        assert_eq!(seen.left().await, ("/".to_owned(), reason), "{packet} over WebSocket");

        let client = joined_polling(&server).await;
        client.post(packet).await.expect("200");
        assert_eq!(seen.left().await, ("/".to_owned(), reason), "{packet} over polling");
    }
    drop(joined(&server).await);
    assert_eq!(seen.left().await.1, CloseReason::TransportClose);
    let client = joined_polling(&server).await;
    drop(client.begin().await);
    assert_eq!(seen.left().await.1, CloseReason::TransportError);
    until("all to have left", || server.metrics.sockets("/") == 0).await;
    until("the hub to forget them", || server.hub_metric("sockets") == 0).await;
    seen.nobody_left();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_answers_no_ping_leaves() {
    // The first ping is not to come before both have joined.
    let pings = Config { ping_interval: Duration::from_secs(2), ..config() };
    let pings = Config { ping_timeout: Duration::from_millis(20), ..pings };
    let (server, mut seen) = scripted_with(pings, |script| script).await;
    let _websocket = joined(&server).await;
    assert_eq!(seen.left().await, ("/".to_owned(), CloseReason::PingTimeout));
    let _polling = joined_polling(&server).await;
    assert_eq!(seen.left().await, ("/".to_owned(), CloseReason::PingTimeout));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_sockets_of_a_session_leave_with_it() {
    let (server, mut seen) = scripted(|script| script).await;
    let mut client = joined(&server).await;
    join(&mut client, "/a,").await;
    join(&mut client, "/b,").await;
    client.send("41/a,").await;
    assert_eq!(seen.left().await, ("/a".to_owned(), CloseReason::ClientDisconnect));
    client.send("1").await;
    let mut left = [seen.left().await.0, seen.left().await.0];
    left.sort();
    assert_eq!(left, ["/", "/b"]);
    until("the hub to forget them", || server.hub_metric("sockets") == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_ends_one_namespace_behind_what_it_said() {
    let (server, mut seen) = scripted(|script| {
        script.on_event(|socket, _| {
            socket.connection().send(&wire::socket::event("/a", "back", &[]), Class::Lasting);
            None
        })
    })
    .await;
    let mut client = joined(&server).await;
    join(&mut client, "/a,").await;
    client.send("42[\"here\"]").await;
    let socket = seen.socket().await;
    socket.emit("last words", &[], Class::Lasting).await;
    socket.disconnect(false);
    assert_eq!(client.message().await, "42[\"last words\"]");
    assert_eq!(client.message().await, "41");
    assert_eq!(seen.left().await, ("/".to_owned(), CloseReason::ServerDisconnect));
    // What was under way is passed over.
    client.send("42[\"too late\"]").await;
    client.send("430[]").await;
    client.send("41").await;
    client.send("42/a,[\"x\"]").await;
    assert_eq!(client.message().await, "42/a,[\"back\"]");
    // A second time does nothing, and the client may come back.
    socket.disconnect(false);
    join(&mut client, "").await;
    seen.nobody_left();
}

async fn two_namespaces_at_their_end(client: &mut WebSocket) -> (Vec<String>, Said) {
    let mut packets = vec![client.message().await, client.message().await];
    packets.sort();
    (packets, client.next().await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_ends_all_namespaces_and_the_transport() {
    let (server, mut seen) = scripted(|script| script).await;
    let mut client = joined(&server).await;
    join(&mut client, "/a,").await;
    client.send("42[\"here\"]").await;
    seen.socket().await.disconnect(true);
    let (packets, end) = two_namespaces_at_their_end(&mut client).await;
    assert_eq!(packets, ["41", "41/a,"]);
    assert_eq!(end, Said::Closed(Some(NO_CODE)));
    assert_eq!(seen.left().await.1, CloseReason::ServerDisconnect);
    assert_eq!(seen.left().await.1, CloseReason::ServerDisconnect);
    seen.nobody_left();
}

async fn here(client: &Session) {
    client.post("42[\"here\"]").await.expect("200");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pending_poll_gets_the_last_words_and_the_end() {
    let (server, mut seen) = scripted(|script| script).await;
    let client = joined_polling(&server).await;
    let poll = client.pending().await;
    here(&client).await;
    seen.socket().await.disconnect(true);
    assert_eq!(poll.answer().await, Ok("41".to_owned()));
    assert_eq!(client.get().await, Ok("1".to_owned()));
    assert!(client.is_gone().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_words_wait_for_the_next_poll() {
    let (server, mut seen) = scripted(|script| script).await;
    let client = joined_polling(&server).await;
    here(&client).await;
    let socket = seen.socket().await;
    for number in 0..20 {
        socket.emit("last", &[&number.to_string()], Class::Lasting).await;
    }
    socket.disconnect(true);
    until("the end", || server.metrics.closes(CloseReason::ServerDisconnect) == 1).await;
    // What the client still sends is taken, and means nothing.
    here(&client).await;
    let said = client.until_gone().await;
    let lengths: Vec<usize> = said.iter().map(|payload| payload.split('\x1e').count()).collect();
    // No payload has more than 16 packets, and the end comes alone.
    assert_eq!(lengths, [16, 5, 1]);
    let said = said.join("\x1e");
    let packets: Vec<&str> = said.split('\x1e').collect();
    assert_eq!(packets[19..], ["42[\"last\",19]", "41", "1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_ever_for_the_next_poll() {
    let close_linger = Duration::from_millis(50);
    let (server, mut seen) =
        scripted_with(Config { close_linger, ..config() }, |script| script).await;
    let client = joined_polling(&server).await;
    here(&client).await;
    seen.socket().await.disconnect(true);
    crate::support::soon("the end", async {
        while !client.is_gone().await {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
