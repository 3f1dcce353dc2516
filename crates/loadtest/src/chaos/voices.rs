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

#[cfg(test)]
mod tests {
    use super::*;

    fn events(voice: &mut impl Voice, name: &str, args: &[Value]) -> Vec<String> {
        voice.hear(Incoming::Event(name, args)).texts
    }

    fn entry(offset: u64) -> Value {
        json!({ "offset": offset, "text": offset.to_string() })
    }

    /// The answer to a join: a page up to the head.
    fn page(offsets: std::ops::RangeInclusive<u64>) -> Value {
        let entries: Vec<Value> = offsets.clone().map(entry).collect();
        json!({ "ok": true, "members": 3, "epoch": "e", "head": offsets.end(), "entries": entries })
    }

    #[test]
    fn stock_client_knows_whether_it_was_recovered() {
        let mut stock = Stock::default();
        assert_eq!(stock.introduction(), json!({}));
        assert_eq!(stock.connected(&json!({ "pid": "a" })), Some(What::Connected));
        assert_eq!(stock.introduction(), json!({ "pid": "a" }));
        assert_eq!(events(&mut stock, "chat message", &["hi".into(), "o1".into()]), ["hi"]);
        assert!(events(&mut stock, "welcome", &["hi".into(), "o2".into()]).is_empty());
        assert_eq!(stock.introduction(), json!({ "pid": "a", "offset": "o2" }));
        assert_eq!(stock.connected(&json!({ "pid": "a" })), Some(What::Recovered));
        assert!(stock.is_same_user());
        for other in [json!({ "pid": "b" }), json!({})] {
            assert_eq!(stock.connected(&other), Some(What::Restarted));
            assert!(!stock.is_same_user());
        }
    }

    #[test]
    fn member_shows_each_entry_once_it_is_caught_up() {
        let mut member = Member::new("ann".into());
        assert_eq!(member.connected(&Value::Null), None);
        let welcome = json!({ "token": "t", "lobby": "lobby" });
        let asked = member.hear(Incoming::Event("palabre:welcome", &[welcome])).command;
        assert_eq!(asked, Some(("join", json!({ "room": "lobby", "limit": PAGE }))));
        assert!(events(&mut member, "entry", &[entry(8)]).is_empty() && !member.may_speak());
        let joined = member.hear(Incoming::Answer(&page(5..=7)));
        assert_eq!((joined.became, joined.command), (Some(What::Connected), None));
        assert_eq!(joined.texts, ["5", "6", "7", "8"]);
        assert!(member.may_speak());
        assert_eq!(events(&mut member, "entry", &[entry(9)]), ["9"]);
        assert_eq!(events(&mut member, "entry", &[entry(9)]), ["9"], "a double is seen");
        assert_eq!(member.introduction()["token"], "t");
    }

    #[test]
    fn member_that_comes_back_is_told_whether_anything_is_missing() {
        let mut member = Member::new("ann".into());
        member.hear(Incoming::Answer(&page(5..=7)));
        member.connected(&Value::Null);
        assert!(!member.may_speak());
        let (_, asked) = member.hear(Incoming::Event("reset", &[])).command.unwrap();
        assert_eq!(asked["after"], json!({ "epoch": "e", "offset": 7 }));
        let back = member.hear(Incoming::Answer(&page(8..=9)));
        assert_eq!(
            (back.became, &*back.texts),
            (Some(What::Recovered), &["8", "9"].map(String::from)[..])
        );
        let mut afresh = page(20..=21);
        afresh["reset"] = true.into();
        let back = member.hear(Incoming::Answer(&afresh));
        assert_eq!((back.became, back.texts.len()), (Some(What::Restarted), 0));
        assert_eq!(events(&mut member, "entry", &[entry(22)]), ["22"]);
    }

    #[test]
    fn member_reads_on_to_the_head_and_asks_again_where_it_must() {
        let mut member = Member::new("ann".into());
        let mut first = page(1..=2);
        first["head"] = 4.into();
        let read = member.hear(Incoming::Answer(&first));
        let (command, takes) = read.command.unwrap();
        assert_eq!((command, &takes["after"], read.texts.len()), ("history", &json!(2), 2));
        assert!(!member.may_speak());
        let later = member.hear(Incoming::Answer(&json!({ "ok": false })));
        assert_eq!((later.command.unwrap().0, later.wait), ("join", AGAIN_AFTER));
        let rest = json!({ "ok": true, "entries": [entry(3), entry(4), entry(5)] });
        let read = member.hear(Incoming::Answer(&rest));
        assert_eq!(read.texts, ["3", "4"], "the fifth comes live");
        assert!(member.may_speak());
    }
}
