use std::collections::BTreeSet;

use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn expired(wheel: &mut Wheel<u64>, now: Duration) -> Vec<u64> {
    let mut due = Vec::new();
    wheel.expire(now, &mut due);
    due.sort_unstable();
    due
}

#[test]
fn nothing_expires_early_nor_a_tick_late() {
    let mut wheel = Wheel::new();
    wheel.insert(ms(300), 1);
    assert_eq!(expired(&mut wheel, ms(299)), [0; 0]);
    assert_eq!(expired(&mut wheel, ms(300) + TICK), [1]);
    assert!(wheel.is_empty());
    assert_eq!(wheel.next(), None);
}

#[test]
fn the_next_tick_is_that_of_the_earliest_item() {
    let mut wheel = Wheel::new();
    wheel.insert(ms(25_000), 1);
    let early = wheel.insert(ms(300), 2);
    assert_eq!(wheel.next(), Some(early));
    assert!(early.time() >= ms(300) && early.time() < ms(300) + TICK);
}

#[test]
fn an_item_beyond_the_round_waits_for_its_own_round() {
    let mut wheel = Wheel::new();
    wheel.insert(ms(100), 1);
    wheel.insert(ms(100) + TICK * 4096, 2);
    assert_eq!(expired(&mut wheel, ms(200)), [1]);
    assert_eq!(expired(&mut wheel, TICK * 4096), [0; 0]);
    assert_eq!(expired(&mut wheel, ms(200) + TICK * 4096), [2]);
}

#[test]
fn what_is_inserted_too_late_expires_at_once() {
    let mut wheel = Wheel::new();
    assert_eq!(expired(&mut wheel, ms(1_000)), [0; 0]);
    wheel.insert(ms(10), 1);
    assert_eq!(expired(&mut wheel, ms(1_000) + TICK), [1]);
}

#[test]
fn a_removed_item_does_not_expire() {
    let mut wheel = Wheel::new();
    let first = wheel.insert(ms(100), 1);
    let second = wheel.insert(ms(100), 2);
    assert_eq!(first, second);
    assert_eq!(wheel.remove(first, |item| *item == 1), Some(1));
    assert_eq!(wheel.remove(first, |item| *item == 1), None);
    assert_eq!(expired(&mut wheel, ms(1_000)), [2]);
}

/// Against a sorted set, with pseudo-random times that cross rounds.
#[test]
fn it_agrees_with_a_sorted_set() {
    let mut wheel = Wheel::new();
    let mut model: BTreeSet<(Duration, u64)> = BTreeSet::new();
    let mut random: u64 = 42;
    let mut draw = |bound: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) % bound
    };
    let mut now = Duration::ZERO;
    for item in 0..5_000 {
        let due = now + ms(1 + draw(90_000));
        let tick = wheel.insert(due, item);
        model.insert((tick.time(), item));
        now += ms(draw(40));
        let later = model.split_off(&(now + Duration::from_nanos(1), 0));
        let mut expected: Vec<u64> = model.into_iter().map(|(_, item)| item).collect();
        expected.sort_unstable();
        model = later;
        assert_eq!(expired(&mut wheel, now), expected, "at {now:?}");
        let next = wheel.next().map(Tick::time);
        let first = model.first().map(|(time, _)| *time);
        assert!(next <= first, "{next:?} is after {first:?}");
    }
}
