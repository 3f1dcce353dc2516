//! How an append is put to Redis.

use std::time::Duration;

use super::super::{keys::Keys, script};
use crate::{Draft, Epoch, Limits};

/// The call of the append script. Redis must not carry it out when its clock is past `not_after`,
/// or if the partition isn't in the Redis with this replication id.
pub(in super::super) fn request(
    keys: &Keys,
    limits: &Limits,
    draft: &Draft,
    epoch: Epoch,
    not_after: u64,
    server: &str,
) -> redis::Cmd {
    let of_room = keys.room(&draft.room);
    let mut call = script::APPEND.call(&[
        &keys.partition,
        &keys.log,
        &keys.redacted,
        &keys.due,
        &of_room.room,
        &of_room.entries,
        &of_room.ids,
        &of_room.targets,
        &of_room.redacted,
        &keys.rooms,
    ]);
    call.arg(script::SCHEMA).arg(epoch.as_str()).arg(not_after).arg(&keys.channel);
    call.arg(&*draft.room).arg(format!("{:016x}", content(draft)));
    call.arg(&*draft.user).arg(&*draft.id);
    match draft.target {
        Some(target) => call.arg(target),
        None => call.arg(""),
    };
    call.arg(&draft.bytes[..]);
    call.arg(u8::from(draft.redact.is_some())).arg(draft.redact.as_deref().unwrap_or_default());
    call.arg(millis(limits.id_window)).arg(limits.partition_entries);
    call.arg(limits.room_entries).arg(millis(limits.room_age)).arg(server);
    call
}

/// A duration as the scripts take it.
pub(in super::super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What makes two drafts of one room, user and id the same. FNV-1a: it must be stable over
/// releases, and whoever looks for a collision deceives only themselves.
fn content(draft: &Draft) -> u64 {
    let target = draft.target.map(u64::to_be_bytes);
    let parts = [target.as_ref().map(|bytes| &bytes[..]), draft.redact.as_deref()];
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for part in parts {
        add(&part.map_or(u64::MAX, |part| part.len() as u64).to_be_bytes());
        add(part.unwrap_or_default());
    }
    add(draft.content());
    hash
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn draft(bytes: &str, target: Option<u64>, redact: Option<&str>) -> Draft {
        Draft {
            room: "room".into(),
            user: "user".into(),
            id: "some-id1".into(),
            bytes: Bytes::copy_from_slice(bytes.as_bytes()),
            target,
            redact: redact.map(|text| Bytes::copy_from_slice(text.as_bytes())),
            content: None,
        }
    }

    #[test]
    fn content_is_all_but_the_name() {
        let drafts = [
            draft("a", None, None),
            draft("b", None, None),
            draft("", None, None),
            draft("a", Some(1), None),
            draft("a", Some(2), None),
            draft("a", Some(1), Some("")),
            draft("a", Some(1), Some("a")),
            draft("", Some(1), Some("aa")),
        ];
        for (place, one) in drafts.iter().enumerate() {
            for other in &drafts[place + 1..] {
                assert_ne!(content(one), content(other), "{one:?} {other:?}");
            }
            let sent_by_another = Draft { user: "other".into(), ..one.clone() };
            assert_eq!(content(one), content(&sent_by_another));
        }
        // Stored in Redis, so it can't change.
        assert_eq!(content(&drafts[0]), 0xe7cf_1239_621d_905c);
    }

    #[test]
    fn endless_durations_fit() {
        assert_eq!(millis(Duration::MAX), u64::MAX);
        assert_eq!(millis(Duration::from_secs(2)), 2_000);
    }
}
