//! What lies beside the log: leases of instances, session records, and the lists of rooms.

use std::{collections::BTreeMap, time::Duration};

use broker::{
    Error, INSTANCE_ABOUT_BYTES_MAX, INSTANCE_ID_BYTES_MAX, Instance, ListedRoom, OwnedSession,
    ROOM_ABOUT_BYTES_MAX, RoomList, SESSION_BYTES_MAX, SESSION_NAME_BYTES_MAX, SessionRecord,
};
use bytes::Bytes;

use super::{Kept, Store, millis};

/// Leases and session records, each with the moment of its end.
#[derive(Debug)]
pub(crate) struct Beside {
    pub(super) lease: Duration,
    instances: BTreeMap<Box<str>, (Instance, Duration)>,
    sessions: BTreeMap<Box<str>, (SessionRecord, Duration)>,
    /// Who owned a record before the present owner claimed it.
    owners_before: BTreeMap<Box<str>, Box<str>>,
}

impl Beside {
    pub(super) fn new(lease: Duration) -> Self {
        let (instances, sessions) = (BTreeMap::new(), BTreeMap::new());
        Self { lease, instances, sessions, owners_before: BTreeMap::new() }
    }

    pub(crate) fn renew(&mut self, me: &Instance, now: Duration) -> Result<Vec<Instance>, Error> {
        fits(me.id.len(), INSTANCE_ID_BYTES_MAX)?;
        fits(me.about.len(), INSTANCE_ABOUT_BYTES_MAX)?;
        if me.id.is_empty() || me.id.chars().any(|char| char == ' ' || char.is_control()) {
            return Err(Error::Refused("no id of an instance".into()));
        }
        self.instances.insert(me.id.clone(), (me.clone(), now + self.lease));
        self.instances.retain(|_, (_, until)| *until > now);
        Ok(self.instances.values().map(|(instance, _)| instance.clone()).collect())
    }

    pub(crate) fn resign(&mut self, id: &str) {
        self.instances.remove(id);
    }

    /// All leases end, as after a store that stood still for long.
    pub(crate) fn end_leases(&mut self) {
        self.instances.clear();
    }

    /// All session records are lost.
    pub(crate) fn lose_sessions(&mut self) {
        self.sessions.clear();
        self.owners_before.clear();
    }

    fn living(&self, key: &str, now: Duration) -> Option<&SessionRecord> {
        self.sessions.get(key).filter(|(_, until)| *until > now).map(|(record, _)| record)
    }

    pub(crate) fn keep_sessions(
        &mut self,
        records: Vec<SessionRecord>,
        life: Duration,
        now: Duration,
    ) -> Result<Vec<bool>, Error> {
        for record in &records {
            names_fit(&record.key, &record.owner)?;
            fits(record.bytes.len(), SESSION_BYTES_MAX)?;
        }
        Ok(records.into_iter().map(|record| self.keep(record, life, now)).collect())
    }

    fn keep(&mut self, record: SessionRecord, life: Duration, now: Duration) -> bool {
        let living = self.living(&record.key, now);
        if living.is_some_and(|kept| kept.owner != record.owner) {
            return false;
        }
        if living.is_none() {
            self.owners_before.remove(&record.key);
        }
        self.sessions.insert(record.key.clone(), (record, now + at_least_one(life)));
        true
    }

    pub(crate) fn claim(
        &mut self,
        key: &str,
        owner: &str,
        life: Duration,
        now: Duration,
    ) -> Result<Option<SessionRecord>, Error> {
        names_fit(key, owner)?;
        let Some(found) = self.living(key, now).cloned() else { return Ok(None) };
        let claimed = SessionRecord { owner: owner.into(), ..found.clone() };
        self.sessions.insert(key.into(), (claimed, now + at_least_one(life)));
        // Who claims once more, since it heard no answer, is answered the same.
        let again = *found.owner == *owner;
        let before = self.owners_before.get(key).filter(|_| again).cloned();
        let before = before.unwrap_or_else(|| found.owner.clone());
        self.owners_before.insert(key.into(), before.clone());
        Ok(Some(SessionRecord { owner: before, ..found }))
    }

    pub(crate) fn renew_sessions(
        &mut self,
        owned: Vec<OwnedSession>,
        life: Duration,
        now: Duration,
    ) -> Result<Vec<Box<str>>, Error> {
        let mut gone = Vec::new();
        for OwnedSession { key, owner } in owned {
            names_fit(&key, &owner)?;
            let is_owner = self.living(&key, now).is_some_and(|kept| kept.owner == owner);
            match self.sessions.get_mut(&key).filter(|_| is_owner) {
                Some((_, until)) => *until = now + at_least_one(life),
                None => gone.push(key),
            }
        }
        Ok(gone)
    }

    pub(crate) fn forget_sessions(
        &mut self,
        owned: &[OwnedSession],
        now: Duration,
    ) -> Result<(), Error> {
        owned.iter().try_for_each(|OwnedSession { key, owner }| names_fit(key, owner))?;
        for OwnedSession { key, owner } in owned {
            if self.living(key, now).is_some_and(|kept| kept.owner == *owner) {
                self.sessions.remove(key);
            }
        }
        Ok(())
    }
}

impl Store {
    pub(crate) fn create_room(
        &mut self,
        room: &str,
        about: Bytes,
        now: Duration,
    ) -> Result<bool, Error> {
        fits(about.len(), ROOM_ABOUT_BYTES_MAX)?;
        let home = usize::from(self.home(room).0);
        Ok(self.parts[home].create_room(room, about, millis(now)))
    }

    pub(crate) fn rooms(&self, limit: usize, now: Duration) -> RoomList {
        let kept = Kept::at(&self.limits, now);
        let mut rooms = Vec::new();
        for part in &self.parts {
            let epoch = part.head().epoch;
            rooms.extend(part.rooms(&kept).into_iter().map(|shown| ListedRoom {
                room: shown.room,
                epoch,
                head: shown.head,
                at: shown.at,
                about: shown.about,
                newest: shown.newest,
            }));
        }
        rooms.sort_by_key(|room| std::cmp::Reverse(room.at));
        let limit = limit.min(broker::PAGE_MAX);
        let more = rooms.len() > limit;
        rooms.truncate(limit);
        RoomList { rooms, more }
    }
}

fn names_fit(key: &str, owner: &str) -> Result<(), Error> {
    fits(key.len(), SESSION_NAME_BYTES_MAX)?;
    fits(owner.len(), SESSION_NAME_BYTES_MAX)
}

fn fits(length: usize, length_max: usize) -> Result<(), Error> {
    if length <= length_max { Ok(()) } else { Err(Error::Refused("it is too long".into())) }
}

fn at_least_one(life: Duration) -> Duration {
    Duration::from_millis(u64::try_from(life.as_millis()).unwrap_or(u64::MAX).max(1))
}
