//! The cursor: epoch and seq of every partition, as the opaque text that stock clients hold.

use std::fmt::Write;

use broker::Head;

/// What a partition takes of a cursor, with room for the longest number.
const HEAD_BYTES: usize = 40;

/// The longest cursor that is read: as many partitions as a log may have, and some room.
const BYTES_MAX: usize = 4_096;

/// The state of the partitions as text, of characters that JSON doesn't escape.
pub fn text(heads: &[Head]) -> String {
    let mut text = String::with_capacity(heads.len() * HEAD_BYTES);
    for head in heads {
        if !text.is_empty() {
            text.push('~');
        }
        text.push_str(head.epoch.as_str());
        write!(text, ".{}", head.seq).expect("a String takes all");
    }
    text
}

/// Reads what a client brings back; `None` where it is no cursor of a log with so many partitions.
pub fn parse(text: &str, partitions: usize) -> Option<Vec<Head>> {
    if text.len() > BYTES_MAX {
        return None;
    }
    let heads: Vec<Head> = text.split('~').map(head).collect::<Option<_>>()?;
    (heads.len() == partitions).then_some(heads)
}

fn head(text: &str) -> Option<Head> {
    let (epoch, seq) = text.split_once('.')?;
    let digits = !seq.is_empty() && seq.bytes().all(|byte| byte.is_ascii_digit());
    Some(Head { epoch: epoch.parse().ok()?, seq: seq.parse().ok().filter(|_| digits)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let epoch = |name: &[u8; 16]| broker::Epoch::from_random(*name);
        let one = Head { epoch: epoch(b"one epoch's name"), seq: 0 };
        let other = Head { epoch: epoch(b"another's namexx"), seq: u64::MAX };
        for heads in [vec![one], vec![one, other], vec![other; 32]] {
            assert_eq!(parse(&text(&heads), heads.len()), Some(heads));
        }
    }

    #[test]
    fn what_is_no_cursor_is_none() {
        let good = "abcdefghijklmnop.12";
        assert!(parse(good, 1).is_some());
        assert!(parse(good, 2).is_none(), "of a log with other partitions");
        let long = "x".repeat(BYTES_MAX + 1);
        for bad in [
            "",
            "~",
            ".",
            "abcdefghijklmnop",
            "abcdefghijklmnop.",
            "abcdefghijklmnop.-1",
            "abcdefghijklmnop.+1",
            "abcdefghijklmnop.1.2",
            "abcdefghijklmnop.99999999999999999999",
            "abcdefghijklmno.1",
            "abcdefghijklmno\u{e9}.1",
            "Q84vBhe",
            "1795378435695-0",
            &long,
        ] {
            assert_eq!(parse(bad, 1), None, "{bad}");
        }
    }
}
