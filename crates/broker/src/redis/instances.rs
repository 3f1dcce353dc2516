//! The registry of the instances: leases by Redis' own clock.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use tokio::time::Instant;

use super::{
    Redis,
    lane::request::millis,
    reply::{Reply, strange},
    script,
    shared::Shared,
};
use crate::{Answer, Epoch, Error, Instance, Instances};

/// How long a lease that has ended is kept for the repair of a log.
const ENDED_KEPT: Duration = Duration::from_hours(1);

/// The keys of the registry; they share a hash tag.
pub(super) struct InstanceKeys {
    leases: String,
    abouts: String,
}

impl InstanceKeys {
    pub(super) fn new(prefix: &str) -> Self {
        let leases = format!("{prefix}:{{instances}}");
        Self { abouts: format!("{leases}:about"), leases }
    }

    pub(super) fn leases(&self) -> &str {
        &self.leases
    }
}

/// Who lives, as this instance was told when it renewed its own lease. Whoever is missing in an
/// answer counts as living on until this instance has itself been renewing for a full lease: a
/// Redis that was away lets all leases end at once.
#[derive(Debug)]
pub(super) struct Roster {
    me: Box<str>,
    living: BTreeSet<Box<str>>,
    /// Since when no renewal has failed or was left out, and when the last one was.
    steady: Option<(Instant, Instant)>,
}

impl Roster {
    /// Of an instance that is not registered, and is called something all the same.
    pub(super) fn new() -> Self {
        let mut random = [0; 16];
        getrandom::fill(&mut random).expect("the system gives random bytes");
        let me = format!("unregistered {}", Epoch::from_random(random)).into();
        Self { me, living: BTreeSet::new(), steady: None }
    }

    /// What this instance is called.
    pub(super) fn me(&self) -> Box<str> {
        self.me.clone()
    }

    /// The others that may live.
    pub(super) fn others(&self) -> impl Iterator<Item = String> {
        self.living.iter().filter(|id| **id != self.me).map(ToString::to_string)
    }

    fn renewed(&mut self, me: &Instance, all: &[Instance], lease: Duration, now: Instant) {
        self.me.clone_from(&me.id);
        let steady = self.steady.filter(|(_, last)| now - *last < lease);
        let since = steady.map_or(now, |(since, _)| since);
        self.steady = Some((since, now));
        if now - since >= lease {
            self.living.clear();
        }
        self.living.extend(all.iter().map(|instance| instance.id.clone()));
    }

    fn failed(&mut self) {
        self.steady = None;
    }
}

impl Instances for Redis {
    fn renew(&self, me: &Instance) -> Answer<Result<Vec<Instance>, Error>> {
        let me = me.clone();
        self.ask(me.check().map(|()| 0), |shared, _| async move {
            let renewed = renew(&shared, &me).await;
            let mut roster = shared.roster.lock();
            match &renewed {
                Ok(all) => roster.renewed(&me, all, shared.limits.lease, Instant::now()),
                Err(_) => roster.failed(),
            }
            drop(roster);
            renewed
        })
    }

    fn resign(&self, id: &str) -> Answer<Result<(), Error>> {
        let id: Box<str> = id.into();
        self.ask(Ok(0), |shared, _| async move {
            let InstanceKeys { leases, abouts } = &shared.instances;
            let mut call = script::RESIGN.call(&[leases, abouts]);
            call.arg(&*id);
            shared.reader.run(&script::RESIGN, &call).await.map(drop)
        })
    }
}

async fn renew(shared: &Shared, me: &Instance) -> Result<Vec<Instance>, Error> {
    let InstanceKeys { leases, abouts } = &shared.instances;
    let mut call = script::RENEW.call(&[leases, abouts]);
    call.arg(&*me.id).arg(&me.about[..]).arg(millis(shared.limits.lease)).arg(millis(ENDED_KEPT));
    let Reply::Said(_, mut fields) = shared.reader.run(&script::RENEW, &call).await? else {
        return Err(strange());
    };
    let mut list = fields.nested()?;
    let mut all = Vec::new();
    while !list.is_empty() {
        let id = list.text()?.into_boxed_str();
        all.push(Instance { id, about: Bytes::from(list.bytes()?) });
    }
    all.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(10);

    fn instances(ids: &str) -> Vec<Instance> {
        let instance = |id: &str| Instance { id: id.into(), about: Bytes::new() };
        ids.split_whitespace().map(instance).collect()
    }

    #[test]
    fn who_is_missing_lives_on_until_this_instance_was_steady_for_a_lease() {
        let start = Instant::now();
        let mut roster = Roster::new();
        assert!(roster.me().starts_with("unregistered "));
        let renewed = |roster: &mut Roster, second: u64, ids: &str| {
            let (me, all) = (&instances("me")[0], instances(ids));
            roster.renewed(me, &all, LEASE, start + Duration::from_secs(second));
            roster.others().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(renewed(&mut roster, 0, "a b me"), "a b");
        assert_eq!(&*roster.me(), "me");
        assert_eq!(renewed(&mut roster, 5, "b me"), "a b", "it is too early to say");
        assert_eq!(renewed(&mut roster, 10, "b c me"), "b c");
        assert_eq!(renewed(&mut roster, 11, "c me"), "c", "from now on at once");
        roster.failed();
        assert_eq!(renewed(&mut roster, 15, "me"), "c", "Redis was away");
        assert_eq!(renewed(&mut roster, 24, "me"), "c");
        assert_eq!(renewed(&mut roster, 26, "me"), "");
        assert_eq!(renewed(&mut roster, 27, "d me"), "d");
        assert_eq!(renewed(&mut roster, 37, "me"), "d", "this instance was away");
    }
}
