//! Session records: who may write them, and how long they live.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use tokio::task::JoinSet;

use super::{LastingPlace, PATIENCE, Place, open, within};
use crate::{
    Broker, Error, OwnedSession, SESSION_BYTES_MAX, SESSION_NAME_BYTES_MAX, SessionRecord,
};

/// Longer than any case lasts.
const LONG: Duration = Duration::from_mins(10);

fn record(key: &str, owner: &str, text: &str) -> SessionRecord {
    SessionRecord { key: key.into(), owner: owner.into(), bytes: text.to_owned().into() }
}

fn owned(key: &str, owner: &str) -> OwnedSession {
    OwnedSession { key: key.into(), owner: owner.into() }
}

async fn keep(broker: &dyn Broker, record: SessionRecord, life: Duration) -> bool {
    within(broker.keep(record, life)).await.expect("the store can be asked")
}

async fn claim(broker: &dyn Broker, key: &str, owner: &str) -> Option<SessionRecord> {
    within(broker.claim(key, owner, LONG)).await.expect("the store can be asked")
}

/// Renews for a long life; gives what is gone.
async fn renew(broker: &dyn Broker, owned: &[OwnedSession]) -> Vec<String> {
    let renewing = broker.renew_sessions(owned.to_vec(), LONG);
    let gone = within(renewing).await.expect("the store can be asked");
    gone.into_iter().map(String::from).collect()
}

/// Asks until a record's life is over; asking changes nothing while it lives. Then a new record
/// is there.
async fn over(broker: &dyn Broker, key: &str) {
    let probing = async {
        while !keep(broker, record(key, "prober", "a new one"), LONG).await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, probing).await.expect("its life ends");
}

/// Only the owner changes a record, and claiming makes another one the owner, on any instance.
pub async fn session_is_written_by_its_owner_only(place: &dyn Place) {
    let (one, other) = (open(place).await, open(place).await);
    assert_eq!(claim(&*one, "key", "first").await, None);
    assert!(keep(&*one, record("key", "first", "made"), LONG).await);
    assert!(keep(&*other, record("key", "first", "changed"), LONG).await);
    assert!(!keep(&*other, record("key", "stranger", "stolen"), LONG).await);
    within(other.forget("key", "stranger")).await.expect("it is nothing to forget");
    assert_eq!(renew(&*other, &[owned("key", "stranger")]).await, ["key"]);

    let claimed = claim(&*other, "key", "second").await;
    assert_eq!(claimed, Some(record("key", "first", "changed")));
    let again = claim(&*other, "key", "second").await;
    assert_eq!(again, claimed, "who heard no answer is answered the same");
    assert!(!keep(&*one, record("key", "first", "too late"), LONG).await);
    assert_eq!(renew(&*one, &[owned("key", "first")]).await, ["key"]);
    within(one.forget("key", "first")).await.expect("it is nothing to forget");
    assert!(keep(&*other, record("key", "second", ""), LONG).await);

    assert_eq!(claim(&*one, "key", "third").await, Some(record("key", "second", "")));
    within(one.forget("key", "third")).await.expect("it is forgotten");
    assert_eq!(claim(&*one, "key", "fourth").await, None);
    assert!(keep(&*other, record("key", "first", "anew"), LONG).await, "nobody owns it any more");
}

/// Each one who claims at once gets it from the one before, and the last one owns it.
pub async fn session_claimed_at_once_goes_from_one_to_the_next(place: &dyn Place) {
    let brokers = [open(place).await, open(place).await];
    assert!(keep(&*brokers[0], record("key", "origin", "session"), LONG).await);
    let mut tasks = JoinSet::new();
    for turn in 0..8 {
        let broker = brokers[turn % 2].clone();
        tasks.spawn(async move { claim(&*broker, "key", &format!("claimer {turn}")).await });
    }
    let claimed = within(tasks.join_all()).await;
    let mut before = BTreeSet::new();
    for record in claimed {
        let record = record.expect("it is there for each one");
        assert_eq!((&*record.key, &record.bytes[..]), ("key", &b"session"[..]));
        assert!(before.insert(record.owner), "each owner is replaced once");
    }
    assert!(before.contains("origin"));
    let claimers = (0..8).map(|turn| format!("claimer {turn}"));
    let (lost, last): (Vec<_>, Vec<_>) = claimers.partition(|name| before.contains(name.as_str()));
    assert_eq!(last.len(), 1, "the last one is before nobody");
    for name in lost {
        assert!(!keep(&*brokers[0], record("key", &name, "lost"), LONG).await);
    }
    assert!(keep(&*brokers[1], record("key", &last[0], "kept"), LONG).await);
}

/// What isn't renewed ends; what is renewed lives on; renewing says what is gone, in order.
pub async fn session_lives_as_long_as_it_is_renewed(place: &dyn Place) {
    let broker = open(place).await;
    let short = Duration::from_secs(2);
    // Renewed, kept anew and claimed within their short life, or not at all.
    for key in ["renewed", "kept", "claimed", "left"] {
        assert!(keep(&*broker, record(key, "me", key), short).await);
    }
    assert_eq!(renew(&*broker, &[owned("renewed", "me")]).await, [""; 0]);
    assert!(keep(&*broker, record("kept", "me", "kept"), LONG).await);
    assert_eq!(
        claim(&*broker, "claimed", "me too").await,
        Some(record("claimed", "me", "claimed"))
    );
    over(&*broker, "left").await;
    for key in ["renewed", "kept", "claimed"] {
        assert!(!keep(&*broker, record(key, "prober", "stolen"), LONG).await, "{key} lives on");
    }
    let asked = ["left", "kept", "never", "renewed", "claimed"].map(|key| owned(key, "me"));
    let gone = renew(&*broker, &asked).await;
    assert_eq!(gone, ["left", "never", "claimed"]);
    assert_eq!(claim(&*broker, "renewed", "you").await, Some(record("renewed", "me", "renewed")));

    assert!(keep(&*broker, record("brief", "me", ""), Duration::ZERO).await);
    let ending = async {
        while within(broker.claim("brief", "me", Duration::ZERO)).await != Ok(None) {
            tokio::task::yield_now().await;
        }
    };
    within(ending).await;
    assert_eq!(renew(&*broker, &[owned("brief", "me")]).await, ["brief"]);
}

/// More than any implementation renews in one step.
pub async fn many_sessions_are_renewed_at_once(place: &dyn Place) {
    let broker = open(place).await;
    let key = |number: usize| format!("session {number}");
    let calls: Vec<_> = (0..1_200)
        .filter(|number| number % 100 != 0)
        .map(|number| broker.keep(record(&key(number), "me", "session"), LONG))
        .collect();
    for call in calls {
        assert_eq!(within(call).await, Ok(true));
    }
    let all: Vec<_> = (0..1_200).map(|number| owned(&key(number), "me")).collect();
    let gone = renew(&*broker, &all).await;
    let expected = (0..12).map(|hundred| key(100 * hundred));
    assert_eq!(gone, expected.collect::<Vec<_>>());
    assert_eq!(renew(&*broker, &[]).await, [""; 0]);
}

/// More than any implementation keeps or forgets in one step, one after the other.
pub async fn many_sessions_are_kept_and_forgotten_at_once(place: &dyn Place) {
    let broker = open(place).await;
    let key = |number: usize| format!("session {number}");
    let all = |owner: &str| -> Vec<_> {
        (0..1_200).map(|number| record(&key(number), owner, owner)).collect()
    };
    for number in (0..1_200).step_by(100) {
        assert!(keep(&*broker, record(&key(number), "you", "yours"), LONG).await);
    }
    let kept = within(broker.keep_sessions(all("me"), LONG)).await.expect("they are kept");
    assert_eq!(kept, (0..1_200).map(|number| number % 100 != 0).collect::<Vec<_>>());
    assert_eq!(claim(&*broker, &key(100), "me").await, Some(record(&key(100), "you", "yours")));
    assert_eq!(claim(&*broker, &key(101), "you").await, Some(record(&key(101), "me", "me")));

    let same = ["first", "second"].map(|text| record("same", "me", text));
    let other = record("same", "you", "third");
    let kept = within(broker.keep_sessions([&same[..], &[other]].concat(), LONG)).await;
    assert_eq!(kept, Ok(vec![true, true, false]));
    assert_eq!(claim(&*broker, "same", "you").await, Some(same[1].clone()), "the later one counts");
    assert_eq!(within(broker.keep_sessions(Vec::new(), LONG)).await, Ok(Vec::new()));

    let owned: Vec<_> = (0..1_200).map(|number| owned(&key(number), "me")).collect();
    within(broker.forget_sessions(owned.clone())).await.expect("they are forgotten");
    assert_eq!(renew(&*broker, &owned).await.len(), 1_200);
    // What has changed hands above has stayed with the other one, or gone.
    for number in 0..1_200 {
        let found = claim(&*broker, &key(number), "you").await;
        let is_yours = number % 100 == 0 && number != 100 || number == 101;
        assert_eq!(found.is_some(), is_yours, "{number}");
    }
}

/// Large ones don't have to fit together into one step, nor small ones and a large one.
pub async fn large_sessions_are_kept_at_once(place: &dyn Place) {
    let broker = open(place).await;
    let sized = |number: usize| {
        let size = if number.is_multiple_of(3) { 10 } else { SESSION_BYTES_MAX };
        let bytes = vec![number as u8; size].into();
        SessionRecord { bytes, ..record(&format!("session {number}"), "me", "") }
    };
    let kept = within(broker.keep_sessions((0..300).map(sized).collect(), LONG)).await;
    assert_eq!(kept, Ok(vec![true; 300]));
    for number in [0, 1, 15, 16, 17, 150, 298, 299] {
        let found = claim(&*broker, &format!("session {number}"), "you").await;
        assert_eq!(found, Some(sized(number)));
    }
}

/// Any names and bytes up to their limits; beyond, an error, and nothing is done.
pub async fn sessions_have_limits(place: &dyn Place) {
    let broker = open(place).await;
    let longest = "x".repeat(SESSION_NAME_BYTES_MAX);
    let too_long = "x".repeat(SESSION_NAME_BYTES_MAX + 1);
    let all: Bytes = (0..SESSION_BYTES_MAX).map(|byte| byte as u8).collect();
    for (key, owner) in [(&*longest, "me"), ("key", &*longest), ("日 '{}'\n*", "é:\"\0")] {
        let kept = SessionRecord { bytes: all.clone(), ..record(key, owner, "") };
        assert!(keep(&*broker, kept.clone(), LONG).await);
        assert_eq!(claim(&*broker, key, "you").await, Some(kept));
    }
    let refused = |answer: Result<(), Error>| {
        assert!(matches!(answer, Err(Error::Refused(_))), "{answer:?}");
    };
    let large = SessionRecord { bytes: [&all[..], b"!"].concat().into(), ..record("l", "me", "") };
    for record in [large, record(&too_long, "me", ""), record("other", &too_long, "")] {
        refused(within(broker.keep(record.clone(), LONG)).await.map(drop));
        let both = vec![self::record("beside it", "me", ""), record.clone()];
        refused(within(broker.keep_sessions(both, LONG)).await.map(drop));
        assert_eq!(claim(&*broker, "beside it", "me").await, None, "nothing was done");
        if record.key.len() <= SESSION_NAME_BYTES_MAX {
            assert_eq!(claim(&*broker, &record.key, "me").await, None, "nothing was done");
        }
    }
    for (key, owner) in [(&*too_long, "me"), ("key", &*too_long)] {
        refused(within(broker.claim(key, owner, LONG)).await.map(drop));
        refused(within(broker.forget(key, owner)).await);
        let asked = vec![owned("key", "you"), owned(key, owner)];
        refused(within(broker.renew_sessions(asked.clone(), LONG)).await.map(drop));
        refused(within(broker.forget_sessions(asked)).await);
    }
    assert!(keep(&*broker, record("key", "you", "still mine"), LONG).await);
}

/// Records are there for the process that comes next, and go on ending.
pub async fn sessions_outlive_a_restart(place: &dyn LastingPlace) {
    let broker = open(place).await;
    for number in 0..20 {
        let record = record(&format!("key {number}"), "before", &format!("session {number}"));
        assert!(keep(&*broker, record, LONG).await);
    }
    assert!(keep(&*broker, record("brief", "before", ""), Duration::from_millis(1)).await);
    within(broker.forget("key 7", "before")).await.expect("it is forgotten");
    within(broker.close()).await;
    drop(broker);
    let broker = open(place).await;
    for number in 0..20 {
        let key = format!("key {number}");
        let expected = (number != 7).then(|| record(&key, "before", &format!("session {number}")));
        assert_eq!(claim(&*broker, &key, "after").await, expected);
    }
    over(&*broker, "brief").await;
}
