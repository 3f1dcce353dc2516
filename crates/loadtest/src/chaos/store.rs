//! The Redis of a chaos run: one server that keeps its data durably, or a master, its replica and
//! a Sentinel.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::program::Program;

/// What Sentinel calls the master.
const MASTER: &str = "palabre";

/// The user that the replica is to the master, and its password.
const REPLICA: &str = "replica";

/// How long the replica hears nothing before the master is killed.
const BEHIND: Duration = Duration::from_millis(500);

/// How long a server may take to answer, when asked or when started.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
const START_WAIT: Duration = Duration::from_secs(20);

/// A Redis of its own.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) url: String,
    pub(crate) master: Program,
    port: u16,
    /// The replica and the Sentinel, where there are any.
    others: Vec<Program>,
    /// The replica's port.
    replica: Option<u16>,
}

impl Store {
    /// Starts one server.
    pub(crate) async fn single(folder: &Path, program: &Path) -> anyhow::Result<Self> {
        let port = free_port();
        let master = server(folder, program, "redis", port, &[])?;
        answers(port).await.with_context(|| master.last_words())?;
        let url = format!("redis://127.0.0.1:{port}");
        Ok(Self { url, master, port, others: Vec::new(), replica: None })
    }

    /// Starts a master, a replica and a Sentinel that makes the replica master.
    pub(crate) async fn replicated(folder: &Path, program: &Path) -> anyhow::Result<Self> {
        let mut store = Self::single(folder, program).await?;
        let (replica, sentinel) = (free_port(), free_port());
        let user = format!("ACL SETUSER {REPLICA} on >{REPLICA} ~* &* +@all");
        ask(store.port, &user).await?;
        let of = format!("127.0.0.1 {}", store.port);
        let told = ["--replicaof", &of, "--masteruser", REPLICA, "--masterauth", REPLICA];
        let told = told.map(str::to_owned);
        store.others.push(server(folder, program, "replica", replica, &told)?);
        answers(replica).await?;
        let file = sentinel_file(folder, sentinel, store.port)?;
        let args = vec![file.display().to_string(), "--sentinel".to_owned()];
        store.others.push(Program::start(folder, "sentinel", program, args)?);
        answers(sentinel).await?;
        store.replica = Some(replica);
        store.url = format!("redis+sentinel://127.0.0.1:{sentinel}/{MASTER}/0");
        let seen = |info: &str| info.contains("state=online");
        until(store.port, "INFO replication", seen).await.context("the replica is not online")?;
        let known =
            |text: &str| text.contains("num-slaves") && !text.contains("num-slaves\r\n$1\r\n0");
        until(sentinel, &format!("SENTINEL MASTER {MASTER}"), known)
            .await
            .context("Sentinel does not know the replica")?;
        Ok(store)
    }

    /// Cuts all connections of a kind (`pubsub`, `normal`).
    pub(crate) async fn cut(&self, kind: &str) -> anyhow::Result<()> {
        ask(self.port, &format!("CLIENT KILL TYPE {kind} SKIPME yes")).await.map(|_| ())
    }

    /// Ends the server, and starts it again with its data.
    pub(crate) async fn restart(&mut self) -> anyhow::Result<()> {
        self.master.end().await?;
        self.master.start_again()?;
        answers(self.port).await.with_context(|| self.master.last_words())
    }

    /// Cuts the replica off, kills the master a little later, and waits until the replica, which
    /// lacks what was said in between, has taken over.
    pub(crate) async fn fail_over(&mut self) -> anyhow::Result<()> {
        let replica = self.replica.context("there is no replica")?;
        ask(self.port, &format!("ACL SETUSER {REPLICA} off")).await?;
        ask(self.port, "CLIENT KILL TYPE replica").await?;
        until(replica, "INFO replication", |info| info.contains("master_link_status:down")).await?;
        sleep(BEHIND).await;
        self.master.kill();
        until(replica, "INFO replication", |info| info.contains("role:master"))
            .await
            .context("the replica did not take over")
    }
}

fn server(
    folder: &Path,
    program: &Path,
    name: &str,
    port: u16,
    more: &[String],
) -> anyhow::Result<Program> {
    let data = folder.join(format!("{name}-data"));
    std::fs::create_dir_all(&data)?;
    let (port, data) = (port.to_string(), data.display().to_string());
    let args = ["--port", &port, "--bind", "127.0.0.1", "--dir", &data, "--save", ""];
    let durable = ["--appendonly", "yes", "--appendfsync", "always"];
    let all = args.into_iter().chain(durable).map(str::to_owned);
    Program::start(folder, name, program, all.chain(more.iter().cloned()).collect())
}

/// Sentinel writes into its file, so it needs one.
fn sentinel_file(folder: &Path, port: u16, master: u16) -> anyhow::Result<PathBuf> {
    let path = folder.join("sentinel.conf");
    let text = format!(
        "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor {MASTER} 127.0.0.1 {master} 1\n\
         sentinel down-after-milliseconds {MASTER} 1000\n\
         sentinel failover-timeout {MASTER} 5000\n",
        folder.display()
    );
    std::fs::write(&path, text)?;
    Ok(path)
}

/// A port where nobody listens now. It lies outside of the range from which systems take the port
/// of an outgoing connection, which could otherwise hold it while an instance is restarted.
pub(crate) fn free_port() -> u16 {
    loop {
        let port = 20_000 + RandomState::new().hash_one(()) % 12_000;
        let port = u16::try_from(port).expect("the sum is below 32,000");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

async fn answers(port: u16) -> anyhow::Result<()> {
    until(port, "PING", |answer| answer.starts_with("+PONG")).await
}

/// Asks until the answer is the wanted one.
async fn until(port: u16, command: &str, wanted: impl Fn(&str) -> bool) -> anyhow::Result<()> {
    let deadline = Instant::now() + START_WAIT;
    loop {
        let answer = ask(port, command).await;
        match answer {
            Ok(answer) if wanted(&answer) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error),
            Ok(answer) if Instant::now() > deadline => anyhow::bail!("it answers {answer:.200}"),
            _ => sleep(Duration::from_millis(20)).await,
        }
    }
}

/// What a server answers to an inline command, as far as it comes at once.
async fn ask(port: u16, command: &str) -> anyhow::Result<String> {
    let asked = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(format!("{command}\r\n").as_bytes()).await?;
        let mut answer = vec![0; 16 * 1024];
        let read = stream.read(&mut answer).await?;
        anyhow::Ok(String::from_utf8_lossy(&answer[..read]).into_owned())
    };
    timeout(ANSWER_WAIT, asked).await.context("no answer in time")?
}
