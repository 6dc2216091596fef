//! Where files lie and how one is published.
//!
//! ```text
//! <dest>/<table>/session_date=2025-09-30/<account>.parquet
//! <dest>/_callake/…        staged files, locks, probes, run reports: nothing a reader needs
//! ```
//!
//! # Invariants
//!
//! 1. One account-day is one file, and one atomic put. A reader that globs `**/*.parquet` sees the old file or the new one.
//! 2. Each file is a compare-and-swap register: read with its version, merged, put if unchanged, else read and merged again.
//! 3. A put whose outcome is unknown (a conflict, a server error, a lost reply) decides nothing: the file is read back, and
//!    its `callake.write_id` says whose it is.
//! 4. Nothing under `_callake` ends in `.parquet`, and nothing but day files lies in a table's folder.
//! 5. A file's footer says all that is known of the day; there is no other state.

mod clean;
mod columns;
mod facts;
mod fault;
mod footer;
mod layout;
mod local;
mod object;
mod publish;
mod read;
mod refusal;
mod runs;
mod snapshot;
mod status;
mod store;
#[cfg(test)]
mod tests;
mod trial;
mod verify;

pub use clean::Cleaned;
pub use columns::Columns;
pub use facts::{Coverage, DayFacts, NotFound, Read};
pub use fault::POINTS;
pub use footer::FileFacts;
pub(crate) use layout::SPOOL;
pub use layout::{DayPath, check_account};
pub use publish::{Outcome, Published};
pub use snapshot::{Manifest, ManifestFile, Snapshot, SnapshotOptions};
pub(crate) use status::stretches;
pub use status::{AccountStatus, DayStatus, Status};
pub use store::LocalFile;
pub use trial::Trial;
pub use verify::{Finding, FindingKind, Verification};

use std::path::PathBuf;

use chrono_tz::Tz;

use self::store::Store;
use crate::day::{self, WriteOptions};
use crate::progress::Progress;
use crate::schema;

/// How a lake is opened.
#[derive(Debug, Clone)]
pub struct LakeOptions {
    /// Zone whose days partition the lake.
    pub zone: Tz,
    /// Whether nobody else writes to the lake: the word of the user for stores that ignore conditional puts.
    pub single_writer: bool,
    /// Whether a network file system (NFS, SMB) is taken for a local one.
    pub force_network_fs: bool,
    /// Endpoint of an S3-compatible store, in place of that of the environment.
    pub endpoint_url: Option<String>,
    /// How files are written.
    pub write: WriteOptions,
    /// Where files are counted, as they are verified or copied.
    pub progress: Progress,
}

impl Default for LakeOptions {
    fn default() -> Self {
        LakeOptions {
            zone: Tz::UTC,
            single_writer: false,
            force_network_fs: false,
            endpoint_url: None,
            write: WriteOptions::default(),
            progress: Progress::default(),
        }
    }
}

/// A lake, open for publishing.
#[derive(Debug, Clone)]
pub struct Lake {
    store: Store,
    options: LakeOptions,
}

impl Lake {
    /// Opens the lake at a path, `file://`, `s3://`, `gs://` or `az://` for publishing; makes it where there is none.
    ///
    /// # Errors
    /// A lake of another zone, a network file system or a store without conditional puts, unless the options accept it.
    pub async fn open(location: &str, options: LakeOptions) -> Result<Lake> {
        let store = Store::open(location, &options)?;
        store.prepare(&options).await?;
        let lake = Lake { store, options };
        lake.check_zone().await?;
        Ok(lake)
    }

    /// Zone whose days partition the lake.
    pub fn zone(&self) -> Tz {
        self.options.zone
    }

    /// Most bytes of a row group that a publication encodes.
    pub(crate) fn row_group_bytes(&self) -> usize {
        self.options.write.row_group_bytes
    }

    /// Where the lake is, as messages name it.
    pub fn location(&self) -> String {
        self.store.location()
    }

    /// Refuses a lake of another zone, by the first of some of its files that says its zone.
    pub(crate) async fn check_zone(&self) -> Result<()> {
        for table in schema::tables() {
            for path in self.store.some_day_files(&table.name).await? {
                let facts = match self.store.footer(&path).await {
                    // Its own day's publication says so; the others must not wait for it.
                    Err(Error::Damaged { .. }) => None,
                    footer => footer?.and_then(|(_, facts)| facts),
                };
                if let Some(facts) = facts {
                    return facts.check_zone(&path.to_string(), self.options.zone);
                }
            }
        }
        Ok(())
    }
}

/// What went wrong with a lake.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was asked can't be done; the message says what to do.
    #[error("{0}")]
    Refused(String),
    /// There is nothing to be read.
    #[error("there is no lake at {lake}: {problem}")]
    NoLake {
        /// Where it was looked for.
        lake: String,
        /// What is there instead.
        problem: String,
    },
    /// There is a lake, and nothing of what was asked for.
    #[error(
        "{lake} holds no file of {what} in the days asked for: callake status shows the days that it has"
    )]
    NoDays {
        /// Where the lake is.
        lake: String,
        /// Which files were asked for.
        what: String,
    },
    /// A local file or folder failed.
    #[error("{action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The object store failed.
    #[error("{action} {path}: {}", refusal::explain(error))]
    Store {
        /// What was tried.
        action: &'static str,
        /// On which object.
        path: String,
        /// Why it failed; not a source, since its own text holds those of its sources.
        error: object_store::Error,
    },
    /// A file of the lake is not what it should be.
    #[error("{path} {problem}")]
    Damaged {
        /// Which file.
        path: String,
        /// What is off, and what to do.
        problem: String,
    },
    /// Other writers were always faster.
    #[error(
        "gave up publishing {path} after {attempts} attempts, each overtaken by another writer: run again"
    )]
    Contended {
        /// Which file.
        path: String,
        /// How often it was tried.
        attempts: usize,
    },
    /// A day's file could not be made.
    #[error("make {path}")]
    Day {
        /// Which file.
        path: String,
        /// Why.
        source: day::Error,
    },
    /// Code that ran on another thread was stopped.
    #[error("work on {path} was stopped")]
    Stopped {
        /// On which file.
        path: String,
    },
}

/// What an orchestrator should make of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The command or the set-up must change.
    Usage,
    /// The store says no, and will again: wrong credentials, no permission, no such bucket.
    Refused,
    /// There is nothing to be read.
    Missing,
    /// The same command may work later.
    Retry,
    /// The lake's files are damaged.
    Integrity,
}

/// Result of this room.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What an orchestrator should make of it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Refused(_) => ErrorKind::Usage,
            Error::NoLake { .. } | Error::NoDays { .. } => ErrorKind::Missing,
            Error::Damaged { .. } => ErrorKind::Integrity,
            // A present file that can't be read or has a foreign shape; the rest of the room is local disk.
            Error::Day {
                source: day::Error::Shape { .. } | day::Error::Parquet { .. },
                ..
            } => ErrorKind::Integrity,
            Error::Store { error, .. } => match error {
                _ if refusal::remedy(error).is_some() => ErrorKind::Refused,
                object_store::Error::NotFound { .. } => ErrorKind::Refused,
                object_store::Error::InvalidPath { .. }
                | object_store::Error::UnknownConfigurationKey { .. }
                | object_store::Error::NotSupported { .. } => ErrorKind::Usage,
                _ => ErrorKind::Retry,
            },
            Error::Io { .. } | Error::Contended { .. } | Error::Day { .. } | Error::Stopped { .. } => {
                ErrorKind::Retry
            }
        }
    }

    fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |source| Error::Io { action, path, source }
    }

    fn store(action: &'static str, path: impl ToString) -> impl FnOnce(object_store::Error) -> Error {
        let path = path.to_string();
        move |error| Error::Store { action, path, error }
    }

    fn day(path: impl ToString) -> impl FnOnce(day::Error) -> Error {
        let path = path.to_string();
        move |source| Error::Day { path, source }
    }

    fn damaged(path: impl ToString, problem: impl Into<String>) -> Error {
        Error::Damaged {
            path: path.to_string(),
            problem: problem.into(),
        }
    }
}
