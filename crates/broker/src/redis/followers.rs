//! Who follows a partition, and what each of them has been told. Only the subscription's task
//! delivers; a follower that lags is interrupted and never waited for.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::{Deliverer, Deliveries, Delivery, deliveries};

/// Places of a queue that are kept for `Interrupted`.
const KEPT_FREE: usize = 1;

/// The followers of one partition.
pub(super) struct Followers {
    /// Guards the order too: whoever delivers does it under this lock. Nothing in it blocks.
    inner: Mutex<Inner>,
    queue: usize,
}

struct Inner {
    all: Vec<Follower>,
    closed: bool,
}

struct Follower {
    deliverer: Deliverer,
    told: Told,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Nothing, or `Interrupted`; there is room for `Live`.
    Waiting,
    /// The same; and the subscription was asked whether it stands.
    Asked,
    /// `Live`, and everything since.
    Live,
    /// `Interrupted`, because its queue was full; and not `Live` before there is room again.
    Lagging,
}

impl Followers {
    pub(super) fn new(queue: usize) -> Self {
        let inner = Inner { all: Vec::new(), closed: false };
        Self { inner: Mutex::new(inner), queue: queue.max(KEPT_FREE + 2) }
    }

    pub(super) fn follow(&self) -> Deliveries {
        let (deliverer, deliveries) = deliveries(self.queue);
        let mut inner = self.inner.lock();
        if !inner.closed {
            inner.all.push(Follower { deliverer, told: Told::Waiting });
        }
        deliveries
    }

    /// Says whether somebody waits for the subscription, which must now be asked whether it
    /// stands. What was published before comes before its answer, and is not for them.
    pub(super) fn ask(&self) -> bool {
        let mut inner = self.inner.lock();
        let mut any = false;
        for follower in inner.all.iter_mut().filter(|follower| follower.told == Told::Waiting) {
            follower.told = Told::Asked;
            any = true;
        }
        any
    }

    /// The subscription stands, for those who had asked.
    pub(super) fn live(&self) {
        self.inner.lock().all.retain_mut(|follower| {
            if follower.told == Told::Asked {
                follower.go_live();
            }
            !follower.deliverer.is_left()
        });
    }

    /// Deliveries may have been missed since the last one.
    pub(super) fn interrupted(&self) {
        self.inner.lock().all.retain_mut(|follower| {
            match follower.told {
                Told::Live => follower.interrupt(Told::Waiting),
                Told::Asked => follower.told = Told::Waiting,
                Told::Waiting | Told::Lagging => {}
            }
            !follower.deliverer.is_left()
        });
    }

    /// Delivers in this order to all who are live; nothing is left of it then. Says how many had to
    /// be interrupted for want of room.
    pub(super) fn deliver(&self, deliveries: &mut VecDeque<Delivery>) -> usize {
        if deliveries.is_empty() {
            return 0;
        }
        let mut overflowed = 0;
        let mut inner = self.inner.lock();
        inner.all.retain(|follower| !follower.deliverer.is_left());
        let mut left = inner.all.iter().filter(|follower| follower.told == Told::Live).count();
        for follower in inner.all.iter_mut().filter(|follower| follower.told == Told::Live) {
            left -= 1;
            // Nearly always there is one, who needs no copies.
            let has_heard_all = if left == 0 {
                follower.deliverer.deliver_all(deliveries, KEPT_FREE)
            } else {
                follower.deliverer.deliver_all(&mut deliveries.clone(), KEPT_FREE)
            };
            if !has_heard_all {
                overflowed += 1;
                follower.interrupt(Told::Lagging);
            }
        }
        deliveries.clear();
        overflowed
    }

    /// Waits until somebody who lags has made room, or is gone; `None` where nobody lags.
    pub(super) fn lagging(&self) -> Option<impl Future<Output = ()> + Send + use<>> {
        let inner = self.inner.lock();
        let lagging = inner.all.iter().find(|follower| follower.told == Told::Lagging);
        lagging.map(|follower| follower.deliverer.has_room(self.room_to_go_on()))
    }

    /// Lets those go on who lagged and have room again. Only while the subscription stands.
    pub(super) fn go_on(&self) {
        let room = self.room_to_go_on();
        self.inner.lock().all.retain_mut(|follower| {
            if follower.told == Told::Lagging && follower.deliverer.room() >= room {
                follower.go_live();
            }
            !follower.deliverer.is_left()
        });
    }

    /// How much room a follower that lagged must have made.
    fn room_to_go_on(&self) -> usize {
        (self.queue / 2).max(KEPT_FREE + 1)
    }

    /// Ends all deliveries.
    pub(super) fn close(&self) {
        let mut inner = self.inner.lock();
        inner.closed = true;
        inner.all.clear();
    }
}

impl Follower {
    fn go_live(&mut self) {
        let is_heard = self.deliverer.deliver_all(&mut VecDeque::from([Delivery::Live]), KEPT_FREE);
        self.told = if is_heard { Told::Live } else { Told::Lagging };
    }

    fn interrupt(&mut self, told: Told) {
        // The place for it was kept free.
        self.deliverer.deliver(Delivery::Interrupted);
        self.told = told;
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

    fn stands(followers: &Followers) {
        followers.ask();
        followers.live();
    }

    #[test]
    fn followers_hear_when_the_subscription_stands_and_when_not() {
        let followers = Followers::new(10);
        assert!(!followers.ask());
        let mut early = followers.follow();
        followers.deliver(&mut VecDeque::from([signal("nobody")]));
        followers.interrupted();
        assert_eq!(heard(&mut early), "");
        stands(&followers);
        let mut late = followers.follow();
        followers.deliver(&mut VecDeque::from([signal("early only")]));
        assert!(followers.ask());
        let mut later = followers.follow();
        followers.deliver(&mut VecDeque::from([signal("still")]));
        followers.live();
        followers.deliver(&mut VecDeque::from([signal("1")]));
        followers.interrupted();
        followers.deliver(&mut VecDeque::from([signal("lost")]));
        followers.live();
        followers.deliver(&mut VecDeque::from([signal("lost")]));
        stands(&followers);
        followers.deliver(&mut VecDeque::from([signal("2")]));
        assert_eq!(heard(&mut early), "live early only still 1 interrupted live 2");
        assert_eq!(heard(&mut late), "live 1 interrupted live 2");
        assert_eq!(heard(&mut later), "live 2", "it came after the question");
    }

    #[test]
    fn who_lags_is_interrupted_and_goes_on_when_there_is_room() {
        let followers = Followers::new(4);
        let mut slow = followers.follow();
        let mut quick = followers.follow();
        stands(&followers);
        let mut quickly = String::new();
        for number in 1..=4 {
            let overflowed = followers.deliver(&mut VecDeque::from([signal(&number.to_string())]));
            assert_eq!(overflowed, usize::from(number == 3), "at {number}");
            quickly += &(heard(&mut quick) + " ");
        }
        assert_eq!(quickly, "live 1 2 3 4 ");
        assert!(followers.lagging().is_some());
        followers.go_on();
        assert!(followers.lagging().is_some(), "there is no room yet");
        assert_eq!(heard(&mut slow), "live 1 2 interrupted");
        followers.go_on();
        assert!(followers.lagging().is_none());
        followers.deliver(&mut VecDeque::from([signal("5")]));
        assert_eq!(heard(&mut slow), "live 5");
        assert_eq!(heard(&mut quick), "5");
    }

    #[test]
    fn interruptions_always_have_a_place() {
        let followers = Followers::new(4);
        let mut slow = followers.follow();
        stands(&followers);
        for _ in 0..3 {
            followers.interrupted();
            stands(&followers);
        }
        followers.deliver(&mut VecDeque::from([signal("lost")]));
        assert_eq!(heard(&mut slow), "live interrupted live interrupted");
        followers.interrupted();
        stands(&followers);
        assert_eq!(heard(&mut slow), "", "it lags, and goes on in its own time");
        followers.go_on();
        assert_eq!(heard(&mut slow), "live");
    }

    #[test]
    fn who_left_is_forgotten_and_closing_ends_all() {
        let followers = Followers::new(4);
        drop(followers.follow());
        let mut stays = followers.follow();
        stands(&followers);
        followers.deliver(&mut VecDeque::from([signal("1")]));
        assert_eq!(followers.inner.lock().all.len(), 1);
        followers.close();
        assert_eq!(heard(&mut stays), "live 1");
        assert!(stays.has_ended());
        assert!(followers.follow().has_ended());
    }
}
