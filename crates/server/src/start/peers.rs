//! Where other instances ask this one for its polling sessions: only where there can be others.

use std::{net::SocketAddr, sync::Arc};

use gateway::Gateway;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{StartError, listen};
use crate::{
    config::{Bind, Config},
    forward::{self, Forward, Key},
    neighbours::{Neighbour, Neighbours},
};

/// Opens the listener for other instances. Where nobody said it, it is on the address that
/// clients use, with a port that is free: the others learn it from the registry.
///
/// # Errors
/// The address can't be had.
pub(super) fn listen(config: &Config) -> Result<Option<TcpListener>, StartError> {
    if config.redis.is_none() && config.internal_bind.is_none() {
        return Ok(None);
    }
    let address = config.internal_bind.unwrap_or_else(|| match &config.bind {
        Bind::Ip(ip) => SocketAddr::new(*ip, 0),
        Bind::Unix(_) => SocketAddr::from(([127, 0, 0, 1], 0)),
    });
    let listener = listen::listen_tcp(address)
        .map_err(|error| StartError::Listen { address: address.to_string(), error })?;
    Ok(Some(listener))
}

/// What this instance is to the others.
pub(super) fn myself(
    config: &Config,
    id: Box<str>,
    name: &str,
    listener: Option<&TcpListener>,
) -> Neighbour {
    let version = env!("CARGO_PKG_VERSION").into();
    Neighbour { id, name: name.into(), version, address: address(config, listener) }
}

/// Where others reach this instance, where that need not be found out.
fn address(config: &Config, listener: Option<&TcpListener>) -> Option<Box<str>> {
    let listens = listener?.local_addr().ok()?;
    match &config.advertise {
        Some(address) => Some(address.as_str().into()),
        None => (!listens.ip().is_unspecified()).then(|| listens.to_string().into()),
    }
}

/// Lets the gateway serve the sessions of the neighbours, and them those of this instance, where
/// there can be any.
pub(super) fn join(
    gateway: &Gateway,
    listener: Option<TcpListener>,
    config: &Config,
    neighbours: &Neighbours,
    key: watch::Receiver<Option<Key>>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    let Some(listener) = listener else { return };
    gateway.join(Arc::new(Forward::new(neighbours.clone(), key, tasks, stop)));
    match (address(config, Some(&listener)), listener.local_addr()) {
        (Some(address), _) => tracing::info!(%address, "other instances reach this one here"),
        (None, Ok(listens)) => {
            let (neighbours, redis) = (neighbours.clone(), config.redis.clone());
            let known = forward::advertise(neighbours, listens.port(), redis);
            let stop = stop.clone();
            tasks.spawn(async move { stop.run_until_cancelled(known).await });
        }
        (None, Err(error)) => tracing::warn!(%error, "other instances can't reach this one"),
    }
    let gateway = gateway.clone();
    tasks.spawn(async move { gateway.serve_peers(listener.into()).await });
}
