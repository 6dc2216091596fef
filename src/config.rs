//! What was typed, validated: the settings that the drivers are given.

use std::path::PathBuf;

use chrono::NaiveDate;
use chrono_tz::Tz;

use crate::api::Endpoint;
use crate::lake;
use crate::memory::MIN_MEMORY;
use crate::schema::Table;
use crate::selection::Condition;

/// A command that can't be meant.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// Checks the ends of a range of days.
///
/// # Errors
/// The last day lies before the first.
pub fn range(from: Option<NaiveDate>, to: Option<NaiveDate>) -> Result<(), Refused> {
    match (from, to) {
        (Some(from), Some(to)) if to < from => Err(Refused(format!(
            "take the days {from} to {to}: the last lies before the first; --from is the first day, --to the last"
        ))),
        _ => Ok(()),
    }
}

/// Memory that a run may use where nothing else is said.
pub const DEFAULT_MEMORY: usize = 256 << 20;

/// An account id that can name a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account(String);

impl Account {
    /// Checks an account id.
    ///
    /// # Errors
    /// The text can't be a file name.
    pub fn parse(text: &str) -> Result<Account, String> {
        lake::check_account(text).map_err(|error| error.to_string())?;
        Ok(Account(text.to_string()))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks an offset of local time, in minutes, UTC minus local time.
///
/// # Errors
/// The text is not a whole number of minutes between −840 (UTC+14) and 720 (UTC−12).
pub fn timezone_offset(text: &str) -> Result<i32, String> {
    let minutes = text
        .parse::<i32>()
        .ok()
        .filter(|minutes| (-840..=720).contains(minutes));
    minutes.ok_or_else(|| "want minutes from -840 (UTC+14) to 720 (UTC-12); India is -330".to_string())
}

/// Checks a day.
///
/// # Errors
/// The text is no day of the calendar, written `yyyy-mm-dd`.
pub fn date(text: &str) -> Result<NaiveDate, String> {
    text.parse()
        .map_err(|_| "want a day such as 2025-09-30".to_string())
}

/// Checks the name of a time zone.
///
/// # Errors
/// The text is no zone of the IANA database.
pub fn zone(text: &str) -> Result<Tz, String> {
    text.parse().map_err(|_| {
        "no such zone; want a name as in the IANA database, such as America/New_York".to_string()
    })
}

/// Checks an amount of memory, such as `256MB` or `1GiB`; gives bytes.
///
/// # Errors
/// The text is no number with a unit, or less than 128 MB.
pub fn memory(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: usize = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "mb" | "m" => 1_000_000,
        "mib" => 1 << 20,
        "gb" | "g" => 1_000_000_000,
        "gib" => 1 << 30,
        _ => return Err("want a number with a unit, such as 256MB or 1GiB".to_string()),
    };
    let bytes = digits
        .trim()
        .parse::<usize>()
        .ok()
        .and_then(|number| number.checked_mul(unit));
    bytes
        .filter(|&bytes| bytes >= MIN_MEMORY)
        .ok_or_else(|| format!("want {}MB or more", MIN_MEMORY / 1_000_000))
}

/// Checks a number of days, such as `7d`.
///
/// # Errors
/// The text is no such number, or more than a year.
pub fn lookback(text: &str) -> Result<u32, String> {
    let days = text.strip_suffix('d').and_then(|digits| digits.parse().ok());
    days.filter(|days| *days <= 366)
        .ok_or_else(|| "want a number of days up to 366d, such as 7d".to_string())
}

/// Where a lake lies and how it is written.
#[derive(Debug, Clone)]
pub struct LakeSettings {
    /// A folder or a URL.
    pub dest: String,
    /// Zone of the days.
    pub zone: Tz,
    /// Memory that the run may use, in bytes.
    pub memory: usize,
    /// Whether nobody else writes to the lake: for stores that ignore conditional puts.
    pub single_writer: bool,
    /// Whether a network file system is taken for a local one.
    pub force_network_fs: bool,
    /// Endpoint of an S3-compatible store.
    pub endpoint_url: Option<String>,
    /// Whether each record is rebuilt from its row and compared before anything is published.
    pub verify: bool,
    /// Whether anything that goes to `extra` is an error.
    pub strict: bool,
}

/// `callake convert`.
#[derive(Debug, Clone)]
pub struct ConvertSettings {
    /// Files, folders, patterns, `-`.
    pub inputs: Vec<String>,
    /// Table that the records go to; `None` for the one that each record's shape tells.
    pub table: Option<&'static Table>,
    /// Account that they were read from.
    pub account: Account,
    /// Endpoint that they were read from, where known.
    pub endpoint: Option<String>,
    /// Offset of naive times, in minutes, UTC minus local time.
    pub timezone_offset: i32,
    /// Whether good input is kept where other input is bad.
    pub keep_going: bool,
    /// File for the bytes that gave no row.
    pub rejects: Option<PathBuf>,
    /// Where the rows go.
    pub lake: LakeSettings,
}

/// Where the API's credentials lie; never what they are.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// File with the token.
    pub token_file: Option<PathBuf>,
    /// Variable with the token.
    pub token_env: Option<String>,
    /// Variable with the id of the app that signs tokens.
    pub app_id_env: Option<String>,
    /// Variable with the secret of that app.
    pub app_secret_env: Option<String>,
}

/// How to reach the API.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// Origin of the API, `https://…`.
    pub host: String,
    /// Account to read.
    pub account: Account,
    /// Stream (app) id, `st-…`.
    pub stream: String,
    /// Endpoint to read.
    pub endpoint: Endpoint,
    /// Offset that times are asked for in, in minutes, UTC minus local time.
    pub timezone_offset: i32,
    /// Requests a minute.
    pub rate: u32,
    /// Where the credentials lie.
    pub secrets: Secrets,
    /// Folder for pages that are fetched and not yet published; `None` for one of the lake's own, or a temporary one.
    pub spool: Option<PathBuf>,
}

/// `callake export`.
#[derive(Debug, Clone)]
pub struct ExportSettings {
    /// Which API.
    pub api: ApiSettings,
    /// First day, in the lake's zone.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// Whether days are read again that the lake holds complete and closed.
    pub refresh: bool,
    /// Where the rows go.
    pub lake: LakeSettings,
}

/// Which of the lake's call details are meant.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// First day; `None` for the first that the lake holds.
    pub from: Option<NaiveDate>,
    /// Last day; `None` for the last that the lake holds.
    pub to: Option<NaiveDate>,
    /// What must hold of them.
    pub conditions: Vec<Condition>,
    /// How many conversations to ask for at most.
    pub limit: Option<u64>,
}

/// `callake conversations`.
#[derive(Debug, Clone)]
pub struct ConversationsSettings {
    /// Which API.
    pub api: ApiSettings,
    /// Whose conversations.
    pub selection: Selection,
    /// Where the call details are, and the rows go.
    pub lake: LakeSettings,
}

/// `callake plan`.
#[derive(Debug, Clone)]
pub struct PlanSettings {
    /// The export that is planned.
    pub export: ExportSettings,
    /// Records of a day of which nothing is known.
    pub records_per_day: u64,
    /// Whether to measure a day, by a handful of requests.
    pub probe: bool,
    /// Whether the result is JSON.
    pub json: bool,
}

/// `callake sync`.
#[derive(Debug, Clone)]
pub struct SyncSettings {
    /// Which API.
    pub api: ApiSettings,
    /// First day; `None` for the first that the lake holds.
    pub from: Option<NaiveDate>,
    /// Days before today that are read again, once a day, for records that changed after they closed.
    pub lookback: u32,
    /// Where the rows go.
    pub lake: LakeSettings,
}

/// `callake doctor`.
#[derive(Debug, Clone)]
pub struct DoctorSettings {
    /// Which API.
    pub api: ApiSettings,
    /// Day to ask a page of; `None` for the last week.
    pub day: Option<NaiveDate>,
    /// Where a run would write.
    pub lake: LakeSettings,
    /// Whether the result is JSON.
    pub json: bool,
}

/// A lake to look at.
#[derive(Debug, Clone)]
pub struct LakeLocation {
    /// A folder or a URL.
    pub lake: String,
    /// Endpoint of an S3-compatible store.
    pub endpoint_url: Option<String>,
}

/// `callake verify`.
#[derive(Debug, Clone)]
pub struct VerifySettings {
    /// Which lake.
    pub location: LakeLocation,
    /// Whether every page is decoded.
    pub deep: bool,
    /// Whether the result is JSON.
    pub json: bool,
}

/// `callake status`.
#[derive(Debug, Clone)]
pub struct StatusSettings {
    /// Which lake.
    pub location: LakeLocation,
    /// Whether the result is JSON.
    pub json: bool,
}

/// `callake clean`.
#[derive(Debug, Clone)]
pub struct CleanSettings {
    /// Which lake.
    pub location: LakeLocation,
    /// Whether nothing is removed.
    pub dry_run: bool,
    /// Whether the result is JSON.
    pub json: bool,
}

/// `callake report`.
#[derive(Debug, Clone)]
pub struct ReportSettings {
    /// Which lake.
    pub location: LakeLocation,
    /// First day.
    pub from: Option<NaiveDate>,
    /// Last day.
    pub to: Option<NaiveDate>,
    /// File to write, `-` for standard output.
    pub output: PathBuf,
}

/// `callake snapshot`.
#[derive(Debug, Clone)]
pub struct SnapshotSettings {
    /// Which lake.
    pub location: LakeLocation,
    /// Place for snapshots, a folder or a URL.
    pub target: String,
    /// Whether the result is JSON.
    pub json: bool,
    /// Whether nobody else writes to the snapshot: for stores that ignore conditional puts.
    pub single_writer: bool,
    /// Whether a network file system is taken for a local one.
    pub force_network_fs: bool,
    /// Name of this one; `None` for today's date.
    pub name: Option<String>,
    /// First day.
    pub from: Option<NaiveDate>,
    /// Last day.
    pub to: Option<NaiveDate>,
}

/// `callake restore`.
#[derive(Debug, Clone)]
pub struct RestoreSettings {
    /// Which lake.
    pub location: LakeLocation,
    /// Table to read.
    pub table: &'static Table,
    /// First day.
    pub from: Option<NaiveDate>,
    /// Last day.
    pub to: Option<NaiveDate>,
    /// File to write, `-` for standard output.
    pub output: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts() {
        assert!(Account::parse("67654be356840f366e79aaaa").is_ok());
        for bad in ["", "a/b", "..", ".a", "_a", "a b", "ä", &"a".repeat(201)] {
            assert!(Account::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn amounts_of_memory() {
        assert_eq!(memory("256MB"), Ok(256_000_000));
        assert_eq!(memory("1GiB"), Ok(1 << 30));
        for bad in [
            "",
            "256",
            "MB",
            "127MB",
            "1.5GB",
            "99999999999999999999GB",
            "256XB",
        ] {
            assert!(memory(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn lookbacks() {
        assert_eq!((lookback("0d"), lookback("7d")), (Ok(0), Ok(7)));
        for bad in ["", "7", "d", "-1d", "367d", "1w"] {
            assert!(lookback(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn offsets() {
        assert_eq!(timezone_offset("-330"), Ok(-330));
        for bad in ["", "5:30", "-841", "721", "x"] {
            assert!(timezone_offset(bad).is_err(), "{bad}");
        }
    }
}
