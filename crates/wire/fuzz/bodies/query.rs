//! Fuzzes the query string: no text makes it panic, and names and values come back when they
//! are escaped and read again.

use wire::engine::{Pairs, Query};

/// The input is a query string, if it is text.
pub(crate) fn run(data: &[u8]) {
    let Ok(raw) = std::str::from_utf8(data) else { return };
    let query = Query::parse(raw);
    assert_eq!(query.t, Query::find(raw, "t"));
    let _ = (query.transport(), query.handshake(true, false), query.handshake(true, true));
    let pairs: Vec<_> = Pairs::of(raw).collect();
    let escaped: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
    let again = escaped.join("&");
    assert_eq!(Pairs::of(&again).collect::<Vec<_>>(), pairs);
    assert_eq!(Query::parse(&again), query);
}

fn escape(text: &str) -> String {
    let digit = |bits: u8| char::from_digit(bits.into(), 16).expect("four bits");
    text.bytes().flat_map(|byte| ['%', digit(byte >> 4), digit(byte & 15)]).collect()
}
