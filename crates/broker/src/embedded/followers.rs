//! Who follows the partition, and what each of them hears. A follower that lags is interrupted
//! and never waited for.

use parking_lot::Mutex;
use tokio::sync::mpsc::{Receiver, Sender, channel, error::TrySendError};

use crate::Delivery;

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
    sender: Sender<Delivery>,
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

    pub(super) fn follow(&self) -> Receiver<Delivery> {
        let (sender, receiver) = channel(self.queue);
        let mut inner = self.inner.lock();
        if !inner.closed && sender.try_send(Delivery::Live).is_ok() {
            inner.all.push(Follower { sender, missed: false });
        }
        receiver
    }

    /// Publishes in the given order. Says whether somebody lags and must be nudged.
    pub(super) fn publish(&self, deliveries: &[Delivery]) -> bool {
        let mut inner = self.inner.lock();
        inner.all.retain_mut(|follower| deliveries.iter().all(|one| follower.hear(one)));
        inner.all.iter().any(|follower| follower.missed)
    }

    /// Lets those go on who have made room. Says whether somebody still lags.
    pub(super) fn nudge(&self) -> bool {
        let mut inner = self.inner.lock();
        inner.all.retain_mut(|follower| follower.go_on() || !follower.sender.is_closed());
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
    fn hear(&mut self, delivery: &Delivery) -> bool {
        if !self.go_on() {
            return !self.sender.is_closed();
        }
        match self.sender.try_send(delivery.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.missed = true;
                true
            }
            Err(TrySendError::Closed(_)) => false,
        }
    }

    /// Says whether deliveries may be made.
    fn go_on(&mut self) -> bool {
        if !self.missed {
            return true;
        }
        if self.sender.capacity() < ROOM_TO_GO_ON {
            return false;
        }
        // We are the only sender, so the room that was there is still there.
        let said = [Delivery::Interrupted, Delivery::Live];
        self.missed = !said.into_iter().all(|one| self.sender.try_send(one).is_ok());
        !self.missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(text: &str) -> Delivery {
        Delivery::Signal { room: "r".into(), bytes: text.to_owned().into() }
    }

    fn heard(receiver: &mut Receiver<Delivery>) -> String {
        let mut words = Vec::new();
        while let Ok(delivery) = receiver.try_recv() {
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
        assert!(stays.is_closed());
        assert!(followers.follow().is_closed());
    }
}
