//! A Socket.IO socket of the main namespace over a link: events and answers as JSON values.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::time::timeout;

use super::link::Link;

/// How long the answer to CONNECT is waited for.
const CONNECT_WAIT: Duration = Duration::from_secs(10);

/// A socket that has joined.
#[derive(Debug)]
pub(crate) struct Socket {
    link: Link,
    next_ack: u64,
    /// The answer to CONNECT.
    pub(crate) accepted: Value,
}

/// What came from the server.
#[derive(Debug)]
pub(crate) enum Heard {
    /// An event's name and arguments.
    Event(String, Vec<Value>),
    /// The first argument of the answer with this number.
    Answer(u64, Value),
}

impl Socket {
    /// Joins the main namespace with this payload.
    pub(crate) async fn join(mut link: Link, payload: &Value) -> anyhow::Result<Self> {
        link.send(&format!("0{payload}")).await?;
        let answer = timeout(CONNECT_WAIT, link.next()).await.context("no answer to CONNECT")?;
        let answer = answer.context("the session ended before CONNECT was answered")?;
        let accepted = answer.strip_prefix('0').with_context(|| format!("refused: {answer}"))?;
        let accepted = serde_json::from_str(accepted)?;
        Ok(Self { link, next_ack: 0, accepted })
    }

    /// Sends an event and gives the number of its answer.
    pub(crate) async fn emit(&mut self, name: &str, args: &[Value]) -> anyhow::Result<u64> {
        let number = self.next_ack;
        self.next_ack += 1;
        let mut event = vec![Value::from(name)];
        event.extend_from_slice(args);
        self.link.send(&format!("2{number}{}", Value::from(event))).await?;
        Ok(number)
    }

    /// What comes next; an error when the session has ended or breaks the protocol.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Heard> {
        let message = self.link.next().await.context("the session has ended")?;
        let (kind, rest) = message.split_at_checked(1).context("an empty message")?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, json) = rest.split_at(digits);
        match kind {
            "2" => {
                let mut args: Vec<Value> = serde_json::from_str(json)?;
                anyhow::ensure!(!args.is_empty(), "an event without a name");
                let name = args.remove(0).as_str().unwrap_or_default().to_owned();
                Ok(Heard::Event(name, args))
            }
            "3" => {
                let args: Vec<Value> = serde_json::from_str(json)?;
                let first = args.into_iter().next().unwrap_or_default();
                Ok(Heard::Answer(number.parse()?, first))
            }
            _ => bail!("an unexpected packet: {message:.40}"),
        }
    }
}
