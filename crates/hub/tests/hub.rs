//! The hub as its users see it: what goes into one write, what a held socket gets, what a slow
//! one costs.

#![expect(clippy::unwrap_used, reason = "what fails in a test shall say where")]

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use hub::{Class, CloseReason, Connection, Hub, Limits, Metrics, Publication, SocketKey, Topic};
use prometheus_client::registry::Registry;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;
use wire::Frame;

struct House {
    hub: Hub,
    metrics: Metrics,
    registry: Registry,
    tasks: TaskTracker,
}

impl House {
    fn new(shards: usize, limits: Limits) -> Self {
        let (metrics, tasks) = (Metrics::new(), TaskTracker::new());
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let hub = Hub::start(shards, limits, metrics.clone(), &tasks);
        Self { hub, metrics, registry, tasks }
    }

    /// A metric as a scrape shows it.
    fn metric(&self, name: &str) -> u64 {
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &self.registry).unwrap();
        let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in\n{page}")).parse().unwrap()
    }

    /// A released socket on a real TCP connection, whose task never runs: what its client reads
    /// was written by a shard.
    async fn stream_socket(&self) -> (SocketKey, Arc<Connection>, TcpStream) {
        let connection = self.hub.connection();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        server.writable().await.unwrap();
        connection.attach_stream(Arc::new(server.into()), false);
        let key = self.hub.attach(Arc::clone(&connection)).await;
        self.hub.release(key, Vec::new()).await;
        (key, connection, client)
    }

    async fn polling_socket(&self) -> (SocketKey, Arc<Connection>) {
        let connection = self.hub.connection();
        let key = self.hub.attach(Arc::clone(&connection)).await;
        self.hub.release(key, Vec::new()).await;
        (key, connection)
    }
}

fn frame(number: u64) -> Frame {
    Frame::text(&format!("4{number}"))
}

fn lasting(topic: u64, number: u64) -> Publication {
    Publication { topic: Topic(topic), frame: frame(number), class: Class::Lasting }
}

/// Waits for something that must happen.
async fn soon<T>(event: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), event).await.expect("happens in time")
}

async fn read(client: &mut TcpStream, frames: &[Frame]) {
    let expected = Frame::join(frames);
    let mut received = vec![0; expected.len()];
    soon(client.read_exact(&mut received)).await.unwrap();
    assert_eq!(received, expected.bytes()[..]);
}

async fn poll_until(connection: &Connection, end: &Frame) -> Vec<Frame> {
    let mut taken = Vec::new();
    while taken.last() != Some(end) {
        soon(poll_fn(|cx| connection.poll_outgoing(cx))).await;
        let more = connection.take(16, 100_000);
        assert!(!more.is_empty(), "closed: {:?}", connection.closed());
        taken.extend(more);
    }
    taken
}

#[tokio::test]
async fn gathered_publications_go_out_in_one_write_per_socket() {
    let house = House::new(1, Limits::default());
    let mut clients = Vec::new();
    for _ in 0..3 {
        let (key, _, client) = house.stream_socket().await;
        house.hub.enter(key, Topic(1)).await;
        clients.push(client);
    }
    let (both, _, mut client_of_both) = house.stream_socket().await;
    house.hub.enter(both, Topic(1)).await;
    house.hub.enter(both, Topic(2)).await;
    // The runtime has one thread: the shard first runs when this task waits for a client.
    for number in 0..50 {
        house.hub.publish(vec![lasting(1, number), lasting(2, 1000 + number)]).await;
    }
    let of_one: Vec<_> = (0..50).map(frame).collect();
    let of_both: Vec<_> =
        (0..50).flat_map(|number| [frame(number), frame(1000 + number)]).collect();
    for client in &mut clients {
        read(client, &of_one).await;
    }
    read(&mut client_of_both, &of_both).await;
    assert_eq!(house.metric("hub_deliveries_total"), 3 * 50 + 100);
    assert_eq!(house.metric("hub_batches_total"), 1);
    let writes = house.metric("hub_writes_total");
    assert_eq!(writes, 3 + 2, "one each; 100 slices in two for the socket in both topics");
}

#[tokio::test]
async fn batches_are_bounded() {
    let one = frame(1).len();
    let by_number = Limits { batch_publications: 3, ..Limits::default() };
    let by_size = Limits { batch_bytes: 3 * one, ..Limits::default() };
    for limits in [by_number, by_size] {
        let house = House::new(1, limits);
        let (key, connection) = house.polling_socket().await;
        house.hub.enter(key, Topic(1)).await;
        for number in 0..7 {
            house.hub.publish(vec![lasting(1, number)]).await;
        }
        poll_until(&connection, &frame(6)).await;
        assert_eq!(house.metric("hub_batches_total"), 3, "seven are 3 + 3 + 1");
    }
}

#[tokio::test]
async fn batch_that_waits_for_company_is_written_although_more_keeps_coming() {
    let millisecond = Duration::from_millis(1);
    let (linger_from, linger_max, shard_queue) = (Duration::ZERO, millisecond, 8);
    let batch_publications = 100_000;
    let limits =
        Limits { batch_publications, shard_queue, linger_from, linger_max, ..Limits::default() };
    let house = House::new(1, limits);
    let (one, _, mut client) = house.stream_socket().await;
    let (other, _, mut other_client) = house.stream_socket().await;
    house.hub.enter(one, Topic(1)).await;
    house.hub.enter(other, Topic(1)).await;
    // The runtime has one thread, so the queue is full whenever the shard looks into it.
    for number in 0..1200 {
        house.hub.publish(vec![lasting(1, number)]).await;
    }
    let expected: Vec<_> = (0..1200).map(frame).collect();
    read(&mut client, &expected).await;
    read(&mut other_client, &expected).await;
    // What is there at first, and after a millisecond what is there again: two queues each.
    let batches = house.metric("hub_batches_total");
    assert!(batches > 1200 / 24, "{batches} batches");
}

#[tokio::test]
async fn large_topic_lets_other_tasks_run() {
    let house = House::new(1, Limits { yield_after: 10, ..Limits::default() });
    let mut connections = Vec::new();
    for _ in 0..100 {
        let (key, connection) = house.polling_socket().await;
        house.hub.enter(key, Topic(1)).await;
        connections.push(connection);
    }
    house.hub.publish(vec![lasting(1, 1)]).await;
    let has_it = |connection: &Arc<Connection>| connection.pending_bytes() > 0;
    let mut turns_in_between = 0;
    soon(async {
        while !has_it(&connections[99]) {
            turns_in_between += usize::from(has_it(&connections[0]));
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(turns_in_between, 9, "one after each ten sockets but the last");
}

#[tokio::test]
async fn joining_in_the_middle_of_a_batch_gets_what_comes_after() {
    let house = House::new(1, Limits::default());
    let (early, _, mut early_client) = house.stream_socket().await;
    let (late, _, mut late_client) = house.stream_socket().await;
    let (gone, gone_connection) = house.polling_socket().await;
    house.hub.enter(early, Topic(1)).await;
    house.hub.enter(gone, Topic(1)).await;
    house.hub.publish(vec![lasting(1, 1)]).await;
    house.hub.enter(late, Topic(1)).await;
    house.hub.publish(vec![lasting(1, 2)]).await;
    house.hub.leave(gone, Topic(1)).await;
    house.hub.publish(vec![lasting(1, 3)]).await;
    house.hub.send(gone, frame(9), Class::Lasting).await;
    read(&mut early_client, &[frame(1), frame(2), frame(3)]).await;
    read(&mut late_client, &[frame(2), frame(3)]).await;
    assert_eq!(poll_until(&gone_connection, &frame(9)).await, [frame(1), frame(2), frame(9)]);
    assert_eq!(house.metric("hub_batches_total"), 1, "the commands didn't break the batch");
}

#[tokio::test]
async fn held_socket_gets_first_then_held_then_live() {
    let house = House::new(1, Limits::default());
    let (key, connection) = house.polling_socket().await;
    house.hub.enter(key, Topic(1)).await;
    house.hub.publish(vec![lasting(1, 1)]).await;
    house.hub.hold(key).await;
    house.hub.publish(vec![lasting(1, 2)]).await;
    house.hub.send(key, frame(3), Class::Lasting).await;
    house.hub.hold(key).await;
    house.hub.publish(vec![lasting(1, 4)]).await;
    house.hub.release(key, vec![frame(100)]).await;
    house.hub.publish(vec![lasting(1, 5)]).await;
    assert_eq!(poll_until(&connection, &frame(100)).await, [frame(1), frame(100)]);
    assert_eq!(house.metric("hub_held_sockets"), 1, "two holds, one release");
    house.hub.release(key, vec![frame(101), frame(102)]).await;
    house.hub.publish(vec![lasting(1, 6)]).await;
    let expected = [101, 102, 2, 3, 4, 5, 6].map(frame);
    assert_eq!(poll_until(&connection, &frame(6)).await, expected);
    assert_eq!(house.metric("hub_held_sockets"), 0);
}

#[tokio::test]
async fn held_frames_are_bounded() {
    let house = House::new(1, Limits { held_bytes: 1000, ..Limits::default() });
    let (key, connection) = house.polling_socket().await;
    house.hub.enter(key, Topic(1)).await;
    house.hub.hold(key).await;
    for number in 0..100 {
        let class = if number < 10 { Class::Ephemeral } else { Class::Lasting };
        let publication = Publication { topic: Topic(1), frame: frame(number), class };
        house.hub.publish(vec![publication]).await;
    }
    soon(poll_fn(|cx| connection.poll_outgoing(cx))).await;
    assert_eq!(connection.closed(), Some(CloseReason::SlowConsumer));
    assert_eq!(house.metrics.dropped_ephemeral(), 10);
    house.hub.release(key, vec![frame(1)]).await;
    assert!(connection.take(16, 1000).is_empty());
}

#[tokio::test]
async fn slow_consumer_is_closed_and_the_others_lose_nothing() {
    let house = House::new(1, Limits { outbox_bytes: 10_000, ..Limits::default() });
    let (slow, slow_connection, mut slow_client) = house.stream_socket().await;
    let (key, _, mut client) = house.stream_socket().await;
    house.hub.enter(slow, Topic(1)).await;
    house.hub.enter(key, Topic(1)).await;
    let large = Frame::text(&"4".repeat(200_000));
    let mut rounds = 0;
    while slow_connection.closed().is_none() {
        let class = Class::Lasting;
        let publication = Publication { topic: Topic(1), frame: large.clone(), class };
        house.hub.publish(vec![publication]).await;
        read(&mut client, std::slice::from_ref(&large)).await;
        rounds += 1;
    }
    assert_eq!(slow_connection.closed(), Some(CloseReason::SlowConsumer));
    soon(poll_fn(|cx| slow_connection.poll_flush(cx))).await.unwrap();
    let mut received = Vec::new();
    let drain = async {
        poll_fn(|cx| slow_connection.poll_drain(cx)).await.unwrap();
        slow_connection.discard();
    };
    soon(async { tokio::join!(slow_client.read_to_end(&mut received), drain) }).await.0.unwrap();
    assert!(received.len() < rounds * large.len());
    assert_eq!(received.len() % large.len(), 0, "cut between frames");
}

#[tokio::test]
async fn several_publishers_are_seen_in_one_order_by_all_shards() {
    let house = House::new(4, Limits { shard_queue: 2, ..Limits::default() });
    let mut connections = Vec::new();
    for _ in 0..4 {
        let (key, connection) = house.polling_socket().await;
        house.hub.enter(key, Topic(1)).await;
        connections.push((key, connection));
    }
    for publisher in 0..8 {
        let hub = house.hub.clone();
        house.tasks.spawn(async move {
            for number in 0..50 {
                hub.publish(vec![lasting(1, publisher * 1000 + number)]).await;
                tokio::task::yield_now().await;
            }
        });
    }
    let mut all = Vec::new();
    for (_, connection) in &connections {
        let mut taken = Vec::new();
        while taken.len() < 8 * 50 {
            soon(poll_fn(|cx| connection.poll_outgoing(cx))).await;
            taken.extend(connection.take(16, 100_000));
        }
        all.push(taken);
    }
    assert!(all.windows(2).all(|two| two[0] == two[1]));
}

#[tokio::test]
async fn close_comes_behind_what_was_sent_before() {
    let house = House::new(2, Limits::default());
    let (key, connection) = house.polling_socket().await;
    house.hub.enter(key, Topic(1)).await;
    house.hub.publish(vec![lasting(1, 1)]).await;
    house.hub.close(key, CloseReason::ServerDisconnect).await;
    house.hub.publish(vec![lasting(1, 2)]).await;
    soon(async {
        while connection.closed().is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(connection.take(16, 1000), [frame(1)]);
}

#[tokio::test]
async fn closing_a_topic_closes_its_sockets_behind_what_was_published() {
    let house = House::new(2, Limits::default());
    let mut members = Vec::new();
    for _ in 0..4 {
        let (key, connection) = house.polling_socket().await;
        house.hub.enter(key, Topic(1)).await;
        members.push(connection);
    }
    let (other, bystander) = house.polling_socket().await;
    house.hub.enter(other, Topic(2)).await;
    house.hub.publish(vec![lasting(1, 1)]).await;
    house.hub.close_topic(Topic(1), CloseReason::LogReset).await;
    house.hub.publish(vec![lasting(1, 2), lasting(2, 3)]).await;
    poll_until(&bystander, &frame(3)).await;
    for connection in members {
        soon(async {
            while connection.closed().is_none() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(connection.closed(), Some(CloseReason::LogReset));
        assert_eq!(connection.take(16, 1000), [frame(1)]);
    }
    assert_eq!(bystander.closed(), None);
}

#[tokio::test]
async fn detached_socket_leaves_nothing_behind() {
    let house = House::new(1, Limits::default());
    let (first, connection) = house.polling_socket().await;
    let (second, _) = house.polling_socket().await;
    for key in [first, second] {
        house.hub.enter(key, Topic(1)).await;
        house.hub.enter(key, Topic(2)).await;
    }
    house.hub.hold(second).await;
    house.hub.detach(second).await;
    house.hub.detach(second).await;
    house.hub.publish(vec![lasting(1, 1), lasting(2, 2)]).await;
    assert_eq!(poll_until(&connection, &frame(2)).await, [frame(1), frame(2)]);
    assert_eq!((house.metric("hub_sockets"), house.metric("hub_topics")), (1, 2));
    assert_eq!(Arc::strong_count(&connection), 2);
    house.hub.detach(first).await;
    let (third, other_connection) = house.polling_socket().await;
    house.hub.send(third, frame(3), Class::Lasting).await;
    poll_until(&other_connection, &frame(3)).await;
    assert_eq!((house.metric("hub_sockets"), house.metric("hub_topics")), (1, 0));
    let House { hub, registry: _, tasks, .. } = house;
    assert!(hub.is_running());
    drop(hub);
    tasks.close();
    soon(tasks.wait()).await;
    assert_eq!(Arc::strong_count(&connection), 1);
}
