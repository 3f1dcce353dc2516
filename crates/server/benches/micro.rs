//! Instructions that an entry takes on its way through an instance: read from what Redis
//! published, followed, placed in the order, and encoded for each kind of client, or skipped
//! where no socket of this instance is in its room. And those that a stock client's session record
//! takes, which is written when the client comes and read when it comes back.

#![expect(
    clippy::unwrap_used,
    missing_docs,
    reason = "a measurement; its macros make public items"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use broker::follow::Followed;
use broker::{Epoch, Head, Names, Partition, Record};
use gungraun::prelude::*;
use hub::{Hub, SocketKey};
use server::application::recovery::measured::Kept;
use server::sequencer::order::{Audience, Effect, Entering, Input, Order};
use server::sequencer::ring;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

/// Each measurement handles so many entries: what happens only at the first time weighs little.
const ENTRIES: u64 = 256;

/// Entries that went by before: as many as the ring takes in one piece.
const BEFORE: u64 = 128;

const HELD: &str = "general";
const FOREIGN: &str = "elsewhere";

fn epoch() -> Epoch {
    Epoch::from_random(*b"one epoch's name")
}

fn record(seq: u64, room: &str) -> Record {
    let text = "a text of many words a text of many words a text of many words a";
    Record {
        seq,
        offset: seq,
        at: 1_800_000_000_000,
        names: Names::new(room, "guest-7", "0123456789abcdef"),
        target: None,
        bytes: chat::Entry::message("Ada", text).encode(),
    }
}

fn entry(seq: u64, room: &str) -> Input {
    Input::Followed(Partition(0), Followed::Entry(epoch(), Arc::new(record(seq, room))))
}

/// An order in which sockets of these kinds are in a room, and entries of some room.
struct Stream {
    order: Order,
    entries: Vec<Input>,
    effects: Vec<Effect>,
}

fn stream(audiences: &[Audience], room: &str) -> Stream {
    let limits = ring::Limits { time: Duration::from_mins(2), bytes: 64 << 20 };
    let (mut order, mut effects) = (Order::new(1, limits), Vec::new());
    let start = Followed::Start(Head { epoch: epoch(), seq: 0 });
    order.handle(Input::Followed(Partition(0), start), &mut effects);
    for (audience, key) in audiences.iter().zip(keys(audiences.len())) {
        let (placed, _place) = oneshot::channel();
        let (audience, room) = (*audience, Some(HELD.into()));
        let entering = Entering { key, audience, room, hold: false, again: false, placed };
        order.handle(Input::Enter(entering), &mut effects);
    }
    for seq in 1..=BEFORE {
        order.handle(entry(seq, room), &mut effects);
    }
    effects.clear();
    effects.reserve(1024);
    let entries = (BEFORE + 1..=BEFORE + ENTRIES).map(|seq| entry(seq, room)).collect();
    Stream { order, entries, effects }
}

/// Keys are given out by a hub only.
fn keys(count: usize) -> Vec<SocketKey> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let hub = Hub::start(1, hub::Limits::default(), hub::Metrics::new(), &TaskTracker::new());
        let mut keys = Vec::new();
        for _ in 0..count {
            keys.push(hub.attach(hub.connection()).await);
        }
        keys
    })
}

/// Handles them, and counts the frames that come of it.
fn handle(stream: &mut Stream) -> usize {
    let mut frames = 0;
    for entry in std::mem::take(&mut stream.entries) {
        stream.order.handle(entry, &mut stream.effects);
        frames += stream.effects.len();
        black_box(stream.effects.drain(..));
    }
    frames
}

#[library_benchmark]
#[bench::of_256(stream(&[Audience::Stock, Audience::Palabre], FOREIGN))]
fn skipped(mut stream: Stream) -> Stream {
    assert_eq!(handle(&mut stream), 0);
    stream
}

#[library_benchmark]
#[bench::stock_256(stream(&[Audience::Stock], HELD), 1)]
#[bench::palabre_256(stream(&[Audience::Palabre], HELD), 1)]
#[bench::all_three_256(
    stream(&[Audience::Stock, Audience::StockPlain, Audience::Palabre], HELD), 3
)]
fn held(mut stream: Stream, frames_each: usize) -> Stream {
    assert_eq!(handle(&mut stream), frames_each * ENTRIES as usize);
    stream
}

/// A record of a client in so many rooms.
fn record_of(rooms: usize) -> String {
    let mut record = "\u{2}QwErTyUiOpAsDfGhJkLz guest-7".to_owned();
    for number in 0..rooms {
        write!(record, "\nroom-{number:03} {} {}", epoch(), 100_000 + number)
            .expect("a string takes all");
    }
    record
}

fn kept(rooms: usize) -> (Kept, String) {
    let record = record_of(rooms);
    (Kept::decode(record.as_bytes()).unwrap(), record)
}

#[library_benchmark]
#[bench::of_2_rooms(record_of(2))]
#[bench::of_32_rooms(record_of(32))]
fn read(record: String) -> (Option<Kept>, String) {
    let kept = Kept::decode(black_box(record.as_bytes()));
    assert!(kept.is_some());
    (kept, record)
}

#[library_benchmark]
#[bench::of_2_rooms(kept(2))]
#[bench::of_32_rooms(kept(32))]
fn written((kept, record): (Kept, String)) -> (Box<[u8]>, Kept, String) {
    let bytes = black_box(&kept).encode();
    assert_eq!(*bytes, *record.as_bytes());
    (bytes, kept, record)
}

library_benchmark_group!(name = session_record, benchmarks = [read, written]);
library_benchmark_group!(name = sequencer, benchmarks = [skipped, held]);
main!(library_benchmark_groups = [sequencer, session_record]);
