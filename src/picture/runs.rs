//! The reports of the last runs, as far as the page shows them.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

/// What a run did. Fields that a report of another version lacks are as if nothing had happened.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Run {
    pub(super) command: String,
    pub(super) started: DateTime<Utc>,
    pub(super) ended: DateTime<Utc>,
    pub(super) exit_code: u8,
    #[serde(default)]
    pub(super) error: Option<String>,
    #[serde(default)]
    pub(super) account: String,
    #[serde(default)]
    pub(super) records: u64,
    #[serde(default)]
    files: Vec<File>,
    #[serde(default)]
    cost: Option<Cost>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct File {
    outcome: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Cost {
    #[serde(default)]
    records: u64,
    #[serde(default)]
    cost: Requests,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
struct Requests {
    #[serde(default)]
    requests: u64,
}

impl Run {
    /// Reads a report; `None` for one that is none.
    pub(super) fn parse(report: &[u8]) -> Option<Run> {
        serde_json::from_slice(report).ok()
    }

    pub(super) fn took(&self) -> TimeDelta {
        self.ended - self.started
    }

    /// Records that were read, from the API or from files.
    pub(super) fn records_read(&self) -> u64 {
        self.cost.as_ref().map_or(self.records, |cost| cost.records)
    }

    /// Requests that it made; a conversion makes none.
    pub(super) fn requests(&self) -> Option<u64> {
        self.cost.as_ref().map(|cost| cost.cost.requests)
    }

    /// Day files that were written.
    pub(super) fn files_written(&self) -> usize {
        self.files
            .iter()
            .filter(|file| file.outcome != "unchanged")
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::RunRecord;

    #[test]
    fn a_report_is_read_back() {
        let record = RunRecord::start("convert", "a");
        let run = Run::parse(&record.to_json().unwrap()).unwrap();
        assert_eq!((run.command.as_str(), run.account.as_str()), ("convert", "a"));
        assert_eq!((run.exit_code, run.requests(), run.files_written()), (0, None, 0));
        assert_eq!(Run::parse(b"{"), None);
    }
}
