//! The deployment's secret: the configured one, or the one that is kept beside the log.

use std::{sync::Arc, time::Duration};

use broker::Broker;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    application::identity::{self, Signer},
    config::Config,
    forward::Key,
};

/// How often the log is asked for the secret until it can be reached.
const RETRY: Duration = Duration::from_millis(500);

/// What is made of the secret, as soon as it is known.
pub(super) struct Keys {
    /// Signs guests' tokens.
    pub(super) signer: watch::Receiver<Option<Signer>>,
    /// Signs what instances ask each other.
    pub(super) forward: watch::Receiver<Option<Key>>,
}

/// At once where the secret is configured; else as soon as the log can be asked.
pub(super) fn keys(
    config: &Config,
    broker: &Arc<dyn Broker>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Keys {
    let (signer, signed) = watch::channel(None);
    let (forward, forwarded) = watch::channel(None);
    let know = move |secret: &[u8]| {
        signer.send_replace(Some(Signer::new(secret)));
        forward.send_replace(Some(Key::new(secret)));
    };
    if let Some(secret) = &config.secret {
        know(secret.expose().as_bytes());
    } else {
        let (broker, stop) = (broker.clone(), stop.clone());
        tasks.spawn(async move {
            if let Some(secret) = stop.run_until_cancelled(shared_secret(&*broker)).await {
                know(&secret);
            }
        });
    }
    Keys { signer: signed, forward: forwarded }
}

async fn shared_secret(broker: &dyn Broker) -> broker::Secret {
    let proposal = identity::random();
    loop {
        match broker.secret(proposal).await {
            Ok(secret) => return secret,
            Err(error) => tracing::debug!(%error, "the shared secret is not known yet"),
        }
        tokio::time::sleep(RETRY).await;
    }
}
