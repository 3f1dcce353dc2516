use proptest::prelude::*;

use super::*;

const EPOCH: &str = "abcdefghijklmnop";

/// A delivery in words, or `undecodable`.
fn read(publication: impl Into<Bytes>) -> String {
    match Decoder::default().decode(&publication.into()).map(|decoded| decoded.delivery) {
        Ok(Delivery::Entry(epoch, record)) => format!(
            "{epoch} {} {} {} {:?} {} {} {} {:?}",
            record.seq,
            record.offset,
            record.at,
            record.target,
            record.room(),
            record.user(),
            record.id(),
            record.bytes,
        ),
        Ok(Delivery::Watermark { instance, head }) => {
            format!("{instance} at {} {}", head.epoch, head.seq)
        }
        Ok(Delivery::Signal { room, bytes }) => format!("{room} {bytes:?}"),
        Ok(other) => panic!("{other:?}"),
        Err(Undecodable) => "undecodable".to_owned(),
    }
}

#[test]
fn every_kind_is_read() {
    for (publication, expected) in [
        (
            "1e abcdefghijklmnop 5\nlobby7 3 1700 0 3 8\nannsome-id1hello\nyou",
            "abcdefghijklmnop 7 3 1700 None lobby ann some-id1 b\"hello\\nyou\"",
        ),
        (
            "1e abcdefghijklmnop 3\n\u{e9}\n7 3 1700 2 0 1\nx",
            "abcdefghijklmnop 7 3 1700 Some(2) \u{e9}\n  x b\"\"",
        ),
        (
            "1r abcdefghijklmnop 4\ngone5\nlobby7 3 1700 2 3 8\nannsome-id1a deletion",
            "abcdefghijklmnop 7 3 1700 Some(2) lobby ann some-id1 b\"a deletion\"",
        ),
        ("1w abcdefghijklmnop 12\nhost:3000", "host:3000 at abcdefghijklmnop 12"),
        ("1s 5\nlobbytyping", "lobby b\"typing\""),
    ] {
        assert_eq!(read(publication), expected);
    }
}

#[test]
fn words_of_a_later_release_are_skipped() {
    for (publication, expected) in [
        (
            "1e abcdefghijklmnop 1 new\nr7 3 1700 0 1 1 newer words\nuibytes",
            "abcdefghijklmnop 7 3 1700 None r u i b\"bytes\"",
        ),
        ("1w abcdefghijklmnop 12 new\nhost", "host at abcdefghijklmnop 12"),
        ("1s 1 new\nrbytes", "r b\"bytes\""),
    ] {
        assert_eq!(read(publication), expected);
    }
}

#[test]
fn what_is_no_publication_is_refused() {
    for publication in [
        &b""[..],
        b"1",
        b"1e",
        b"2e abcdefghijklmnop 1\nr7 3 1700 0 1 1\nuibytes",
        b"1x something",
        b"1e short",
        b"1e abcdefghijklmno! 1\nr7 3 1700 0 1 1\nui",
        b"1e abcdefghijklmnop_1\nr7 3 1700 0 1 1\nui",
        b"1e abcdefghijklmnop 9\nr7 3 1700 0 1 1\nui",
        b"1e abcdefghijklmnop 1\nr7 3 1700 0 1\nui",
        b"1e abcdefghijklmnop 1\nr7 3 1700 0 1 9\nui",
        b"1e abcdefghijklmnop 1\nr7 3 1700 0 18446744073709551615 1\nui",
        b"1e abcdefghijklmnop 1\nr-7 3 1700 0 1 1\nui",
        b"1e abcdefghijklmnop 1\n\xff7 3 1700 0 1 1\nui",
        b"1e abcdefghijklmnop 1\nr7 3 1700 0 1 1\n\xffi",
        b"1e abcdefghijklmnop 1\nr7 3 1700 0 1 1\nu\xff",
        b"1e abcdefghijklmnop 1\nr7 3 1700 0 1 1\n\xc3\xa9",
        b"1e abcdefghijklmnop 1\nr7 3 1700 0 18446744073709551615 18446744073709551615\nui",
        b"1w abcdefghijklmnop\nhost",
        b"1w abcdefghijklmnop 1 no end",
        b"1w abcdefghijklmnop x\nhost",
        b"1s 6\nlobby",
        b"1s \nlobby",
        b"palabre",
    ] {
        assert_eq!(read(publication), "undecodable", "{publication:?}");
    }
}

#[test]
fn a_signal_is_read_as_it_was_written() {
    let written = signal("caf\u{e9}", b"\x00\n\xff");
    assert_eq!(read(written), "caf\u{e9} b\"\\0\\n\\xff\"");
}

#[test]
fn entries_that_share_memory_are_apart() {
    let mut decoder = Decoder::default();
    let mut entry = |seq: u64, text: &str, epoch: &str| {
        let publication = format!("1e {epoch} 4\nroom{seq} 1 1 0 4 2\nuserid{text}");
        match decoder.decode(publication.as_bytes()).map(|decoded| decoded.delivery) {
            Ok(Delivery::Entry(epoch, record)) => (epoch, record),
            other => panic!("{:?}", other.err()),
        }
    };
    let texts: Vec<String> = (0..200).map(|number| "x".repeat(number * 13)).collect();
    let all: Vec<_> = texts.iter().map(|text| entry(7, text, EPOCH)).collect();
    for (text, (_, record)) in texts.iter().zip(&all) {
        assert_eq!((record.room(), record.user(), record.id()), ("room", "user", "id"));
        assert_eq!(record.bytes, text.as_bytes());
    }
    let other = "ponmlkjihgfedcba";
    assert_eq!(entry(8, "", other).0.as_str(), other, "the epoch is the entry's own");
    assert_eq!(entry(8, "", EPOCH).0.as_str(), EPOCH);
}

#[test]
fn numbers_are_read_up_to_the_largest() {
    for (digits, seq) in [
        ("0000000000000000000000000000007", Some(7)),
        ("9999999999999999999", Some(9_999_999_999_999_999_999)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", None),
        ("99999999999999999999999", None),
    ] {
        let read = read(format!("1w {EPOCH} {digits}\nhost"));
        let expected = seq.map(|seq| format!("host at {EPOCH} {seq}"));
        assert_eq!(read, expected.unwrap_or("undecodable".into()), "{digits}");
    }
}

proptest! {
    #[test]
    fn numbers_are_read_whatever_surrounds_them(
        number: u64,
        zeros in 0_usize..4,
        end: u8,
        behind: Vec<u8>,
    ) {
        let digits = format!("{}{number}", "0".repeat(zeros));
        let bytes = [digits.as_bytes(), &[end], &behind].concat();
        let read = Reading::of(&bytes).number();
        match end {
            b' ' | b'\n' => prop_assert_eq!(read, Ok(number)),
            b'0'..=b'9' => {}
            _ => prop_assert_eq!(read, Err(Undecodable)),
        }
        prop_assert_eq!(Reading::of(digits.as_bytes()).number(), Err(Undecodable));
    }

    #[test]
    fn nothing_makes_it_panic(bytes: Vec<u8>, kind in "1[ews]", words in "[ 0-9a-p]{0,40}") {
        let _ = Decoder::default().decode(&bytes);
        let head = format!("{kind} {EPOCH} {words}\n");
        let _ = Decoder::default().decode(&[head.as_bytes(), &bytes].concat());
    }
}
