//! What goes wrong, and when: chosen by the seed among the kinds that are allowed.

use std::{fmt, str::FromStr, time::Duration};

use broker::Partition;

use crate::{
    broker::SharedWorld,
    chance::Chance,
    client::{Client, Disturbance},
    instance::Instance,
    line::Weather,
    world::World,
};

/// A kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Clients' connections are cut, go silent, or deliver late.
    Clients,
    /// An instance can't reach the log, or doesn't hear it.
    Lines,
    /// Deliveries are lost, doubled, late; answers are slow.
    Loss,
    /// The store restarts, stands still, refuses, fails over to another that lacks nothing.
    Store,
    /// Instances are killed, stopped, frozen.
    Instances,
    /// The log loses entries: the newest, the oldest, or all.
    Past,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Clients, Self::Lines, Self::Loss, Self::Store, Self::Instances, Self::Past];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clients => "clients",
            Self::Lines => "lines",
            Self::Loss => "loss",
            Self::Store => "store",
            Self::Instances => "instances",
            Self::Past => "past",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("{text:?} is no kind of fault; there are {names}")
        })
    }
}

/// What makes trouble during one run.
pub(crate) struct Trouble {
    kinds: Vec<Kind>,
    chance: Chance,
    next: Duration,
    /// The longest time between two troubles, in milliseconds.
    pause: u64,
    /// Instances that are started again, and when.
    starts: Vec<(Duration, usize)>,
}

impl Trouble {
    /// A seed uses a part of what is allowed, so that some runs see much of one kind.
    pub(crate) fn new(allowed: &[Kind], mut chance: Chance) -> Self {
        let mut kinds: Vec<Kind> =
            allowed.iter().copied().filter(|_| chance.per_mille(500)).collect();
        if kinds.is_empty() && !allowed.is_empty() {
            kinds.push(*chance.pick(allowed));
        }
        let pause = *chance.pick(&[250, 600, 1_500]);
        let next = chance.millis(300, 1_500);
        Self { kinds, chance, next, pause, starts: Vec::new() }
    }

    pub(crate) fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    pub(crate) fn turn(
        &mut self,
        now: Duration,
        world: &SharedWorld,
        instances: &mut [Instance],
        clients: &mut [Client],
    ) {
        self.start_again(now, instances);
        if now < self.next || self.kinds.is_empty() {
            return;
        }
        self.next = now + self.chance.millis(0, self.pause);
        match *self.chance.pick(&self.kinds) {
            Kind::Clients => self.disturb(now, world, clients),
            Kind::Instances => self.strike(now, world, instances),
            Kind::Lines => self.cut(&mut world.lock(), instances),
            Kind::Loss => self.spoil(&mut world.lock(), instances),
            Kind::Store => self.shake(&mut world.lock()),
            Kind::Past => self.forget(&mut world.lock()),
        }
    }

    fn start_again(&mut self, now: Duration, instances: &mut [Instance]) {
        self.starts.retain(|(moment, at)| {
            let due = *moment <= now && !instances[*at].is_running();
            if due {
                instances[*at].start();
            }
            !due
        });
    }

    fn disturb(&mut self, now: Duration, world: &SharedWorld, clients: &mut [Client]) {
        let how = [Disturbance::Cut, Disturbance::Silence, Disturbance::Delay, Disturbance::Pause];
        let how = *self.chance.pick(&how);
        let at = self.chance.index(clients.len());
        let client = &mut clients[at];
        world.lock().note(format_args!("trouble: {} suffers {how:?}", client.name()));
        client.disturb(how, now, &mut self.chance);
    }

    fn strike(&mut self, now: Duration, world: &SharedWorld, instances: &mut [Instance]) {
        let at = self.chance.index(instances.len());
        let instance = &mut instances[at];
        if !instance.is_running() || now < instance.frozen_until {
            return;
        }
        match self.chance.below(3) {
            0 => {
                instance.kill();
                self.starts.push((now + self.chance.millis(10, 3_000), at));
            }
            1 => {
                instance.stop();
                self.starts.push((now + self.chance.millis(500, 3_000), at));
            }
            _ => {
                let long = self.chance.millis(50, 6_000);
                let name = &instance.name;
                world.lock().note(format_args!("trouble: {name} is frozen for {long:?}"));
                instance.frozen_until = now + long;
            }
        }
    }

    fn cut(&mut self, world: &mut World, instances: &[Instance]) {
        let at = self.chance.index(instances.len());
        let Some(line) = instances[at].line() else { return };
        let (requests, hearing) = *self.chance.pick(&[(true, true), (true, false), (false, true)]);
        let back = world.now + self.chance.millis(20, 4_000);
        let name = world.lines[line].name.clone();
        if requests {
            world.was_away = true;
            world.note(format_args!("trouble: {name} can't ask until {}", back.as_millis()));
            world.cut(line);
            world.at(back, move |world| world.mend(line));
        }
        if hearing {
            world.note(format_args!("trouble: {name} is deaf until {}", back.as_millis()));
            world.deafen(line);
            world.at(back, move |world| world.undeafen(line));
        }
    }

    fn spoil(&mut self, world: &mut World, instances: &[Instance]) {
        let at = self.chance.index(instances.len());
        let Some(line) = instances[at].line() else { return };
        let chance = &mut self.chance;
        let weather = Weather {
            lag: (0, *chance.pick(&[4, 40, 150])),
            slow: *chance.pick(&[0, 0, 300, 3_000]),
            lose: *chance.pick(&[0, 50, 400]),
            double: *chance.pick(&[0, 50, 300]),
            late: *chance.pick(&[0, 50, 300]),
        };
        let back = world.now + chance.millis(300, 4_000);
        let name = world.lines[line].name.clone();
        let until = back.as_millis();
        world.note(format_args!("trouble: {name} has {weather:?} until {until}"));
        world.lines[line].weather = weather;
        world.at(back, move |world| world.lines[line].weather = Weather::FAIR);
    }

    fn shake(&mut self, world: &mut World) {
        world.was_away = true;
        let long = self.chance.millis(20, 6_000);
        match self.chance.below(4) {
            0 => {
                world.note(format_args!("trouble: the store restarts"));
                self.cut_all(world);
            }
            3 => {
                world.note(format_args!("trouble: the store fails over, repaired after {long:?}"));
                self.cut_all(world);
                world.store.fenced = true;
                let back = world.now + long;
                world.at(back, |world| world.store.fenced = false);
            }
            1 => {
                world.note(format_args!("trouble: the store stands still for {long:?}"));
                world.frozen_until = world.frozen_until.max(world.now + long);
            }
            _ => {
                world.note(format_args!("trouble: the store refuses for {long:?}"));
                world.store.refuses = true;
                let back = world.now + long;
                world.at(back, |world| world.store.refuses = false);
            }
        }
    }

    fn cut_all(&mut self, world: &mut World) {
        for line in 0..world.lines.len() {
            world.cut(line);
            world.deafen(line);
            let asks = world.now + self.chance.millis(20, 3_000);
            world.at(asks, move |world| world.mend(line));
            let hears = world.now + self.chance.millis(20, 3_000);
            world.at(hears, move |world| world.undeafen(line));
        }
    }

    fn forget(&mut self, world: &mut World) {
        // Not too often: a run in which everything is lost all the time shows nothing else.
        if !self.chance.per_mille(250) {
            return;
        }
        let number = self.chance.below(u64::from(world.store.partitions())) as u16;
        let partition = Partition(number);
        let Ok(head) = world.store.head(partition) else { return };
        world.forgot = true;
        match self.chance.below(4) {
            0 => {
                let left = head.seq.saturating_sub(1 + self.chance.below(5));
                let epoch = world.store.lose(partition, left);
                world.note(format_args!("trouble: {partition:?} falls back to {left}: {epoch}"));
            }
            1 => {
                let epoch = world.store.lose(partition, 0);
                world.note(format_args!("trouble: {partition:?} is empty: {epoch}"));
                world.store.beside.lose_sessions();
                world.store.beside.end_leases();
            }
            2 => {
                let up_to = head.seq.saturating_sub(self.chance.below(20));
                world.store.trim(partition, up_to);
                world.note(format_args!("trouble: {partition:?} is trimmed up to {up_to}"));
            }
            _ => {
                world.note(format_args!("trouble: session records are lost"));
                world.store.beside.lose_sessions();
            }
        }
    }

    /// From now on everything is well, and stays so.
    pub(crate) fn end(&mut self, world: &SharedWorld, instances: &mut [Instance]) {
        self.kinds.clear();
        let mut locked = world.lock();
        locked.note(format_args!("trouble is over"));
        locked.frozen_until = Duration::ZERO;
        locked.store.refuses = false;
        locked.store.fenced = false;
        for line in 0..locked.lines.len() {
            locked.lines[line].weather = Weather::FAIR;
            locked.mend(line);
            locked.undeafen(line);
        }
        drop(locked);
        for (at, instance) in instances.iter_mut().enumerate() {
            instance.frozen_until = Duration::ZERO;
            if !instance.is_running() {
                self.starts.push((Duration::ZERO, at));
            }
        }
    }
}
