//! What happens when a log goes on in a Redis that is not the one it was in: that one took over
//! from a master, or is the same one started again. Either may lack the newest entries, and nothing
//! that Redis says of itself tells whether it does. So nothing is appended or read until all
//! instances that can be asked have attested how far they know the log, and what is missing has
//! been put back. The scripts decide; every instance that appends to the partition calls them.
//!
//! The epoch stays if every instance that was registered attested and nothing is missing. Otherwise
//! it is a new one: clients are told, and what is there remains. Nobody is waited for longer than
//! a lease lasts, and whose lease has ended not even as long.

use std::{collections::BTreeSet, time::Duration};

use redis::Value;
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};

use super::{
    lane::request::millis,
    link::Link,
    publication,
    reply::{Fields, Reply, strange},
    script::{self, SCHEMA},
    shared::{Known, Shared},
};
use crate::{Epoch, Error, Head};

/// How often it is looked whether all have attested.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long an instance without a lease is waited for: whoever lives has tried to reach Redis by
/// then, and renewed its own.
const GONE_AFTER: Duration = Duration::from_secs(3);

/// Bytes of entries that are offered in one call.
const OFFERED_AT_ONCE: usize = 1 << 20;

/// Entries that are put back in one call.
const PUT_BACK_AT_ONCE: usize = 200;

/// What Redis says of a partition that is doubted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubted {
    /// Where its log ends.
    pub(super) head: Head,
    /// When an instance was last heard there, by the clock of the Redis before.
    pub(super) beat: u64,
}

/// Attests, waits for the others, and returns when the partition can be used again. `waits` is
/// called when others must be waited for.
pub(super) async fn settle(
    shared: &Shared,
    known: &Known,
    link: &mut Link,
    doubted: Doubted,
    waits: impl Fn(),
) -> Result<(), Error> {
    let partition = known.number.0;
    let began = Instant::now();
    debug!(partition, "Redis is another one or was restarted: the log waits until it is checked");
    for code in [&script::ATTEST, &script::SETTLE] {
        link.ask(&code.load()).await?;
    }
    let mut attested_as = attest(shared, known, link, doubted).await?;
    let (mut said, mut all_gone) = (false, false);
    loop {
        let me = shared.roster.lock().me();
        if me != attested_as {
            attested_as = attest(shared, known, link, doubted).await?;
        }
        let waited = began.elapsed();
        let give_up = waited >= shared.limits.lease || (all_gone && waited >= GONE_AFTER);
        let (word, mut fields) = run(link, &settle_call(shared, known, give_up)).await?;
        match word.as_str() {
            "settled" => {
                tell(shared, partition, &mut fields, began);
                return Ok(());
            }
            "again" => attested_as = attest(shared, known, link, doubted).await?,
            "waiting" => {
                let silent = fields.list()?;
                let living = registered(shared, link, fields.number()?).await?;
                let lives = |id: &Vec<u8>| living.iter().any(|it| it.as_bytes() == id.as_slice());
                all_gone = !silent.iter().any(lives);
                if !std::mem::replace(&mut said, true) {
                    let waits_for = silent.len();
                    info!(partition, waits_for, "the log is checked before it goes on");
                    waits();
                }
                sleep(LOOK_EVERY).await;
            }
            "more" => {}
            _ => return Err(strange()),
        }
    }
}

/// Says and counts how it ended, where this instance ended it.
fn tell(shared: &Shared, partition: u16, fields: &mut Fields, began: Instant) {
    let mut next = || fields.number().ok();
    let (Some(whole), Some(restored), Some(lost), Some(silent)) = (next(), next(), next(), next())
    else {
        return;
    };
    let after = began.elapsed();
    shared.counters.entries_put_back.add(usize::try_from(restored).unwrap_or(0));
    shared.counters.epochs_renewed.add(usize::from(whole == 0));
    if whole > 0 {
        info!(partition, restored, ?after, "the log was checked: nothing is missing");
    } else {
        warn!(
            partition,
            restored,
            lost,
            silent,
            ?after,
            "the log may lack entries after a change of Redis: it goes on in a new epoch"
        );
    }
}

async fn run(link: &mut Link, call: &redis::Cmd) -> Result<(String, Fields), Error> {
    match Reply::read(link.exchange(call).await?)? {
        Reply::Said(word, fields) => Ok((word, fields)),
        Reply::Missing | Reply::Doubted => {
            Err(Error::Unavailable("the partition vanished again".into()))
        }
    }
}

/// Says how far this instance knows the log, and offers what is not there. Gives the name under
/// which it did.
async fn attest(
    shared: &Shared,
    known: &Known,
    link: &mut Link,
    Doubted { head, beat }: Doubted,
) -> Result<Box<str>, Error> {
    let me = shared.roster.lock().me();
    let mut others = registered(shared, link, beat).await?;
    others.extend(shared.roster.lock().others());
    let (newest, kept) = known.tail(head);
    let offers: Vec<Vec<u8>> = kept.iter().map(publication::offer).collect();
    let mut rooms = known.rooms(head.epoch);
    let mut rest = offers.as_slice();
    loop {
        let mut bytes = 0;
        let fitting = rest.iter().take_while(|offer| {
            let fits = bytes == 0 || bytes + offer.len() <= OFFERED_AT_ONCE;
            bytes += offer.len();
            fits
        });
        let (now, later) = rest.split_at(fitting.count());
        rest = later;
        let keys = &known.keys;
        let mut call = script::ATTEST.call(&[
            &keys.partition,
            &keys.log,
            &keys.repair,
            &keys.offers,
            &keys.rooms,
        ]);
        call.arg(SCHEMA).arg(&*me).arg(newest).arg(u8::from(rest.is_empty()));
        call.arg(others.len()).arg(rooms.len());
        for name in &others {
            call.arg(name);
        }
        for (room, about) in rooms.drain(..) {
            call.arg(&*room).arg(&about[..]);
        }
        for offer in now {
            call.arg(offer);
        }
        run(link, &call).await?;
        if rest.is_empty() {
            return Ok(me);
        }
    }
}

/// Who had a lease at a moment, by Redis' clock. Those who had one when an instance was last heard
/// may know more than Redis.
async fn registered(shared: &Shared, link: &mut Link, at: u64) -> Result<BTreeSet<String>, Error> {
    let mut leases = redis::cmd("ZRANGEBYSCORE");
    leases.arg(shared.instances.leases()).arg(at).arg("+inf");
    let Value::Array(names) = link.ask(&leases).await? else { return Err(strange()) };
    let text = |name| match name {
        Value::BulkString(name) => String::from_utf8(name).map_err(|_| strange()),
        _ => Err(strange()),
    };
    names.into_iter().map(text).collect()
}

fn settle_call(shared: &Shared, known: &Known, give_up: bool) -> redis::Cmd {
    let (keys, limits) = (&known.keys, &shared.limits);
    let mut call = script::SETTLE.call(&[
        &keys.partition,
        &keys.log,
        &keys.redacted,
        &keys.due,
        &keys.rooms,
        &keys.repair,
        &keys.offers,
    ]);
    let mut random = [0; 16];
    getrandom::fill(&mut random).expect("the system gives random bytes");
    call.arg(SCHEMA).arg(u8::from(give_up)).arg(Epoch::from_random(random).as_str());
    call.arg(&keys.channel).arg(millis(limits.id_window)).arg(limits.partition_entries);
    call.arg(limits.room_entries).arg(millis(limits.room_age)).arg(PUT_BACK_AT_ONCE);
    call
}
