//! What happened, line by line: the log of a run, which is the same for the same seed.

use std::{fmt, time::Duration};

/// Lines that are kept; beyond, the oldest go. All of them are in the digest.
const LINES_MAX: usize = 200_000;

/// The log of one run.
#[derive(Debug)]
pub struct Journal {
    lines: std::collections::VecDeque<String>,
    digest: u64,
}

impl Default for Journal {
    fn default() -> Self {
        Self { lines: std::collections::VecDeque::new(), digest: 0xcbf2_9ce4_8422_2325 }
    }
}

impl Journal {
    /// Adds a line, with its time.
    pub fn note(&mut self, now: Duration, what: fmt::Arguments<'_>) {
        let line = format!("{:>7} {what}", now.as_millis());
        for byte in line.bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// The lines, the oldest first.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    /// A number that differs where any line does.
    pub fn digest(&self) -> u64 {
        self.digest
    }
}
