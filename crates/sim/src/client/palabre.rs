//! A palabre client: rooms with positions, commands with answers, messages that are sent again
//! with the same id until they are acknowledged.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    Tally, Turn,
    room::{Next, Position, Room, Stage},
    session::{Heard, Session},
};
use crate::{broker::SharedWorld, chance::Chance};

/// Messages that may be unacknowledged at once.
const UNSENT_MAX: usize = 12;

/// How often a client asks who is in its rooms, in peace.
const WHO_EVERY: Duration = Duration::from_secs(1);

/// How long an answer may take before the command is given up with its connection.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// One client.
pub(crate) struct Palabre {
    pub(crate) name: String,
    pub(crate) session: Session,
    pub(crate) tally: Tally,
    /// When it connects again.
    pub(crate) back_at: Duration,
    chance: Chance,
    token: Option<String>,
    welcomed: bool,
    rooms: BTreeMap<String, Room>,
    asked: BTreeMap<u64, (Duration, Asked)>,
    messages: VecDeque<Message>,
    written: u64,
    /// How many there are in its rooms, as it was told last.
    counts: BTreeMap<String, u64>,
    who_at: Duration,
    /// Messages that were acknowledged, to be repeated now and then.
    done: VecDeque<(Message, Position)>,
}

#[derive(Clone, Debug)]
struct Message {
    room: String,
    id: String,
    text: String,
    /// Waits for an answer on this connection.
    under_way: bool,
    attempts: u32,
    not_before: Duration,
}

enum Asked {
    Join(String, Option<Position>),
    Leave(String),
    Page(String),
    Send(String),
    Repeat(Message, Position),
    Who(String),
}

impl Palabre {
    pub(crate) fn new(number: usize, rooms: &[&str], mut chance: Chance) -> Self {
        let rooms = rooms.iter().map(|name| ((*name).to_owned(), Room::default())).collect();
        let back_at = chance.millis(0, 300);
        Self {
            name: format!("p{number}"),
            session: Session::default(),
            tally: Tally::default(),
            back_at,
            chance,
            token: None,
            welcomed: false,
            rooms,
            asked: BTreeMap::new(),
            messages: VecDeque::new(),
            written: 0,
            counts: BTreeMap::new(),
            who_at: Duration::ZERO,
            done: VecDeque::new(),
        }
    }

    pub(crate) fn turn(&mut self, turn: &Turn<'_>) {
        for heard in self.session.turn(turn.now, &mut self.chance) {
            self.hear(heard, turn);
        }
        if !self.session.is_open() {
            return self.come_back(turn);
        }
        if self.asked.values().any(|(since, _)| turn.now > *since + ANSWER_MAX) {
            let what = format_args!("{} got no answer for {ANSWER_MAX:?}", self.name);
            turn.world.lock().violated("P5 honest", what);
            self.asked.clear();
        }
        if self.welcomed {
            self.enter_rooms(turn);
            self.send_messages(turn);
            if turn.busy {
                self.act(turn);
            } else if turn.now >= self.who_at {
                self.who_at = turn.now + WHO_EVERY;
                for room in self.rooms.keys().cloned().collect::<Vec<_>>() {
                    self.ask("who", &json!({ "room": room }), Asked::Who(room.clone()), turn);
                }
            }
        }
    }

    fn come_back(&mut self, turn: &Turn<'_>) {
        if turn.now < self.back_at {
            return;
        }
        self.back_at = turn.now + self.chance.millis(100, 1_000);
        let introduction = match &self.token {
            Some(token) => json!({ "palabre": 1, "name": self.name, "token": token }),
            None => json!({ "palabre": 1, "name": self.name }),
        };
        let at = self.chance.index(turn.paths.len());
        let path = &turn.paths[at];
        if self.session.connect(path, introduction.to_string(), turn.now, &mut self.chance) {
            turn.world.lock().note(format_args!("{} connects to i{at}", self.name));
        }
    }

    fn hear(&mut self, heard: Heard, turn: &Turn<'_>) {
        match heard {
            Heard::Connected(_) => self.tally.connected += 1,
            Heard::Refused(why) => {
                let what = format_args!("{} is refused: {why}", self.name);
                turn.world.lock().violated("P5 honest", what);
            }
            Heard::Ended => self.part(turn),
            Heard::Event(event) => self.event(&event, turn),
            Heard::Answer(number, answer) => {
                if let Some((_, asked)) = self.asked.remove(&number) {
                    self.answered(asked, &answer, turn);
                }
            }
        }
    }

    fn part(&mut self, turn: &Turn<'_>) {
        turn.world.lock().note(format_args!("{} has no connection", self.name));
        self.welcomed = false;
        self.asked.clear();
        self.messages.iter_mut().for_each(|message| message.under_way = false);
        self.rooms.values_mut().for_each(|room| room.stage = Stage::Out);
        self.back_at = self.back_at.max(turn.now + self.chance.millis(0, 400));
    }

    fn event(&mut self, event: &[Value], turn: &Turn<'_>) {
        let (Some(name), Some(what)) = (event.first().and_then(Value::as_str), event.get(1)) else {
            return;
        };
        let room_name = what["room"].as_str().unwrap_or_default().to_owned();
        match name {
            "palabre:welcome" => {
                self.token = what["token"].as_str().map(str::to_owned);
                self.welcomed = true;
            }
            "entry" => {
                let Some(room) = self.rooms.get_mut(&room_name) else { return };
                let world = &mut turn.world.lock();
                let offset = &what["offset"];
                world.note(format_args!("{} sees {room_name} {offset} {}", self.name, what["id"]));
                self.tally.seen += 1;
                room.live(&self.name, &room_name, what, world);
            }
            "reset" => {
                let world = &mut turn.world.lock();
                world.note(format_args!("{} is told {what}", self.name));
                if !world.forgot {
                    let what = format_args!("{} is told of a reset for nothing: {what}", self.name);
                    world.violated("P5 honest", what);
                }
                self.tally.reset += 1;
                if self.rooms.get(&room_name).is_some_and(Room::is_in) {
                    self.join(&room_name, turn);
                }
            }
            _ => {}
        }
    }

    fn ask(&mut self, name: &str, argument: &Value, asked: Asked, turn: &Turn<'_>) {
        let event = json!([name, argument]);
        let number = self.session.ask(&event, turn.now, &mut self.chance);
        self.asked.insert(number, (turn.now, asked));
    }

    fn join(&mut self, name: &str, turn: &Turn<'_>) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        room.stage = Stage::Joining;
        let position = room.position.clone();
        let limit = 1 + self.chance.below(9);
        let mut argument = json!({ "room": name, "limit": limit });
        if let Some(Position { epoch, offset }) = &position {
            argument["after"] = json!({ "epoch": epoch, "offset": offset });
        }
        self.ask("join", &argument, Asked::Join(name.to_owned(), position), turn);
    }

    fn page(&mut self, name: &str, turn: &Turn<'_>) {
        let after = self.rooms[name].position.as_ref().map_or(0, |position| position.offset);
        let argument = json!({ "room": name, "after": after, "limit": 1 + self.chance.below(20) });
        self.ask("history", &argument, Asked::Page(name.to_owned()), turn);
    }

    fn enter_rooms(&mut self, turn: &Turn<'_>) {
        let out = |room: &Room| matches!(room.stage, Stage::Out);
        let wanted = self.rooms.iter().find(|(_, room)| out(room)).map(|(name, _)| name.clone());
        if let Some(name) = wanted
            && (!turn.busy || self.chance.per_mille(300))
        {
            self.join(&name, turn);
        }
    }

    fn send_messages(&mut self, turn: &Turn<'_>) {
        let mut ready = Vec::new();
        for message in &mut self.messages {
            let in_room = self.rooms.get(&message.room).is_some_and(Room::is_in);
            if in_room && !message.under_way && message.not_before <= turn.now {
                message.under_way = true;
                message.attempts += 1;
                ready.push(message.clone());
            }
        }
        for Message { room, id, text, .. } in ready {
            let argument = json!({ "room": room, "id": id, "text": text });
            self.ask("send", &argument, Asked::Send(id), turn);
        }
    }

    /// Does something of its own accord, now and then.
    fn act(&mut self, turn: &Turn<'_>) {
        let rooms: Vec<String> = self.rooms.keys().cloned().collect();
        let room = self.chance.pick(&rooms).clone();
        match self.chance.below(1_000) {
            0..60 if self.messages.len() < UNSENT_MAX => {
                for _ in 0..=self.chance.below(3) {
                    self.write(&room, turn.now);
                }
            }
            60..64 if self.rooms[&room].is_in() => {
                self.rooms.entry(room.clone()).or_default().stage = Stage::Leaving;
                self.ask("leave", &json!({ "room": room }), Asked::Leave(room.clone()), turn);
            }
            64..72 => {
                if let Some((message, at)) = self.done.pop_front()
                    && self.rooms[&message.room].is_in()
                {
                    let Message { room, id, text, .. } = &message;
                    let argument = json!({ "room": room, "id": id, "text": text });
                    self.ask("send", &argument, Asked::Repeat(message.clone(), at), turn);
                }
            }
            _ => {}
        }
    }

    fn write(&mut self, room: &str, now: Duration) {
        self.written += 1;
        let (name, number) = (&self.name, self.written);
        self.messages.push_back(Message {
            room: room.to_owned(),
            id: format!("id-{name}-{number:06}"),
            text: format!("{name} says {number}"),
            under_way: false,
            attempts: 0,
            not_before: now,
        });
    }

    fn answered(&mut self, asked: Asked, answer: &Value, turn: &Turn<'_>) {
        let ok = answer["ok"] == true;
        match asked {
            Asked::Join(name, position) if ok => {
                self.joined(&name, position.as_ref(), answer, turn);
            }
            Asked::Join(name, _) | Asked::Leave(name) => {
                self.expect_unavailable(ok, "join or leave", answer, turn);
                if let Some(room) = self.rooms.get_mut(&name) {
                    room.stage = Stage::Out;
                }
            }
            Asked::Page(name) if ok => {
                let Some(room) = self.rooms.get_mut(&name) else { return };
                let next = room.paged(&self.name, &name, answer, &mut turn.world.lock());
                self.go_on(&name, &next, turn);
            }
            Asked::Page(name) => {
                // A room that was lost with the log is not known until somebody joins it.
                let lost = answer["error"]["code"] == "not_found"
                    && !turn.world.lock().store.has_room(&name);
                self.expect_unavailable(ok || lost, "history", answer, turn);
                if self.rooms.get(&name).is_some_and(Room::is_in) {
                    let next = if lost { Next::Rejoin } else { Next::Page };
                    self.go_on(&name, &next, turn);
                }
            }
            Asked::Who(room) => {
                self.counts.insert(room, answer["count"].as_u64().unwrap_or_default());
            }
            Asked::Send(id) => self.sent(&id, answer, turn),
            Asked::Repeat(message, at) => Self::repeated(&message, &at, answer, turn),
        }
    }

    fn joined(&mut self, name: &str, asked: Option<&Position>, answer: &Value, turn: &Turn<'_>) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        let reset = answer["reset"] == true;
        self.tally.reset += u64::from(reset);
        self.tally.continued += u64::from(asked.is_some() && !reset);
        let next = {
            let world = &mut turn.world.lock();
            let (epoch, head) = (&answer["epoch"], &answer["head"]);
            let who = &self.name;
            world.note(format_args!("{who} is in {name} at {epoch} {head}, reset {reset}"));
            room.joined(&self.name, name, answer, asked, world)
        };
        self.go_on(name, &next, turn);
    }

    fn go_on(&mut self, name: &str, next: &Next, turn: &Turn<'_>) {
        match next {
            Next::Nothing => {}
            Next::Page => self.page(name, turn),
            Next::Rejoin => self.join(name, turn),
        }
    }

    fn sent(&mut self, id: &str, answer: &Value, turn: &Turn<'_>) {
        let Some(at) = self.messages.iter().position(|message| message.id == id) else { return };
        let world = &mut turn.world.lock();
        if answer["ok"] == true {
            let Some(message) = self.messages.remove(at) else { return };
            self.tally.acknowledged += 1;
            let (epoch, offset) = (answer["epoch"].as_str(), answer["offset"].as_u64());
            let (epoch, offset) = (epoch.unwrap_or_default(), offset.unwrap_or_default());
            world.note(format_args!("{} has {id} at {offset}", self.name));
            let record = world.store.ever(epoch, &message.room, offset);
            if record.is_none_or(|record| record.id() != id) {
                let what = format_args!("{id} was acknowledged at {offset}, which is not there");
                world.violated("P3 no loss", what);
            }
            self.done.push_back((message, Position { epoch: epoch.to_owned(), offset }));
            return;
        }
        let message = &mut self.messages[at];
        message.under_way = false;
        message.not_before = turn.now + self.chance.millis(100, 1_500);
        let code = answer["error"]["code"].as_str().unwrap_or_default();
        world.note(format_args!("{} hears {code} for {id}", self.name));
        if !["unavailable", "forbidden"].contains(&code) {
            world.violated("P4 once", format_args!("{id} was answered {answer}"));
        }
        let said = answer["error"]["message"].as_str().unwrap_or_default();
        if message.attempts == 1
            && said.contains("nothing was stored")
            && world.store.has_id(&message.room, id)
        {
            world
                .violated("P5 honest", format_args!("{id} is stored, but its sender hears {said}"));
        }
    }

    /// What was acknowledged and is sent again is the same entry, as long as the log lives.
    fn repeated(message: &Message, at: &Position, answer: &Value, turn: &Turn<'_>) {
        if answer["ok"] != true || answer["epoch"] != *at.epoch {
            return;
        }
        if answer["duplicate"] != true || answer["offset"] != at.offset {
            let what = format_args!("{} was at {at:?} and is now {answer}", message.id);
            turn.world.lock().violated("P4 once", what);
        }
    }

    fn expect_unavailable(&self, ok: bool, what: &str, answer: &Value, turn: &Turn<'_>) {
        let code = answer["error"]["code"].as_str().unwrap_or_default();
        if !ok && code != "unavailable" {
            let what = format_args!("{}: {what} was answered {answer}", self.name);
            turn.world.lock().violated("P5 honest", what);
        }
    }

    /// Whether it is in a room.
    pub(crate) fn is_in(&self, room: &str) -> bool {
        self.rooms.get(room).is_some_and(Room::is_in)
    }

    /// What it was told last about how many are in its rooms.
    pub(crate) fn counts(&self) -> &BTreeMap<String, u64> {
        &self.counts
    }

    /// What is still missing.
    pub(crate) fn wants(&self, world: &SharedWorld) -> Option<String> {
        let name = &self.name;
        if !self.welcomed {
            return Some(format!("{name} is not connected"));
        }
        if let Some(message) = self.messages.front() {
            return Some(format!("{name} waits for the answer to {}", message.id));
        }
        let world = world.lock();
        for (key, room) in &self.rooms {
            let home = world.store.home(key);
            let head = world.store.head(home).ok()?;
            let at = world.store.life(head.epoch.as_str()).map_or(0, |life| life.room_head(key));
            let want = Position { epoch: head.epoch.to_string(), offset: at };
            if !matches!(room.stage, Stage::Live) || room.position.as_ref() != Some(&want) {
                let Room { stage, position, .. } = room;
                return Some(format!("{name} in {key}: {stage:?} {position:?}, not {want:?}"));
            }
        }
        None
    }
}
