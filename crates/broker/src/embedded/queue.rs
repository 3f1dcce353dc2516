//! A bounded queue between callers on any thread and the threads that own a connection. It knows
//! nothing of what waits in it.

use std::{collections::VecDeque, time::Duration};

use parking_lot::{Condvar, Mutex};

/// What waits for a thread, bounded by the sum of the weights.
pub(super) struct Queue<T> {
    /// Held for a few lines only, by callers and by the thread.
    waiting: Mutex<Waiting<T>>,
    /// Notified for each push, on closing, and by `wake`.
    changed: Condvar,
    weight_max: usize,
}

struct Waiting<T> {
    jobs: VecDeque<(usize, T)>,
    weight: usize,
    closed: bool,
    /// Somebody wants the thread to look around, even if it wasn't waiting just then.
    woken: bool,
}

/// Why something can't wait here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turned {
    /// There is no room left now.
    Full,
    /// It would never fit.
    TooBig,
    /// Nothing is taken any more.
    Closed,
}

/// What a thread finds.
pub(super) enum Taken<T> {
    /// In the order of the pushes; perhaps none.
    Jobs(Vec<T>),
    /// Closed, and everything was taken.
    Closed,
}

impl<T> Queue<T> {
    pub(super) fn new(weight_max: usize) -> Self {
        let waiting = Waiting { jobs: VecDeque::new(), weight: 0, closed: false, woken: false };
        Self { waiting: Mutex::new(waiting), changed: Condvar::new(), weight_max }
    }

    pub(super) fn push(&self, job: T, weight: usize) -> Result<(), Turned> {
        if weight > self.weight_max {
            return Err(Turned::TooBig);
        }
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Err(Turned::Closed);
        }
        if waiting.weight + weight > self.weight_max {
            return Err(Turned::Full);
        }
        waiting.weight += weight;
        waiting.jobs.push_back((weight, job));
        drop(waiting);
        self.changed.notify_one();
        Ok(())
    }

    /// Takes whatever waits, at most `count_max`. Where nothing waits, waits for something up to
    /// `patience`.
    pub(super) fn take(&self, count_max: usize, patience: Duration) -> Taken<T> {
        let mut waiting = self.waiting.lock();
        let finds = !waiting.jobs.is_empty() || waiting.closed || waiting.woken;
        if !finds && !patience.is_zero() {
            self.changed.wait_for(&mut waiting, patience);
        }
        waiting.woken = false;
        if waiting.jobs.is_empty() && waiting.closed {
            return Taken::Closed;
        }
        let count = count_max.min(waiting.jobs.len());
        let mut weight = 0;
        let jobs = waiting.jobs.drain(..count).map(|(its, job)| (weight += its, job).1).collect();
        waiting.weight -= weight;
        Taken::Jobs(jobs)
    }

    /// Lets the thread look around: now if it waits, else the next time it would.
    pub(super) fn wake(&self) {
        self.waiting.lock().woken = true;
        self.changed.notify_one();
    }

    /// Takes nothing more; what waits is still given out.
    pub(super) fn close(&self) {
        self.waiting.lock().closed = true;
        self.changed.notify_all();
    }

    /// Closes and drops what waits, for a thread that can't go on.
    pub(super) fn abandon(&self) {
        self.close();
        let left = std::mem::take(&mut self.waiting.lock().jobs);
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken<T>(queue: &Queue<T>, count_max: usize) -> Option<Vec<T>> {
        match queue.take(count_max, Duration::ZERO) {
            Taken::Jobs(jobs) => Some(jobs),
            Taken::Closed => None,
        }
    }

    #[test]
    fn weights_bound_what_waits_and_are_given_back() {
        let queue = Queue::new(10);
        assert_eq!(queue.push('a', 6), Ok(()));
        assert_eq!(queue.push('b', 5), Err(Turned::Full));
        assert_eq!(queue.push('b', 4), Ok(()));
        assert_eq!(queue.push('c', 11), Err(Turned::TooBig));
        assert_eq!(taken(&queue, 1), Some(vec!['a']));
        assert_eq!(queue.push('d', 6), Ok(()));
        assert_eq!(taken(&queue, 9), Some(vec!['b', 'd']));
        assert_eq!(taken(&queue, 9), Some(vec![]));
    }

    #[test]
    fn closing_gives_out_what_waits_and_takes_nothing_more() {
        let queue = Queue::new(10);
        queue.push('a', 1).unwrap();
        queue.close();
        assert_eq!(queue.push('b', 1), Err(Turned::Closed));
        assert_eq!(taken(&queue, 9), Some(vec!['a']));
        assert_eq!(taken(&queue, 9), None);
    }

    #[test]
    fn waking_is_not_forgotten_by_who_was_not_waiting() {
        let queue = Queue::<char>::new(10);
        queue.wake();
        let (sender, taken) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            // Without an end to its patience it comes back for that reason only.
            queue.take(9, Duration::MAX);
            sender.send(()).unwrap();
        });
        taken.recv_timeout(Duration::from_secs(30)).expect("it looked around");
    }

    #[test]
    fn abandoning_drops_what_waits() {
        let queue = Queue::new(10);
        queue.push('a', 1).unwrap();
        queue.abandon();
        assert_eq!(taken(&queue, 9), None);
    }
}
