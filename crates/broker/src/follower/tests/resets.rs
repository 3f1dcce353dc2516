//! Where the past is not what the follower was told, or can't be had: it says so and begins anew,
//! or it knows better than what came late.

use super::*;

#[test]
fn head_behind_ours_resets() {
    started(
        "< watermark me a:2
         > watermark me a:2
         > read head #2
         < entry a:3
         < head #2 a:2
         > reset a:2
         > entry a:3
         < entry a:4
         > entry a:4",
    );
}

#[test]
fn another_epoch_resets_to_its_head() {
    started(
        "< entry b:1
         > read head #2
         < entry b:2
         < entry b:3
         < head #2 b:2
         > reset b:2
         > entry b:3",
    );
}

#[test]
fn stale_delivery_of_another_epoch_is_dropped() {
    started(
        "< entry z:9
         > read head #2
         < entry a:6
         < head #2 a:6
         > entry a:6",
    );
}

#[test]
fn watermark_of_another_epoch_resets() {
    started(
        "< watermark me b:0
         > watermark me b:0
         > read head #2
         < head #2 b:0
         > reset b:0
         < entry b:1
         > entry b:1",
    );
}

#[test]
fn another_entry_at_a_place_handed_on_resets() {
    started(
        "< entry a:6
         > entry a:6
         < entry a:7
         > entry a:7
         < entry a:6
         < entry a:6'
         > read head #2
         < head #2 a:8
         > reset a:8",
    );
}

#[test]
fn another_entry_held_than_the_log_has_resets() {
    started(
        "< entry a:8'
         > behind
         > read #2 after 5 to 7 at most 5
         < page #2 a:8 a:6 a:7 a:8
         > entry a:6
         > entry a:7
         > entry a:8
         > read head #3
         < head #3 a:8
         > reset a:8
         > caught up a:8 repaired 3",
    );
}

#[test]
fn gap_that_was_trimmed_resets() {
    started(
        "< entry a:9
         > behind
         > read #2 after 5 to 8 at most 5
         < entry a:10
         < page #2 a:9 a:7 a:8 trimmed
         > reset a:9
         > entry a:10
         > caught up a:10 repaired 0",
    );
}

#[test]
fn page_that_is_not_what_was_asked_for_resets() {
    let table = [
        ("a:8", "> reset a:8\n> caught up a:8 repaired 0"),
        ("a:8 a:7", "> reset a:8\n> caught up a:8 repaired 0"),
        ("a:8 a:6 a:8", "> entry a:6\n> reset a:8\n> caught up a:8 repaired 1"),
        ("b:8 b:6 b:7", "> reset b:8\n> caught up b:8 repaired 0"),
        ("a:4", "> reset a:4\n> read #3 after 4 to 7 at most 5"),
        ("a:6 a:6", "> reset a:6\n> read #3 after 6 to 7 at most 5"),
    ];
    for (page, outcome) in table {
        started(&format!(
            "< entry a:8
             > behind
             > read #2 after 5 to 7 at most 5
             < page #2 {page}
             {outcome}",
        ));
    }
}

#[test]
fn gap_that_is_damaged_resets() {
    started(
        "< entry a:7
         > behind
         > read #2 after 5 to 6 at most 5
         < page #2 damaged
         @ 100
         > read head #3
         < head #3 a:7
         > reset a:7
         > caught up a:7 repaired 0",
    );
}
