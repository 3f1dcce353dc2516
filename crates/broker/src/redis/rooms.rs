//! Makes rooms, and lists them.

use std::cmp::Reverse;

use bytes::Bytes;

use super::{
    lane::request::millis,
    read,
    reply::{Fields, strange},
    script::{self, SCHEMA},
    shared::{Known, Shared},
};
use crate::{Error, Head, ListedRoom, PAGE_MAX, RoomList};

/// Makes a room; `false` where there is one.
pub(super) async fn create(
    shared: &Shared,
    known: &Known,
    room: &str,
    about: &Bytes,
) -> Result<bool, Error> {
    let (keys, of_room) = (&known.keys, known.keys.room(room));
    let mut call = script::CREATE_ROOM.call(&[
        &keys.partition,
        &keys.rooms,
        &of_room.room,
        &of_room.entries,
        &of_room.ids,
        &of_room.targets,
        &of_room.redacted,
    ]);
    let mut name_of_call = [0; 8];
    getrandom::fill(&mut name_of_call).expect("the system gives random bytes");
    call.arg(SCHEMA).arg(room).arg(&about[..]).arg(&name_of_call);
    let (_, mut fields) = read::ask(shared, known, &script::CREATE_ROOM, &call).await?;
    let is_made = fields.number()? > 0;
    if is_made {
        let epoch = fields.epoch()?;
        known.learn(epoch);
        known.knows_room(epoch, room, about);
    }
    Ok(is_made)
}

/// The youngest rooms of all partitions.
pub(super) async fn list(shared: &Shared, limit: usize) -> Result<RoomList, Error> {
    let limit = limit.min(PAGE_MAX);
    let mut all = RoomList { rooms: Vec::new(), more: false };
    for known in &shared.partitions {
        let of_partition = list_partition(shared, known, limit).await?;
        all.rooms.extend(of_partition.rooms);
        all.more |= of_partition.more;
    }
    all.rooms.sort_by_key(|room| Reverse(room.at));
    all.more |= all.rooms.len() > limit;
    all.rooms.truncate(limit);
    Ok(all)
}

async fn list_partition(shared: &Shared, known: &Known, limit: usize) -> Result<RoomList, Error> {
    let (keys, limits) = (&known.keys, &shared.limits);
    let mut call = script::ROOMS.call(&[&keys.partition, &keys.rooms]);
    call.arg(SCHEMA).arg(limit).arg(limits.room_entries).arg(millis(limits.room_age));
    let (_, mut fields) = read::ask(shared, known, &script::ROOMS, &call).await?;
    let head = read::read_head(known, &mut fields)?;
    let more = fields.number()? > 0;
    let mut list = fields.nested()?;
    let mut rooms = Vec::new();
    while !list.is_empty() {
        rooms.push(read_listed(head, &mut list)?);
    }
    Ok(RoomList { rooms, more })
}

fn read_listed(head: Head, list: &mut Fields) -> Result<ListedRoom, Error> {
    let room = list.text()?.into_boxed_str();
    let offset = list.digits()?;
    let at = list.digits()?;
    let newest = list.bytes()?;
    let newest = if newest.is_empty() { None } else { Some(read::read_body(&room, &newest)?) };
    let about = list.perhaps_bytes()?;
    if newest.as_ref().is_some_and(|newest| newest.offset != offset) {
        return Err(strange());
    }
    Ok(ListedRoom { room, epoch: head.epoch, head: offset, at, about, newest })
}
