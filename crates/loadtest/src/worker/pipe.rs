//! One TCP connection that never blocks: what waits to be written, and reading without copies.

use std::io::{self, Read as _, Write as _};

use anyhow::bail;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::target::Target;

/// Reads of one connection before others get their turn.
const READS_MAX: usize = 16;

#[derive(Debug)]
pub(super) struct Pipe {
    stream: TcpStream,
    /// Bytes that wait to be written; no memory is held while there are none.
    out: Vec<u8>,
}

impl Pipe {
    /// Begins to connect.
    pub(super) fn open(
        target: &Target,
        client: u32,
        registry: &Registry,
        token: Token,
    ) -> anyhow::Result<Self> {
        let mut stream = TcpStream::from_std(target.connect(client).map_err(explain)?);
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { stream, out: Vec::new() })
    }

    /// Where to put what is to be written with the next [`Pipe::flush`].
    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// How many bytes wait.
    pub(super) fn waiting(&self) -> usize {
        self.out.len()
    }

    /// Writes what can be written at once.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        match self.stream.write(&self.out) {
            Ok(written) if written == self.out.len() => self.out = Vec::new(),
            Ok(written) => drop(self.out.drain(..written)),
            Err(error) if is_not_yet(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Reads what is there into `scratch` and hands it on. `is_ending` says that the peer has
    /// announced the end, so that this must be read up to it. Answers whether more may be there.
    pub(super) fn read(
        &mut self,
        scratch: &mut [u8],
        is_ending: bool,
        mut on: impl FnMut(&mut [u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<bool> {
        for _ in 0..READS_MAX {
            match self.stream.read(scratch) {
                Ok(0) => bail!("the server closed the connection"),
                Ok(read) => {
                    on(&mut scratch[..read])?;
                    // Less than was asked for means that there is no more: no need to ask again.
                    if read < scratch.len() && !is_ending && cfg!(unix) {
                        return Ok(false);
                    }
                }
                Err(error) if is_not_yet(&error) => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}

fn is_not_yet(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected)
}

/// Adds what can be done about it, where that isn't obvious.
fn explain(error: io::Error) -> anyhow::Error {
    let error = anyhow::Error::from(error);
    let text = error.to_string();
    if text.contains("Too many open files") {
        return error.context("the limit of open files is too low (see `ulimit -n`)");
    }
    error
}
