//! Reads pages of partitions and rooms.

use std::time::Duration;

use tokio::time::sleep;

use super::{
    lane::request::millis,
    publication,
    reader::Again,
    reply::{self, Fields, Reply, doubted, strange},
    script::{self, Code, SCHEMA},
    shared::{Known, OpenBy, Shared},
    sweeper::DROPPED_AT_ONCE,
};
use crate::{Error, Head, PAGE_MAX, PartitionPage, Range, Record, RoomPage, Secret, TARGETING_MAX};

/// How often it is looked whether a partition is settled that was doubted, before it is said that
/// it can't be read.
const SETTLED_LOOKS: u32 = 40;

/// How long is between two looks.
const SETTLED_LOOK_EVERY: Duration = Duration::from_millis(50);

/// Where the partition stands; makes it if there is none.
pub(super) async fn head(shared: &Shared, known: &Known) -> Result<Head, Error> {
    let call = known.open(OpenBy::Hash, shared.partitions.len());
    match settled(shared, known, &script::OPEN, &call).await? {
        Reply::Said(_, mut fields) => read_head(known, &mut fields),
        Reply::Missing | Reply::Doubted => Err(strange()),
    }
}

/// Asks, and again for a while if the partition must be settled first. That is the lane's work.
async fn settled(
    shared: &Shared,
    known: &Known,
    code: &Code,
    call: &redis::Cmd,
) -> Result<Reply, Error> {
    for _ in 0..SETTLED_LOOKS {
        match shared.reader.run(code, call).await? {
            Reply::Doubted => {}
            Reply::Said(word, _) if word == "doubted" => {}
            reply => return Ok(reply),
        }
        known.doubted.notify_one();
        sleep(SETTLED_LOOK_EVERY).await;
    }
    shared.reader.begin_anew().await;
    Err(doubted())
}

/// Asks a script that needs the partition to exist, and makes it if there is none.
pub(super) async fn ask(
    shared: &Shared,
    known: &Known,
    code: &Code,
    call: &redis::Cmd,
) -> Result<(String, Fields), Error> {
    if let Reply::Said(word, fields) = settled(shared, known, code, call).await? {
        return Ok((word, fields));
    }
    head(shared, known).await?;
    match settled(shared, known, code, call).await? {
        Reply::Said(word, fields) => Ok((word, fields)),
        Reply::Missing | Reply::Doubted => {
            Err(Error::Unavailable("the partition vanished again".into()))
        }
    }
}

pub(super) fn read_head(known: &Known, fields: &mut Fields) -> Result<Head, Error> {
    let head = Head { epoch: fields.epoch()?, seq: fields.number()? };
    known.learn_head(head);
    Ok(head)
}

/// Publishes that an instance lives.
pub(super) async fn heartbeat(shared: &Shared, known: &Known, instance: &str) -> Result<(), Error> {
    let mut call = script::HEARTBEAT.call(&[&known.keys.partition]);
    call.arg(SCHEMA).arg(&known.keys.channel).arg(instance);
    let (_, mut fields) = ask(shared, known, &script::HEARTBEAT, &call).await?;
    read_head(known, &mut fields).map(drop)
}

/// The secret beside the log: what is there, or else the proposal, kept from now on.
pub(super) async fn secret(shared: &Shared, proposal: Secret) -> Result<Secret, Error> {
    let key = &shared.secret_key;
    let mut keep = redis::cmd("SET");
    keep.arg(key).arg(&proposal[..]).arg("NX");
    if let redis::Value::ServerError(refusal) = shared.reader.ask(&keep, Again::Yes).await? {
        return Err(reply::refused(&refusal));
    }
    match shared.reader.ask(redis::cmd("GET").arg(key), Again::Yes).await? {
        redis::Value::BulkString(kept) => {
            kept.try_into().map_err(|_| Error::Damaged(format!("{key} does not have 32 bytes")))
        }
        redis::Value::ServerError(refusal) => Err(reply::refused(&refusal)),
        _ => Err(Error::Unavailable(format!("{key} vanished again"))),
    }
}

/// Reads entries with `after < seq <= to`.
pub(super) async fn partition(
    shared: &Shared,
    known: &Known,
    (after, to): (u64, u64),
    limit: usize,
) -> Result<PartitionPage, Error> {
    let limit = limit.min(PAGE_MAX);
    let (keys, limits) = (&known.keys, &shared.limits);
    let mut call = script::READ_PARTITION.call(&[&keys.partition, &keys.log, &keys.redacted]);
    call.arg(SCHEMA).arg(after).arg(to).arg(limit);
    call.arg(limits.partition_entries).arg(millis(limits.partition_age));
    let (_, mut fields) = ask(shared, known, &script::READ_PARTITION, &call).await?;
    let head = read_head(known, &mut fields)?;
    let first = fields.number()?;
    let mut records = Vec::new();
    for record in fields.list()? {
        records.push(publication::record(&record).map_err(unreadable)?);
    }
    // What was redacted comes behind the rest.
    records.sort_by_key(|record| record.seq);
    records.truncate(limit);
    // Another instance may be set to keep less than we are; what is behind a hole is no use.
    let hole = records.windows(2).rposition(|two| two[0].seq + 1 != two[1].seq);
    records.drain(..hole.map_or(0, |place| place + 1));
    let reaches_back =
        first <= after.saturating_add(1) && records.first().is_none_or(|it| it.seq == after + 1);
    Ok(PartitionPage { head, records, reaches_back })
}

/// Reads entries of a room.
pub(super) async fn room(
    shared: &Shared,
    known: &Known,
    room: &str,
    range: Range,
    limit: usize,
) -> Result<RoomPage, Error> {
    let call = room_call(shared, known, room, range, limit.min(PAGE_MAX));
    loop {
        let (word, fields) = ask(shared, known, &script::READ_ROOM, &call).await?;
        if word != "again" {
            return read_room(known, room, range, fields);
        }
    }
}

fn room_call(shared: &Shared, known: &Known, room: &str, range: Range, limit: usize) -> redis::Cmd {
    let (limits, of_room) = (&shared.limits, known.keys.room(room));
    let mut call = script::READ_ROOM.call(&[
        &known.keys.partition,
        &of_room.room,
        &of_room.entries,
        &of_room.ids,
        &of_room.targets,
        &of_room.redacted,
    ]);
    call.arg(SCHEMA);
    match range {
        Range::Newest => call.arg("newest").arg(0),
        Range::Before(offset) => call.arg("before").arg(offset),
        Range::After(offset) => call.arg("after").arg(offset),
    };
    call.arg(limit).arg(limits.room_entries).arg(millis(limits.room_age));
    call.arg(TARGETING_MAX).arg(DROPPED_AT_ONCE);
    call
}

fn read_room(
    known: &Known,
    room: &str,
    range: Range,
    mut fields: Fields,
) -> Result<RoomPage, Error> {
    let Head { epoch, seq } = read_head(known, &mut fields)?;
    let (head, first, more) = (fields.number()?, fields.number()?, fields.number()? > 0);
    let records = chained(room, fields.list()?)?;
    let targeting = fields.list()?.into_iter().map(|body| read_body(room, &body));
    let targeting = targeting.collect::<Result<_, _>>()?;
    let about = fields.perhaps_bytes()?;
    if let Some(about) = &about {
        known.knows_room(epoch, room, about);
    }
    let reaches_back = match range {
        Range::After(offset) => first <= offset.saturating_add(1),
        Range::Newest | Range::Before(_) => first == 1,
    };
    Ok(RoomPage { epoch, head, about, seq, records, targeting, more, reaches_back })
}

/// Reads the bodies of a page, each followed by the seq that it names as its predecessor's, or by
/// nothing where a tombstone took its place.
fn chained(room: &str, page: Vec<Vec<u8>>) -> Result<Vec<Record>, Error> {
    let mut records: Vec<Record> = Vec::with_capacity(page.len() / 2);
    let mut page = page.into_iter();
    while let (Some(body), Some(named)) = (page.next(), page.next()) {
        let record = read_body(room, &body)?;
        if let Some(before) = records.last() {
            let follows = record.offset == before.offset + 1;
            let named = String::from_utf8_lossy(&named);
            if !follows || !(named.is_empty() || named == before.seq.to_string()) {
                return Err(Error::Damaged(format!(
                    "room {room:?} has a hole before offset {}",
                    record.offset
                )));
            }
        }
        records.push(record);
    }
    Ok(records)
}

pub(super) fn read_body(room: &str, body: &[u8]) -> Result<Record, Error> {
    publication::body(room, body).map_err(unreadable)
}

fn unreadable(error: publication::Undecodable) -> Error {
    Error::Damaged(format!("an entry can't be read: {error}"))
}
