//! Engine.IO packets, payloads, queries and the handshake against their vectors.

use std::borrow::Cow;
use std::time::Duration;

use proptest::prelude::*;
use wire::engine::{
    DecodeError, Open, PAYLOAD_PACKETS_MAX, Packet, Pairs, Query, Rejection, Transport,
    encode_payload,
};
use wire::{Frame, Part};

use crate::vectors::{self, to_hex};

fn describe(packet: &Result<Packet<'_>, DecodeError>) -> String {
    let (name, content) = match packet {
        Ok(Packet::Open(json)) => ("open", (*json).to_owned()),
        Ok(Packet::Close) => ("close", String::new()),
        Ok(Packet::Ping(content)) => ("ping", (*content).to_owned()),
        Ok(Packet::Pong(content)) => ("pong", (*content).to_owned()),
        Ok(Packet::Text(message)) => ("text", (*message).to_owned()),
        Ok(Packet::Binary(message)) => ("binary", to_hex(message)),
        Ok(Packet::Upgrade) => ("upgrade", String::new()),
        Ok(Packet::Noop) => ("noop", String::new()),
        Err(error) => ("error", format!("{error:?}")),
    };
    if content.is_empty() { name.to_owned() } else { format!("{name} {content}") }
}

#[test]
fn packets_are_read_and_written() {
    for vector in vectors::read("engine_packet.txt") {
        let packet = Packet::decode(&vector.input);
        assert_eq!(describe(&packet), vector.outcome, "{}", vector.place);
        let Ok(packet) = packet else { continue };
        let mut encoded = String::new();
        packet.encode(&mut encoded);
        assert_eq!(encoded == vector.input, vector.exact, "{}: {encoded}", vector.place);
        assert_eq!(Packet::decode(&encoded), Ok(packet), "{}", vector.place);
    }
}

#[test]
fn payloads_are_read_and_written() {
    for vector in vectors::read("engine_payload.txt") {
        let body = vector.input.replace("<RS>", "\x1e");
        let packets: Vec<_> = Packet::decode_payload(&body).collect();
        let outcome: Vec<String> = packets.iter().map(describe).collect();
        assert_eq!(outcome.join("; "), vector.outcome, "{}", vector.place);
        let Ok(packets) = packets.into_iter().collect::<Result<Vec<_>, _>>() else { continue };
        assert_eq!(payload(&packets) == body, vector.exact, "{}", vector.place);
    }
}

/// Packets by way of frames, as a session sends them.
fn payload(packets: &[Packet<'_>]) -> String {
    let frames = packets.iter().map(|packet| match packet {
        Packet::Binary(message) => Frame::binary(message),
        other => {
            let mut text = String::new();
            other.encode(&mut text);
            Frame::text(&text)
        }
    });
    let joined = Frame::join(&frames.collect::<Vec<_>>());
    let mut body = String::new();
    encode_payload(joined.parts(), &mut body);
    body
}

#[test]
fn a_payload_of_nothing_is_empty() {
    let mut body = String::new();
    encode_payload([], &mut body);
    assert_eq!(body, "");
    assert_eq!(PAYLOAD_PACKETS_MAX, 16);
}

#[test]
fn queries_are_read() {
    for vector in vectors::read("query.txt") {
        let query = Query::parse(&vector.input);
        let named = [
            ("EIO", &query.eio),
            ("transport", &query.transport),
            ("sid", &query.sid),
            ("t", &query.t),
            ("cursor", &query.cursor),
        ];
        let mut seen: Vec<String> = named
            .iter()
            .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name}={value}")))
            .collect();
        if query.b64 {
            seen.push("b64".to_owned());
        }
        let seen = if seen.is_empty() { "nothing".to_owned() } else { seen.join(" ") };
        assert_eq!(seen, vector.outcome, "{}", vector.place);
    }
}

#[test]
fn any_parameter_is_found_and_the_last_of_a_name_counts() {
    let raw = "token=a&x=1&token=b+c&sid=";
    assert_eq!(Query::find(raw, "token").as_deref(), Some("b c"));
    assert_eq!(Query::find(raw, "sid").as_deref(), Some(""));
    assert_eq!(Query::find(raw, "absent"), None);
}

#[test]
fn handshakes_are_checked_in_order() {
    for vector in vectors::read("handshake.txt") {
        let (method, rest) = vector.input.split_once(' ').expect("a method");
        let upgrade = rest.strip_prefix("upgrade ");
        let query = Query::parse(upgrade.unwrap_or(rest));
        let seen = match query.handshake(method == "GET", upgrade.is_some()) {
            Ok(transport) => transport.as_str().to_owned(),
            Err(rejection) => format!("{rejection:?}"),
        };
        assert_eq!(seen, vector.outcome, "{}", vector.place);
    }
}

#[test]
fn rejections_are_those_of_node() {
    let table = [
        (Rejection::UnknownTransport, 400, r#"{"code":0,"message":"Transport unknown"}"#),
        (Rejection::UnknownSession, 400, r#"{"code":1,"message":"Session ID unknown"}"#),
        (Rejection::BadMethod, 400, r#"{"code":2,"message":"Bad handshake method"}"#),
        (Rejection::BadRequest, 400, r#"{"code":3,"message":"Bad request"}"#),
        (Rejection::Forbidden, 403, r#"{"code":4,"message":"Forbidden"}"#),
        (
            Rejection::UnsupportedVersion,
            400,
            r#"{"code":5,"message":"Unsupported protocol version"}"#,
        ),
    ];
    for (rejection, status, body) in table {
        assert_eq!((rejection.status(), rejection.body().as_str()), (status, body));
    }
}

#[test]
fn the_open_packet_has_exactly_five_keys() {
    let open = Open {
        sid: "KTqJdhWelok9cbZlAAAA",
        upgrades: &[Transport::WebSocket.as_str()],
        ping_interval: Duration::from_secs(25),
        ping_timeout: Duration::from_millis(20_500),
        max_payload: 1_000_000,
    };
    let expected = concat!(
        r#"0{"sid":"KTqJdhWelok9cbZlAAAA","upgrades":["websocket"],"#,
        r#""pingInterval":25000,"pingTimeout":20500,"maxPayload":1000000}"#
    );
    assert_eq!(open.packet(), expected);
    assert!(Open { upgrades: &[], ..open }.packet().contains(r#""upgrades":[],"#));
}

/// Every byte as `%AB`.
fn escape(text: &str) -> String {
    to_hex(text.as_bytes())
        .as_bytes()
        .chunks(2)
        .flat_map(|digits| ['%', digits[0].into(), digits[1].into()])
        .collect()
}

fn packet() -> impl Strategy<Value = Packet<'static>> {
    // What would leave the session's payload: the separator never comes in a packet.
    let text = any::<String>().prop_map(|text| &*text.replace('\x1e', "").leak());
    let bytes = prop::collection::vec(any::<u8>(), 0..50);
    prop_oneof![
        text.clone().prop_map(Packet::Open),
        Just(Packet::Close),
        text.clone().prop_map(Packet::Ping),
        text.clone().prop_map(Packet::Pong),
        text.prop_map(Packet::Text),
        bytes.prop_map(|bytes| Packet::Binary(Cow::Owned(bytes))),
        Just(Packet::Upgrade),
        Just(Packet::Noop),
    ]
}

proptest! {
    #[test]
    fn a_payload_comes_back(packets in prop::collection::vec(packet(), 1..20)) {
        let body = payload(&packets);
        let read: Result<Vec<_>, _> = Packet::decode_payload(&body).collect();
        prop_assert_eq!(read, Ok(packets));
    }

    #[test]
    fn pairs_come_back(pairs in prop::collection::vec(("[^\0]+", any::<String>()), 0..6)) {
        let raw: Vec<String> = pairs
            .iter()
            .map(|(name, value)| format!("{}={}", escape(name), escape(value)))
            .collect();
        let raw = raw.join("&");
        let read: Vec<(String, String)> = Pairs::of(&raw)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        prop_assert_eq!(read, pairs);
    }

    #[test]
    fn no_text_is_refused_as_a_query(raw in any::<String>()) {
        let query = Query::parse(&raw);
        prop_assert_eq!(query.t, Query::find(&raw, "t"));
    }
}

#[test]
fn parts_of_a_payload_are_joined_in_order() {
    let mut body = String::new();
    encode_payload([Part::Text("4a"), Part::Binary(&[1]), Part::Text("2")], &mut body);
    assert_eq!(body, "4a\x1ebAQ==\x1e2");
}
