//! Appends on their way: in the order of the calls, sent again after a cut, given up when they
//! have waited too long. Like a real connection, a cut one may still have delivered the first of
//! what was under way.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use broker::{Answer, AppendError, Appended, Delivery, Draft, Head, Partition, Record};
use tokio::sync::oneshot;

use crate::world::{Plant, World};

/// Appends that may wait on one line.
const PENDING_MAX: usize = 10_000;

/// The appends of one line to one partition that have no answer yet, in their order.
#[derive(Default)]
pub(super) struct Lane {
    pending: VecDeque<Pending>,
    /// When the newest request arrives, and the newest answer.
    request_at: Duration,
    answer_at: Duration,
}

struct Pending {
    number: u64,
    draft: Draft,
    /// Not carried out from then on.
    deadline: Duration,
    sent: bool,
    /// Before this time: so it may be in the log, whatever is said now.
    sent_before: bool,
    answer: oneshot::Sender<Result<Appended, AppendError>>,
}

impl Lane {
    pub(super) fn newest(&self) -> u64 {
        self.pending.back().map_or(0, |pending| pending.number)
    }

    pub(super) fn oldest(&self) -> u64 {
        self.pending.front().map_or(0, |pending| pending.number)
    }

    fn take(&mut self, number: u64) -> Option<Pending> {
        let at = self.pending.iter().position(|pending| pending.number == number)?;
        self.pending.remove(at)
    }
}

impl World {
    /// Takes a draft; its place among those of this line is taken with the call.
    pub(crate) fn append(
        &mut self,
        line: usize,
        draft: Draft,
    ) -> Answer<Result<Appended, AppendError>> {
        let none = AppendError::Unavailable { perhaps_stored: false };
        let partition = self.store.home(&draft.room).0;
        let number = self.next_append();
        let deadline = self.now + self.lines[line].append_wait;
        let closed = self.lines[line].closed;
        let lane = self.lines[line].lanes.entry(partition).or_default();
        if closed || lane.pending.len() >= PENDING_MAX {
            return Box::pin(async { Err(none) });
        }
        let (sender, answer) = oneshot::channel();
        lane.pending.push_back(Pending {
            number,
            draft,
            deadline,
            sent: false,
            sent_before: false,
            answer: sender,
        });
        if !self.lines[line].cut {
            self.send(line, partition, number);
        }
        self.at(deadline, move |world| world.give_up(line, partition, number));
        self.settle();
        Box::pin(async move { answer.await.unwrap_or(Err(none)) })
    }

    fn send(&mut self, line: usize, partition: u16, number: u64) {
        let there = self.now + self.way(line);
        let generation = self.lines[line].generation;
        let Some(lane) = self.lines[line].lanes.get_mut(&partition) else { return };
        lane.request_at = lane.request_at.max(there);
        let there = lane.request_at;
        let found = lane.pending.iter_mut().find(|pending| pending.number == number);
        let Some(pending) = found else { return };
        pending.sent_before = pending.sent;
        pending.sent = true;
        let (draft, deadline) = (pending.draft.clone(), pending.deadline);
        self.at_store(there, move |world| {
            let line_now = &world.lines[line];
            let arrived = line_now.generation == generation
                || line_now.arrived_before.get(&generation).is_some_and(|end| number < *end);
            if arrived && world.now < deadline {
                world.carry_out(line, generation, number, &draft);
            }
        });
    }

    fn carry_out(&mut self, line: usize, generation: u64, number: u64, draft: &Draft) {
        let partition = self.store.home(&draft.room);
        let name = self.lines[line].name.clone();
        let stored = self.store_or_plant(draft);
        let answer = match stored {
            Ok((appended, record)) => {
                let Appended { seq, offset, duplicate, .. } = appended;
                let Draft { room, id, .. } = draft;
                let again = if duplicate { " again" } else { "" };
                self.note(format_args!("store: {name} {id} in {room} is {seq}/{offset}{again}"));
                if let Some(record) = record {
                    self.publish(partition, &Delivery::Entry(appended.epoch, record));
                }
                Ok(appended)
            }
            Err(error) => {
                self.note(format_args!("store: {name} {} refused: {error}", draft.id));
                Err(error)
            }
        };
        let back = self.now + self.way(line);
        let Some(lane) = self.lines[line].lanes.get_mut(&partition.0) else { return };
        lane.answer_at = lane.answer_at.max(back);
        let back = lane.answer_at;
        self.at(back, move |world| {
            if world.lines[line].generation != generation {
                return;
            }
            let lane = world.lines[line].lanes.get_mut(&partition.0);
            if let Some(pending) = lane.and_then(|lane| lane.take(number)) {
                let perhaps_stored = pending.sent_before;
                let answer = match answer {
                    Err(AppendError::Refused(_) | AppendError::Fenced) if perhaps_stored => {
                        Err(AppendError::Unavailable { perhaps_stored })
                    }
                    answer => answer,
                };
                // Nobody waits any more: the entry is made all the same.
                let _ = pending.answer.send(answer);
            }
        });
    }

    fn store_or_plant(
        &mut self,
        draft: &Draft,
    ) -> Result<(Appended, Option<Arc<Record>>), AppendError> {
        match self.plant {
            Some(Plant::ForgetsIds) => self.store.forget_ids(&draft.room),
            Some(Plant::LosesAcknowledged) if self.chance.per_mille(20) => {
                let partition = self.store.home(&draft.room);
                let Head { epoch, seq } = self.store.head(partition).expect("it exists");
                let (at, duplicate) = (0, false);
                return Ok((Appended { epoch, seq, offset: 1, at, duplicate }, None));
            }
            _ => {}
        }
        self.store.append(draft, self.now)
    }

    fn give_up(&mut self, line: usize, partition: u16, number: u64) {
        let lane = self.lines[line].lanes.get_mut(&partition);
        let Some(pending) = lane.and_then(|lane| lane.take(number)) else { return };
        let name = self.lines[line].name.clone();
        self.note(format_args!("line: {name} gives up {}", pending.draft.id));
        let _ = pending.answer.send(Err(AppendError::Unavailable { perhaps_stored: pending.sent }));
    }

    pub(super) fn send_again(&mut self, line: usize) {
        let lanes = &self.lines[line].lanes;
        let unanswered: Vec<(u16, u64)> = lanes
            .iter()
            .flat_map(|(partition, lane)| lane.pending.iter().map(|p| (*partition, p.number)))
            .collect();
        for (partition, number) in unanswered {
            self.send(line, partition, number);
        }
    }

    pub(super) fn give_up_lanes(&mut self, line: usize) {
        for lane in std::mem::take(&mut self.lines[line].lanes).into_values() {
            for Pending { answer, sent, .. } in lane.pending {
                let _ = answer.send(Err(AppendError::Unavailable { perhaps_stored: sent }));
            }
        }
    }

    /// Publishes to everybody who hears the partition.
    pub(crate) fn publish(&mut self, partition: Partition, delivery: &Delivery) {
        for line in 0..self.lines.len() {
            self.publish_to(line, partition, delivery);
        }
    }
}
