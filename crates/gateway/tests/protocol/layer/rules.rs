//! Which packets end a session, and which are passed over.

use hub::CloseReason;

use super::joined;
use crate::support::{NO_CODE, Said, Server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_that_break_a_rule_end_the_session() {
    let server = Server::socket().await;
    let connects = ["40[]", "40\"x\"", "40null", "40abc", "40{", "40/custom,[]"];
    let before_connect = ["41", "42[\"x\"]", "43[]", "42/custom,[\"x\"]", "44{}"];
    for packet in connects.iter().chain(&before_connect) {
        let mut socket = server.websocket().await;
        socket.send(packet).await;
        assert_eq!(socket.next().await, Said::Closed(Some(NO_CODE)), "{packet}");
    }
    let placeholder = r#"{"_placeholder":true,"num":0}"#;
    let joined_packets = [
        "40".to_owned(),
        "42/custom,[\"x\"]".to_owned(),
        "41/custom".to_owned(),
        "44{\"message\":\"x\"}".to_owned(),
        "42[]".to_owned(),
        "42[null]".to_owned(),
        "42{}".to_owned(),
        "42\"x\"".to_owned(),
        "42[\"x\"".to_owned(),
        "42[\"x\"]y".to_owned(),
        "42-1[\"x\"]".to_owned(),
        "421.5[\"x\"]".to_owned(),
        "42[\"connect\"]".to_owned(),
        "42[\"connect_error\"]".to_owned(),
        "42[\"disconnect\"]".to_owned(),
        "42[\"disconnecting\"]".to_owned(),
        "42[\"newListener\"]".to_owned(),
        "42[\"removeListener\"]".to_owned(),
        "430{}".to_owned(),
        "41{}".to_owned(),
        "47".to_owned(),
        "4".to_owned(),
        format!("45[\"x\",{placeholder}]"),
        format!("450-[\"x\",{placeholder}]"),
        format!("45a-[\"x\",{placeholder}]"),
        format!("4511-[\"x\",{placeholder}]"),
    ];
    for packet in &joined_packets {
        let mut socket = joined(&server).await;
        assert!(socket.message().await.contains("auth"));
        socket.send(packet).await;
        assert_eq!(socket.next().await, Said::Closed(Some(NO_CODE)), "{packet}");
    }
    let forced = server.metrics.closes(CloseReason::ForcedClose);
    let state = server.metrics.closes(CloseReason::ForcedServerClose);
    let all = connects.len() + before_connect.len() + joined_packets.len();
    assert_eq!(forced + state, all as u64);
    assert_eq!(server.metrics.sockets("/"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn binary_out_of_its_place_ends_the_session() {
    let server = Server::socket().await;
    let header = r#"451-["message",{"_placeholder":true,"num":0}]"#;
    let beyond = r#"451-["message",{"_placeholder":true,"num":1}]"#;
    // Text while an attachment is missing.
    let mut socket = joined(&server).await;
    assert!(socket.message().await.contains("auth"));
    socket.send(header).await;
    socket.send("42[\"message\"]").await;
    assert_eq!(socket.next().await, Said::Closed(Some(NO_CODE)));
    // An attachment that nobody announced.
    let mut socket = joined(&server).await;
    assert!(socket.message().await.contains("auth"));
    socket.send_binary(&[1]).await;
    assert_eq!(socket.next().await, Said::Closed(Some(NO_CODE)));
    // A placeholder out of range, at the latest with the last attachment.
    let mut socket = joined(&server).await;
    assert!(socket.message().await.contains("auth"));
    socket.send(beyond).await;
    socket.try_send_binary(&[1]).await;
    assert_eq!(socket.closed().await, Some(NO_CODE));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_may_stand_between_a_packet_and_its_attachments() {
    let server = Server::socket().await;
    let mut socket = joined(&server).await;
    assert!(socket.message().await.contains("auth"));
    socket.send(r#"451-["message",{"_placeholder":true,"num":0}]"#).await;
    socket.send("3").await;
    socket.send_binary(&[1, 2]).await;
    let header = r#"451-["message-back",{"_placeholder":true,"num":0}]"#;
    assert_eq!(socket.message().await, header);
    assert_eq!(socket.next().await, Said::Binary(vec![1, 2]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_packets_that_break_no_rule_are_accepted() {
    let server = Server::socket().await;
    let mut socket = joined(&server).await;
    assert!(socket.message().await.contains("auth"));
    let odd = ["42", "42[1,2]", "42[\"connection\"]", "43[]", "4399[]", "4399", "42[\"unknown\"]"];
    for packet in odd {
        socket.send(packet).await;
    }
    socket.send("42 [\"message\",  1 ] ").await;
    assert_eq!(socket.message().await, r#"42["message-back",1]"#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_ack_ids_come_back_as_they_were() {
    let server = Server::socket().await;
    let mut socket = joined(&server).await;
    assert!(socket.message().await.contains("auth"));
    socket.send(r#"4218446744073709551615["message-with-ack",1]"#).await;
    assert_eq!(socket.message().await, "4318446744073709551615[1]");
    socket.send("42/custom,").await;
    assert_eq!(socket.next().await, Said::Closed(Some(NO_CODE)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_rules_hold_over_polling() {
    let server = Server::socket().await;
    for packet in ["4abc", "41", "42[\"x\"]", "40\x1e40", "40\x1e42[\"too early\"]"] {
        let session = server.poll().await;
        assert_eq!(session.post(packet).await, Ok("ok".to_owned()), "{packet:?}");
        // What was to be said may come first: an error is no reason to lose it.
        let said = session.until_gone().await.concat();
        assert!(said.ends_with('1'), "{packet:?} gave {said:?}");
    }
    let session = server.poll().await;
    let poll = session.pending().await;
    assert_eq!(session.post("4abc").await, Ok("ok".to_owned()));
    assert_eq!(poll.answer().await, Ok("1".to_owned()));
    assert_eq!(session.get().await, Err(400));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn binary_goes_both_ways_over_polling() {
    let server = Server::socket().await;
    let session = super::joined_polling(&server).await;
    let two = r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}"#;
    let header = format!(r#"452-["message",{two}]"#);
    assert_eq!(session.post(&header).await, Ok("ok".to_owned()));
    // Attachments may come in the same payload as their packet or in later ones.
    assert_eq!(session.post("bAQID").await, Ok("ok".to_owned()));
    assert_eq!(session.post("bBAUG").await, Ok("ok".to_owned()));
    let back = format!("452-[\"message-back\",{two}]\x1ebAQID\x1ebBAUG");
    assert!(session.get().await.expect("200").ends_with(&back));
    let all = format!("452-7[\"message-with-ack\",{two}]\x1ebAQID\x1ebBAUG");
    assert_eq!(session.post(&all).await, Ok("ok".to_owned()));
    assert_eq!(session.get().await, Ok(format!("462-7[{two}]\x1ebAQID\x1ebBAUG")));
}
