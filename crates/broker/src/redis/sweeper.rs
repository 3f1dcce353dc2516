//! Drops, a little at a time, what the log keeps no more: also in rooms where nothing happens.
//! Every instance sweeps, in its own rhythm; sweeping twice does no harm.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;
use tracing::{debug, warn};

use super::{
    lane::request::millis,
    reply::{Reply, strange},
    script,
    shared::{Known, Shared},
};
use crate::Error;

/// How long after a sweep the next one begins, give or take a quarter.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// Rooms that are asked for at once.
const ROOMS_AT_ONCE: usize = 64;

/// Entries, and ids, that one call drops at most, so that it holds up Redis for a few
/// milliseconds.
pub(super) const DROPPED_AT_ONCE: usize = 500;

/// Sweeps until the broker is closed.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        let mut random = [0; 1];
        getrandom::fill(&mut random).expect("the system gives random bytes");
        let wait = SWEEP_EVERY.mul_f64(0.75 + f64::from(random[0]) / 512.0);
        tokio::select! {
            () = sleep(wait) => {}
            () = shared.stop.cancelled() => return,
        }
        for known in &shared.partitions {
            let swept = tokio::select! {
                swept = sweep(&shared, known) => swept,
                () = shared.stop.cancelled() => return,
            };
            match swept {
                Ok(()) => {}
                // The lane says already that Redis is away.
                Err(error @ Error::Unavailable(_)) => debug!(%error, "sweeping has to wait"),
                Err(error) => warn!(%error, "sweeping failed"),
            }
        }
    }
}

/// Sweeps one partition and its rooms whose time has come.
pub(super) async fn sweep(shared: &Shared, known: &Known) -> Result<(), Error> {
    let (keys, limits) = (&known.keys, &shared.limits);
    loop {
        let of_log = [keys.partition.as_str(), &keys.log, &keys.redacted, &keys.due];
        let mut call = script::SWEEP_LOG.call(&of_log);
        call.arg(script::SCHEMA).arg(limits.partition_entries);
        call.arg(millis(limits.partition_age)).arg(ROOMS_AT_ONCE);
        let Reply::Said(_, mut fields) = shared.reader.run(&script::SWEEP_LOG, &call).await? else {
            return Ok(());
        };
        let rooms = fields.list()?;
        for room in &rooms {
            let room = std::str::from_utf8(room).map_err(|_| strange())?;
            while sweep_room(shared, known, room).await? {}
        }
        if rooms.len() < ROOMS_AT_ONCE {
            return Ok(());
        }
    }
}

/// Sweeps one room. Says whether there is more to drop.
async fn sweep_room(shared: &Shared, known: &Known, room: &str) -> Result<bool, Error> {
    let (keys, limits) = (&known.keys, &shared.limits);
    let of_room = keys.room(room);
    let mut call = script::SWEEP.call(&[
        &keys.partition,
        &keys.due,
        &of_room.room,
        &of_room.entries,
        &of_room.ids,
        &of_room.targets,
        &of_room.redacted,
    ]);
    call.arg(script::SCHEMA).arg(room).arg(millis(limits.id_window));
    call.arg(limits.room_entries).arg(millis(limits.room_age)).arg(DROPPED_AT_ONCE);
    match shared.reader.run(&script::SWEEP, &call).await? {
        Reply::Said(_, mut fields) => Ok(fields.number()? > 0),
        Reply::Missing | Reply::Doubted => Ok(false),
    }
}
