//! Connections to other instances, kept for the next question. Each carries one question at a
//! time; one whose question is broken off is closed, which is how the owner learns of it.

use std::{
    collections::{HashMap, VecDeque},
    io,
    time::Duration,
};

use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a connection may take to be made.
const CONNECT_WAIT: Duration = Duration::from_secs(2);

/// Connections to one instance that are kept for the next question.
const IDLE_MAX: usize = 256;

/// How long one is kept: well below the time after which the other side closes it.
const IDLE_TIME: Duration = Duration::from_secs(10);

/// Instances to which connections are kept; those of a life that is over go with the next clean-up.
const ADDRESSES_MAX: usize = 1_024;

type Sender = SendRequest<Full<Bytes>>;

pub(super) struct Pool {
    /// By address, the longest idle ones first; locked for a few lines.
    idle: Mutex<HashMap<Box<str>, VecDeque<Idle>>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

struct Idle {
    sender: Sender,
    since: Instant,
}

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum PoolError {
    #[error("no connection: {0}")]
    Connect(#[from] io::Error),
    #[error("no answer: {0}")]
    Http(#[from] hyper::Error),
}

impl Pool {
    pub(super) fn new(tasks: TaskTracker, stop: CancellationToken) -> Self {
        Self { idle: Mutex::default(), tasks, stop }
    }

    /// Sends a request and waits for the head of its answer. Nothing is sent twice: a kept
    /// connection that turns out to be closed has not taken the request.
    pub(super) async fn send(
        &self,
        address: &str,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, PoolError> {
        while let Some(mut sender) = self.take(address) {
            match sender.try_send_request(request).await {
                Ok(response) => return Ok(self.answered(address, sender, response)),
                Err(mut error) => match error.take_message() {
                    Some(untaken) => request = untaken,
                    None => return Err(error.into_error().into()),
                },
            }
        }
        let mut sender = self.connect(address).await?;
        let response = sender.send_request(request).await?;
        Ok(self.answered(address, sender, response))
    }

    /// Keeps the connection; it can be used again when the answer has been read.
    fn answered(
        &self,
        address: &str,
        sender: Sender,
        response: Response<Incoming>,
    ) -> Response<Incoming> {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS || self.stop.is_cancelled() {
            return response;
        }
        let now = Instant::now();
        let mut idle = self.idle.lock();
        if !idle.contains_key(address) {
            // Where a new instance comes, an old one may have gone.
            idle.retain(|_, kept| kept.back().is_some_and(|last| last.is_fresh(now)));
            if idle.len() >= ADDRESSES_MAX {
                return response;
            }
        }
        let kept = idle.entry(address.into()).or_default();
        kept.retain(|idle| idle.is_fresh(now));
        if kept.len() < IDLE_MAX {
            kept.push_back(Idle { sender, since: now });
        }
        response
    }

    fn take(&self, address: &str) -> Option<Sender> {
        let now = Instant::now();
        let mut idle = self.idle.lock();
        let kept = idle.get_mut(address)?;
        kept.retain(|idle| idle.is_fresh(now));
        // The one used last: the others may grow old.
        let ready = kept.iter().rposition(|idle| idle.sender.is_ready())?;
        kept.remove(ready).map(|idle| idle.sender)
    }

    async fn connect(&self, address: &str) -> Result<Sender, PoolError> {
        let stream = timeout(CONNECT_WAIT, TcpStream::connect(address))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            // What goes wrong is told to whoever waits for the answer.
            let _ = stop.run_until_cancelled(connection.with_upgrades()).await;
        });
        Ok(sender)
    }
}

impl Idle {
    fn is_fresh(&self, now: Instant) -> bool {
        !self.sender.is_closed() && now - self.since < IDLE_TIME
    }
}
