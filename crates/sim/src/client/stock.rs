//! A stock client: it is in the lobby by itself, gets texts, holds the newest cursor, and asks to
//! be recovered with it as the official JavaScript client does.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Tally, Turn,
    session::{Heard, Session},
};
use crate::{broker::SharedWorld, chance::Chance, world::World};

/// The room that stock clients are in.
pub(crate) const LOBBY: &str = "general";

/// One client.
pub(crate) struct Stock {
    pub(crate) name: String,
    pub(crate) session: Session,
    pub(crate) tally: Tally,
    /// When it connects again.
    pub(crate) back_at: Duration,
    chance: Chance,
    pid: Option<String>,
    cursor: Option<String>,
    connected: bool,
    /// How far it has seen the log, by partition life and seq; unknown until the first cursor.
    seen: Option<(String, u64)>,
    written: u64,
}

impl Stock {
    pub(crate) fn new(number: usize, mut chance: Chance) -> Self {
        let back_at = chance.millis(0, 300);
        Self {
            name: format!("s{number}"),
            session: Session::default(),
            tally: Tally::default(),
            back_at,
            chance,
            pid: None,
            cursor: None,
            connected: false,
            seen: None,
            written: 0,
        }
    }

    pub(crate) fn turn(&mut self, turn: &Turn<'_>) {
        for heard in self.session.turn(turn.now, &mut self.chance) {
            self.hear(heard, turn);
        }
        if !self.session.is_open() {
            self.come_back(turn);
        } else if self.connected && turn.busy && self.chance.per_mille(20) {
            self.written += 1;
            let text = format!("{} says {}", self.name, self.written);
            let id = format!("id-{}-{:06}", self.name, self.written);
            self.session.ask(&json!(["chat message", text, id]), turn.now, &mut self.chance);
        }
    }

    fn come_back(&mut self, turn: &Turn<'_>) {
        if turn.now < self.back_at {
            return;
        }
        self.back_at = turn.now + self.chance.millis(100, 1_000);
        let introduction = match (&self.pid, &self.cursor) {
            (Some(pid), Some(cursor)) => json!({ "pid": pid, "offset": cursor }).to_string(),
            (Some(pid), None) => json!({ "pid": pid }).to_string(),
            (None, _) => String::new(),
        };
        let at = self.chance.index(turn.paths.len());
        let path = &turn.paths[at];
        if self.session.connect(path, introduction, turn.now, &mut self.chance) {
            let cursor = self.cursor.as_deref().unwrap_or("nothing");
            turn.world.lock().note(format_args!("{} connects to i{at} with {cursor}", self.name));
        }
    }

    fn hear(&mut self, heard: Heard, turn: &Turn<'_>) {
        match heard {
            Heard::Connected(answer) => self.connected(&answer, turn),
            Heard::Refused(why) => {
                let what = format_args!("{} is refused: {why}", self.name);
                turn.world.lock().violated("P5 honest", what);
            }
            Heard::Ended => {
                turn.world.lock().note(format_args!("{} has no connection", self.name));
                self.connected = false;
                self.back_at = self.back_at.max(turn.now + self.chance.millis(0, 400));
            }
            Heard::Event(event) => self.event(&event, turn),
            Heard::Answer(_, answer) if answer["ok"] == true => self.acknowledged(&answer, turn),
            Heard::Answer(..) => {}
        }
    }

    fn acknowledged(&mut self, answer: &Value, turn: &Turn<'_>) {
        self.tally.acknowledged += 1;
        let world = &mut turn.world.lock();
        let (epoch, offset) = (answer["epoch"].as_str(), answer["offset"].as_u64());
        let (epoch, offset) = (epoch.unwrap_or_default(), offset.unwrap_or_default());
        let record = world.store.ever(epoch, LOBBY, offset);
        if record.is_none_or(|record| answer["id"] != *record.id()) {
            let what =
                format_args!("{} was acknowledged by {answer}, which is no entry", self.name);
            world.violated("P3 no loss", what);
        }
    }

    fn connected(&mut self, answer: &Value, turn: &Turn<'_>) {
        self.tally.connected += 1;
        self.connected = true;
        let pid = answer["pid"].as_str().map(str::to_owned);
        let recovered = pid.is_some() && pid == self.pid;
        let world = &mut turn.world.lock();
        world.note(format_args!("{} is connected, recovered {recovered}", self.name));
        if recovered {
            self.tally.recovered += 1;
        } else {
            if self.pid.is_some() {
                self.tally.not_recovered += 1;
                if !world.forgot && !world.was_away {
                    let what = format_args!("{} is not recovered for nothing", self.name);
                    world.violated("P5 honest", what);
                }
            }
            self.seen = None;
            self.cursor = None;
        }
        self.pid = pid;
    }

    fn event(&mut self, event: &[Value], turn: &Turn<'_>) {
        let world = &mut turn.world.lock();
        if let Some(cursor) = event.last().and_then(Value::as_str)
            && self.pid.is_some()
        {
            self.cursor = Some(cursor.to_owned());
        }
        match event.first().and_then(Value::as_str) {
            Some("palabre:welcome") if self.seen.is_none() => {
                let home = world.store.home(LOBBY).0;
                self.seen = self.cursor.as_deref().and_then(|cursor| place_of(cursor, home));
            }
            Some("chat message") => {
                let text = event.get(1).and_then(Value::as_str).unwrap_or_default();
                world.note(format_args!("{} sees {text:?}", self.name));
                self.tally.seen += 1;
                self.follow(text, world);
            }
            _ => {}
        }
    }

    /// The message must be the next one in the log.
    fn follow(&mut self, text: &str, world: &mut World) {
        let Some((epoch, seen)) = &self.seen else {
            let head = world.store.head(world.store.home(LOBBY)).ok();
            let found = head.and_then(|head| {
                Some((head.epoch.to_string(), seq_of(text, head.epoch.as_str(), world)?))
            });
            self.seen = found;
            return;
        };
        let next = next_message(epoch, *seen, world);
        if let Some((seq, _)) = next.filter(|(_, expected)| *expected == text) {
            self.seen = Some((epoch.clone(), seq));
            return;
        }
        let (name, seen) = (self.name.clone(), *seen);
        match seq_of(text, epoch, world) {
            Some(seq) if seq <= seen => {
                let what = format_args!("{name} gets {text:?}, {seq}, after {seen}");
                world.violated("P4 once", what);
            }
            Some(seq) => {
                let what = format_args!("{name} gets {text:?}, {seq}, after {seen}");
                world.violated("P3 no loss", what);
                self.seen = Some((epoch.clone(), seq));
            }
            None => {
                let what = format_args!("{name} gets {text:?} of another epoch without a word");
                world.violated("P5 honest", what);
                self.seen = None;
            }
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connected
    }

    /// What is still missing.
    pub(crate) fn wants(&self, world: &SharedWorld) -> Option<String> {
        let name = &self.name;
        if !self.connected {
            return Some(format!("{name} is not connected"));
        }
        let world = world.lock();
        let (epoch, seen) = self.seen.as_ref()?;
        let head = world.store.head(world.store.home(LOBBY)).ok()?;
        if head.epoch.as_str() != epoch {
            return Some(format!("{name} follows an epoch that is over"));
        }
        let next = next_message(epoch, *seen, &world)?;
        Some(format!("{name} has seen {seen} and misses {next:?}"))
    }
}

/// Where a cursor stands in a partition.
fn place_of(cursor: &str, partition: u16) -> Option<(String, u64)> {
    let (epoch, seq) = cursor.split('~').nth(usize::from(partition))?.split_once('.')?;
    Some((epoch.to_owned(), seq.parse().ok()?))
}

/// The first message of the lobby behind a seq, with its text.
fn next_message(epoch: &str, after: u64, world: &World) -> Option<(u64, String)> {
    let log = world.store.life(epoch)?.log();
    let behind = log.get(usize::try_from(after).ok()?..)?;
    behind
        .iter()
        .filter(|record| record.room() == LOBBY)
        .find_map(|record| Some((record.seq, text_of(&record.bytes)?)))
}

fn seq_of(text: &str, epoch: &str, world: &World) -> Option<u64> {
    let log = world.store.life(epoch)?.log();
    let found = log
        .iter()
        .filter(|record| record.room() == LOBBY)
        .find(|record| text_of(&record.bytes).as_deref() == Some(text));
    found.map(|record| record.seq)
}

fn text_of(bytes: &[u8]) -> Option<String> {
    chat::Entry::decode(bytes).ok()?.text.map(String::from)
}
