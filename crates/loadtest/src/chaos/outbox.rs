//! What a client has to say: made in its own rhythm, and sent again until it is answered.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::board::{Board, Fate, Phase};

/// Unanswered messages of one client, after which it makes no new one.
const UNANSWERED_MAX: usize = 64;

/// How long a client waits before it sends what was refused for now once more.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// The messages of one client that have no answer yet.
#[derive(Debug)]
pub(crate) struct Outbox {
    board: Arc<Board>,
    every: Duration,
    next: Instant,
    /// To be sent, oldest first.
    waiting: VecDeque<u32>,
    /// Sent on the present connection, by the number of the answer.
    under_way: HashMap<u64, u32>,
    /// Not before this, since the server could not take it.
    held_until: Option<Instant>,
}

impl Outbox {
    /// A client that makes a message every so often, beginning after `first`.
    pub(crate) fn new(board: Arc<Board>, every: Duration, first: Duration) -> Self {
        let next = Instant::now() + first;
        let (waiting, under_way) = (VecDeque::new(), HashMap::new());
        Self { board, every, next, waiting, under_way, held_until: None }
    }

    /// Waits until there is a message to send, and gives it.
    pub(crate) async fn turn(&mut self) -> u32 {
        loop {
            if let Some(until) = self.held_until {
                sleep_until(until).await;
                self.held_until = None;
            }
            if let Some(number) = self.waiting.front() {
                return *number;
            }
            let talks = *self.board.phase.borrow() == Phase::Talk;
            if !talks || self.under_way.len() >= UNANSWERED_MAX {
                std::future::pending::<()>().await;
            }
            sleep_until(self.next).await;
            // After a long absence a client doesn't make up for its silence.
            self.next = (self.next + self.every).max(Instant::now());
            self.waiting.extend(self.board.make());
        }
    }

    /// The message whose turn it was went out, and its answer will have this number.
    pub(crate) fn sent(&mut self, answer: u64) {
        if let Some(number) = self.waiting.pop_front() {
            self.under_way.insert(answer, number);
        }
    }

    /// Takes the answer with this number.
    pub(crate) fn answered(&mut self, answer: u64, value: &Value) {
        let Some(number) = self.under_way.remove(&answer) else { return };
        if value["ok"] == true {
            self.board.settle(number, Fate::Acknowledged(self.board.now()));
        } else if value["error"]["code"] == "unavailable" {
            self.waiting.push_back(number);
            self.held_until = Some(Instant::now() + AGAIN_AFTER);
        } else {
            self.board.settle(number, Fate::Refused);
        }
    }

    /// The connection is gone: what was under way is sent again, in the order in which it was
    /// made.
    pub(crate) fn interrupted(&mut self) {
        let mut again: Vec<u32> = self.under_way.drain().map(|(_, number)| number).collect();
        again.extend(self.waiting.drain(..));
        again.sort_unstable();
        self.waiting = again.into();
    }

    /// Nothing can be sent again, since the server takes us for somebody else: what has no answer
    /// may or may not be in the log.
    pub(crate) fn give_up(&mut self) {
        for number in self.under_way.drain().map(|(_, number)| number).chain(self.waiting.drain(..))
        {
            self.board.settle(number, Fate::Abandoned);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outbox() -> Outbox {
        let board = Arc::new(Board::new("run", 0, 1));
        Outbox::new(board, Duration::ZERO, Duration::ZERO)
    }

    async fn say(outbox: &mut Outbox, answer: u64) -> u32 {
        let number = outbox.turn().await;
        outbox.sent(answer);
        number
    }

    fn fates(outbox: &Outbox) -> Vec<Fate> {
        outbox.board.messages().into_iter().map(|made| made.fate).collect()
    }

    #[tokio::test]
    async fn answers_say_what_became_of_a_message() {
        let mut outbox = outbox();
        for answer in 10..13 {
            assert_eq!(say(&mut outbox, answer).await + 10, answer as u32);
        }
        outbox.answered(12, &json!({ "ok": false, "error": { "code": "too-long" } }));
        outbox.answered(10, &json!({ "ok": true, "offset": 1 }));
        outbox.answered(11, &json!({ "ok": false, "error": { "code": "unavailable" } }));
        outbox.answered(99, &json!({ "ok": true }));
        let fates = fates(&outbox);
        assert!(matches!(fates[..], [Fate::Acknowledged(_), Fate::Unanswered, Fate::Refused]));
        assert_eq!(outbox.waiting, [1], "it is sent again");
        assert!(outbox.held_until.is_some() && outbox.under_way.is_empty());
    }

    #[tokio::test]
    async fn what_was_under_way_is_sent_again_in_order_unless_nobody_could_tell() {
        let mut outbox = outbox();
        for answer in [5, 9, 7] {
            say(&mut outbox, answer).await;
        }
        outbox.turn().await;
        outbox.interrupted();
        assert_eq!(outbox.waiting, [0, 1, 2, 3]);
        outbox.answered(5, &json!({ "ok": true }));
        assert_eq!(say(&mut outbox, 1).await, 0, "an answer of the connection before is none");
        outbox.give_up();
        assert_eq!(fates(&outbox), [Fate::Abandoned; 4]);
        assert!(outbox.waiting.is_empty() && outbox.under_way.is_empty());
    }
}
