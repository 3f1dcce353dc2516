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

/// Records that one call renews, so that it holds up Redis for a millisecond at most.
const RENEWED_AT_ONCE: usize = 500;

/// The longest life that Redis is told of; what should live for ever lives for a century.
const LIFE_MAX: Duration = Duration::from_hours(24 * 365 * 100);

impl Sessions for Redis {
    fn keep(&self, record: SessionRecord, life: Duration) -> Answer<Result<bool, Error>> {
        self.ask(record.check().map(|()| 0), move |shared, _| async move {
            let mut call = script::KEEP_SESSION.call(&[&key_of(&shared, &record.key)]);
            call.arg(&*record.owner).arg(&record.bytes[..]).arg(life_ms(life));
            let (_, mut fields) = run(&shared, &script::KEEP_SESSION, &call).await?;
            Ok(fields.number()? > 0)
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
        let checked = owned.iter().try_for_each(|owned| check_names(&owned.key, &owned.owner));
        self.ask(checked.map(|()| 0), move |shared, _| async move {
            let mut lost = Vec::new();
            for batch in owned.chunks(RENEWED_AT_ONCE) {
                lost.extend(renew(&shared, batch, life).await?);
            }
            Ok(lost)
        })
    }

    fn forget(&self, key: &str, owner: &str) -> Answer<Result<(), Error>> {
        let (key, owner): (Box<str>, Box<str>) = (key.into(), owner.into());
        self.ask(check_names(&key, &owner).map(|()| 0), move |shared, _| async move {
            let mut call = script::FORGET_SESSION.call(&[&key_of(&shared, &key)]);
            call.arg(&*owner);
            run(&shared, &script::FORGET_SESSION, &call).await.map(drop)
        })
    }
}

async fn renew(
    shared: &Shared,
    batch: &[OwnedSession],
    life: Duration,
) -> Result<Vec<Box<str>>, Error> {
    let keys: Vec<String> = batch.iter().map(|owned| key_of(shared, &owned.key)).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let mut call = script::RENEW_SESSIONS.call(&keys);
    call.arg(life_ms(life));
    for owned in batch {
        call.arg(&*owned.owner);
    }
    let (_, mut fields) = run(shared, &script::RENEW_SESSIONS, &call).await?;
    let mut places = fields.nested()?;
    let mut lost = Vec::new();
    while !places.is_empty() {
        let place = usize::try_from(places.digits()?).map_err(|_| strange())?;
        lost.push(batch.get(place).ok_or_else(strange)?.key.clone());
    }
    Ok(lost)
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
