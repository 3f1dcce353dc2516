//! Following: what is heard, and by whom.

use super::{
    Place, append, heard, home, limits, listen, log_of, numbered, open, open_with, within,
};
use crate::{Deliveries, Delivery, Limits, Record};

/// Everybody hears the same, on every instance: the log.
pub async fn deliveries_are_the_log(place: &dyn Place) {
    let brokers = [open(place).await, open(place).await];
    let mut all = [listen(&*brokers[0], "lobby").await, listen(&*brokers[1], "lobby").await];
    let calls: Vec<_> =
        (1..=100).map(|number| brokers[number % 2].append(numbered("lobby", number))).collect();
    for call in calls {
        within(call).await.expect("the entry is appended");
    }
    let log = log_of(&*brokers[0], home(&*brokers[0], "lobby")).await;
    assert_eq!(log.len(), 100);
    for deliveries in &mut all {
        assert_eq!(heard_times(deliveries, 100).await, log);
    }
}

async fn heard_times(deliveries: &mut Deliveries, times: usize) -> Vec<Record> {
    let mut all = Vec::new();
    for _ in 0..times {
        all.push((*heard(deliveries).await).clone());
    }
    all
}

/// What was before is for reading.
pub async fn followers_begin_with_now(place: &dyn Place) {
    let broker = open(place).await;
    append(&*broker, numbered("lobby", 1)).await;
    let mut deliveries = listen(&*broker, "lobby").await;
    let epoch = append(&*broker, numbered("lobby", 2)).await.epoch;
    loop {
        match within(deliveries.recv()).await {
            Some(Delivery::Entry(its, record)) => {
                assert_eq!((its, record.seq), (epoch, 2));
                return;
            }
            Some(Delivery::Watermark { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// A signal reaches all followers of the room's partition, and the log knows nothing of it.
pub async fn signals_are_heard_and_not_kept(place: &dyn Place) {
    let brokers = [open(place).await, open(place).await];
    let mut all = [listen(&*brokers[0], "lobby").await, listen(&*brokers[1], "lobby").await];
    let text = bytes::Bytes::from(vec![0, 255, b'x', b'\n']);
    within(brokers[0].signal("lobby", text.clone())).await.expect("it is signalled");
    for deliveries in &mut all {
        match within(deliveries.recv()).await {
            Some(Delivery::Signal { room, bytes }) => {
                assert_eq!((&*room, &bytes), ("lobby", &text));
            }
            other => panic!("{other:?}"),
        }
    }
    let log = log_of(&*brokers[0], home(&*brokers[0], "lobby")).await;
    assert!(log.is_empty());
}

/// A heartbeat says who sent it and where the log stood; it comes behind the entries up to there.
pub async fn heartbeats_carry_the_head(place: &dyn Place) {
    let brokers = [open(place).await, open(place).await];
    let partition = home(&*brokers[0], "lobby");
    let mut deliveries = listen(&*brokers[0], "lobby").await;
    for turn in 0..3 {
        let head = within(brokers[1].head(partition)).await.expect("there is a head");
        assert_eq!(head.seq, turn);
        within(brokers[1].heartbeat(partition, "the-other")).await.expect("it beats");
        match within(deliveries.recv()).await {
            Some(Delivery::Watermark { instance, head: its }) => {
                assert_eq!((&*instance, its), ("the-other", head));
            }
            other => panic!("{other:?}"),
        }
        append(&*brokers[0], numbered("lobby", turn as usize)).await;
        assert_eq!(heard(&mut deliveries).await.seq, turn + 1);
    }
}

/// Who doesn't read is told so when there is room again, and nobody else notices.
pub async fn lagging_follower_is_interrupted_alone(place: &dyn Place) {
    let broker = open_with(place, Limits { delivery_queue: 8, ..limits() }).await;
    let mut slow = listen(&*broker, "lobby").await;
    let mut quick = listen(&*broker, "lobby").await;
    for seq in 1..=100 {
        let appended = append(&*broker, numbered("lobby", seq as usize)).await;
        assert_eq!(appended.seq, seq, "a follower holds up nobody");
        assert_eq!(heard(&mut quick).await.seq, seq);
    }
    let mut last = 0;
    loop {
        match within(slow.recv()).await {
            Some(Delivery::Entry(_, record)) => {
                assert_eq!(record.seq, last + 1, "up to the interruption nothing is missing");
                last = record.seq;
            }
            Some(Delivery::Interrupted) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(last < 100, "the queue is bounded");
    match within(slow.recv()).await {
        Some(Delivery::Live) => {}
        other => panic!("after an interruption it goes on by itself, not with {other:?}"),
    }
    append(&*broker, numbered("lobby", 101)).await;
    assert_eq!(heard(&mut quick).await.seq, 101);
    while last < 101 {
        let seq = heard(&mut slow).await.seq;
        assert!(seq > last, "in order");
        last = seq;
    }
}
