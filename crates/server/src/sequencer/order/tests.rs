use super::*;
use crate::application::identity::random;

const GENERAL: &str = "general";

const RING: ring::Limits = ring::Limits { time: std::time::Duration::from_mins(2), bytes: 1 << 20 };

fn epoch() -> Epoch {
    Epoch::from_random(*b"one epoch's name")
}

fn key(order: &mut Order, audience: Audience, room: Option<&str>) -> (SocketKey, Place) {
    let key = hub_key();
    let (placed, mut place) = oneshot::channel();
    let room = room.map(Box::from);
    let entering = Entering { key, audience, room, hold: false, again: false, placed };
    run(order, Input::Enter(entering));
    (key, place.try_recv().expect("a place is given at once when the log is known"))
}

/// Keys are given out by a hub only.
fn hub_key() -> SocketKey {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let tasks = tokio_util::task::TaskTracker::new();
        let hub = hub::Hub::start(1, hub::Limits::default(), hub::Metrics::new(), &tasks);
        hub.attach(hub.connection()).await
    })
}

fn run(order: &mut Order, input: Input) -> Vec<Effect> {
    let mut effects = Vec::new();
    order.handle(input, &mut effects);
    // What a task does with a place.
    let mut kept = Vec::new();
    for effect in effects {
        match effect {
            Effect::Placed { placed, place, undo } => {
                if placed.send(place).is_err() {
                    kept.extend(undo.map(|input| run(order, input)).into_iter().flatten());
                }
            }
            other => kept.push(other),
        }
    }
    kept
}

fn started() -> Order {
    let mut order = Order::new(1, RING);
    run(&mut order, followed(Followed::Start(Head { epoch: epoch(), seq: 10 })));
    order
}

fn followed(followed: Followed) -> Input {
    Input::Followed(Partition(0), followed)
}

fn entry(seq: u64, room: &str, text: &str) -> Input {
    let record = Record {
        seq,
        offset: seq,
        at: 1,
        names: broker::Names::new(room, "u", "0123456789"),
        target: None,
        bytes: chat::Entry::message("Ada", text).encode(),
    };
    followed(Followed::Entry(epoch(), Arc::new(record)))
}

fn texts(effects: &[Effect]) -> Vec<String> {
    let published = effects.iter().filter_map(|effect| match effect {
        Effect::Publish(publication) => Some(&publication.frame),
        Effect::Send(_, frame) => Some(frame),
        _ => None,
    });
    published
        .flat_map(|frame| frame.parts().map(|part| format!("{part:?}")).collect::<Vec<_>>())
        .collect()
}

#[test]
fn an_entry_of_a_room_that_nobody_is_in_is_skipped() {
    let mut order = started();
    assert!(run(&mut order, entry(11, GENERAL, "hi")).is_empty());
}

#[test]
fn each_audience_gets_its_own_frame_and_only_if_it_is_there() {
    let mut order = started();
    key(&mut order, Audience::Stock, Some(GENERAL));
    let stock = texts(&run(&mut order, entry(11, GENERAL, "hi")));
    assert_eq!(stock.len(), 1);
    assert!(stock[0].contains(&format!("{}.11", epoch())), "the cursor is last: {stock:?}");
    key(&mut order, Audience::StockPlain, Some(GENERAL));
    key(&mut order, Audience::Palabre, Some(GENERAL));
    let all = texts(&run(&mut order, entry(12, GENERAL, "hi")));
    assert_eq!(all.len(), 3);
    let with_cursor = all.iter().filter(|text| text.contains(&format!("{}.12", epoch())));
    assert_eq!(with_cursor.count(), 1);
}

#[test]
fn the_frames_of_an_entry_are_these() {
    let mut order = started();
    for audience in Audience::ALL {
        key(&mut order, audience, Some(GENERAL));
    }
    for (seq, said, json) in [(11, "hi \"all\"\n", r#""hi \"all\"\n""#), (12, "é", r#""é""#)] {
        let epoch = epoch();
        let place = format!(r#""room":"{GENERAL}","epoch":"{epoch}","offset":{seq}"#);
        let named = r#""id":"0123456789","user":"u","at":1,"kind":"message","name":"Ada""#;
        let want = [
            format!(r#"42["entry",{{{place},{named},"text":{json},"via":"socket"}}]"#),
            format!(r#"42["chat message",{json},"{epoch}.{seq}"]"#),
            format!(r#"42["chat message",{json}]"#),
        ];
        let want = want.map(|text| format!("{:?}", wire::Part::Text(&text)));
        assert_eq!(texts(&run(&mut order, entry(seq, GENERAL, said))), want);
    }
}

#[test]
fn what_is_no_message_sends_stock_clients_nothing() {
    let mut order = started();
    key(&mut order, Audience::Stock, Some(GENERAL));
    let bytes = &b"\x01{\"kind\":\"edit\",\"name\":\"a\",\"text\":\"x\",\"via\":\"socket\"}"[..];
    let Input::Followed(_, Followed::Entry(epoch, record)) = entry(11, GENERAL, "") else {
        unreachable!()
    };
    let record = Arc::new(Record { bytes: bytes.into(), ..(*record).clone() });
    assert!(run(&mut order, followed(Followed::Entry(epoch, record))).is_empty());
}

#[test]
fn a_place_is_behind_all_that_was_handed_over_before() {
    let mut order = started();
    assert_eq!(key(&mut order, Audience::Stock, Some(GENERAL)).1.head_of(GENERAL).seq, 10);
    run(&mut order, entry(11, "elsewhere", "hi"));
    let place = key(&mut order, Audience::Stock, Some(GENERAL)).1;
    assert_eq!(place.head_of(GENERAL).seq, 11);
    for (seq, room, sockets) in [(12, GENERAL, 2), (13, "elsewhere", 0)] {
        let Input::Followed(_, entry) = entry(seq, room, "hi") else { unreachable!() };
        assert_eq!(order.followed(Partition(0), entry, &mut Vec::new()), sockets);
    }
    assert_eq!(place.cursor(), format!("{}.11", epoch()));
}

#[test]
fn before_the_log_is_known_sockets_wait_for_their_place() {
    let mut order = Order::new(1, RING);
    let (placed, mut place) = oneshot::channel();
    let entering = Entering {
        key: hub_key(),
        audience: Audience::Stock,
        room: Some(GENERAL.into()),
        hold: false,
        again: false,
        placed,
    };
    run(&mut order, Input::Enter(entering));
    assert!(place.try_recv().is_err());
    run(&mut order, followed(Followed::Start(Head { epoch: epoch(), seq: 3 })));
    assert_eq!(place.try_recv().unwrap().head_of(GENERAL).seq, 3);
}

#[test]
fn a_place_that_nobody_waits_for_is_given_back() {
    let mut order = started();
    let (placed, place) = oneshot::channel();
    let entering = Entering {
        key: hub_key(),
        audience: Audience::Palabre,
        room: Some(GENERAL.into()),
        hold: true,
        again: false,
        placed,
    };
    let mut effects = Vec::new();
    order.handle(Input::Enter(entering), &mut effects);
    drop(place);
    let Some(Effect::Placed { placed, place, undo: Some(undo) }) = effects.pop() else {
        panic!("{effects:?}")
    };
    assert!(placed.send(place).is_err());
    run(&mut order, undo);
    assert_eq!(order.rooms(), 0);
}

#[test]
fn a_room_is_forgotten_when_the_last_socket_leaves() {
    let mut order = started();
    let (a, _) = key(&mut order, Audience::Palabre, Some(GENERAL));
    let (b, _) = key(&mut order, Audience::Stock, Some(GENERAL));
    for (key, audience, left) in [(a, Audience::Palabre, 1), (b, Audience::Stock, 0)] {
        let room = GENERAL.into();
        let effects = run(&mut order, Input::Leave { key, audience, room });
        assert!(matches!(effects[..], [Effect::Leave(..)]));
        assert_eq!(order.rooms(), left);
    }
}

#[test]
fn a_lost_past_is_told_to_palabre_clients_and_closes_stock_clients() {
    let mut order = started();
    key(&mut order, Audience::Palabre, Some(GENERAL));
    key(&mut order, Audience::Stock, Some("elsewhere"));
    key(&mut order, Audience::StockPlain, Some("a third"));
    let head = Head { epoch: Epoch::from_random(random()), seq: 0 };
    let effects = run(&mut order, followed(Followed::Reset(head)));
    let [Effect::Reset(epoch, rooms), Effect::Close(stock), Effect::Close(plain)] = &effects[..]
    else {
        panic!("{effects:?}")
    };
    assert_eq!(*epoch, head.epoch);
    assert_eq!(rooms.len(), 1);
    assert_eq!(&*rooms[0].0, GENERAL);
    let topic = |audience, room: &str| order.rooms[room.as_bytes()].topic(audience);
    assert_eq!(*stock, topic(Audience::Stock, "elsewhere"));
    assert_eq!(*plain, topic(Audience::StockPlain, "a third"));
    assert_eq!(key(&mut order, Audience::Palabre, None).1.head_of(GENERAL), head);
}

#[test]
fn rooms_are_told_of_a_lost_past_in_the_order_in_which_they_came() {
    let mut order = started();
    let names: Vec<String> = (0..20).map(|number| format!("room-{number}")).collect();
    for name in &names {
        key(&mut order, Audience::Palabre, Some(name));
    }
    let head = Head { epoch: Epoch::from_random(*b"another one here"), seq: 0 };
    let effects = run(&mut order, followed(Followed::Reset(head)));
    let [Effect::Reset(_, rooms)] = &effects[..] else { panic!("{effects:?}") };
    assert!(rooms.iter().map(|(name, _)| &**name).eq(names.iter().map(String::as_str)));
}

#[test]
fn what_is_told_to_a_stock_client_bears_the_cursor() {
    let mut order = started();
    let (key, _) = key(&mut order, Audience::Stock, Some(GENERAL));
    let tell = |audience| Input::Tell { key, audience, name: "notice", json: "{}".into() };
    let told = texts(&run(&mut order, tell(Audience::Stock)));
    assert!(told[0].contains(&format!("{}.10", epoch())), "{told:?}");
    let told = texts(&run(&mut order, tell(Audience::StockPlain)));
    assert!(!told[0].contains(&*epoch().to_string()), "{told:?}");
}

#[test]
fn what_is_told_to_a_room_reaches_its_palabre_clients_only() {
    let mut order = started();
    let tell = |room: &str| Input::TellRoom {
        room: room.into(),
        name: "typing",
        json: "{}".into(),
        class: Class::Ephemeral,
    };
    assert!(run(&mut order, tell(GENERAL)).is_empty(), "nobody is there");
    key(&mut order, Audience::Stock, Some(GENERAL));
    assert!(run(&mut order, tell(GENERAL)).is_empty(), "stock clients get none of it");
    key(&mut order, Audience::Palabre, Some(GENERAL));
    let effects = run(&mut order, tell(GENERAL));
    let [Effect::Publish(publication)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(publication.class, Class::Ephemeral);
    assert!(run(&mut order, tell("other")).is_empty());
}

#[test]
fn a_signal_is_handed_on() {
    let mut order = started();
    let signal = Followed::Signal { room: GENERAL.into(), bytes: Bytes::from_static(b"\x01{}") };
    let effects = run(&mut order, followed(signal));
    assert!(matches!(&effects[..], [Effect::Signal(room, _)] if &**room == GENERAL), "{effects:?}");
}

fn come_back(order: &mut Order, rooms: &[(&str, u64)]) -> (SocketKey, oneshot::Receiver<Returned>) {
    let key = hub_key();
    let (placed, place) = oneshot::channel();
    let wanted = |(room, seq): &(&str, u64)| Wanted {
        room: (*room).into(),
        after: Head { epoch: epoch(), seq: *seq },
    };
    let rooms = rooms.iter().map(wanted).collect();
    let returning = Returning { key, audience: Audience::Stock, rooms, placed };
    let mut effects = Vec::new();
    order.handle(Input::Return(returning), &mut effects);
    for effect in effects {
        if let Effect::Returned { placed, returned, undo } = effect
            && placed.send(returned).is_err()
        {
            give_back(order, undo);
        }
    }
    (key, place)
}

fn give_back(order: &mut Order, undo: Vec<Input>) {
    for input in undo {
        run(order, input);
    }
}

fn seqs(stretch: &ring::Stretch) -> Vec<u64> {
    stretch.iter().flat_map(|piece| piece.iter()).map(|recent| recent.record().seq).collect()
}

#[test]
fn who_comes_back_is_given_what_the_ring_has_up_to_its_place() {
    let mut order = started();
    for seq in 11..=14 {
        run(&mut order, entry(seq, if seq == 13 { "other" } else { GENERAL }, "hi"));
    }
    let (_, mut place) = come_back(&mut order, &[(GENERAL, 12), ("other", 11)]);
    let returned = place.try_recv().unwrap();
    assert_eq!(returned.place.head_of(GENERAL).seq, 14);
    let recent = returned.recent.expect("the ring began behind 10");
    assert_eq!(recent.len(), 1, "one partition");
    assert!(seqs(&recent[0].1).ends_with(&[12, 13, 14]), "{recent:?}");
    // From that place on it hears both rooms.
    assert_eq!(texts(&run(&mut order, entry(15, "other", "hi"))).len(), 1);
    assert_eq!(texts(&run(&mut order, entry(16, GENERAL, "hi"))).len(), 1);
    assert_eq!(order.rooms(), 2);
}

#[test]
fn where_the_ring_does_not_reach_it_says_so_and_gives_the_place() {
    let mut order = started();
    run(&mut order, entry(11, GENERAL, "hi"));
    let (_, mut place) = come_back(&mut order, &[(GENERAL, 9)]);
    let returned = place.try_recv().unwrap();
    assert!(returned.recent.is_none());
    assert_eq!(returned.place.head_of(GENERAL).seq, 11);
}

#[test]
fn what_the_log_has_at_the_start_fills_the_ring() {
    let mut order = Order::new(1, RING);
    let Input::Followed(_, Followed::Entry(epoch, record)) = entry(10, GENERAL, "hi") else {
        unreachable!()
    };
    run(&mut order, Input::Recent(Partition(0), epoch, vec![(*record).clone()]));
    run(&mut order, followed(Followed::Start(Head { epoch, seq: 10 })));
    run(&mut order, entry(11, GENERAL, "hi"));
    let (_, mut place) = come_back(&mut order, &[(GENERAL, 9)]);
    let recent = place.try_recv().unwrap().recent.expect("entry 10 was read");
    assert_eq!(seqs(&recent[0].1), [10, 11]);
}

#[test]
fn nobody_comes_back_before_the_log_is_known_or_when_nobody_waits() {
    let mut order = Order::new(1, RING);
    let (_, mut place) = come_back(&mut order, &[(GENERAL, 9)]);
    assert!(place.try_recv().is_err());
    let mut order = started();
    let (placed, place) = oneshot::channel();
    let rooms = Arc::new([Wanted { room: GENERAL.into(), after: order.heads().unwrap()[0] }]);
    let returning = Returning { key: hub_key(), audience: Audience::Stock, rooms, placed };
    let mut effects = Vec::new();
    order.handle(Input::Return(returning), &mut effects);
    drop(place);
    let Some(Effect::Returned { placed, returned, undo }) = effects.pop() else {
        panic!("{effects:?}")
    };
    assert!(placed.send(returned).is_err());
    give_back(&mut order, undo);
    assert_eq!(order.rooms(), 0);
}
