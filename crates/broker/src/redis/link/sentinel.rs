//! Which Redis is the master: the sentinels are asked for every connection, one after the other,
//! until one answers.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use redis::{ConnectionAddr, Value};
use tokio::time::timeout;

use super::{Link, lost};
use crate::{
    Error,
    redis::{address::Sentinels, reply::refused},
};

/// How long one sentinel may take.
const SENTINEL_WAIT: Duration = Duration::from_millis(700);

/// Asks until one sentinel answers. Sentinels without a password take none, so the credentials are
/// theirs only where they ask for some.
pub(super) async fn ask(
    sentinels: &Sentinels,
    credentials: Option<(Option<&str>, &str)>,
) -> Result<ConnectionAddr, Error> {
    let Sentinels { addresses, master, asked } = sentinels;
    let begin = asked.fetch_add(1, Relaxed);
    let mut unreached = lost("no sentinel is named");
    // What one of them says tells more than that another can't be reached.
    let mut said = None;
    for place in 0..addresses.len() {
        let address = &addresses[(begin + place) % addresses.len()];
        let mut link = match timeout(SENTINEL_WAIT, Link::to(address)).await {
            Ok(Ok(link)) => link,
            Ok(Err(error)) => {
                unreached = error;
                continue;
            }
            Err(_) => continue,
        };
        match timeout(SENTINEL_WAIT, ask_one(&mut link, master, credentials)).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(error)) => said = Some(error),
            Err(_) => unreached = lost("no sentinel answers in time"),
        }
    }
    Err(said.unwrap_or(unreached))
}

async fn ask_one(
    link: &mut Link,
    master: &str,
    credentials: Option<(Option<&str>, &str)>,
) -> Result<ConnectionAddr, Error> {
    let mut question = redis::cmd("SENTINEL");
    question.arg("GET-MASTER-ADDR-BY-NAME").arg(master);
    let mut reply = link.exchange(&question).await?;
    if let (Value::ServerError(refusal), Some((user, password))) = (&reply, credentials)
        && refusal.code() == "NOAUTH"
    {
        link.authenticate(user, password).await?;
        reply = link.exchange(&question).await?;
    }
    let values = match reply {
        Value::Array(values) => values,
        Value::ServerError(refusal) => return Err(refused(&refusal)),
        _ => return Err(lost(format!("the sentinels know no master {master:?}"))),
    };
    let mut texts = values.into_iter().map(|value| match value {
        Value::BulkString(text) => String::from_utf8(text).unwrap_or_default(),
        _ => String::new(),
    });
    let (host, port) = (texts.next().unwrap_or_default(), texts.next().unwrap_or_default());
    let port = port.parse().map_err(|_| lost("what the sentinel says is no address"))?;
    Ok(ConnectionAddr::Tcp(host, port))
}

/// A sentinel may not know yet that the master was replaced.
pub(super) async fn expect_master(link: &mut Link) -> Result<(), Error> {
    let mut info = redis::cmd("INFO");
    match link.exchange(info.arg("replication")).await? {
        Value::BulkString(about) if about.windows(10).any(|is| is == b"role:slave") => {
            Err(lost("the sentinels name a Redis that is a replica"))
        }
        Value::ServerError(refusal) if refusal.code() == "NOAUTH" => Err(refused(&refusal)),
        _ => Ok(()),
    }
}
