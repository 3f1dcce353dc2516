//! The client side on `wire`: loads a running server and counts what it does with it.
//!
//! Speaks plain Socket.IO over WebSocket, as any stock client; knows nothing of the server's
//! inside. The command line and the exit code belong to whoever calls [`bench()`].

mod args;
mod bench;
mod client;
mod footprint;
mod ledger;
mod meter;
mod packet;
mod report;
mod run;
mod target;

pub use args::{BenchArgs, Transport};
pub use bench::bench;
pub use footprint::Memory;
pub use report::{Latency, Report};
