//! What is done to the servers, and to which of them.

use super::servers::{FLOOR, PALABRE};

/// One load.
#[derive(Clone, Debug)]
pub(super) struct Load {
    /// Names its results.
    pub(super) name: String,
    /// What `--only` calls it, and those that make sense only together.
    pub(super) group: &'static str,
    pub(super) servers: &'static [&'static str],
    /// Over all instances.
    pub(super) clients: u32,
    pub(super) instances: u32,
    /// Whether the instances share a Redis.
    pub(super) redis: bool,
    pub(super) pace: Pace,
    /// Seconds for which messages are sent.
    pub(super) seconds: f64,
    /// Rooms of palabre clients; without it stock clients, who are all in one.
    pub(super) rooms: Option<u32>,
}

/// When the next message goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Pace {
    /// When one has reached everybody: so many are under way at once.
    InFlight(u32),
    /// By the clock, so many a second.
    Rate(u32),
}

/// What may be changed about the loads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// Idle connections to one instance.
    pub(super) connections: u32,
    /// Whether to measure for a shorter time.
    pub(super) is_quick: bool,
}

/// Those that share nothing, with the floor to compare them with.
const SINGLE: &[&str] = &[
    FLOOR,
    PALABRE,
    "bun-publish",
    "bun-socketio",
    "socketioxide",
    "node",
    "python-socketio",
    "flask-socketio",
];
/// Those that can share a Redis.
const SHARING: &[&str] = &[PALABRE, "socketioxide", "node", "python-socketio", "flask-socketio"];
/// Those whose latency through Redis is measured, beside the floor's own.
const PROMPT: &[&str] =
    &[FLOOR, PALABRE, "socketioxide", "node", "python-socketio", "flask-socketio"];
const OURS_AND_FLOOR: &[&str] = &[FLOOR, PALABRE];

/// The names that `--only` knows.
pub(super) const GROUPS: [&str; 7] =
    ["one", "thirty-two", "connections", "redis", "latency", "rooms", "growth"];

/// One instance without Redis, for the load that has two with one.
pub(super) const WITHOUT_REDIS: &str = "redis-without";
/// Clients in a room of the load with many.
pub(super) const ROOM_CLIENTS: u32 = 10;
/// As many as the descriptors of one instance allow, a round number of rooms.
pub(super) const ROOMS: u32 = 1_900;
/// Rooms over as many instances as the most receivers need.
pub(super) const SPREAD_ROOMS: u32 = 10_000;
/// Receivers over several instances.
pub(super) const GROWN: [u32; 3] = [1_000, 10_000, 100_000];
/// Connections to one instance, of the 20,000 descriptors that it may have.
const PER_INSTANCE: u32 = 17_000;

/// All loads, in the order in which they are run.
pub(super) fn loads(scale: Scale) -> Vec<Load> {
    let base = Load {
        name: String::new(),
        group: "",
        servers: SINGLE,
        clients: 1_000,
        instances: 1,
        redis: false,
        pace: Pace::InFlight(1),
        seconds: if scale.is_quick { 1.5 } else { 4.0 },
        rooms: None,
    };
    let named = |group: &'static str| Load { name: group.to_owned(), group, ..base.clone() };
    let mut loads = vec![
        named("one"),
        Load { pace: Pace::InFlight(32), ..named("thirty-two") },
        Load { clients: scale.connections, ..named("connections") },
        // Right beside what it is compared with.
        Load { name: WITHOUT_REDIS.to_owned(), servers: SHARING, ..named("redis") },
        Load { servers: SHARING, clients: 2_000, instances: 2, redis: true, ..named("redis") },
        Load {
            servers: PROMPT,
            instances: 2,
            redis: true,
            pace: Pace::Rate(50),
            ..named("latency")
        },
    ];
    let crowd = ROOMS * ROOM_CLIENTS;
    for (rooms, in_flight) in [(1, 1), (ROOMS, 32)] {
        loads.push(Load {
            name: format!("rooms-{rooms}"),
            servers: OURS_AND_FLOOR,
            clients: crowd,
            pace: Pace::InFlight(in_flight),
            rooms: Some(rooms),
            ..named("rooms")
        });
    }
    let crowd = SPREAD_ROOMS * ROOM_CLIENTS;
    loads.push(Load {
        name: format!("rooms-{SPREAD_ROOMS}"),
        servers: OURS_AND_FLOOR,
        clients: crowd,
        instances: crowd.div_ceil(PER_INSTANCE),
        redis: true,
        pace: Pace::InFlight(32),
        rooms: Some(SPREAD_ROOMS),
        ..named("rooms")
    });
    for clients in GROWN {
        loads.push(Load {
            name: format!("growth-{clients}"),
            servers: OURS_AND_FLOOR,
            clients,
            instances: clients.div_ceil(PER_INSTANCE),
            redis: true,
            // A message takes a second for the largest of them.
            seconds: base.seconds * if clients > PER_INSTANCE { 2.0 } else { 1.0 },
            ..named("growth")
        });
    }
    loads
}

impl Load {
    /// Messages that the floor joins: as many as are under way, if all go to the same clients.
    pub(super) fn coalesce(&self) -> u32 {
        match self.pace {
            Pace::InFlight(number) if self.rooms.is_none() => number,
            _ => 1,
        }
    }

    /// The arguments of `palabre bench` that say what is done.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut line = vec!["--clients".to_owned(), self.clients.to_string()];
        let (name, number) = match self.pace {
            Pace::InFlight(number) => ("--in-flight", number),
            Pace::Rate(number) => ("--rate", number),
        };
        line.extend([name.to_owned(), number.to_string()]);
        line.extend(["--duration".to_owned(), self.seconds.to_string()]);
        if let Some(rooms) = self.rooms {
            line.extend(["--rooms".to_owned(), rooms.to_string()]);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::peers::servers;

    fn all() -> Vec<Load> {
        loads(Scale { connections: 10_000, is_quick: false })
    }

    #[test]
    fn each_load_has_a_name_of_its_own_a_group_and_servers_that_exist() {
        let loads = all();
        for (at, load) in loads.iter().enumerate() {
            assert!(GROUPS.contains(&load.group), "{}", load.name);
            assert!(loads[..at].iter().all(|other| other.name != load.name), "{}", load.name);
            assert!(load.servers.iter().all(|name| servers::find(name).is_some()));
        }
        for group in GROUPS {
            assert!(loads.iter().any(|load| load.group == group), "{group}");
        }
    }

    #[test]
    fn no_instance_gets_more_connections_than_it_may_have() {
        for load in all() {
            assert!(load.clients / load.instances <= 19_000, "{}", load.name);
        }
        let last = all().pop().unwrap();
        assert_eq!((last.name.as_str(), last.instances), ("growth-100000", 6));
    }

    #[test]
    fn the_generator_is_told_all_of_it() {
        let rooms = all().into_iter().find(|load| load.name == "rooms-1900").unwrap();
        let expected = "--clients 19000 --in-flight 32 --duration 4 --rooms 1900";
        assert_eq!(rooms.arguments().join(" "), expected);
        assert_eq!(rooms.coalesce(), 1, "they go to different clients");
        let latency = all().into_iter().find(|load| load.name == "latency").unwrap();
        assert_eq!(latency.arguments().join(" "), "--clients 1000 --rate 50 --duration 4");
    }
}
