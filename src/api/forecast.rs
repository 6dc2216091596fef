//! What an export would ask: the reading itself, against answers made up from what is expected of each day.
//!
//! There is no second planner that could drift from the real one: windows, splits, looks and proofs are those of
//! [`read`](super::read), which cannot tell these answers from the API's. They are the documented API's: offsets count
//! pages, windows filter on starts, bot sessions come first and upwards, conversations after them and downwards.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use bytes::Bytes;
use chrono::Utc;
use tokio::sync::mpsc;

use super::error::ApiError;
use super::fetch::Cost;
use super::http::Answer;
use super::page::{Page, Row};
use super::read::{self, Setting};
use super::report::{DayReport, RunReport};
use super::request::{Ask, LIMIT};
use super::window::{Bounds, Window};
use super::{Day, Event};
use crate::progress::Progress;

/// One session in three ends at the bot.
const BOTS: u64 = 3;

/// Seconds that a session lasts: only that some are under way at a window's bound matters.
const LASTS: i64 = 300;

/// How a day's records spread over its hours, as weights.
pub type Hours = [f64; 24];

/// What is expected of a day.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// The day.
    pub day: Day,
    /// Records that start in it.
    pub records: u64,
    /// When they start.
    pub hours: Hours,
}

/// A day of quiet nights that is busiest at noon.
pub fn busy_at_noon() -> Hours {
    std::array::from_fn(|hour| 0.05 + (-((hour as f64 - 11.5) / 4.0).powi(2)).exp())
}

impl Expected {
    /// The second in which a record starts.
    fn start(&self, index: u64) -> i64 {
        let total: f64 = self.hours.iter().sum();
        let mut rest = (index as f64 + 0.5) / self.records as f64 * total;
        let mut passed = 0.0;
        for weight in self.hours {
            if rest < weight {
                passed += rest / weight;
                break;
            }
            rest -= weight;
            passed += 1.0;
        }
        let window = self.day.window;
        let second = window.from + (window.seconds() as f64 * passed / 24.0) as i64;
        second.min(window.to - 1)
    }

    /// The records that start between two bounds, both counted in.
    fn within(&self, bounds: Bounds) -> Range<u64> {
        let first = |is_reached: &dyn Fn(i64) -> bool| {
            let (mut low, mut high) = (0, self.records);
            while low < high {
                let middle = low + (high - low) / 2;
                if is_reached(self.start(middle)) {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            low
        };
        first(&|start| start >= bounds.start)..first(&|start| start > bounds.end)
    }

    fn row(&self, index: u64) -> Row {
        let mut hasher = DefaultHasher::new();
        (self.day.window.from, index).hash(&mut hasher);
        let key = hasher.finish();
        let start = self.start(index);
        Row {
            key,
            session: key,
            conversation: !index.is_multiple_of(BOTS),
            start: Some(start),
            end: Some(start + LASTS),
            clock: Some(start),
            naive: true,
        }
    }
}

/// Plans the reading of `days`: what it would ask if the `expected` came, days past the asked ones counted in.
///
/// # Errors
///
/// When a window could not be proven complete: more records a second than can be reached.
pub(super) async fn plan(
    days: &[Day],
    expected: &[Expected],
    settling: i64,
) -> Result<(Vec<DayReport>, RunReport), ApiError> {
    let (sender, mut events) = mpsc::channel(4);
    let ask = |ask: Ask| async move { Ok(answer(expected, ask)) };
    let setting = Setting {
        days,
        spool: None,
        timezone_offset: 0,
        settling,
        now: &Utc::now,
        lanes: &|| 1,
        progress: &Progress::default(),
    };
    let reading = async {
        let outcome = read::read_days(&ask, setting, &sender).await;
        drop(sender);
        outcome
    };
    let listening = async {
        let mut days = Vec::new();
        while let Some(event) = events.recv().await {
            if let Event::Day(day) = event {
                days.push(*day);
            }
        }
        days
    };
    let ((mut run, outcome), days) = tokio::join!(reading, listening);
    outcome?;
    let mut cost = Cost::default();
    days.iter().for_each(|day| cost.add(&day.cost));
    run.settle(cost);
    Ok((days, run))
}

fn answer(expected: &[Expected], ask: Ask) -> (Answer, Cost) {
    let touched = || {
        let asked = Window::new(ask.bounds.start, ask.bounds.end + 1);
        expected.iter().filter(move |day| day.day.window.touches(asked))
    };
    let bots = touched().flat_map(|day| {
        let all = day.within(ask.bounds);
        (all.start.next_multiple_of(BOTS)..all.end)
            .step_by(BOTS as usize)
            .map(move |index| (day, index))
    });
    let conversations = touched().rev().flat_map(|day| {
        let all = day.within(ask.bounds).rev();
        all.filter(|index| !index.is_multiple_of(BOTS))
            .map(move |index| (day, index))
    });
    let page = bots
        .chain(conversations)
        .skip((ask.offset * LIMIT) as usize)
        .take(LIMIT as usize);
    let rows: Vec<Row> = page.map(|(day, index)| day.row(index)).collect();
    let num_results = Some(rows.len() as u64);
    let answer = Answer {
        body: Bytes::new(),
        page: Page { rows, num_results },
        fetched_at: Utc::now(),
    };
    let cost = Cost {
        requests: 1,
        ..Cost::default()
    };
    (answer, cost)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::model::{self, DAY};

    fn expected(records: u64, days: i64) -> Vec<Expected> {
        let expect = |day| Expected {
            day,
            records,
            hours: busy_at_noon(),
        };
        model::days(days).into_iter().map(expect).collect()
    }

    async fn requests(records: u64) -> u64 {
        let days = model::days(2);
        let (reports, run) = plan(&days, &expected(records, 9), 900).await.unwrap();
        assert_eq!(
            reports.iter().map(|day| day.unique).collect::<Vec<_>>(),
            [records; 2]
        );
        run.cost.requests
    }

    #[tokio::test]
    async fn a_plan_is_what_a_reading_asks() {
        assert!(requests(0).await <= 2);
        assert!(requests(25).await <= 4);
        for records in [1_000, 20_000] {
            let requests = requests(records).await as f64;
            let least = (2 * records) as f64 / 100.0;
            assert!(
                (least..least * 1.3).contains(&requests),
                "{requests} for {least} pages"
            );
        }
    }

    #[test]
    fn records_start_in_order_within_their_day_and_are_found_by_their_start() {
        for day in expected(777, 2) {
            let starts: Vec<i64> = (0..day.records).map(|index| day.start(index)).collect();
            assert!(starts.is_sorted() && starts.iter().all(|start| day.day.window.contains(*start)));
            for (start, end) in [(0, DAY * 2), (DAY, DAY + 40_000), (DAY + 30_000, DAY + 30_000)] {
                let found = day.within(Bounds { start, end });
                let expected = starts.iter().filter(|at| (start..=end).contains(*at)).count();
                assert_eq!(found.count(), expected, "{start} to {end}");
            }
        }
    }
}
