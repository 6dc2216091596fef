//! What reading has found and what it cost, as values: for the footer of a day, the run report and the exit code.

use chrono::{DateTime, NaiveDate, Utc};

use super::error::Unproven;
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
}

/// What is known of a whole run.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct RunReport {
    /// What all requests cost, those for nothing counted in.
    pub cost: Cost,
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
    /// Requests over those that full pages of so many records would take; nothing where there are no records.
    pub fn ratio(&self, records: u64) -> Option<f64> {
        (records > 0).then(|| self.cost.requests as f64 / records.div_ceil(u64::from(LIMIT)) as f64)
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
}
