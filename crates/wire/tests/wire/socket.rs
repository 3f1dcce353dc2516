//! Socket.IO packets against their vectors, and as properties.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json, value::RawValue};
use wire::engine;
use wire::socket::{
    ATTACHMENTS_MAX, Args, Assembler, DecodeError, JSON_DEPTH_MAX, Packet, PacketKind, ack,
    connect_answer, connect_error, disconnect, encode, event, placeholder,
};
use wire::{Frame, Part};

use crate::vectors::{self, hex, to_hex};

/// A message of a session.
#[derive(Clone, Debug, PartialEq)]
enum Sent {
    Text(String),
    Binary(Bytes),
}

fn messages(input: &str) -> Vec<Sent> {
    let one = |message: &str| match message.strip_prefix("<bin ") {
        Some(bytes) => Sent::Binary(hex(bytes.trim_end_matches('>')).into()),
        None => Sent::Text(message.to_owned()),
    };
    input.split(" | ").map(one).collect()
}

/// What comes of the messages, up to the first error.
fn assemble(assembler: &mut Assembler, sent: &[Sent]) -> (Vec<Packet>, Option<DecodeError>) {
    let mut packets = Vec::new();
    for message in sent {
        let result = match message {
            Sent::Text(text) => assembler.text(text),
            Sent::Binary(bytes) => assembler.binary(bytes.clone()),
        };
        match result {
            Ok(packet) => packets.extend(packet),
            Err(error) => return (packets, Some(error)),
        }
    }
    (packets, None)
}

fn describe(packet: &Packet) -> String {
    let kind = match packet.kind {
        PacketKind::Connect => "connect",
        PacketKind::Disconnect => "disconnect",
        PacketKind::Event => "event",
        PacketKind::Ack => "ack",
        PacketKind::ConnectError => "connect_error",
    };
    let id = packet.id.map_or("-".to_owned(), |id| id.to_string());
    let data = packet.data.as_deref().unwrap_or("-");
    let mut line = format!("{kind} {} {id} {data}", packet.namespace);
    for attachment in &packet.attachments {
        line.push_str(" +");
        line.push_str(&to_hex(attachment));
    }
    line
}

/// The messages that a frame carries.
fn carried(frame: &Frame) -> Vec<Sent> {
    let one = |part: Part<'_>| match part {
        Part::Text(text) => match engine::Packet::decode(text) {
            Ok(engine::Packet::Text(message)) => Sent::Text(message.to_owned()),
            other => panic!("{text:?} is {other:?} and no message"),
        },
        Part::Binary(bytes) => Sent::Binary(Bytes::copy_from_slice(bytes)),
    };
    frame.parts().map(one).collect()
}

fn check(file: &str, assembler: fn(usize) -> Assembler) {
    for vector in vectors::read(file) {
        let place = &vector.place;
        let sent = messages(&vector.input);
        let (packets, error) = assemble(&mut assembler(ATTACHMENTS_MAX), &sent);
        let mut outcome: Vec<String> = packets.iter().map(describe).collect();
        outcome.extend(error.map(|error| format!("error {error:?}")));
        assert_eq!(outcome.join("; "), vector.outcome, "{place}");

        let frames: Vec<Frame> = packets.iter().map(encode).collect();
        let again = carried(&Frame::join(&frames));
        let same = if error.is_some() { sent.starts_with(&again) } else { sent == again };
        assert_eq!(same, vector.exact, "{place}: encoded again: {again:?}");
        let (decoded, _) = assemble(&mut assembler(ATTACHMENTS_MAX), &again);
        assert_eq!(decoded, packets, "{place}: decoded again");
    }
}

#[test]
fn server_reads_its_vectors() {
    check("socket_server.txt", Assembler::new);
}

#[test]
fn client_reads_its_vectors() {
    check("socket_client.txt", Assembler::client);
}

fn nested(depth: usize) -> String {
    format!("2[\"x\",{}{}]", "[".repeat(depth - 1), "]".repeat(depth - 1))
}

#[test]
fn nesting_is_limited() {
    let mut assembler = Assembler::new(ATTACHMENTS_MAX);
    let deepest = assembler.text(&nested(JSON_DEPTH_MAX)).unwrap().unwrap();
    // What gets through can be parsed by an application.
    serde_json::from_str::<Value>(deepest.data.as_deref().unwrap()).unwrap();
    let result = assembler.text(&nested(JSON_DEPTH_MAX + 1));
    assert_eq!(result, Err(DecodeError::TooDeep));
    // A megabyte of brackets costs neither stack nor heap.
    assert_eq!(assembler.text(&nested(500_000)), Err(DecodeError::TooDeep));
    let brackets = "{\"a\":".repeat(200_000);
    assert_eq!(assembler.text(&format!("2{brackets}")), Err(DecodeError::TooDeep));
    // Brackets in strings don't count, nor do brackets side by side.
    let brackets = "[".repeat(1000);
    let flat = format!("2[\"{brackets}\\\"{brackets}\\\\\",{}1]", "[],".repeat(1000));
    assert!(assembler.text(&flat).is_ok());
}

#[test]
fn attachments_are_limited() {
    let text = |count: usize| format!("5{count}-[\"x\"]");
    assert_eq!(Assembler::new(2).text(&text(2)), Ok(None));
    assert_eq!(Assembler::new(2).text(&text(3)), Err(DecodeError::TooManyAttachments));
    assert_eq!(Assembler::new(0).text(&text(1)), Err(DecodeError::TooManyAttachments));
}

#[test]
fn memory_is_held_only_while_attachments_are_missing() {
    let mut assembler = Assembler::new(ATTACHMENTS_MAX);
    assert_eq!(assembler.buffered(), 0);
    assert_eq!(assembler.text("52-[\"x\"]"), Ok(None));
    assert_eq!(assembler.binary(Bytes::from_static(&[0; 100])), Ok(None));
    assert_eq!(assembler.buffered(), 100 + 5);
    assert!(assembler.binary(Bytes::new()).unwrap().is_some());
    assert_eq!(assembler.buffered(), 0);
    assert_eq!(assembler.text("52-[\"x\"]"), Ok(None));
    assert_eq!(assembler.text("2[\"x\"]"), Err(DecodeError::TextInsideBinary));
    assert_eq!(assembler.buffered(), 0);
}

#[test]
fn events_are_split_without_parsing() {
    let args = Args::event(r#"["chat message", "a\u00e9" ,{ "b": [1e999,2] },null]"#).unwrap();
    assert_eq!(args.name, "chat message");
    assert_eq!(args.texts(), [r#""a\u00e9""#, r#"{ "b": [1e999,2] }"#, "null"]);
    assert_eq!(Args::event(r#"["\u0061"]"#).unwrap().name, "a");
    assert_eq!(Args::event("[12]").unwrap().name, "12");
    assert_eq!(Args::event(r#"["\ud800"]"#).unwrap().name, r"\ud800");
    assert_eq!(Args::event("[]").unwrap_err(), DecodeError::EventName);
    assert_eq!(Args::event("[null]").unwrap_err(), DecodeError::EventName);
    assert_eq!(Args::event("{}").unwrap_err(), DecodeError::Payload);
    assert_eq!(Args::split("[ 1,[2] ]").unwrap(), ["1", "[2]"]);
    assert_eq!(Args::split(" [ ] ").unwrap(), [""; 0]);
    assert_eq!(Args::split("7").unwrap_err(), DecodeError::Payload);
}

#[test]
fn only_brackets_that_nest_make_a_payload_deep() {
    let mut assembler = Assembler::new(ATTACHMENTS_MAX);
    let deep = |times: usize| format!("{}1{}", "[".repeat(times), "]".repeat(times));
    let in_text = format!("\"{}\"", r#"[{\"["#.repeat(200));
    for (arguments, result) in [
        (vec![deep(JSON_DEPTH_MAX - 1), in_text.clone()], None),
        (vec!["[{}]".to_owned(); 500], None),
        (vec![in_text.clone(), deep(JSON_DEPTH_MAX)], Some(DecodeError::TooDeep)),
        (vec![deep(JSON_DEPTH_MAX), "[".to_owned()], Some(DecodeError::TooDeep)),
        (vec![in_text, "[".to_owned()], Some(DecodeError::Json)),
        (vec!["]]]{".to_owned(); 100], Some(DecodeError::Json)),
    ] {
        let text = format!("2[\"x\",{}]", arguments.join(","));
        assert_eq!(assembler.text(&text).err(), result, "{text}");
    }
}

fn text(frame: &Frame) -> &str {
    match frame.parts().next() {
        Some(Part::Text(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn frames_are_those_of_node() {
    assert_eq!(text(&connect_answer("/", "x", None)), r#"40{"sid":"x"}"#);
    assert_eq!(
        text(&connect_answer("/custom", "x", Some("y"))),
        r#"40/custom,{"sid":"x","pid":"y"}"#
    );
    let error = connect_error("/random", r#"{"message":"Invalid namespace"}"#);
    assert_eq!(text(&error), r#"44/random,{"message":"Invalid namespace"}"#);
    assert_eq!(text(&disconnect("/")), "41");
    assert_eq!(text(&disconnect("/custom")), "41/custom,");
    assert_eq!(text(&ack("/", 456, &["1", "\"2\""])), r#"43456[1,"2"]"#);
    assert_eq!(text(&ack("/custom", 0, &[])), "43/custom,0[]");
    assert_eq!(
        text(&event("/", "message-back", &["1", "\"2\"", r#"{"3":[true]}"#])),
        r#"42["message-back",1,"2",{"3":[true]}]"#
    );
    assert_eq!(text(&event("/custom", "a\"b\n", &[])), r#"42/custom,["a\"b\n"]"#);
    assert_eq!(placeholder(3), r#"{"_placeholder":true,"num":3}"#);
}

#[test]
fn a_binary_event_is_one_frame_with_its_attachments_behind_it() {
    let mut packet =
        Packet::event("/", "message-back", &[&placeholder(0), &placeholder(1)], Some(7));
    packet.attachments = vec![Bytes::from_static(&[1, 2]), Bytes::from_static(&[3])];
    let header = concat!(
        r#"452-7["message-back",{"_placeholder":true,"num":0},"#,
        r#"{"_placeholder":true,"num":1}]"#
    );
    let frame = encode(&packet);
    let parts: Vec<_> = frame.parts().collect();
    assert_eq!(parts, [Part::Text(header), Part::Binary(&[1, 2]), Part::Binary(&[3])]);

    let mut packet = Packet::ack("/custom", 789, &[&placeholder(0)]);
    packet.attachments = vec![Bytes::from_static(&[1])];
    assert_eq!(text(&encode(&packet)), r#"461-/custom,789[{"_placeholder":true,"num":0}]"#);
}

/// JSON in which placeholders, and what looks like them, are frequent.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..6).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        (0_u64..5).prop_map(|num| json!({ "_placeholder": true, "num": num })),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let key =
            prop_oneof![Just("_placeholder".to_owned()), Just("num".to_owned()), any::<String>(),];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// The rule said once more, on parsed values and by recursion.
fn placeholders_hold(value: &Value, attachments: u64) -> bool {
    match value {
        Value::Array(values) => values.iter().all(|value| placeholders_hold(value, attachments)),
        Value::Object(object) => {
            let holds = object.get("_placeholder") != Some(&Value::Bool(true))
                || object.get("num").and_then(Value::as_u64).is_some_and(|num| num < attachments);
            holds && object.values().all(|value| placeholders_hold(value, attachments))
        }
        _ => true,
    }
}

fn namespace() -> impl Strategy<Value = String> {
    prop_oneof![Just("/".to_owned()), "/[a-z?=]{1,8}"]
}

proptest! {
    #[test]
    fn an_event_comes_back_byte_by_byte(
        namespace in namespace(),
        name in any::<String>().prop_filter("reserved", |name| {
            !wire::socket::RESERVED_EVENTS.contains(&name.as_str())
        }),
        args in prop::collection::vec(value(), 0..4),
        id in prop::option::of(any::<u64>()),
    ) {
        let args: Vec<String> = args.iter().map(Value::to_string).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let packet = Packet::event(namespace, &name, &args, id);
        let (packets, error) =
            assemble(&mut Assembler::new(ATTACHMENTS_MAX), &carried(&encode(&packet)));
        prop_assert_eq!((&packets[..], error), (&[packet][..], None));
        let split = Args::event(packets[0].data.as_deref().unwrap()).unwrap();
        prop_assert_eq!(split.name.as_ref(), name.as_str());
        prop_assert_eq!(split.texts(), args);
    }

    #[test]
    fn arrays_are_split_as_serde_json_splits_them(
        values in prop::collection::vec(value(), 0..4),
        space in "[ \t\n\r]{0,2}",
    ) {
        let pretty = |value| serde_json::to_string_pretty(value).unwrap();
        let values: Vec<String> = values.iter().map(pretty).collect();
        let between = format!("{space},{space}");
        let array = format!("{space}[{space}{}{space}]{space}", values.join(&between));
        let raw: Vec<&RawValue> = serde_json::from_str(&array).unwrap();
        let want: Vec<&str> = raw.iter().map(|value| value.get()).collect();
        prop_assert_eq!(Args::split(&array).unwrap(), want);
    }

    #[test]
    fn events_and_answers_are_laid_out_like_any_text(
        namespace in namespace(),
        name in any::<String>(),
        args in prop::collection::vec(value(), 0..4),
        long in prop::option::of(prop_oneof![0..400_usize, 65_000..66_000_usize]),
        id in any::<u64>(),
    ) {
        let mut args: Vec<String> = args.iter().map(Value::to_string).collect();
        args.extend(long.map(|len| json!("x".repeat(len)).to_string()));
        let before = if namespace == "/" { String::new() } else { format!("{namespace},") };
        let (named, all) = (json!(name), args.join(","));
        let texts: Vec<&str> = args.iter().map(String::as_str).collect();
        let comma = if args.is_empty() { "" } else { "," };
        let want = Frame::text(&format!("42{before}[{named}{comma}{all}]"));
        prop_assert_eq!(event(&namespace, &name, &texts), want);
        let want = Frame::text(&format!("43{before}{id}[{all}]"));
        prop_assert_eq!(ack(&namespace, id, &texts), want);
    }

    #[test]
    fn placeholders_are_judged_as_on_parsed_values(value in value(), count in 1_usize..4) {
        let data = json!(["x", value]);
        let result = Assembler::new(ATTACHMENTS_MAX).text(&format!("5{count}-{data}"));
        let holds = placeholders_hold(&data, count as u64);
        prop_assert_eq!(result, if holds { Ok(None) } else { Err(DecodeError::Placeholder) });
    }

    #[test]
    fn no_text_makes_it_panic(text in "[0-6][0-9/,\\-]{0,4}\\PC{0,20}") {
        let mut assembler = Assembler::client(ATTACHMENTS_MAX);
        if let Ok(Some(packet)) = assembler.text(&text) {
            let again = carried(&encode(&packet));
            prop_assert_eq!(assemble(&mut assembler, &again), (vec![packet], None));
        }
    }
}
