//! When the clients of a room are told: the larger the room, the less often, and nothing is lost
//! by that, nor does anybody wait in a room beside it.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::*;

/// One instance, told to tick as often as the server does while there is news.
struct Instance {
    presence: Presence,
    now: Duration,
    /// Who is in the lobby, in the order of coming.
    there: VecDeque<Arc<str>>,
    came: u64,
}

impl Instance {
    fn new(limits: Limits) -> Self {
        let presence = Presence::new("a#1".into(), limits);
        Self { presence, now: Duration::ZERO, there: VecDeque::new(), came: 0 }
    }

    /// So many users come, and are told or not.
    fn come(&mut self, count: usize, told: bool) {
        for _ in 0..count {
            self.came += 1;
            let user: Arc<str> = format!("u{}", self.came).into();
            self.presence.join(LOBBY, &user, &user, self.came, told);
            if told {
                self.there.push_back(user);
            }
        }
    }

    /// So many of those that are told leave, if there are so many.
    fn go(&mut self, count: usize) {
        for user in self.there.drain(..count.min(self.there.len())) {
            self.presence.leave(LOBBY, &user, true);
        }
    }

    fn come_and_go(&mut self, come: usize, go: usize) {
        self.come(come, true);
        self.go(go);
    }

    fn passes(&mut self, time: Duration) -> Vec<Change> {
        self.now += time;
        let mut effects = Vec::new();
        self.presence.tick(self.now, &mut effects);
        let told = effects.into_iter().filter_map(|effect| match effect {
            Effect::Tell(change) => Some(change),
            Effect::Say(_) => None,
        });
        told.collect()
    }

    fn tick(&mut self) -> Vec<Change> {
        self.passes(GATHER)
    }

    /// Ticks from one telling of the lobby to the next, while people come and go.
    fn ticks_between(&mut self) -> usize {
        let mut ticks = 0;
        loop {
            self.come_and_go(1, 1);
            ticks += 1;
            assert!(ticks <= 100, "it is never told");
            if !self.tick().is_empty() {
                return ticks;
            }
        }
    }
}

/// What a client knows that adds up what it is told, and asks where it is told only the count.
#[derive(Default)]
struct Client {
    members: BTreeMap<Arc<str>, Arc<str>>,
    count: usize,
}

impl Client {
    fn hear(&mut self, change: Change, presence: &Presence, told: usize) {
        let was_large = mem::replace(&mut self.count, change.count) > told;
        for user in &change.left {
            assert!(self.members.remove(user).is_some() || was_large, "{user} was there");
        }
        self.members.extend(change.joined.into_iter().map(|shown| (shown.user, shown.name)));
        if was_large {
            self.members = shown(presence);
        } else if change.count <= told {
            assert_eq!(self.members.len(), change.count, "the names say it all");
        }
    }
}

fn shown(presence: &Presence) -> BTreeMap<Arc<str>, Arc<str>> {
    presence.members(LOBBY, usize::MAX).into_iter().map(|one| (one.user, one.name)).collect()
}

proptest! {
    #[test]
    fn frames_are_limited_and_nothing_is_lost(
        frames_per_second in 20..400_usize,
        told in prop_oneof![Just(0_usize), Just(40), Just(100_000)],
        steps in prop::collection::vec((0..40_usize, 0..40_usize), 1..60),
    ) {
        let told_within = Duration::from_secs(1_000);
        let limits = Limits { told, frames_per_second, told_within, ..Limits::default() };
        let mut one = Instance::new(limits);
        let (mut client, mut tellings) = (Client::default(), Vec::new());
        // Somebody who stays, and hears all that the others do.
        one.presence.join(LOBBY, &text("stays"), &text("stays"), 0, true);
        for (come, go) in steps {
            one.come_and_go(come, go);
            for change in one.tick() {
                tellings.push((one.now, one.there.len() + 1));
                client.hear(change, &one.presence, told);
            }
        }
        for change in one.passes(told_within) {
            client.hear(change, &one.presence, told);
        }
        prop_assert!(!one.presence.has_news());
        prop_assert_eq!(client.count, one.presence.count(LOBBY));
        if client.count <= told {
            prop_assert_eq!(client.members, shown(&one.presence));
        }
        for (place, (begin, _)) in tellings.iter().enumerate() {
            let mut frames = 0;
            for (end, hearing) in &tellings[place + 1..] {
                frames += hearing;
                let time = end.abs_diff(*begin);
                let allowed = frames_per_second as f64 * time.as_secs_f64();
                prop_assert!(frames as f64 <= allowed + 0.01, "{frames} in {time:?}");
            }
        }
    }
}

#[test]
fn a_larger_room_is_told_less_often_up_to_a_cap() {
    let mut lobby = Instance::new(Limits::default());
    let mut ticks = Vec::new();
    for members in [10, 2_000, 2_500, 4_000, 10_000, 20_000, 30_000] {
        lobby.come(members - lobby.there.len(), true);
        lobby.passes(Limits::default().told_within);
        ticks.push((members, lobby.ticks_between()));
    }
    let want =
        [(10, 1), (2_000, 1), (2_500, 2), (4_000, 2), (10_000, 5), (20_000, 10), (30_000, 10)];
    assert_eq!(ticks, want);
    lobby.go(29_000);
    lobby.tick();
    assert_eq!(lobby.ticks_between(), 1, "it is large no more");
}

#[test]
fn the_first_change_after_a_pause_is_told_at_once() {
    let mut lobby = Instance::new(Limits::default());
    lobby.come(10_000, true);
    assert_eq!(lobby.tick()[0].count, 10_000);
    lobby.come(1, true);
    assert_eq!(lobby.tick(), []);
    assert!(lobby.presence.has_news(), "it is not forgotten");
    assert_eq!(lobby.passes(Duration::from_secs(1))[0].count, 10_001);
    assert!(!lobby.presence.has_news());
    lobby.passes(Duration::from_mins(1));
    lobby.go(1);
    assert_eq!(lobby.tick()[0].count, 10_000);
}

#[test]
fn a_small_room_does_not_wait_for_a_large_one() {
    let mut lobby = Instance::new(Limits::default());
    lobby.presence.live(["a#1", "b#1"]);
    lobby.come(10_000, true);
    lobby.tick();
    for number in 0..4 {
        lobby.come(1, true);
        let user = text(&format!("small {number}"));
        lobby.presence.join("small", &user, &user, number, true);
        let mut effects = Vec::new();
        lobby.now += GATHER;
        lobby.presence.tick(lobby.now, &mut effects);
        let said = effects.iter().any(|effect| match effect {
            Effect::Say(Word { said: Said::Changed(rooms), .. }) => rooms.len() == 2,
            Effect::Say(_) | Effect::Tell(_) => false,
        });
        assert!(said, "the other instances hear of both rooms: {effects:?}");
        let told: Vec<_> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Tell(change) => Some((&*change.room, change.joined.len())),
                Effect::Say(_) => None,
            })
            .collect();
        assert_eq!(told, [("small", 1)]);
    }
}

#[test]
fn who_is_not_told_makes_no_room_large() {
    let mut lobby = Instance::new(Limits::default());
    lobby.come(10_000, false);
    assert_eq!(lobby.tick(), [], "nobody is here who could be told");
    lobby.come(10, true);
    assert_eq!(lobby.tick()[0].count, 10_010);
    assert_eq!(lobby.ticks_between(), 1);
    lobby.go(10);
    lobby.come(1, false);
    assert_eq!(lobby.tick(), [], "nobody is here any more");
    assert_eq!(lobby.presence.count(LOBBY), 10_001);
}

#[test]
fn who_comes_meanwhile_is_told_a_count_that_is_the_same_again() {
    let mut lobby = Instance::new(Limits::default());
    lobby.come(3_000, true);
    lobby.tick();
    // The newcomer is shown 3,001, and nobody else ever is.
    lobby.come_and_go(1, 1);
    assert_eq!(lobby.passes(Duration::from_secs(1))[0].count, 3_000);
    let (user, _) = shown(&lobby.presence).pop_first().unwrap();
    lobby.presence.join(LOBBY, &user, &user, 1, true);
    assert_eq!(lobby.passes(Duration::from_secs(1)), [], "one more tab moves nothing");
}

#[test]
fn names_that_had_to_wait_are_told_all_the_same() {
    let mut lobby = Instance::new(Limits { frames_per_second: 10, ..Limits::default() });
    let user = text("many tabs");
    for at in 0..20 {
        lobby.presence.join(LOBBY, &user, &user, at, true);
    }
    lobby.tick();
    lobby.come(1, true);
    assert_eq!(lobby.tick(), [], "so many tabs make a large room");
    lobby.come_and_go(1, 1);
    let told = lobby.passes(Duration::from_secs(2));
    let joined: Vec<_> = told[0].joined.iter().map(|shown| &*shown.user).collect();
    assert_eq!((joined, told[0].left.len(), told[0].count), (vec!["u2"], 0, 2));
}
