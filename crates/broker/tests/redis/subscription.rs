//! The subscription: whatever may have been missed is announced, and it comes back by itself.

use broker::{
    Broker, Delivery, Limits,
    follow::{Followed, follow},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    bench::{
        P0, Stream, connected, delivered, expect_interrupted, expect_live, heard, listen, log_of,
        numbered, patient, until, within,
    },
    server::Server,
};

#[tokio::test]
async fn a_closed_subscription_is_an_interruption_and_comes_back() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    let mut deliveries = listen(&redis).await;
    for turn in 0..3 {
        within(redis.append(numbered(turn))).await.unwrap();
        assert_eq!(heard(&mut deliveries).await.seq, turn as u64 + 1);
        assert_eq!(server.kill_clients("palabre-sub"), 1);
        expect_interrupted(&mut deliveries).await;
        expect_live(&mut deliveries).await;
    }
    assert_eq!(redis.counts().subscriptions_interrupted, 3);
}

#[tokio::test]
async fn who_reads_what_was_interrupted_has_the_log_without_a_gap() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    let mut deliveries = listen(&redis).await;
    let mut turns = 0;
    let harm = |turn| {
        turns = turn;
        server.kill_clients(["palabre-sub", "palabre-lane"][turn % 2]);
    };
    let appending = async {
        let answers = Stream::of(&redis, 0..3_000).answers(250, harm).await;
        assert!(answers.iter().all(Result::is_ok), "nobody waits for a subscription");
    };
    let following = async {
        let (mut last, mut live, mut interruptions) = (0, true, 0);
        while last < 3_000 {
            match delivered(&mut deliveries).await {
                Delivery::Entry(_, record) => {
                    assert!(live, "nothing comes between Interrupted and Live");
                    // What was read meanwhile may come once more.
                    assert!(record.seq <= last + 1, "{} after {last}: a gap", record.seq);
                    last = last.max(record.seq);
                }
                Delivery::Interrupted => (live, interruptions) = (false, interruptions + 1),
                Delivery::Live => {
                    live = true;
                    let head = within(redis.head(P0)).await.unwrap();
                    let page = redis.read_partition(P0, last, head.seq, 9_999);
                    let page = within(page).await.unwrap();
                    assert!(page.reaches_back);
                    last = page.records.last().map_or(last, |record| record.seq);
                }
                other => panic!("{other:?}"),
            }
        }
        interruptions
    };
    let ((), interruptions) = tokio::join!(appending, following);
    assert!(turns > 8 && interruptions > 0);
}

#[tokio::test]
async fn a_follower_driven_through_all_of_it_hands_on_the_log() {
    let server = Server::start_durable();
    let redis = connected(&server, patient()).await;
    let tasks = TaskTracker::new();
    let stop = CancellationToken::new();
    let mut followed = follow(redis.clone(), P0, &tasks, stop.clone());
    match within(followed.recv()).await {
        Some(Followed::Start(head)) => assert_eq!(head.seq, 0),
        other => panic!("{other:?}"),
    }
    let harm = |turn: usize| match turn % 3 {
        0 => drop(server.must(&["SCRIPT", "FLUSH"])),
        1 => assert!(server.kill_clients("palabre-sub") <= 1),
        _ => {
            server.kill();
            server.run();
        }
    };
    let appending = async {
        let answers = Stream::of(&redis, 0..2_000).answers(200, harm).await;
        assert!(answers.iter().all(Result::is_ok));
        // A tail that was published to nobody is found by the next watermark.
        within(redis.heartbeat(P0, "me")).await.unwrap();
    };
    let following = async {
        let mut handed_on = Vec::new();
        while handed_on.len() < 2_000 {
            match within(followed.recv()).await {
                Some(Followed::Entry(_, record)) => handed_on.push((*record).clone()),
                Some(Followed::Watermark { .. } | Followed::Behind | Followed::CaughtUp { .. }) => {
                }
                other => panic!("{other:?}"),
            }
        }
        handed_on
    };
    let ((), handed_on) = tokio::join!(appending, following);
    assert!(handed_on == log_of(&redis).await, "each entry once, in order");
    stop.cancel();
}

#[tokio::test]
async fn a_redis_that_went_away_is_an_interruption_at_once() {
    let server = Server::start_durable();
    let redis = connected(&server, patient()).await;
    let mut deliveries = listen(&redis).await;
    server.stop();
    expect_interrupted(&mut deliveries).await;
    server.run();
    expect_live(&mut deliveries).await;
    within(redis.append(numbered(0))).await.unwrap();
    assert_eq!(heard(&mut deliveries).await.seq, 1);
}

#[tokio::test]
async fn a_connection_that_is_only_half_there_is_found() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    let mut deliveries = listen(&redis).await;
    server.freeze();
    expect_interrupted(&mut deliveries).await;
    server.thaw();
    expect_live(&mut deliveries).await;
}

#[tokio::test]
async fn being_cut_off_for_reading_slowly_is_an_interruption() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    let mut deliveries = listen(&redis).await;
    server.must(&["CONFIG", "SET", "client-output-buffer-limit", "pubsub 256kb 0 0"]);
    // One publication that exceeds the limit by itself cuts off whoever hears it.
    server.must(&["PUBLISH", "palabre:{p0}:0", &"x".repeat(1 << 20)]);
    expect_interrupted(&mut deliveries).await;
    expect_live(&mut deliveries).await;
    within(redis.append(numbered(0))).await.unwrap();
    assert_eq!(heard(&mut deliveries).await.seq, 1);
}

#[tokio::test]
async fn what_others_publish_is_counted_and_ignored() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    let mut deliveries = listen(&redis).await;
    for publication in ["", "hello", "1e ", "9e abcdefghijklmnop 1\nr1 1 1 0 1 1\nui", "1s 9\n"] {
        server.must(&["PUBLISH", "palabre:{p0}:0", publication]);
    }
    within(redis.append(numbered(0))).await.unwrap();
    assert_eq!(heard(&mut deliveries).await.seq, 1);
    assert_eq!(redis.counts().publications_undecodable, 5);
}

#[tokio::test]
async fn a_full_queue_is_an_interruption_and_goes_on_when_there_is_room() {
    let server = Server::start();
    let redis = connected(&server, Limits { delivery_queue: 10, ..patient() }).await;
    let mut slow = listen(&redis).await;
    let mut quick = listen(&redis).await;
    let answers = Stream::of(&redis, 0..50).answers(99, |_| ()).await;
    assert!(answers.iter().all(Result::is_ok));
    until("the queue is full", async || redis.counts().followers_overflowed > 0).await;
    let last = expect_interrupted(&mut slow).await;
    assert_eq!(last, 9, "all places but the one for the interruption");
    expect_live(&mut slow).await;
    drop(quick.try_recv());
    within(redis.append(numbered(50))).await.unwrap();
    let next = heard(&mut slow).await.seq;
    assert!(next > last && next <= 51);
}

#[tokio::test]
async fn a_follower_before_there_is_a_redis_hears_when_it_comes() {
    let server = Server::prepare(&[]);
    let redis = crate::bench::start(&server, patient());
    let mut deliveries = redis.follow(crate::bench::P0);
    until("a try", async || redis.counts().connections_failed > 1).await;
    assert!(deliveries.try_recv().is_none());
    server.run();
    expect_live(&mut deliveries).await;
}
