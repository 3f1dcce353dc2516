//! A room as a palabre client has it: its position, and the rules by which the entries that come
//! must follow one another. Every rule that is broken is a promise that is broken.

use serde_json::Value;

use crate::world::World;

/// What a client holds of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) epoch: String,
    pub(super) offset: u64,
}

/// How a client stands to a room.
#[derive(Debug, Default)]
pub(super) enum Stage {
    /// Not in it on this connection.
    #[default]
    Out,
    /// A `join` is under way; what comes meanwhile is covered by its answer.
    Joining,
    /// Reading up to the head of the answer; what comes live waits.
    Paging {
        until: u64,
        waiting: Vec<Value>,
    },
    Live,
    /// A `leave` is under way.
    Leaving,
}

/// One room of one client.
#[derive(Debug, Default)]
pub(super) struct Room {
    pub(super) stage: Stage,
    pub(super) position: Option<Position>,
}

/// What a client does next about a room.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Nothing,
    /// Ask for more history.
    Page,
    /// Join again, with the position.
    Rejoin,
}

impl Room {
    pub(super) fn is_in(&self) -> bool {
        matches!(self.stage, Stage::Paging { .. } | Stage::Live)
    }

    /// The answer to a `join` that went well. `asked` is the position that was given.
    pub(super) fn joined(
        &mut self,
        who: &str,
        name: &str,
        answer: &Value,
        asked: Option<&Position>,
        world: &mut World,
    ) -> Next {
        let epoch = answer["epoch"].as_str().unwrap_or_default().to_owned();
        let head = answer["head"].as_u64().unwrap_or_default();
        let reset = answer["reset"] == true;
        let entries = answer["entries"].as_array().cloned().unwrap_or_default();
        if let Some(asked) = asked {
            check_reset(who, name, asked, reset, world);
        }
        let first = entries.first().and_then(|entry| entry["offset"].as_u64());
        let from = match asked {
            Some(asked) if !reset => asked.offset,
            _ => first.map_or(head, |first| first - 1),
        };
        self.position = Some(Position { epoch, offset: from });
        for entry in &entries {
            self.follow(who, name, entry, world);
        }
        let shown = self.position.as_ref().map_or(0, |position| position.offset);
        if shown >= head || asked.is_none() || reset {
            if shown != head {
                let what = format_args!("{who}'s join of {name} shows {shown} as newest of {head}");
                world.violated("P3 no loss", what);
            }
            self.stage = Stage::Live;
            return Next::Nothing;
        }
        if answer["more"] != true {
            let what =
                format_args!("{who}'s join of {name} ends at {shown} of {head} without more");
            world.violated("P3 no loss", what);
        }
        self.stage = Stage::Paging { until: head, waiting: Vec::new() };
        Next::Page
    }

    /// A page of history, asked for after the position.
    pub(super) fn paged(
        &mut self,
        who: &str,
        name: &str,
        answer: &Value,
        world: &mut World,
    ) -> Next {
        let Stage::Paging { until, .. } = self.stage else { return Next::Nothing };
        let Some(position) = self.position.clone() else { return Next::Rejoin };
        if answer["epoch"] != *position.epoch {
            return Next::Rejoin;
        }
        let entries = answer["entries"].as_array().cloned().unwrap_or_default();
        let first = entries.first().and_then(|entry| entry["offset"].as_u64());
        if first != Some(position.offset + 1) {
            // The log doesn't reach back any more; the join will say so.
            return Next::Rejoin;
        }
        for entry in entries.iter().filter(|entry| entry["offset"].as_u64() <= Some(until)) {
            self.follow(who, name, entry, world);
        }
        if self.position.as_ref().is_some_and(|position| position.offset < until) {
            return Next::Page;
        }
        if let Stage::Paging { waiting, .. } = std::mem::replace(&mut self.stage, Stage::Live) {
            for entry in waiting {
                self.follow(who, name, &entry, world);
            }
        }
        Next::Nothing
    }

    /// An entry that came live.
    pub(super) fn live(&mut self, who: &str, name: &str, entry: &Value, world: &mut World) {
        match &mut self.stage {
            Stage::Live => self.follow(who, name, entry, world),
            Stage::Paging { waiting, .. } => waiting.push(entry.clone()),
            Stage::Out | Stage::Joining | Stage::Leaving => {}
        }
    }

    /// The next entry must be the one behind the position, and what the log has there.
    fn follow(&mut self, who: &str, name: &str, entry: &Value, world: &mut World) {
        let epoch = entry["epoch"].as_str().unwrap_or_default();
        let offset = entry["offset"].as_u64().unwrap_or_default();
        let Some(position) = &mut self.position else { return };
        if epoch != position.epoch {
            let what = format_args!("{who} gets {name} {offset} of another epoch without a word");
            world.violated("P5 honest", what);
        } else if offset <= position.offset {
            let what = format_args!("{who} gets {name} {offset} after {}", position.offset);
            world.violated("P4 once", what);
        } else if offset > position.offset + 1 {
            let what = format_args!("{who} gets {name} {offset} after {}", position.offset);
            world.violated("P3 no loss", what);
        }
        *position = Position { epoch: epoch.to_owned(), offset };
        let known = world.store.ever(epoch, name, offset);
        let same = known.is_some_and(|record| {
            entry["id"] == *record.id() && entry["user"] == *record.user() && entry["room"] == *name
        });
        if !same {
            let what = format_args!("{who} gets {name} {offset} that the log has not: {entry}");
            world.violated("P2 order", what);
        }
    }
}

/// Whether a `reset` is said exactly when the past is gone.
fn check_reset(who: &str, name: &str, asked: &Position, reset: bool, world: &mut World) {
    let partition = world.store.home(name);
    let Ok(head) = world.store.head(partition) else { return };
    let same_life = head.epoch.as_str() == asked.epoch;
    let part = world.store.life(&asked.epoch).filter(|_| same_life);
    let trimmed = world.store.floor_of(name, world.now) > asked.offset;
    let lost = trimmed || part.is_none_or(|part| part.room_head(name) < asked.offset);
    if reset && !lost {
        let what = format_args!("{who} is reset in {name} at {} for nothing", asked.offset);
        world.violated("P5 honest", what);
    }
}
