//! Time and what it takes away: clocks that go back, ids, trimming, redaction.

use super::*;

const DAY: u64 = 24 * 60 * 60 * 1_000;

fn open(directory: Option<&TempDir>, limits: &Limits, hand: &Hand) -> Arc<Embedded> {
    let path = directory.map(TempDir::path);
    Embedded::open_with(path, limits.clone(), hand.clock()).unwrap()
}

async fn count(log: &Embedded, table: &'static str) -> i64 {
    on_writer(log, move |db| {
        db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    })
    .await
}

/// Lets the writer sweep until a table has so many rows.
async fn swept(log: &Embedded, table: &'static str, rows: i64) {
    within(async {
        while count(log, table).await != rows {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn room(log: &Embedded, name: &str) -> (Vec<u64>, bool) {
    let page = within(log.read_room(name, Range::After(0), 10_000)).await.unwrap();
    (page.records.iter().map(|record| record.offset).collect(), page.reaches_back)
}

async fn partition(log: &Embedded) -> (Vec<u64>, bool) {
    let page = within(log.read_partition(Partition(0), 0, u64::MAX, 10_000)).await.unwrap();
    (page.records.iter().map(|record| record.seq).collect(), page.reaches_back)
}

#[tokio::test]
async fn time_does_not_go_back_with_the_clock() {
    let (directory, hand) = (tempfile::tempdir().unwrap(), Hand::at(5_000));
    let log = open(Some(&directory), &Limits::embedded(), &hand);
    assert_eq!(append(&log, "lobby", 1).await.at, 5_000);
    hand.set(4_000);
    assert_eq!(append(&log, "lobby", 2).await.at, 5_000);
    assert_eq!(append(&log, "other", 3).await.at, 5_000);
    within(log.close()).await;
    hand.set(3_000);
    let log = open(Some(&directory), &Limits::embedded(), &hand);
    assert_eq!(append(&log, "lobby", 4).await.at, 5_000);
    hand.set(6_000);
    assert_eq!(append(&log, "lobby", 5).await.at, 6_000);
}

#[tokio::test]
async fn ids_are_remembered_for_their_window_and_then_swept() {
    let (directory, hand) = (tempfile::tempdir().unwrap(), Hand::at(DAY));
    let log = open(Some(&directory), &Limits::embedded(), &hand);
    let first = append(&log, "lobby", 1).await;
    hand.set(2 * DAY);
    assert_eq!(append(&log, "lobby", 1).await, Appended { duplicate: true, ..first });
    append(&log, "lobby", 2).await;
    hand.set(2 * DAY + 1);
    let again = append(&log, "lobby", 1).await;
    assert_eq!((again.seq, again.duplicate), (3, false));
    assert!(append(&log, "lobby", 1).await.duplicate);
    assert_eq!(count(&log, "ids").await, 2);
    hand.set(3 * DAY + 1);
    swept(&log, "ids", 1).await;
    assert!(append(&log, "lobby", 1).await.duplicate, "this one is still in its window");
    assert_eq!(count(&log, "entries").await, 3, "on disk entries stay");
}

#[tokio::test]
async fn ids_that_an_earlier_release_has_remembered_are_remembered() {
    let (_directory, log) = on_disk();
    let redaction = |text| Draft { target: Some(1), redact: Some("gone".into()), ..draft(text, 2) };
    let drafts = [draft("lobby", 1), redaction("lobby")];
    for draft in drafts.clone() {
        within(log.append(draft)).await.unwrap();
    }
    on_writer(&log, |db| {
        // What SHA-1 makes of the lengths, or ones, and of what has them, and of the texts.
        db.execute_batch(
            "UPDATE ids SET content = x'33e9ee8c60105d7a5b80e09fd669adb65248eeb3' WHERE seq = 1;
             UPDATE ids SET content = x'fb662359315421101cfc0b87bbabfc813974b78b' WHERE seq = 2",
        )
        .unwrap();
    })
    .await;
    for (seq, draft) in (1..).zip(drafts) {
        let again = within(log.append(draft.clone())).await.unwrap();
        assert_eq!((again.seq, again.duplicate), (seq, true));
        let other = Draft { bytes: "something else".into(), ..draft };
        assert_eq!(within(log.append(other)).await, Err(AppendError::Conflict));
    }
}

#[tokio::test]
async fn what_is_targeted_is_part_of_what_an_id_stands_for() {
    let log = Embedded::open(None, Limits::memory()).unwrap();
    for number in 1..=2 {
        append(&log, "lobby", number).await;
    }
    let plain = draft("lobby", 3);
    let reaction = |target| Draft { target: Some(target), ..plain.clone() };
    let redaction = |text: &'static str| Draft { redact: Some(text.into()), ..reaction(1) };
    let drafts = [plain.clone(), reaction(1), reaction(2), redaction("x"), redaction("y")];
    for (first, others) in (0..drafts.len()).map(|first| (first, &drafts)) {
        let named = |draft: &Draft| Draft { id: format!("id {first}").into(), ..draft.clone() };
        assert!(!within(log.append(named(&others[first]))).await.unwrap().duplicate);
        for (other, draft) in others.iter().enumerate() {
            let again = within(log.append(named(draft))).await;
            match again {
                Ok(appended) => assert!(first == other && appended.duplicate),
                Err(error) => assert!(first != other && error == AppendError::Conflict),
            }
        }
    }
}

#[tokio::test]
async fn log_of_which_all_is_trimmed_goes_on_where_it_was() {
    let (directory, hand) = (tempfile::tempdir().unwrap(), Hand::at(DAY));
    let age = Duration::from_secs(1);
    let limits = Limits { room_age: age, partition_age: age, ..Limits::default() };
    let log = open(Some(&directory), &limits, &hand);
    for (number, room) in ["lobby", "other", "lobby"].into_iter().enumerate() {
        hand.set(DAY + number as u64);
        append(&log, room, number).await;
    }
    hand.set(DAY + 70_000);
    swept(&log, "entries", 0).await;
    within(log.close()).await;
    hand.set(5);
    let log = open(Some(&directory), &limits, &hand);
    assert_eq!(within(log.head(Partition(0))).await.unwrap().seq, 3);
    let rooms = within(log.rooms(9)).await.unwrap().rooms;
    let rooms: Vec<_> = rooms.iter().map(|room| (&*room.room, room.head, room.at)).collect();
    assert_eq!(rooms, [("lobby", 2, DAY + 2), ("other", 1, DAY + 1)]);
    let Appended { seq, offset, at, .. } = append(&log, "lobby", 7).await;
    assert_eq!((seq, offset, at), (4, 3, DAY + 2), "time doesn't go back either");
}

#[tokio::test]
async fn old_entries_are_gone_at_once_and_deleted_later() {
    let (directory, hand) = (tempfile::tempdir().unwrap(), Hand::at(DAY));
    let age = Duration::from_secs(1_000);
    let limits = Limits { room_age: age, partition_age: age / 2, ..Limits::default() };
    let log = open(Some(&directory), &limits, &hand);
    for number in 1..=10 {
        hand.set(DAY + number as u64 * 100_000);
        append(&log, if number % 2 == 0 { "even" } else { "odd" }, number).await;
    }
    // Now it is 1,000 seconds; the first entry was made at 100. Rounds are a minute apart.
    assert_eq!(partition(&log).await, ((5..=10).collect(), false));
    assert_eq!(room(&log, "odd").await, ((1..=5).collect(), true));
    hand.set(DAY + 1_100_000);
    assert_eq!(room(&log, "odd").await, ((1..=5).collect(), true), "just not too old");
    hand.set(DAY + 1_100_001);
    assert_eq!(room(&log, "odd").await, ((2..=5).collect(), false));
    assert_eq!(room(&log, "even").await, ((1..=5).collect(), true));
    hand.set(DAY + 1_450_000);
    assert_eq!(partition(&log).await, (vec![10], false));
    assert_eq!(room(&log, "odd").await, ((3..=5).collect(), false));
    assert_eq!(room(&log, "even").await, ((3..=5).collect(), false));
    swept(&log, "entries", 6).await;
    assert_eq!(count(&log, "ids").await, 6, "ids are dropped with their entries");
    assert_eq!(room(&log, "odd").await, ((3..=5).collect(), false));
    hand.set(DAY + 4_000_000);
    assert_eq!(room(&log, "odd").await, (vec![], false));
    swept(&log, "entries", 0).await;
    let appended = append(&log, "odd", 11).await;
    assert_eq!((appended.seq, appended.offset), (11, 6));
    within(log.close()).await;
    // Who keeps more from now on doesn't get back what was deleted.
    let log = open(Some(&directory), &Limits::embedded(), &hand);
    assert_eq!(room(&log, "odd").await, (vec![6], false));
    assert_eq!(room(&log, "even").await, (vec![], false));
    assert_eq!(partition(&log).await, (vec![11], false));
}

#[tokio::test]
async fn partition_window_keeps_what_a_room_no_longer_shows() {
    let (directory, hand) = (tempfile::tempdir().unwrap(), Hand::at(DAY));
    let limits = Limits { room_entries: 2, partition_entries: 5, ..Limits::embedded() };
    let log = open(Some(&directory), &limits, &hand);
    append(&log, "quiet", 1).await;
    for number in 2..=11 {
        append(&log, "lobby", number).await;
    }
    assert_eq!(room(&log, "lobby").await, (vec![9, 10], false));
    assert_eq!(room(&log, "quiet").await, (vec![1], true));
    assert_eq!(partition(&log).await, ((7..=11).collect(), false));
    hand.set(DAY + 70_000);
    swept(&log, "entries", 6).await;
    assert_eq!(room(&log, "quiet").await, (vec![1], true), "a hole in the partition is none here");
    assert_eq!(partition(&log).await, ((7..=11).collect(), false));
}

#[tokio::test]
async fn what_was_trimmed_can_not_be_targeted_and_its_id_is_free() {
    let hand = Hand::at(DAY);
    let limits = Limits { room_entries: 2, partition_entries: 0, ..Limits::embedded() };
    let log = open(None, &limits, &hand);
    for number in 1..=5 {
        append(&log, "lobby", number).await;
    }
    hand.set(DAY + 70_000);
    swept(&log, "entries", 2).await;
    let reaction = |number, target| Draft { target: Some(target), ..draft("lobby", number) };
    let refused = within(log.append(reaction(6, 3))).await;
    assert!(matches!(refused, Err(AppendError::Refused(_))), "{refused:?}");
    assert_eq!(within(log.append(reaction(6, 4))).await.unwrap().offset, 6);
    let again = append(&log, "lobby", 3).await;
    assert_eq!((again.offset, again.duplicate), (7, false));
    assert!(append(&log, "lobby", 5).await.duplicate);
    let both = within(log.append(Draft { bytes: "other".into(), ..reaction(5, 1) })).await;
    assert_eq!(both, Err(AppendError::Conflict), "the id is looked at before the target");
}

#[tokio::test]
async fn rooms_beyond_what_is_kept_in_mind_go_on_where_they_were() {
    let log = Embedded::open(None, Limits::memory()).unwrap();
    for round in 1..=2 {
        let calls: Vec<_> = (0..known::ROOMS_MAX + 100)
            .map(|room| log.append(draft(&format!("room {room}"), round)))
            .collect();
        for call in calls {
            assert_eq!(within(call).await.unwrap().offset, round as u64);
        }
    }
}

#[tokio::test]
async fn sweeping_goes_in_steps_until_all_is_done() {
    let hand = Hand::at(DAY);
    let limits = Limits { room_entries: 1, partition_entries: 0, ..Limits::embedded() };
    let log = open(None, &limits, &hand);
    // More rooms than one step looks at, and in one of them more than one step deletes.
    let rooms = (0..1_350).map(|number| number % 450).chain((0..2_500).map(|_| 3));
    let calls: Vec<_> = rooms
        .enumerate()
        .map(|(number, room)| log.append(draft(&format!("room {room}"), number)))
        .collect();
    for call in calls {
        within(call).await.unwrap();
    }
    hand.set(DAY + 70_000);
    swept(&log, "entries", 450).await;
    assert_eq!(room(&log, "room 3").await, (vec![2_503], false));
}

#[tokio::test]
async fn what_was_redacted_or_trimmed_is_in_no_file_any_more() {
    let (directory, hand) = (tempfile::tempdir().unwrap(), Hand::at(DAY));
    let limits = Limits { room_entries: 5, partition_entries: 5, ..Limits::embedded() };
    let log = open(Some(&directory), &limits, &hand);
    let secret = |number, text: &str| Draft { bytes: text.to_owned().into(), ..draft("a", number) };
    within(log.append(secret(1, "the trimmed secret"))).await.unwrap();
    for number in 2..=5 {
        append(&log, "a", number).await;
    }
    within(log.append(secret(6, "the redacted secret"))).await.unwrap();
    let redaction = Draft { target: Some(6), redact: Some("gone".into()), ..draft("a", 7) };
    let kept = |directory: &TempDir, text: &str| {
        let mut files = std::fs::read_dir(directory.path()).unwrap();
        files.any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            bytes.windows(text.len()).any(|window| window == text.as_bytes())
        })
    };
    assert!(kept(&directory, "the trimmed secret") && kept(&directory, "the redacted secret"));
    within(log.append(redaction)).await.unwrap();
    hand.set(DAY + 70_000);
    swept(&log, "entries", 5).await;
    within(log.close()).await;
    assert!(!kept(&directory, "the trimmed secret"));
    assert!(!kept(&directory, "the redacted secret"));
    assert!(kept(&directory, "text 5"));
}
