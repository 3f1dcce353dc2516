//! Retention: what passes a limit is gone, and a page says so.

use super::{PATIENCE, Place, append, home, limits, log_of, numbered, open_with, within};
use crate::{Broker, Limits, Range, RoomPage};

/// More than an implementation that trims in blocks keeps by accident.
const MANY: usize = 400;

async fn everything_after(broker: &dyn Broker, room: &str, offset: u64) -> RoomPage {
    let reading = broker.read_room(room, Range::After(offset), MANY * 10);
    within(reading).await.expect("the room is read")
}

/// By count, in each room apart; the partition's own window is another matter.
pub async fn room_keeps_its_newest_entries(place: &dyn Place) {
    let broker = open_with(place, Limits { room_entries: 10, ..limits() }).await;
    let calls: Vec<_> = (1..=5)
        .map(|number| broker.append(numbered("quiet", number)))
        .chain((1..=MANY).map(|number| broker.append(numbered("lobby", number))))
        .collect();
    for call in calls {
        within(call).await.expect("the entry is appended");
    }
    let page = trimmed(&*broker, MANY + 1).await;
    let first = page.records[0].offset;
    assert!(page.records.len() >= 10, "what is within the limit is kept");
    for (record, offset) in page.records.iter().zip(first..) {
        assert_eq!(record.offset, offset, "no holes");
    }
    assert_eq!(page.records.last().map(|record| record.offset), Some(page.head));
    assert!(!page.more);
    for (after, reaches_back) in [(0, false), (first - 2, false), (first - 1, true)] {
        let page = everything_after(&*broker, "lobby", after).await;
        assert_eq!(page.reaches_back, reaches_back, "after {after}, the first is {first}");
        assert_eq!(page.records[0].offset, first);
    }
    for range in [Range::Newest, Range::Before(first + 1), Range::Before(1)] {
        let page = within(broker.read_room("lobby", range, 5)).await.expect("the room is read");
        assert!(!page.reaches_back, "{range:?}: the first entry is gone");
    }
    let quiet = everything_after(&*broker, "quiet", 0).await;
    assert_eq!((quiet.records.len(), quiet.reaches_back), (5, true));
    let whole = log_of(&*broker, home(&*broker, "lobby")).await;
    assert!(whole.len() > MANY, "the partition keeps what its own limits say");
}

/// Waits until the room's first entry is gone; each look is preceded by one more entry.
async fn trimmed(broker: &dyn Broker, mut number: usize) -> RoomPage {
    let looking = async {
        loop {
            append(broker, numbered("lobby", number)).await;
            number += 1;
            let page = everything_after(broker, "lobby", 0).await;
            if page.records.first().is_none_or(|first| first.offset > 1) {
                assert!(!page.reaches_back);
                return page;
            }
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("old entries go")
}

/// By count, whatever the rooms keep.
pub async fn partition_keeps_its_newest_entries(place: &dyn Place) {
    let broker = open_with(place, Limits { partition_entries: 10, ..limits() }).await;
    let partition = home(&*broker, "lobby");
    let calls: Vec<_> = (1..=MANY).map(|number| broker.append(numbered("lobby", number))).collect();
    for call in calls {
        within(call).await.expect("the entry is appended");
    }
    let mut number = MANY;
    let looking = async {
        loop {
            number += 1;
            append(&*broker, numbered("lobby", number)).await;
            let page = broker.read_partition(partition, 0, u64::MAX, MANY * 10).await;
            let page = page.expect("the partition is read");
            if page.records.first().is_none_or(|first| first.seq > 1) {
                return page;
            }
        }
    };
    let page = tokio::time::timeout(PATIENCE, looking).await.expect("old entries go");
    assert!(!page.reaches_back && page.records.len() >= 10);
    let first = page.records[0].seq;
    for (record, seq) in page.records.iter().zip(first..) {
        assert_eq!(record.seq, seq, "no holes");
    }
    assert_eq!(page.records.last().map(|record| record.seq), Some(page.head.seq));
    for (after, reaches_back) in [(first - 2, false), (first - 1, true)] {
        let reading = broker.read_partition(partition, after, u64::MAX, 5);
        let page = within(reading).await.expect("the partition is read");
        assert_eq!(page.reaches_back, reaches_back, "after {after}, the first is {first}");
        assert_eq!(page.records[0].seq, first);
    }
    let room = everything_after(&*broker, "lobby", 0).await;
    assert_eq!((room.records.len(), room.reaches_back), (number, true));
}

/// By time, so that nothing is kept for longer than was promised.
pub async fn entries_pass_with_age(place: &dyn Place) {
    let age = std::time::Duration::from_millis(200);
    let broker = open_with(place, Limits { room_age: age, partition_age: age, ..limits() }).await;
    append(&*broker, numbered("lobby", 1)).await;
    let page = trimmed(&*broker, 2).await;
    for (record, offset) in page.records.iter().rev().zip((1..=page.head).rev()) {
        assert_eq!(record.offset, offset, "the newest ones are left, without holes");
    }
}
