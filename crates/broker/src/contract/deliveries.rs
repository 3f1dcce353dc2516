//! The queue between a broker and one follower. Every entry of the log passes through it on every
//! instance, so it is filled and emptied many at a time: what a broker read together arrives
//! together. What to say to a follower whose queue is full is left to the broker.

use std::{collections::VecDeque, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Delivery;

/// The most deliveries that are taken out of a queue at once; the others keep their places.
pub const DELIVERIES_TAKEN_MAX: usize = 512;

/// Memory of a queue that was once longer than this is given back when it is empty.
const KEPT_MAX: usize = 4 * DELIVERIES_TAKEN_MAX;

/// Makes a queue in which at most so many deliveries wait.
pub fn deliveries(limit: usize) -> (Deliverer, Deliveries) {
    let queue = Arc::new(Queue {
        waiting: Mutex::default(),
        limit: limit.max(1),
        filled: Notify::new(),
        taken: Notify::new(),
    });
    (Deliverer { queue: queue.clone() }, Deliveries { queue })
}

/// The end at which a broker puts deliveries in. Deliveries end when it is dropped.
#[derive(Debug)]
pub struct Deliverer {
    queue: Arc<Queue>,
}

/// The end at which a follower takes deliveries out.
#[derive(Debug)]
pub struct Deliveries {
    queue: Arc<Queue>,
}

#[derive(Debug)]
struct Queue {
    /// A few lines, and nothing in them blocks.
    waiting: Mutex<Waiting>,
    limit: usize,
    /// Tells the follower that something waits, or that no more will.
    filled: Notify,
    /// Tells the broker that there is room, or that nobody is there any more.
    taken: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    all: VecDeque<Delivery>,
    /// The broker's end is gone.
    ended: bool,
    /// The follower's end is gone.
    left: bool,
}

impl Queue {
    fn room(&self, waiting: &Waiting) -> usize {
        self.limit.saturating_sub(waiting.all.len())
    }
}

impl Deliverer {
    /// How many more deliveries may wait. Only this end takes room, so it stays.
    pub fn room(&self) -> usize {
        self.queue.room(&self.queue.waiting.lock())
    }

    /// Whether nobody is at the other end any more.
    pub fn is_left(&self) -> bool {
        self.queue.waiting.lock().left
    }

    /// Delivers something. Says whether there was room for it.
    pub fn deliver(&self, delivery: Delivery) -> bool {
        self.deliver_all(&mut VecDeque::from([delivery]), 0)
    }

    /// Delivers all of it in this order, or its beginning where not all fits beside the places that
    /// are to stay free; nothing is left of it then. Says whether all did. To nobody everything
    /// fits.
    pub fn deliver_all(&self, deliveries: &mut VecDeque<Delivery>, stay_free: usize) -> bool {
        let mut waiting = self.queue.waiting.lock();
        if waiting.left {
            deliveries.clear();
            return true;
        }
        let room = self.queue.room(&waiting).saturating_sub(stay_free);
        let fits = deliveries.len() <= room;
        deliveries.truncate(room);
        if waiting.all.is_empty() {
            std::mem::swap(&mut waiting.all, deliveries);
        } else {
            waiting.all.append(deliveries);
        }
        drop(waiting);
        self.queue.filled.notify_one();
        fits
    }

    /// Waits until there is room for so many, or nobody is at the other end any more.
    pub fn has_room(&self, count: usize) -> impl Future<Output = ()> + Send + use<> {
        let queue = self.queue.clone();
        async move {
            loop {
                let taken = queue.taken.notified();
                let is_over = {
                    let waiting = queue.waiting.lock();
                    waiting.left || waiting.ended || queue.room(&waiting) >= count
                };
                if is_over {
                    return;
                }
                taken.await;
            }
        }
    }
}

impl Drop for Deliverer {
    fn drop(&mut self) {
        self.queue.waiting.lock().ended = true;
        self.queue.filled.notify_one();
        self.queue.taken.notify_one();
    }
}

impl Deliveries {
    /// Deliveries that end at once.
    pub fn none() -> Self {
        deliveries(1).1
    }

    /// Waits for deliveries, and puts what there is behind what is in `all`, at most
    /// [`DELIVERIES_TAKEN_MAX`]. Says how many there were: none where deliveries have ended.
    /// Nothing is lost if the future is dropped.
    pub async fn recv_many(&mut self, all: &mut VecDeque<Delivery>) -> usize {
        self.take(|waiting| {
            let taken = waiting.len().min(DELIVERIES_TAKEN_MAX);
            if all.is_empty() && waiting.len() <= DELIVERIES_TAKEN_MAX {
                std::mem::swap(all, waiting);
            } else {
                all.extend(waiting.drain(..taken));
            }
            if waiting.is_empty() && waiting.capacity() > KEPT_MAX {
                *waiting = VecDeque::new();
            }
            (taken > 0).then_some(taken)
        })
        .await
        .unwrap_or(0)
    }

    /// Waits for the next delivery; `None` where deliveries have ended. Nothing is lost if the
    /// future is dropped.
    pub async fn recv(&mut self) -> Option<Delivery> {
        self.take(VecDeque::pop_front).await
    }

    /// The next delivery, if it is there already.
    pub fn try_recv(&mut self) -> Option<Delivery> {
        let delivery = self.queue.waiting.lock().all.pop_front()?;
        self.queue.taken.notify_one();
        Some(delivery)
    }

    /// Whether nothing more will be put in.
    pub fn has_ended(&self) -> bool {
        self.queue.waiting.lock().ended
    }

    /// Waits until something can be taken; `None` where nothing is left and nothing will come.
    async fn take<T>(
        &mut self,
        mut take: impl FnMut(&mut VecDeque<Delivery>) -> Option<T>,
    ) -> Option<T> {
        loop {
            {
                let mut waiting = self.queue.waiting.lock();
                if let Some(taken) = take(&mut waiting.all) {
                    drop(waiting);
                    self.queue.taken.notify_one();
                    return Some(taken);
                }
                if waiting.ended {
                    return None;
                }
            }
            self.queue.filled.notified().await;
        }
    }
}

impl Drop for Deliveries {
    fn drop(&mut self) {
        let mut waiting = self.queue.waiting.lock();
        waiting.left = true;
        let unheard = std::mem::take(&mut waiting.all);
        drop(waiting);
        drop(unheard);
        self.queue.taken.notify_one();
    }
}

#[cfg(test)]
mod tests;
