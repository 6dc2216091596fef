//! Paths within a lake.

use std::fmt;

use chrono::NaiveDate;

use super::{Error, Result};
use crate::day::Day;

/// Folder of all that is no table.
pub(crate) const OWN: &str = "_callake";

/// Folder of files that are being written; their names do not end in `.parquet`.
pub(crate) const STAGING: &str = "_callake/staging";

/// Folder of lock files.
pub(crate) const LOCKS: &str = "_callake/locks";

/// Folder of the objects that a store's conditional puts are tried on.
pub(crate) const PROBES: &str = "_callake/probes";

/// Folder of the reports of runs.
pub(crate) const RUNS: &str = "_callake/runs";

/// Folder of what runs have fetched and not yet published, which only the user who made it can read.
pub(crate) const SPOOL: &str = "_callake/spool";

/// The manifest of a snapshot.
pub(crate) const MANIFEST: &str = "_callake/manifest.json";

/// What a snapshot was begun for.
pub(crate) const SNAPSHOT: &str = "_callake/snapshot.json";

const PARTITION: &str = "session_date=";
const SUFFIX: &str = ".parquet";

/// Longest account id: with the suffix it stays below the 255 bytes of a file name.
const MAX_ACCOUNT: usize = 200;

/// The path of a day's file within the lake.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct DayPath {
    /// Table.
    pub table: String,
    /// Day.
    pub day: Day,
    /// Account.
    pub account: String,
}

impl DayPath {
    /// The path of the account-day.
    ///
    /// # Errors
    /// An account id that can't be a file name.
    pub fn new(table: &str, day: Day, account: &str) -> Result<DayPath> {
        check_account(account)?;
        Ok(DayPath {
            table: table.to_string(),
            day,
            account: account.to_string(),
        })
    }

    /// Reads a path relative to the lake; `None` if it is not that of a day's file.
    pub fn parse(path: &str) -> Option<DayPath> {
        let mut parts = path.split('/');
        let (table, partition, file) = (parts.next()?, parts.next()?, parts.next()?);
        let day = partition.strip_prefix(PARTITION)?.parse().ok()?;
        let account = file.strip_suffix(SUFFIX)?;
        let table_named = !table.is_empty() && !table.starts_with(['_', '.']);
        if parts.next().is_some() || !table_named {
            return None;
        }
        DayPath::new(table, day, account).ok()
    }

    /// Whether the day lies in the range, both ends counted in. Rows without a day are part of the whole, and of no range.
    pub fn is_within(&self, from: Option<NaiveDate>, to: Option<NaiveDate>) -> bool {
        match self.day.date() {
            Some(day) => from.is_none_or(|from| from <= day) && to.is_none_or(|to| day <= to),
            None => from.is_none() && to.is_none(),
        }
    }

    /// Folder of the day within the lake.
    pub fn folder(&self) -> String {
        format!("{}/{PARTITION}{}", self.table, self.day)
    }
}

impl fmt::Display for DayPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{SUFFIX}", self.folder(), self.account)
    }
}

/// Refuses an account id that can't be a file name everywhere: readers skip names that start with `.` or `_`, and stores
/// escape other characters each in its own way.
pub fn check_account(account: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let first = account
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    if first && account.len() <= MAX_ACCOUNT && account.bytes().all(plain) {
        return Ok(());
    }
    Err(Error::Refused(format!(
        "account id {account:?} can't be a file name: want 1 to {MAX_ACCOUNT} letters, digits, '.', '_' or '-', the first a \
         letter or digit"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_back() {
        for day in ["2025-09-30", crate::day::UNDATED] {
            let path = DayPath::new("call_details", day.parse().unwrap(), "a.b-c_1").unwrap();
            assert_eq!(
                path.to_string(),
                format!("call_details/session_date={day}/a.b-c_1.parquet")
            );
            assert_eq!(DayPath::parse(&path.to_string()), Some(path));
        }
    }

    #[test]
    fn other_paths_are_not_day_files() {
        for path in [
            "call_details/session_date=2025-09-30/.a.parquet",
            "call_details/session_date=2025-09-30/a.parquet.tmp",
            "call_details/session_date=2025-9-30/a.parquet",
            "call_details/session_date=2025-09-30/b/a.parquet",
            "call_details/a.parquet",
            "_callake/session_date=2025-09-30/a.parquet",
            "",
        ] {
            assert_eq!(DayPath::parse(path), None, "{path}");
        }
    }

    #[test]
    fn accounts_that_can_not_be_file_names_are_refused() {
        for account in [
            "",
            ".",
            "..",
            "a/b",
            "../a",
            "_a",
            "a b",
            "ä",
            "a\0",
            "a%2Fb",
            &"a".repeat(201),
        ] {
            assert!(check_account(account).is_err(), "{account:?}");
        }
        for account in ["615a3c9b1e2d4f0012345678", "st-1", "a.b_c"] {
            check_account(account).unwrap();
        }
    }
}
