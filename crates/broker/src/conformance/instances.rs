//! The registry of the instances: who is in it, and until when.

use std::{slice::from_ref, time::Duration};

use bytes::Bytes;

use super::{PATIENCE, Place, limits, open, open_with, within};
use crate::{Broker, Error, INSTANCE_ABOUT_BYTES_MAX, INSTANCE_ID_BYTES_MAX, Instance, Limits};

fn instance(id: &str, about: &str) -> Instance {
    Instance { id: id.into(), about: about.to_owned().into() }
}

async fn renew(broker: &dyn Broker, me: &Instance) -> Vec<Instance> {
    within(broker.renew(me)).await.expect("the store can be asked")
}

/// Everybody is seen by everybody, in order, as it described itself last, until it resigns.
pub async fn instances_see_each_other_until_they_resign(place: &dyn Place) {
    let patient = Limits { lease: 10 * PATIENCE, ..limits() };
    let (one, other) = (open_with(place, patient.clone()).await, open_with(place, patient).await);
    let [a, b, c] = [("a", "here"), ("b#7", "there"), ("c", "")].map(|(id, at)| instance(id, at));
    assert_eq!(renew(&*one, &b).await, from_ref(&b));
    assert_eq!(renew(&*other, &c).await, [b.clone(), c.clone()]);
    assert_eq!(renew(&*one, &a).await, [a.clone(), b.clone(), c.clone()]);
    let moved = Instance { about: Bytes::from(vec![0, 255, b'\n']), ..a.clone() };
    assert_eq!(renew(&*one, &moved).await, [moved.clone(), b.clone(), c.clone()]);
    assert_eq!(renew(&*other, &c).await, [moved.clone(), b.clone(), c.clone()]);
    within(one.resign("a")).await.expect("it resigns");
    within(one.resign("a")).await.expect("who has no lease may resign too");
    assert_eq!(renew(&*other, &c).await, [b.clone(), c.clone()]);
    assert_eq!(renew(&*one, &a).await, [a, b, c], "and come back");
}

/// Who doesn't renew is gone after its lease, and is back by renewing.
pub async fn leases_end(place: &dyn Place) {
    let brief = open_with(place, Limits { lease: Duration::from_millis(200), ..limits() }).await;
    let [a, b] = [instance("a", "brief"), instance("b", "it too")];
    assert_eq!(renew(&*brief, &a).await, from_ref(&a));
    gone(&*brief, &b, &a).await;
    gone(&*brief, &a, &b).await;
    assert!(renew(&*brief, &b).await.contains(&b), "the same call registers again");
}

/// Renews one until the other one's lease has ended.
async fn gone(broker: &dyn Broker, renewed: &Instance, other: &Instance) {
    let looking = async {
        loop {
            let all = renew(broker, renewed).await;
            assert!(all.contains(renewed), "who renews is there");
            if !all.contains(other) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("its lease ends");
}

/// Ids and descriptions up to their limits; what is none is an error and registers nobody.
pub async fn instances_have_limits(place: &dyn Place) {
    let broker = open_with(place, Limits { lease: 10 * PATIENCE, ..limits() }).await;
    let longest = Instance {
        id: "é".repeat(INSTANCE_ID_BYTES_MAX / 2).into(),
        about: (0..INSTANCE_ABOUT_BYTES_MAX).map(|byte| byte as u8).collect(),
    };
    assert_eq!(renew(&*broker, &longest).await, from_ref(&longest));
    let too_long = "x".repeat(INSTANCE_ID_BYTES_MAX + 1);
    let too_much = "x".repeat(INSTANCE_ABOUT_BYTES_MAX + 1);
    let none =
        [(&*too_long, ""), ("", ""), ("a b", ""), ("a\n", ""), ("a\0", ""), ("a", &too_much)];
    for (id, about) in none {
        let answer = within(broker.renew(&instance(id, about))).await;
        assert!(matches!(answer, Err(Error::Refused(_))), "{id:?}: {answer:?}");
    }
    assert_eq!(renew(&*broker, &longest).await, from_ref(&longest), "nobody else came");
    within(open(place).await.resign(&longest.id)).await.expect("another one may end it");
}
