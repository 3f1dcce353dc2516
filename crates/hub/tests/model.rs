//! The hub against a naive model: whatever is done in whatever order, each socket receives
//! exactly the bytes that the model says, over polling, over a stream, and over the change from
//! one to the other.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use hub::{Class, Connection, Hub, Limits, Metrics, Publication, SocketKey, Topic};
use proptest::prelude::*;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio_util::task::TaskTracker;
use wire::Frame;

const SOCKETS: usize = 4;
const TOPICS: u64 = 3;

#[derive(Clone, Debug)]
enum Op {
    Enter(usize, u64),
    Leave(usize, u64),
    Hold(usize),
    Release(usize, u8),
    Send(usize),
    Publish(Vec<u64>),
    /// A poll of a socket that is still on polling.
    Take(usize),
    /// The change from polling to a stream.
    Upgrade(usize),
    /// Lets the shards and connection tasks work in between.
    Yield,
    /// Detaches a socket and attaches another one to the same connection.
    Replace(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let (socket, topic) = (0..SOCKETS, 0..TOPICS);
    let op = prop_oneof![
        3 => (socket.clone(), topic.clone()).prop_map(|(socket, topic)| Op::Enter(socket, topic)),
        1 => (socket.clone(), topic.clone()).prop_map(|(socket, topic)| Op::Leave(socket, topic)),
        1 => socket.clone().prop_map(Op::Hold),
        2 => (socket.clone(), 0..4_u8).prop_map(|(socket, first)| Op::Release(socket, first)),
        2 => socket.clone().prop_map(Op::Send),
        6 => prop::collection::vec(topic, 1..8).prop_map(Op::Publish),
        1 => socket.clone().prop_map(Op::Take),
        1 => socket.clone().prop_map(Op::Upgrade),
        1 => socket.prop_map(Op::Replace),
        1 => Just(Op::Yield),
    ];
    prop::collection::vec(op, 1..120)
}

fn limits() -> impl Strategy<Value = Limits> {
    let bytes = 64 * 1024 * 1024;
    (1..40_usize, 1..40_usize, 1..2000_usize, 1..5_usize, 0..3_u64).prop_map(
        move |(shard_queue, batch_publications, batch_bytes, yield_after, linger)| Limits {
            outbox_bytes: bytes,
            held_bytes: bytes,
            shard_queue,
            batch_publications,
            batch_bytes,
            yield_after,
            linger_max: Duration::from_millis(linger),
            linger_from: Duration::ZERO,
        },
    )
}

/// What one socket should have received, computed the slow and obvious way.
#[derive(Default)]
struct Model {
    topics: BTreeSet<u64>,
    holds: u32,
    held: Vec<Frame>,
    received: Vec<Frame>,
}

impl Model {
    fn give(&mut self, frame: &Frame) {
        let to = if self.holds > 0 { &mut self.held } else { &mut self.received };
        to.push(frame.clone());
    }

    fn release(&mut self, first: &[Frame]) {
        self.received.extend_from_slice(first);
        self.holds = self.holds.saturating_sub(1);
        if self.holds == 0 {
            self.received.append(&mut self.held);
        }
    }
}

/// One real socket beside its model.
struct Peer {
    key: SocketKey,
    connection: Arc<Connection>,
    model: Model,
    taken: Vec<Frame>,
    client: Option<UnixStream>,
}

impl Peer {
    fn take(&mut self) {
        self.taken.extend(self.connection.take(16, 1000));
    }

    /// The client reads nothing until the end, so larger scenarios also go through the outbox.
    fn upgrade(&mut self, tasks: &TaskTracker) {
        if self.client.is_some() {
            return;
        }
        let (server, client) = UnixStream::pair().expect("a pair of sockets");
        self.connection.attach_stream(Arc::new(server.into()), false);
        let connection = Arc::clone(&self.connection);
        tasks.spawn(async move { poll_fn(|cx| connection.poll_flush(cx)).await });
        self.client = Some(client);
    }

    /// All that arrived since the last time, up to the frame `end`.
    async fn received(&mut self, end: &Frame) -> Vec<u8> {
        while self.client.is_none() && self.taken.last() != Some(end) {
            poll_fn(|cx| self.connection.poll_outgoing(cx)).await;
            self.take();
        }
        let mut received = Frame::join(&self.taken).bytes().to_vec();
        self.taken.clear();
        if let Some(client) = &mut self.client {
            while !received.ends_with(end.bytes()) {
                let read = client.read_buf(&mut received).await.expect("the stream is open");
                assert_ne!(read, 0, "the stream ended early");
            }
        }
        received
    }
}

struct World {
    hub: Hub,
    peers: Vec<Peer>,
    tasks: TaskTracker,
    frames: usize,
}

impl World {
    async fn new(shards: usize, limits: Limits) -> Self {
        let tasks = TaskTracker::new();
        let hub = Hub::start(shards, limits, Metrics::new(), &tasks);
        let mut peers = Vec::new();
        for _ in 0..SOCKETS {
            let connection = hub.connection();
            let key = hub.attach(Arc::clone(&connection)).await;
            let model = Model { holds: 1, ..Model::default() };
            peers.push(Peer { key, connection, model, taken: Vec::new(), client: None });
        }
        Self { hub, peers, tasks, frames: 0 }
    }

    /// A frame that no other equals; some are large enough to fill a socket.
    fn frame(&mut self) -> Frame {
        self.frames += 1;
        let length = if self.frames.is_multiple_of(23) { 50_000 } else { self.frames % 7 };
        Frame::text(&format!("4{}-{}", self.frames, "x".repeat(length)))
    }

    async fn carry_out(&mut self, op: Op) {
        match op {
            Op::Enter(socket, topic) => {
                self.peers[socket].model.topics.insert(topic);
                self.hub.enter(self.peers[socket].key, Topic(topic)).await;
            }
            Op::Leave(socket, topic) => {
                self.peers[socket].model.topics.remove(&topic);
                self.hub.leave(self.peers[socket].key, Topic(topic)).await;
            }
            Op::Hold(socket) => {
                self.peers[socket].model.holds += 1;
                self.hub.hold(self.peers[socket].key).await;
            }
            Op::Release(socket, first) => self.release(socket, first).await,
            Op::Send(socket) => {
                let frame = self.frame();
                self.peers[socket].model.give(&frame);
                self.hub.send(self.peers[socket].key, frame, Class::Lasting).await;
            }
            Op::Publish(topics) => self.publish(&topics).await,
            Op::Take(socket) => self.peers[socket].take(),
            Op::Upgrade(socket) => self.peers[socket].upgrade(&self.tasks),
            Op::Yield => tokio::task::yield_now().await,
            Op::Replace(socket) => self.replace(socket).await,
        }
    }

    async fn publish(&mut self, topics: &[u64]) {
        let mut batch = Vec::new();
        for topic in topics {
            let frame = self.frame();
            for peer in &mut self.peers {
                if peer.model.topics.contains(topic) {
                    peer.model.give(&frame);
                }
            }
            batch.push(Publication { topic: Topic(*topic), frame, class: Class::Lasting });
        }
        self.hub.publish(batch).await;
    }

    /// The other socket may belong to another shard, so only what was received by then is sure to
    /// come before its frames.
    async fn replace(&mut self, socket: usize) {
        self.finish(socket).await;
        let peer = &mut self.peers[socket];
        self.hub.detach(peer.key).await;
        peer.key = self.hub.attach(Arc::clone(&peer.connection)).await;
        peer.model = Model { holds: 1, ..Model::default() };
    }

    async fn release(&mut self, socket: usize, first: u8) {
        let first: Vec<_> = (0..first).map(|_| self.frame()).collect();
        self.peers[socket].model.release(&first);
        self.hub.release(self.peers[socket].key, first).await;
    }

    async fn release_all(&mut self, socket: usize) {
        while self.peers[socket].model.holds > 0 {
            self.release(socket, 1).await;
        }
    }

    /// Releases the socket and compares what it received.
    async fn finish(&mut self, socket: usize) {
        self.release_all(socket).await;
        let end = self.frame();
        let peer = &mut self.peers[socket];
        peer.model.give(&end);
        self.hub.send(peer.key, end.clone(), Class::Lasting).await;
        let received = peer.received(&end).await;
        let expected = Frame::join(&peer.model.received);
        assert!(
            received == expected.bytes()[..],
            "socket {socket} received\n{}\ninstead of\n{}",
            String::from_utf8_lossy(&received),
            String::from_utf8_lossy(expected.bytes())
        );
        assert_eq!(peer.connection.pending_bytes(), 0);
        peer.model.received.clear();
    }
}

async fn play(ops: Vec<Op>, limits: Limits, shards: usize) {
    let mut world = World::new(shards, limits).await;
    for op in ops {
        world.carry_out(op).await;
    }
    for socket in 0..SOCKETS {
        world.finish(socket).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn sockets_receive_what_the_model_says(
        ops in ops(), limits in limits(), shards in 1..4_usize, threads in 1..3_usize,
    ) {
        let runtime = if threads == 1 {
            tokio::runtime::Builder::new_current_thread().enable_all().build()
        } else {
            tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()
        };
        runtime.expect("a runtime").block_on(async {
            let played = tokio::time::timeout(Duration::from_mins(1), play(ops, limits, shards));
            played.await.expect("all frames arrive in time");
        });
    }
}
