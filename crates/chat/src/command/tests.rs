use super::*;
use crate::refusal::Code;

fn parse(name: &str, args: &[&str]) -> Result<Command, Code> {
    Command::parse(name, args, &Limits::default()).expect("a command's name").map_err(|r| r.code)
}

fn stock(args: &[&str]) -> Result<(Box<str>, Option<EntryId>), Code> {
    let message = Message::from_stock(args, &Limits::default()).map_err(|r| r.code)?;
    Ok((message.text, message.id))
}

#[test]
fn stock_messages_are_strings_or_objects_with_text() {
    assert_eq!(stock(&[r#""hi""#]), Ok(("hi".into(), None)));
    assert_eq!(stock(&[r#"{"text":"hi","more":1}"#]), Ok(("hi".into(), None)));
    assert_eq!(stock(&[r#""hi""#, r#"{"my":"own"}"#]), Ok(("hi".into(), None)));
    for bad in [
        "1",
        "null",
        "true",
        "[]",
        "{}",
        r#""""#,
        r#"{"text":""}"#,
        r#"{"text":1}"#,
        r#"{"text":null}"#,
        r#""a\u0000b""#,
        r#""\ud800""#,
        r#"{"_placeholder":true,"num":0}"#,
    ] {
        assert_eq!(stock(&[bad]), Err(Code::BadRequest), "{bad}");
    }
    assert_eq!(stock(&[]), Err(Code::BadRequest));
}

#[test]
fn a_stock_id_counts_only_in_the_shape_of_one() {
    let id = EntryId::of_shape("0123456789");
    assert_eq!(stock(&[r#""hi""#, r#""0123456789""#]), Ok(("hi".into(), id.clone())));
    assert_eq!(stock(&[r#"{"text":"hi","id":"0123456789"}"#]), Ok(("hi".into(), id)));
    assert_eq!(stock(&[r#""hi""#, r#""short""#]), Ok(("hi".into(), None)));
    assert_eq!(stock(&[r#""hi""#, "7"]), Ok(("hi".into(), None)));
}

#[test]
fn a_text_is_measured_in_characters() {
    let text = |count| format!("\"{}\"", "é".repeat(count));
    assert!(stock(&[&text(4_000)]).is_ok());
    assert_eq!(stock(&[&text(4_001)]), Err(Code::TooLarge));
}

#[test]
fn a_command_takes_one_object() {
    for args in [&[][..], &["1"], &["[]"], &[r#""general""#], &["{}", "{}"], &["null"]] {
        assert_eq!(parse("join", args), Err(Code::BadRequest), "{args:?}");
    }
    assert!(Command::parse("no such command", &["{}"], &Limits::default()).is_none());
}

#[test]
fn every_named_command_is_read() {
    for name in Command::NAMES {
        let answer = Command::parse(name, &["nonsense"], &Limits::default());
        assert!(matches!(answer, Some(Err(_))), "{name}");
    }
}

#[test]
fn join_reads_position_and_limit() {
    let room = RoomKey::parse("general").unwrap();
    assert_eq!(
        parse("join", &[r#"{"room":"General","after":{"epoch":"e","offset":3},"limit":900}"#]),
        Ok(Command::Join {
            room: room.clone(),
            after: Some(Position { epoch: "e".into(), offset: 3 }),
            limit: 200,
        })
    );
    assert_eq!(
        parse("join", &[r#"{"room":"general","after":null,"later":"field"}"#]),
        Ok(Command::Join { room, after: None, limit: 50 })
    );
    assert_eq!(parse("join", &[r#"{"room":"general","limit":0}"#]), Err(Code::BadRequest));
    assert_eq!(parse("join", &[r#"{"room":"general","limit":-1}"#]), Err(Code::BadRequest));
}

#[test]
fn send_needs_an_id_of_the_right_shape() {
    let good = r#"{"room":"general","id":"0123456789","text":"hi"}"#;
    assert!(matches!(parse("send", &[good]), Ok(Command::Send { .. })));
    for bad in [
        r#"{"room":"general","text":"hi"}"#,
        r#"{"room":"general","id":"short","text":"hi"}"#,
        r#"{"room":"general","id":"0123456789","text":""}"#,
        r#"{"room":"a b","id":"0123456789","text":"hi"}"#,
        r#"{"room":"general","id":"0123456789"}"#,
    ] {
        assert_eq!(parse("send", &[bad]), Err(Code::BadRequest), "{bad}");
    }
}

#[test]
fn history_goes_one_way_at_a_time() {
    let range = |json: &str| match parse("history", &[json]) {
        Ok(Command::History { range, .. }) => Ok(range),
        Ok(other) => panic!("{other:?}"),
        Err(code) => Err(code),
    };
    assert_eq!(range(r#"{"room":"a"}"#), Ok(Page::Newest));
    assert_eq!(range(r#"{"room":"a","before":5}"#), Ok(Page::Before(5)));
    assert_eq!(range(r#"{"room":"a","after":5}"#), Ok(Page::After(5)));
    assert_eq!(range(r#"{"room":"a","before":5,"after":5}"#), Err(Code::BadRequest));
}

#[test]
fn rename_tidies_the_name() {
    let renamed = parse("rename", &[r#"{"name":"  Ada  "}"#]);
    assert_eq!(renamed, Ok(Command::Rename { name: "Ada".into() }));
    assert_eq!(parse("rename", &[r#"{"name":""}"#]), Err(Code::BadRequest));
}

#[test]
fn history_can_begin_at_a_time() {
    let parsed = parse("history", &[r#"{"room":"a","at":1700000000000}"#]);
    let range = Page::At(1_700_000_000_000);
    assert_eq!(parsed, Ok(Command::History { room: room("a"), range, limit: 50 }));
    assert_eq!(parse("history", &[r#"{"room":"a","at":1,"after":5}"#]), Err(Code::BadRequest));
    assert_eq!(parse("history", &[r#"{"room":"a","at":"noon"}"#]), Err(Code::BadRequest));
}

#[test]
fn a_reply_names_an_entry() {
    let reply = |to: &str| {
        let json = format!(r#"{{"room":"a","id":"0123456789","text":"hi","replyTo":{to}}}"#);
        match parse("send", &[&json]) {
            Ok(Command::Send { message, .. }) => Ok(message.reply_to),
            Ok(other) => panic!("{other:?}"),
            Err(code) => Err(code),
        }
    };
    let position = Position { epoch: "e".into(), offset: 3 };
    assert_eq!(reply(r#"{"epoch":"e","offset":3}"#), Ok(Some(position)));
    assert_eq!(reply("null"), Ok(None));
    for bad in [r#"{"epoch":"e","offset":0}"#, r#"{"offset":3}"#, "3", r#"{"epoch":"e"}"#] {
        assert_eq!(reply(bad), Err(Code::BadRequest), "{bad}");
    }
}

#[test]
fn rooms_takes_what_was_seen_or_nothing() {
    assert_eq!(parse("rooms", &[]), Ok(Command::Rooms { seen: vec![] }));
    assert_eq!(parse("rooms", &["{}"]), Ok(Command::Rooms { seen: vec![] }));
    let seen = vec![(room("a"), Position { epoch: "e".into(), offset: 3 })];
    let json = r#"{"seen":[{"room":"A","epoch":"e","offset":3}]}"#;
    assert_eq!(parse("rooms", &[json]), Ok(Command::Rooms { seen }));
    for bad in [r#"{"seen":1}"#, r#"{"seen":[{"room":"a"}]}"#, "[]"] {
        assert_eq!(parse("rooms", &[bad]), Err(Code::BadRequest), "{bad}");
    }
    let many = vec![r#"{"room":"a","epoch":"e","offset":3}"#; 1_001].join(",");
    assert_eq!(parse("rooms", &[&format!(r#"{{"seen":[{many}]}}"#)]), Err(Code::TooLarge));
}

#[test]
fn create_reads_title_and_privacy() {
    let created = |title, private| Ok(Command::Create { room: room("a"), title, private });
    assert_eq!(parse("create", &[r#"{"room":"a"}"#]), created(None, false));
    let json = r#"{"room":"a","title":"  Tea  room ","private":true}"#;
    assert_eq!(parse("create", &[json]), created(Some("Tea room".into()), true));
    for bad in [r#"{"title":"a"}"#, r#"{"room":"a","title":""}"#, r#"{"room":"a","private":1}"#] {
        assert_eq!(parse("create", &[bad]), Err(Code::BadRequest), "{bad}");
    }
    let long = format!(r#"{{"room":"a","title":"{}"}}"#, "é".repeat(101));
    assert_eq!(parse("create", &[&long]), Err(Code::TooLarge));
}

#[test]
fn who_and_typing_name_a_room() {
    assert_eq!(parse("who", &[r#"{"room":"a"}"#]), Ok(Command::Who { room: room("a") }));
    let typing = Ok(Command::Typing { room: room("a"), on: true });
    assert_eq!(parse("typing", &[r#"{"room":"a","on":true}"#]), typing);
    assert_eq!(parse("typing", &[r#"{"room":"a"}"#]), Err(Code::BadRequest));
}

fn room(name: &str) -> RoomKey {
    RoomKey::parse(name).unwrap()
}
