//! A folder for temporary files that no other user can read and that does not outlive its process for long.
//!
//! It is removed on drop. What a killed process leaves behind is removed by the next one: each folder holds a locked file,
//! and the kernel frees the lock of a process that is gone.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

use super::{Error, Result};

const PREFIX: &str = "callake-";
const LOCK: &str = "lock";

/// Age from which a folder without a lock file is taken for a left-over; before, it may be one just being made.
const UNLOCKED_AGE: Duration = Duration::from_secs(3600);

/// Age from which a folder on a temporary disk can be a left-over: any, since its lock says whether it is.
pub const TEMP_LEFTOVER_AGE: Duration = Duration::ZERO;

/// Age from which a folder within a lake can be a left-over: a lake may be forced onto a network file system where a lock
/// does not show on other machines, so there a running process must also have touched it within a day.
pub const LAKE_LEFTOVER_AGE: Duration = Duration::from_secs(86_400);

/// A temporary folder of this process, mode 0700.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    _lock: File,
    files: AtomicU64,
}

impl Scratch {
    /// Makes a folder `callake-…` in `base`, and removes those of processes that are gone which are older than the age.
    pub fn new(base: &Path, leftover_age: Duration) -> Result<Scratch> {
        fs::create_dir_all(base).map_err(Error::io("create folder", base))?;
        sweep(base, leftover_age);
        loop {
            let folder = tempfile::Builder::new()
                .prefix(PREFIX)
                .permissions(fs::Permissions::from_mode(0o700))
                .tempdir_in(base)
                .map_err(Error::io("create a folder in", base))?;
            let path = folder.path().join(LOCK);
            let lock = File::create(&path).map_err(Error::io("create", &path))?;
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) if path.exists() => {
                    return Ok(Scratch {
                        folder,
                        _lock: lock,
                        files: AtomicU64::new(0),
                    });
                }
                // Another process took the new folder for a left-over before it was locked, and removes or has removed it: make
                // another one.
                Ok(()) | Err(rustix::io::Errno::WOULDBLOCK) => {}
                Err(source) => {
                    return Err(Error::Io {
                        action: "lock",
                        path,
                        source: source.into(),
                    });
                }
            }
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A path in the folder that was not given out before.
    pub fn file(&self, name: &str) -> PathBuf {
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        self.folder.path().join(format!("{number}-{name}"))
    }
}

/// Removes the folders of processes that are gone, and says how many. What can't be removed is left: it is in nobody's way.
pub fn sweep(base: &Path, leftover_age: Duration) -> usize {
    folders(base)
        .filter(|folder| remove_leftover(folder, leftover_age))
        .count()
}

/// The folders that [`sweep`] would remove.
pub fn leftovers(base: &Path, leftover_age: Duration) -> impl Iterator<Item = PathBuf> {
    folders(base).filter(move |folder| abandoned(folder, leftover_age).is_some())
}

/// The folders of processes, living or gone.
fn folders(base: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(base).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| {
        let ours = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(PREFIX));
        ours && entry.file_type().is_ok_and(|kind| kind.is_dir())
    });
    ours.map(|entry| entry.path())
}

/// Whether a living process of this machine holds the folder.
pub fn is_live(folder: &Path) -> bool {
    let lock = File::open(folder.join(LOCK));
    lock.is_ok_and(|lock| {
        flock(lock, FlockOperation::NonBlockingLockShared) == Err(rustix::io::Errno::WOULDBLOCK)
    })
}

/// The lock of a folder whose process is gone, held if there is one; `None` for a folder that may be in use.
fn abandoned(folder: &Path, age: Duration) -> Option<std::io::Result<File>> {
    let lock = File::open(folder.join(LOCK));
    let gone = match &lock {
        Ok(lock) => is_older(folder, age) && flock(lock, FlockOperation::NonBlockingLockExclusive).is_ok(),
        Err(_) => is_older(folder, age.max(UNLOCKED_AGE)),
    };
    gone.then_some(lock)
}

/// Removes the folder if its process is gone.
fn remove_leftover(folder: &Path, age: Duration) -> bool {
    let Some(_held) = abandoned(folder, age) else {
        return false;
    };
    let removed = fs::remove_dir_all(folder);
    if let Err(error) = &removed {
        tracing::debug!("leave {}: {error}", folder.display());
    }
    removed.is_ok()
}

/// Whether neither the folder nor a file in it was touched within the age.
fn is_older(folder: &Path, age: Duration) -> bool {
    let files = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let touched = files
        .chain([folder.to_path_buf()])
        .filter_map(|path| fs::metadata(path).ok()?.modified().ok());
    let Some(last) = touched.max() else { return false };
    // A time in the future is as good as now.
    SystemTime::now().duration_since(last).unwrap_or_default() >= age
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_can_read_it_and_it_is_removed() {
        let base = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(base.path(), TEMP_LEFTOVER_AGE).unwrap();
        let mode = fs::metadata(scratch.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert_ne!(scratch.file("a"), scratch.file("a"));
        drop(scratch);
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
    }

    #[test]
    fn folders_of_the_living_stay_and_those_of_the_dead_go() {
        let base = tempfile::tempdir().unwrap();
        let living = Scratch::new(base.path(), TEMP_LEFTOVER_AGE).unwrap();
        // What kill -9 leaves: the folder and its lock file, which nobody holds.
        let dead = base.path().join("callake-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        fs::write(dead.join("0-spill"), "rows").unwrap();
        let foreign = base.path().join("other");
        fs::create_dir(&foreign).unwrap();
        let second = Scratch::new(base.path(), TEMP_LEFTOVER_AGE).unwrap();
        assert!(living.path().exists() && second.path().exists() && foreign.exists());
        assert!(!dead.exists());
    }

    #[test]
    fn a_folder_that_was_given_out_is_there_whoever_sweeps_beside() {
        let base = tempfile::tempdir().unwrap();
        let use_folders = || {
            for _ in 0..200 {
                let scratch = Scratch::new(base.path(), TEMP_LEFTOVER_AGE).unwrap();
                fs::write(scratch.file("spill"), "rows").unwrap();
            }
        };
        std::thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(use_folders))));
    }
}
