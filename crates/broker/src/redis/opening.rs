//! From a plain connection to one that appends can be sent over: what the server must be, the
//! script, and where the partition stands.

use redis::Value;
use tokio::time::Instant;
use tracing::warn;

use super::{
    health::LinkNumber,
    link::Link,
    repair::{self, Doubted},
    reply::{self, Reply, strange},
    script,
    shared::{Known, OpenBy, Shared, first_time},
};
use crate::{Error, Head};

/// The oldest Redis that has what the scripts use (exclusive ranges, `MINID`, `ZADD LT`).
const OLDEST: (u32, u32) = (6, 2);

/// Redis' clock, as seen from here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    now: u64,
    seen: Instant,
}

impl Clock {
    pub(super) fn new(now: u64) -> Self {
        Self { now, seen: Instant::now() }
    }

    /// What Redis' clock will show at a moment, in milliseconds.
    pub(super) fn at(&self, moment: Instant) -> u64 {
        let ahead = moment.saturating_duration_since(self.seen).as_millis() as u64;
        let behind = self.seen.saturating_duration_since(moment).as_millis() as u64;
        (self.now + ahead).saturating_sub(behind)
    }
}

/// Connects for the appends of a partition, and has its log checked where that is needed.
/// `health` is told if that takes time.
pub(super) async fn open(
    shared: &Shared,
    known: &Known,
    health: LinkNumber,
) -> Result<Opened, Error> {
    let name = format!("palabre-lane-p{}", known.number.0);
    let mut link = Link::open(&shared.address, &name).await?;
    check_server(shared, &mut link).await?;
    link.ask(&script::APPEND.load()).await?;
    loop {
        let call = known.open(OpenBy::Text, shared.partitions.len());
        let Reply::Said(word, mut fields) = Reply::read(link.exchange(&call).await?)? else {
            return Err(strange());
        };
        let head = Head { epoch: fields.epoch()?, seq: fields.number()? };
        if word == "doubted" {
            let doubted = Doubted { head, beat: fields.number()? };
            let waits = || shared.health.down(health, reply::doubted());
            repair::settle(shared, known, &mut link, doubted, waits).await?;
            continue;
        }
        // What was doubted before is settled now.
        tokio::select! {
            biased;
            () = known.doubted.notified() => {}
            () = std::future::ready(()) => {}
        }
        known.learn_head(head);
        let clock = Clock::new(fields.number()?);
        let server = fields.text()?;
        if server.is_empty() && first_time(&shared.said.server_unknown) {
            warn!("INFO is not permitted: a failover that loses entries can't be noticed");
        }
        return Ok(Opened { link, clock, server });
    }
}

/// A connection that appends can be sent over.
pub(super) struct Opened {
    pub(super) link: Link,
    pub(super) clock: Clock,
    /// The replication id of the Redis at the other end; nothing where it doesn't tell.
    pub(super) server: String,
}

/// Checks what the server is and how it is set.
async fn check_server(shared: &Shared, link: &mut Link) -> Result<(), Error> {
    let mut info = redis::cmd("INFO");
    let about = match link.exchange(&info).await? {
        Value::BulkString(text) => String::from_utf8_lossy(&text).into_owned(),
        Value::VerbatimString { text, .. } => text,
        // Not permitted: then the scripts will have to show whether it works.
        _ => String::new(),
    };
    info = redis::cmd("CONFIG");
    let policy = setting(link, info.arg("GET").arg("maxmemory-policy")).await?;
    let mut appendonly = redis::cmd("CONFIG");
    let appendonly = setting(link, appendonly.arg("GET").arg("appendonly")).await?;
    let of = |name: &str| {
        about.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    };
    judge_server(of("redis_version"), of("arch_bits"), of("role"), policy.as_deref())?;
    if policy.is_none() && first_time(&shared.said.policy_unknown) {
        warn!("CONFIG GET is not permitted: make sure that maxmemory-policy is noeviction");
    }
    if appendonly.is_some_and(|is| is != "yes") && first_time(&shared.said.not_durable) {
        warn!("appendonly is off: a crash of Redis loses entries since its last snapshot");
    }
    Ok(())
}

/// A setting of the server; nothing where asking is not permitted.
async fn setting(link: &mut Link, question: &redis::Cmd) -> Result<Option<String>, Error> {
    let Value::Array(pair) = link.exchange(question).await? else { return Ok(None) };
    Ok(pair.into_iter().nth(1).and_then(|value| match value {
        Value::BulkString(text) => String::from_utf8(text).ok(),
        _ => None,
    }))
}

/// Whether the log may be kept there; what is not known is not held against it.
fn judge_server(
    version: Option<&str>,
    bits: Option<&str>,
    role: Option<&str>,
    policy: Option<&str>,
) -> Result<(), Error> {
    let refuse = |why: String| Err(Error::Unavailable(why));
    if let Some(version) = version {
        let mut parts = version.split('.').map_while(|part| part.parse::<u32>().ok());
        let parsed = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        if parsed < OLDEST {
            return refuse(format!("it is Redis {version}, and 6.2 or newer is needed"));
        }
    }
    if bits == Some("32") {
        return refuse("it is a Redis of 32 bits, and one of 64 is needed".into());
    }
    if role == Some("slave") {
        return refuse("it is a replica, and takes no entries".into());
    }
    match policy {
        Some(policy) if policy != "noeviction" => refuse(format!(
            "its maxmemory-policy is {policy}, which may drop entries: set it to noeviction"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn servers_are_judged() {
        let judge = |version, bits, role, policy| match judge_server(version, bits, role, policy) {
            Ok(()) => String::new(),
            Err(why) => why.to_string(),
        };
        let refused = |version, role, policy| judge(version, Some("64"), role, policy);
        assert!(judge(None, Some("32"), None, None).contains("32 bits"));
        assert_eq!(judge(None, None, None, None), "");
        for (version, role, policy, expected) in [
            (Some("7.0.15"), Some("master"), Some("noeviction"), ""),
            (None, None, None, ""),
            (Some("6.2.0"), None, None, ""),
            (Some("255.255.255"), None, None, ""),
            (Some("6.0.16"), None, None, "Redis 6.0.16, and 6.2"),
            (Some("strange"), None, None, "Redis strange"),
            (Some("7.0.15"), Some("slave"), None, "replica"),
            (Some("7.0.15"), None, Some("allkeys-lru"), "maxmemory-policy is allkeys-lru"),
            (Some("7.0.15"), None, Some("volatile-ttl"), "maxmemory-policy is volatile-ttl"),
        ] {
            let refused = refused(version, role, policy);
            assert!(refused.contains(expected), "{version:?} {role:?} {policy:?}: {refused}");
            assert_eq!(refused.is_empty(), expected.is_empty(), "{refused}");
        }
    }

    #[test]
    fn the_clock_looks_ahead_and_back() {
        let clock = Clock::new(1_000);
        assert_eq!(clock.at(clock.seen + Duration::from_millis(70)), 1_070);
        assert_eq!(clock.at(clock.seen - Duration::from_millis(70)), 930);
    }
}
