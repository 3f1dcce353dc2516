//! The task among its real neighbours: what clients hear of large rooms and of small ones.

use std::future::poll_fn;

use broker::embedded::Embedded;
use chat::signal;
use hub::{Connection, Hub};
use prometheus_client::{metrics::gauge::Gauge, registry::Registry};
use serde_json::Value;
use wire::{Frame, Part};

use super::*;
use crate::{
    metrics::Metrics,
    pulse::Pulse,
    sequencer::{self, order::Audience, ring},
    trace::Traces,
};

/// Long enough for the slowest machine; reached only when something never comes.
const DEADLINE: Duration = Duration::from_mins(1);

/// Members that make a room large under the limits of these tests: it is told again in an hour.
const CROWD: usize = 10_000;

fn limits() -> Limits {
    let told_within = Duration::from_hours(1);
    Limits { frames_per_second: 10, told_within, ..Limits::default() }
}

struct House {
    hub: Hub,
    sequencer: Sequencer,
    presence: Presence,
    signals: mpsc::Sender<Signalled>,
    stop: CancellationToken,
}

/// A client that hears what its room is told.
struct Ear {
    connection: Arc<Connection>,
    heard: Vec<(String, Value)>,
}

impl House {
    fn open() -> Self {
        let broker: Arc<dyn Broker> = Embedded::open(None, broker::Limits::memory()).unwrap();
        let metrics = Arc::new(Metrics::new(&mut Registry::default()));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let (signals, signalled) = mpsc::channel(BATCH);
        let hub = Hub::start(1, hub::Limits::default(), hub::Metrics::new(), &tasks);
        let parts = sequencer::Parts {
            hub: hub.clone(),
            broker: broker.clone(),
            pulse: Arc::new(Pulse::new("a".into(), broker.clone(), metrics.clone())),
            ring: ring::Limits { time: Duration::from_mins(2), bytes: 1 << 20 },
            signals: signals.clone(),
            traces: Traces::default(),
            metrics,
        };
        let sequencer = Sequencer::start(parts, &tasks, &stop);
        let (id, name): (Box<str>, Box<str>) = ("a#1".into(), "a".into());
        let me = Neighbour { id, name, version: "1".into(), address: None };
        let (lease, gauge) = (Duration::from_secs(10), Gauge::default());
        let neighbours = Neighbours::start(me, broker.clone(), lease, gauge, &tasks, stop.clone());
        let parts = Parts { broker, sequencer: sequencer.clone(), signals: signalled, neighbours };
        let presence = start_within(limits(), parts, &tasks, stop.clone());
        Self { hub, sequencer, presence, signals, stop }
    }

    /// A palabre client comes into a room.
    async fn enter(&self, room: &str, user: &str) -> Ear {
        let connection = self.hub.connection();
        let key = self.hub.attach(connection.clone()).await;
        let place = self.sequencer.admit(key, Audience::Palabre, Some(room)).await;
        place.expect("the sequencer runs");
        self.hub.release(key, Vec::new()).await;
        self.join(room, user);
        Ear { connection, heard: Vec::new() }
    }

    fn join(&self, room: &str, user: &str) {
        let user: Arc<str> = user.into();
        self.presence.join(room, &user, &user, Audience::Palabre);
    }

    fn leave(&self, room: &str, user: &str) {
        self.presence.leave(room, &user.into(), Audience::Palabre);
    }
}

impl Ear {
    /// Takes what has come, and waits where that is nothing.
    async fn listen(&mut self) {
        let waiting = poll_fn(|cx| self.connection.poll_outgoing(cx));
        timeout(DEADLINE, waiting).await.expect("something comes");
        let frames = self.connection.take(usize::MAX, usize::MAX);
        for part in frames.iter().flat_map(Frame::parts) {
            let Part::Text(text) = part else { continue };
            let event = text.strip_prefix("42").expect("an event");
            let event: Value = serde_json::from_str(event).unwrap();
            self.heard.push((event[0].as_str().unwrap().to_owned(), event[1].clone()));
        }
    }

    /// Waits for an event that fits; gives all that came until then, it included.
    async fn until(&mut self, fits: impl Fn(&str, &Value) -> bool) -> Vec<(String, Value)> {
        while !self.heard.iter().any(|(name, event)| fits(name, event)) {
            self.listen().await;
        }
        std::mem::take(&mut self.heard)
    }
}

fn counts(heard: &[(String, Value)]) -> Vec<u64> {
    let told = heard.iter().filter(|(name, _)| name == "presence");
    told.map(|(_, event)| event["count"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_crowd_is_told_seldom_and_keeps_nobody_else_waiting() {
    let house = House::open();
    let mut large = house.enter("large", "stays").await;
    for number in 0..CROWD {
        house.join("large", &number.to_string());
    }
    let first = large.until(|name, _| name == "presence").await;
    let mut small = house.enter("small", "stays").await;
    // Each time something is told of the small room, something has changed in the large one.
    for round in 0..3 {
        house.join("large", &format!("late {round}"));
        house.join("small", "comes and goes");
        small.until(|name, event| name == "presence" && event["count"] == 2).await;
        house.leave("small", "comes and goes");
        small.until(|name, event| name == "presence" && event["count"] == 1).await;
    }
    let typing = signal::Typing { user: "u".into(), name: "Ada".into(), on: true };
    let typing = Signal::Typing(typing).encode();
    house.signals.send(("large".into(), typing)).await.unwrap();
    let meanwhile = large.until(|name, _| name == "typing").await;
    let told = counts(&[first, meanwhile].concat());
    assert_eq!(told.len(), 1, "its next telling is far away: {told:?}");
    // As soon as it is large no more, all that was not told is.
    for number in 0..CROWD {
        house.leave("large", &number.to_string());
    }
    large.until(|name, event| name == "presence" && event["count"] == 4).await;
    house.stop.cancel();
}

#[test]
fn every_partition_has_a_channel() {
    for partitions in [1, 2, 32] {
        for partition in (0..partitions).map(Partition) {
            assert_eq!(partition_of(&room_in(partition, partitions), partitions), partition);
        }
    }
}
