//! Rooms as such: making them, what is known of them, and their list.

use std::collections::BTreeSet;

use bytes::Bytes;
use tokio::task::JoinSet;

use super::{
    LastingPlace, Place, append, draft, home, listen, log_of, numbered, open, recorded, within,
};
use crate::{Broker, Error, ListedRoom, ROOM_ABOUT_BYTES_MAX, Range, Record, RoomList};

async fn create(broker: &dyn Broker, room: &str, about: &str) -> bool {
    let about = Bytes::from(about.to_owned());
    within(broker.create_room(room, about)).await.expect("the store can be asked")
}

async fn about(broker: &dyn Broker, room: &str) -> Option<Bytes> {
    within(broker.read_room(room, Range::Newest, 1)).await.expect("the room is read").about
}

async fn list(broker: &dyn Broker, limit: usize) -> RoomList {
    within(broker.rooms(limit)).await.expect("the rooms are listed")
}

/// The room as the list shows it.
async fn listed(broker: &dyn Broker, room: &str) -> ListedRoom {
    let all = list(broker, 1_000).await.rooms;
    all.into_iter().find(|listed| *listed.room == *room).expect("the room is listed")
}

/// Of all who make a room at the same moment, one does.
pub async fn room_is_made_once(place: &dyn Place) {
    let brokers = [open(place).await, open(place).await];
    let mut tasks = JoinSet::new();
    for turn in 0..16 {
        let broker = brokers[turn % 2].clone();
        tasks.spawn(async move {
            let about = format!("made by {turn}");
            create(&*broker, "kitchen", &about).await.then_some(about)
        });
    }
    let made: Vec<String> = within(tasks.join_all()).await.into_iter().flatten().collect();
    assert_eq!(made.len(), 1, "one of them made it: {made:?}");
    assert!(!create(&*brokers[1], "kitchen", "later").await);
    for broker in &brokers {
        let page = within(broker.read_room("kitchen", Range::Newest, 9)).await.expect("it is read");
        assert_eq!(page.about, Some(Bytes::from(made[0].clone())));
        assert_eq!((page.head, page.records.len(), page.more), (0, 0, false));
        assert!(page.reaches_back);
    }
    let log = log_of(&*brokers[0], home(&*brokers[0], "kitchen")).await;
    assert!(log.is_empty(), "making a room is no entry");
}

/// What is known of a room stays beside its entries, and a room with entries exists already.
pub async fn made_room_takes_entries_and_a_room_with_entries_is_made_already(place: &dyn Place) {
    let (one, other) = (open(place).await, open(place).await);
    let mut deliveries = listen(&*other, "kitchen").await;
    assert!(create(&*one, "kitchen", "for cooks").await);
    for number in 1..=3 {
        let appended = append(&*other, numbered("kitchen", number)).await;
        assert_eq!((appended.seq, appended.offset), (number as u64, number as u64));
        assert_eq!(super::heard(&mut deliveries).await.offset, number as u64);
        for range in [Range::Newest, Range::Before(2), Range::After(0)] {
            let page = within(one.read_room("kitchen", range, 9)).await.expect("it is read");
            assert_eq!(page.about, Some(Bytes::from("for cooks")), "{range:?}");
        }
    }
    append(&*one, numbered("lobby", 1)).await;
    assert!(!create(&*other, "lobby", "too late").await);
    assert_eq!(about(&*one, "lobby").await, None);
    assert_eq!(about(&*one, "nowhere").await, None);
    assert!(create(&*one, "empty", "").await);
    assert_eq!(about(&*other, "empty").await, Some(Bytes::new()), "nothing known is known");
}

/// Any name, any bytes up to the limit; beyond it nothing is made.
pub async fn what_is_known_of_a_room_is_any_bytes_up_to_a_limit(place: &dyn Place) {
    let broker = open(place).await;
    let all: Bytes = (0..ROOM_ABOUT_BYTES_MAX).map(|byte| byte as u8).collect();
    for room in ["a", "Zoë·日本", "*", "{p0}", "a:b 'c'", &"é".repeat(64)] {
        let longer = Bytes::from([&all[..], b"!"].concat());
        let refused = within(broker.create_room(room, longer)).await;
        assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
        assert!(list(&*broker, 99).await.rooms.iter().all(|listed| *listed.room != *room));
        assert_eq!(within(broker.create_room(room, all.clone())).await, Ok(true));
        assert_eq!(about(&*broker, room).await, Some(all.clone()));
        let its = listed(&*broker, room).await;
        assert_eq!((its.head, its.about, its.newest), (0, Some(all.clone()), None));
    }
}

/// Appends until the store's clock has passed a moment; gives what came last.
async fn append_after(broker: &dyn Broker, room: &str, moment: u64) -> Record {
    let appending = async {
        for number in 0.. {
            let draft = draft(room, "ann", &format!("{moment}-{number}"), "text");
            let appended = append(broker, draft.clone()).await;
            if appended.at > moment {
                return recorded(draft, &appended);
            }
        }
        unreachable!("there are numbers enough")
    };
    within(appending).await
}

/// Those first where something happened last, be it an entry or their making.
pub async fn rooms_are_listed_youngest_first(place: &dyn Place) {
    let (one, other) = (open(place).await, open(place).await);
    assert!(list(&*one, 10).await.rooms.is_empty());
    assert!(create(&*one, "made", "about it").await);
    let made = listed(&*other, "made").await;
    assert_eq!((made.head, made.newest, made.about), (0, None, Some("about it".into())));
    let lobby = append_after(&*one, "lobby", made.at).await;
    let its = listed(&*other, "lobby").await;
    assert_eq!((its.head, its.at, its.about), (lobby.offset, lobby.at, None));
    let head = within(one.head(home(&*one, "lobby"))).await.expect("there is a head");
    assert_eq!((its.epoch, its.newest), (head.epoch, Some(lobby.clone())));
    let kitchen = append_after(&*other, "kitchen", lobby.at).await;
    order(&*one, &["kitchen", "lobby", "made"]).await;
    let again = append_after(&*one, "made", kitchen.at).await;
    order(&*other, &["made", "kitchen", "lobby"]).await;
    let its = listed(&*other, "made").await;
    assert_eq!((its.head, its.at, its.about), (again.offset, again.at, Some("about it".into())));
    assert_eq!(its.newest, Some(again.clone()));
    let making = async {
        for number in 0.. {
            let room = format!("new {number}");
            assert!(create(&*one, &room, "").await);
            if listed(&*one, &room).await.at > again.at {
                return room;
            }
        }
        unreachable!("there are numbers enough")
    };
    let new = within(making).await;
    assert!(list(&*other, 99).await.rooms.iter().any(|listed| *listed.room == *new));
    assert!(list(&*other, 1).await.rooms[0].room.starts_with("new"));
}

async fn order(broker: &dyn Broker, expected: &[&str]) {
    for limit in 0..=expected.len() + 1 {
        let RoomList { rooms, more } = list(broker, limit).await;
        let names: Vec<&str> = rooms.iter().map(|room| &*room.room).collect();
        assert_eq!(names, &expected[..limit.min(expected.len())]);
        assert_eq!(more, limit < expected.len(), "at most {limit} of {}", expected.len());
    }
}

/// Many rooms in all partitions: each one once, sorted, and a page is the beginning of the whole.
pub async fn list_of_many_rooms_is_whole_and_sorted(place: &dyn Place) {
    let broker = open(place).await;
    let room = |number: usize| format!("room {number}");
    for number in 0..60 {
        if number % 3 == 0 {
            assert!(create(&*broker, &room(number), "made").await);
        } else {
            append(&*broker, numbered(&room(number), number)).await;
        }
    }
    let RoomList { rooms, more } = list(&*broker, usize::MAX).await;
    assert!(!more);
    let names: BTreeSet<String> = rooms.iter().map(|listed| listed.room.to_string()).collect();
    assert_eq!(names, (0..60).map(room).collect());
    assert_eq!(rooms.len(), 60);
    assert!(rooms.is_sorted_by(|one, next| one.at >= next.at));
    for listed in &rooms {
        let head = within(broker.head(home(&*broker, &listed.room))).await.expect("a head");
        assert_eq!(listed.epoch, head.epoch);
        let newest = listed.newest.as_ref().map(|newest| (newest.offset, newest.at));
        let made = listed.about.is_some();
        assert_eq!(newest, (!made).then_some((1, listed.at)), "{}", listed.room);
    }
    for limit in [1, 7, 59] {
        let page = list(&*broker, limit).await;
        assert!(page.more);
        let times = |rooms: &[ListedRoom]| rooms.iter().map(|room| room.at).collect::<Vec<_>>();
        assert_eq!(times(&page.rooms), times(&rooms[..limit]));
    }
}

/// Rooms and what is known of them are there after a restart.
pub async fn restart_finds_every_room(place: &dyn LastingPlace) {
    let broker = open(place).await;
    assert!(create(&*broker, "made", "about it").await);
    append(&*broker, numbered("lobby", 1)).await;
    let shown = |rooms: RoomList| {
        let mut all: Vec<_> = rooms
            .rooms
            .into_iter()
            .map(|listed| (listed.room, listed.epoch, listed.head, listed.at, listed.about))
            .collect();
        all.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        all
    };
    let before = shown(list(&*broker, 9).await);
    assert_eq!(before.len(), 2);
    within(broker.close()).await;
    drop(broker);
    let broker = open(place).await;
    assert_eq!(shown(list(&*broker, 9).await), before);
    assert!(!create(&*broker, "made", "again").await);
    assert_eq!(about(&*broker, "made").await, Some(Bytes::from("about it")));
}
