//! Progress on standard error: a bar on a terminal, now and then a line elsewhere.

use std::io::{IsTerminal as _, Write as _, stderr};

/// How often a bar is drawn anew.
const BAR_EVERY_US: u64 = 100_000;

/// How often a line is printed at first; later, less often.
const LINE_EVERY_US: u64 = 1_000_000;

/// Lines after which they become rarer by ten.
const LINES_OF_A_KIND: u32 = 20;

const BAR_WIDTH: usize = 30;

#[derive(Debug)]
pub(crate) struct Display {
    is_terminal: bool,
    next_us: u64,
    lines: u32,
}

impl Display {
    pub(crate) fn new() -> Self {
        Self { is_terminal: stderr().is_terminal(), next_us: 0, lines: 0 }
    }

    /// Shows how far something is, if it is time to, or if it is over.
    pub(crate) fn show(&mut self, line: &str, part: f64, now_us: u64, is_over: bool) {
        if now_us < self.next_us && !is_over {
            return;
        }
        let mut err = stderr().lock();
        // A progress that can't be shown is no failure.
        let _ = if self.is_terminal {
            self.next_us = now_us + BAR_EVERY_US;
            let end = if is_over { "\n" } else { "" };
            write!(err, "\r{} {line}\x1b[K{end}", bar(part)).and_then(|()| err.flush())
        } else {
            let is_first = self.next_us == 0;
            self.lines += 1;
            self.next_us = now_us + LINE_EVERY_US * u64::from(10_u32.pow(self.rarity()));
            if is_first && !is_over { Ok(()) } else { writeln!(err, "{line}") }
        };
        if is_over {
            (self.next_us, self.lines) = (0, 0);
        }
    }

    fn rarity(&self) -> u32 {
        (self.lines / LINES_OF_A_KIND).min(2)
    }
}

fn bar(part: f64) -> String {
    #[expect(clippy::cast_sign_loss, reason = "it is clamped")]
    let full = (part.clamp(0.0, 1.0) * BAR_WIDTH as f64) as usize;
    let percent = part.clamp(0.0, 1.0) * 100.0;
    format!("{}{} {percent:3.0} %", "█".repeat(full), "░".repeat(BAR_WIDTH - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bar_is_as_long_whatever_it_shows() {
        assert!(bar(0.0).starts_with('░') && bar(1.0).ends_with("█ 100 %"));
        for part in [-1.0, 0.0, 0.5, 1.0, 7.0, f64::NAN] {
            assert_eq!(bar(part).chars().filter(|c| "█░".contains(*c)).count(), BAR_WIDTH);
        }
    }
}
