//! A redis-server of a test's own: its port, its directory, its process.

use std::{
    fmt::Write as _,
    hash::{BuildHasher as _, RandomState},
    io::{self, BufRead, BufReader, ErrorKind, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{Mutex, mpsc},
    time::Duration,
};

use tempfile::TempDir;

/// How long anything may take before the test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A redis-server that ends with the test.
pub(crate) struct Server {
    directory: TempDir,
    port: u16,
    arguments: Vec<String>,
    /// What its log says when it is ready.
    ready: &'static str,
    child: Mutex<Option<Child>>,
}

impl Server {
    /// Starts a Redis that keeps nothing on disk.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a Redis that has everything on disk before it answers.
    pub(crate) fn start_durable() -> Self {
        Self::start_with(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    /// Starts a Redis with options of the test's own.
    pub(crate) fn start_with(options: &[&str]) -> Self {
        let server = Self::prepare(options);
        server.run();
        server
    }

    /// A place for a Redis that does not run yet.
    pub(crate) fn prepare(options: &[&str]) -> Self {
        let (directory, port) = (tempfile::tempdir().unwrap(), free_port());
        let mut arguments = vec!["--port".into(), port.to_string(), "--dir".into()];
        arguments.push(directory.path().to_str().unwrap().into());
        arguments.extend(["--bind", "127.0.0.1", "--save", ""].map(Into::into));
        arguments.extend(options.iter().map(ToString::to_string));
        let ready = "Ready to accept connections";
        Self { directory, port, arguments, ready, child: Mutex::new(None) }
    }

    /// Starts a replica, and waits until it has all that its master has.
    pub(crate) fn start_replica(master: &Self) -> Self {
        let replica = Self::start_with(&["--replicaof", "127.0.0.1", &master.port.to_string()]);
        while !master.must(&["INFO", "replication"]).contains("state=online") {
            std::thread::sleep(Duration::from_millis(5));
        }
        replica
    }

    /// Starts a sentinel that decides alone.
    pub(crate) fn start_sentinel(master: &Self) -> Self {
        let mut sentinel = Self::prepare(&[]);
        let file = sentinel.directory.path().join("sentinel.conf");
        let config = format!(
            "port {}\nbind 127.0.0.1\ndir {}\n\
             sentinel monitor rooms 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds rooms 300\n\
             sentinel failover-timeout rooms 5000\n",
            sentinel.port,
            sentinel.directory.path().display(),
            master.port,
        );
        std::fs::write(&file, config).unwrap();
        sentinel.arguments = vec![file.to_str().unwrap().into(), "--sentinel".into()];
        sentinel.ready = "+monitor master rooms";
        sentinel.run();
        while !sentinel.must(&["SENTINEL", "REPLICAS", "rooms"]).contains("master-link-status\nok")
        {
            std::thread::sleep(Duration::from_millis(5));
        }
        sentinel
    }

    /// Runs it, and waits until it is ready.
    pub(crate) fn run(&self) {
        let mut child = Command::new("redis-server")
            .args(&self.arguments)
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("these tests need redis-server (apt-get install redis-server): {error}")
            });
        let output = BufReader::new(child.stdout.take().unwrap());
        let (say, said) = mpsc::channel();
        // Reads on until the end, so that the server is never held up by a full pipe.
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = say.send(line);
            }
        });
        let mut log = Vec::new();
        loop {
            let line = said.recv_timeout(PATIENCE).unwrap_or_else(|error| {
                panic!("redis-server did not start: {error}\n{}", log.join("\n"));
            });
            if line.contains(self.ready) {
                break;
            }
            log.push(line);
        }
        *self.child.lock().unwrap() = Some(child);
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Where the master of this sentinel is.
    pub(crate) fn sentinel_url(&self) -> String {
        format!("redis+sentinel://127.0.0.1:1,127.0.0.1:{}/rooms", self.port)
    }

    /// Lets its replicas hear nothing more.
    pub(crate) fn cut_off_replicas(&self) {
        self.must(&["ACL", "SETUSER", "default", "-psync", "-sync"]);
        self.must(&["CLIENT", "KILL", "TYPE", "replica"]);
    }

    /// Stops it as an operator would, with everything on disk.
    pub(crate) fn stop(&self) {
        self.signal("TERM");
        self.wait();
    }

    /// Ends it without a warning.
    pub(crate) fn kill(&self) {
        self.signal("KILL");
        self.wait();
    }

    /// Stops its process where it stands.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let child = self.child.lock().unwrap();
        let id = child.as_ref().expect("it runs").id();
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {id}")]).status();
        assert!(sent.unwrap().success(), "kill -{name}");
    }

    fn wait(&self) {
        let mut child = self.child.lock().unwrap().take().expect("it runs");
        child.wait().unwrap();
    }

    /// Carries out a command, and gives the reply in plain words: one line per value.
    pub(crate) fn command(&self, words: &[&str]) -> String {
        loop {
            let mut lines = Vec::new();
            match read_reply(&mut BufReader::new(self.begin(words)), &mut lines) {
                Ok(()) => return lines.join("\n"),
                // A server that becomes a replica cuts who asks it just then.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
                Err(error) => panic!("{words:?}: {error}"),
            }
        }
    }

    /// Sends a command, over a connection of its own, whose reply is not waited for.
    pub(crate) fn begin(&self, words: &[&str]) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            write!(request, "${}\r\n{word}\r\n", word.len()).unwrap();
        }
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    /// Carries out a command that must not fail.
    pub(crate) fn must(&self, words: &[&str]) -> String {
        let reply = self.command(words);
        assert!(!reply.starts_with('-'), "{words:?}: {reply}");
        reply
    }

    /// Closes the connections whose name begins so. Says how many there were.
    pub(crate) fn kill_clients(&self, name: &str) -> usize {
        let list = self.must(&["CLIENT", "LIST"]);
        let word = |line: &str, key: &str| {
            line.split(' ').find_map(|word| word.strip_prefix(key)).unwrap_or_default().to_owned()
        };
        let named = list.lines().filter(|line| word(line, "name=").starts_with(name));
        let killed = named.map(|line| self.must(&["CLIENT", "KILL", "ID", &word(line, "id=")]));
        killed.count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.get_mut().unwrap().take() {
            // A stopped process is killed all the same.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A port outside of the range from which the system takes the port of an outgoing connection,
/// which could otherwise hold it while the server is restarted.
fn free_port() -> u16 {
    loop {
        let port = 20_000 + RandomState::new().hash_one(()) % 12_000;
        let port = u16::try_from(port).unwrap();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

fn read_reply(stream: &mut impl BufRead, lines: &mut Vec<String>) -> io::Result<()> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(ErrorKind::ConnectionReset.into());
    }
    let line = line.trim_end();
    let (kind, rest) = line.split_at(1);
    match kind {
        "+" | ":" => lines.push(rest.to_owned()),
        "-" => lines.push(line.to_owned()),
        "$" => {
            let Ok(length) = rest.parse::<usize>() else {
                lines.push("(nil)".to_owned());
                return Ok(());
            };
            let mut bytes = vec![0; length + 2];
            stream.read_exact(&mut bytes)?;
            lines.push(String::from_utf8_lossy(&bytes[..length]).into_owned());
        }
        "*" => {
            for _ in 0..rest.parse::<usize>().unwrap_or(0) {
                read_reply(stream, lines)?;
            }
        }
        _ => panic!("no reply: {line}"),
    }
    Ok(())
}
