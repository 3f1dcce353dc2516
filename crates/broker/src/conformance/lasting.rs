//! Restarts, versions, and errors in the middle of an append.

use std::sync::Arc;

use super::{
    LastingPlace, append, draft, heard, home, limits, listen, log_of, numbered, open, recorded,
    within,
};
use crate::{AppendError, Broker, Draft, Error, Partition, Range};

/// Whatever was acknowledged is there after a restart, under the same epoch, and goes on.
pub async fn restart_finds_everything_acknowledged(place: &dyn LastingPlace) {
    let broker = open(place).await;
    for number in 1..=20 {
        append(&*broker, numbered("lobby", number)).await;
        append(&*broker, numbered(&format!("room {number}"), number)).await;
    }
    let redaction = Draft { target: Some(3), redact: Some("gone".into()), ..numbered("lobby", 21) };
    append(&*broker, redaction).await;
    let before = everything(&broker).await;
    within(broker.close()).await;
    drop(broker);

    let broker = open(place).await;
    assert_eq!(everything(&broker).await, before);
    let page = within(broker.read_room("lobby", Range::After(0), 99)).await.expect("it is read");
    assert_eq!((page.records.len(), page.head), (21, 21));
    assert_eq!(page.records[2].bytes, "gone");
    assert!(append(&*broker, numbered("lobby", 3)).await.duplicate, "ids are remembered");
    let other = within(broker.append(draft("lobby", "ann", "number-00004", "other"))).await;
    assert_eq!(other, Err(AppendError::Conflict));
    let mut deliveries = listen(&*broker, "lobby").await;
    let appended = append(&*broker, numbered("lobby", 22)).await;
    assert_eq!((appended.offset, appended.duplicate), (22, false));
    assert!(appended.at >= page.records[20].at);
    assert_eq!(heard(&mut deliveries).await.offset, 22);
}

/// All instances get the first secret, also after a restart.
pub async fn secret_is_one_and_stays(place: &dyn LastingPlace) {
    let (one, other) = (open(place).await, open(place).await);
    assert_eq!(within(one.secret([1; 32])).await, Ok([1; 32]));
    assert_eq!(within(other.secret([2; 32])).await, Ok([1; 32]));
    within(one.close()).await;
    within(other.close()).await;
    drop((one, other));
    assert_eq!(within(open(place).await.secret([3; 32])).await, Ok([1; 32]));
}

async fn everything(broker: &Arc<dyn Broker>) -> Vec<(String, u64, Vec<crate::Record>)> {
    let mut all = Vec::new();
    for partition in (0..broker.partitions()).map(Partition) {
        let head = within(broker.head(partition)).await.expect("there is a head");
        all.push((head.epoch.to_string(), head.seq, log_of(&**broker, partition).await));
    }
    all
}

/// What a newer release has written is left alone.
pub async fn newer_schema_is_refused(place: &dyn LastingPlace) {
    let broker = open(place).await;
    append(&*broker, numbered("lobby", 1)).await;
    within(broker.close()).await;
    drop(broker);
    within(place.write_newer_schema()).await;
    match within(place.open(limits())).await {
        Err(Error::NewerSchema { found, known }) => assert_eq!(found, known + 1),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("a newer schema was opened"),
    }
}

/// Nothing of a failed append is seen, heard or counted, neither the entry nor its redaction; and
/// sending it again makes it once.
pub async fn error_in_the_middle_leaves_nothing(place: &dyn LastingPlace) {
    let broker = open(place).await;
    let partition = home(&*broker, "lobby");
    let mut deliveries = listen(&*broker, "lobby").await;
    let first = append(&*broker, numbered("lobby", 1)).await;
    let first = recorded(numbered("lobby", 1), &first);
    within(place.break_appends(true)).await;
    let redaction = Draft { target: Some(1), redact: Some("gone".into()), ..numbered("lobby", 2) };
    for draft in [redaction.clone(), numbered("new room", 1)] {
        match within(broker.append(draft)).await {
            Err(AppendError::Refused(_) | AppendError::Unavailable { .. }) => {}
            other => panic!("the append should fail, not {other:?}"),
        }
    }
    assert_eq!(log_of(&*broker, partition).await, std::slice::from_ref(&first));
    let page = within(broker.read_room("lobby", Range::Newest, 9)).await.expect("it is read");
    assert_eq!((page.head, &page.records[..]), (1, std::slice::from_ref(&first)));
    let page = within(broker.read_room("new room", Range::Newest, 9)).await.expect("it is read");
    assert_eq!((page.head, page.records.len()), (0, 0));
    within(place.break_appends(false)).await;

    append(&*broker, redaction).await;
    append(&*broker, numbered("lobby", 3)).await;
    let log = log_of(&*broker, partition).await;
    let lobby: Vec<_> = log.iter().filter(|record| record.room() == "lobby").collect();
    assert_eq!(lobby.iter().map(|record| record.offset).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(lobby[0].bytes, "gone");
    assert_eq!(*heard(&mut deliveries).await, first);
    for record in &log[1..] {
        assert_eq!(*heard(&mut deliveries).await, *record);
    }
}
