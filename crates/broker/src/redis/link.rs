//! One plain connection to Redis: requests out, replies in, nothing done behind our back. The
//! append lane and the subscription are built on it, because a library connection that reconnects
//! or queues by itself (its subscription queue is unbounded) would hide exactly what they must
//! know.

mod framing;
mod sentinel;

use std::time::Duration;

use bytes::{Buf, BytesMut};
use redis::{Cmd, ConnectionAddr, Value};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf},
    net::{TcpStream, UnixStream},
    time::timeout,
};

pub(super) use self::framing::Messages;
use super::{address::Address, reply::refused};
use crate::Error;

/// How long a connection may take until it can be used.
pub(super) const CONNECT_WAIT: Duration = Duration::from_secs(3);

/// How long Redis may leave a request without an answer before the connection counts as lost.
pub(super) const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// How much is read at once.
const READ_AT_ONCE: usize = 64 << 10;

trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

/// A connection, authenticated and with its database chosen.
pub(super) struct Link {
    pub(super) replies: Replies,
    pub(super) requests: Requests,
}

/// The half that is read.
pub(super) struct Replies {
    socket: ReadHalf<Box<dyn Socket>>,
    inbox: BytesMut,
    messages: Messages,
}

/// The half that is written.
pub(super) struct Requests {
    socket: WriteHalf<Box<dyn Socket>>,
    outbox: BytesMut,
}

/// Where the Redis is that takes entries now.
pub(super) async fn master_of(address: &Address) -> Result<ConnectionAddr, Error> {
    match address.target() {
        Ok(target) => Ok(target.clone()),
        Err(sentinels) => sentinel::ask(sentinels, address.credentials()).await,
    }
}

fn lost(why: impl std::fmt::Display) -> Error {
    Error::Unavailable(why.to_string())
}

impl Link {
    /// Connects. The name is what an operator sees in `CLIENT LIST`.
    pub(super) async fn open(address: &Address, name: &str) -> Result<Self, Error> {
        timeout(CONNECT_WAIT, Self::connect(address, name))
            .await
            .map_err(|_| lost("no connection in time"))?
    }

    async fn connect(address: &Address, name: &str) -> Result<Self, Error> {
        let target = master_of(address).await?;
        let mut link = Self::to(&target).await?;
        if let Some((user, password)) = address.credentials() {
            link.authenticate(user, password).await?;
        }
        if address.target().is_err() {
            sentinel::expect_master(&mut link).await?;
        }
        if address.database() != 0 {
            link.ask(redis::cmd("SELECT").arg(address.database())).await?;
        }
        // The name is only for people: a narrow ACL may refuse it.
        let mut set_name = redis::cmd("CLIENT");
        set_name.arg("SETNAME").arg(name);
        match link.exchange(&set_name).await? {
            Value::ServerError(refusal) if refusal.code() == "NOAUTH" => Err(refused(&refusal)),
            _ => Ok(link),
        }
    }

    async fn authenticate(&mut self, user: Option<&str>, password: &str) -> Result<(), Error> {
        let mut auth = redis::cmd("AUTH");
        auth.arg(user).arg(password);
        self.ask(&auth).await.map(drop)
    }

    /// A connection on which nothing was said yet.
    async fn to(target: &ConnectionAddr) -> Result<Self, Error> {
        let socket: Box<dyn Socket> = match target {
            ConnectionAddr::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(lost)?;
                stream.set_nodelay(true).map_err(lost)?;
                Box::new(stream)
            }
            ConnectionAddr::Unix(path) => Box::new(UnixStream::connect(path).await.map_err(lost)?),
            _ => return Err(lost("this kind of address is not supported")),
        };
        let (reading, writing) = tokio::io::split(socket);
        Ok(Self {
            replies: Replies {
                socket: reading,
                inbox: BytesMut::new(),
                messages: Messages::default(),
            },
            requests: Requests { socket: writing, outbox: BytesMut::new() },
        })
    }

    /// Sends a request and waits for its reply. Only while no other reply is due.
    pub(super) async fn ask(&mut self, request: &Cmd) -> Result<Value, Error> {
        match self.exchange(request).await? {
            Value::ServerError(refusal) => Err(refused(&refusal)),
            reply => Ok(reply),
        }
    }

    /// As [`Link::ask`], but gives a refusal of Redis like any other reply.
    pub(super) async fn exchange(&mut self, request: &Cmd) -> Result<Value, Error> {
        let exchanged = async {
            self.requests.push(request);
            while !self.requests.is_empty() {
                self.requests.write().await?;
            }
            self.replies.next().await
        };
        timeout(ANSWER_WAIT, exchanged).await.map_err(|_| lost("no answer in time"))?
    }
}

impl Requests {
    /// Appends a request to what will be written.
    pub(super) fn push(&mut self, request: &Cmd) {
        self.outbox.extend_from_slice(&request.get_packed_command());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.outbox.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.outbox.len()
    }

    /// Writes some of it. Nothing is lost if the future is dropped.
    pub(super) async fn write(&mut self) -> Result<(), Error> {
        match self.socket.write_buf(&mut self.outbox).await {
            Ok(0) => Err(lost("Redis closed the connection")),
            Ok(_) => Ok(()),
            Err(error) => Err(lost(error)),
        }
    }
}

impl Replies {
    /// Waits for the next reply. Nothing is lost if the future is dropped.
    pub(super) async fn next(&mut self) -> Result<Value, Error> {
        loop {
            if let Some(reply) = self.next_read()? {
                return Ok(reply);
            }
            self.read_more().await?;
        }
    }

    /// Waits until more was read. Nothing is lost if the future is dropped.
    pub(super) async fn read_more(&mut self) -> Result<(), Error> {
        if self.inbox.is_empty() && self.inbox.capacity() > 4 * READ_AT_ONCE {
            // One huge reply must not hold its memory for ever.
            self.inbox = BytesMut::new();
        }
        self.inbox.reserve(READ_AT_ONCE);
        match self.socket.read_buf(&mut self.inbox).await {
            Ok(0) => Err(lost("Redis closed the connection")),
            Ok(_) => Ok(()),
            Err(error) => Err(lost(error)),
        }
    }

    /// Takes what the next replies publish, as far as they do and were read already.
    pub(super) fn read_messages(&mut self, take: impl FnMut(&[u8])) {
        let taken = self.messages.take(&self.inbox, take);
        self.inbox.advance(taken);
    }

    /// The next reply, if it was read already.
    pub(super) fn next_read(&mut self) -> Result<Option<Value>, Error> {
        let Some(length) = framing::reply_length(&self.inbox).map_err(lost)? else {
            return Ok(None);
        };
        let reply = self.inbox.split_to(length);
        let reply = redis::parse_redis_value(&reply)
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        Ok(Some(reply))
    }
}
