//! Instructions that the rules of the chat take: reading commands, refusing what is none, writing
//! an entry for the log and for its readers.

#![expect(
    clippy::unwrap_used,
    missing_docs,
    reason = "a measurement; its macros make public items"
)]

use std::hint::black_box;

use bytes::Bytes;
use chat::render::{self, Place};
use chat::{Command, Entry, Limits, Message};
use gungraun::prelude::*;

/// Each measurement does its work so often: what happens only at the first time weighs little.
const TIMES: usize = 100;

const TEXT: &str = "a text of many words a text of many words a text of many words a";

fn send() -> String {
    format!(r#"{{"room":"general","id":"0123456789abcdef","text":"{TEXT}"}}"#)
}

fn join() -> String {
    r#"{"room":"general","after":{"epoch":"one-epochs-name1","offset":1234},"limit":50}"#.into()
}

fn without_id() -> String {
    format!(r#"{{"room":"general","text":"{TEXT}"}}"#)
}

fn too_large() -> String {
    send().replace(TEXT, &TEXT.repeat(100))
}

#[library_benchmark]
#[bench::send_100("send", send())]
#[bench::join_100("join", join())]
fn accepted(name: &str, json: String) -> String {
    let limits = Limits::default();
    for _ in 0..TIMES {
        black_box(Command::parse(name, &[black_box(&json)], &limits).unwrap().unwrap());
    }
    json
}

#[library_benchmark]
#[bench::without_id_100(without_id())]
#[bench::too_large_100(too_large())]
fn refused(json: String) -> String {
    let limits = Limits::default();
    for _ in 0..TIMES {
        black_box(Command::parse("send", &[black_box(&json)], &limits).unwrap().unwrap_err());
    }
    json
}

#[library_benchmark]
#[bench::of_100(render::text(TEXT))]
fn stock(json: String) -> String {
    let limits = Limits::default();
    for _ in 0..TIMES {
        black_box(Message::from_stock(&[black_box(&json)], &limits).unwrap());
    }
    json
}

#[library_benchmark]
#[bench::of_100()]
fn stored() {
    for _ in 0..TIMES {
        black_box(Entry::message(black_box("Ada"), black_box(TEXT)).encode());
    }
}

const PLACE: Place<'static> = Place {
    room: "general",
    epoch: "one-epochs-name1",
    offset: 1234,
    id: "0123456789abcdef",
    user: "guest-7",
    at: 1_800_000_000_000,
};

#[library_benchmark]
#[bench::of_100()]
fn appended() {
    for _ in 0..TIMES {
        black_box(render::appended(black_box(&PLACE), false));
    }
}

#[library_benchmark]
#[bench::of_100(Entry::message("Ada", TEXT).encode())]
fn for_palabre(entry: Bytes) -> Bytes {
    for _ in 0..TIMES {
        black_box(render::entry(&PLACE, black_box(&entry)));
    }
    entry
}

#[library_benchmark]
#[bench::of_100(Entry::message("Ada", TEXT).encode())]
fn for_stock(entry: Bytes) -> Bytes {
    for _ in 0..TIMES {
        black_box(render::stock_text(black_box(&entry)).unwrap());
    }
    entry
}

library_benchmark_group!(name = command, benchmarks = [accepted, refused, stock]);
library_benchmark_group!(name = entry, benchmarks = [stored, appended, for_palabre, for_stock]);
main!(library_benchmark_groups = [command, entry]);
