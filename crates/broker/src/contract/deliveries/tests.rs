//! What is put in comes out, in order, in bounds, and whoever waits is told.

use std::{
    future::ready,
    pin::{Pin, pin},
};

use super::*;

fn signal(number: usize) -> Delivery {
    Delivery::Signal { room: "r".into(), bytes: number.to_string().into() }
}

fn signals(numbers: std::ops::Range<usize>) -> VecDeque<Delivery> {
    numbers.map(signal).collect()
}

fn numbers(all: impl IntoIterator<Item = Delivery>) -> Vec<usize> {
    let number = |delivery| match delivery {
        Delivery::Signal { bytes, .. } => std::str::from_utf8(&bytes).unwrap().parse().unwrap(),
        other => panic!("{other:?}"),
    };
    all.into_iter().map(number).collect()
}

async fn is_waiting<T>(what: Pin<&mut impl Future<Output = T>>) -> bool {
    tokio::select! {
        biased;
        _ = what => false,
        () = ready(()) => true,
    }
}

#[tokio::test]
async fn what_is_put_in_together_is_taken_out_together_and_in_order() {
    let (deliverer, mut deliveries) = deliveries(10);
    assert!(deliverer.deliver_all(&mut signals(0..3), 0));
    assert!(deliverer.deliver_all(&mut signals(3..5), 0));
    let mut all = signals(90..91);
    assert_eq!(deliveries.recv_many(&mut all).await, 5);
    assert_eq!(numbers(all), [90, 0, 1, 2, 3, 4]);
    assert!(deliverer.deliver_all(&mut signals(5..8), 0));
    assert_eq!(numbers(deliveries.recv().await), [5]);
    let mut all = VecDeque::new();
    assert_eq!(deliveries.recv_many(&mut all).await, 2);
    assert_eq!(numbers(all), [6, 7]);
}

#[tokio::test]
async fn the_limit_counts_deliveries_and_so_much_is_taken_at_once() {
    let limit = 2 * DELIVERIES_TAKEN_MAX;
    let (deliverer, mut deliveries) = deliveries(limit);
    assert!(!deliverer.deliver_all(&mut signals(0..limit + 1), 3));
    assert_eq!(deliverer.room(), 3);
    assert!(deliverer.deliver_all(&mut signals(limit - 3..limit), 0));
    assert!(!deliverer.deliver(signal(limit)));
    let mut all = VecDeque::new();
    for turn in 0..2 {
        assert_eq!(deliveries.recv_many(&mut all).await, DELIVERIES_TAKEN_MAX);
        assert_eq!(deliverer.room(), (turn + 1) * DELIVERIES_TAKEN_MAX);
    }
    assert_eq!(numbers(all), (0..limit).collect::<Vec<_>>());
    assert!(deliveries.try_recv().is_none());
}

#[tokio::test]
async fn who_waits_is_told() {
    let (deliverer, mut deliveries) = deliveries(3);
    {
        let mut first = pin!(deliveries.recv());
        assert!(is_waiting(first.as_mut()).await);
        assert!(deliverer.deliver_all(&mut signals(0..3), 0));
        assert_eq!(numbers(first.await), [0]);
    }
    let mut room = pin!(deliverer.has_room(2));
    assert_eq!(deliverer.room(), 1);
    assert!(is_waiting(room.as_mut()).await);
    assert_eq!(numbers(deliveries.try_recv()), [1]);
    room.await;
    drop(deliverer);
    assert!(deliveries.has_ended());
    assert_eq!(numbers(deliveries.recv().await), [2]);
    assert!(deliveries.recv().await.is_none());
    assert_eq!(deliveries.recv_many(&mut VecDeque::new()).await, 0);
}

#[tokio::test]
async fn who_has_left_holds_nothing_and_nobody_up() {
    let (deliverer, deliveries) = deliveries(2);
    assert!(deliverer.deliver_all(&mut signals(0..2), 0));
    let mut room = pin!(deliverer.has_room(1));
    assert!(is_waiting(room.as_mut()).await);
    drop(deliveries);
    room.await;
    assert!(deliverer.is_left());
    assert!(deliverer.deliver_all(&mut signals(0..9), 0));
    assert_eq!(deliverer.room(), 2);
    assert!(Deliveries::none().recv().await.is_none());
}
