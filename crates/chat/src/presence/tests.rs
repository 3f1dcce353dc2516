//! Single instances by example, several ones against a model.

mod model;
mod names;
mod pace;

use super::*;
use crate::signal::Member;

const LOBBY: &str = "lobby";

fn text(text: &str) -> Arc<str> {
    text.into()
}

fn presence(me: &str) -> Presence {
    Presence::new(me.into(), Limits::default())
}

fn join(presence: &mut Presence, user: &str, at: u64) {
    presence.join(LOBBY, &text(user), &text(&user.to_uppercase()), at, true);
}

fn leave(presence: &mut Presence, user: &str) {
    presence.leave(LOBBY, &text(user), true);
}

/// What clients are told at the next tick: who joined, who left, how many there are.
fn told(presence: &mut Presence) -> Option<(Vec<String>, Vec<String>, usize)> {
    let mut effects = Vec::new();
    presence.tick(Duration::ZERO, &mut effects);
    let told = effects.into_iter().filter_map(|effect| match effect {
        Effect::Tell(change) => Some(change),
        Effect::Say(_) => None,
    });
    let told: Vec<Change> = told.collect();
    assert!(told.len() <= 1, "{told:?}");
    let change = told.into_iter().next()?;
    let joined = change.joined.iter().map(|shown| format!("{}={}", shown.user, shown.name));
    let left = change.left.iter().map(ToString::to_string);
    Some((joined.collect(), left.collect(), change.count))
}

fn said(presence: &mut Presence, now: Duration) -> Vec<Word> {
    let mut effects = Vec::new();
    presence.tick(now, &mut effects);
    let said = effects.into_iter().filter_map(|effect| match effect {
        Effect::Say(word) => Some(word),
        Effect::Tell(_) => None,
    });
    said.collect()
}

/// One hears what the other says.
fn pass(from: &mut Presence, now: Duration, to: &mut Presence) {
    for word in said(from, now) {
        to.heard(word);
    }
}

/// All members of an instance that is new to the receiver, as it says them.
fn whole(from: &str, serial: u64, users: &[&str]) -> Word {
    let member = |user: &&str| Member {
        user: text(user),
        name: text(&user.to_uppercase()),
        since: 1,
        named: 0,
    };
    let joined = users.iter().map(member).collect();
    let rooms = vec![RoomChange { room: LOBBY.into(), joined, ..RoomChange::default() }];
    Word { from: from.into(), serial, said: Said::Whole { part: 0, last: true, rooms } }
}

#[test]
fn a_user_joins_with_the_first_socket_and_leaves_with_the_last() {
    let mut presence = presence("a#1");
    join(&mut presence, "u", 1);
    join(&mut presence, "u", 2);
    assert_eq!(told(&mut presence), Some((vec!["u=U".into()], vec![], 1)));
    leave(&mut presence, "u");
    assert_eq!(told(&mut presence), None);
    join(&mut presence, "other", 3);
    leave(&mut presence, "u");
    assert_eq!(told(&mut presence), Some((vec!["other=OTHER".into()], vec!["u".into()], 1)));
}

#[test]
fn who_leaves_and_comes_back_at_once_never_left() {
    let mut presence = presence("a#1");
    join(&mut presence, "u", 1);
    join(&mut presence, "v", 1);
    told(&mut presence);
    leave(&mut presence, "u");
    join(&mut presence, "u", 2);
    assert_eq!(told(&mut presence), None);
}

#[test]
fn another_name_shows_as_joined() {
    let mut presence = presence("a#1");
    join(&mut presence, "u", 5);
    told(&mut presence);
    presence.rename(LOBBY, &text("u"), &text("Ada"), 5);
    assert_eq!(told(&mut presence), Some((vec!["u=Ada".into()], vec![], 1)));
    presence.rename(LOBBY, &text("u"), &text("Ada"), 6);
    assert_eq!(told(&mut presence), None);
}

#[test]
fn a_user_on_two_instances_is_one_member() {
    let mut presence = presence("a#1");
    presence.live(["a#1", "b#1"]);
    join(&mut presence, "u", 5);
    presence.heard(whole("b#1", 1, &["u", "v"]));
    assert_eq!(presence.count(LOBBY), 2);
    let members = presence.members(LOBBY, 10);
    let u = members.iter().find(|shown| &*shown.user == "u").unwrap();
    assert_eq!((u.since, u.instances.len()), (1, 2));
    told(&mut presence);
    presence.live(["a#1"]);
    assert_eq!(told(&mut presence), Some((vec![], vec!["v".into()], 1)));
}

#[test]
fn what_an_earlier_life_says_is_passed_over() {
    let mut presence = presence("a#1");
    presence.live(["a#1", "b#2"]);
    presence.heard(whole("b#1", 9, &["ghost"]));
    assert_eq!(presence.count(LOBBY), 0);
    presence.heard(whole("b#2", 1, &["u"]));
    assert_eq!(presence.count(LOBBY), 1);
}

#[test]
fn a_missed_serial_is_noticed_and_asked_for_until_it_is_answered() {
    let mut presence = presence("a#1");
    presence.live(["a#1", "b#1"]);
    let ask = |words: Vec<Word>| words.iter().any(|word| matches!(word.said, Said::Ask { .. }));
    assert!(ask(said(&mut presence, Duration::ZERO)), "an unknown instance is asked");
    assert!(!ask(said(&mut presence, ASK_AGAIN / 2)));
    assert!(ask(said(&mut presence, ASK_AGAIN)), "it is asked again");
    presence.heard(whole("b#1", 4, &["u"]));
    assert!(!ask(said(&mut presence, ASK_AGAIN * 2)));
    assert!(!presence.has_news());
    presence.heard(Word { from: "b#1".into(), serial: 4, said: Said::Still });
    assert!(!ask(said(&mut presence, ASK_AGAIN * 3)));
    presence.heard(Word { from: "b#1".into(), serial: 5, said: Said::Still });
    assert!(presence.has_news());
    assert!(ask(said(&mut presence, ASK_AGAIN * 4)), "the tail was lost");
    assert_eq!(presence.count(LOBBY), 1, "what is known stays meanwhile");
}

#[test]
fn while_nothing_changes_only_still_is_said() {
    let mut presence = presence("a#1");
    join(&mut presence, "u", 1);
    assert!(said(&mut presence, Duration::ZERO).is_empty(), "nobody would hear it");
    presence.live(["a#1", "b#1"]);
    presence.heard(whole("b#1", 1, &[]));
    assert!(said(&mut presence, STILL_EVERY / 2).is_empty());
    let words = said(&mut presence, STILL_EVERY);
    assert!(matches!(&words[..], [Word { said: Said::Still, serial: 1, .. }]), "{words:?}");
    assert!(said(&mut presence, STILL_EVERY).is_empty());
}

#[test]
fn what_changes_while_an_instance_is_alone_is_noticed_by_who_knows_it() {
    let (mut a, mut b) = (presence("a#1"), presence("b#1"));
    b.live(["a#1", "b#1"]);
    a.heard(said(&mut b, Duration::ZERO).remove(0));
    pass(&mut a, Duration::ZERO, &mut b);
    assert!(!b.has_news(), "it knows all of the other, which doesn't know it yet");
    join(&mut a, "u", 1);
    assert_eq!(a.waiting.unsaid, 0, "nothing is kept for nobody");
    assert_eq!(said(&mut a, Duration::ZERO), []);
    a.live(["a#1", "b#1"]);
    join(&mut a, "v", 2);
    pass(&mut a, ASK_AGAIN, &mut b);
    assert!(b.has_news(), "something is missing");
    pass(&mut b, ASK_AGAIN, &mut a);
    pass(&mut a, ASK_AGAIN, &mut b);
    assert_eq!(b.count(LOBBY), 2);
}

#[test]
fn a_large_room_is_told_its_count_only() {
    let mut presence = presence("a#1");
    for number in 0..200 {
        join(&mut presence, &format!("u{number}"), number);
    }
    let (joined, _, count) = told(&mut presence).unwrap();
    assert_eq!((joined.len(), count), (200, 200));
    join(&mut presence, "one more", 1);
    assert_eq!(told(&mut presence), Some((vec![], vec![], 201)));
    presence.rename(LOBBY, &text("one more"), &text("Ada"), 6);
    assert_eq!(told(&mut presence), None, "the count is the same");
    assert_eq!(presence.members(LOBBY, 500).len(), 201);
    let oldest = presence.members(LOBBY, 3);
    assert_eq!(
        oldest.iter().map(|shown| &*shown.user).collect::<Vec<_>>(),
        ["u0", "one more", "u1"]
    );
}

#[test]
fn members_beyond_the_limit_are_counted_only() {
    let limits = Limits { named: 2, ..Limits::default() };
    let mut presence = Presence::new("a#1".into(), limits);
    presence.live(["a#1", "b#1", "c#1"]);
    presence.heard(whole("b#1", 1, &["u1", "u2", "u3", "u4"]));
    presence.heard(whole("c#1", 1, &["u5"]));
    assert_eq!((presence.count(LOBBY), presence.members(LOBBY, 10).len()), (5, 2));
    let change = |serial, joined: &[&str], left: &[&str]| {
        let Said::Whole { mut rooms, .. } = whole("", 1, joined).said else { unreachable!() };
        rooms[0].left = left.iter().map(|user| text(user)).collect();
        Word { from: "b#1".into(), serial, said: Said::Changed(rooms) }
    };
    presence.heard(change(2, &["u6"], &["u3"]));
    assert_eq!(presence.count(LOBBY), 5);
    let named = presence.members(LOBBY, 1)[0].user.clone();
    presence.heard(change(3, &[], &[&named]));
    assert_eq!((presence.count(LOBBY), presence.members(LOBBY, 10).len()), (4, 1));
    presence.live(["a#1", "c#1"]);
    assert_eq!(presence.count(LOBBY), 1);
    presence.live(["a#1"]);
    told(&mut presence);
    assert_eq!((presence.count(LOBBY), presence.named, presence.rooms.len()), (0, 0, 0));
}

#[test]
fn a_herd_is_said_in_signals_of_bounded_size() {
    let mut presence = presence("a#1");
    presence.live(["a#1", "b#1"]);
    presence.heard(whole("b#1", 1, &[]));
    for number in 0..3_000 {
        join(&mut presence, &format!("user number {number}"), number);
    }
    let words = said(&mut presence, Duration::ZERO);
    assert!((4..20).contains(&words.len()), "{}", words.len());
    for (place, word) in words.into_iter().enumerate() {
        assert_eq!(word.serial, place as u64 + 1);
        assert!(crate::signal::Signal::Presence(word).encode().len() < 40 * 1024);
    }
}

#[test]
fn too_many_changes_are_said_as_a_whole() {
    let limits = Limits { unsaid: 10, ..Limits::default() };
    let mut presence = Presence::new("a#1".into(), limits);
    presence.live(["a#1", "b#1"]);
    for number in 0..11 {
        join(&mut presence, &format!("u{number}"), number);
    }
    let words = said(&mut presence, Duration::ZERO);
    let wholes = words.iter().filter(|word| matches!(word.said, Said::Whole { .. }));
    assert_eq!(wholes.count(), 1, "{words:?}");
    assert!(words.iter().all(|word| !matches!(word.said, Said::Changed(_))), "{words:?}");
}

#[test]
fn a_room_that_nobody_is_in_is_forgotten() {
    let mut presence = presence("a#1");
    join(&mut presence, "u", 1);
    told(&mut presence);
    leave(&mut presence, "u");
    assert_eq!(told(&mut presence), None, "nobody is here who could be told");
    assert_eq!((presence.rooms.len(), presence.waiting.rooms.len()), (0, 0));
}
