//! The registry of the instances: leases by Redis' own clock.

use bytes::Bytes;

use super::{
    Redis,
    lane::request::millis,
    reply::{Reply, strange},
    script,
    shared::Shared,
};
use crate::{Answer, Error, Instance, Instances};

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
}

impl Instances for Redis {
    fn renew(&self, me: &Instance) -> Answer<Result<Vec<Instance>, Error>> {
        let me = me.clone();
        self.ask(me.check().map(|()| 0), |shared, _| async move { renew(&shared, &me).await })
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
    call.arg(&*me.id).arg(&me.about[..]).arg(millis(shared.limits.lease));
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
