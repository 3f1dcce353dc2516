//! One instance: the real server on a runtime of its own, whose clock stands still between its
//! turns. Killing it drops the runtime with everything in it, as `kill -9` would.

use std::{path::PathBuf, time::Duration};

use broker::Limits;
use server::{
    Server,
    config::{Bind, Config, RateLimit},
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    task::JoinHandle,
    time::{advance, sleep},
};

use crate::broker::{SharedWorld, SimBroker};

/// What is the same for all lives of all instances of a run.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    pub(crate) shards: usize,
    /// How long stock clients may be away.
    pub(crate) window: Duration,
    /// How long recent entries stay in memory, and how many bytes of them.
    pub(crate) ring: (Duration, usize),
    /// Where the sockets lie.
    pub(crate) folder: PathBuf,
}

/// One place where an instance runs, again and again.
pub(crate) struct Instance {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    settings: Settings,
    world: SharedWorld,
    lives: u32,
    life: Option<Life>,
    /// Until then it does nothing, as if stopped by a signal.
    pub(crate) frozen_until: Duration,
}

struct Life {
    runtime: Runtime,
    line: usize,
    stop: Option<oneshot::Sender<()>>,
    main: JoinHandle<Result<(), String>>,
    /// Time that passed while it was frozen.
    owed: Duration,
}

impl Instance {
    pub(crate) fn new(number: usize, settings: Settings, world: SharedWorld) -> Self {
        let name = format!("i{number}");
        let path = settings.folder.join(&name);
        let frozen_until = Duration::ZERO;
        Self { name, path, settings, world, lives: 0, life: None, frozen_until }
    }

    /// The number of the present life's line.
    pub(crate) fn line(&self) -> Option<usize> {
        self.life.as_ref().map(|life| life.line)
    }

    pub(crate) fn is_running(&self) -> bool {
        self.life.is_some()
    }

    pub(crate) fn start(&mut self) {
        self.lives += 1;
        let name = format!("{}.{}", self.name, self.lives);
        let broker = SimBroker::open(&self.world, &name, &self.settings.limits);
        let line = broker.line();
        let config = self.config();
        let runtime = Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("the system has room for one more runtime");
        let (stop, stopped) = oneshot::channel::<()>();
        let main = runtime.spawn(async move {
            let server = Server::start(&config, broker).await.map_err(|e| e.to_string())?;
            // It ends also when nobody can ask it to any more.
            let _ = stopped.await;
            server.stop().await;
            Ok(())
        });
        self.world.lock().note(format_args!("{name} starts"));
        self.life = Some(Life { runtime, line, stop: Some(stop), main, owed: Duration::ZERO });
    }

    fn config(&self) -> Config {
        let limits = &self.settings.limits;
        Config {
            bind: Bind::Unix(self.path.clone()),
            instance: Some(self.name.clone()),
            secret: Some("a secret of the simulation".parse().expect("it is long enough")),
            rate_limit: RateLimit::None,
            shards: Some(self.settings.shards),
            ping_interval: Duration::from_secs(2),
            ping_timeout: Duration::from_millis(1_500),
            drain_window: Duration::from_millis(200),
            recovery_window: self.settings.window,
            ring_time: self.settings.ring.0,
            ring_bytes: self.settings.ring.1,
            append_wait: limits.append_wait,
            delivery_queue: limits.delivery_queue,
            ..Config::default()
        }
    }

    /// Lets it run for so long, unless it is frozen or dead.
    pub(crate) fn turn(&mut self, now: Duration, step: Duration) {
        let Some(life) = &mut self.life else { return };
        if now < self.frozen_until {
            life.owed += step;
            return;
        }
        let owed = std::mem::take(&mut life.owed);
        life.runtime.block_on(async {
            if !owed.is_zero() {
                advance(owed).await;
            }
            sleep(step).await;
        });
        if life.main.is_finished() {
            let life = self.life.take().expect("it is there");
            let how = life.runtime.block_on(life.main);
            let mut world = self.world.lock();
            world.close_line(life.line);
            match how {
                Ok(Ok(())) => world.note(format_args!("{} has stopped", self.name)),
                Ok(Err(why)) => world.violated("running", format_args!("{}: {why}", self.name)),
                Err(error) => world.violated("running", format_args!("{}: {error}", self.name)),
            }
        }
    }

    /// Asks it to stop in order.
    pub(crate) fn stop(&mut self) {
        if let Some(stop) = self.life.as_mut().and_then(|life| life.stop.take()) {
            self.world.lock().note(format_args!("{} is asked to stop", self.name));
            // It may have ended by itself.
            let _ = stop.send(());
        }
    }

    /// Ends it without a word.
    pub(crate) fn kill(&mut self) {
        let Some(life) = self.life.take() else { return };
        {
            let mut world = self.world.lock();
            world.note(format_args!("{} is killed", self.name));
            world.close_line(life.line);
        }
        drop(life.runtime);
        self.frozen_until = Duration::ZERO;
    }
}
