//! Who is measured, and how each is started. What is done to them is the matter of `loads.rs`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Place;

/// One server.
#[derive(Debug)]
pub(super) struct Server {
    /// What `--servers` calls it.
    pub(super) name: &'static str,
    /// What the page calls it.
    pub(super) title: &'static str,
    pub(super) made: Made,
    /// How it is set up, for readers who would do it better.
    pub(super) setup: &'static str,
}

/// What it is made with, and where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// This repository's server.
    Palabre,
    /// The floor, a cargo workspace of its own.
    Floor,
    /// A peer: a cargo workspace of its own, with this program.
    Cargo { folder: &'static str, program: &'static str },
    /// A peer that Node runs.
    Node { folder: &'static str, file: &'static str },
    /// A peer that Bun runs, which is one of its packages.
    Bun { folder: &'static str, file: &'static str },
    /// A peer that Python runs, from a virtual environment.
    Python { folder: &'static str },
}

/// What a server is told.
#[derive(Clone, Debug)]
pub(super) struct Start {
    pub(super) port: u16,
    /// Redis that several instances share.
    pub(super) redis: Option<String>,
    /// The floor that a further floor follows, since it knows no Redis.
    pub(super) follows: Option<u16>,
    /// Messages that the floor joins.
    pub(super) coalesce: u32,
}

/// The server that all others are compared with.
pub(super) const FLOOR: &str = "floor";
/// This repository's own.
pub(super) const PALABRE: &str = "palabre";

/// All of them, in the order in which the page shows them.
pub(super) const SERVERS: [Server; 8] = [
    Server {
        name: FLOOR,
        title: "bare floor",
        made: Made::Floor,
        setup: "one thread, one `epoll` loop, a bare loop of non-blocking `send` of bytes that are \
                as many as Palabre's; no pings, no timeouts, nothing kept",
    },
    Server {
        name: PALABRE,
        title: "Palabre",
        made: Made::Palabre,
        setup: "release build, `serve --ephemeral --rate-limit none`; with Redis, `--redis`. All \
                else as it comes: sessions, presence, history, recovery and size limits are on",
    },
    Server {
        name: "bun-publish",
        title: "Bun, raw publish",
        made: Made::Bun { folder: "bun", file: "publish.js" },
        setup: "`Bun.serve` with WebSockets and `server.publish`, and just enough Socket.IO for \
                the generator: no pings, rooms or sessions; no compression",
    },
    Server {
        name: "bun-socketio",
        title: "Socket.IO on Bun",
        made: Made::Bun { folder: "bun", file: "socketio.js" },
        setup: "`socket.io` with `@socket.io/bun-engine`, `NODE_ENV=production`",
    },
    Server {
        name: "socketioxide",
        title: "socketioxide",
        made: Made::Cargo { folder: "socketioxide", program: "socketioxide-peer" },
        setup: "release build with thin LTO on axum and tokio, Nagle's algorithm off; with Redis, \
                its own adapter on the redis crate's driver",
    },
    Server {
        name: "node",
        title: "Socket.IO on Node",
        made: Made::Node { folder: "node", file: "server.js" },
        setup: "`socket.io` with `ws` and its add-on `bufferutil`, no compression, the first HTTP \
                request of a session let go, `NODE_ENV=production`; with Redis, \
                `@socket.io/redis-adapter` on the redis package",
    },
    Server {
        name: "python-socketio",
        title: "python-socketio",
        made: Made::Python { folder: "python-socketio" },
        setup: "asyncio, uvicorn with `uvicorn[standard]` (uvloop, httptools, websockets), no \
                access log; with Redis, `AsyncRedisManager`",
    },
    Server {
        name: "flask-socketio",
        title: "Flask-SocketIO",
        made: Made::Python { folder: "flask-socketio" },
        setup: "gevent with gevent-websocket (measured faster here than simple-websocket), \
                `socketio.run`; with Redis, `message_queue`",
    },
];

/// The server with this name.
pub(super) fn find(name: &str) -> Option<&'static Server> {
    SERVERS.iter().find(|server| server.name == name)
}

/// Where cargo builds the floor and the peers, so that their builds don't touch the project's.
pub(super) fn cargo_target(target: &Path) -> PathBuf {
    target.join("bench/rust")
}

impl Server {
    /// The folder that it is made in.
    pub(super) fn folder(&self, root: &Path) -> PathBuf {
        match self.made {
            Made::Palabre => root.to_path_buf(),
            Made::Floor => root.join("bench/floor"),
            Made::Cargo { folder, .. }
            | Made::Node { folder, .. }
            | Made::Bun { folder, .. }
            | Made::Python { folder } => root.join("bench/peers").join(folder),
        }
    }

    /// The program and its arguments.
    pub(super) fn line(&self, place: &Place, start: &Start) -> Vec<String> {
        let folder = self.folder(&place.root);
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let built = |program: &str| text(cargo_target(&place.target).join("release").join(program));
        let mut line = match self.made {
            Made::Palabre => vec![text(place.palabre.clone()), "serve".to_owned()],
            Made::Floor => vec![built("floor")],
            Made::Cargo { program, .. } => vec![built(program)],
            Made::Node { file, .. } => vec!["node".to_owned(), text(folder.join(file))],
            Made::Bun { file, .. } => {
                vec![text(folder.join("node_modules/.bin/bun")), text(folder.join(file))]
            }
            Made::Python { .. } => {
                vec![text(folder.join(".venv/bin/python")), text(folder.join("server.py"))]
            }
        };
        let mut add = |words: [&str; 2]| line.extend(words.map(str::to_owned));
        add(["--port", &start.port.to_string()]);
        match (self.made, &start.redis) {
            (Made::Floor, _) => {
                add(["--coalesce", &start.coalesce.to_string()]);
                if let Some(port) = start.follows {
                    add(["--follow", &port.to_string()]);
                }
            }
            (_, Some(url)) => add(["--redis", url]),
            (Made::Palabre, None) => line.push("--ephemeral".to_owned()),
            _ => {}
        }
        if self.made == Made::Palabre {
            line.extend(["--rate-limit".to_owned(), "none".to_owned()]);
        }
        line
    }
}

/// Starts a program on one core only, and ends it when this program ends, however that happens.
pub(super) fn pinned(core: usize, line: &[String]) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "taskset", "-c", &core.to_string()]);
    command.args(line);
    // What the machine is set up for is not part of a comparison.
    command.env_remove("PORT").env_remove("REDIS_URL").env("NODE_ENV", "production");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, redis: Option<&str>, follows: Option<u16>) -> String {
        let redis = redis.map(str::to_owned);
        let start = Start { port: 7, redis, follows, coalesce: 32 };
        find(name).unwrap().line(&Place::fictional(), &start).join(" ")
    }

    #[test]
    fn each_server_is_told_what_it_understands() {
        let flags = "--rate-limit none";
        assert_eq!(
            line("palabre", None, None),
            format!("t/release/palabre serve --port 7 --ephemeral {flags}")
        );
        assert_eq!(
            line("palabre", Some("redis://x"), None),
            format!("t/release/palabre serve --port 7 --redis redis://x {flags}")
        );
        let floor = "t/bench/rust/release/floor --port 7 --coalesce 32";
        assert_eq!(line("floor", None, None), floor);
        assert_eq!(line("floor", Some("redis://x"), Some(6)), format!("{floor} --follow 6"));
        assert_eq!(
            line("python-socketio", Some("redis://x"), None),
            format!(
                "{0}/python-socketio/.venv/bin/python {0}/python-socketio/server.py \
                 --port 7 --redis redis://x",
                crate::root().join("bench/peers").display()
            )
        );
        let node = line("node", None, None);
        assert!(node.starts_with("node /") && node.ends_with("/node/server.js --port 7"));
        assert!(find("nobody").is_none());
    }
}
