use super::*;

fn epoch(letter: u8) -> Epoch {
    Epoch::from_random([letter; 16])
}

fn tip(letter: u8, seq: u64) -> Tip {
    Tip { epoch: epoch(letter), seq, at: 0 }
}

fn found(path: &Path) -> Option<(Epoch, u64)> {
    let (_, promise) = Past::open(path).unwrap();
    promise.map(|Promise { epoch, seq }| (epoch, seq))
}

#[test]
fn newest_promise_is_found_and_people_can_read_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("palabre.past");
    assert_eq!(found(&path), None);
    for seq in 1..=5 {
        // As often as it is opened anew.
        let (mut past, _) = Past::open(&path).unwrap();
        for seq in [seq * 10, seq * 10 + 1, u64::MAX - seq] {
            past.promise(tip(1, seq));
            assert_eq!(found(&path), Some((epoch(1), seq)));
        }
    }
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!((text.len(), text.lines().count()), (2 * SLOT_BYTES, 2));
    assert!(text.contains("epoch bbbbbbbbbbbbbbbb seq 18446744073709551610 sum "), "{text}");
}

#[test]
fn half_a_promise_leaves_the_one_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("palabre.past");
    let (mut past, _) = Past::open(&path).unwrap();
    past.promise(tip(1, 7));
    past.promise(tip(1, 8));
    let whole = std::fs::read(&path).unwrap();
    // The second promise lies in the first slot.
    for end in (0..120).chain([SLOT_BYTES - 1]) {
        for rest in [b'\0', b'x'] {
            let mut torn = whole.clone();
            torn[end..SLOT_BYTES].fill(rest);
            std::fs::write(&path, torn).unwrap();
            let found = found(&path).expect("one of them is whole");
            assert!(found == (epoch(1), 7) || found == (epoch(1), 8), "cut at {end}: {found:?}");
            assert!(found.1 == 7 || end > 60, "cut at {end}");
        }
    }
    for garbage in [&[][..], &whole[..40], &[0; 2_000], &[0xff; 1_024]] {
        std::fs::write(&path, garbage).unwrap();
        assert_eq!(found(&path), None);
    }
}

#[test]
fn past_is_lost_where_the_log_is_behind_or_another_one() {
    let promise = |letter, seq| Some(Promise { epoch: epoch(letter), seq });
    let cases = [
        (None, false, false),
        (None, true, true),
        (promise(1, 0), false, false),
        (promise(1, 7), true, false),
        // After a loss of power the promise may be the older one.
        (promise(1, 6), true, false),
        (promise(1, 8), true, true),
        (promise(1, 8), false, true),
        (promise(2, 7), true, true),
        (promise(2, 6), true, true),
    ];
    for (found, was_promised, expected) in cases {
        let reason = lost(found, was_promised, tip(1, 7));
        assert_eq!(reason.is_some(), expected, "{found:?}, {was_promised}: {reason:?}");
    }
}
