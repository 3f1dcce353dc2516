//! Control: what instances tell and ask each other, over the broker's mail. A question is answered
//! by each instance it goes to or not at all; the asker gets what came by its deadline, and the
//! names of those that are missing.
//!
//! What is told and asked belongs to whoever registers a kind with [`Control::on`]. Mail may be
//! lost, so nothing may rest on its arriving.

mod asked;
mod letter;

use std::{collections::HashMap, sync::Arc, time::Duration};

use broker::{Broker, Recipient};
use bytes::Bytes;
use parking_lot::RwLock;
use serde_json::Value;
use tokio::{
    sync::{Semaphore, mpsc},
    time::{Instant, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::metrics::Metrics;
use asked::{Asked, Reply};
use letter::{Letter, Said};

/// Questions of this instance that may be open; one more waits, within its deadline.
const QUESTIONS_MAX: usize = 256;

/// Letters of others that are worked on at once; one more is dropped and counted.
const WORK_MAX: usize = 256;

/// How long one letter may wait for the store.
const POST_WAIT: Duration = Duration::from_secs(2);

/// A future that answers a question; `None` where there is nothing to answer.
pub type Work = std::pin::Pin<Box<dyn Future<Output = Option<Value>> + Send>>;

/// What is done with a letter of one kind.
pub type Handler = Arc<dyn Fn(Value) -> Work + Send + Sync>;

/// Who lives at this moment, by id, this instance included.
pub type Living = Box<dyn Fn() -> Vec<Box<str>> + Send + Sync>;

/// What was answered by the deadline.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Who answered what, in the order of arrival.
    pub answers: Vec<(Box<str>, Value)>,
    /// Who did not answer, or does not know such a question.
    pub missing: Vec<Box<str>>,
}

/// The way to the other instances; clones share it.
#[derive(Clone)]
pub struct Control(Arc<Shared>);

struct Shared {
    /// This instance's id.
    me: Box<str>,
    broker: Arc<dyn Broker>,
    living: Living,
    metrics: Arc<Metrics>,
    /// Written at the start only.
    handlers: RwLock<HashMap<&'static str, Handler>>,
    asked: Asked,
    questions: Semaphore,
    work: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Control {
    /// Opens this instance's mailbox, and works on what comes until `stop`.
    pub fn start(
        me: Box<str>,
        broker: Arc<dyn Broker>,
        living: Living,
        metrics: Arc<Metrics>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let mail = broker.mailbox(&me);
        let shared = Arc::new(Shared {
            me,
            broker,
            living,
            metrics,
            handlers: RwLock::default(),
            asked: Asked::default(),
            questions: Semaphore::new(QUESTIONS_MAX),
            work: Arc::new(Semaphore::new(WORK_MAX)),
            tasks: tasks.clone(),
        });
        let (reading, stop) = (shared.clone(), stop.clone());
        tasks.spawn(async move {
            // An end of the mail is the end of the broker.
            stop.run_until_cancelled(reading.read(mail)).await;
        });
        Self(shared)
    }

    /// This instance's id.
    pub fn id(&self) -> &str {
        &self.0.me
    }

    /// Says what is done with letters of a kind.
    pub fn on(&self, kind: &'static str, handler: Handler) {
        self.0.handlers.write().insert(kind, handler);
    }

    /// Who lives at this moment, by id, this instance included.
    pub fn living(&self) -> Vec<Box<str>> {
        (self.0.living)()
    }

    /// Tells something, without waiting for anybody; lost where the mail is.
    pub fn tell(&self, to: Recipient, kind: &'static str, body: Value) {
        self.0.post(to, Said::Told { kind: kind.into(), body });
    }

    /// Asks one instance or all that live, this one included, and waits until all have answered,
    /// at most so long.
    pub async fn ask(
        &self,
        to: Recipient,
        kind: &'static str,
        body: Value,
        wait: Duration,
    ) -> Answers {
        let deadline = Instant::now() + wait;
        let expected = match &to {
            Recipient::All => self.living(),
            Recipient::One(id) => vec![id.clone()],
        };
        let Ok(Ok(_place)) = timeout_at(deadline, self.0.questions.acquire()).await else {
            return Answers { answers: Vec::new(), missing: expected };
        };
        let (open, mut replies) = self.0.asked.open(expected);
        self.0.post(to, Said::Asked { number: open.number(), kind: kind.into(), body });
        let mut answers = Vec::new();
        while let Ok(Some((who, reply))) = timeout_at(deadline, replies.recv()).await {
            if let Reply::Known(answer) = reply {
                answers.push((who, answer));
            }
        }
        let answered = |id: &str| answers.iter().any(|(who, _)| **who == *id);
        let missing = open.expected().iter().filter(|id| !answered(id)).cloned().collect();
        Answers { answers, missing }
    }
}

impl Shared {
    async fn read(self: Arc<Self>, mut mail: mpsc::Receiver<Bytes>) {
        while let Some(bytes) = mail.recv().await {
            match Letter::decode(&bytes) {
                Ok(letter) => self.receive(letter),
                // Another release may say what this one can't read.
                Err(error) => tracing::debug!(%error, "a letter that can't be read"),
            }
        }
    }

    fn receive(self: &Arc<Self>, letter: Letter) {
        let (kind, body, number) = match letter.said {
            Said::Answered { number, reply } => {
                return self.asked.answered(number, &letter.from, reply);
            }
            Said::Told { kind, body } => (kind, body, None),
            Said::Asked { number, kind, body } => (kind, body, Some(number)),
        };
        let handler = self.handlers.read().get(&*kind).cloned();
        let answer = |number, reply| {
            self.post(Recipient::One(letter.from.clone()), Said::Answered { number, reply });
        };
        let Some(handler) = handler else {
            return number.map_or((), |number| answer(number, Reply::Unknown));
        };
        let Ok(place) = self.work.clone().try_acquire_owned() else {
            self.metrics.control_dropped.inc();
            return;
        };
        let (shared, from) = (self.clone(), letter.from.clone());
        self.spawn(async move {
            let reply = handler(body).await;
            drop(place);
            if let (Some(number), Some(reply)) = (number, reply) {
                let said = Said::Answered { number, reply: Reply::Known(reply) };
                shared.post(Recipient::One(from), said);
            }
        });
    }

    fn post(self: &Arc<Self>, to: Recipient, said: Said) {
        let letter = Letter { from: self.me.clone(), said };
        let posted = tokio::time::timeout(POST_WAIT, self.broker.post(to, letter.encode()));
        let shared = self.clone();
        self.spawn(async move {
            if !matches!(posted.await, Ok(Ok(()))) {
                shared.metrics.control_dropped.inc();
                tracing::debug!("a letter to another instance was lost");
            }
        });
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(work);
    }
}

#[cfg(test)]
mod tests;
