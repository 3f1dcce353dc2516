//! The way from the clients to the instances: a TCP proxy that deals connections out in turn, as a
//! load balancer without sticky sessions does, and that can cut them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use super::chance::Chance;

/// The proxy; it ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Gate {
    address: SocketAddr,
    shared: Arc<Shared>,
    _accepting: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Where connections may go now.
    open: Mutex<Vec<SocketAddr>>,
    /// What cuts each connection, oldest first.
    pipes: Mutex<BTreeMap<u64, AbortHandle>>,
}

impl Gate {
    pub(crate) async fn open(instances: Vec<SocketAddr>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { open: Mutex::new(instances), ..Shared::default() });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, shared.clone()));
        Ok(Self { address, shared, _accepting: accepting })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends new connections to these instances only.
    pub(crate) fn lead_to(&self, instances: Vec<SocketAddr>) {
        *self.shared.open.lock() = instances;
    }

    /// Cuts about half of the connections, without a word.
    pub(crate) fn cut_half(&self, chance: &mut Chance) {
        self.cut(|| chance.coin());
    }

    /// Cuts all connections, without a word.
    pub(crate) fn cut_all(&self) {
        self.cut(|| true);
    }

    fn cut(&self, mut is_chosen: impl FnMut() -> bool) {
        for pipe in self.shared.pipes.lock().values().filter(|_| is_chosen()) {
            pipe.abort();
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut pipes = JoinSet::new();
    let mut turn = 0;
    loop {
        let client = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = pipes.join_next() => continue,
        };
        let Ok((client, _)) = client else { return };
        let target = {
            let open = shared.open.lock();
            let count = open.len().max(1) as u64;
            open.get(usize::try_from(turn % count).unwrap_or(0)).copied()
        };
        let Some(target) = target else { continue };
        let (number, at_end) = (turn, Forget { number: turn, shared: shared.clone() });
        turn += 1;
        // Locked first, so that a connection that ends at once is forgotten after it was noted.
        let mut cuts = shared.pipes.lock();
        let cut = pipes.spawn(async move {
            let _at_end = at_end;
            // However it ends, both sides see it when the streams are dropped.
            let _ = pipe(client, target).await;
        });
        cuts.insert(number, cut);
    }
}

/// Forgets a connection when it has ended, also when it was cut.
struct Forget {
    number: u64,
    shared: Arc<Shared>,
}

impl Drop for Forget {
    fn drop(&mut self) {
        self.shared.pipes.lock().remove(&self.number);
    }
}

async fn pipe(mut client: TcpStream, target: SocketAddr) -> std::io::Result<()> {
    let mut server = TcpStream::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
