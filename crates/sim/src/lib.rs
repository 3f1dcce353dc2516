//! Palabre under a virtual clock and one seed. Several instances, their clients and a log that
//! loses, doubles, delays, stands still and forgets; what clients see is compared with what the
//! log held, thing by thing. For development only.
//!
//! # What runs
//! The real server, whole: [`server::Server::start`], so gateway, sessions, both transports, hub,
//! follower, sequencer, recovery, presence and chat, with their own tasks and timers. Replaced
//! are the clock, chance, the store ([`SimBroker`], which keeps the contract of `broker` and
//! passes its conformance suite), the clients, and the network between the instances and the
//! store. Clients are state machines here that speak the wire's bytes; their way to an instance
//! is a Unix socket, with the delays and cuts on their side of it.
//!
//! # Why the same seed is the same run
//! - *Threads*: there is one. Each life of an instance has a tokio runtime of its own
//!   (`current_thread`), which runs only in its turns; killing the instance drops the runtime.
//! - *Clock*: each runtime's clock is paused. A turn is `block_on(sleep(step))`: whenever nothing
//!   is left to do the clock jumps to the next timer, up to the end of the step. A frozen instance
//!   gets no turns, and the time that it owes all at once when it thaws.
//! - *Sockets*: both ends are in this thread, so what was written can be read at once, and the
//!   kernel tells of it in the order in which it was written.
//! - *Chance*: what is decided here comes from [`Chance`]. What the program asks of the kernel
//!   (ids, the keys of hashed maps, and by these the order in which `select!` looks at its
//!   branches) comes from `chance.c`, which takes the place of `getrandom` in the program `sim`.
//!   Since parts of it count per process, each seed runs in a process of its own.
//!
//! Two runs of a seed are compared line by line in the tests. A seed is a run of one state of the
//! code: another state asks for other chances in another order. It works on Linux.
//!
//! # What is not covered
//! Real threads; the kernel's TCP; Redis itself, its client and the repair after a failover, which
//! are all one broker's (here appends are `Fenced` for a while): `palabre chaos` and the broker's
//! own tests have them. Polls that go from instance to instance. Clients that read slowly for long.
//!
//! # What is checked
//! At every entry that a client gets: it is the next one behind what the client holds (P3 no
//! loss, P4 once), it is what the log has there (P2 order), and nothing of another epoch comes
//! without a word (P5 honest); at every acknowledgement, that the entry is there, and that an id
//! sent again is the same entry; at every refusal that says so, that nothing was stored; at every
//! `reset`, that something was lost, and where nothing was and the log could always be asked, that
//! stock clients are recovered. No task panics. At the end everybody is connected, everything is
//! acknowledged, everybody has all that the log has, and knows how many are in the room.

mod broker;
mod chance;
mod client;
mod instance;
mod journal;
mod line;
mod run;
mod store;
mod trouble;
mod world;

pub use broker::{SharedWorld, SimBroker};
pub use chance::Chance;
pub use client::Tally;
pub use journal::Journal;
pub use run::{Options, Outcome, run};
pub use trouble::Kind;
pub use world::{Plant, World};
