//! The outbox at its limit, against a naive model: exactly on polling, and over a stream with a
//! reader of random speed as far as it can be foretold.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use hub::{Class, CloseReason, Connection, Limits, Metrics};
use proptest::prelude::*;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use wire::Frame;

/// What a waiting frame counts beside its bytes.
const PLACE_BYTES: usize = 40;

#[derive(Clone, Debug)]
enum Op {
    Send(usize, bool),
    Take(usize, usize),
}

fn class(lasting: bool) -> Class {
    if lasting { Class::Lasting } else { Class::Ephemeral }
}

fn frame(number: usize, length: usize) -> Frame {
    Frame::text(&format!("4{number:08}{}", "x".repeat(length)))
}

#[derive(Default)]
struct Model {
    waiting: Vec<(Frame, bool)>,
    dropped: u64,
    closed: bool,
}

impl Model {
    fn has_room(&self, frame: &Frame, limit: usize) -> bool {
        let behind: usize =
            self.waiting.iter().skip(1).map(|(frame, _)| frame.len() + PLACE_BYTES).sum();
        self.waiting.is_empty() || behind + frame.len() + PLACE_BYTES <= limit
    }

    fn send(&mut self, frame: Frame, lasting: bool, limit: usize) {
        if self.closed {
            return;
        }
        if !self.has_room(&frame, limit) {
            let before = self.waiting.len();
            self.waiting.retain(|(_, lasting)| *lasting);
            self.dropped += (before - self.waiting.len()) as u64;
        }
        if self.has_room(&frame, limit) {
            self.waiting.push((frame, lasting));
        } else if lasting {
            self.closed = true;
            self.waiting.clear();
        } else {
            self.dropped += 1;
        }
    }

    fn take(&mut self, max_packets: usize, max_bytes: usize) -> Vec<Frame> {
        let mut count = self.waiting.len().min(1);
        while count < self.waiting.len() {
            let next = &self.waiting[..=count];
            let bytes: usize = next.iter().map(|(frame, _)| frame.len()).sum();
            if next.len() > max_packets || bytes > max_bytes {
                break;
            }
            count += 1;
        }
        self.waiting.drain(..count).map(|(frame, _)| frame).collect()
    }
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        5 => (0..200_usize, any::<bool>()).prop_map(|(length, lasting)| Op::Send(length, lasting)),
        1 => (1..5_usize, 0..500_usize).prop_map(|(packets, bytes)| Op::Take(packets, bytes)),
    ];
    prop::collection::vec(op, 1..200)
}

proptest! {
    #[test]
    fn polling_outbox_keeps_what_the_model_keeps(ops in ops(), limit in 0..3000_usize) {
        let metrics = Metrics::new();
        let limits = Limits { outbox_bytes: limit, ..Limits::default() };
        let connection = Connection::new(&limits, &metrics);
        let mut model = Model::default();
        for (number, op) in ops.into_iter().enumerate() {
            match op {
                Op::Send(length, lasting) => {
                    let frame = frame(number, length);
                    connection.send(&frame, class(lasting));
                    model.send(frame, lasting, limit);
                }
                Op::Take(packets, bytes) => {
                    prop_assert_eq!(connection.take(packets, bytes), model.take(packets, bytes));
                }
            }
            let waiting: usize = model.waiting.iter().map(|(frame, _)| frame.len()).sum();
            prop_assert_eq!(connection.pending_bytes(), waiting);
            prop_assert_eq!(connection.closed().is_some(), model.closed);
            prop_assert_eq!(metrics.dropped_ephemeral(), model.dropped);
        }
        prop_assert_eq!(metrics.closed(CloseReason::SlowConsumer), u64::from(model.closed));
    }
}

#[derive(Clone, Debug)]
enum StreamOp {
    Send(usize, bool),
    Read(usize),
    Flush,
}

fn stream_ops() -> impl Strategy<Value = Vec<StreamOp>> {
    let lengths = prop_oneof![0..100_usize, 10_000..150_000_usize];
    let op = prop_oneof![
        4 => (lengths, prop::bool::weighted(0.7))
            .prop_map(|(length, lasting)| StreamOp::Send(length, lasting)),
        2 => (1..200_000_usize).prop_map(StreamOp::Read),
        2 => Just(StreamOp::Flush),
    ];
    prop::collection::vec(op, 1..80)
}

async fn flush_once(connection: &Connection) {
    poll_fn(|cx| {
        let _ = connection.poll_flush(cx);
        std::task::Poll::Ready(())
    })
    .await;
}

/// Answers what was sent, and what the client received in all.
async fn play(ops: Vec<StreamOp>, connection: &Connection) -> (Vec<(Frame, bool)>, Vec<u8>) {
    let (server, mut client) = UnixStream::pair().expect("a pair of sockets");
    server.writable().await.expect("a new socket is writable");
    connection.attach_stream(Arc::new(server.into()), false);
    let (mut sent, mut received) = (Vec::new(), Vec::new());
    for op in ops {
        match op {
            StreamOp::Send(length, lasting) => {
                if connection.closed().is_none() {
                    let frame = frame(sent.len(), length);
                    connection.send(&frame, class(lasting));
                    sent.push((frame, lasting));
                }
            }
            StreamOp::Read(length) => {
                let mut buffer = vec![0; length];
                if let Ok(read) = client.try_read(&mut buffer) {
                    received.extend_from_slice(&buffer[..read]);
                }
                tokio::task::yield_now().await;
            }
            StreamOp::Flush => flush_once(connection).await,
        }
    }
    let drain = async {
        poll_fn(|cx| connection.poll_drain(cx)).await.expect("the peer reads");
        connection.discard();
    };
    let (_, ()) = tokio::join!(client.read_to_end(&mut received), drain);
    (sent, received)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn stream_gets_whole_frames_and_misses_only_ephemeral_ones(
        ops in stream_ops(), limit in 0..400_000_usize,
    ) {
        let metrics = Metrics::new();
        let limits = Limits { outbox_bytes: limit, ..Limits::default() };
        let connection = Connection::new(&limits, &metrics);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let (sent, received) = runtime.expect("a runtime").block_on(async {
            let played = tokio::time::timeout(Duration::from_mins(1), play(ops, &connection));
            played.await.expect("the stream ends in time")
        });
        let mut rest = &received[..];
        let mut missed = 0;
        let mut missed_lasting = false;
        for (frame, lasting) in &sent {
            if let Some(behind) = rest.strip_prefix(&frame.bytes()[..]) {
                prop_assert!(!missed_lasting, "a frame came after one that must not be missed");
                rest = behind;
            } else if *lasting {
                missed_lasting = true;
            } else {
                missed += 1;
            }
        }
        prop_assert!(rest.is_empty(), "what came is no sequence of whole frames in order");
        let slow = connection.closed() == Some(CloseReason::SlowConsumer);
        prop_assert_eq!(missed_lasting, slow, "only a close may cost a lasting frame");
        if !slow {
            prop_assert_eq!(missed, metrics.dropped_ephemeral());
        }
    }
}
