//! Saved responses: files, folders, globs and standard input, plain or compressed, as streams of bytes.

mod expand;
mod open;
mod read;

use std::path::PathBuf;

use chrono::{DateTime, Utc};

pub use expand::{Expanded, expand, size};
pub use read::{BatchSink, Fault, Intake, Proof, Reading, Rejects, Tolerance};

/// One input: a file, or standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl std::fmt::Display for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Input::Stdin => write!(f, "standard input"),
            Input::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// An input opened for reading, decompressed.
struct Opened {
    reader: Box<dyn std::io::Read + Send>,
    /// When the file was last written: the best that is known of when the records were fetched. For standard input, now.
    modified: DateTime<Utc>,
}

/// Why inputs could not be read.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// An argument names nothing.
    #[error("find input {0}: no such file or folder; check the path")]
    Missing(String),
    /// A pattern matches nothing.
    #[error("find input {0}: no file matches the pattern; check the pattern, and quote it")]
    NoMatch(String),
    /// A pattern is malformed.
    #[error("find input {0}: {1}")]
    Pattern(String, String),
    /// A folder holds no input.
    #[error(
        "find input {0}: the folder holds no .json, .ndjson or .jsonl file (plain, .gz or .zst); name the files"
    )]
    EmptyFolder(String),
    /// The operating system said no.
    #[error("use {name}: {error}")]
    Io {
        /// The input.
        name: String,
        /// What it said.
        error: std::io::Error,
    },
    /// The first bytes are those of something else than JSON.
    #[error("read {name}: {remedy}")]
    Format {
        /// The input.
        name: String,
        /// What it is, and what to do.
        remedy: &'static str,
    },
    /// The rejects file has something in it.
    #[error("write the rejects file {0}: it is there and not empty; name another one")]
    RejectsTaken(String),
    /// Some input gave no row.
    #[error("{0}")]
    Bad(String),
}

impl InputError {
    fn io(name: impl std::fmt::Display) -> impl FnOnce(std::io::Error) -> InputError {
        let name = name.to_string();
        move |error| InputError::Io { name, error }
    }
}
