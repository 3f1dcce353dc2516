//! Large poll responses are compressed for clients that want it.

use flate2::read::{GzDecoder, ZlibDecoder};

use crate::support::{Reply, Server};

async fn poll(accept: &str, length: usize) -> (Reply, String) {
    let server = Server::engine().await;
    let session = server.poll().await;
    let message = format!("4{}", "x".repeat(length - 1));
    assert_eq!(session.post(&message).await, Ok("ok".to_owned()));
    let headers = [("Accept-Encoding", accept)];
    (server.http().request("GET", &session.target, &headers, b"").await, message)
}

fn read(mut reader: impl std::io::Read) -> String {
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("well compressed");
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_response_is_gzipped() {
    let (reply, message) = poll("gzip, deflate, br", 1024).await;
    assert_eq!(reply.header("content-encoding"), Some("gzip"));
    assert!(reply.body.len() < 1024);
    assert_eq!(read(GzDecoder::new(&reply.body[..])), message);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_response_is_deflated() {
    let (reply, message) = poll("br, deflate", 100_000).await;
    assert_eq!(reply.header("content-encoding"), Some("deflate"));
    assert_eq!(read(ZlibDecoder::new(&reply.body[..])), message);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_response_stays_as_it_is() {
    let (reply, message) = poll("gzip", 1023).await;
    assert_eq!(reply.header("content-encoding"), None);
    assert_eq!(reply.text(), message);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_accepts_neither_gets_plain_text() {
    let (reply, message) = poll("br, gzip;q=0", 5000).await;
    assert_eq!(reply.header("content-encoding"), None);
    assert_eq!(reply.text(), message);
}
