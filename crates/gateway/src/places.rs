//! How many connections there are, and how many there may be.

use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Notify;

/// The places for connections.
pub(crate) struct Places {
    taken: Mutex<usize>,
    gauge: Gauge,
    /// Told when the last connection has ended.
    emptied: Notify,
}

/// One connection's place; dropping it gives it back.
pub(crate) struct Place(Arc<Places>);

impl Places {
    pub(crate) fn new(gauge: Gauge) -> Arc<Self> {
        Arc::new(Self { taken: Mutex::new(0), gauge, emptied: Notify::new() })
    }

    pub(crate) fn take(self: &Arc<Self>, max: usize) -> Option<Place> {
        let mut taken = self.taken.lock();
        if *taken >= max {
            return None;
        }
        *taken += 1;
        drop(taken);
        self.gauge.inc();
        Some(Place(Arc::clone(self)))
    }

    /// Waits until there is no connection.
    pub(crate) async fn emptied(&self) {
        loop {
            let mut emptied = std::pin::pin!(self.emptied.notified());
            emptied.as_mut().enable();
            if *self.taken.lock() == 0 {
                return;
            }
            emptied.await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.0.taken.lock();
        *taken -= 1;
        let emptied = *taken == 0;
        drop(taken);
        self.0.gauge.dec();
        if emptied {
            self.0.emptied.notify_waiters();
        }
    }
}
