//! What a follower remembers of the entries that it handed on: a few of the newest, of the present
//! past only.

use super::*;

#[test]
fn so_many_entries_are_remembered_and_no_more() {
    let handed_on = (6..=12).map(|seq| format!("< entry a:{seq}\n> entry a:{seq}\n"));
    let handed_on = handed_on.collect::<String>();
    // Four of them: what comes again at an older place is a double, whatever it is.
    started(&format!("{handed_on}< entry a:8'\n? -"));
    started(&format!("{handed_on}< entry a:9'\n> read head #2"));
}

#[test]
fn what_was_handed_on_before_a_reset_is_forgotten() {
    started(
        "< entry a:6
         > entry a:6
         < watermark me b:3
         > watermark me b:3
         > read head #2
         < head #2 b:3
         > reset b:3
         < entry b:4
         > entry b:4
         < entry b:3
         ? -",
    );
}
