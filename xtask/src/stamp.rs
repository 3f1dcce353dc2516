//! Knowing what is stale: a stamp is a hash of the files a result was made from, kept beside the
//! result. Equal stamps mean that nothing has to be done again.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A hash of the names and contents of all files under `sources` (files or folders, relative to
/// `root`), those in folders called one of `skipped` left out, and of `extra`.
pub(crate) fn hash(root: &Path, sources: &[&str], skipped: &[&str], extra: &str) -> Result<String> {
    let mut files = Vec::new();
    let mut waiting: Vec<PathBuf> = sources.iter().map(|source| root.join(source)).collect();
    while let Some(path) = waiting.pop() {
        if !path.is_dir() {
            files.push(path);
            continue;
        }
        for entry in fs::read_dir(&path).with_context(|| format!("reading {}", path.display()))? {
            let entry = entry?;
            if !skipped.iter().any(|name| entry.file_name() == *name) {
                waiting.push(entry.path());
            }
        }
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    extra.hash(&mut hasher);
    for file in files {
        file.strip_prefix(root).unwrap_or(&file).hash(&mut hasher);
        fs::read(&file).with_context(|| format!("reading {}", file.display()))?.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// Whether the stamp kept at `path` is this one.
pub(crate) fn is_current(path: &Path, stamp: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|kept| kept == stamp)
}

/// Keeps the stamp, once what it stands for is complete.
pub(crate) fn keep(path: &Path, stamp: &str) -> Result<()> {
    fs::write(path, stamp).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_a_new_and_a_renamed_file_each_change_the_hash() {
        let root = std::env::temp_dir().join(format!("palabre-stamp-{}", std::process::id()));
        fs::create_dir_all(root.join("src/out")).unwrap();
        let now = || hash(&root, &["src"], &["out"], "").unwrap();
        fs::write(root.join("src/a"), "1").unwrap();
        let first = now();
        assert_eq!(first, now());
        fs::write(root.join("src/out/built"), "x").unwrap();
        assert_eq!(first, now(), "what lies in a skipped folder has no part in it");
        fs::write(root.join("src/a"), "2").unwrap();
        let changed = now();
        assert_ne!(first, changed);
        fs::write(root.join("src/b"), "").unwrap();
        let added = now();
        assert_ne!(changed, added);
        fs::rename(root.join("src/b"), root.join("src/c")).unwrap();
        assert_ne!(added, now());
        assert_ne!(now(), hash(&root, &["src"], &["out"], "other").unwrap());
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_stamp_that_was_never_kept_is_not_current() {
        assert!(!is_current(Path::new("no/such/stamp"), "abc"));
    }
}
