//! Addresses, credentials and settings of the server; and what the log says about them.

use std::{
    cell::RefCell,
    fmt::{self, Write},
    sync::{Arc, Once},
    time::Duration,
};

use broker::{
    Broker, Draft, Error, Instance, Instances, Mail, OwnedSession, Range, Recipient, SessionRecord,
    Sessions, State,
    redis::{Config, Redis},
};
use tokio_util::task::TaskTracker;
use tracing::{Event, Metadata, Subscriber, field, span};

use crate::{
    bench::{P0, connected, connection, draft, expect_live, heard, listen, patient, until, within},
    server::Server,
};

thread_local! {
    /// The log lines of one test: its runtime has no thread but the test's own.
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Collects the log lines of each thread apart.
struct Lines;

impl Lines {
    /// From here on the lines are collected.
    fn collect() {
        static ONCE: Once = Once::new();
        // One for the whole process: which lines are wanted is remembered across threads.
        ONCE.call_once(|| tracing::subscriber::set_global_default(Self).unwrap());
    }

    fn all() -> Vec<String> {
        LINES.with_borrow(Clone::clone)
    }

    fn with(words: &str) -> usize {
        Self::all().iter().filter(|line| line.contains(words)).count()
    }
}

struct Line(String);

impl field::Visit for Line {
    fn record_debug(&mut self, field: &field::Field, value: &dyn fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("broker")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        LINES.with_borrow_mut(|lines| lines.push(line.0));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

fn started(url: String) -> Arc<Redis> {
    Redis::start(Config::new(url), &TaskTracker::new()).unwrap()
}

#[tokio::test]
async fn the_log_has_one_line_on_loss_and_one_on_return() {
    Lines::collect();
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    assert_eq!(Lines::with("message=connected to Redis"), 1, "{:#?}", Lines::all());
    for turn in 1..=2 {
        let failed = redis.counts().connections_failed;
        server.stop();
        until("many tries", async || redis.counts().connections_failed > failed + 4).await;
        assert!(matches!(redis.state(), State::Away(_)));
        assert_eq!(Lines::with("message=Redis is lost"), turn, "{:#?}", Lines::all());
        server.run();
        connection(&redis).await;
        assert_eq!(Lines::with("message=Redis is back"), turn, "{:#?}", Lines::all());
    }
}

#[tokio::test]
async fn a_password_is_used_and_never_shown() {
    Lines::collect();
    let server = Server::start_with(&["--requirepass", "hush-hush"]);
    let with = |credentials: &str| server.url().replace("//", &format!("//{credentials}@"));
    for wrong in ["", "wrong-hush", "me:hush-hush"] {
        let redis =
            started(if wrong.is_empty() { server.url() } else { with(&format!(":{wrong}")) });
        until("it is refused", async || redis.counts().connections_failed > 2).await;
        assert_eq!(redis.state(), State::Connecting);
        assert!(within(redis.head(P0)).await.is_err());
    }
    let redis = started(with(":hush-hush"));
    connection(&redis).await;
    within(redis.append(draft("lobby", "some-id1", "text"))).await.unwrap();
    assert_eq!(redis.description().name, server.url());
    assert!(Lines::with("no Redis yet") >= 3, "{:#?}", Lines::all());
    assert_eq!(Lines::with("hush"), 0, "{:#?}", Lines::all());
}

#[tokio::test]
async fn a_redis_that_may_drop_entries_is_not_used() {
    let server = Server::start_with(&["--maxmemory-policy", "allkeys-lru"]);
    let redis = started(server.url());
    until("it is refused", async || redis.counts().connections_failed > 2).await;
    assert_ne!(redis.state(), State::Connected);
    assert_eq!(server.must(&["KEYS", "*"]), "", "nothing was written to it");
    server.must(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    connection(&redis).await;
}

#[tokio::test]
async fn settings_that_may_not_be_asked_for_are_only_warned_of() {
    Lines::collect();
    let server = Server::start();
    server.must(&["ACL", "SETUSER", "default", "-config", "-info"]);
    let redis = started(server.url());
    connection(&redis).await;
    assert_eq!(Lines::with("make sure that maxmemory-policy is noeviction"), 1);
    within(redis.append(draft("lobby", "some-id1", "text"))).await.unwrap();
}

#[tokio::test]
async fn the_documented_permissions_are_enough() {
    let server = Server::start();
    let user = "ACL SETUSER app on >secret ~palabre:* &palabre:* +@hash +@stream +@sortedset \
                +@scripting +@pubsub +@connection +del +exists +get +getrange +set +pexpire +time \
                +info +config|get";
    server.must(&user.split_whitespace().collect::<Vec<_>>());
    let redis = started(server.url().replace("//", "//app:secret@"));
    connection(&redis).await;
    let mut deliveries = listen(&redis).await;
    let first = draft("lobby", "some-id1", "text");
    let made = within(redis.append(first)).await.unwrap();
    assert_eq!(heard(&mut deliveries).await.seq, made.seq);
    let deletion = draft("lobby", "some-id2", "a deletion");
    let deletion = Draft { target: Some(1), redact: Some("gone".into()), ..deletion };
    within(redis.append(deletion)).await.unwrap();
    within(redis.heartbeat(P0, "me")).await.unwrap();
    within(redis.secret([1; 32])).await.unwrap();
    within(redis.signal("lobby", "x".into())).await.unwrap();
    within(redis.sweep()).await.unwrap();
    let page = within(redis.read_room("lobby", Range::Newest, 9)).await.unwrap();
    assert_eq!((page.records.len(), &page.records[0].bytes[..]), (2, &b"gone"[..]));
    within(redis.create_room("kitchen", "its title".into())).await.unwrap();
    assert_eq!(within(redis.rooms(9)).await.unwrap().rooms.len(), 2);
    let me = Instance { id: "me".into(), about: "here".into() };
    assert_eq!(within(redis.renew(&me)).await.unwrap(), std::slice::from_ref(&me));
    within(redis.resign("me")).await.unwrap();
    use_sessions(&redis).await;
    let mut mail = redis.mailbox("me");
    until("the mailbox stands", async || {
        within(redis.post(Recipient::All, "hello".into())).await.unwrap();
        mail.try_recv().is_ok()
    })
    .await;
    let log = server.must(&["ACL", "LOG"]);
    assert_eq!(log, "", "nothing was denied");
}

async fn use_sessions(redis: &Redis) {
    let life = Duration::from_mins(1);
    let owned = OwnedSession { key: "some key".into(), owner: "me".into() };
    let OwnedSession { key, owner } = owned.clone();
    let record = SessionRecord { key, owner, bytes: "session".into() };
    assert!(within(redis.keep(record, life)).await.unwrap());
    assert!(within(redis.renew_sessions(vec![owned], life)).await.unwrap().is_empty());
    assert!(within(redis.claim("some key", "you", life)).await.unwrap().is_some());
    within(redis.forget("some key", "you")).await.unwrap();
}

#[tokio::test]
async fn databases_are_worlds_of_their_own() {
    let server = Server::start();
    let (zero, three) = (started(server.url()), started(format!("{}/3", server.url())));
    connection(&zero).await;
    connection(&three).await;
    let mut deliveries = [listen(&zero).await, listen(&three).await];
    for (redis, text) in [(&zero, "in zero"), (&three, "in three")] {
        let made = within(redis.append(draft("lobby", "the-same-id", text))).await.unwrap();
        assert_eq!((made.seq, made.duplicate), (1, false));
    }
    for (deliveries, text) in deliveries.iter_mut().zip(["in zero", "in three"]) {
        assert_eq!(heard(deliveries).await.bytes, text);
    }
    let epochs = [within(zero.head(P0)).await.unwrap(), within(three.head(P0)).await.unwrap()];
    assert_ne!(epochs[0].epoch, epochs[1].epoch);
}

#[tokio::test]
async fn prefixes_are_worlds_of_their_own() {
    let server = Server::start();
    let config = Config { prefix: "other".into(), ..Config::new(server.url()) };
    let other = Redis::start(config, &TaskTracker::new()).unwrap();
    connection(&other).await;
    within(other.append(draft("lobby", "some-id1", "text"))).await.unwrap();
    for key in server.must(&["KEYS", "*"]).lines() {
        assert!(key.starts_with("other:{p0}"), "{key}");
    }
}

#[tokio::test]
async fn a_unix_socket_will_do() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("redis.sock");
    let socket = socket.to_str().unwrap();
    let _server = Server::start_with(&["--unixsocket", socket]);
    let redis = started(format!("redis+unix://{socket}"));
    connection(&redis).await;
    let mut deliveries = redis.follow(P0);
    expect_live(&mut deliveries).await;
    within(redis.append(draft("lobby", "some-id1", "text"))).await.unwrap();
    assert_eq!(heard(&mut deliveries).await.seq, 1);
}

#[tokio::test]
async fn what_is_no_redis_is_waited_for_like_a_redis_that_is_away() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let tasks = TaskTracker::new();
    tasks.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ =
                tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 No\r\n\r\n").await;
        }
    });
    let redis = started(url);
    until("it is tried", async || redis.counts().connections_failed > 2).await;
    assert_eq!(redis.state(), State::Connecting);
    assert!(matches!(within(redis.head(P0)).await, Err(Error::Unavailable(_))));
}
