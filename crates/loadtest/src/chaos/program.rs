//! Programs of a chaos run: started, frozen, thawed, ended, and killed at the latest when the run
//! is over.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::time::{Instant, sleep};

/// How often it is looked whether a process has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long a process may take to end when it is told to.
const END_WAIT: Duration = Duration::from_mins(1);

/// A program with its arguments, and its process while it runs.
#[derive(Debug)]
pub(crate) struct Program {
    name: String,
    path: PathBuf,
    args: Vec<String>,
    log: PathBuf,
    child: Option<Child>,
}

impl Program {
    /// Starts a program; what it says goes to `folder/name.log`.
    pub(crate) fn start(
        folder: &Path,
        name: &str,
        path: &Path,
        args: Vec<String>,
    ) -> anyhow::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let mut started =
            Self { name: name.to_owned(), path: path.to_owned(), args, log, child: None };
        started.start_again()?;
        Ok(started)
    }

    /// Starts it again after its end.
    pub(crate) fn start_again(&mut self) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let child = Command::new(&self.path)
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("can't start {}", self.path.display()))?;
        self.child = Some(child);
        Ok(())
    }

    /// Kills it, as a crash does.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It fails only for a process that has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Tells it to end, and waits until it has.
    pub(crate) async fn end(&mut self) -> anyhow::Result<()> {
        self.signal("TERM")?;
        let deadline = Instant::now() + END_WAIT;
        while let Some(child) = &mut self.child {
            if let Some(status) = child.try_wait()? {
                self.child = None;
                anyhow::ensure!(status.success(), "{} ended with {status}", self.name);
            } else if Instant::now() > deadline {
                bail!("{} did not end within {} s", self.name, END_WAIT.as_secs());
            } else {
                sleep(LOOK_EVERY).await;
            }
        }
        Ok(())
    }

    pub(crate) fn freeze(&self) -> anyhow::Result<()> {
        self.signal("STOP")
    }

    pub(crate) fn thaw(&self) -> anyhow::Result<()> {
        self.signal("CONT")
    }

    fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let child = self.child.as_ref().context("the process has ended")?;
        let status =
            Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).status()?;
        anyhow::ensure!(status.success(), "{} can't be sent SIG{signal}", self.name);
        Ok(())
    }

    /// What it said last, for errors.
    pub(crate) fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}
