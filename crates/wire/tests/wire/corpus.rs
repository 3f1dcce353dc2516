//! Replays the corpus of the fuzz targets through the very functions that they run.

use std::fs;
use std::path::Path;

#[path = "../../fuzz/bodies/engine_payload.rs"]
mod engine_payload;
#[path = "../../fuzz/bodies/query.rs"]
mod query;
#[path = "../../fuzz/bodies/socket_packet.rs"]
mod socket_packet;
#[path = "../../fuzz/bodies/websocket.rs"]
mod websocket;

fn replay(target: &str, run: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut count = 0;
    for entry in fs::read_dir(&corpus).expect("the corpus is committed") {
        let path = entry.expect("a corpus file").path();
        // Shown by the test runner only when the replay fails.
        println!("{}", path.display());
        run(&fs::read(&path).expect("a corpus file"));
        count += 1;
    }
    assert!(count >= 10, "{target} has only {count} corpus files");
}

#[test]
fn websocket_corpus_is_replayed() {
    replay("websocket", websocket::run);
}

#[test]
fn engine_payload_corpus_is_replayed() {
    replay("engine_payload", engine_payload::run);
}

#[test]
fn socket_packet_corpus_is_replayed() {
    replay("socket_packet", socket_packet::run);
}

#[test]
fn query_corpus_is_replayed() {
    replay("query", query::run);
}
