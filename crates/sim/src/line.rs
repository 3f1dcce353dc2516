//! The line between one life of an instance and the store: what is under way, what is lost,
//! doubled, late, and what happens when the line is cut. Appends go in [`lane`], what is heard in
//! [`hearing`], questions here.

mod hearing;
mod lane;

use std::{collections::BTreeMap, time::Duration};

use broker::{Answer, Error};
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::world::World;
use hearing::Hearing;
use lane::Lane;

/// How reliable a line is. Numbers are times in a thousand, or milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// Shortest and longest way in one direction.
    pub(crate) lag: (u64, u64),
    /// What questions wait for in addition, at most.
    pub(crate) slow: u64,
    /// Deliveries that are lost without a word.
    pub(crate) lose: u64,
    /// Deliveries that come twice.
    pub(crate) double: u64,
    /// Deliveries that come behind later ones.
    pub(crate) late: u64,
}

impl Weather {
    pub(crate) const NONE: Self = Self { lag: (0, 0), slow: 0, lose: 0, double: 0, late: 0 };
    pub(crate) const FAIR: Self = Self { lag: (0, 4), ..Self::NONE };
}

/// One life's line.
pub(crate) struct Line {
    /// Whose, for the log.
    pub(crate) name: String,
    pub(crate) weather: Weather,
    pub(crate) append_wait: Duration,
    pub(crate) delivery_queue: usize,
    mailbox_length: usize,
    /// Whoever was at this end is gone.
    closed: bool,
    /// No request arrives and no answer.
    cut: bool,
    /// How often it was cut: what was under way before doesn't arrive.
    generation: u64,
    /// Of the appends that were under way at a cut, those before this one still arrived.
    arrived_before: BTreeMap<u64, u64>,
    lanes: BTreeMap<u16, Lane>,
    hearing: Hearing,
    mailboxes: BTreeMap<Box<str>, mpsc::Sender<Bytes>>,
}

impl Line {
    pub(crate) fn is_cut(&self) -> bool {
        self.cut || self.closed
    }
}

fn away() -> Error {
    Error::Unavailable("the line is cut".into())
}

impl World {
    /// A line for a new life of an instance.
    pub(crate) fn open_line(&mut self, name: &str, limits: &broker::Limits) -> usize {
        let weather = if self.prompt { Weather::NONE } else { Weather::FAIR };
        self.lines.push(Line {
            name: name.to_owned(),
            weather,
            append_wait: limits.append_wait,
            delivery_queue: limits.delivery_queue,
            mailbox_length: limits.mailbox,
            closed: false,
            cut: false,
            generation: 0,
            arrived_before: BTreeMap::new(),
            lanes: BTreeMap::new(),
            hearing: Hearing::default(),
            mailboxes: BTreeMap::new(),
        });
        self.lines.len() - 1
    }

    /// One way along a line.
    fn way(&mut self, line: usize) -> Duration {
        let (first, last) = self.lines[line].weather.lag;
        self.chance.millis(first, last)
    }

    /// Carries a question to the store and its answer back. Where the line is cut in between it
    /// may have been carried out all the same.
    pub(crate) fn ask<T: Send + 'static>(
        &mut self,
        line: usize,
        question: impl FnOnce(&mut Self) -> Result<T, Error> + Send + 'static,
    ) -> Answer<Result<T, Error>> {
        let (sender, answer) = oneshot::channel();
        if self.lines[line].closed {
            return Box::pin(async { Err(Error::Unavailable("it is closed".into())) });
        }
        if self.lines[line].cut {
            self.fail(sender);
        } else {
            let generation = self.lines[line].generation;
            let slow = self.lines[line].weather.slow;
            let there = self.now + self.way(line) + self.chance.millis(0, slow);
            self.at_store(there, move |world| {
                let whole = world.lines[line].generation == generation;
                if !whole && world.chance.per_mille(500) {
                    return world.fail(sender);
                }
                let answer = question(world);
                let back = world.now + world.way(line);
                world.at(back, move |world| {
                    if world.lines[line].generation == generation {
                        // Nobody waits any more, or the process is gone.
                        let _ = sender.send(answer);
                    } else {
                        world.fail(sender);
                    }
                });
            });
        }
        self.settle();
        Box::pin(async move { answer.await.unwrap_or_else(|_| Err(away())) })
    }

    /// Sooner or later it is noticed that no answer comes.
    fn fail<T: Send + 'static>(&mut self, sender: oneshot::Sender<Result<T, Error>>) {
        let noticed = self.now + self.chance.millis(0, 1_500);
        self.at(noticed, move |_| {
            let _ = sender.send(Err(away()));
        });
    }

    /// Cuts the way of requests and answers.
    pub(crate) fn cut(&mut self, line: usize) {
        let newest = self.lines[line].lanes.values().map(Lane::newest).max().unwrap_or(0);
        let oldest = self.lines[line].lanes.values().map(Lane::oldest).min().unwrap_or(0);
        let before = oldest + self.chance.below(newest.saturating_sub(oldest) + 2);
        let line = &mut self.lines[line];
        line.arrived_before.insert(line.generation, before);
        line.generation += 1;
        line.cut = true;
    }

    /// Mends it: everything unanswered is sent again, in order.
    pub(crate) fn mend(&mut self, line: usize) {
        if self.lines[line].closed || !self.lines[line].cut {
            return;
        }
        self.lines[line].cut = false;
        self.send_again(line);
    }

    /// The instance's end is gone, at once (killed) or in order (closed).
    pub(crate) fn close_line(&mut self, line: usize) {
        if self.lines[line].closed {
            return;
        }
        self.cut(line);
        self.lines[line].closed = true;
        self.give_up_lanes(line);
        self.lines[line].hearing = Hearing::default();
        self.lines[line].mailboxes.clear();
    }

    pub(crate) fn mailbox(&mut self, line: usize, id: &str) -> mpsc::Receiver<Bytes> {
        let line = &mut self.lines[line];
        let (sender, mailbox) = mpsc::channel(line.mailbox_length.max(1));
        if !line.closed {
            line.mailboxes.insert(id.into(), sender);
        }
        mailbox
    }

    /// Puts a message into the mailboxes that it is for, as far as these hear anything.
    pub(crate) fn deliver_mail(&mut self, to: Option<&str>, bytes: &Bytes) {
        for number in 0..self.lines.len() {
            let line = &self.lines[number];
            let lost = self.chance.per_mille(line.weather.lose);
            if lost || line.closed || line.hearing.is_deaf() {
                continue;
            }
            let boxes = line.mailboxes.iter().filter(|(id, _)| to.is_none_or(|to| *to == ***id));
            let boxes: Vec<mpsc::Sender<Bytes>> = boxes.map(|(_, sender)| sender.clone()).collect();
            if boxes.is_empty() {
                continue;
            }
            let arrives = self.in_order_for(number);
            let bytes = bytes.clone();
            self.at(arrives, move |_| {
                for mailbox in boxes {
                    // A full mailbox drops it.
                    let _ = mailbox.try_send(bytes.clone());
                }
            });
        }
    }
}
