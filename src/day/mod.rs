//! Gathers batches of any order into days: sorted, deduplicated, merged with what the lake holds, written as Parquet.
//!
//! ```text
//! batches → Gather (spills sorted runs) → DayRows → Merge (with the day's present file) → a Parquet file on local disk
//! ```
//!
//! # Order of rows
//!
//! Start, then `session_id`, then `conversation_id`, ascending, nulls first. Every file says so in `sorting_columns`.
//!
//! # Which rows stay
//!
//! The *content* of a row is everything but `fetched_at`.
//!
//! | rule | rows | what stays |
//! | --- | --- | --- |
//! | 1 | same `session_id` and `conversation_id` | the one fetched last |
//! | 2 | … fetched at the same time | the one whose content has the greater SHA-256; of equal content, one |
//! | 3 | neither `session_id` nor `conversation_id` | one a content, the one fetched last: the content is its key |
//! | 4 | no `conversation_id`, beside rows of the same session that have one | nothing, if one of those was fetched more than 15 minutes later; else it stays too |
//! | 5 | `fetched_at` is null | counts as fetched before all others |
//!
//! A row beats another by its own values alone, and what a dropped row could have beaten is beaten by the row that
//! dropped it. So the rows that stay are a function of the set of rows ever merged: the order of merges, and merging
//! twice, change nothing. The 15 minutes of rule 4 are what
//! one read of a day may take: a session that the API lists both with and without a conversation keeps both rows, though
//! their pages came one after the other.
//!
//! | rule | a merge leaves | then |
//! | --- | --- | --- |
//! | 6 | the present file's rows, `fetched_at` included | the file is not written again |
//! | 7 | the present file's rows with other `fetched_at` only | the file is not written again either |
//! | 8 | anything else | it is written, each row with its latest `fetched_at` |
//!
//! Rule 7 keeps a re-read of unchanged records from rewriting the lake. Its price is inevitable: no rule can both drop
//! the news that A was seen again and stay order-free when A became B and A again. So where a record went back to an
//! earlier content, and the read of the content between is published after a later read was found unchanged, that content
//! stands until the record is read again. Without such a return rule 7 never changes a content.

mod calendar;
mod checksum;
mod content;
mod encode;
mod gather;
mod inspect;
mod keys;
mod merge;
mod merged;
mod partition;
mod project;
mod properties;
mod resolve;
mod run;
mod scratch;
mod seal;
mod shape;
mod sorter;
mod spill;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod window;
mod write;

pub use calendar::{Day, DayClock, UNDATED};
pub use checksum::{Digest, digest};
#[cfg(test)]
pub(crate) use checksum::{Hashing, PLACEHOLDER};
pub use gather::{DayRows, Days, Gather};
pub use inspect::{Inspection, KeyHash, inspect};
pub use merge::Merge;
pub(crate) use project::project;
pub use run::{Batches, read};
pub use scratch::{LAKE_LEFTOVER_AGE, Scratch, TEMP_LEFTOVER_AGE, is_live, leftovers, sweep};
pub use write::{Footer, WriteOptions, Written, write};

use std::io;
use std::path::PathBuf;

use parquet::errors::ParquetError;

/// What can go wrong between batches and a day's file; all of it is machinery, never data.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The local disk failed.
    #[error("{action} {}", path.display())]
    Io {
        /// What was tried, a present-tense verb: `write`, `create folder`.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Arrow failed.
    #[error("{action}")]
    Arrow {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: arrow::error::ArrowError,
    },
    /// Reading or writing Parquet failed.
    #[error("{action} {}", path.display())]
    Parquet {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: parquet::errors::ParquetError,
    },
    /// A batch or file has other columns than the table.
    #[error("column {column} {problem}")]
    Shape {
        /// Path of the column.
        column: String,
        /// What is off.
        problem: String,
    },
}

/// Result of this room.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |source| Error::Io { action, path, source }
    }

    fn arrow(action: &'static str) -> impl FnOnce(arrow::error::ArrowError) -> Error {
        move |source| Error::Arrow { action, source }
    }

    /// A file that ends early is damaged; every other error of the disk is the disk's.
    fn parquet(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(ParquetError) -> Error {
        let path = path.into();
        move |source| match source {
            ParquetError::External(cause) => match cause.downcast::<io::Error>() {
                Ok(source) if source.kind() != io::ErrorKind::UnexpectedEof => Error::Io {
                    action,
                    path,
                    source: *source,
                },
                Ok(source) => Error::Parquet {
                    action,
                    path,
                    source: ParquetError::External(source),
                },
                Err(cause) => Error::Parquet {
                    action,
                    path,
                    source: ParquetError::External(cause),
                },
            },
            source => Error::Parquet { action, path, source },
        }
    }

    fn shape(column: impl Into<String>, problem: impl Into<String>) -> Error {
        Error::Shape {
            column: column.into(),
            problem: problem.into(),
        }
    }
}
