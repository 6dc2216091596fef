//! What to do about errors whose own words do not say it: those of the operating system, and of damaged files.

use std::error::Error;
use std::io::{self, ErrorKind};

use crate::day;
use crate::input::InputError;
use crate::restore::RestoreError;

/// What to do about the error; `None` where its own words say so, or nothing is known.
pub(crate) fn remedy(error: &anyhow::Error) -> Option<&'static str> {
    error.chain().find_map(of_cause)
}

fn of_cause(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    let is_of_damage = matches!(cause.downcast_ref(), Some(day::Error::Parquet { .. }))
        || matches!(
            cause.downcast_ref(),
            Some(RestoreError::Extra { .. } | RestoreError::Value { .. })
        );
    if is_of_damage {
        return Some("restore the file from a copy, or move it away and export the day again");
    }
    if let Some(InputError::Io { error, .. }) = cause.downcast_ref() {
        return of_kind(error.kind());
    }
    of_kind(cause.downcast_ref::<io::Error>()?.kind())
}

fn of_kind(kind: ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::NotFound => "check the path",
        ErrorKind::PermissionDenied => "check who owns it, and who may read or write it",
        ErrorKind::ReadOnlyFilesystem => "it is mounted read-only: name another place",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "make room there, or name a place on another disk"
        }
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
            "a file is in the way: name a folder, or move the file away"
        }
        ErrorKind::IsADirectory => "it is a folder: name a file",
        ErrorKind::BrokenPipe => "what was to read it ended before it did",
        ErrorKind::AddrInUse => "name another one with --port",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_remedy_is_found_below_what_was_tried() {
        let full = io::Error::from(ErrorKind::StorageFull);
        let error = Err::<(), _>(full).context("write a").unwrap_err();
        assert!(remedy(&error).unwrap().starts_with("make room"));
        let input = InputError::Io {
            name: "a".to_string(),
            error: ErrorKind::NotFound.into(),
        };
        assert_eq!(remedy(&input.into()), Some("check the path"));
        assert_eq!(remedy(&anyhow::anyhow!("say where to start with --from")), None);
    }
}
