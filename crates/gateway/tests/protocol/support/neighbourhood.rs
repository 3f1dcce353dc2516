//! Several gateways that know each other by an address book of the test.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use gateway::{BoxFuture, Config, NoAnswer, Peers, Question, Stranger, Tag};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

use super::Server;

const PASSWORD: &str = "x-password";

/// The address book.
#[derive(Clone, Default)]
pub(crate) struct Neighbourhood {
    addresses: Arc<Mutex<HashMap<Tag, SocketAddr>>>,
    tasks: TaskTracker,
}

impl Neighbourhood {
    /// Two servers that know each other.
    pub(crate) async fn pair(config: impl Fn() -> Config) -> [Server; 2] {
        let neighbourhood = Self::default();
        [neighbourhood.server([0, 0, 1], config()).await, {
            neighbourhood.server([0, 0, 2], config()).await
        }]
    }

    /// A server with this tag.
    pub(crate) async fn server(&self, tag: Tag, config: Config) -> Server {
        let server = Server::engine_with(Config { tag: Some(tag), ..config }).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        self.addresses.lock().expect("whole").insert(tag, address);
        server.gateway.join(Arc::new(self.clone()));
        let gateway = server.gateway.clone();
        server.spawn(async move { gateway.serve_peers(listener.into()).await });
        server
    }

    /// Where the others ask the server with this tag.
    pub(crate) fn address(&self, tag: Tag) -> SocketAddr {
        self.addresses.lock().expect("whole")[&tag]
    }

    /// Nobody listens there any more.
    pub(crate) async fn mislead(&self, tag: Tag) {
        let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = nobody.local_addr().expect("bound");
        drop(nobody);
        self.addresses.lock().expect("whole").insert(tag, address);
    }
}

impl Peers for Neighbourhood {
    fn find(&self, tag: Tag) -> BoxFuture<bool> {
        let is_known = self.addresses.lock().expect("whole").contains_key(&tag);
        Box::pin(async move { is_known })
    }

    fn ask(&self, tag: Tag, question: Question) -> BoxFuture<Result<Response<Incoming>, NoAnswer>> {
        let address = self.addresses.lock().expect("whole").get(&tag).copied();
        let tasks = self.tasks.clone();
        Box::pin(async move {
            let address = address.ok_or(NoAnswer::NoOwner)?;
            let stream = TcpStream::connect(address).await.map_err(|_| NoAnswer::Failed)?;
            let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
            let (mut sender, connection) = handshake.map_err(|_| NoAnswer::Failed)?;
            tasks.spawn(connection.with_upgrades());
            let mut request = Request::new(Full::<Bytes>::new(question.body));
            *request.method_mut() = question.method;
            *request.uri_mut() = question.target.parse().expect("a target");
            *request.headers_mut() = question.headers;
            request.headers_mut().insert(PASSWORD, "right".parse().expect("a value"));
            request.headers_mut().insert("host", "test".parse().expect("a value"));
            sender.send_request(request).await.map_err(|_| NoAnswer::Failed)
        })
    }

    fn verify(&self, request: &Request<Incoming>) -> Result<Option<IpAddr>, Stranger> {
        let is_right = request.headers().get(PASSWORD).is_some_and(|value| value == "right");
        if is_right { Ok(None) } else { Err(Stranger) }
    }
}
