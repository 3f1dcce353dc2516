//! Who is in which room, over all instances: the handle on the rules in [`chat::presence`] that
//! commands use, and in [`task`] what this instance says to the others and to its clients.

mod task;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use broker::{Partition, partition_of};
use chat::presence::{Limits, Presence as Members, Shown};
use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use crate::{clock::wall_ms, sequencer::order::Audience};
pub use task::{Parts, start};

/// Who is where; clones see the same.
#[derive(Clone)]
pub struct Presence(Arc<Shared>);

struct Shared {
    /// One for each partition. Held for a look or a change, by commands and the task.
    partitions: Box<[Mutex<Members>]>,
    /// Whether the task knows that something has changed since it last told it.
    woken: AtomicBool,
    wake: Notify,
    origin: Instant,
}

impl Presence {
    /// Nobody anywhere. `me` is the id of this life of the instance.
    fn new(me: &str, partitions: u16, limits: Limits) -> Self {
        let me: Arc<str> = me.into();
        let members = || Mutex::new(Members::new(me.clone(), limits));
        Self(Arc::new(Shared {
            partitions: (0..partitions.max(1)).map(|_| members()).collect(),
            woken: AtomicBool::new(false),
            wake: Notify::new(),
            origin: Instant::now(),
        }))
    }

    /// The time as the rules count it.
    pub fn now(&self) -> Duration {
        self.0.origin.elapsed()
    }

    /// A socket of this instance has joined a room. Each join has its leave.
    pub fn join(&self, room: &str, user: &Arc<str>, name: &Arc<str>, audience: Audience) {
        let told = is_told(audience);
        self.change(room, |members| members.join(room, user, name, wall_ms(), told));
    }

    /// A socket of this instance has left a room, or gone.
    pub fn leave(&self, room: &str, user: &Arc<str>, audience: Audience) {
        self.change(room, |members| members.leave(room, user, is_told(audience)));
    }

    /// A user of this instance is called otherwise now.
    pub fn rename(&self, room: &str, user: &Arc<str>, name: &Arc<str>) {
        self.change(room, |members| members.rename(room, user, name, wall_ms()));
    }

    /// How many distinct users are in a room.
    pub fn count(&self, room: &str) -> usize {
        self.of(room).lock().count(room)
    }

    /// Who is in a room: those who are there the longest, and how many there are.
    pub fn members(&self, room: &str, limit: usize) -> (Vec<Shown>, usize) {
        let members = self.of(room).lock();
        (members.members(room, limit), members.count(room))
    }

    /// Whether a user is in a room.
    pub fn has(&self, room: &str, user: &str) -> bool {
        self.of(room).lock().has(room, user)
    }

    fn change(&self, room: &str, change: impl FnOnce(&mut Members)) {
        change(&mut self.of(room).lock());
        if !self.0.woken.swap(true, Ordering::AcqRel) {
            self.0.wake.notify_one();
        }
    }

    fn of(&self, room: &str) -> &Mutex<Members> {
        let Partition(partition) = partition_of(room, self.0.partitions.len() as u16);
        &self.0.partitions[usize::from(partition)]
    }
}

/// Whether clients of this kind are told who comes and goes.
fn is_told(audience: Audience) -> bool {
    audience == Audience::Palabre
}
