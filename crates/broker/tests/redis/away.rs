//! A Redis that is away in all the ways there are: what was called gets one true answer, what was
//! acknowledged is there once, and who follows has all of it.

use broker::{
    AppendError, Broker, Draft,
    follow::{Followed, follow},
};
use tokio::sync::mpsc::Receiver;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    bench::{
        P0, Stream, check_log, connected, connection, log_of, numbered, patient, until, within,
    },
    server::Server,
};

#[tokio::test]
async fn what_a_frozen_redis_carries_out_after_it_was_given_up_is_there_once() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    within(redis.append(numbered(0))).await.unwrap();
    server.freeze();
    let stream = Stream::of(&redis, 1..400);
    until("it is given up", async || redis.counts().connections_failed > 1).await;
    // Now it finds what the first connection sent, and the new one sends all of it again.
    server.thaw();
    let answers = stream.answers(999, |_| ()).await;
    assert_eq!(check_log(&redis, 1..400, &answers).await, 399);
    assert_eq!(redis.counts().appends_resent, 399);
    let found = answers.iter().filter(|answer| answer.as_ref().unwrap().duplicate).count();
    assert!(found > 0, "the first connection's appends were carried out");
}

#[tokio::test]
async fn a_redis_that_is_busy_with_somebody_elses_script_is_waited_for() {
    let server = Server::start_with(&["--lua-time-limit", "1"]);
    let redis = connected(&server, patient()).await;
    within(redis.append(numbered(0))).await.unwrap();
    let script = server.begin(&["EVAL", "while true do end", "0"]);
    until("it is busy", async || server.command(&["GET", "x"]).starts_with("-BUSY")).await;
    let stream = Stream::of(&redis, 1..100);
    until("the lane was told so", async || redis.counts().appends_resent > 0).await;
    server.must(&["SCRIPT", "KILL"]);
    drop(script);
    let answers = stream.answers(999, |_| ()).await;
    assert_eq!(check_log(&redis, 1..100, &answers).await, 99);
}

#[tokio::test]
async fn a_slow_redis_is_no_redis_that_is_lost() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    within(redis.append(numbered(0))).await.unwrap();
    let pause = |_| drop(server.must(&["CLIENT", "PAUSE", "700", "ALL"]));
    let answers = Stream::of(&redis, 1..900).answers(300, pause).await;
    assert_eq!(check_log(&redis, 1..900, &answers).await, 899);
    let counts = redis.counts();
    assert_eq!((counts.connections_failed, counts.appends_resent), (0, 0));
}

#[tokio::test]
async fn a_redis_that_came_back_without_its_data_is_a_new_epoch() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    let before = within(redis.append(numbered(0))).await.unwrap();
    server.kill();
    until("the loss is noticed", async || redis.state() != broker::State::Connected).await;
    let waiting = Stream::of(&redis, 1..4);
    server.run();
    let answers = waiting.answers(99, |_| ()).await;
    assert_eq!(answers, vec![Err(AppendError::Fenced); 3], "they were meant for the old epoch");
    connection(&redis).await;
    let made = within(redis.append(numbered(1))).await;
    let after = made.clone().unwrap();
    assert_ne!(after.epoch, before.epoch);
    assert_eq!((after.seq, after.offset), (1, 1));
    assert_eq!(check_log(&redis, 1..2, &[made]).await, 1);
}

#[tokio::test]
async fn a_redis_that_misses_its_replicas_is_waited_for() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    within(redis.append(numbered(0))).await.unwrap();
    server.must(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    let stream = Stream::of(&redis, 1..20);
    until("some tries", async || {
        server.must(&["INFO", "errorstats"]).contains("errorstat_NOREPLICAS")
    })
    .await;
    server.must(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
    let answers = stream.answers(99, |_| ()).await;
    assert_eq!(check_log(&redis, 1..20, &answers).await, 19);
}

#[tokio::test]
async fn a_full_redis_refuses_and_goes_on_when_there_is_room() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    within(redis.append(numbered(0))).await.unwrap();
    server.must(&["CONFIG", "SET", "maxmemory", "1"]);
    let refused = Stream::of(&redis, 1..50).answers(99, |_| ()).await;
    assert!(refused.iter().all(|answer| matches!(answer, Err(AppendError::Refused(_)))));
    assert_eq!(log_of(&redis).await.len(), 1, "reading goes on");
    within(redis.heartbeat(P0, "me")).await.unwrap();
    server.must(&["CONFIG", "SET", "maxmemory", "0"]);
    let answers = Stream::of(&redis, 1..50).answers(99, |_| ()).await;
    assert_eq!(check_log(&redis, 1..50, &answers).await, 49);
}

/// The entries that a follower hands on, up to a seq.
async fn handed_on(followed: &mut Receiver<Followed>, last: u64) -> Vec<broker::Record> {
    let mut entries = Vec::new();
    while entries.len() < usize::try_from(last).unwrap() {
        match within(followed.recv()).await {
            Some(Followed::Entry(_, record)) => entries.push((*record).clone()),
            Some(Followed::Watermark { .. } | Followed::Behind | Followed::CaughtUp { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    entries
}

#[tokio::test]
async fn a_follower_that_redis_cuts_off_for_its_buffer_loses_nothing() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let mut followed = follow(redis.clone(), P0, &tasks, stop.clone());
    assert!(matches!(within(followed.recv()).await, Some(Followed::Start(_))));
    server.must(&["CONFIG", "SET", "client-output-buffer-limit", "pubsub 256kb 0 0"]);
    // Each large one exceeds the limit by itself, and cuts off whoever hears it.
    let large = |number| Draft { bytes: "x".repeat(400 << 10).into(), ..numbered(number) };
    let calls: Vec<_> = (0..60)
        .map(|number| redis.append(if number % 20 == 7 { large(number) } else { numbered(number) }))
        .collect();
    for call in calls {
        within(call).await.unwrap();
    }
    within(redis.heartbeat(P0, "me")).await.unwrap();
    assert!(handed_on(&mut followed, 60).await == log_of(&redis).await);
    assert!(redis.counts().subscriptions_interrupted > 0);
    stop.cancel();
}
