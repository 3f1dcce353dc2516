//! Who follows the partition, and what each of them hears. A follower that lags is interrupted
//! and never waited for.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::{Deliverer, Deliveries, Delivery, deliveries};

/// All followers of the one partition.
pub(super) struct Followers {
    /// Guards the order too: whoever publishes does it under this lock. Nothing in it blocks.
    inner: Mutex<Inner>,
    queue: usize,
}

struct Inner {
    all: Vec<Follower>,
    closed: bool,
}

struct Follower {
    deliverer: Deliverer,
    /// Something was not delivered; until `Interrupted` could be said nothing else is.
    missed: bool,
}

/// `Interrupted`, `Live` and whatever comes next must fit together.
const ROOM_TO_GO_ON: usize = 3;

impl Followers {
    pub(super) fn new(queue: usize) -> Self {
        let inner = Inner { all: Vec::new(), closed: false };
        Self { inner: Mutex::new(inner), queue: queue.max(ROOM_TO_GO_ON) }
    }

    pub(super) fn follow(&self) -> Deliveries {
        let (deliverer, deliveries) = deliveries(self.queue);
        let mut inner = self.inner.lock();
        if !inner.closed && deliverer.deliver(Delivery::Live) {
            inner.all.push(Follower { deliverer, missed: false });
        }
        deliveries
    }

    /// Publishes in the given order. Says whether somebody lags and must be nudged.
    pub(super) fn publish(&self, deliveries: &[Delivery]) -> bool {
        let mut inner = self.inner.lock();
        inner.all.retain_mut(|follower| follower.hear(deliveries));
        inner.all.iter().any(|follower| follower.missed)
    }

    /// Lets those go on who have made room. Says whether somebody still lags.
    pub(super) fn nudge(&self) -> bool {
        let mut inner = self.inner.lock();
        inner.all.retain_mut(|follower| follower.go_on() || !follower.deliverer.is_left());
        inner.all.iter().any(|follower| follower.missed)
    }

    /// Ends all deliveries.
    pub(super) fn close(&self) {
        let mut inner = self.inner.lock();
        inner.closed = true;
        inner.all.clear();
    }
}

impl Follower {
    /// Says whether the follower is still there.
    fn hear(&mut self, deliveries: &[Delivery]) -> bool {
        if self.go_on() {
            let mut all = deliveries.iter().cloned().collect::<VecDeque<_>>();
            self.missed = !self.deliverer.deliver_all(&mut all, 0);
        }
        !self.deliverer.is_left()
    }

    /// Says whether deliveries may be made.
    fn go_on(&mut self) -> bool {
        if !self.missed {
            return true;
        }
        if self.deliverer.room() < ROOM_TO_GO_ON {
            return false;
        }
        let mut said = VecDeque::from([Delivery::Interrupted, Delivery::Live]);
        self.missed = !self.deliverer.deliver_all(&mut said, 0);
        !self.missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(text: &str) -> Delivery {
        Delivery::Signal { room: "r".into(), bytes: text.to_owned().into() }
    }

    fn heard(deliveries: &mut Deliveries) -> String {
        let mut words = Vec::new();
        while let Some(delivery) = deliveries.try_recv() {
            words.push(match delivery {
                Delivery::Live => "live".to_owned(),
                Delivery::Interrupted => "interrupted".to_owned(),
                Delivery::Signal { bytes, .. } => String::from_utf8(bytes.to_vec()).unwrap(),
                other => panic!("{other:?}"),
            });
        }
        words.join(" ")
    }

    #[test]
    fn a_lagging_follower_is_interrupted_and_the_others_are_not() {
        let followers = Followers::new(3);
        let mut slow = followers.follow();
        let mut quick = followers.follow();
        let mut quickly = String::new();
        for number in 1..=5 {
            let lags = followers.publish(&[signal(&number.to_string())]);
            assert_eq!(lags, number > 2, "at {number}");
            quickly += &(heard(&mut quick) + " ");
        }
        assert_eq!(quickly, "live 1 2 3 4 5 ");
        assert_eq!(heard(&mut slow), "live 1 2");
        assert!(!followers.nudge());
        assert_eq!(heard(&mut slow), "interrupted live");
        followers.publish(&[signal("6")]);
        assert_eq!(heard(&mut slow), "6");
        assert_eq!(heard(&mut quick), "6");
    }

    #[test]
    fn going_on_waits_for_room() {
        let followers = Followers::new(4);
        let mut slow = followers.follow();
        followers.publish(&["1", "2", "3", "4"].map(signal));
        slow.try_recv().unwrap();
        slow.try_recv().unwrap();
        assert!(followers.nudge());
        assert!(followers.publish(&[signal("5")]));
        slow.try_recv().unwrap();
        assert!(!followers.publish(&[signal("6")]));
        assert_eq!(heard(&mut slow), "3 interrupted live 6");
    }

    #[test]
    fn who_left_is_forgotten_and_closing_ends_all() {
        let followers = Followers::new(3);
        drop(followers.follow());
        let mut stays = followers.follow();
        followers.publish(&[signal("1")]);
        assert_eq!(followers.inner.lock().all.len(), 1);
        followers.close();
        assert_eq!(heard(&mut stays), "live 1");
        assert!(stays.has_ended());
        assert!(followers.follow().has_ended());
    }
}
