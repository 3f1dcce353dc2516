use broker::Names;

use super::*;

fn epoch() -> Epoch {
    Epoch::from_random(*b"one epoch's name")
}

fn head(seq: u64) -> Head {
    Head { epoch: epoch(), seq }
}

fn record(seq: u64, room: &str, at: u64) -> Arc<Record> {
    Arc::new(Record {
        seq,
        offset: seq,
        at,
        names: Names::new(room, "u", "0123456789"),
        target: None,
        bytes: chat::Entry::message("Ada", &seq.to_string()).encode(),
    })
}

/// A ring that began behind 100 and has heard up to `to`, one entry each millisecond.
fn ring(limits: Limits, to: u64, room: impl Fn(u64) -> &'static str) -> Ring {
    let mut ring = Ring::new(limits);
    ring.begin(head(100));
    for seq in 101..=to {
        ring.push(epoch(), record(seq, room(seq), seq));
    }
    ring
}

fn roomy() -> Limits {
    Limits { time: Duration::from_mins(2), bytes: 64 << 20 }
}

fn seqs(stretch: &Stretch, room: &str, after: u64) -> Vec<u64> {
    let entries = stretch.iter().flat_map(|piece| piece.iter());
    let wanted = entries.filter(|e| e.record.room() == room && e.record.seq > after);
    wanted.map(|entry| entry.record.seq).collect()
}

#[test]
fn all_that_follows_is_given_from_any_seq_since_the_beginning() {
    let ring = ring(roomy(), 1000, |_| "a");
    for after in 100..=1000 {
        let stretch = ring.behind("a", head(after)).expect("it reaches back");
        assert_eq!(seqs(&stretch, "a", after), (after + 1..=1000).collect::<Vec<_>>());
        let given: usize = stretch.iter().map(|piece| piece.len()).sum();
        assert!(given as u64 <= 1000 - after + PIECE as u64, "no more pieces than needed");
    }
    assert!(ring.behind("a", head(99)).is_none());
    assert!(ring.behind("a", Head { epoch: Epoch::from_random([7; 16]), seq: 500 }).is_none());
}

#[test]
fn what_is_too_old_or_too_much_is_dropped() {
    let by_time = ring(Limits { time: Duration::from_millis(300), bytes: 64 << 20 }, 2000, |_| "a");
    assert!(by_time.behind("a", head(1699)).is_some());
    assert!(by_time.behind("a", head(1699 - 2 * PIECE as u64)).is_none());
    assert!(by_time.entries() >= 300 && by_time.entries() < 300 + 2 * PIECE);
    let each = Recent::new(epoch(), record(1000, "a", 1)).weight();
    let by_bytes = ring(Limits { bytes: 500 * each, ..roomy() }, 2000, |_| "a");
    assert!(by_bytes.bytes() <= 500 * each, "{} entries", by_bytes.entries());
    assert!(by_bytes.entries() > 500 - 2 * PIECE);
    let held: usize = by_bytes
        .sealed
        .iter()
        .flat_map(|piece| piece.entries.iter())
        .chain(&by_bytes.open)
        .map(Recent::weight)
        .sum();
    assert_eq!(by_bytes.bytes(), held, "nothing is counted that was dropped");
}

#[test]
fn a_room_that_was_quiet_is_complete_although_others_were_dropped() {
    let limits = Limits { time: Duration::from_millis(300), bytes: 64 << 20 };
    let room = |seq| if seq == 150 || seq > 1990 { "quiet" } else { "busy" };
    let ring = ring(limits, 2000, room);
    let stretch = ring.behind("quiet", head(150)).expect("nothing of it was dropped since");
    assert_eq!(seqs(&stretch, "quiet", 150), (1991..=2000).collect::<Vec<_>>());
    assert!(ring.behind("quiet", head(149)).is_none(), "150 itself was dropped");
    assert!(ring.behind("busy", head(1000)).is_none());
    assert!(ring.behind("never heard of", head(100)).is_some());
    assert!(ring.behind("never heard of", head(99)).is_none(), "that was before the ring");
}

#[test]
fn what_is_remembered_of_rooms_is_bounded_and_forgotten_to_the_safe_side() {
    let limits = Limits { time: Duration::ZERO, bytes: 64 << 20 };
    let mut ring = Ring::new(limits);
    ring.begin(head(0));
    let rooms = ROOMS_MAX as u64 + 1000;
    for seq in 1..=rooms {
        ring.push(epoch(), record(seq, &format!("room-{seq}"), seq));
        assert!(ring.dropped.len() <= ROOMS_MAX);
    }
    assert!(ring.behind("room-1", head(1)).is_none(), "it can't know any more");
    assert!(ring.behind("room-1", head(rooms)).is_some());
}

#[test]
fn a_break_in_the_stream_begins_anew() {
    let mut ring = ring(roomy(), 200, |_| "a");
    ring.begin(head(200));
    assert_eq!(ring.entries(), 100, "that is where it ends: nothing is lost");
    ring.begin(head(300));
    assert_eq!((ring.entries(), ring.bytes()), (0, 0));
    assert!(ring.behind("a", head(200)).is_none());
    ring.push(epoch(), record(301, "a", 301));
    ring.push(epoch(), record(400, "a", 400));
    assert!(ring.behind("a", head(301)).is_none(), "what came between is not known");
    assert_eq!(seqs(&ring.behind("a", head(399)).unwrap(), "a", 399), [400]);
}

#[test]
fn a_frame_is_made_once_and_ends_with_the_cursor() {
    let recent = Recent::new(epoch(), record(7, "a", 7));
    let frame = recent.frame_alone().expect("a message");
    let again = recent.frame_alone().expect("a message");
    assert_eq!(frame.bytes().as_ptr(), again.bytes().as_ptr());
    let text = format!("{:?}", frame.parts().next());
    assert!(text.contains(&format!(r#"\"7\",\"{}.7\"]"#, epoch())), "{text}");
}
