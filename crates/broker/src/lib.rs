//! The log that instances share. This crate knows rooms and users as names and entries as opaque
//! bytes; it knows neither the wire nor the chat.
//!
//! [`Broker`] is the contract; [`embedded`] and [`redis`] keep it; [`follower`] turns the
//! deliveries of a partition into a stream without gaps, and [`follow`] runs it.

#[doc(hidden)]
pub mod conformance;
pub mod contract;
pub mod embedded;
pub mod follow;
pub mod follower;
mod limits;
pub mod redis;

pub use contract::*;
