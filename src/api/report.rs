//! What reading has found and what it cost, as values: for the footer of a day, the run report and the exit code.

use chrono::{DateTime, NaiveDate, Utc};

use super::error::{Doubt, Unproven};
use super::fetch::Cost;
use super::readings::{Filter, Unit};
use super::request::LIMIT;
use super::window::Window;

/// What is known of a day once all its windows have been read.
#[derive(Debug, Clone, serde::Serialize)]
pub struct DayReport {
    /// The calendar day in the lake's zone.
    pub date: NaiveDate,
    /// Its seconds in UTC.
    pub window: Window,
    /// The windows read for it; the first and last may reach beyond the day.
    pub windows: Vec<WindowReport>,
    /// What they cost, and what was asked in vain.
    pub cost: Cost,
    /// Rows received whose start lies in the day, overlaps counted each time.
    pub rows: u64,
    /// Distinct keys among them.
    pub unique: u64,
    /// Whether the day had settled before its first window was asked for, so that nothing was still to come.
    pub closed: bool,
    /// When its oldest page was fetched.
    pub read_from: Option<DateTime<Utc>>,
    /// When its newest page was fetched.
    pub read_until: Option<DateTime<Utc>>,
    /// Windows that may lack rows; none means that the day is proven complete.
    pub unproven: Vec<Unproven>,
}

impl DayReport {
    /// Whether every window of the day is proven complete.
    pub fn is_complete(&self) -> bool {
        self.unproven.is_empty()
    }

    /// Rows received more than once, by overlapping bounds or by the API itself.
    pub fn duplicates(&self) -> u64 {
        self.rows - self.unique
    }
}

/// What is known of a window.
#[derive(Debug, Clone, serde::Serialize)]
pub struct WindowReport {
    /// Which seconds.
    pub window: Window,
    /// Pages that its proof rests on.
    pub pages: u32,
    /// Rows received in them.
    pub rows: u64,
    /// Distinct keys among them.
    pub unique: u64,
    /// What it cost.
    pub cost: Cost,
    /// What its pages prove.
    pub verdict: WindowVerdict,
}

/// What the pages of a window prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowVerdict {
    /// Every row of it is among them.
    Proven,
    /// Rows may be missing.
    Unproven(Doubt),
}

/// What requests were for. The sum is that of all requests, but for those of a window that an error ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Spent {
    /// Pages that the proofs of the days rest on.
    pub pages: u64,
    /// Pages of the time after the days, read because windows do not filter on starts.
    pub past_days: u64,
    /// Second looks at a window that was read: whether a list had ended, whether its parts had stood still.
    pub checks: u64,
    /// Pages of windows that held more than can be reached, or whose rows moved, so that they were asked for again.
    pub split: u64,
    /// Pages to learn from: about how many rows there are, and which time windows filter on.
    pub looks: u64,
    /// Tries that failed.
    pub retries: u64,
}

/// What is known of a whole run.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct RunReport {
    /// What all requests cost, those for nothing counted in.
    pub cost: Cost,
    /// What they were for.
    pub spent: Spent,
    /// Distinct records of the days reported.
    pub records: u64,
    /// The fewest requests that could hold them: full pages.
    pub least_requests: u64,
    /// Requests over these; nothing where there are no records.
    pub ratio: Option<f64>,
    /// Windows read.
    pub windows: u64,
    /// Windows that an earlier run had read and not published.
    pub windows_taken_up: u64,
    /// Windows read again because rows moved meanwhile.
    pub windows_moved: u64,
    /// Rows received in the windows read, overlaps counted each time.
    pub rows: u64,
    /// Windows that may lack rows.
    pub unproven: Vec<Unproven>,
    /// Whether days past those asked for had to be read, because the API filters on the end of sessions.
    pub reads_past_days: bool,
    /// What the documents leave open and the answers have shown.
    pub readings: ReadingsReport,
}

impl RunReport {
    /// Closes the account: everything that was asked, against what full pages would have taken.
    pub(crate) fn settle(&mut self, cost: Cost) {
        self.least_requests = self.records.div_ceil(u64::from(LIMIT));
        self.ratio = (self.records > 0).then(|| cost.requests as f64 / self.least_requests as f64);
        self.cost = cost;
    }
}

/// What the documents leave open, as far as answers have shown it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct ReadingsReport {
    /// What `offset` counts; unknown while every window fits a page.
    pub offset_unit: Option<Unit>,
    /// Which time of a session a window is held against.
    pub time_filter: Option<Filter>,
    /// Whether `numResults` counts the window and not the page.
    pub counts_window: bool,
    /// Whether `limit` holds for each part of a page; unknown while no page was full.
    pub limit_per_part: Option<bool>,
}
