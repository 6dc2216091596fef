//! Ways to pass over bytes that give no row, piece by piece.

use crate::json::skim::{Skim, Skimmer};

/// What is passed over.
pub(super) enum Skip {
    /// The value, to its end.
    Value(Skimmer),
    /// The line, with its line feed.
    Line,
    /// Everything before the next line that starts with `{` or `[`.
    ToRecord {
        /// Whether the next byte starts a line.
        line_start: bool,
    },
}

/// What a piece was.
pub(super) enum Passage {
    /// Passed over whole; what follows, so.
    More(Skip),
    /// Passed over up to this byte, and that was all.
    Over(usize),
    /// Passed over up to this byte, from where on it is no value.
    Broken(usize),
}

impl Skip {
    /// Goes through a piece, which is not empty.
    pub(super) fn pass(self, piece: &[u8]) -> Passage {
        match self {
            Skip::Value(mut skimmer) => match skimmer.skim(piece) {
                Skim::More => Passage::More(Skip::Value(skimmer)),
                Skim::End(at) => Passage::Over(at),
                Skim::Broken(at) => Passage::Broken(at),
            },
            Skip::Line => match memchr::memchr(b'\n', piece) {
                Some(at) => Passage::Over(at + 1),
                None => Passage::More(Skip::Line),
            },
            Skip::ToRecord { line_start } => match next_record(piece, line_start) {
                Some(at) => Passage::Over(at),
                None => Passage::More(Skip::ToRecord {
                    line_start: piece.last() == Some(&b'\n'),
                }),
            },
        }
    }
}

/// Place of the first line that starts with `{` or `[`: an NDJSON line that is broken takes no other with it, and a broken
/// text of many lines is one problem.
pub(super) fn next_record(bytes: &[u8], line_start: bool) -> Option<usize> {
    let starts = |at: usize| matches!(bytes.get(at), Some(b'{' | b'['));
    if line_start && starts(0) {
        return Some(0);
    }
    memchr::memchr_iter(b'\n', bytes)
        .map(|at| at + 1)
        .find(|&at| starts(at))
}
