//! Exit codes: what an orchestrator may do about the outcome of a run.
//!
//! | code | name | meaning | what to do |
//! | --- | --- | --- | --- |
//! | 0 | done | all that was asked is done | nothing |
//! | 1 | failed | a fault that the same run will meet again: no permission, no such folder, access refused | read the message |
//! | 2 | usage | the command line is off | read the message |
//! | 3 | bad input | some input gave no row; the message names file, line and record | mend it, or `--keep-going`, `--rejects` |
//! | 4 | retry later | the API or the store did not answer well enough, for now | run the same command again |
//! | 5 | incomplete | windows of the API could not be proven complete; the message names them | read the message |
//! | 6 | integrity | the lake holds what it must not hold | `callake verify` |

use std::process::ExitCode;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All that was asked is done.
    Done = 0,
    /// A fault that the same run will meet again.
    Failed = 1,
    /// The command line is off.
    Usage = 2,
    /// Some input gave no row.
    BadInput = 3,
    /// The API or the store did not answer well enough, for now.
    RetryLater = 4,
    /// Windows could not be proven complete.
    Incomplete = 5,
    /// The lake holds what it must not hold.
    Integrity = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}
