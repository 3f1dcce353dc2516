//! How far another instance was heard: in step, or waiting to be told all of it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use super::ASK_AGAIN;
use crate::signal::{RoomChange, Said};

/// What is known of what another instance says.
#[derive(Debug, Default)]
pub(super) struct Neighbour {
    step: Step,
    /// When it was asked last, as long as it is waited for.
    asked_at: Option<Duration>,
}

#[derive(Debug, Default)]
enum Step {
    /// Something was missed, or nothing was heard yet.
    #[default]
    Out,
    /// It says all of it, and what has come so far has no gap.
    Listening(Listening),
    /// All was heard up to this serial.
    In(u64),
}

#[derive(Debug)]
struct Listening {
    /// The serial of the next part.
    next: u64,
    rooms: Vec<RoomChange>,
    /// Members in `rooms`.
    named: usize,
    /// Members beyond the limit, by room.
    unnamed: Unnamed,
}

/// Members that are counted only, by room.
pub(super) type Unnamed = HashMap<Arc<str>, usize>;

/// What follows from what an instance says.
#[derive(Debug)]
pub(super) enum Heard {
    /// Nothing.
    Nothing,
    /// These changes.
    Changed(Vec<RoomChange>),
    /// These are all its members.
    Whole(Vec<RoomChange>, Unnamed),
}

impl Neighbour {
    pub(super) fn is_in_step(&self) -> bool {
        matches!(self.step, Step::In(_))
    }

    /// Whether it should be asked now to say all; then it counts as asked.
    pub(super) fn wants_asking(&mut self, now: Duration) -> bool {
        if self.is_in_step() {
            self.asked_at = None;
            return false;
        }
        let asked = self.asked_at.is_some_and(|at| now.saturating_sub(at) < ASK_AGAIN);
        if !asked {
            self.asked_at = Some(now);
        }
        !asked
    }

    /// Takes what it says; of all its members at most `named_max` by name.
    pub(super) fn hear(&mut self, serial: u64, said: Said, named_max: usize) -> Heard {
        match said {
            Said::Ask { .. } => Heard::Nothing,
            Said::Still => {
                if matches!(self.step, Step::In(known) if serial > known) {
                    self.step = Step::Out;
                }
                Heard::Nothing
            }
            Said::Changed(rooms) => self.changed(serial, rooms),
            Said::Whole { part, last, rooms } => self.whole(serial, part, last, rooms, named_max),
        }
    }

    fn changed(&mut self, serial: u64, rooms: Vec<RoomChange>) -> Heard {
        match &self.step {
            Step::In(known) if serial == known + 1 => {
                self.step = Step::In(serial);
                return Heard::Changed(rooms);
            }
            // It came before.
            Step::In(known) if serial <= *known => {}
            Step::Listening(listening) if serial < listening.next => {}
            Step::In(_) | Step::Listening(_) | Step::Out => self.step = Step::Out,
        }
        Heard::Nothing
    }

    fn whole(
        &mut self,
        serial: u64,
        part: u32,
        last: bool,
        rooms: Vec<RoomChange>,
        named_max: usize,
    ) -> Heard {
        if let Step::In(known) = &mut self.step {
            // Said to somebody else, or before.
            if serial <= *known + 1 {
                *known = serial.max(*known);
                return Heard::Nothing;
            }
            self.step = Step::Out;
        }
        if let Step::Listening(listening) = &self.step
            && serial != listening.next
        {
            if serial < listening.next {
                return Heard::Nothing;
            }
            self.step = Step::Out;
        }
        if matches!(self.step, Step::Out) {
            if part != 0 {
                return Heard::Nothing;
            }
            let (rooms, unnamed) = (Vec::new(), Unnamed::new());
            self.step = Step::Listening(Listening { next: serial, rooms, named: 0, unnamed });
        }
        let Step::Listening(listening) = &mut self.step else { return Heard::Nothing };
        listening.take(rooms, named_max);
        if !last {
            return Heard::Nothing;
        }
        let (rooms, unnamed) =
            (std::mem::take(&mut listening.rooms), std::mem::take(&mut listening.unnamed));
        self.step = Step::In(serial);
        Heard::Whole(rooms, unnamed)
    }
}

impl Listening {
    fn take(&mut self, rooms: Vec<RoomChange>, named_max: usize) {
        self.next += 1;
        for mut change in rooms {
            let fit = named_max.saturating_sub(self.named).min(change.joined.len());
            if fit < change.joined.len() {
                *self.unnamed.entry(change.room.clone()).or_default() += change.joined.len() - fit;
                change.joined.truncate(fit);
            }
            self.named += fit;
            if fit > 0 {
                self.rooms.push(change);
            }
        }
    }
}
