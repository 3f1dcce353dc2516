//! The name of the machine, for the name of an instance that was given none.

use std::{fs, process::Command};

/// The name of the machine; `localhost` where it can't be found.
pub(super) fn name() -> String {
    // The kernel's answer on Linux; the program is on every other Unix.
    let kernel = || fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let program = || {
        let answer = Command::new("uname").arg("-n").output().ok()?;
        String::from_utf8(answer.stdout).ok()
    };
    kernel().or_else(program).as_deref().and_then(usable).unwrap_or_else(|| "localhost".into())
}

/// What is left with the characters that a name of an instance can have, if anything.
fn usable(answer: &str) -> Option<String> {
    let fits = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
    let name: String = answer.trim().chars().filter(fits).take(64).collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_are_tidied() {
        assert_eq!(usable("web-1.example\n").as_deref(), Some("web-1.example"));
        assert_eq!(usable("a b/c\n").as_deref(), Some("abc"));
        assert_eq!(usable("\n"), None);
    }

    #[test]
    fn this_machine_has_a_name() {
        assert!(usable(&name()).is_some_and(|tidied| tidied == name()));
    }
}
