//! Whether every crate in the tree may be used and passed on under a licence that asks for no
//! more than its text being kept.

use std::path::Path;

use anyhow::{Result, bail};

use crate::shell;

/// Licences that we accept; of alternatives one is enough.
const ACCEPTED: [&str; 12] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Checks all crates that go into a build on any platform.
pub(crate) fn step(root: &Path) -> Result<()> {
    let args = [
        "tree",
        "--workspace",
        "--locked",
        "--target",
        "all",
        "--prefix",
        "none",
        "--format",
        "{p}\t{l}",
        "--edges",
        "normal,build",
    ];
    let tree = shell::output(root, "cargo", &args)?;
    let crates: Vec<&str> = tree.lines().filter(|line| !line.is_empty()).collect();
    let mut refused: Vec<&str> = crates.iter().copied().filter(|line| !is_accepted(line)).collect();
    refused.sort_unstable();
    refused.dedup();
    if !refused.is_empty() {
        bail!(
            "licences to look at (accept them in xtask/src/licences.rs, or do without):\n{}",
            refused.join("\n")
        );
    }
    println!("the licences of all {} lines of the tree are accepted", crates.len());
    Ok(())
}

/// Whether a line `crate <TAB> expression` names only accepted licences. `A OR B AND C` is read
/// strictly, as `(A OR B) AND C`: that may refuse too much, never too little.
fn is_accepted(line: &str) -> bool {
    let expression = line.split('\t').nth(1).unwrap_or_default().trim_end_matches(" (*)");
    let plain = expression.replace(['(', ')'], "").replace('/', " OR ");
    plain.split(" AND ").all(|part| part.split(" OR ").any(|one| ACCEPTED.contains(&one.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_accepted_alternative_is_enough_and_all_conjuncts_are_needed() {
        for good in ["MIT", "MIT OR GPL-3.0", "MIT/Apache-2.0", "(MIT OR X) AND Unicode-3.0"] {
            assert!(is_accepted(&format!("a v1\t{good}")), "{good}");
        }
        for bad in ["GPL-3.0", "", "MIT AND GPL-3.0", "(MIT OR X) AND Y"] {
            assert!(!is_accepted(&format!("a v1\t{bad}")), "{bad}");
        }
        assert!(is_accepted("a v1\tMIT (*)"), "crates seen before are marked so");
        assert!(!is_accepted("no expression"));
    }
}
