//! Transcripts: `<` goes in, `>` must come out, `@` lets milliseconds pass, `?` is when the
//! follower next wants to be called (`-` for never). `a:7` is the entry or head 7 of epoch a; a
//! `'` makes it another entry at the same place.

mod memory;
mod properties;
mod resets;

use bytes::Bytes;

use super::*;
use crate::Names;

fn epoch(letter: char) -> Epoch {
    letter.to_string().repeat(16).parse().unwrap()
}

fn record(seq: u64, id: &str) -> Record {
    Record {
        seq,
        offset: seq,
        at: 1_000 + seq,
        names: Names::new("room", "user", id),
        target: None,
        bytes: vec![0; 10].into(),
    }
}

/// Reads `a:7` or `a:7'`.
fn place(text: &str) -> (Head, Record) {
    let (letter, seq) = text.split_once(':').unwrap();
    let seq_only = seq.trim_end_matches('\'').parse().unwrap();
    let head = Head { epoch: epoch(letter.chars().next().unwrap()), seq: seq_only };
    (head, record(seq_only, seq))
}

fn short(head: Head) -> String {
    format!("{}:{}", &head.epoch.as_str()[..1], head.seq)
}

fn said(step: &Step) -> String {
    match step {
        Step::HandOn(Followed::Start(head)) => format!("start {}", short(*head)),
        Step::HandOn(Followed::Entry(epoch, record)) => {
            format!("entry {}:{}", &epoch.as_str()[..1], record.id())
        }
        Step::HandOn(Followed::Signal { room, .. }) => format!("signal {room}"),
        Step::HandOn(Followed::Watermark { instance, head }) => {
            format!("watermark {instance} {}", short(*head))
        }
        Step::HandOn(Followed::Reset(head)) => format!("reset {}", short(*head)),
        Step::HandOn(Followed::Behind) => "behind".to_owned(),
        Step::HandOn(Followed::CaughtUp { head, repaired }) => {
            format!("caught up {} repaired {repaired}", short(*head))
        }
        Step::Read { ticket, after, to, limit } => {
            format!("read #{ticket} after {after} to {to} at most {limit}")
        }
        Step::ReadHead { ticket } => format!("read head #{ticket}"),
    }
}

fn feed(follower: &mut Follower, line: &str, now: Duration) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let ticket = |word: &str| word.trim_start_matches('#').parse().unwrap();
    match words[..] {
        ["live"] => follower.handle(Delivery::Live, now),
        ["interrupted"] => follower.handle(Delivery::Interrupted, now),
        ["entry", text] => {
            let (head, record) = place(text);
            follower.handle(Delivery::Entry(head.epoch, Arc::new(record)), now);
        }
        ["signal", room] => {
            follower.handle(Delivery::Signal { room: room.into(), bytes: Bytes::new() }, now);
        }
        ["watermark", instance, text] => {
            let head = place(text).0;
            follower.handle(Delivery::Watermark { instance: instance.into(), head }, now);
        }
        ["head", number, "failed"] => follower.head_answer(ticket(number), None, now),
        ["head", number, text] => {
            follower.head_answer(ticket(number), Some(place(text).0), now);
        }
        ["page", number, "failed"] => {
            follower.page_answer(ticket(number), Err(Error::Unavailable("x".into())), now);
        }
        ["page", number, "damaged"] => {
            follower.page_answer(ticket(number), Err(Error::Damaged("x".into())), now);
        }
        ["page", number, head, ref rest @ ..] => {
            let reaches_back = !rest.contains(&"trimmed");
            let texts = rest.iter().filter(|word| **word != "trimmed");
            let records = texts.map(|text| place(text).1).collect();
            let page = PartitionPage { head: place(head).0, records, reaches_back };
            follower.page_answer(ticket(number), Ok(page), now);
        }
        _ => panic!("what is {line:?}?"),
    }
}

fn check(transcript: &str) {
    let limits = Limits {
        held_entries: 3,
        held_bytes: 10_000,
        hold: Duration::from_secs(30),
        page: 5,
        read_wait: Duration::from_secs(10),
        retry_first: Duration::from_millis(100),
        retry_max: Duration::from_millis(300),
        remembered: 4,
    };
    let mut follower = Follower::new(limits);
    let mut now = Duration::ZERO;
    for (number, line) in transcript.lines().map(str::trim).enumerate() {
        let Some((sign, text)) = line.split_once(' ') else { continue };
        if sign == ">" {
            let step = follower.poll_step().map(|step| said(&step));
            assert_eq!(step.as_deref(), Some(text), "line {number} of {transcript}");
            continue;
        }
        let step = follower.poll_step().map(|step| said(&step));
        assert_eq!(step, None, "before line {number} of {transcript}");
        match sign {
            "<" => feed(&mut follower, text, now),
            "@" => {
                now += Duration::from_millis(text.parse().unwrap());
                follower.handle_timeout(now);
            }
            "?" => {
                let wanted = follower.poll_timeout().map(|at| at.saturating_sub(now).as_millis());
                let wanted = wanted.map_or("-".to_owned(), |millis| millis.to_string());
                assert_eq!(wanted, text, "line {number} of {transcript}");
            }
            _ => panic!("what is {line:?}?"),
        }
    }
    assert_eq!(follower.poll_step().map(|step| said(&step)), None, "behind {transcript}");
}

/// Started behind a:5.
fn started(rest: &str) {
    check(&format!("< live\n> read head #1\n< head #1 a:5\n> start a:5\n{rest}"));
}

#[test]
fn stream_starts_at_the_head_and_hands_on_what_follows() {
    check(
        "? -
         < live
         > read head #1
         ? 10000
         < entry a:5
         < entry a:6
         < head #1 a:5
         > start a:5
         > entry a:6
         ? -
         < entry a:7
         > entry a:7",
    );
}

#[test]
fn nothing_is_taken_before_deliveries_are_live() {
    check(
        "< entry a:6
         < live
         > read head #1
         < head #1 a:6
         > start a:6
         < entry a:7
         > entry a:7",
    );
}

#[test]
fn doubles_are_dropped() {
    started(
        "< entry a:6
         > entry a:6
         < entry a:6
         < entry a:3
         < entry a:7
         > entry a:7",
    );
}

#[test]
fn doubles_are_not_waited_for() {
    // If this one were, the hold would end after 30 seconds, with a reset.
    started(
        "< watermark me a:7
         > watermark me a:7
         > behind
         > read #2 after 5 to 7 at most 5
         < entry a:5
         @ 10000
         @ 100
         > read #3 after 5 to 7 at most 5
         @ 10000
         @ 200
         > read #4 after 5 to 7 at most 5
         @ 10000
         @ 300
         > read #5 after 5 to 7 at most 5",
    );
}

#[test]
fn gap_is_read_while_later_entries_are_held() {
    started(
        "< entry a:8
         > behind
         > read #2 after 5 to 7 at most 5
         < entry a:9
         < page #2 a:8 a:6 a:7
         > entry a:6
         > entry a:7
         > entry a:8
         > entry a:9
         > caught up a:9 repaired 2",
    );
}

#[test]
fn gap_is_read_in_pages() {
    started(
        "< entry a:13
         > behind
         > read #2 after 5 to 12 at most 5
         < page #2 a:13 a:6 a:7 a:8
         > entry a:6
         > entry a:7
         > entry a:8
         > read #3 after 8 to 12 at most 5
         < page #3 a:13 a:9 a:10 a:11 a:12
         > entry a:9
         > entry a:10
         > entry a:11
         > entry a:12
         > entry a:13
         > caught up a:13 repaired 7",
    );
}

#[test]
fn second_gap_among_what_is_held_is_read_too() {
    started(
        "< entry a:7
         > behind
         > read #2 after 5 to 6 at most 5
         < entry a:9
         < page #2 a:9 a:6
         > entry a:6
         > entry a:7
         > read #3 after 7 to 8 at most 5
         < page #3 a:9 a:8
         > entry a:8
         > entry a:9
         > caught up a:9 repaired 2",
    );
}

#[test]
fn interruption_is_read_over_once_deliveries_are_live() {
    started(
        "< interrupted
         > behind
         < entry a:7
         ? -
         < live
         > read head #2
         < entry a:9
         < head #2 a:8
         > read #3 after 5 to 8 at most 5
         < page #3 a:9 a:6 a:7 a:8
         > entry a:6
         > entry a:7
         > entry a:8
         > entry a:9
         > caught up a:9 repaired 3",
    );
}

#[test]
fn interruption_without_loss_reads_nothing() {
    started(
        "< interrupted
         > behind
         < interrupted
         < live
         > read head #2
         < head #2 a:5
         > caught up a:5 repaired 0",
    );
}

#[test]
fn interruption_makes_earlier_questions_void() {
    started(
        "< entry a:8
         > behind
         > read #2 after 5 to 7 at most 5
         < interrupted
         < page #2 a:8 a:6 a:7
         ? -
         < live
         > read head #3
         < page #2 a:8 a:6 a:7
         < head #3 a:8
         > read #4 after 5 to 8 at most 5
         < page #4 a:8 a:6 a:7 a:8
         > entry a:6
         > entry a:7
         > entry a:8
         > caught up a:8 repaired 3",
    );
}

#[test]
fn watermark_finds_a_lost_tail() {
    started(
        "< watermark me a:5
         > watermark me a:5
         < watermark me a:7
         > watermark me a:7
         > behind
         > read #2 after 5 to 7 at most 5
         < page #2 a:7 a:6 a:7
         > entry a:6
         > entry a:7
         > caught up a:7 repaired 2",
    );
}

#[test]
fn watermark_of_what_is_held_reads_only_the_gap() {
    started(
        "< entry a:7
         > behind
         > read #2 after 5 to 6 at most 5
         < watermark me a:7
         > watermark me a:7
         < page #2 a:7 a:6
         > entry a:6
         > entry a:7
         > caught up a:7 repaired 1",
    );
}

#[test]
fn watermark_that_was_overtaken_is_only_asked_about() {
    started(
        "< entry a:6
         > entry a:6
         < watermark me a:5
         > watermark me a:5
         > read head #2
         < entry a:7
         < head #2 a:7
         > entry a:7
         ? -",
    );
}

#[test]
fn failed_reads_are_tried_again_ever_later() {
    started(
        "< entry a:7
         > behind
         > read #2 after 5 to 6 at most 5
         < page #2 failed
         ? 100
         < entry a:8
         @ 99
         @ 1
         > read #3 after 5 to 6 at most 5
         < page #3 failed
         ? 200
         @ 200
         > read #4 after 5 to 6 at most 5
         < page #4 failed
         ? 300
         @ 300
         > read #5 after 5 to 6 at most 5
         < page #5 failed
         ? 300
         @ 300
         > read #6 after 5 to 6 at most 5
         < page #6 a:8 a:6
         > entry a:6
         > entry a:7
         > entry a:8
         > caught up a:8 repaired 1
         ? -",
    );
}

#[test]
fn unanswered_questions_are_asked_again() {
    check(
        "< live
         > read head #1
         @ 10000
         ? 100
         @ 100
         > read head #2
         < head #1 a:3
         < head #2 a:5
         > start a:5",
    );
}

#[test]
fn too_much_held_is_dropped_and_read() {
    started(
        "< entry a:7
         > behind
         > read #2 after 5 to 6 at most 5
         < entry a:8
         < entry a:9
         < entry a:10
         < entry a:11
         < page #2 a:11 a:6
         > entry a:6
         > read #3 after 6 to 10 at most 5
         < page #3 a:11 a:7 a:8 a:9 a:10
         > entry a:7
         > entry a:8
         > entry a:9
         > entry a:10
         > entry a:11
         > caught up a:11 repaired 5",
    );
}

#[test]
fn too_much_held_before_the_start_is_read() {
    check(
        "< live
         > read head #1
         < entry a:6
         < entry a:7
         < entry a:8
         < entry a:9
         < head #1 a:5
         > start a:5
         > behind
         > read #2 after 5 to 9 at most 5
         < page #2 a:9 a:6 a:7 a:8 a:9
         > entry a:6
         > entry a:7
         > entry a:8
         > entry a:9
         > caught up a:9 repaired 4",
    );
}

#[test]
fn gap_is_given_up_when_it_lasts_too_long() {
    started(
        "< entry a:9
         > behind
         > read #2 after 5 to 8 at most 5
         @ 10000
         @ 100
         > read #3 after 5 to 8 at most 5
         @ 10000
         @ 200
         > read #4 after 5 to 8 at most 5
         ? 9700
         @ 9700
         > reset a:8
         > entry a:9
         > caught up a:9 repaired 0
         ? -",
    );
}

#[test]
fn signals_are_never_held_up() {
    started(
        "< entry a:9
         > behind
         > read #2 after 5 to 8 at most 5
         < signal room
         > signal room
         < interrupted
         < signal room
         > signal room",
    );
}

#[test]
fn bytes_that_are_held_are_bounded_too() {
    let limits = Limits { held_entries: 1_000, held_bytes: 1_000, ..Limits::default() };
    let mut follower = Follower::new(limits);
    follower.handle(Delivery::Live, Duration::ZERO);
    for seq in 1..100 {
        let entry = Delivery::Entry(epoch('a'), Arc::new(record(seq, "x")));
        follower.handle(entry, Duration::ZERO);
        assert!(follower.held.bytes() <= 1_000);
    }
}
