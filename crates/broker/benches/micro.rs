//! Instructions that it takes to make deliveries of what Redis sends to a subscriber: what every
//! instance does for every entry that anybody sends.

#![expect(missing_docs, reason = "a measurement; its macros make public items")]

use broker::Delivery;
use broker::redis::measured::Deliveries;
use gungraun::prelude::*;

/// Each measurement reads so many: what happens only at the first time weighs little.
const DELIVERIES: u64 = 256;

fn message(publication: &[u8]) -> Vec<u8> {
    let channel = "palabre:{p0}:0";
    let (of_channel, length) = (channel.len(), publication.len());
    let front = format!("*3\r\n$7\r\nmessage\r\n${of_channel}\r\n{channel}\r\n${length}\r\n");
    [front.as_bytes(), publication, b"\r\n"].concat()
}

fn entry(seq: u64) -> Vec<u8> {
    let (room, user, id) = ("general", "guest-7", format!("{seq:016}"));
    let text = "a text of many words a text of many words a text of many words a";
    format!(
        "1e abcdefghijklmnop {}\n{room}{seq} {seq} 1800000000000 0 {} {}\n{user}{id}\
         \u{1}{{\"kind\":\"message\",\"name\":\"Ada\",\"text\":\"{text}\",\"via\":\"socket\"}}",
        room.len(),
        user.len(),
        id.len(),
    )
    .into_bytes()
}

fn signal(number: u64) -> Vec<u8> {
    format!("1s 7\ngeneral{{\"kind\":\"presence\",\"serial\":{number}}}").into_bytes()
}

/// What was read of the socket, and where the deliveries go.
struct Read {
    deliveries: Deliveries,
    bytes: Vec<u8>,
    all: Vec<Delivery>,
}

/// All of them at once, behind one that was read before.
fn read(publication: fn(u64) -> Vec<u8>) -> Read {
    let mut deliveries = Deliveries::default();
    deliveries.read(&message(&publication(99_999)), &mut Vec::new());
    let numbers = 100_000..100_000 + DELIVERIES;
    let bytes = numbers.flat_map(|number| message(&publication(number))).collect();
    Read { deliveries, bytes, all: Vec::with_capacity(DELIVERIES as usize) }
}

#[library_benchmark]
#[bench::entries_256(read(entry))]
#[bench::signals_256(read(signal))]
fn deliveries(mut read: Read) -> Read {
    let taken = read.deliveries.read(&read.bytes, &mut read.all);
    assert_eq!((taken, read.all.len()), (read.bytes.len(), DELIVERIES as usize));
    read
}

library_benchmark_group!(name = redis, benchmarks = [deliveries]);
main!(library_benchmark_groups = [redis]);
