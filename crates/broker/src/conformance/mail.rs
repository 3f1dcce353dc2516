//! Mail between instances: who gets what, in which order, and what happens to who doesn't read.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc::Receiver;

use super::{Place, limits, open, open_with, within};
use crate::{Broker, Error, Limits, MAIL_BYTES_MAX, Recipient};

fn one(id: &str) -> Recipient {
    Recipient::One(id.into())
}

async fn post(broker: &dyn Broker, to: Recipient, text: &str) {
    within(broker.post(to, text.to_owned().into())).await.expect("it is sent");
}

/// Opens a mailbox and waits until mail comes to it.
async fn mailbox(broker: &dyn Broker, id: &str) -> Receiver<Bytes> {
    let mut mail = broker.mailbox(id);
    until_heard(broker, &mut mail, id).await;
    mail
}

/// What a case posts only to see that it is heard begins so; there may be more of it than is
/// read at once.
const PROBE: &str = "probe";

/// Posts until something of it is heard. Gives what came before.
async fn until_heard(broker: &dyn Broker, mail: &mut Receiver<Bytes>, id: &str) -> Vec<Bytes> {
    static TURN: AtomicUsize = AtomicUsize::new(0);
    let probe = format!("{PROBE} {}", TURN.fetch_add(1, Ordering::Relaxed));
    let mut before = Vec::new();
    let waiting = async {
        loop {
            post(broker, one(id), &probe).await;
            tokio::task::yield_now().await;
            while let Ok(bytes) = mail.try_recv() {
                if bytes == probe {
                    return;
                }
                before.push(bytes);
            }
        }
    };
    within(waiting).await;
    before.retain(|bytes| !bytes.starts_with(PROBE.as_bytes()));
    before
}

async fn next(mail: &mut Receiver<Bytes>) -> Bytes {
    loop {
        let bytes = within(mail.recv()).await.expect("the mailbox is open");
        if !bytes.starts_with(PROBE.as_bytes()) {
            return bytes;
        }
    }
}

async fn ended(mail: &mut Receiver<Bytes>) {
    while let Some(bytes) = within(mail.recv()).await {
        assert!(bytes.starts_with(PROBE.as_bytes()), "{bytes:?}");
    }
}

/// To one or to all, the sender too; whoever isn't meant hears nothing.
pub async fn mail_reaches_whom_it_is_for(place: &dyn Place) {
    let brokers = [open(place).await, open(place).await, open(place).await];
    let mut boxes = Vec::new();
    for (broker, id) in brokers.iter().zip(["a", "b#1", "c"]) {
        boxes.push(mailbox(&**broker, id).await);
    }
    post(&*brokers[0], one("nobody"), "lost").await;
    post(&*brokers[0], one("b#1"), "to b").await;
    post(&*brokers[0], one("b"), "lost too").await;
    post(&*brokers[0], one("a"), "to myself").await;
    post(&*brokers[0], Recipient::All, "to all").await;
    let bytes = Bytes::from(vec![0, 255, b'\r', b'\n']);
    within(brokers[0].post(Recipient::All, bytes.clone())).await.expect("it is sent");
    let of_its_own = [vec!["to myself"], vec!["to b"], vec![]];
    for (mail, mine) in boxes.iter_mut().zip(of_its_own) {
        for text in mine.into_iter().chain(["to all"]) {
            assert_eq!(next(mail).await, text);
        }
        assert_eq!(next(mail).await, bytes);
    }
}

/// What one sender sends comes in the order of sending, be it to one or to all.
pub async fn mail_keeps_its_order(place: &dyn Place) {
    let (here, there) = (open(place).await, open(place).await);
    let mut mail = mailbox(&*there, "there").await;
    for number in 0..500 {
        let to = if number % 2 == 0 { one("there") } else { Recipient::All };
        post(&*here, to, &number.to_string()).await;
    }
    for number in 0..500 {
        assert_eq!(next(&mut mail).await, number.to_string());
    }
}

/// Who doesn't read misses what passes the limit, holds up nobody, and hears again later.
pub async fn mailbox_that_is_full_drops_what_comes(place: &dyn Place) {
    let narrow = open_with(place, Limits { mailbox: 4, ..limits() }).await;
    let mut mail = mailbox(&*narrow, "slow").await;
    let dropping = async {
        loop {
            for number in 0..100 {
                post(&*narrow, one("slow"), &number.to_string()).await;
            }
            let heard = until_heard(&*narrow, &mut mail, "slow").await;
            let heard: Vec<u32> = heard
                .iter()
                .map(|bytes| std::str::from_utf8(bytes).unwrap_or_default().parse().expect("ours"))
                .collect();
            assert!(heard.is_sorted_by(|one, next| one < next), "in order and once: {heard:?}");
            if heard.len() < 100 {
                return;
            }
        }
    };
    within(dropping).await;
}

/// An instance has one mailbox: the one that was opened last.
pub async fn mailbox_opened_again_ends_the_earlier_one(place: &dyn Place) {
    let broker = open(place).await;
    let mut earlier = mailbox(&*broker, "me").await;
    let mut later = broker.mailbox("me");
    ended(&mut earlier).await;
    until_heard(&*broker, &mut later, "me").await;
    drop(later);
    post(&*broker, one("me"), "nobody reads this").await;
    mailbox(&*broker, "me").await;
}

/// Up to the limit it comes whole; beyond, it is an error and nobody gets it.
pub async fn mail_has_a_limit(place: &dyn Place) {
    let broker = open(place).await;
    let mut mail = mailbox(&*broker, "me").await;
    let largest: Bytes = (0..MAIL_BYTES_MAX).map(|byte| byte as u8).collect();
    for to in [one("me"), Recipient::All] {
        let larger = Bytes::from([&largest[..], b"!"].concat());
        let refused = within(broker.post(to.clone(), larger)).await;
        assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
        within(broker.post(to, largest.clone())).await.expect("it is sent");
        assert_eq!(next(&mut mail).await, largest);
    }
}
