//! Records of sessions: one key for each, which ends by itself; only its owner can write it.

use std::time::Duration;

use bytes::Bytes;

use super::{
    Redis,
    lane::request::millis,
    reply::{Fields, Reply, strange},
    script::{self, Code},
    shared::Shared,
};
use crate::{Answer, Error, OwnedSession, SessionRecord, Sessions, contract::check_names};

/// Records that one call renews or forgets, so that it holds up Redis for a millisecond at most.
const RENEWED_AT_ONCE: usize = 500;

/// Records that one call keeps, for the same reason.
const KEPT_AT_ONCE: usize = 256;

/// The longest life that Redis is told of; what should live for ever lives for a century.
const LIFE_MAX: Duration = Duration::from_hours(24 * 365 * 100);

impl Sessions for Redis {
    fn keep_sessions(
        &self,
        records: Vec<SessionRecord>,
        life: Duration,
    ) -> Answer<Result<Vec<bool>, Error>> {
        let checked = records.iter().try_for_each(SessionRecord::check);
        self.ask(checked.map(|()| 0), move |shared, _| async move {
            let mut kept = Vec::with_capacity(records.len());
            for part in SessionRecord::parts(records, KEPT_AT_ONCE) {
                kept.extend(keep(&shared, &part, life).await?);
            }
            Ok(kept)
        })
    }

    fn claim(
        &self,
        key: &str,
        owner: &str,
        life: Duration,
    ) -> Answer<Result<Option<SessionRecord>, Error>> {
        let (key, owner): (Box<str>, Box<str>) = (key.into(), owner.into());
        self.ask(check_names(&key, &owner).map(|()| 0), move |shared, _| async move {
            let mut call = script::CLAIM_SESSION.call(&[&key_of(&shared, &key)]);
            call.arg(&*owner).arg(life_ms(life));
            let (word, mut fields) = run(&shared, &script::CLAIM_SESSION, &call).await?;
            if word == "gone" {
                return Ok(None);
            }
            let owner = fields.text()?.into_boxed_str();
            Ok(Some(SessionRecord { key, owner, bytes: Bytes::from(fields.bytes()?) }))
        })
    }

    fn renew_sessions(
        &self,
        owned: Vec<OwnedSession>,
        life: Duration,
    ) -> Answer<Result<Vec<Box<str>>, Error>> {
        let checked = owned.iter().try_for_each(OwnedSession::check);
        self.ask(checked.map(|()| 0), move |shared, _| async move {
            let mut lost = Vec::new();
            for batch in owned.chunks(RENEWED_AT_ONCE) {
                lost.extend(renew(&shared, batch, life).await?);
            }
            Ok(lost)
        })
    }

    fn forget_sessions(&self, owned: Vec<OwnedSession>) -> Answer<Result<(), Error>> {
        let checked = owned.iter().try_for_each(OwnedSession::check);
        self.ask(checked.map(|()| 0), move |shared, _| async move {
            for batch in owned.chunks(RENEWED_AT_ONCE) {
                let mut call = script::FORGET_SESSIONS.call(&keys_of(&shared, batch));
                for owned in batch {
                    call.arg(&*owned.owner);
                }
                run(&shared, &script::FORGET_SESSIONS, &call).await?;
            }
            Ok(())
        })
    }
}

/// Says of each one whether it was written.
async fn keep(shared: &Shared, part: &[SessionRecord], life: Duration) -> Result<Vec<bool>, Error> {
    let keys: Vec<String> = part.iter().map(|record| key_of(shared, &record.key)).collect();
    let mut call = script::KEEP_SESSIONS.call(&keys);
    call.arg(life_ms(life));
    for record in part {
        call.arg(&*record.owner).arg(&record.bytes[..]);
    }
    let (_, mut fields) = run(shared, &script::KEEP_SESSIONS, &call).await?;
    let mut kept = vec![true; part.len()];
    for place in places(&mut fields)? {
        *kept.get_mut(place).ok_or_else(strange)? = false;
    }
    Ok(kept)
}

async fn renew(
    shared: &Shared,
    batch: &[OwnedSession],
    life: Duration,
) -> Result<Vec<Box<str>>, Error> {
    let mut call = script::RENEW_SESSIONS.call(&keys_of(shared, batch));
    call.arg(life_ms(life));
    for owned in batch {
        call.arg(&*owned.owner);
    }
    let (_, mut fields) = run(shared, &script::RENEW_SESSIONS, &call).await?;
    let lost = places(&mut fields)?.into_iter();
    lost.map(|place| Ok(batch.get(place).ok_or_else(strange)?.key.clone())).collect()
}

/// The places, from 0, that an answer names.
fn places(fields: &mut Fields) -> Result<Vec<usize>, Error> {
    let mut named = fields.nested()?;
    let mut places = Vec::new();
    while !named.is_empty() {
        places.push(usize::try_from(named.digits()?).map_err(|_| strange())?);
    }
    Ok(places)
}

fn keys_of(shared: &Shared, owned: &[OwnedSession]) -> Vec<String> {
    owned.iter().map(|owned| key_of(shared, &owned.key)).collect()
}

async fn run(shared: &Shared, code: &Code, call: &redis::Cmd) -> Result<(String, Fields), Error> {
    match shared.reader.run(code, call).await? {
        Reply::Said(word, fields) => Ok((word, fields)),
        Reply::Missing | Reply::Doubted => Err(strange()),
    }
}

fn key_of(shared: &Shared, key: &str) -> String {
    format!("{}{key}", shared.session_prefix)
}

fn life_ms(life: Duration) -> u64 {
    millis(life.min(LIFE_MAX)).max(1)
}
