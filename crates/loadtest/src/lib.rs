//! The client side on `wire`: loads a running server and counts what it does with it.
//!
//! Speaks plain Socket.IO, as any stock client, or the chat protocol; knows nothing of the
//! server's inside. The command line and the exit code belong to whoever calls [`bench()`] and
//! [`chaos()`].

mod args;
mod bench;
mod board;
mod chaos;
mod clock;
mod crew;
mod footprint;
mod generator;
mod ledger;
mod limits;
mod meter;
mod pace;
mod packet;
mod plan;
mod plot;
mod progress;
mod report;
mod target;
mod worker;

pub use args::{BenchArgs, Transport};
pub use bench::bench;
pub use chaos::{ChaosArgs, Fault, Scenario, Verdict, chaos};
pub use crew::work;
pub use footprint::Memory;
pub use generator::Generator;
pub use report::{Connect, Latency, Point, Report};
