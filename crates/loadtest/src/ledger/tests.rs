use super::*;

fn all(messages: u32) -> Settlement {
    Settlement { messages, excused: BTreeSet::new() }
}

/// Lets clients receive these streams, in turns, and adds up what they got. Messages 0 to 4 were
/// sent; 4 was refused.
fn tally<const N: usize>(streams: [&[u32]; N]) -> Tally {
    let mut ledger = Ledger::new(5, 1, 1);
    let settlement = Settlement { messages: 5, excused: BTreeSet::from([4]) };
    let mut receivers: Vec<Receiver> = streams.iter().map(|_| Receiver::new(0)).collect();
    let mut tally = Tally::default();
    for turn in 0..8 {
        for (receiver, stream) in receivers.iter_mut().zip(streams) {
            if let Some(number) = stream.get(turn) {
                receiver.take(*number, &mut ledger, &mut tally);
            }
        }
    }
    let vanished = ledger.vanished(&settlement);
    for receiver in receivers {
        tally.lost += receiver.lost(&ledger, &settlement, &vanished);
    }
    tally
}

fn counts(received: u64, doubled: u64, disordered: u64, lost: u64) -> Tally {
    Tally { received, doubled, disordered, misdirected: 0, lost }
}

#[test]
fn same_sequence_for_all_is_clean_whatever_it_is() {
    assert_eq!(tally([&[0, 1, 2, 3], &[0, 1, 2, 3]]), counts(8, 0, 0, 0));
    assert_eq!(tally([&[2, 0, 3, 1], &[2, 0, 3, 1]]), counts(8, 0, 0, 0));
}

#[test]
fn refused_message_may_come_or_not() {
    assert_eq!(tally([&[0, 1, 2, 3, 4], &[0, 1, 2, 3]]), counts(9, 0, 0, 0));
}

#[test]
fn lost_message_is_found_in_the_middle_and_at_the_end() {
    assert_eq!(tally([&[0, 1, 2, 3], &[0, 2, 3]]), counts(7, 0, 0, 1));
    assert_eq!(tally([&[0, 1, 2, 3], &[0, 1]]), counts(6, 0, 0, 2));
    assert_eq!(tally([&[0, 1, 2, 3], &[]]), counts(4, 0, 0, 4));
    assert_eq!(tally([&[0, 1, 2], &[0, 1, 2]]), counts(6, 0, 0, 2), "came nowhere at all");
}

#[test]
fn doubled_message_is_found_at_once_and_late() {
    assert_eq!(tally([&[0, 1, 1, 2, 3], &[0, 1, 2, 3]]), counts(8, 1, 0, 0));
    assert_eq!(tally([&[0, 1, 2, 3, 0], &[0, 1, 2, 3]]), counts(8, 1, 0, 0));
}

#[test]
fn other_order_is_found_and_is_no_loss() {
    assert_eq!(tally([&[0, 1, 2, 3], &[0, 2, 1, 3]]), counts(8, 0, 1, 0));
    assert!(tally([&[0, 1, 2, 3], &[3, 0, 1, 2]]).disordered > 0);
}

#[test]
fn faults_are_told_apart() {
    assert_eq!(tally([&[0, 1, 2, 3], &[0, 2, 1, 1]]), counts(7, 1, 1, 1));
}

#[test]
fn number_that_was_never_given_out_is_no_arrival() {
    assert_eq!(tally([&[0, 1, 2, 3, 99]]), counts(4, 0, 0, 0));
}

#[test]
fn rooms_have_orders_of_their_own() {
    let (mut ledger, mut tally) = (Ledger::new(8, 2, 2), Tally::default());
    let mut rooms = [Receiver::new(0), Receiver::new(1)];
    for number in [0, 1, 3, 2] {
        let room = ledger.room_of(number) as usize;
        assert!(rooms[room].take(number, &mut ledger, &mut tally));
    }
    assert_eq!(ledger.orders(), [vec![0, 2], vec![1, 3]]);
    assert!(!rooms[0].take(1, &mut ledger, &mut tally), "it belongs to the other room");
    assert_eq!(tally, Tally { misdirected: 1, ..counts(4, 0, 0, 0) });
    let settlement = all(6);
    let vanished = ledger.vanished(&settlement);
    assert_eq!(vanished, [1, 1]);
    assert_eq!(rooms.map(|room| room.lost(&ledger, &settlement, &vanished)), [1, 1]);
}

#[test]
fn late_receiver_is_owed_what_follows_its_first_message() {
    let (mut ledger, mut tally) = (Ledger::new(6, 1, 1), Tally::default());
    let mut early = Receiver::new(0);
    let mut late = Receiver::late(0);
    for number in 0..6 {
        early.take(number, &mut ledger, &mut tally);
    }
    assert_eq!(late.behind(&ledger), 0, "nothing came yet, so nothing is owed");
    for number in [3, 5] {
        assert!(late.take(number, &mut ledger, &mut tally));
    }
    let settlement = all(6);
    assert_eq!((late.behind(&ledger), late.lost(&ledger, &settlement, &[0])), (1, 1));
    assert!(!late.take(1, &mut ledger, &mut tally), "older than its first");
    assert_eq!((tally.disordered, tally.doubled), (1, 0));
    assert!(late.has(5, &ledger) && !late.has(4, &ledger));
}

#[test]
fn one_that_left_is_owed_what_lies_before_its_last_message() {
    let (mut ledger, mut tally) = (Ledger::new(6, 1, 1), Tally::default());
    let (mut stays, mut leaves) = (Receiver::new(0), Receiver::new(0));
    for number in 0..6 {
        stays.take(number, &mut ledger, &mut tally);
    }
    for number in [0, 2, 3] {
        leaves.take(number, &mut ledger, &mut tally);
    }
    assert_eq!(leaves.passed_over(&ledger, &all(6)), 1);
}

#[test]
fn fates_are_noted_once_each() {
    let mut ledger = Ledger::new(3, 1, 1);
    assert!(ledger.note(0, Fate::Unanswered));
    assert!(ledger.note(0, Fate::Acknowledged));
    assert!(!ledger.note(0, Fate::Acknowledged));
    assert!(!ledger.note(3, Fate::Acknowledged), "no such message");
    assert_eq!((ledger.fate(0), ledger.fate(1)), (Fate::Acknowledged, Fate::Unsent));
    assert_eq!(ledger.seen(), 0);
}
