//! The connection by itself, over real sockets and over none.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use wire::Frame;
use wire::frame::Part;

use super::outbox::PLACE_BYTES;
use super::{Connection, Outbox, State};
use crate::{Class, CloseReason, Limits, Metrics, Stream};

fn connection(outbox_bytes: usize) -> (Arc<Connection>, Metrics) {
    let metrics = Metrics::new();
    let limits = Limits { outbox_bytes, ..Limits::default() };
    (Connection::new(&limits, &metrics), metrics)
}

fn text(number: usize) -> Frame {
    Frame::text(&format!("4{number}"))
}

/// A frame that no socket buffer swallows whole.
fn large(fill: char) -> Frame {
    Frame::text(&fill.to_string().repeat(8 * 1024 * 1024))
}

fn bytes_of<'a>(frames: impl IntoIterator<Item = &'a Frame, IntoIter: Clone>) -> Vec<u8> {
    Frame::join(frames).bytes().to_vec()
}

async fn tcp() -> (Arc<Stream>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    server.writable().await.unwrap();
    (Arc::new(server.into()), client)
}

async fn unix() -> (Arc<Stream>, UnixStream) {
    let (server, client) = UnixStream::pair().unwrap();
    server.writable().await.unwrap();
    (Arc::new(server.into()), client)
}

/// Waits for something that must happen.
async fn soon<T>(event: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), event).await.expect("happens in time")
}

async fn read(stream: &mut (impl AsyncReadExt + Unpin), length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    soon(stream.read_exact(&mut bytes)).await.unwrap();
    bytes
}

/// Reads `length` bytes while the connection's task does its part.
async fn read_flushing(
    connection: &Connection,
    stream: &mut (impl AsyncReadExt + Unpin),
    length: usize,
) -> Vec<u8> {
    tokio::select! {
        bytes = read(stream, length) => bytes,
        end = poll_fn(|cx| connection.poll_flush(cx)) => panic!("ended early: {end:?}"),
    }
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Wakes {
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn idle_connection_is_small() {
    // Measured on 64-bit Linux: 64 bytes and 16 for the reference counts. The stream adds what
    // tokio needs for any socket (48, and 16 likewise).
    assert_eq!(size_of::<Connection>(), 64);
    assert_eq!(size_of::<State>(), 40);
    assert_eq!(size_of::<Stream>(), 48);
    assert_eq!(PLACE_BYTES, 40);
    let (connection, _) = connection(1000);
    connection.send(&text(1), Class::Lasting);
    assert!(connection.state.lock().waits());
    connection.take(1, 1000);
    assert!(!connection.state.lock().waits(), "no outbox is kept while nothing waits");
}

#[test]
fn at_the_limit_ephemeral_frames_go_first_then_the_connection() {
    let frame = Frame::text("4abcdefgh");
    let each = frame.len() + PLACE_BYTES;
    let (connection, metrics) = connection(3 * each);
    connection.send(&frame, Class::Lasting);
    connection.send(&frame, Class::Ephemeral);
    connection.send(&frame, Class::Lasting);
    connection.send(&frame, Class::Ephemeral);
    assert_eq!(connection.pending_bytes(), 4 * frame.len(), "three behind the first one");
    connection.send(&frame, Class::Lasting);
    assert_eq!((connection.pending_bytes(), metrics.dropped_ephemeral()), (3 * frame.len(), 2));
    connection.send(&frame, Class::Lasting);
    connection.send(&frame, Class::Ephemeral);
    assert_eq!(connection.closed(), None, "an ephemeral frame closes nothing");
    assert_eq!((connection.pending_bytes(), metrics.dropped_ephemeral()), (4 * frame.len(), 3));
    connection.send(&frame, Class::Lasting);
    assert_eq!(connection.closed(), Some(CloseReason::SlowConsumer));
    assert_eq!(metrics.closed(CloseReason::SlowConsumer), 1);
    assert_eq!(connection.pending_bytes(), 0);
    assert!(connection.take(9, 9999).is_empty());
    connection.send(&frame, Class::Lasting);
    assert_eq!(connection.pending_bytes(), 0, "a closed connection takes nothing");
}

#[test]
fn who_waits_for_room_is_woken_when_there_is_some() {
    let frame = Frame::text(&"x".repeat(1000));
    let (connection, _) = connection(40 * frame.len());
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    let mut cx = Context::from_waker(&waker);
    assert_eq!(connection.poll_room(&mut cx), Poll::Ready(()), "nothing waits");
    let frames = vec![frame.clone(); 6];
    connection.send_all(&frames, Class::Lasting);
    assert_eq!(connection.poll_room(&mut cx), Poll::Ready(()), "less than a quarter waits");
    connection.send_all(&frames, Class::Lasting);
    assert_eq!(connection.poll_room(&mut cx), Poll::Pending);
    connection.take(1, 9999);
    assert_eq!(wakes.count(), 0, "there are eleven of forty");
    connection.take(1, 9999);
    assert_eq!(wakes.count(), 1);
    assert_eq!(connection.poll_room(&mut cx), Poll::Ready(()));
    let close = |connection: &Connection| {
        connection.close(CloseReason::PingTimeout);
    };
    for end in [close, Connection::discard] {
        let (connection, _) = self::connection(frame.len());
        connection.send(&frame, Class::Lasting);
        assert_eq!(connection.poll_room(&mut cx), Poll::Pending);
        let before = wakes.count();
        end(&connection);
        assert_eq!(wakes.count(), before + 1, "who waits learns of the end");
    }
}

#[test]
fn tiny_frames_count_with_their_place() {
    let (connection, _) = connection(100 * PLACE_BYTES);
    for _ in 0..90 {
        connection.send(&Frame::text("2"), Class::Lasting);
    }
    assert_eq!(connection.closed(), None);
    for _ in 0..20 {
        connection.send(&Frame::text("2"), Class::Lasting);
    }
    assert_eq!(connection.closed(), Some(CloseReason::SlowConsumer));
}

#[test]
fn poll_takes_whole_frames_within_both_limits() {
    let (connection, _) = connection(100_000);
    let pair = Frame::join([&Frame::text("451-[]"), &Frame::binary(b"attachment")]);
    let crowd = Frame::join(&(0..20).map(text).collect::<Vec<_>>());
    for frame in [&text(1), &text(2), &pair, &text(3), &crowd, &text(4)] {
        connection.send(frame, Class::Lasting);
    }
    assert_eq!(connection.take(3, 9999), [text(1), text(2)], "the pair stays together");
    assert_eq!(connection.take(3, 9999), [pair, text(3)]);
    assert_eq!(connection.take(3, 9999), [crowd], "more packets than allowed go alone");
    connection.send(&text(5), Class::Lasting);
    assert_eq!(connection.take(3, text(4).len()), [text(4)]);
    assert_eq!(connection.take(3, 0), [text(5)], "one in any case");
    assert!(connection.take(3, 9999).is_empty());
}

#[test]
fn polling_task_is_woken_when_something_begins_to_wait() {
    let (connection, _) = connection(100_000);
    let counter = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&counter));
    let mut cx = Context::from_waker(&waker);
    assert!(connection.poll_outgoing(&mut cx).is_pending());
    connection.send(&text(1), Class::Lasting);
    connection.send(&text(2), Class::Lasting);
    assert_eq!(counter.count(), 1);
    assert!(connection.poll_outgoing(&mut cx).is_ready());
    connection.take(9, 9999);
    assert!(connection.poll_outgoing(&mut cx).is_pending());
    assert!(connection.close(CloseReason::ServerDisconnect));
    assert_eq!(counter.count(), 2);
    assert!(connection.poll_outgoing(&mut cx).is_ready());
    assert!(!connection.close(CloseReason::PingTimeout), "the first reason stays");
    assert_eq!(connection.closed(), Some(CloseReason::ServerDisconnect));
}

#[test]
fn what_waits_survives_a_close_that_lets_it_drain() {
    let (connection, _) = connection(100_000);
    connection.send(&text(1), Class::Lasting);
    connection.close(CloseReason::ServerDisconnect);
    let counter = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&counter));
    assert!(connection.poll_drain(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(connection.take(9, 9999), [text(1)]);
    assert_eq!(counter.count(), 1);
    assert!(connection.poll_drain(&mut Context::from_waker(&waker)).is_ready());
}

#[tokio::test]
async fn idle_socket_is_written_without_the_connections_task() {
    let (connection, _) = connection(100_000);
    let (stream, mut client) = tcp().await;
    connection.attach_stream(stream, false);
    let counter = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&counter));
    assert!(connection.poll_flush(&mut Context::from_waker(&waker)).is_pending());
    connection.send(&text(1), Class::Lasting);
    assert_eq!(read(&mut client, text(1).len()).await, bytes_of([&text(1)]));
    assert_eq!((connection.pending_bytes(), counter.count()), (0, 0));
}

#[tokio::test]
async fn slow_reader_gets_every_byte_in_order() {
    let (connection, metrics) = connection(64 * 1024 * 1024);
    let (stream, mut client) = tcp().await;
    connection.attach_stream(stream, false);
    let frames = [large('a'), text(1), large('b'), text(2), text(3)];
    for frame in &frames {
        connection.send(frame, Class::Lasting);
    }
    assert!(connection.pending_bytes() > 0, "the kernel can't have taken all of it");
    assert_eq!(
        metrics.counts().outbox_bytes.get(),
        connection.pending_bytes().cast_signed() as i64
    );
    let expected = bytes_of(&frames);
    assert!(read_flushing(&connection, &mut client, expected.len()).await == expected);
    assert_eq!((connection.pending_bytes(), metrics.counts().outbox_bytes.get()), (0, 0));
}

#[tokio::test]
async fn begun_frame_is_finished_even_if_it_is_ephemeral() {
    let (connection, metrics) = connection(1000);
    let (stream, mut client) = unix().await;
    connection.attach_stream(stream, false);
    let begun = large('e');
    connection.send(&begun, Class::Ephemeral);
    assert!(connection.pending_bytes() < begun.len(), "some of it is written");
    let lasting = Frame::text(&"4".repeat(600));
    connection.send(&Frame::text(&"4".repeat(500)), Class::Ephemeral);
    connection.send(&lasting, Class::Lasting);
    assert_eq!((metrics.dropped_ephemeral(), connection.closed()), (1, None));
    let expected = bytes_of([&begun, &lasting]);
    assert!(read_flushing(&connection, &mut client, expected.len()).await == expected);
}

#[tokio::test]
async fn slow_consumer_is_closed_at_a_frame_boundary() {
    let (connection, _) = connection(1000);
    let (stream, mut client) = tcp().await;
    connection.attach_stream(stream, false);
    let begun = large('x');
    connection.send(&begun, Class::Lasting);
    for number in 0..100 {
        connection.send(&text(number), Class::Lasting);
    }
    assert_eq!(connection.closed(), Some(CloseReason::SlowConsumer));
    assert!(connection.pending_bytes() < begun.len());
    let drain = async {
        poll_fn(|cx| connection.poll_flush(cx)).await.unwrap();
        poll_fn(|cx| connection.poll_drain(cx)).await.unwrap();
        connection.discard();
    };
    let mut received = Vec::new();
    let read = soon(async { tokio::join!(drain, client.read_to_end(&mut received)).1 });
    read.await.unwrap();
    assert!(received == bytes_of([&begun]));
}

#[tokio::test]
async fn upgrade_sends_what_waits_first() {
    let (connection, _) = connection(100_000);
    for number in 0..100 {
        connection.send(&text(number), Class::Lasting);
    }
    let mut frames = connection.take(10, 9999);
    assert_eq!(frames.len(), 10);
    let (stream, mut client) = tcp().await;
    connection.attach_stream(stream, false);
    connection.send(&text(100), Class::Lasting);
    assert!(connection.take(10, 9999).is_empty(), "what waits is the stream's now");
    frames.extend((10..=100).map(text));
    let expected = bytes_of(&frames[10..]);
    assert_eq!(read_flushing(&connection, &mut client, expected.len()).await, expected);
}

#[tokio::test]
async fn binary_becomes_base64_text_for_a_client_without_binary() {
    let (connection, _) = connection(100_000);
    let pair = Frame::join([&Frame::text("451-[]"), &Frame::binary(&[1, 2, 3, 4])]);
    connection.send(&pair, Class::Lasting);
    let (stream, mut client) = tcp().await;
    connection.attach_stream(stream, true);
    connection.send(&text(1), Class::Lasting);
    connection.send(&pair, Class::Lasting);
    let plain = [Frame::text("451-[]"), Frame::text("bAQIDBA==")];
    let expected = bytes_of([&plain[0], &plain[1], &text(1), &plain[0], &plain[1]]);
    assert_eq!(read_flushing(&connection, &mut client, expected.len()).await, expected);
    assert!(pair.parts().any(|part| matches!(part, Part::Binary(_))), "the shared one stays");
}

#[tokio::test]
async fn flushing_task_is_woken_by_a_close() {
    let (connection, _) = connection(100_000);
    let (stream, _client) = tcp().await;
    connection.attach_stream(stream, false);
    let closer = async {
        tokio::task::yield_now().await;
        connection.close(CloseReason::PingTimeout)
    };
    let (flushed, first) =
        soon(async { tokio::join!(poll_fn(|cx| connection.poll_flush(cx)), closer) }).await;
    assert!(flushed.is_ok() && first);
}

#[tokio::test]
async fn peer_that_is_gone_closes_the_connection() {
    let (connection, metrics) = connection(100_000);
    let (stream, client) = unix().await;
    connection.attach_stream(Arc::clone(&stream), false);
    drop(client);
    connection.send(&text(1), Class::Lasting);
    assert_eq!(connection.closed(), Some(CloseReason::TransportClose));
    assert_eq!(metrics.closed(CloseReason::TransportClose), 1);
    connection.discard();
    assert_eq!(Arc::strong_count(&stream), 1, "the connection let go of the stream");
    let waker = Waker::noop();
    let drained = connection.poll_drain(&mut Context::from_waker(waker));
    assert!(matches!(drained, Poll::Ready(Ok(()))));
}

#[tokio::test]
async fn closed_connection_takes_no_frames_although_its_stream_would() {
    for reason in [CloseReason::ServerDisconnect, CloseReason::SlowConsumer] {
        let (connection, _) = connection(100_000);
        let (stream, mut client) = tcp().await;
        connection.attach_stream(stream, false);
        connection.send(&text(1), Class::Lasting);
        connection.close(reason);
        connection.send(&text(2), Class::Lasting);
        connection.send_all(&[text(3), text(4)], Class::Lasting);
        connection.discard();
        let mut received = Vec::new();
        soon(client.read_to_end(&mut received)).await.unwrap();
        assert_eq!(received, bytes_of([&text(1)]), "{reason}");
    }
}

#[test]
fn dropped_connection_no_longer_counts_as_waiting() {
    let (connection, metrics) = connection(100_000);
    let waiting = &metrics.counts().outbox_bytes;
    connection.send(&text(1), Class::Lasting);
    assert_eq!(waiting.get(), text(1).len().cast_signed() as i64);
    drop(connection);
    assert_eq!(waiting.get(), 0);
}

#[test]
fn empty_frames_take_no_place() {
    let (connection, _) = connection(100_000);
    connection.send(&Frame::join([]), Class::Lasting);
    assert!(!connection.state.lock().waits());
    let mut outbox = Outbox::default();
    let item = super::Item { frame: &Frame::join([]), class: Class::Lasting };
    assert_eq!(outbox.push(item, 1000), Ok(0));
    assert!(outbox.is_empty());
}
