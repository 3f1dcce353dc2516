//! Cross-origin requests.

use gateway::{Config, Cors, Origins};

use crate::applications::engine_config;
use crate::support::{Reply, Server, calm};

const HANDSHAKE: &str = "/engine.io/?EIO=4&transport=polling";

async fn server(origins: Origins, credentials: bool) -> Server {
    let cors = Cors { origins, credentials };
    Server::engine_with(Config { cors, ..calm(engine_config()) }).await
}

async fn request(server: &Server, method: &str) -> Reply {
    let headers = [
        ("Origin", "https://example.org"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "x-one, x-two"),
    ];
    server.http().request(method, HANDSHAKE, &headers, b"").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_cors_there_are_no_headers_and_no_preflight() {
    let server = server(Origins::Off, false).await;
    let reply = request(&server, "GET").await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, None));
    assert_eq!(reply.header("vary"), None);
    let reply = request(&server, "OPTIONS").await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.text(), r#"{"code":2,"message":"Bad handshake method"}"#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_origin_is_a_star() {
    let server = server(Origins::Any, false).await;
    let reply = request(&server, "GET").await;
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    assert_eq!(reply.header("access-control-allow-credentials"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preflight_request_is_answered() {
    let server = server(Origins::Any, true).await;
    let reply = request(&server, "OPTIONS").await;
    assert_eq!((reply.status, reply.text()), (204, ""));
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    assert_eq!(reply.header("access-control-allow-credentials"), Some("true"));
    let methods = "GET,HEAD,PUT,PATCH,POST,DELETE";
    assert_eq!(reply.header("access-control-allow-methods"), Some(methods));
    assert_eq!(reply.header("access-control-allow-headers"), Some("x-one, x-two"));
    let vary = reply.header("vary").expect("vary").to_lowercase();
    assert_eq!(vary, "access-control-request-headers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listed_origin_is_reflected() {
    let listed = vec!["https://other.org".to_owned(), "https://example.org".to_owned()];
    let server = server(Origins::These(listed), true).await;
    let reply = request(&server, "GET").await;
    assert_eq!(reply.header("access-control-allow-origin"), Some("https://example.org"));
    assert_eq!(reply.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(reply.header("vary").map(str::to_lowercase).as_deref(), Some("origin"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_origin_gets_an_answer_that_it_may_not_read() {
    let server = server(Origins::These(vec!["https://other.org".to_owned()]), false).await;
    let reply = request(&server, "GET").await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, None));
    assert_eq!(reply.header("vary").map(str::to_lowercase).as_deref(), Some("origin"));
}
