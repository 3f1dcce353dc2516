//! The follower against a model: a log that is known, and deliveries that are lost, doubled, late
//! and broken off, with a store that answers late, partly or not at all.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Event {
    /// An entry is appended, and its delivery sent off or lost.
    Append { lost: bool },
    /// Something that was delivered before is delivered once more.
    Double { back: u64 },
    /// So many deliveries arrive.
    Arrive(usize),
    /// Deliveries break off; those under way are lost.
    Break,
    /// Deliveries go on.
    Mend,
    /// A heartbeat.
    Beat,
    /// The store works out its answer to what is asked,
    Answer { records_max: usize },
    /// or fails to.
    Fail,
    /// The oldest answer arrives.
    Bring,
    /// The oldest answer is lost.
    Drop,
    /// Time passes.
    Pass { millis: u64 },
    /// The store forgets its oldest entries.
    Trim { kept: u64 },
    /// The store loses everything.
    Lose,
    /// The store loses its newest entries.
    LoseTail { count: usize },
}

fn harmless() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => prop::bool::weighted(0.2).prop_map(|lost| Event::Append { lost }),
        1 => (0..8_u64).prop_map(|back| Event::Double { back }),
        6 => (1..5_usize).prop_map(Event::Arrive),
        1 => Just(Event::Break),
        2 => Just(Event::Mend),
        1 => Just(Event::Beat),
        4 => (0..4_usize).prop_map(|records_max| Event::Answer { records_max }),
        1 => Just(Event::Fail),
        5 => Just(Event::Bring),
        1 => Just(Event::Drop),
        2 => (1..400_u64).prop_map(|millis| Event::Pass { millis }),
    ]
}

fn forgetful() -> impl Strategy<Value = Event> {
    prop_oneof![
        20 => harmless(),
        1 => (0..6_u64).prop_map(|kept| Event::Trim { kept }),
        1 => Just(Event::Lose),
    ]
}

fn faulty() -> impl Strategy<Value = Event> {
    prop_oneof![
        20 => forgetful(),
        1 => (1..6_usize).prop_map(|count| Event::LoseTail { count }),
    ]
}

enum Reply {
    Head(u64, Option<Head>),
    Page(u64, Result<PartitionPage, Error>),
}

struct World {
    follower: Follower,
    now: Duration,
    /// The log of the present epoch; the first entry has seq 1.
    log: Vec<Record>,
    life: u8,
    trimmed: u64,
    made: u64,
    lost_tail: bool,
    connected: bool,
    under_way: VecDeque<Delivery>,
    asked: VecDeque<Step>,
    replies: VecDeque<Reply>,
    out: Vec<Followed>,
    /// All logs that there were.
    past: HashMap<Epoch, Vec<Record>>,
}

impl World {
    fn new(hold: Duration) -> Self {
        let limits = Limits {
            held_entries: 4,
            held_bytes: 2_000,
            hold,
            page: 3,
            read_wait: Duration::from_secs(1),
            retry_first: Duration::from_millis(50),
            retry_max: Duration::from_millis(400),
            remembered: 6,
        };
        Self {
            follower: Follower::new(limits),
            now: Duration::ZERO,
            log: Vec::new(),
            life: b'a',
            trimmed: 0,
            made: 0,
            lost_tail: false,
            connected: false,
            under_way: VecDeque::new(),
            asked: VecDeque::new(),
            replies: VecDeque::new(),
            out: Vec::new(),
            past: HashMap::new(),
        }
    }

    fn head(&self) -> Head {
        Head { epoch: epoch(char::from(self.life)), seq: self.log.len() as u64 }
    }

    fn send(&mut self, delivery: Delivery) {
        if self.connected {
            self.under_way.push_back(delivery);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Append { lost } => {
                self.made += 1;
                let record = record(self.head().seq + 1, &format!("made {}", self.made));
                self.log.push(record.clone());
                self.past.entry(self.head().epoch).or_default().push(record.clone());
                if !lost {
                    self.send(Delivery::Entry(self.head().epoch, Arc::new(record)));
                }
            }
            Event::Double { back } => {
                let index = self.head().seq.checked_sub(back + 1);
                if let Some(record) = index.and_then(|index| self.log.get(index as usize)) {
                    let record = Arc::new(record.clone());
                    self.send(Delivery::Entry(self.head().epoch, record));
                }
            }
            Event::Arrive(count) => self.arrive(count),
            Event::Break => {
                if std::mem::take(&mut self.connected) {
                    self.under_way.clear();
                    self.under_way.push_back(Delivery::Interrupted);
                }
            }
            Event::Mend => {
                if !std::mem::replace(&mut self.connected, true) {
                    self.send(Delivery::Live);
                }
            }
            Event::Beat => {
                self.send(Delivery::Watermark { instance: "me".into(), head: self.head() });
            }
            Event::Answer { records_max } => self.answer(records_max),
            Event::Fail => {
                let reply = self.asked.pop_front().map(|step| match step {
                    Step::ReadHead { ticket } => Reply::Head(ticket, None),
                    Step::Read { ticket, .. } => {
                        Reply::Page(ticket, Err(Error::Unavailable("x".into())))
                    }
                    Step::HandOn(_) => unreachable!("only questions are kept"),
                });
                self.replies.extend(reply);
            }
            Event::Bring => self.bring(),
            Event::Drop => drop(self.replies.pop_front()),
            Event::Pass { millis } => {
                self.now += Duration::from_millis(millis);
                self.follower.handle_timeout(self.now);
            }
            Event::Trim { kept } => {
                self.trimmed = self.trimmed.max(self.head().seq.saturating_sub(kept));
            }
            Event::Lose => {
                self.life += 1;
                self.log.clear();
                self.trimmed = 0;
            }
            Event::LoseTail { count } => {
                self.log.truncate(self.log.len().saturating_sub(count));
                self.trimmed = self.trimmed.min(self.head().seq);
                self.lost_tail = true;
            }
        }
        self.look();
    }

    fn arrive(&mut self, count: usize) {
        for _ in 0..count {
            let Some(delivery) = self.under_way.pop_front() else { return };
            self.follower.handle(delivery, self.now);
            self.look();
        }
    }

    fn answer(&mut self, records_max: usize) {
        let Some(step) = self.asked.pop_front() else { return };
        self.replies.push_back(match step {
            Step::ReadHead { ticket } => Reply::Head(ticket, Some(self.head())),
            Step::Read { ticket, after, to, limit } => {
                // A store may give less than was asked for, but not nothing.
                let limit = limit.min(records_max.max(1));
                let kept =
                    |record: &&Record| record.seq > after.max(self.trimmed) && record.seq <= to;
                let records = self.log.iter().filter(kept).take(limit).cloned().collect();
                let reaches_back = self.trimmed <= after;
                Reply::Page(ticket, Ok(PartitionPage { head: self.head(), records, reaches_back }))
            }
            Step::HandOn(_) => unreachable!("only questions are kept"),
        });
    }

    fn bring(&mut self) {
        match self.replies.pop_front() {
            Some(Reply::Head(ticket, answer)) => {
                self.follower.head_answer(ticket, answer, self.now);
            }
            Some(Reply::Page(ticket, answer)) => {
                self.follower.page_answer(ticket, answer, self.now);
            }
            None => {}
        }
    }

    /// Takes the steps, and looks whether the limits hold.
    fn look(&mut self) {
        while let Some(step) = self.follower.poll_step() {
            match step {
                Step::HandOn(followed) => self.out.push(followed),
                question => self.asked.push_back(question),
            }
        }
        assert!(self.follower.held.len() <= 4 && self.follower.held.bytes() <= 2_000);
        assert!(!self.follower.live || self.follower.held.len() == 0 || self.is_waiting());
    }

    fn is_waiting(&self) -> bool {
        self.follower.asked.is_some() || self.follower.retry_at.is_some()
    }

    /// Lets everything come to rest after one more heartbeat.
    fn settle(&mut self) {
        self.happen(Event::Mend);
        self.happen(Event::Beat);
        for _ in 0..10_000 {
            self.happen(Event::Arrive(1));
            self.happen(Event::Answer { records_max: 3 });
            self.happen(Event::Bring);
            if let Some(at) = self.follower.poll_timeout() {
                // Never at a time that has passed already.
                let millis = at.saturating_sub(self.now).as_millis() as u64;
                self.happen(Event::Pass { millis });
                assert!(self.follower.poll_timeout().is_none_or(|at| at > self.now));
            }
            let silent = self.under_way.is_empty() && self.asked.is_empty();
            if silent && self.replies.is_empty() && !self.is_waiting() {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    /// Whatever was handed on was in a log, in order, without gaps, from each start on; in the end
    /// all of it. Says how often it began anew.
    fn judge(&self) -> usize {
        let mut last: Option<Head> = None;
        let (mut resets, mut behind) = (0, false);
        for followed in &self.out {
            match followed {
                Followed::Start(head) => {
                    assert_eq!(last, None, "started once");
                    last = Some(*head);
                }
                Followed::Reset(head) => {
                    last = Some(*head);
                    resets += 1;
                }
                Followed::Entry(epoch, record) => {
                    let before = last.expect("nothing comes before the start");
                    let head = Head { epoch: *epoch, seq: record.seq };
                    assert_eq!(head, Head { seq: before.seq + 1, ..before });
                    last = Some(head);
                }
                Followed::Behind => assert!(!std::mem::replace(&mut behind, true)),
                Followed::CaughtUp { head, .. } => {
                    assert!(std::mem::replace(&mut behind, false));
                    assert_eq!(Some(*head), last);
                }
                Followed::Signal { .. } | Followed::Watermark { .. } => {}
            }
        }
        assert!(!behind, "in the end it has caught up");
        assert_eq!(last, Some(self.head()), "in the end everything was handed on");
        assert_eq!(last, self.follower.last());
        resets
    }

    /// What was handed on is what the log has, or had.
    fn judge_content(&self) {
        for followed in &self.out {
            if let Followed::Entry(epoch, record) = followed {
                let log = self.past.get(epoch).expect("there was such an epoch");
                assert_eq!(log[record.seq as usize - 1], **record);
            }
        }
    }
}

const FOREVER: Duration = Duration::MAX;
const SHORT: Duration = Duration::from_millis(900);

fn play(events: Vec<Event>, hold: Duration) -> World {
    let mut world = World::new(hold);
    for event in events {
        world.happen(event);
    }
    world.settle();
    if world.life > b'a' || world.lost_tail {
        // The first heartbeat may have crossed an answer from before the loss.
        world.settle();
    }
    world
}

proptest! {
    #[test]
    fn what_is_handed_on_is_the_log_whatever_the_deliveries_do(
        events in prop::collection::vec(harmless(), 0..150)
    ) {
        let world = play(events, FOREVER);
        prop_assert_eq!(world.judge(), 0, "a log that is whole never resets");
        world.judge_content();
    }

    #[test]
    fn what_is_gone_is_said_and_nothing_else_is_missing(
        events in prop::collection::vec(forgetful(), 0..150)
    ) {
        let world = play(events, FOREVER);
        world.judge();
        world.judge_content();
    }

    #[test]
    fn holds_that_last_too_long_are_given_up(
        events in prop::collection::vec(harmless(), 0..150)
    ) {
        let world = play(events, SHORT);
        world.judge();
        world.judge_content();
    }

    #[test]
    fn store_that_loses_its_tail_does_not_stop_the_stream(
        events in prop::collection::vec(faulty(), 0..150)
    ) {
        play(events, SHORT).judge();
    }
}
