use std::sync::Arc;

use broker::{Draft, Limits, Partition, embedded::Embedded};
use chat::command::Position;

use super::*;

const ROOM: &str = "general";

async fn append(log: &dyn Broker, room: &str, number: u64, text: &str) {
    let draft = Draft {
        room: room.into(),
        user: "u".into(),
        id: format!("id-{number:06}").into(),
        bytes: chat::Entry::message("Ada", text).encode(),
        target: None,
        redact: None,
        content: None,
    };
    log.append(draft).await.unwrap();
}

/// A log with two rooms that take turns: the room's offset `n` has seq `2n - 1`.
async fn log(entries: u64) -> Arc<dyn Broker> {
    let log = Embedded::open(None, Limits::default()).unwrap();
    for number in 0..entries {
        for room in [ROOM, "elsewhere"] {
            append(&*log, room, number, &number.to_string()).await;
        }
    }
    log
}

fn offsets(stretch: &Stretch) -> Vec<u64> {
    let offset = |json: &String| {
        serde_json::from_str::<serde_json::Value>(json).unwrap()["offset"].as_u64().unwrap()
    };
    stretch.entries.iter().map(offset).collect()
}

#[tokio::test]
async fn an_answer_shows_the_room_up_to_its_place_and_nothing_later() {
    let log = log(12).await;
    let newest = log.head(Partition(0)).await.unwrap();
    for seq in 0..=newest.seq {
        let place = Head { seq, ..newest };
        let head = seq.div_ceil(2);
        for limit in [1, 3, 50] {
            let joined = join(&*log, ROOM, None, limit, place).await.unwrap();
            assert!(!joined.reset);
            assert_eq!(joined.stretch.head, head, "seq {seq}, limit {limit}");
            let shown = offsets(&joined.stretch);
            assert!(shown.len() <= limit);
            assert_eq!(shown.last().copied().unwrap_or(0), head, "seq {seq}, limit {limit}");
            assert!(shown.windows(2).all(|pair| pair[1] == pair[0] + 1), "{shown:?}");
            assert_eq!(joined.stretch.more, shown.first().is_some_and(|first| *first > 1));
        }
    }
}

#[tokio::test]
async fn an_answer_goes_on_where_the_client_is() {
    let log = log(12).await;
    let newest = log.head(Partition(0)).await.unwrap();
    for seq in 0..=newest.seq {
        let place = Head { seq, ..newest };
        let head = seq.div_ceil(2);
        for after in 0..=head {
            for limit in [1, 3, 50] {
                let epoch = newest.epoch.as_str().into();
                let position = Some(Position { epoch, offset: after });
                let joined = join(&*log, ROOM, position, limit, place).await.unwrap();
                assert!(!joined.reset);
                let want: Vec<u64> = (after + 1..=head).take(limit).collect();
                assert_eq!(offsets(&joined.stretch), want, "seq {seq}, after {after}");
                assert_eq!(joined.stretch.head, head);
                assert_eq!(joined.stretch.more, after + (limit as u64) < head);
            }
        }
    }
}

#[tokio::test]
async fn what_cannot_be_continued_is_a_reset() {
    let log = log(3).await;
    let place = log.head(Partition(0)).await.unwrap();
    for (epoch, offset) in [("anotherepochname", 1), (place.epoch.as_str(), 4)] {
        let position = Some(Position { epoch: epoch.into(), offset });
        let joined = join(&*log, ROOM, position, 50, place).await.unwrap();
        assert!(joined.reset, "{epoch} {offset}");
        assert_eq!(offsets(&joined.stretch), [1, 2, 3]);
    }
}

#[tokio::test]
async fn a_place_in_a_life_of_the_log_that_is_over_has_no_answer() {
    let log = log(3).await;
    let now = log.head(Partition(0)).await.unwrap();
    let place = Head { epoch: "anotherepochname".parse().unwrap(), ..now };
    for (epoch, offset) in [("anotherepochname", 1), (now.epoch.as_str(), 1)] {
        let position = Some(Position { epoch: epoch.into(), offset });
        let joined = join(&*log, ROOM, position, 50, place).await;
        assert!(joined.is_err_and(|error| error.is_retryable()), "{epoch} {offset}");
    }
}

#[tokio::test]
async fn a_place_before_all_that_is_kept_has_no_answer() {
    let limits = Limits { room_entries: 3, ..Limits::default() };
    let log = Embedded::open(None, limits).unwrap();
    for number in 0..10 {
        append(&*log, ROOM, number, "text").await;
    }
    let newest = log.head(Partition(0)).await.unwrap();
    for seq in 0..=newest.seq {
        let joined = join(&*log, ROOM, None, 50, Head { seq, ..newest }).await;
        match joined {
            Ok(joined) => assert!(seq > 7 && joined.stretch.head == seq, "{seq}: {joined:?}"),
            Err(error) => assert!(seq <= 7 && error.is_retryable(), "{seq}: {error}"),
        }
    }
}

#[tokio::test]
async fn an_empty_room_has_head_zero() {
    let log = log(0).await;
    let place = log.head(Partition(0)).await.unwrap();
    let epoch: Box<str> = place.epoch.as_str().into();
    for after in [None, Some(Position { epoch, offset: 0 })] {
        let joined = join(&*log, ROOM, after, 50, place).await.unwrap();
        assert!(!joined.reset && !joined.stretch.more);
        assert_eq!((joined.stretch.head, joined.stretch.entries.len()), (0, 0));
    }
}

#[tokio::test]
async fn a_page_of_long_entries_is_cut_by_bytes_and_says_so() {
    let log = Embedded::open(None, Limits::default()).unwrap();
    let long = "x".repeat(100_000);
    for number in 0..5 {
        append(&*log, ROOM, number, &long).await;
    }
    let place = log.head(Partition(0)).await.unwrap();
    let epoch = || place.epoch.as_str().into();
    let newest = join(&*log, ROOM, None, 50, place).await.unwrap().stretch;
    assert_eq!((offsets(&newest), newest.head, newest.more), (vec![4, 5], 5, true));
    let after = Some(Position { epoch: epoch(), offset: 1 });
    let after = join(&*log, ROOM, after, 50, place).await.unwrap().stretch;
    assert_eq!((offsets(&after), after.head, after.more), (vec![2, 3], 5, true));
    let before = history(&*log, ROOM, Page::Before(3), 50).await.unwrap().stretch;
    assert_eq!((offsets(&before), before.more), (vec![1, 2], false));
    let after = history(&*log, ROOM, Page::After(0), 50).await.unwrap().stretch;
    assert_eq!((offsets(&after), after.more), (vec![1, 2], true));
}

/// The times of the room's entries, which the log has given them.
async fn times(log: &dyn Broker) -> Vec<u64> {
    let page = log.read_room(ROOM, Range::After(0), 100).await.unwrap();
    page.records.iter().map(|record| record.at).collect()
}

#[tokio::test]
async fn history_begins_with_the_first_entry_of_a_time() {
    let log = Embedded::open(None, Limits::default()).unwrap();
    let mut number = 0;
    // Some entries share a time and some don't.
    while number < 20 || !is_mixed(&times(&*log).await) {
        append(&*log, ROOM, number, "hi").await;
        number += 1;
    }
    let times = times(&*log).await;
    for at in times.iter().flat_map(|at| [*at, at + 1]).chain([0, u64::MAX]) {
        let from = times.iter().position(|time| *time >= at).map_or(number, |first| first as u64);
        let want: Vec<u64> = (from + 1..=number).take(4).collect();
        let read = history(&*log, ROOM, Page::At(at), 4).await.unwrap();
        assert_eq!(offsets(&read.stretch), want, "{at} of {times:?}");
        assert_eq!(read.stretch.more, want.last().is_some_and(|last| *last < number));
    }
}

fn is_mixed(times: &[u64]) -> bool {
    let steps = times.windows(2).filter(|pair| pair[0] < pair[1]).count();
    (2..times.len() - 1).contains(&steps) || times.len() > 80
}

#[tokio::test]
async fn history_of_an_empty_room_begins_nowhere() {
    let log = log(0).await;
    let read = history(&*log, ROOM, Page::At(5), 4).await.unwrap();
    assert!(!read.exists && read.stretch.entries.is_empty() && !read.stretch.more);
}
