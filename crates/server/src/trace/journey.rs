//! The journey of an entry: what every instance knows of its way, asked for through control.

use std::{sync::Arc, time::Duration};

use broker::Recipient;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Traces, Way};
use crate::control::Control;

/// The kind of the question.
const KIND: &str = "trace";

/// How long the other instances may take to answer.
const WAIT: Duration = Duration::from_secs(2);

/// What is asked.
#[derive(Serialize, Deserialize)]
struct Question {
    room: Box<str>,
    offset: u64,
}

/// How an entry travelled, as far as it is known.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journey {
    /// The room's key.
    pub room: Box<str>,
    /// The entry's place in it.
    pub offset: u64,
    /// What each instance knows, in the order of their ids.
    pub instances: Vec<Part>,
    /// Instances that live and did not answer.
    pub missing: Vec<Box<str>>,
}

/// What one instance knows.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The instance's id: its name and the name of this life of it.
    pub instance: Box<str>,
    /// The entry's way through it; none where it knows nothing of it, or no more.
    pub way: Option<Way>,
}

/// Asks and answers for journeys; clones share it.
#[derive(Clone)]
pub struct Journeys(Control);

impl Journeys {
    /// Answers the other instances from now on.
    pub fn start(control: Control, traces: Traces) -> Self {
        let answer = Arc::new(move |body: Value| -> crate::control::Work {
            let known = serde_json::from_value(body)
                .map(|Question { room, offset }| traces.way(&room, offset));
            let answer = known.ok().map(|way| json!(way));
            Box::pin(std::future::ready(answer))
        });
        control.on(KIND, answer);
        Self(control)
    }

    /// What all instances know of an entry.
    pub async fn of(&self, room: &str, offset: u64) -> Journey {
        let question = json!(Question { room: room.into(), offset });
        let answers = self.0.ask(Recipient::All, KIND, question, WAIT).await;
        let part = |(instance, answer)| {
            // What another release says and this one can't read counts as nothing known.
            Part { instance, way: serde_json::from_value(answer).unwrap_or_default() }
        };
        let mut instances: Vec<Part> = answers.answers.into_iter().map(part).collect();
        instances.sort_by(|one, other| one.instance.cmp(&other.instance));
        Journey { room: room.into(), offset, instances, missing: answers.missing }
    }
}

impl Journey {
    /// Whether any instance knows anything.
    pub fn is_known(&self) -> bool {
        self.instances.iter().any(|part| part.way.is_some())
    }
}
