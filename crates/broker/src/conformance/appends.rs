//! Appending: positions, ids, targets.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use tokio::task::JoinSet;

use super::{Place, append, draft, heard, home, listen, log_of, numbered, open, recorded, within};
use crate::{
    AppendError, Appended, Draft, Instance, OwnedSession, Partition, Range, Recipient,
    SessionRecord, partition_of,
};

/// A new partition has an epoch and no entries; asking again, from anywhere, says the same.
pub async fn head_is_made_once(place: &dyn Place) {
    let (one, other) = (open(place).await, open(place).await);
    let partitions = one.partitions();
    assert!(partitions >= 1);
    assert_eq!(other.partitions(), partitions);
    let mut epochs = BTreeSet::new();
    for partition in (0..partitions).map(Partition) {
        let (first, second) = (one.head(partition), other.head(partition));
        let (first, second) = (within(first).await, within(second).await);
        let head = first.clone().expect("there is a head");
        assert_eq!(first, second);
        assert_eq!(head.seq, 0);
        assert!(epochs.insert(head.epoch.to_string()), "each partition has an epoch of its own");
    }
    let appended = append(&*one, numbered("lobby", 1)).await;
    let head = within(other.head(home(&*one, "lobby"))).await.expect("there is a head");
    assert!(epochs.contains(appended.epoch.as_str()));
    assert_eq!((head.epoch, head.seq), (appended.epoch, 1));
}

/// One answer, one delivery, one record: all the same.
pub async fn append_is_stored_and_delivered_as_it_was_answered(place: &dyn Place) {
    let (one, other) = (open(place).await, open(place).await);
    let mut deliveries = listen(&*other, "lobby").await;
    let mut at = 1_600_000_000_000;
    for number in 1..=5 {
        let draft = numbered("lobby", number);
        let appended = append(&*one, draft.clone()).await;
        let place = number as u64;
        assert_eq!((appended.seq, appended.offset, appended.duplicate), (place, place, false));
        assert!(appended.at >= at, "time never goes back");
        at = appended.at;
        let record = recorded(draft, &appended);
        assert_eq!(*heard(&mut deliveries).await, record);
        let page = within(other.read_room("lobby", Range::Newest, 1)).await.expect("it is read");
        assert_eq!(page.records, std::slice::from_ref(&record));
        let log = log_of(&*one, home(&*one, "lobby")).await;
        assert_eq!(log.last(), Some(&record));
    }
}

/// Bytes are opaque, names are any text.
pub async fn any_bytes_and_names_come_back_as_they_were(place: &dyn Place) {
    let broker = open(place).await;
    let all: Vec<u8> = (0..=255).collect();
    let ids = ["12345678", &"x".repeat(64), "_-_-_-_-"];
    let rooms = ["a", "Zoë·日本", "*", "{p0}", "a:b 'c'", &"é".repeat(64)];
    let users = ["u", "user:{1} \"2\"\n%", "日"];
    let contents = [Bytes::new(), Bytes::from(all), Bytes::from(vec![0; 100_000])];
    for room in rooms {
        let mut deliveries = listen(&*broker, room).await;
        for (turn, user) in users.iter().enumerate() {
            let bytes = contents[turn].clone();
            let draft = Draft { bytes, ..draft(room, user, ids[turn], "") };
            let appended = append(&*broker, draft.clone()).await;
            let record = recorded(draft.clone(), &appended);
            assert_eq!(*heard(&mut deliveries).await, record);
            let page = within(broker.read_room(room, Range::Newest, 1)).await.expect("it is read");
            assert_eq!(page.records, std::slice::from_ref(&record));
            let reading = broker.read_partition(home(&*broker, room), record.seq - 1, u64::MAX, 9);
            assert_eq!(within(reading).await.expect("it is read").records, [record]);
            assert!(append(&*broker, draft).await.duplicate);
        }
    }
}

/// A retry, on any instance and whatever came in between, finds the first entry.
pub async fn same_id_is_a_duplicate_everywhere(place: &dyn Place) {
    let (one, other) = (open(place).await, open(place).await);
    let mut deliveries = listen(&*one, "lobby").await;
    let first = append(&*one, numbered("lobby", 1)).await;
    let edit = Draft { target: Some(1), ..numbered("lobby", 2) };
    let second = append(&*other, edit.clone()).await;
    let again = Appended { duplicate: true, ..first };
    assert_eq!(append(&*one, numbered("lobby", 1)).await, again);
    assert_eq!(append(&*other, numbered("lobby", 1)).await, again);
    assert_eq!(append(&*one, edit).await, Appended { duplicate: true, ..second });
    append(&*one, numbered("lobby", 3)).await;
    for seq in 1..=3 {
        assert_eq!(heard(&mut deliveries).await.seq, seq, "nothing is delivered twice");
    }
    assert_eq!(log_of(&*one, home(&*one, "lobby")).await.len(), 3);
}

/// Where a draft says what its id stands for, a retry may differ in the rest.
pub async fn same_content_in_other_bytes_is_a_duplicate(place: &dyn Place) {
    let broker = open(place).await;
    let content = Some("hello".into());
    let draft = Draft { content, bytes: "ann: hello".into(), ..numbered("lobby", 1) };
    let first = append(&*broker, draft.clone()).await;
    let renamed = Draft { bytes: "anna: hello".into(), ..draft.clone() };
    assert_eq!(append(&*broker, renamed).await, Appended { duplicate: true, ..first });
    let other = Draft { content: Some("bye".into()), ..draft };
    assert_eq!(within(broker.append(other)).await, Err(AppendError::Conflict));
    let log = log_of(&*broker, home(&*broker, "lobby")).await;
    assert_eq!((log.len(), &log[0].bytes[..]), (1, &b"ann: hello"[..]));
}

/// The same draft from many sides at the same moment.
pub async fn same_id_at_once_makes_one_entry(place: &dyn Place) {
    let brokers = [open(place).await, open(place).await];
    let mut tasks = JoinSet::new();
    for turn in 0..16 {
        let broker = brokers[turn % 2].clone();
        tasks.spawn(async move { append(&*broker, numbered("lobby", 1)).await });
    }
    let answers = within(tasks.join_all()).await;
    assert_eq!(answers.iter().filter(|answer| !answer.duplicate).count(), 1);
    assert!(answers.iter().all(|answer| (answer.seq, answer.offset) == (1, 1)));
    assert_eq!(log_of(&*brokers[0], home(&*brokers[0], "lobby")).await.len(), 1);
}

/// An id stands for one content: bytes, target and redaction.
pub async fn same_id_with_other_content_conflicts(place: &dyn Place) {
    let broker = open(place).await;
    append(&*broker, numbered("lobby", 1)).await;
    append(&*broker, numbered("lobby", 2)).await;
    let draft = Draft { target: Some(1), redact: Some("gone".into()), ..numbered("lobby", 3) };
    append(&*broker, draft.clone()).await;
    let others = [
        Draft { bytes: "other".into(), ..draft.clone() },
        Draft { target: Some(2), ..draft.clone() },
        Draft { redact: Some("lost".into()), ..draft.clone() },
        Draft { redact: None, ..draft.clone() },
        Draft { target: None, redact: None, ..draft.clone() },
    ];
    for other in others {
        let answer = within(broker.append(other.clone())).await;
        assert_eq!(answer, Err(AppendError::Conflict), "{other:?}");
    }
    let log = log_of(&*broker, home(&*broker, "lobby")).await;
    assert_eq!(log.len(), 3);
    assert_eq!((&log[0].bytes[..], &log[1].bytes[..]), (&b"gone"[..], &b"text 2"[..]));
    assert!(append(&*broker, draft).await.duplicate, "the id still stands for the first content");
}

/// Room and user are the scope of an id, and names that run together don't meet.
pub async fn same_id_elsewhere_is_another_entry(place: &dyn Place) {
    let broker = open(place).await;
    let places = [("a", "b"), ("a", "c"), ("d", "b"), ("ab", ""), ("", "ab"), ("a:b", "c")];
    for (room, user) in places.into_iter().chain([("a", "b:c")]) {
        let appended = append(&*broker, draft(room, user, "the-same-id", "text")).await;
        assert!(!appended.duplicate, "{room:?} {user:?}");
    }
}

/// Many callers on two instances: every answer is true, and no number is missing.
pub async fn concurrent_appends_leave_no_hole(place: &dyn Place) {
    const CALLERS: usize = 8;
    const EACH: usize = 30;
    let brokers = [open(place).await, open(place).await];
    let rooms = ["lobby", "kitchen", "garden"];
    let mut tasks = JoinSet::new();
    for caller in 0..CALLERS {
        let broker = brokers[caller % 2].clone();
        tasks.spawn(async move {
            let mut made = Vec::new();
            for number in 0..EACH {
                let room = rooms[(caller + number) % rooms.len()];
                let draft = draft(room, &format!("user-{caller}"), &format!("id-{number:06}"), "x");
                let appended = append(&*broker, draft.clone()).await;
                assert!(!appended.duplicate);
                made.push(recorded(draft, &appended));
            }
            made
        });
    }
    let mut answered: Vec<_> = within(tasks.join_all()).await.into_iter().flatten().collect();
    answered
        .sort_by_key(|record| (partition_of(record.room(), brokers[0].partitions()), record.seq));
    let mut stored = Vec::new();
    for partition in (0..brokers[0].partitions()).map(Partition) {
        stored.extend(log_of(&*brokers[1], partition).await);
    }
    assert_eq!(stored.len(), CALLERS * EACH);
    assert_eq!(answered, stored);
    let mut offsets = BTreeMap::new();
    for record in &stored {
        let last = offsets.entry(record.room().to_owned()).or_insert(0);
        assert_eq!(record.offset, *last + 1, "offset has no holes");
        *last = record.offset;
    }
}

/// The order of the calls counts, not that of waiting for the answers.
pub async fn appends_of_one_caller_keep_their_order(place: &dyn Place) {
    let broker = open(place).await;
    let calls: Vec<_> = (1..=50).map(|number| broker.append(numbered("lobby", number))).collect();
    let mut expected = 50;
    for call in calls.into_iter().rev() {
        let appended = within(call).await.expect("the entry is appended");
        assert_eq!(appended.seq, expected);
        expected -= 1;
    }
}

/// Dropping the answer does not take the entry back.
pub async fn append_goes_on_when_nobody_waits(place: &dyn Place) {
    let broker = open(place).await;
    let mut deliveries = listen(&*broker, "lobby").await;
    drop(broker.append(numbered("lobby", 1)));
    assert_eq!(*heard(&mut deliveries).await.id(), *"number-00001");
}

/// What targets nothing is not stored, uses no number and leaves its id free.
pub async fn missing_target_is_refused_and_leaves_nothing(place: &dyn Place) {
    let broker = open(place).await;
    append(&*broker, numbered("full", 1)).await;
    append(&*broker, numbered("full", 2)).await;
    append(&*broker, numbered("lobby", 1)).await;
    let draft = numbered("lobby", 2);
    let gone = Some(Bytes::from("gone"));
    let refused = [
        Draft { target: Some(2), ..draft.clone() },
        Draft { target: Some(2), redact: gone.clone(), ..draft.clone() },
        Draft { target: Some(0), redact: gone.clone(), ..draft.clone() },
        Draft { target: Some(u64::MAX), ..draft.clone() },
        Draft { target: None, redact: gone.clone(), ..draft.clone() },
        Draft { room: "nowhere".into(), target: Some(1), ..draft.clone() },
    ];
    for draft in refused {
        let answer = within(broker.append(draft.clone())).await;
        let Err(AppendError::Refused(text)) = answer else { panic!("{draft:?}: {answer:?}") };
        assert!(!text.is_empty());
    }
    let appended = append(&*broker, draft).await;
    assert_eq!((appended.offset, appended.duplicate), (2, false));
    let log = log_of(&*broker, home(&*broker, "lobby")).await;
    assert!(log.iter().all(|record| record.bytes.starts_with(b"text")));
    let page = within(broker.read_room("nowhere", Range::Newest, 9)).await.expect("it is read");
    assert_eq!((page.head, page.records.len()), (0, 0));
}

/// The target's bytes are replaced wherever the log is read, and nothing else changes.
pub async fn redaction_replaces_what_is_stored(place: &dyn Place) {
    let (one, other) = (open(place).await, open(place).await);
    let partition = home(&*one, "lobby");
    for number in 1..=3 {
        append(&*one, numbered("lobby", number)).await;
    }
    let mut before = log_of(&*one, partition).await;
    let mut deliveries = listen(&*other, "lobby").await;
    let redaction = Draft { target: Some(2), redact: Some("gone".into()), ..numbered("lobby", 4) };
    let appended = append(&*other, redaction.clone()).await;
    let record = recorded(redaction.clone(), &appended);
    assert_eq!(*heard(&mut deliveries).await, record);
    before[1].bytes = "gone".into();
    before.push(record);
    assert_eq!(log_of(&*one, partition).await, before);
    let page = within(one.read_room("lobby", Range::After(0), 9)).await.expect("it is read");
    assert_eq!(page.records, before);
    // What was redacted keeps its id; and a retry doesn't redact again.
    assert!(append(&*one, numbered("lobby", 2)).await.duplicate);
    let again = Draft { target: Some(2), redact: Some("over".into()), ..numbered("lobby", 5) };
    append(&*one, again).await;
    assert!(append(&*one, redaction).await.duplicate);
    assert_eq!(log_of(&*other, partition).await[1].bytes, "over");
}

/// A closed broker answers everything with an error, at once.
pub async fn closed_broker_says_so(place: &dyn Place) {
    let broker = open(place).await;
    append(&*broker, numbered("lobby", 1)).await;
    let mut deliveries = listen(&*broker, "lobby").await;
    let mut mail = broker.mailbox("me");
    within(broker.close()).await;
    within(broker.close()).await;
    let answer = within(broker.append(numbered("lobby", 2))).await;
    assert_eq!(answer, Err(AppendError::Unavailable { perhaps_stored: false }));
    assert!(within(broker.head(Partition(0))).await.is_err());
    assert!(within(broker.read_room("lobby", Range::Newest, 1)).await.is_err());
    assert!(within(broker.signal("lobby", "x".into())).await.is_err());
    assert!(within(broker.heartbeat(Partition(0), "a")).await.is_err());
    assert!(within(broker.create_room("kitchen", Bytes::new())).await.is_err());
    assert!(within(broker.rooms(9)).await.is_err());
    let (id, life) = (Box::<str>::from("me"), Duration::from_mins(1));
    let me = Instance { id: id.clone(), about: Bytes::new() };
    assert!(within(broker.renew(&me)).await.is_err());
    assert!(within(broker.resign(&id)).await.is_err());
    let record = SessionRecord { key: id.clone(), owner: id.clone(), bytes: Bytes::new() };
    let owned = vec![OwnedSession { key: id.clone(), owner: id.clone() }];
    assert!(within(broker.keep(record, life)).await.is_err());
    assert!(within(broker.claim(&id, &id, life)).await.is_err());
    assert!(within(broker.renew_sessions(owned, life)).await.is_err());
    assert!(within(broker.forget(&id, &id)).await.is_err());
    assert!(within(broker.post(Recipient::All, "x".into())).await.is_err());
    assert_eq!(within(mail.recv()).await, None);
    assert_eq!(within(broker.mailbox("me").recv()).await, None);
    while let Some(delivery) = within(deliveries.recv()).await {
        assert!(!matches!(delivery, crate::Delivery::Entry(..)), "nothing more was appended");
    }
}
