//! Several instances on a way that loses, doubles and delays what they say, with deaths and new
//! lives: when signals flow again, all of them know the true members.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const SLOTS: usize = 3;
const ROOMS: [&str; 2] = ["one", "two"];

#[derive(Clone, Copy, Debug)]
enum Event {
    Join {
        slot: usize,
        room: usize,
        user: u8,
    },
    Leave {
        slot: usize,
        room: usize,
        user: u8,
    },
    Rename {
        slot: usize,
        user: u8,
    },
    /// All instances say what they have to say.
    Tick,
    /// What is under way arrives, the newest first where `late`.
    Arrive {
        late: bool,
    },
    Lose {
        one_in: usize,
    },
    Double,
    Restart {
        slot: usize,
    },
    /// An instance learns which ones live.
    Look {
        slot: usize,
    },
}

fn events() -> impl Strategy<Value = Event> {
    let slot = 0..SLOTS;
    let place = (0..SLOTS, 0..ROOMS.len(), 0..4_u8);
    prop_oneof![
        6 => place.clone().prop_map(|(slot, room, user)| Event::Join { slot, room, user }),
        4 => place.prop_map(|(slot, room, user)| Event::Leave { slot, room, user }),
        2 => (slot.clone(), 0..4_u8).prop_map(|(slot, user)| Event::Rename { slot, user }),
        4 => Just(Event::Tick),
        4 => any::<bool>().prop_map(|late| Event::Arrive { late }),
        2 => (1..4_usize).prop_map(|one_in| Event::Lose { one_in }),
        1 => Just(Event::Double),
        1 => slot.clone().prop_map(|slot| Event::Restart { slot }),
        2 => slot.prop_map(|slot| Event::Look { slot }),
    ]
}

struct Model {
    limits: Limits,
    instances: Vec<Presence>,
    lives: usize,
    /// Sockets by slot, room and user: the truth.
    sockets: BTreeMap<(usize, usize, u8), u32>,
    under_way: Vec<Word>,
    now: Duration,
    /// Grows with every event: names and times differ.
    step: u64,
}

/// What an instance shows of a room.
type View = Vec<(Arc<str>, Arc<str>, u64, Vec<Arc<str>>)>;

impl Model {
    fn new(limits: Limits) -> Self {
        let mut model = Self {
            limits,
            instances: Vec::new(),
            lives: 0,
            sockets: BTreeMap::new(),
            under_way: Vec::new(),
            now: Duration::ZERO,
            step: 0,
        };
        for _ in 0..SLOTS {
            let instance = model.new_life();
            model.instances.push(instance);
        }
        model
    }

    fn new_life(&mut self) -> Presence {
        self.lives += 1;
        Presence::new(format!("life#{}", self.lives).into(), self.limits)
    }

    fn happen(&mut self, event: Event) {
        self.step += 1;
        let name: Arc<str> = format!("name {}", self.step).into();
        match event {
            Event::Join { slot, room, user } => {
                *self.sockets.entry((slot, room, user)).or_default() += 1;
                self.instances[slot].join(ROOMS[room], &id(user), &name, self.step, true);
            }
            Event::Leave { slot, room, user } => {
                if let Some(sockets) = self.sockets.get_mut(&(slot, room, user)) {
                    *sockets -= 1;
                    if *sockets == 0 {
                        self.sockets.remove(&(slot, room, user));
                    }
                    self.instances[slot].leave(ROOMS[room], &id(user), true);
                }
            }
            Event::Rename { slot, user } => {
                for room in ROOMS {
                    self.instances[slot].rename(room, &id(user), &name, self.step);
                }
            }
            Event::Tick => self.tick(Duration::from_millis(400)),
            Event::Arrive { late } => self.arrive(late),
            Event::Lose { one_in } => {
                let mut number = 0;
                self.under_way.retain(|_| {
                    number += 1;
                    number % one_in != 0
                });
            }
            Event::Double => self.under_way.extend_from_within(..),
            Event::Restart { slot } => {
                self.instances[slot] = self.new_life();
                self.sockets.retain(|(on, ..), _| *on != slot);
            }
            Event::Look { slot } => self.look(slot),
        }
    }

    fn look(&mut self, slot: usize) {
        let ids: Vec<Arc<str>> = self.instances.iter().map(|one| one.me.clone()).collect();
        self.instances[slot].live(ids.iter().map(|id| &**id));
    }

    fn tick(&mut self, passed: Duration) {
        self.now += passed;
        let mut effects = Vec::new();
        for instance in &mut self.instances {
            instance.tick(self.now, &mut effects);
        }
        let said = effects.into_iter().filter_map(|effect| match effect {
            Effect::Say(word) => Some(word),
            Effect::Tell(_) => None,
        });
        self.under_way.extend(said);
    }

    fn arrive(&mut self, late: bool) {
        if late {
            self.under_way.reverse();
        }
        for word in mem::take(&mut self.under_way) {
            for instance in &mut self.instances {
                instance.heard(word.clone());
            }
        }
    }

    /// Signals flow again, and everybody learns who lives.
    fn settle(&mut self) {
        for slot in 0..SLOTS {
            self.look(slot);
        }
        for _ in 0..8 {
            self.tick(STILL_EVERY);
            self.arrive(false);
        }
    }

    fn view(&self, slot: usize, room: usize) -> View {
        let members = self.instances[slot].members(ROOMS[room], 100).into_iter();
        members.map(|shown| (shown.user, shown.name, shown.since, shown.instances)).collect()
    }

    fn check(&self) {
        for (room, name) in ROOMS.iter().enumerate() {
            let view = self.view(0, room);
            for slot in 1..SLOTS {
                assert_eq!(self.view(slot, room), view, "instances 0 and {slot} in {room}");
            }
            let mut truth = BTreeMap::<Arc<str>, Vec<Arc<str>>>::new();
            for (slot, _, user) in self.sockets.keys().filter(|(_, r, _)| *r == room) {
                truth.entry(id(*user)).or_default().push(self.instances[*slot].me.clone());
            }
            for instances in truth.values_mut() {
                instances.sort();
            }
            let known: BTreeMap<_, _> =
                view.into_iter().map(|(user, _, _, instances)| (user, instances)).collect();
            assert_eq!(known, truth, "room {room}");
            assert_eq!(self.instances[0].count(name), known.len());
        }
        for instance in &self.instances {
            assert!(!instance.has_news(), "there is nothing left to do");
        }
    }
}

fn id(user: u8) -> Arc<str> {
    format!("u{user}").into()
}

proptest! {
    #[test]
    fn when_signals_flow_again_all_know_the_true_members(
        events in prop::collection::vec(events(), 1..80),
        part_bytes in prop_oneof![Just(1_usize), Just(300), Just(32 * 1024)],
        unsaid in prop_oneof![Just(2_usize), Just(1_000)],
    ) {
        let mut model = Model::new(Limits { unsaid, part_bytes, ..Limits::default() });
        for event in events {
            model.happen(event);
        }
        model.settle();
        model.check();
    }

    #[test]
    fn clients_that_add_up_what_they_are_told_know_the_members(
        events in prop::collection::vec(events(), 1..80),
    ) {
        let mut model = Model::new(Limits::default());
        let mut clients = BTreeMap::<(usize, Arc<str>), BTreeMap<Arc<str>, Arc<str>>>::new();
        for event in events {
            model.happen(event);
            if let Event::Restart { slot } = event {
                clients.retain(|(on, _), _| *on != slot);
            }
            for slot in 0..SLOTS {
                let mut effects = Vec::new();
                model.instances[slot].tick(model.now, &mut effects);
                for effect in effects {
                    let change = match effect {
                        Effect::Tell(change) => change,
                        Effect::Say(word) => {
                            model.under_way.push(word);
                            continue;
                        }
                    };
                    let known = clients.entry((slot, change.room.clone())).or_default();
                    // Who comes into a room without clients asks who is there.
                    if known.is_empty() {
                        let members = model.instances[slot].members(&change.room, 100).into_iter();
                        known.extend(members.map(|shown| (shown.user, shown.name)));
                    }
                    for user in &change.left {
                        known.remove(user);
                    }
                    known.extend(change.joined.into_iter().map(|shown| (shown.user, shown.name)));
                    prop_assert_eq!(known.len(), change.count);
                }
            }
            for ((slot, room), known) in &mut clients {
                let here = model.instances[*slot].rooms.get(room).is_some_and(|room| room.own > 0);
                if !here {
                    known.clear();
                    continue;
                }
                let shown = model.instances[*slot].members(room, 100).into_iter();
                let shown: BTreeMap<_, _> = shown.map(|one| (one.user, one.name)).collect();
                prop_assert_eq!(&*known, &shown);
            }
        }
    }
}
