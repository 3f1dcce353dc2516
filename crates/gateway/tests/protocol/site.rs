//! What isn't the engine's, and where connections come from.

use std::net::IpAddr;
use std::sync::Arc;

use gateway::{
    BoxFuture, Config, EngineApplication, EngineSession, Flow, Gateway, Message, Metrics, NoSite,
    Session, Site, SiteBody, site_body,
};
use http_body_util::Full;
use hub::{CloseReason, Hub};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::applications::{EchoEngine, socket_config};
use crate::support::{Server, calm, soon};

/// Says which path it was asked for, and claims one under the engine's.
struct Echo;

impl Site for Echo {
    fn claims(&self, path: &str) -> bool {
        path == "/socket.io/socket.io.js"
    }

    fn respond(
        &self,
        request: Request<Incoming>,
        peer: Option<IpAddr>,
    ) -> BoxFuture<Response<SiteBody>> {
        Box::pin(async move {
            let text = format!("{} for {peer:?}", request.uri().path());
            Response::new(site_body(Full::new(Bytes::from(text))))
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_site_gets_everything_else_and_what_it_claims() {
    let config = calm(socket_config());
    let server = Server::start(config, Arc::new(Echo), |_, _| Arc::new(EchoEngine)).await;
    for path in ["/", "/page", "/socket.io/socket.io.js"] {
        let reply = server.http().get(path).await;
        assert_eq!(reply.ok(), Ok(format!("{path} for Some(127.0.0.1)")));
    }
    assert_eq!(server.http().get("/socket.io/socket.io.min.js").await.status, 400);
}

/// Tells a session's address in its first message.
struct WhoAmI;

impl EngineApplication for WhoAmI {
    fn open(&self, session: &Arc<Session>) -> Arc<dyn EngineSession> {
        let text = format!("4{:?}", session.handshake().address);
        session.connection().send(&wire::Frame::text(&text), hub::Class::Lasting);
        Arc::new(Nothing)
    }
}

struct Nothing;

impl EngineSession for Nothing {
    fn message(&self, _session: &Arc<Session>, _message: Message<'_>) -> Flow {
        Flow::Continue
    }

    fn closed(&self, _session: &Arc<Session>, _reason: CloseReason) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unix_sockets_are_served_too() {
    let place = tempfile::tempdir().expect("a directory");
    let path = place.path().join("socket");
    let listener = UnixListener::bind(&path).expect("bound");
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let hub = Hub::start(1, hub::Limits::default(), hub::Metrics::new(), &tasks);
    let (site, metrics) = (Arc::new(NoSite), Metrics::new());
    let config = Config::default();
    let gateway =
        Gateway::new(config, Arc::new(WhoAmI), site, hub, metrics, tasks.clone(), stop.clone());
    tasks.spawn(async move { gateway.serve(listener.into()).await });
    let mut stream = UnixStream::connect(&path).await.expect("connected");
    let request = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: test\r\n\
                   Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut read = Vec::new();
    soon("the first message", async {
        while !read.ends_with(b"4None") {
            assert_ne!(stream.read_buf(&mut read).await.expect("open"), 0);
        }
    })
    .await;
    stop.cancel();
    soon("the end", stream.read_to_end(&mut read)).await.expect("read");
    assert!(read.ends_with(&[0x88, 2, 0x03, 0xE9]), "a close frame with 1001");
    drop(stream);
    tasks.close();
    soon("the end of all tasks", tasks.wait()).await;
}
