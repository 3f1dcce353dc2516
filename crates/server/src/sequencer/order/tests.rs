use super::*;
use crate::application::identity::random;

const GENERAL: &str = "general";

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
    let mut order = Order::new(1);
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
        room: room.into(),
        user: "u".into(),
        id: "0123456789".into(),
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
    assert_eq!(place.members, 2);
    assert_eq!(place.cursor(), format!("{}.11", epoch()));
}

#[test]
fn before_the_log_is_known_sockets_wait_for_their_place() {
    let mut order = Order::new(1);
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
fn a_lost_past_is_told_to_the_rooms_of_palabre_clients() {
    let mut order = started();
    key(&mut order, Audience::Palabre, Some(GENERAL));
    key(&mut order, Audience::Stock, Some("elsewhere"));
    let head = Head { epoch: Epoch::from_random(random()), seq: 0 };
    let effects = run(&mut order, followed(Followed::Reset(head)));
    let [Effect::Reset(epoch, rooms)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(*epoch, head.epoch);
    assert_eq!(rooms.len(), 1);
    assert_eq!(&*rooms[0].0, GENERAL);
    assert_eq!(key(&mut order, Audience::Palabre, None).1.head_of(GENERAL), head);
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
