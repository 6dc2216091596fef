//! Counts what came, by the day it belongs to, until the day is reported.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::Day;
use super::error::Unproven;
use super::fetch::Cost;
use super::http::Answer;
use super::page::Row;
use super::report::{DayReport, WindowReport};
use super::window::Window;

/// The days of a reading, in order.
#[derive(Debug)]
pub(crate) struct Tally {
    days: Vec<DayTally>,
    reported: usize,
    /// Seconds after which data has settled.
    settling: i64,
}

#[derive(Debug)]
struct DayTally {
    keys: HashSet<u64>,
    report: DayReport,
}

impl Tally {
    pub(crate) fn new(days: &[Day], settling: i64, now: i64) -> Self {
        let tally = |day: &Day| DayTally {
            keys: HashSet::new(),
            report: DayReport {
                date: day.date,
                window: day.window,
                windows: Vec::new(),
                cost: Cost::default(),
                rows: 0,
                unique: 0,
                closed: now >= day.window.to + settling,
                read_from: None,
                read_until: None,
                unproven: Vec::new(),
            },
        };
        Self {
            days: days.iter().map(tally).collect(),
            reported: 0,
            settling,
        }
    }

    pub(crate) fn windows(&self) -> impl Iterator<Item = Window> {
        self.days.iter().map(|day| day.report.window)
    }

    /// How many seconds of the window belong to days.
    pub(crate) fn seconds_of_days(&self, window: Window) -> u64 {
        let within = |day: Window| (day.to.min(window.to) - day.from.max(window.from)).max(0);
        self.windows().map(within).sum::<i64>() as u64
    }

    /// Adds to the costs of the day that a window begins in.
    pub(crate) fn charge(&mut self, window: Window, cost: &Cost) {
        if let Some(day) = self.day_of(window) {
            day.report.cost.add(cost);
        }
    }

    /// Adds a window to the day that it begins in.
    pub(crate) fn add_window(&mut self, report: WindowReport) {
        if let Some(day) = self.day_of(report.window) {
            day.report.windows.push(report);
        }
    }

    /// Adds a doubt to every day that it is about.
    pub(crate) fn add_doubt(&mut self, unproven: Unproven) {
        for day in self.touched(unproven.window) {
            day.report.unproven.push(unproven);
        }
    }

    /// Counts the rows of a window's page, each for the day that it starts in.
    pub(crate) fn count(&mut self, window: Window, answer: &Answer) {
        for row in &answer.page.rows {
            let Some(day) = row.start.or(row.clock).and_then(|time| self.day_at(time)) else {
                continue;
            };
            day.report.rows += 1;
            day.keys.insert(row.key);
        }
        let (at, settling) = (answer.fetched_at, self.settling);
        for day in self.touched(window) {
            let report = &mut day.report;
            // An earlier run may have fetched it before it had settled.
            report.closed &= at.timestamp() >= window.to.min(report.window.to) + settling;
            report.read_from = Some(report.read_from.map_or(at, |first: DateTime<Utc>| first.min(at)));
            report.read_until = Some(report.read_until.map_or(at, |last: DateTime<Utc>| last.max(at)));
        }
    }

    /// The next day in order, if it ends by then.
    pub(crate) fn report_next(&mut self, is_read: impl Fn(Window) -> bool) -> Option<DayReport> {
        let day = self
            .days
            .get_mut(self.reported)
            .filter(|day| is_read(day.report.window))?;
        self.reported += 1;
        let unique = std::mem::take(&mut day.keys).len() as u64;
        let windows = std::mem::take(&mut day.report.windows);
        Some(DayReport {
            unique,
            windows,
            ..day.report.clone()
        })
    }

    /// The next day to be reported.
    pub(crate) fn next_window(&self) -> Option<Window> {
        Some(self.days.get(self.reported)?.report.window)
    }

    /// Forgets the windows of days that are still to be reported.
    pub(crate) fn forget_windows(&mut self) {
        for day in self.days.iter_mut().skip(self.reported) {
            day.report.windows.clear();
            day.report.unproven.clear();
        }
    }

    /// The day that a second lies in.
    pub(crate) fn day_window_at(&self, time: i64) -> Option<Window> {
        let day = self.days.get(self.index_at(time))?;
        Some(day.report.window).filter(|window| window.contains(time))
    }

    fn day_at(&mut self, time: i64) -> Option<&mut DayTally> {
        let index = self.index_at(time);
        self.days
            .get_mut(index)
            .filter(|day| day.report.window.contains(time))
    }

    /// The first day that ends after a second.
    fn index_at(&self, time: i64) -> usize {
        self.days.partition_point(|day| day.report.window.to <= time)
    }

    /// The day that a window begins in; for one past the days, the last.
    fn day_of(&mut self, window: Window) -> Option<&mut DayTally> {
        let index = self
            .days
            .partition_point(|day| day.report.window.to <= window.from);
        let last = self.days.len().checked_sub(1)?;
        self.days.get_mut(index.min(last))
    }

    fn touched(&mut self, window: Window) -> impl Iterator<Item = &mut DayTally> {
        self.days
            .iter_mut()
            .filter(move |day| day.report.window.touches(window))
    }
}

/// Distinct keys.
pub(crate) fn distinct<'a>(rows: impl Iterator<Item = &'a Row>) -> usize {
    rows.map(|row| row.key).collect::<HashSet<_>>().len()
}
