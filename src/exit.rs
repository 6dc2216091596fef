//! Exit codes: what an orchestrator may do about the outcome of a run.
//!
//! | code | name | meaning | what to do |
//! | --- | --- | --- | --- |
//! | 0 | done | all that was asked is done | nothing |
//! | 1 | failed | a fault that the same run will meet again: no permission, no such folder, access refused | read the message |
//! | 2 | usage | the command line is off, the API refused the request itself, or the lake is of another zone | read the message |
//! | 3 | bad input | some input gave no row, or there is no lake to read; the message names file, line and record | mend it, or `--keep-going`, `--rejects` |
//! | 4 | retry later | the API or the store did not answer well enough, for now | run the same command again |
//! | 5 | incomplete | windows of the API could not be proven complete; the message names them | read the message |
//! | 6 | integrity | the lake holds what it must not hold | `callake verify` |
//! | 130 | interrupted | Ctrl-C (SIGINT) stopped the run; what was complete is published | run the same command again |
//! | 143 | terminated | SIGTERM stopped the run, likewise | run the same command again |
//!
//! The last two are what shells report of a process that a signal ended (128 and the signal's number), so that whoever
//! started the run need not know whether it still could end by itself.

use std::process::ExitCode;

use crate::api::{ApiError, ConfigError, ErrorKind};
use crate::config::Refused;
use crate::day;
use crate::input::InputError;
use crate::lake;
use crate::restore::RestoreError;
use crate::stop::{Signal, Stopped};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All that was asked is done.
    Done = 0,
    /// A fault that the same run will meet again.
    Failed = 1,
    /// The command line is off.
    Usage = 2,
    /// Some input gave no row, or is not there.
    BadInput = 3,
    /// The API or the store did not answer well enough, for now.
    RetryLater = 4,
    /// Windows could not be proven complete.
    Incomplete = 5,
    /// The lake holds what it must not hold.
    Integrity = 6,
    /// Ctrl-C stopped the run.
    Interrupted = 130,
    /// SIGTERM stopped the run.
    Terminated = 143,
}

impl From<Signal> for Exit {
    fn from(signal: Signal) -> Exit {
        match signal {
            Signal::Interrupt => Exit::Interrupted,
            Signal::Terminate => Exit::Terminated,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

impl Exit {
    /// From the best to the worst: the further on, the more somebody has to do about it.
    const BY_WEIGHT: [Exit; 9] = [
        Exit::Done,
        Exit::RetryLater,
        Exit::Interrupted,
        Exit::Terminated,
        Exit::Incomplete,
        Exit::BadInput,
        Exit::Usage,
        Exit::Failed,
        Exit::Integrity,
    ];

    /// The worse of two, where one command did several things.
    #[must_use]
    pub fn worse(self, other: Exit) -> Exit {
        let weight = |exit| Exit::BY_WEIGHT.iter().position(|known| *known == exit);
        if weight(other) > weight(self) { other } else { self }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Exit::Done => "done",
            Exit::Failed => "failed",
            Exit::Usage => "usage",
            Exit::BadInput => "bad input",
            Exit::RetryLater => "retry later",
            Exit::Incomplete => "incomplete",
            Exit::Integrity => "integrity",
            Exit::Interrupted => "interrupted",
            Exit::Terminated => "terminated",
        }
    }

    /// The one place where an error becomes an exit code.
    pub fn of(error: &anyhow::Error) -> Exit {
        for cause in error.chain() {
            if let Some(error) = cause.downcast_ref::<InputError>() {
                return match error {
                    InputError::Missing(_)
                    | InputError::NoMatch(_)
                    | InputError::Pattern(..)
                    | InputError::EmptyFolder(_)
                    | InputError::Format { .. }
                    | InputError::Bad(_) => Exit::BadInput,
                    InputError::RejectsTaken(_) => Exit::Usage,
                    InputError::Io { .. } => Exit::Failed,
                };
            }
            if let Some(error) = cause.downcast_ref::<ApiError>() {
                return match error.kind() {
                    ErrorKind::Usage => Exit::Usage,
                    ErrorKind::Auth | ErrorKind::Zone | ErrorKind::Local => Exit::Failed,
                    ErrorKind::RetryLater => Exit::RetryLater,
                    ErrorKind::Incomplete => Exit::Incomplete,
                };
            }
            if let Some(Stopped(signal)) = cause.downcast_ref::<Stopped>() {
                return Exit::from(*signal);
            }
            if cause.is::<ConfigError>() {
                return Exit::Usage;
            }
            if cause.is::<Refused>() {
                return Exit::Usage;
            }
            if let Some(day::Error::Shape { .. } | day::Error::Parquet { .. }) =
                cause.downcast_ref::<day::Error>()
            {
                return Exit::Integrity;
            }
            if let Some(error) = cause.downcast_ref::<RestoreError>() {
                return match error {
                    RestoreError::Column(_) | RestoreError::Extra { .. } | RestoreError::Value { .. } => {
                        Exit::Integrity
                    }
                    RestoreError::Write(_) => Exit::Failed,
                };
            }
            if let Some(error) = cause.downcast_ref::<lake::Error>() {
                return match (error, error.kind()) {
                    // The local disk: full, read-only, not permitted. Somebody has to look.
                    (
                        lake::Error::Io { .. }
                        | lake::Error::Day {
                            source: day::Error::Io { .. },
                            ..
                        },
                        _,
                    ) => Exit::Failed,
                    (_, lake::ErrorKind::Usage) => Exit::Usage,
                    (_, lake::ErrorKind::Missing) => Exit::BadInput,
                    (_, lake::ErrorKind::Refused) => Exit::Failed,
                    (_, lake::ErrorKind::Retry) => Exit::RetryLater,
                    (_, lake::ErrorKind::Integrity) => Exit::Integrity,
                };
            }
        }
        Exit::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;
    use crate::restore::RestoreError;

    #[test]
    fn the_worse_of_two_is_what_somebody_has_to_look_at() {
        assert_eq!(Exit::Done.worse(Exit::RetryLater), Exit::RetryLater);
        assert_eq!(Exit::Failed.worse(Exit::RetryLater), Exit::Failed);
        assert_eq!(Exit::Incomplete.worse(Exit::Integrity), Exit::Integrity);
        assert_eq!(Exit::Done.worse(Exit::Done), Exit::Done);
    }

    #[test]
    fn a_row_that_is_no_record_is_damage() {
        let error = RestoreError::Extra {
            row: 0,
            pointer: "/a".to_string(),
            what: "is not JSON",
        };
        assert_eq!(
            Exit::of(&anyhow::Error::new(error).context("restore a")),
            Exit::Integrity
        );
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert_eq!(
            Exit::of(&anyhow::Error::new(RestoreError::Write(full))),
            Exit::Failed
        );
    }
}
