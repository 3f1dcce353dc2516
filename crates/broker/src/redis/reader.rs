//! Asks Redis whatever is not an append: heads, pages, signals, heartbeats, sweeps. All questions
//! share one multiplexed connection, which is made when it is needed and dropped at the first
//! sign that it is broken.

use std::{sync::Arc, time::Duration};

use redis::{AsyncConnectionConfig, Client, Cmd, Value, aio::MultiplexedConnection};
use tokio::{
    sync::{Mutex, Notify},
    time::timeout,
};

use super::{
    address::Address,
    link::{ANSWER_WAIT, CONNECT_WAIT, master_of},
    reply,
    script::Code,
};
use crate::Error;

/// The longest that a question may take, connecting included.
const QUESTION_WAIT: Duration = Duration::from_secs(5);

/// Whether a question is asked once more when its connection turns out to be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// Being carried out twice does no harm.
    Yes,
    /// It may have been carried out, and must not be twice.
    No,
}

/// Codes by which Redis says that it is not, or not yet, the one to ask.
const NOT_THE_ONE: [&str; 3] = ["READONLY", "LOADING", "MASTERDOWN"];

/// The connection for questions.
pub(super) struct Reader {
    address: Arc<Address>,
    reached: Arc<Notify>,
    /// Held while connecting too, so that only one connection is made.
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    /// Counts the connections, so that a broken one is dropped once and not its successor.
    number: u64,
    connection: Option<MultiplexedConnection>,
}

impl Reader {
    /// `reached` is told of every connection that is made.
    pub(super) fn new(address: Arc<Address>, reached: Arc<Notify>) -> Self {
        Self { address, reached, current: Mutex::new(Current::default()) }
    }

    /// Asks by a script, which is loaded if Redis does not know it, and can be run twice without
    /// harm.
    pub(super) async fn run(&self, code: &Code, call: &Cmd) -> Result<reply::Reply, Error> {
        let value = match self.ask(call, Again::Yes).await? {
            Value::ServerError(refusal) if refusal.code() == "NOSCRIPT" => {
                if let Value::ServerError(refusal) = self.ask(&code.load(), Again::Yes).await? {
                    return Err(reply::refused(&refusal));
                }
                self.ask(call, Again::Yes).await?
            }
            value => value,
        };
        reply::Reply::read(value)
    }

    /// Asks; a refusal of Redis is an answer.
    pub(super) async fn ask(&self, question: &Cmd, again: Again) -> Result<Value, Error> {
        let late = |_| Error::Unavailable("no answer in time".into());
        timeout(QUESTION_WAIT, self.ask_in_peace(question, again)).await.map_err(late)?
    }

    async fn ask_in_peace(&self, question: &Cmd, mut again: Again) -> Result<Value, Error> {
        loop {
            let (number, mut connection) = self.connection().await?;
            match connection.send_packed_command(question).await {
                Ok(value) => {
                    if let Value::ServerError(refusal) = &value
                        && NOT_THE_ONE.contains(&refusal.code())
                    {
                        self.forget(number).await;
                    }
                    return Ok(value);
                }
                Err(error) if error.code().is_some() => return Err(reply::failed(&error)),
                Err(error) => {
                    self.forget(number).await;
                    if again == Again::No || error.is_timeout() {
                        return Err(reply::failed(&error));
                    }
                    again = Again::No;
                }
            }
        }
    }

    async fn connection(&self) -> Result<(u64, MultiplexedConnection), Error> {
        let mut current = self.current.lock().await;
        if let Some(connection) = &current.connection {
            return Ok((current.number, connection.clone()));
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_WAIT))
            .set_response_timeout(Some(ANSWER_WAIT));
        let target = timeout(CONNECT_WAIT, master_of(&self.address)).await;
        let target = target.map_err(|_| Error::Unavailable("no connection in time".into()))??;
        let connection = Client::open(self.address.info().clone().set_addr(target))
            .map_err(|error| reply::failed(&error))?
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(|error| reply::failed(&error))?;
        self.reached.notify_waiters();
        current.number += 1;
        current.connection = Some(connection.clone());
        Ok((current.number, connection))
    }

    /// Drops the connection, which may be one to a Redis that others don't use any more.
    pub(super) async fn begin_anew(&self) {
        self.current.lock().await.connection = None;
    }

    async fn forget(&self, number: u64) {
        let mut current = self.current.lock().await;
        if current.number == number {
            current.connection = None;
        }
    }
}
