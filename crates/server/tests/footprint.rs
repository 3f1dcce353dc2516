//! What an idle connection costs in memory, counted by the allocator: its session, its socket, its
//! room, its presence and its session record. Growth is a decision.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::{
    alloc::System,
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use broker::{Limits, embedded::Embedded};
use server::{Server, config::Config};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Connections that are there before counting begins. Hash maps are then as full as in the end.
const BEFORE: usize = 100;

/// Connections that are counted.
const COUNTED: usize = 700;

/// Bytes that the program holds for one idle connection of a stock client. What SQLite holds of its
/// session record, about 0.2 KiB, is not counted; nor is what the allocator adds.
const BYTES_MAX: usize = 1_600;

/// How many times one looks for the fewest bytes before counting begins. What the last of the
/// handshakes still hold then makes a byte or two for each connection.
const SAMPLES: usize = 10_000;

/// How long what the handshakes needed may take to be given back.
const DEADLINE: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_connection_is_small() {
    let config = Config { port: 0, drain_window: Duration::ZERO, ..Config::default() };
    let broker = Embedded::open(None, Limits::memory()).unwrap();
    let server = Server::start(&config, broker).await.unwrap();
    let address = server.address().to_string().trim_start_matches("http://").to_owned();
    let mut clients = Vec::with_capacity(BEFORE + COUNTED);
    for _ in 0..BEFORE {
        clients.push(connect(&address));
    }
    let mut samples = 0;
    let before = settled(|_| {
        samples += 1;
        samples > SAMPLES
    })
    .await;
    for _ in 0..COUNTED {
        clients.push(connect(&address));
    }
    let each = |bytes: usize| bytes.saturating_sub(before) / COUNTED;
    let after = settled(|bytes| each(bytes) <= BYTES_MAX).await;
    println!("{} bytes for each connection", each(after));
    assert!(each(after) <= BYTES_MAX, "{} bytes for each connection", each(after));
    drop(clients);
    server.stop().await;
}

/// The bytes that are held as soon as they are `enough`, or the fewest within the deadline.
async fn settled(mut is_enough: impl FnMut(usize) -> bool) -> usize {
    let mut fewest = usize::MAX;
    let waiting = async {
        while !is_enough(fewest) {
            let stats = ALLOCATOR.stats();
            fewest = fewest.min(stats.bytes_allocated - stats.bytes_deallocated);
            tokio::task::yield_now().await;
        }
    };
    let _ = tokio::time::timeout(DEADLINE, waiting).await;
    fewest
}

/// Connects as a stock client does, and hears its welcome.
fn connect(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let request = format!(
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {address}\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    hear(&mut stream, b"pingInterval");
    // CONNECT, masked with zeros.
    stream.write_all(&[0x81, 0x82, 0, 0, 0, 0, b'4', b'0']).unwrap();
    hear(&mut stream, b"palabre:welcome");
    stream
}

fn hear(stream: &mut TcpStream, word: &[u8]) {
    let (mut heard, mut length) = ([0; 4096], 0);
    while !heard[..length].windows(word.len()).any(|part| part == word) {
        let read = stream.read(&mut heard[length..]).unwrap();
        assert!(read > 0, "it ended before {word:?}");
        length += read;
    }
}
