//! A fixed number of appends to the embedded log, so many at a time, for counting the instructions
//! of each:
//! `cargo build --profile counting -p broker --example append-cost`, then
//! `valgrind --tool=callgrind target/counting/examples/append-cost PLACE COUNT TOGETHER ROOMS`
//! with `memory` or a directory as the place. What a run costs beside its appends is seen with a
//! COUNT of 0; so is what is in a log that grows, with two counts.

use std::path::Path;

use broker::{Broker, Draft, Error, Limits, embedded::Embedded};
use tokio::task::JoinSet;

/// Bytes of an entry: a short message with its name, id and time.
const ENTRY_BYTES: usize = 200;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().unwrap_or_else(|| "memory".into());
    let mut number = |otherwise| {
        arguments.next().and_then(|text| text.parse::<usize>().ok()).unwrap_or(otherwise)
    };
    let (count, together, rooms) = (number(3_200), number(32).max(1), number(10).max(1));
    let log = Embedded::open((place != "memory").then(|| Path::new(&place)), Limits::embedded())?;
    for first in (0..count).step_by(together) {
        let answers: JoinSet<_> =
            (first..(first + together).min(count)).map(|n| log.append(draft(n, rooms))).collect();
        for answer in answers.join_all().await {
            assert!(answer.is_ok_and(|appended| !appended.duplicate), "it is stored");
        }
    }
    log.close().await;
    Ok(())
}

/// Rooms take turns in no particular order; ids are as random as those of clients.
fn draft(number: usize, rooms: usize) -> Draft {
    let random = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let room = random as usize % rooms;
    Draft {
        room: format!("room {room}").into(),
        user: format!("user-{:04}-{room}", random >> 61).into(),
        id: format!("{random:016x}").into(),
        bytes: vec![b'x'; ENTRY_BYTES].into(),
        target: None,
        redact: None,
        content: None,
    }
}
