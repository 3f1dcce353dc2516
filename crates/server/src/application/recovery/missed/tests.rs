use std::sync::Arc;

use broker::{Draft, Epoch, Limits, embedded::Embedded};

use super::*;
use crate::sequencer::order::Place;

fn epoch(number: u8) -> Epoch {
    Epoch::from_random([number; 16])
}

fn head(partition: u8, seq: u64) -> Head {
    Head { epoch: epoch(partition), seq }
}

fn recent(partition: u8, seq: u64, room: &str, kind: &str) -> Recent {
    let text = format!(
        "\u{1}{{\"kind\":\"{kind}\",\"name\":\"Ada\",\"text\":\"{seq}\",\"via\":\"socket\"}}"
    );
    let record = Record {
        seq,
        offset: seq,
        at: 1,
        names: broker::Names::new(room, "u", "0123456789"),
        target: None,
        bytes: text.into_bytes().into(),
    };
    Recent::new(epoch(partition), Arc::new(record))
}

fn texts(frames: Frames) -> Vec<String> {
    let text = |part: wire::frame::Part<'_>| match part {
        wire::frame::Part::Text(text) => text.to_owned(),
        wire::frame::Part::Binary(_) => panic!("it is text"),
    };
    frames.flat_map(|frame| frame.parts().map(text).collect::<Vec<_>>()).collect()
}

fn wanted(room: &str, after: Head) -> Wanted {
    Wanted { room: room.into(), after }
}

#[test]
fn each_room_is_given_from_where_it_is_lacking_and_messages_only() {
    let piece = [
        recent(0, 4, "early", "message"),
        recent(0, 5, "late", "message"),
        recent(0, 6, "early", "edit"),
        recent(0, 7, "elsewhere", "message"),
        recent(0, 8, "late", "message"),
        recent(0, 9, "early", "message"),
    ];
    let entries = Entries(vec![(Partition(0), vec![piece.into()])]);
    let rooms = [wanted("early", head(0, 3)), wanted("late", head(0, 7))];
    let heard = texts(entries.frames(rooms.into(), &[head(0, 12)]));
    let expected =
        [4, 8, 9].map(|seq| format!("42[\"chat message\",\"{seq}\",\"{}.{seq}\"]", epoch(0)));
    assert_eq!(heard, expected);
}

#[test]
fn with_several_partitions_a_cursor_passes_nothing_that_is_still_to_come() {
    let room_of = |partition| {
        let mut names = (0..).map(|number| format!("room-{number}"));
        names.find(|name| partition_of(name, 3) == Partition(partition)).unwrap()
    };
    let (first, second) = (room_of(0), room_of(2));
    let entries = Entries(vec![
        (Partition(2), vec![[recent(2, 6, &second, "message")].into()]),
        (Partition(0), vec![[recent(0, 21, &first, "message")].into()]),
    ]);
    let rooms = [wanted(&first, head(0, 20)), wanted(&second, head(2, 5))];
    let place = [head(0, 30), head(1, 7), head(2, 9)];
    let heard = texts(entries.frames(rooms.into(), &place));
    let cursor = |seqs: [u64; 3]| cursor::text(&[0, 1, 2].map(|p| head(p, seqs[usize::from(p)])));
    let expected = [(6, cursor([20, 7, 6])), (21, cursor([21, 7, 6]))]
        .map(|(text, cursor)| format!("42[\"chat message\",\"{text}\",\"{cursor}\"]"));
    assert_eq!(heard, expected, "of the second partition six is known, nine is not");
}

/// A log with so many messages in each of two rooms, one after the other.
async fn log(count: u64, limits: Limits) -> Arc<Embedded> {
    let log = Embedded::open(None, limits).unwrap();
    for number in 1..=count {
        for room in ["a", "b"] {
            let draft = Draft {
                room: room.into(),
                user: "u".into(),
                id: format!("message-{number}").into(),
                bytes: chat::Entry::message("Ada", &number.to_string()).encode(),
                target: None,
                redact: None,
                content: None,
            };
            log.append(draft).await.unwrap();
        }
    }
    log
}

async fn find_in(log: &Embedded, after: u64, place: u64) -> Missed {
    let epoch = log.head(Partition(0)).await.unwrap().epoch;
    let heads = Arc::from([Head { epoch, seq: place }]);
    let returned = Returned { place: Place { heads }, recent: None };
    find(log, &[wanted("a", Head { epoch, seq: after })], &returned).await.unwrap()
}

fn seqs(missed: Missed) -> Vec<u64> {
    let Missed::Known(Entries(entries), Recovered::Log) = missed else { panic!("it is lost") };
    entries[0].1[0].iter().map(|recent| recent.record().seq).collect()
}

#[tokio::test]
async fn without_a_ring_the_log_is_read_back_as_far_as_needed_and_up_to_the_place() {
    let log = log(250, Limits::default()).await;
    // The room has every odd seq.
    assert_eq!(seqs(find_in(&log, 11, 20).await), [13, 15, 17, 19]);
    assert_eq!(seqs(find_in(&log, 0, 500).await).len(), 250, "page by page to the beginning");
    assert_eq!(seqs(find_in(&log, 100, 500).await).len(), 200);
    assert!(seqs(find_in(&log, 499, 500).await).is_empty());
}

#[tokio::test]
async fn what_the_log_has_dropped_is_lost_and_nothing_else() {
    let log = log(250, Limits { room_entries: 40, ..Limits::default() }).await;
    let first_kept = log.read_room("a", Range::After(0), 1).await.unwrap().records[0].seq;
    assert!(first_kept > 300, "only some are kept");
    assert!(matches!(find_in(&log, 11, 500).await, Missed::Lost(Recovered::PastLost)));
    assert!(matches!(find_in(&log, first_kept - 4, 500).await, Missed::Lost(_)));
    assert_eq!(seqs(find_in(&log, first_kept, 500).await)[0], first_kept + 2);
    let lost = wanted("a", Head { epoch: epoch(9), seq: 499 });
    let heads = Arc::from([log.head(Partition(0)).await.unwrap()]);
    let returned = Returned { place: Place { heads }, recent: Some(Vec::new()) };
    let found = find(&*log, &[lost], &returned).await.unwrap();
    assert!(matches!(found, Missed::Lost(Recovered::PastLost)), "of another epoch");
}
