//! Which name shows where instances disagree.

use super::*;

#[test]
fn the_name_that_was_taken_last_shows_everywhere() {
    let (mut a, mut b) = (presence("a#1"), presence("b#1"));
    let mut now = Duration::ZERO;
    let mut agree = |a: &mut Presence, b: &mut Presence| {
        for _ in 0..5 {
            now += STILL_EVERY;
            pass(a, now, b);
            pass(b, now, a);
        }
        [a, b].map(|presence| presence.members(LOBBY, 9)[0].name.to_string())
    };
    for presence in [&mut a, &mut b] {
        presence.live(["a#1", "b#1"]);
    }
    join(&mut a, "u", 5);
    join(&mut b, "u", 9);
    a.rename(LOBBY, &text("u"), &text("Ada"), 12);
    assert_eq!(agree(&mut a, &mut b), ["Ada", "Ada"], "though the other is there since later");
    b.rename(LOBBY, &text("u"), &text("Grace"), 15);
    assert_eq!(agree(&mut a, &mut b), ["Grace", "Grace"]);
}
