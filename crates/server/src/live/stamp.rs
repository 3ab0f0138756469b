//! Whether files may have changed, at the price of looking at their entries.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What the operating system says about files. Equal and [settled](Stamp::is_settled): they are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp(Vec<Seen>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    /// Where a path leads: Kubernetes swaps links, editors rename.
    path: PathBuf,
    inode: u64,
    length: u64,
    changed: SystemTime,
}

/// File systems keep times in steps of some milliseconds up to two seconds: what was written just now may be
/// written again without another time.
const COARSE: Duration = Duration::from_secs(3);

impl Stamp {
    /// Looks at a file, or at everything in a directory.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let mut seen = vec![see(path)?];
        if path.is_dir() {
            for entry in std::fs::read_dir(path)? {
                // What goes away meanwhile is gone.
                seen.extend(see(&entry?.path()));
            }
            seen.sort_by(|a, b| a.path.cmp(&b.path));
        }
        Ok(Self(seen))
    }

    /// Whether all of it was written long enough ago that the times tell.
    pub(super) fn is_settled(&self, now: SystemTime) -> bool {
        self.0.iter().all(|seen| now.duration_since(seen.changed).is_ok_and(|age| age > COARSE))
    }
}

fn see(path: &Path) -> io::Result<Seen> {
    let target = std::fs::canonicalize(path)?;
    let metadata = std::fs::metadata(&target)?;
    Ok(Seen { path: target, inode: metadata.ino(), length: metadata.len(), changed: metadata.modified()? })
}
