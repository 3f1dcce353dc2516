//! Tests of the codecs from outside: vectors in text files, properties, an oracle, and the
//! corpus of the fuzz targets.

mod corpus;
mod engine;
mod frame;
mod heartbeat;
mod oracle;
mod socket;
mod streams;
mod vectors;
mod websocket;
