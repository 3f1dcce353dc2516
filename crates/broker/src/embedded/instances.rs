//! The registry of the instances in this process. It lives in memory: when the process ends, all
//! of them have.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{Embedded, closed};
use crate::{Answer, Error, Instance, Instances};

/// Instances that can be registered at a time; more are refused.
const INSTANCES_MAX: usize = 1_024;

/// Longer than any process lives, and no clock overflows by it.
const FOR_EVER: Duration = Duration::from_hours(100 * 365 * 24);

/// Who is registered, until when.
#[derive(Default)]
pub(super) struct Registry {
    /// Held for a few lines only.
    leases: Mutex<Leases>,
}

#[derive(Default)]
struct Leases {
    closed: bool,
    by_id: BTreeMap<Box<str>, Lease>,
}

struct Lease {
    about: Bytes,
    ends: Instant,
}

impl Registry {
    pub(super) fn close(&self) {
        let mut leases = self.leases.lock();
        leases.closed = true;
        leases.by_id.clear();
    }

    fn renew(&self, me: &Instance, now: Instant, ends: Instant) -> Result<Vec<Instance>, Error> {
        me.check()?;
        let mut leases = self.leases.lock();
        if leases.closed {
            return Err(closed());
        }
        leases.by_id.retain(|_, lease| now < lease.ends);
        if leases.by_id.len() >= INSTANCES_MAX && !leases.by_id.contains_key(&me.id) {
            let text = format!("{INSTANCES_MAX} instances are registered, more can't be");
            return Err(Error::Refused(text));
        }
        leases.by_id.insert(me.id.clone(), Lease { about: me.about.clone(), ends });
        let all = leases.by_id.iter();
        Ok(all
            .map(|(id, Lease { about, .. })| Instance { id: id.clone(), about: about.clone() })
            .collect())
    }

    fn resign(&self, id: &str) -> Result<(), Error> {
        let mut leases = self.leases.lock();
        if leases.closed {
            return Err(closed());
        }
        leases.by_id.remove(id);
        Ok(())
    }
}

impl Instances for Embedded {
    fn renew(&self, me: &Instance) -> Answer<Result<Vec<Instance>, Error>> {
        let now = Instant::now();
        let ends = now.checked_add(self.shared.limits.lease).unwrap_or(now + FOR_EVER);
        let answer = self.shared.registry.renew(me, now, ends);
        Box::pin(async { answer })
    }

    fn resign(&self, id: &str) -> Answer<Result<(), Error>> {
        let answer = self.shared.registry.resign(id);
        Box::pin(async { answer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registry_is_bounded_and_ended_leases_make_room() {
        let registry = Registry::default();
        let (now, later) = (Instant::now(), Instant::now() + Duration::from_secs(10));
        let numbered =
            |number: usize| Instance { id: format!("i{number:04}").into(), about: Bytes::new() };
        for number in 0..INSTANCES_MAX {
            registry.renew(&numbered(number), now, later).unwrap();
        }
        let one_more = numbered(INSTANCES_MAX);
        let answer = registry.renew(&one_more, now, later);
        assert!(matches!(answer, Err(Error::Refused(_))), "{answer:?}");
        assert_eq!(registry.renew(&numbered(7), now, later).unwrap().len(), INSTANCES_MAX);
        let left = registry.renew(&one_more, later, later + Duration::from_secs(1)).unwrap();
        assert_eq!(left, [one_more]);
    }
}
