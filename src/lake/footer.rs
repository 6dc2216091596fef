//! What a day's file says of itself, in the key-value metadata of its footer.

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use parquet::file::metadata::ParquetMetaData;
use serde::Serialize;

use super::facts::DayFacts;
use super::layout::DayPath;
use super::{Error, Result};
use crate::day::Day;
use crate::schema::{Table, Version};

/// What the footer of a day's file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileFacts {
    /// Table (`callake.table`).
    pub table: String,
    /// Version of the table's schema (`callake.schema_version`).
    #[serde(serialize_with = "as_text")]
    pub schema_version: Version,
    /// Account (`callake.account`).
    pub account: String,
    /// Day (`callake.day`).
    pub day: Day,
    /// Zone whose days partition the lake (`callake.zone`).
    #[serde(serialize_with = "as_text")]
    pub zone: Tz,
    /// Rows (`callake.rows`).
    pub rows: u64,
    /// Name and version of the program that wrote the file (`callake.tool`).
    pub tool: String,
    /// When it was written (`callake.created`).
    pub created: DateTime<Utc>,
    /// How often the day has been written before (`callake.revision`).
    pub revision: u64,
    /// A number of this one writing (`callake.write_id`).
    pub write_id: String,
    /// What was read from the API (`callake.facts`, JSON).
    pub facts: DayFacts,
}

fn as_text<S: serde::Serializer>(value: &impl ToString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

/// Name and version of this program.
pub(crate) fn tool() -> String {
    format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
}

impl FileFacts {
    /// Reads the footer of the file at `path` within the lake; `None` for a file that no callake wrote.
    ///
    /// # Errors
    /// A footer that contradicts itself or lacks something.
    pub(crate) fn read(path: &str, footer: &ParquetMetaData) -> Result<Option<FileFacts>> {
        let pairs = footer.file_metadata().key_value_metadata();
        let pairs: HashMap<_, _> = pairs
            .into_iter()
            .flatten()
            .filter_map(|pair| Some((pair.key.strip_prefix("callake.")?, pair.value.as_deref()?)))
            .collect();
        if pairs.is_empty() {
            return Ok(None);
        }
        let text = |key: &str| {
            let value = pairs.get(key).copied();
            value.ok_or_else(|| Error::damaged(path, format!("lacks callake.{key} in its footer")))
        };
        let bad = |key: &str| Error::damaged(path, format!("has a bad callake.{key} in its footer"));
        Ok(Some(FileFacts {
            table: text("table")?.to_string(),
            schema_version: text("schema_version")?
                .parse()
                .map_err(|_| bad("schema_version"))?,
            account: text("account")?.to_string(),
            day: text("day")?.parse().map_err(|_| bad("day"))?,
            zone: text("zone")?.parse().map_err(|_| bad("zone"))?,
            rows: text("rows")?.parse().map_err(|_| bad("rows"))?,
            tool: text("tool")?.to_string(),
            created: text("created")?.parse().map_err(|_| bad("created"))?,
            revision: text("revision")?.parse().map_err(|_| bad("revision"))?,
            write_id: text("write_id")?.to_string(),
            facts: serde_json::from_str(text("facts")?).map_err(|_| bad("facts"))?,
        }))
    }

    /// The pairs for the footer.
    pub(crate) fn pairs(&self) -> Result<Vec<(String, String)>> {
        let facts = serde_json::to_string(&self.facts)
            .map_err(|error| Error::Refused(format!("the facts of a day are no JSON: {error}")))?;
        let pairs = [
            ("table", self.table.clone()),
            ("schema_version", self.schema_version.to_string()),
            ("account", self.account.clone()),
            ("day", self.day.to_string()),
            ("zone", self.zone.to_string()),
            ("rows", self.rows.to_string()),
            ("tool", self.tool.clone()),
            ("created", self.created.to_rfc3339_opts(SecondsFormat::Secs, true)),
            ("revision", self.revision.to_string()),
            ("write_id", self.write_id.clone()),
            ("facts", facts),
        ];
        Ok(pairs
            .into_iter()
            .map(|(key, value)| (format!("callake.{key}"), value))
            .collect())
    }

    /// Refuses a file of another zone.
    pub(crate) fn check_zone(&self, path: &str, zone: Tz) -> Result<()> {
        if self.zone == zone {
            return Ok(());
        }
        Err(Error::Refused(format!(
            "the lake has the days of {}, not of {zone} ({path} says so): run with --zone {}, or write to another lake",
            self.zone, self.zone
        )))
    }

    /// Refuses a file of another table, account or day than its path says.
    pub(crate) fn check_place(&self, path: &DayPath) -> Result<()> {
        let found = (self.table.as_str(), self.account.as_str(), self.day);
        if found == (path.table.as_str(), path.account.as_str(), path.day) {
            return Ok(());
        }
        let problem = format!(
            "says it is of table {}, account {}, day {}: somebody moved it; move it back or away",
            self.table, self.account, self.day
        );
        Err(Error::damaged(path, problem))
    }

    /// Refuses to merge with a file of another zone, table, account or day, or of a version that can't be read.
    pub(crate) fn check_merge(&self, path: &DayPath, table: &Table, zone: Tz) -> Result<()> {
        self.check_zone(&path.to_string(), zone)?;
        self.check_place(path)?;
        let (found, ours) = (self.schema_version, table.version);
        if found.major == ours.major && found.minor <= ours.minor {
            return Ok(());
        }
        let remedy = if found > ours {
            "use the version of callake that wrote it, or a newer one"
        } else {
            "write to another lake, or restore the records from this one and convert them again"
        };
        Err(Error::Refused(format!(
            "{path} has version {found} of the schema, and this callake {ours} ({}): {remedy}",
            self.tool
        )))
    }
}
