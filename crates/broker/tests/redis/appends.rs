//! The lane: whatever happens to the connection, calls keep their order, nothing acknowledged is
//! lost, nothing is there twice, and every call gets an answer.

use std::{cell::Cell, time::Duration};

use broker::{AppendError, Broker, Error, Limits, Partition, State};

use crate::{
    bench::{
        P0, Stream, check_log, connected, connection, draft, numbered, patient, start, until,
        within,
    },
    server::Server,
};

#[tokio::test]
async fn scripts_flushed_in_the_middle_are_loaded_again() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    let numbers = 0..3_000;
    let flush = |_| drop(server.must(&["SCRIPT", "FLUSH"]));
    let answers = Stream::of(&redis, numbers.clone()).answers(250, flush).await;
    let acknowledged = check_log(&redis, numbers, &answers).await;
    assert_eq!(acknowledged, 3_000);
    assert!(redis.counts().appends_resent > 0, "a flush came in the middle");
}

#[tokio::test]
async fn connections_closed_in_the_middle_are_made_again() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    let numbers = 0..3_000;
    let mut closed = 0;
    let close = |_| closed += server.kill_clients("palabre-lane");
    let answers = Stream::of(&redis, numbers.clone()).answers(250, close).await;
    let acknowledged = check_log(&redis, numbers, &answers).await;
    assert_eq!(acknowledged, 3_000);
    assert!(closed > 0 && redis.counts().appends_resent > 0, "{closed} in the middle");
}

#[tokio::test]
async fn two_lanes_in_trouble_keep_their_orders() {
    let server = Server::start();
    let (one, other) = (connected(&server, patient()).await, connected(&server, patient()).await);
    let (ones, others) = (0..2_000, 2_000..4_000);
    let harm = |turn: usize| {
        if turn.is_multiple_of(2) {
            server.must(&["SCRIPT", "FLUSH"]);
        } else {
            server.kill_clients("palabre-lane");
        }
    };
    let streams = (Stream::of(&one, ones.clone()), Stream::of(&other, others.clone()));
    let (first, second) = tokio::join!(streams.0.answers(150, harm), streams.1.answers(220, harm));
    assert!(first.iter().chain(&second).filter(|answer| answer.is_err()).count() == 0);
    assert_eq!(check_log(&one, ones, &first).await, 2_000);
    assert_eq!(check_log(&other, others, &second).await, 2_000);
}

#[tokio::test]
async fn a_redis_stopped_and_started_in_the_middle_loses_nothing() {
    let server = Server::start_durable();
    let redis = connected(&server, patient()).await;
    let numbers = 0..2_000;
    let restart = |turn: usize| {
        if turn.is_multiple_of(2) {
            server.stop();
        } else {
            server.kill();
        }
        server.run();
    };
    let answers = Stream::of(&redis, numbers.clone()).answers(450, restart).await;
    let acknowledged = check_log(&redis, numbers, &answers).await;
    assert_eq!(acknowledged, 2_000);
}

#[tokio::test]
async fn a_demoted_redis_is_waited_for() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    let stream = Stream::of(&redis, 0..1_000);
    let demoted = Cell::new(false);
    let demote = |turn| {
        if turn == 0 {
            server.must(&["REPLICAOF", "127.0.0.1", "1"]);
            demoted.set(true);
        }
    };
    let meanwhile = async {
        until("the demotion", async || demoted.get()).await;
        let more = Stream::of(&redis, 1_000..1_100);
        until("the demotion is noticed", async || redis.state() != State::Connected).await;
        server.must(&["REPLICAOF", "NO", "ONE"]);
        more.answers(999, |_| ()).await
    };
    let (mut answers, more) = tokio::join!(stream.answers(200, demote), meanwhile);
    answers.extend(more);
    assert_eq!(check_log(&redis, 0..1_100, &answers).await, 1_100);
}

#[tokio::test]
async fn no_answer_in_time_is_perhaps_stored_and_a_retry_makes_one_entry() {
    let server = Server::start();
    let limits = Limits { append_wait: Duration::from_millis(300), ..Limits::default() };
    let redis = connected(&server, limits).await;
    within(redis.append(numbered(0))).await.unwrap();
    server.freeze();
    let unknown = within(redis.append(numbered(1))).await;
    assert_eq!(unknown, Err(AppendError::Unavailable { perhaps_stored: true }));
    assert_eq!(redis.counts().appends_expired, 1);
    until("the silence is noticed", async || matches!(redis.state(), State::Away(_))).await;
    let unsent = within(redis.append(numbered(2))).await;
    assert_eq!(unsent, Err(AppendError::Unavailable { perhaps_stored: false }));
    assert!(matches!(within(redis.head(P0)).await, Err(Error::Unavailable(_))));
    server.thaw();
    connection(&redis).await;
    let retried = within(redis.append(numbered(1))).await;
    let answers = [retried, within(redis.append(numbered(2))).await];
    assert_eq!(check_log(&redis, 1..3, &answers).await, 2);
}

#[tokio::test]
async fn what_redis_finds_too_late_is_not_stored() {
    let server = Server::start();
    let limits = Limits { append_wait: Duration::from_millis(200), ..Limits::default() };
    let redis = connected(&server, limits).await;
    server.freeze();
    let unknown = within(redis.append(numbered(0))).await;
    assert_eq!(unknown, Err(AppendError::Unavailable { perhaps_stored: true }));
    // By now its time is over, and Redis has it in its socket.
    server.thaw();
    connection(&redis).await;
    let made = within(redis.append(numbered(1))).await.unwrap();
    assert_eq!((made.seq, made.duplicate), (1, false), "the late one left nothing");
}

#[tokio::test]
async fn a_redis_that_comes_later_is_waited_for() {
    let server = Server::prepare(&[]);
    let redis = start(&server, patient());
    assert_eq!(redis.state(), State::Connecting);
    let early = Stream::of(&redis, 0..10);
    assert!(matches!(within(redis.head(P0)).await, Err(Error::Unavailable(_))));
    assert!(within(redis.heartbeat(P0, "me")).await.is_err());
    assert!(within(redis.signal("lobby", "x".into())).await.is_err());
    until("a try", async || redis.counts().connections_failed > 2).await;
    assert_eq!(redis.state(), State::Connecting, "it was never there");
    server.run();
    let answers = early.answers(99, |_| ()).await;
    assert_eq!(check_log(&redis, 0..10, &answers).await, 10);
    connection(&redis).await;
}

#[tokio::test]
async fn a_queue_is_bounded_in_bytes_and_in_age() {
    let server = Server::prepare(&[]);
    let limits = Limits {
        append_wait: Duration::from_millis(200),
        append_queue_bytes: 3_000,
        ..Limits::default()
    };
    let redis = start(&server, limits);
    let lost = Err(AppendError::Unavailable { perhaps_stored: false });
    let queued = Stream::of(&redis, 0..8);
    let full = within(redis.append(draft("lobby", "some-id1", &"x".repeat(2_000)))).await;
    assert_eq!(full, lost);
    assert_eq!(redis.counts().appends_turned_away, 1);
    match within(redis.append(draft("lobby", "some-id2", &"x".repeat(3_000)))).await {
        Err(AppendError::Refused(why)) => assert_eq!(why, "it is larger than the whole queue"),
        other => panic!("{other:?}"),
    }
    assert_eq!(queued.answers(99, |_| ()).await, vec![lost.clone(); 8]);
    let room_again = within(redis.append(draft("lobby", "some-id1", &"x".repeat(2_000)))).await;
    assert_eq!(room_again, lost);
    assert_eq!((redis.counts().appends_turned_away, redis.counts().appends_expired), (2, 9));
}

#[tokio::test]
async fn a_lane_without_work_looks_whether_its_connection_stands() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    within(redis.append(numbered(0))).await.unwrap();
    until("a PING", async || {
        let clients = server.must(&["CLIENT", "LIST"]);
        let lane = clients.lines().find(|line| line.contains("name=palabre-lane")).unwrap();
        lane.contains("cmd=ping")
    })
    .await;
    assert_eq!(within(redis.append(numbered(1))).await.unwrap().seq, 2);
    assert_eq!(redis.counts().connections_failed, 0);
}

#[tokio::test]
async fn lost_data_is_a_new_epoch_and_no_append_slips_into_it() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    let before = within(redis.append(numbered(0))).await.unwrap();
    server.must(&["FLUSHALL"]);
    let fenced = within(redis.append(numbered(1))).await;
    assert_eq!(fenced, Err(AppendError::Fenced));
    assert_eq!(redis.counts().appends_fenced, 1);
    let made = within(redis.append(numbered(1))).await;
    let after = made.clone().unwrap();
    assert_ne!(after.epoch, before.epoch);
    assert_eq!((after.seq, after.offset, after.duplicate), (1, 1, false));
    assert_eq!(within(redis.head(P0)).await.unwrap().epoch, after.epoch);
    assert_eq!(check_log(&redis, 1..2, &[made]).await, 1);
}

#[tokio::test]
async fn an_epoch_that_another_instance_made_is_no_place_for_older_appends() {
    let server = Server::start();
    let (one, other) = (connected(&server, patient()).await, connected(&server, patient()).await);
    within(one.append(numbered(0))).await.unwrap();
    server.must(&["FLUSHALL"]);
    let epoch = within(other.head(P0)).await.unwrap().epoch;
    assert_eq!(within(one.append(numbered(1))).await, Err(AppendError::Fenced));
    let made = within(one.append(numbered(1))).await.unwrap();
    assert_eq!((made.epoch, made.seq), (epoch, 1));
}

#[tokio::test]
async fn data_lost_on_a_quiet_partition_is_found_by_a_heartbeat() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    let before = within(redis.head(P0)).await.unwrap();
    let mut deliveries = crate::bench::listen(&redis).await;
    server.must(&["FLUSHALL"]);
    within(redis.heartbeat(P0, "me")).await.unwrap();
    match crate::bench::delivered(&mut deliveries).await {
        broker::Delivery::Watermark { head, .. } => {
            assert_ne!(head.epoch, before.epoch);
            assert_eq!(head.seq, 0);
        }
        other => panic!("{other:?}"),
    }
    let made = within(redis.append(numbered(0))).await.unwrap();
    assert_eq!(made.seq, 1, "the lane knows the new epoch too");
}

#[tokio::test]
async fn a_partition_without_its_hash_begins_anew_also_in_its_rooms() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    for number in 0..9 {
        within(redis.append(numbered(number))).await.unwrap();
    }
    server.must(&["DEL", "palabre:{p0}"]);
    let head = within(redis.head(P0)).await.unwrap();
    assert_eq!(head.seq, 0);
    let page = within(redis.read_room("lobby", broker::Range::Newest, 9)).await.unwrap();
    assert_eq!((page.epoch, page.head, page.records.len()), (head.epoch, 0, 0));
    let made = [within(redis.append(numbered(0))).await];
    assert_eq!(made[0].clone().unwrap().epoch, head.epoch);
    assert_eq!(check_log(&redis, 0..1, &made).await, 1);
    server.must(&["ZADD", "palabre:{p0}:due", "0", "kitchen", "0", "garden"]);
    within(redis.sweep()).await.unwrap();
    let left = server.must(&["KEYS", "palabre:{p0}:*kitchen"]);
    assert_eq!(left, "", "the sweeper drops what the old epoch left");
}

#[tokio::test]
async fn closing_answers_everything() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    let stream = Stream::of(&redis, 0..2_000);
    let ((), answers) = tokio::join!(within(redis.close()), stream.answers(9_999, |_| ()));
    assert!(answers.iter().all(Result::is_ok), "what was called before is carried out");
    let other = connected(&server, patient()).await;
    assert_eq!(check_log(&other, 0..2_000, &answers).await, 2_000);

    server.kill();
    until("the loss is noticed", async || other.state() != State::Connected).await;
    let stream = Stream::of(&other, 0..5);
    within(other.close()).await;
    let lost = Err(AppendError::Unavailable { perhaps_stored: false });
    assert_eq!(stream.answers(99, |_| ()).await, vec![lost; 5]);
}

#[tokio::test]
async fn a_log_keeps_its_number_of_partitions() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    within(redis.append(numbered(0))).await.unwrap();
    let config =
        broker::redis::Config { partitions: 2, ..broker::redis::Config::new(server.url()) };
    let other = broker::redis::Redis::start(config, &tokio_util::task::TaskTracker::new()).unwrap();
    match within(other.head(Partition(0))).await {
        Err(Error::Damaged(why)) => assert!(why.contains("made with 1 partitions"), "{why}"),
        other => panic!("{other:?}"),
    }
    until(
        "it says so",
        async || matches!(other.state(), State::Away(why) if why.contains("1 partitions")),
    )
    .await;
}
