//! What one instance hears of the partitions that it follows. Deliveries come in order and at
//! most once, unless the weather is bad; a cut is told of sooner or later.

use std::{sync::Arc, time::Duration};

use broker::{Deliverer, Deliveries, Delivery, Names, Partition, Record};

use super::Line;
use crate::world::{Plant, World};

/// All that one line hears.
#[derive(Default)]
pub(super) struct Hearing {
    deaf: bool,
    /// How often it went deaf: what was under way before is lost.
    generation: u64,
    /// When the newest delivery arrives.
    arrives: Duration,
    ears: Vec<Ear>,
}

/// One followed partition.
struct Ear {
    partition: Partition,
    deliverer: Deliverer,
    /// Whether the store knows of it.
    subscribed: bool,
    /// Whether it was told that it misses something, and not yet that it is over.
    interrupted: bool,
    /// Its queue was full: it misses something, and is told when there is room.
    lagging: bool,
}

impl Hearing {
    pub(super) fn is_deaf(&self) -> bool {
        self.deaf
    }
}

impl Ear {
    fn tell(&mut self, delivery: Delivery) {
        if self.lagging {
            return;
        }
        self.lagging = !self.deliverer.deliver(delivery);
    }

    fn interrupt(&mut self) {
        if !self.interrupted {
            self.interrupted = true;
            self.tell(Delivery::Interrupted);
        }
    }
}

impl World {
    /// Follows a partition from now on.
    pub(crate) fn follow(&mut self, line: usize, partition: Partition) -> Deliveries {
        // Two more, so that an interruption and its end always fit one after the other.
        let (deliverer, deliveries) = broker::deliveries(self.lines[line].delivery_queue.max(2));
        if self.lines[line].closed || partition.0 >= self.store.partitions() {
            return deliveries;
        }
        let (subscribed, interrupted, lagging) = (false, true, false);
        let ears = &mut self.lines[line].hearing.ears;
        ears.push(Ear { partition, deliverer, subscribed, interrupted, lagging });
        if !self.lines[line].hearing.deaf {
            self.subscribe(line);
        }
        self.settle();
        deliveries
    }

    /// Subscribes whatever isn't: from when the store knows of it, it hears.
    fn subscribe(&mut self, line: usize) {
        let generation = self.lines[line].hearing.generation;
        let there = self.now + self.way(line);
        self.at_store(there, move |world| {
            if world.lines[line].hearing.generation != generation {
                return;
            }
            let arrives = world.in_order_for(line);
            for ear in &mut world.lines[line].hearing.ears {
                ear.subscribed = true;
            }
            world.at(arrives, move |world| {
                let hearing = &mut world.lines[line].hearing;
                let same = hearing.generation == generation;
                for ear in hearing.ears.iter_mut().filter(|ear| same && ear.subscribed) {
                    if ear.interrupted {
                        ear.interrupted = false;
                        ear.tell(Delivery::Live);
                    }
                }
            });
        });
    }

    /// When something arrives that is sent now, behind all that was sent before.
    pub(super) fn in_order_for(&mut self, line: usize) -> Duration {
        let there = self.now + self.way(line);
        let hearing = &mut self.lines[line].hearing;
        hearing.arrives = hearing.arrives.max(there);
        hearing.arrives
    }

    pub(super) fn publish_to(&mut self, line: usize, partition: Partition, delivery: &Delivery) {
        let hears = |ear: &Ear| ear.partition == partition && ear.subscribed;
        let Line { weather, hearing, name, .. } = &self.lines[line];
        if hearing.deaf || !hearing.ears.iter().any(hears) {
            return;
        }
        let (weather, generation, name) = (*weather, hearing.generation, name.clone());
        let mut arrives = self.in_order_for(line);
        if self.chance.per_mille(weather.lose) {
            return self.note(format_args!("line: {name} loses {}", short(delivery)));
        }
        if self.chance.per_mille(weather.late) {
            arrives += self.chance.millis(1, 900);
        }
        let delivery = &self.swapped(delivery);
        self.deliver_at(arrives, line, generation, partition, delivery.clone());
        if self.chance.per_mille(weather.double) {
            let again = arrives + self.chance.millis(0, 500);
            self.deliver_at(again, line, generation, partition, delivery.clone());
        }
    }

    /// The same, unless it is a defect that is there on purpose.
    fn swapped(&mut self, delivery: &Delivery) -> Delivery {
        if let Delivery::Entry(epoch, record) = delivery
            && self.plant == Some(Plant::Swaps)
            && self.chance.per_mille(20)
        {
            let id: String = record.id().chars().rev().collect();
            let names = Names::new(record.room(), record.user(), &id);
            return Delivery::Entry(*epoch, Arc::new(Record { names, ..(**record).clone() }));
        }
        delivery.clone()
    }

    fn deliver_at(
        &mut self,
        moment: Duration,
        line: usize,
        generation: u64,
        partition: Partition,
        delivery: Delivery,
    ) {
        self.at(moment, move |world| {
            let hearing = &mut world.lines[line].hearing;
            if hearing.generation != generation {
                return;
            }
            for ear in &mut hearing.ears {
                if ear.partition == partition && ear.subscribed && !ear.interrupted {
                    ear.tell(delivery.clone());
                }
            }
        });
    }

    /// The line hears nothing any more; that is noticed sooner or later.
    pub(crate) fn deafen(&mut self, line: usize) {
        let hearing = &mut self.lines[line].hearing;
        hearing.deaf = true;
        hearing.generation += 1;
        hearing.arrives = self.now;
        for ear in &mut hearing.ears {
            ear.subscribed = false;
        }
        let generation = hearing.generation;
        let noticed = self.now + self.chance.millis(0, 3_000);
        self.at(noticed, move |world| {
            let hearing = &mut world.lines[line].hearing;
            if hearing.generation == generation {
                hearing.ears.iter_mut().filter(|ear| !ear.subscribed).for_each(Ear::interrupt);
            }
        });
    }

    /// It hears again, and is told first that it didn't.
    pub(crate) fn undeafen(&mut self, line: usize) {
        let Line { closed, hearing, .. } = &mut self.lines[line];
        if *closed || !hearing.deaf {
            return;
        }
        hearing.deaf = false;
        hearing.ears.retain(|ear| !ear.deliverer.is_left());
        hearing.ears.iter_mut().for_each(Ear::interrupt);
        self.subscribe(line);
    }

    /// Tells those whose queue was full, as soon as there is room.
    pub(crate) fn wake_laggards(&mut self) {
        for line in &mut self.lines {
            for ear in &mut line.hearing.ears {
                if !ear.lagging || ear.deliverer.room() < 2 {
                    continue;
                }
                ear.lagging = false;
                let was_interrupted = std::mem::replace(&mut ear.interrupted, true);
                ear.tell(Delivery::Interrupted);
                if !was_interrupted && ear.subscribed {
                    ear.interrupted = false;
                    ear.tell(Delivery::Live);
                }
            }
        }
    }
}

fn short(delivery: &Delivery) -> String {
    match delivery {
        Delivery::Entry(_, record) => format!("entry {}", record.seq),
        Delivery::Signal { room, .. } => format!("a signal to {room}"),
        Delivery::Watermark { instance, head } => format!("{}'s mark {}", instance, head.seq),
        Delivery::Live | Delivery::Interrupted => "nothing".to_owned(),
    }
}
