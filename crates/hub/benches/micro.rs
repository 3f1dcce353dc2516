//! Instructions of our own that the fan-out takes, from a batch of publications to the system
//! calls that write it to real sockets, the task's turns included. What the kernel does in those
//! calls isn't counted: that is what the measurements of whole servers show.

#![expect(
    clippy::unwrap_used,
    missing_docs,
    reason = "a measurement; its macros make public items"
)]

use std::io::{ErrorKind, Read};
use std::os::unix::net::UnixStream as Peer;
use std::sync::Arc;
use std::time::Duration;

use gungraun::prelude::*;
use hub::{Class, Hub, Limits, Metrics, Publication, Topic};
use tokio::net::UnixStream;
use tokio::runtime::Runtime;
use tokio_util::task::TaskTracker;
use wire::{Frame, socket};

/// Members of all topics together: few enough for the usual limit of 1,024 descriptors.
const MEMBERS: usize = 256;

/// A hub of one shard with sockets that wait for what is published, and what will be.
struct House {
    runtime: Runtime,
    hub: Hub,
    batch: Vec<Publication>,
    /// The other ends of the members' sockets, in the order in which they entered.
    peers: Vec<Peer>,
    /// What each of them is to receive.
    bytes: usize,
}

/// Members spread over so many topics, and so many publications for each topic.
fn house(topics: usize, publications: usize) -> House {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let topic = |number: usize| Topic((number % topics) as u64);
    let (hub, peers) = runtime.block_on(async {
        // Time passes otherwise under valgrind; what waits for it would be another count each run.
        let limits = Limits { linger_max: Duration::ZERO, ..Limits::default() };
        let hub = Hub::start(1, limits, Metrics::new(), &TaskTracker::new());
        let mut peers = Vec::new();
        for number in 0..MEMBERS {
            peers.push(enter(&hub, topic(number)).await);
        }
        (hub, peers)
    });
    let frame = frame();
    let bytes = publications * frame.len();
    let publication = |number| {
        let frame = frame.clone();
        Publication { topic: topic(number), frame, class: Class::Lasting }
    };
    let batch = (0..topics * publications).map(publication).collect();
    let mut house = House { runtime, hub, batch, peers, bytes };
    // Once before it counts: what is done only the first time is no matter of fan-out.
    house.publish(house.batch.clone());
    house.check();
    house
}

async fn enter(hub: &Hub, topic: Topic) -> Peer {
    let (peer, ours) = Peer::pair().unwrap();
    peer.set_nonblocking(true).unwrap();
    ours.set_nonblocking(true).unwrap();
    let stream = UnixStream::from_std(ours).unwrap();
    stream.writable().await.unwrap();
    let connection = hub.connection();
    connection.attach_stream(Arc::new(stream.into()), false);
    let key = hub.attach(connection).await;
    hub.enter(key, topic).await;
    hub.release(key, Vec::new()).await;
    peer
}

fn frame() -> Frame {
    let text = format!("\"{}\"", "a text of many words ".repeat(4).get(..64).unwrap());
    socket::event("/", "chat message", &[&text, "\"one-epochs-name1.123456\""])
}

impl House {
    /// Hands a batch to the hub and lets its shard work until the last member has received it.
    fn publish(&mut self, batch: Vec<Publication>) {
        let (hub, last) = (&self.hub, self.peers.last_mut().unwrap());
        self.runtime.block_on(async {
            hub.publish(batch).await;
            while read(last, &mut [0]) == 0 {
                tokio::task::yield_now().await;
            }
        });
    }

    /// Looks whether everybody has received all of it, and nothing else.
    fn check(&mut self) {
        let mut buffer = vec![0; self.bytes + 1];
        let (last, others) = self.peers.split_last_mut().unwrap();
        assert_eq!(1 + read(last, &mut buffer), self.bytes);
        for peer in others {
            assert_eq!(read(peer, &mut buffer), self.bytes);
        }
    }
}

/// What is there to be read, and how much it was.
fn read(peer: &mut Peer, buffer: &mut [u8]) -> usize {
    match peer.read(buffer) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
        Err(error) => panic!("{error}"),
    }
}

fn check(mut house: House) {
    house.check();
}

#[library_benchmark(teardown = check)]
#[bench::one_to_256(house(1, 1))]
#[bench::batch_of_32_to_256(house(1, 32))]
#[bench::one_each_to_32_topics_of_8(house(32, 1))]
#[bench::four_each_to_32_topics_of_8(house(32, 4))]
fn publish(mut house: House) -> House {
    let batch = std::mem::take(&mut house.batch);
    house.publish(batch);
    house
}

library_benchmark_group!(name = fan_out, benchmarks = [publish]);
main!(library_benchmark_groups = [fan_out]);
