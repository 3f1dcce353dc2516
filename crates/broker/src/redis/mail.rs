//! Mail between instances: Pub/Sub, over a connection of its own that is there while the mailbox
//! is. What is sent while it is not there is lost, as the contract says.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{
    Redis,
    listening::{Heard, Listening},
    reader::Again,
    reply,
    shared::Shared,
};
use crate::{Answer, Error, MAIL_BYTES_MAX, Mail, Recipient, State, limits::fits};

/// After how many failures in a row the log is told that mail alone does not come.
const FAILURES_TOLD: u32 = 3;

/// The mailbox of this handle, which opening another one ends.
pub(super) type Current = Mutex<Option<CancellationToken>>;

impl Mail for Redis {
    fn mailbox(&self, id: &str) -> Receiver<Bytes> {
        let (sender, receiver) = mpsc::channel(self.shared.limits.mailbox.max(1));
        let ended = self.shared.stop.child_token();
        if let Some(earlier) = self.mailbox.lock().replace(ended.clone()) {
            earlier.cancel();
        }
        let channels = [self.shared.mail_channel.clone(), channel_of(&self.shared, id)];
        let shared = self.shared.clone();
        let task = async move {
            let receiver_gone = sender.clone();
            tokio::select! {
                () = take_all(&shared, &channels, sender) => {}
                () = receiver_gone.closed() => {}
                () = ended.cancelled() => {}
            }
        };
        self.callers_tasks.spawn(self.tasks.track_future(task));
        receiver
    }

    fn post(&self, to: Recipient, bytes: Bytes) -> Answer<Result<(), Error>> {
        let channel = match &to {
            Recipient::All => self.shared.mail_channel.clone(),
            Recipient::One(id) => channel_of(&self.shared, id),
        };
        let checked = fits("the message", bytes.len(), MAIL_BYTES_MAX);
        self.ask(checked.map(|()| 0), |shared, _| async move {
            let mut publish = redis::cmd("PUBLISH");
            publish.arg(channel).arg(&bytes[..]);
            match shared.reader.ask(&publish, Again::No).await? {
                redis::Value::ServerError(refusal) => Err(reply::refused(&refusal)),
                _ => Ok(()),
            }
        })
    }
}

fn channel_of(shared: &Shared, id: &str) -> String {
    format!("{}:{id}", shared.mail_channel)
}

/// Subscribes and takes mail, and subscribes again, for ever.
async fn take_all(shared: &Arc<Shared>, channels: &[String; 2], sender: Sender<Bytes>) {
    let channels = [channels[0].as_str(), &channels[1]];
    let mut failures = 0;
    loop {
        shared.back_off(failures).await;
        let why = match Listening::open(&shared.address, "palabre-mail", &channels).await {
            Ok(listening) => {
                failures = 0;
                take(shared, listening, &sender).await
            }
            Err(why) => why,
        };
        failures = failures.saturating_add(1);
        shared.counters.connections_failed.add(1);
        // While all of Redis is away the lanes say so.
        if failures == FAILURES_TOLD && shared.health.state() == State::Connected {
            warn!(reason = %why, "mail from other instances does not come");
        } else {
            debug!(reason = %why, "the mailbox was cut off");
        }
    }
}

/// Takes mail until the connection is lost. Says why it was.
async fn take(shared: &Shared, mut listening: Listening, sender: &Sender<Bytes>) -> Error {
    loop {
        match listening.next().await {
            Ok(Heard::Message(message)) => {
                if sender.try_send(message).is_err() {
                    shared.counters.mail_dropped.add(1);
                }
            }
            Ok(Heard::Pong(_)) => {}
            Err(why) => return why,
        }
    }
}
