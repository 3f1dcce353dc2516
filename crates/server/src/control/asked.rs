//! The questions of this instance that are open, and who may answer each.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;

/// What an instance answers.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Reply {
    /// The answer.
    Known(Value),
    /// It knows no such question.
    Unknown,
}

/// The open questions.
#[derive(Default)]
pub(super) struct Asked {
    /// Locked for a look or a change.
    questions: Arc<Mutex<Questions>>,
}

#[derive(Default)]
struct Questions {
    last: u64,
    open: HashMap<u64, Question>,
}

struct Question {
    /// Who has not answered yet.
    awaited: Vec<Box<str>>,
    replies: mpsc::Sender<(Box<str>, Reply)>,
}

/// An open question; it is closed when this is dropped.
pub(super) struct Open {
    number: u64,
    expected: Vec<Box<str>>,
    questions: Arc<Mutex<Questions>>,
}

impl Asked {
    /// Opens a question to so many. The answers end when everybody has answered.
    pub(super) fn open(
        &self,
        expected: Vec<Box<str>>,
    ) -> (Open, mpsc::Receiver<(Box<str>, Reply)>) {
        // Each one answers once, so it never waits for room.
        let (replies, received) = mpsc::channel(expected.len().max(1));
        let mut questions = self.questions.lock();
        questions.last += 1;
        let number = questions.last;
        if !expected.is_empty() {
            let question = Question { awaited: expected.clone(), replies };
            questions.open.insert(number, question);
        }
        drop(questions);
        (Open { number, expected, questions: self.questions.clone() }, received)
    }

    /// Takes an answer, if it is the first of somebody who was asked.
    pub(super) fn answered(&self, number: u64, from: &str, reply: Reply) {
        let mut questions = self.questions.lock();
        let Some(question) = questions.open.get_mut(&number) else { return };
        let Some(place) = question.awaited.iter().position(|id| &**id == from) else { return };
        let who = question.awaited.swap_remove(place);
        // There is a place for each; it fails only when the asker has just given up.
        let _ = question.replies.try_send((who, reply));
        if question.awaited.is_empty() {
            questions.open.remove(&number);
        }
    }
}

impl Open {
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn expected(&self) -> &[Box<str>] {
        &self.expected
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.questions.lock().open.remove(&self.number);
    }
}
