//! The broker over Redis, with a real redis-server that each test starts for itself.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod appends;
mod away;
mod bench;
mod beside;
mod conformance;
mod failover;
mod script;
mod server;
mod settings;
mod subscription;
