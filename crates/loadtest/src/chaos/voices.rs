//! The two kinds of client: a stock one, which recovers by Socket.IO's own means, and a palabre
//! one, which holds a position.

use std::time::Duration;

use serde_json::{Value, json};

use super::client::{Incoming, Reaction, Voice};
use super::witness::What;

/// Entries of a page.
const PAGE: u64 = 200;

/// How long a member waits before it asks again for what the log could not show.
const AGAIN_AFTER: Duration = Duration::from_millis(300);

/// A client written for plain Socket.IO, 4.6 or newer.
#[derive(Debug, Default)]
pub(crate) struct Stock {
    pid: Option<String>,
    offset: Option<String>,
    was_recovered: bool,
}

impl Voice for Stock {
    fn introduction(&self) -> Value {
        match (&self.pid, &self.offset) {
            (Some(pid), Some(offset)) => json!({ "pid": pid, "offset": offset }),
            (Some(pid), None) => json!({ "pid": pid }),
            (None, _) => json!({}),
        }
    }

    fn connected(&mut self, accepted: &Value) -> Option<What> {
        let pid = accepted["pid"].as_str().map(str::to_owned);
        let is_first = self.pid.is_none();
        self.was_recovered = pid.is_some() && pid == self.pid;
        self.pid = pid;
        Some(match (is_first, self.was_recovered) {
            (true, _) => What::Connected,
            (false, true) => What::Recovered,
            (false, false) => What::Restarted,
        })
    }

    fn say(&self, id: &str, text: &str) -> (&'static str, Vec<Value>) {
        ("chat message", vec![text.into(), id.into()])
    }

    fn hear(&mut self, heard: Incoming<'_>) -> Reaction {
        let Incoming::Event(name, args) = heard else { return Reaction::default() };
        // As the official client does: whatever string an event ends with is the offset.
        if let (Some(_), Some(Value::String(last))) = (&self.pid, args.last()) {
            self.offset = Some(last.clone());
        }
        let text = args.first().and_then(Value::as_str).filter(|_| name == "chat message");
        Reaction { texts: text.map(str::to_owned).into_iter().collect(), ..Reaction::default() }
    }

    fn may_speak(&self) -> bool {
        true
    }

    fn is_same_user(&self) -> bool {
        self.was_recovered
    }
}

/// A client that speaks the chat protocol.
#[derive(Debug)]
pub(crate) struct Member {
    name: String,
    token: Option<String>,
    room: Option<String>,
    /// The epoch, and the offset up to which everything is known.
    position: Option<(String, u64)>,
    /// Where live entries begin, as the last `join` said, less one.
    head: u64,
    /// Whether everything up to there is known.
    is_caught_up: bool,
    /// Live entries that wait for that.
    live: Vec<Value>,
}

impl Member {
    pub(crate) fn new(name: String) -> Self {
        let (token, room, position, live) = (None, None, None, Vec::new());
        Self { name, token, room, position, head: 0, is_caught_up: false, live }
    }

    fn ask(&self) -> (&'static str, Value) {
        let mut takes = json!({ "room": self.room, "limit": PAGE });
        if let Some((epoch, offset)) = &self.position {
            takes["after"] = json!({ "epoch": epoch, "offset": offset });
        }
        ("join", takes)
    }

    fn welcomed(&mut self, welcome: &Value) -> Reaction {
        self.token = welcome["token"].as_str().map(str::to_owned);
        self.room = welcome["lobby"].as_str().map(str::to_owned);
        Reaction { command: Some(self.ask()), ..Reaction::default() }
    }

    /// Takes the answer to `join` or `history`.
    fn answered(&mut self, answer: &Value) -> Reaction {
        if answer["ok"] != true {
            return Reaction {
                command: Some(self.ask()),
                wait: AGAIN_AFTER,
                ..Reaction::default()
            };
        }
        let became = answer["members"].is_u64().then(|| self.joined(answer));
        let entries = answer["entries"].as_array().map_or(&[][..], Vec::as_slice);
        // A page of history may know entries that will come live as well.
        let head = Some(self.head);
        let below = entries.iter().filter(|entry| entry["offset"].as_u64() <= head);
        let mut texts: Vec<String> = below.filter_map(|entry| self.take(entry)).collect();
        if became == Some(What::Restarted) {
            // Shown afresh, and said so: these are no doubles.
            texts.clear();
        }
        let known = self.position.as_ref().map_or(0, |(_, offset)| *offset);
        if known < self.head && !entries.is_empty() {
            let takes = json!({ "room": self.room, "after": known, "limit": PAGE });
            let command = Some(("history", takes));
            return Reaction { became, texts, command, ..Reaction::default() };
        }
        self.is_caught_up = true;
        let live = std::mem::take(&mut self.live);
        texts.extend(live.iter().filter_map(|entry| self.take(entry)));
        Reaction { became, texts, ..Reaction::default() }
    }

    fn joined(&mut self, answer: &Value) -> What {
        self.head = answer["head"].as_u64().unwrap_or(0);
        let continues = self.position.is_some() && answer["reset"] != true;
        if continues {
            return What::Recovered;
        }
        let before_first = answer["entries"][0]["offset"].as_u64().map(|first| first - 1);
        let epoch = answer["epoch"].as_str().unwrap_or_default().to_owned();
        let before = self.position.replace((epoch, before_first.unwrap_or(self.head)));
        if before.is_some() { What::Restarted } else { What::Connected }
    }

    /// The text of an entry. Nothing is sorted out here: what comes twice or too early is a
    /// broken promise, which the witness must see.
    fn take(&mut self, entry: &Value) -> Option<String> {
        let offset = entry["offset"].as_u64()?;
        if let Some((_, known)) = &mut self.position {
            *known = (*known).max(offset);
        }
        entry["text"].as_str().map(str::to_owned)
    }
}

impl Voice for Member {
    fn introduction(&self) -> Value {
        let mut introduction = json!({ "palabre": 1, "name": self.name });
        if let Some(token) = &self.token {
            introduction["token"] = token.as_str().into();
        }
        introduction
    }

    fn connected(&mut self, _: &Value) -> Option<What> {
        self.is_caught_up = false;
        self.live.clear();
        None
    }

    fn say(&self, id: &str, text: &str) -> (&'static str, Vec<Value>) {
        ("send", vec![json!({ "room": self.room, "id": id, "text": text })])
    }

    fn hear(&mut self, heard: Incoming<'_>) -> Reaction {
        match heard {
            Incoming::Event("palabre:welcome", [welcome, ..]) => self.welcomed(welcome),
            Incoming::Event("entry", [entry, ..]) if self.is_caught_up => {
                let texts = self.take(entry).into_iter().collect();
                Reaction { texts, ..Reaction::default() }
            }
            Incoming::Event("entry", [entry, ..]) => {
                self.live.push(entry.clone());
                Reaction::default()
            }
            Incoming::Event("reset", _) => {
                self.is_caught_up = false;
                self.live.clear();
                Reaction { command: Some(self.ask()), ..Reaction::default() }
            }
            Incoming::Event(..) => Reaction::default(),
            Incoming::Answer(answer) => self.answered(answer),
        }
    }

    fn may_speak(&self) -> bool {
        self.is_caught_up
    }

    fn is_same_user(&self) -> bool {
        true
    }
}
