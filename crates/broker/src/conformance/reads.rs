//! Reading partitions and rooms.

use super::{Place, append, home, log_of, numbered, open, within};
use crate::{Broker, Draft, Error, Partition, Range, RoomPage};

/// Bounds on both sides, the head on every page, and a limit.
pub async fn partition_is_read_in_pages(place: &dyn Place) {
    let broker = open(place).await;
    for number in 1..=20 {
        append(&*broker, numbered("lobby", number)).await;
    }
    let partition = home(&*broker, "lobby");
    let epoch = within(broker.head(partition)).await.expect("there is a head").epoch;
    let cases = [
        (0, u64::MAX, 100, 1..21),
        (0, 20, 20, 1..21),
        (0, u64::MAX, 7, 1..8),
        (7, u64::MAX, 7, 8..15),
        (14, 16, 7, 15..17),
        (14, 15, 7, 15..16),
        (19, u64::MAX, 7, 20..21),
        (20, u64::MAX, 7, 0..0),
        (99, u64::MAX, 7, 0..0),
        (5, 5, 7, 0..0),
        (9, 5, 7, 0..0),
    ];
    for (after, to, limit, expected) in cases {
        let page = within(broker.read_partition(partition, after, to, limit)).await;
        let page = page.expect("the partition is read");
        let seqs: Vec<u64> = page.records.iter().map(|record| record.seq).collect();
        assert_eq!(seqs, expected.collect::<Vec<_>>(), "after {after} to {to}, at most {limit}");
        assert_eq!((page.head.epoch, page.head.seq), (epoch, 20));
        assert!(page.reaches_back);
    }
}

async fn page(broker: &dyn Broker, room: &str, range: Range, limit: usize) -> RoomPage {
    within(broker.read_room(room, range, limit)).await.expect("the room is read")
}

fn offsets(page: &RoomPage) -> Vec<u64> {
    page.records.iter().map(|record| record.offset).collect()
}

/// Newest, before, after: in order, with what lies beyond, untouched by other rooms.
pub async fn room_is_read_from_any_place(place: &dyn Place) {
    let broker = open(place).await;
    for number in 1..=25 {
        append(&*broker, numbered("lobby", number)).await;
        append(&*broker, numbered("kitchen", number)).await;
    }
    let head = within(broker.head(home(&*broker, "lobby"))).await.expect("there is a head");
    let log = log_of(&*broker, home(&*broker, "lobby")).await;
    let cases = [
        (Range::Newest, 10, 16..26, true),
        (Range::Newest, 25, 1..26, false),
        (Range::Newest, 99, 1..26, false),
        (Range::Before(16), 10, 6..16, true),
        (Range::Before(6), 10, 1..6, false),
        (Range::Before(6), 5, 1..6, false),
        (Range::Before(1), 10, 0..0, false),
        (Range::Before(0), 10, 0..0, false),
        (Range::Before(99), 10, 16..26, true),
        (Range::Before(u64::MAX), 1, 25..26, true),
        (Range::After(0), 10, 1..11, true),
        (Range::After(10), 15, 11..26, false),
        (Range::After(10), 14, 11..25, true),
        (Range::After(25), 10, 0..0, false),
        (Range::After(99), 10, 0..0, false),
        (Range::After(u64::MAX), 10, 0..0, false),
    ];
    for (range, limit, expected, more) in cases {
        let page = page(&*broker, "lobby", range, limit).await;
        assert_eq!(offsets(&page), expected.collect::<Vec<_>>(), "{range:?}, at most {limit}");
        assert_eq!(page.more, more, "{range:?}, at most {limit}");
        assert!(page.reaches_back, "{range:?}");
        assert_eq!((page.epoch, page.head, page.seq), (head.epoch, 25, head.seq));
        assert!(page.targeting.is_empty());
        for record in &page.records {
            assert!(log.contains(record), "a room and its partition hold the same");
        }
    }
}

/// A room that nobody wrote in is no error.
pub async fn unknown_room_is_empty(place: &dyn Place) {
    let broker = open(place).await;
    let head = within(broker.head(home(&*broker, "nowhere"))).await.expect("there is a head");
    for range in [Range::Newest, Range::Before(5), Range::After(0), Range::After(5)] {
        let page = page(&*broker, "nowhere", range, 10).await;
        assert_eq!((page.epoch, page.head, page.seq), (head.epoch, 0, 0));
        assert!(page.records.is_empty() && page.targeting.is_empty());
        assert!(!page.more && page.reaches_back, "{range:?}");
    }
}

/// Edits, deletions and reactions come along, wherever in the room they stand.
pub async fn page_comes_with_what_targets_it(place: &dyn Place) {
    let broker = open(place).await;
    let targets = [None, None, None, Some(1), Some(2), None, Some(1), Some(3), Some(4)];
    for (number, target) in (1..).zip(targets) {
        append(&*broker, Draft { target, ..numbered("lobby", number) }).await;
        append(&*broker, numbered("kitchen", number)).await;
    }
    append(&*broker, Draft { target: Some(1), ..numbered("kitchen", 10) }).await;
    let cases: [(Range, usize, &[u64]); 6] = [
        (Range::After(0), 3, &[4, 5, 7, 8]),
        (Range::After(0), 4, &[5, 7, 8, 9]),
        (Range::After(1), 1, &[5]),
        (Range::Before(4), 2, &[5, 8]),
        (Range::Newest, 4, &[]),
        (Range::Newest, 9, &[]),
    ];
    for (range, limit, expected) in cases {
        let page = page(&*broker, "lobby", range, limit).await;
        let found: Vec<u64> = page.targeting.iter().map(|record| record.offset).collect();
        assert_eq!(found, expected, "{range:?}, at most {limit}");
        assert!(page.targeting.iter().all(|record| record.room() == "lobby"));
        assert!(page.targeting.iter().all(|record| record.target.is_some()));
    }
}

/// Asking for what is not there is an error that no retry mends, and no crash.
pub async fn partitions_that_do_not_exist_are_refused(place: &dyn Place) {
    let broker = open(place).await;
    for number in [broker.partitions(), u16::MAX] {
        let error = Error::NoSuchPartition(number);
        let none = Partition(number);
        assert_eq!(within(broker.head(none)).await, Err(error.clone()));
        let page = within(broker.read_partition(none, 0, 9, 9)).await;
        assert_eq!(page.map(|page| page.records), Err(error.clone()));
        assert_eq!(within(broker.heartbeat(none, "a")).await, Err(error));
        assert!(within(broker.follow(none).recv()).await.is_none());
    }
}
