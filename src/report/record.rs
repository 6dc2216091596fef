//! The report of one run, for machines: `_callake/runs/<id>.json`.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::DayLine;
use crate::api::{Cost, DayReport, RunReport};
use crate::decode::Tally;
use crate::exit::Exit;
use crate::input::Fault;

/// What a run did, as kept in the lake. Fields are only ever added.
#[derive(Debug, Serialize)]
pub struct RunRecord {
    /// Its id: the time of its start and the process, so that ids sort by time and differ.
    pub id: String,
    /// `export`, `sync`, `convert` or `conversations`.
    pub command: &'static str,
    /// Tool and version.
    pub tool: String,
    /// Account.
    pub account: String,
    /// When it started.
    pub started: DateTime<Utc>,
    /// When it ended.
    pub ended: DateTime<Utc>,
    /// Exit code.
    pub exit_code: u8,
    /// Why it failed, where it did.
    pub error: Option<String>,
    /// Files dealt with.
    pub files: Vec<DayLine>,
    /// Inputs read, of a conversion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inputs: Option<u64>,
    /// Records read: of a conversion all that were decoded, of an export the distinct ones of its days.
    pub records: u64,
    /// Values kept in `extra`, by JSON Pointer with `*` for array indexes.
    pub extra: Tally,
    /// Input that gave no row.
    pub faults: Vec<Fault>,
    /// Days read from the API: windows, requests, rows, verdicts.
    pub days: Vec<DayReport>,
    /// What all requests cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<RunReport>,
    /// Conversations asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversations: Option<ConversationsReport>,
}

/// What became of the conversations that call details name.
#[derive(Debug, Default, Serialize)]
pub struct ConversationsReport {
    /// Conversations that the selected call details name.
    pub named: u64,
    /// Those that the lake had as their call details are.
    pub held: u64,
    /// Those that an earlier run asked for in vain.
    pub known_missing: u64,
    /// Those that were due in this run.
    pub due: u64,
    /// Those of them that came, from the API or the spool.
    pub found: u64,
    /// Those of them that the API did not have.
    pub not_found: u64,
    /// What the requests cost.
    pub cost: Cost,
}

impl RunRecord {
    /// The record of a run that starts now.
    pub fn start(command: &'static str, account: &str) -> RunRecord {
        let started = Utc::now();
        let time = started
            .to_rfc3339_opts(SecondsFormat::Millis, true)
            .replace([':', '-'], "");
        RunRecord {
            id: format!("{time}-{command}-{}", std::process::id()),
            command,
            tool: concat!("callake ", env!("CARGO_PKG_VERSION")).to_string(),
            account: account.to_string(),
            started,
            ended: started,
            exit_code: Exit::Done as u8,
            error: None,
            files: Vec::new(),
            inputs: None,
            records: 0,
            extra: Tally::default(),
            faults: Vec::new(),
            days: Vec::new(),
            cost: None,
            conversations: None,
        }
    }

    /// Whether there is anything to tell of the run but its error.
    pub fn has_news(&self) -> bool {
        !self.files.is_empty() || self.cost.is_some() || self.conversations.is_some()
    }

    /// Notes how the run ended.
    pub fn end(&mut self, outcome: &anyhow::Result<Exit>) {
        self.ended = Utc::now();
        self.exit_code = outcome.as_ref().map_or_else(Exit::of, |exit| *exit) as u8;
        self.error = outcome.as_ref().err().map(|error| format!("{error:#}"));
    }

    /// The record as JSON.
    ///
    /// # Errors
    /// None that is known: all fields can be written.
    pub fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec_pretty(self)
    }
}
