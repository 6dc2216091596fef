//! Measures how many records a day holds, and when they start, by a handful of requests. Nothing is proven by it.

use super::Day;
use super::error::ApiError;
use super::fetch::Cost;
use super::forecast::{Hours, busy_at_noon};
use super::http::Answer;
use super::readings::{Filter, Sizes};
use super::request::{Ask, LIMIT};
use super::walk::{self, Verdict, Way};
use super::window::Window;

/// Hours of a day at which a few minutes are looked at, where one page does not show all of it.
const AT_HOURS: [i64; 6] = [2, 8, 11, 14, 17, 21];

/// Records that such a look is meant to show: one page, with room for the hour being a busy one.
const ROWS: f64 = 60.0;

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub struct Probed {
    /// Of which day.
    pub day: Day,
    /// Records that start in it, about.
    pub records: u64,
    /// When they start.
    pub hours: Hours,
}

/// Probes a day by one request if a page shows all of it or `numResults` counts the window, else by seven.
///
/// # Errors
///
/// When a page cannot be had at all.
pub(crate) async fn probe<A, F>(ask: &A, day: Day) -> Result<Probed, ApiError>
where
    A: Fn(Ask) -> F,
    F: Future<Output = Result<(Answer, Cost), ApiError>>,
{
    let window = day.window;
    let (about, page) = look(ask, window).await?;
    let counted = page.num_results.filter(|count| *count > page.rows.len() as u64);
    let short = Some(page.rows.len() as u64).filter(|rows| *rows < u64::from(LIMIT));
    if let Some(records) = counted.or(short) {
        return Ok(Probed {
            day,
            records,
            hours: busy_at_noon(),
        });
    }
    let seconds = (ROWS / about * window.seconds() as f64).clamp(120.0, 3_600.0) as i64;
    let mut rates = Vec::new();
    for hour in AT_HOURS {
        let from = window.from + hour * 3_600;
        let (rows, _) = look(ask, Window::new(from, from + seconds)).await?;
        rates.push((hour as f64, rows / seconds as f64));
    }
    let hours: Hours = std::array::from_fn(|hour| rate_at(&rates, hour as f64 + 0.5));
    let records = hours.iter().sum::<f64>() * window.seconds() as f64 / 24.0;
    Ok(Probed {
        day,
        records: records.round() as u64,
        hours,
    })
}

/// One page, and about how many rows the window holds.
async fn look<A, F>(ask: &A, window: Window) -> Result<(f64, super::page::Page), ApiError>
where
    A: Fn(Ask) -> F,
    F: Future<Output = Result<(Answer, Cost), ApiError>>,
{
    let way = Way {
        window,
        bounds: window.wide(),
        paged: false,
        bot_share: 1.0 / 3.0,
        unit: None,
        filter: Some(Filter::Start),
        full: LIMIT as usize,
        full_is_known: true,
        ended: 0,
        may_fall_short: false,
        sizes: Sizes::default(),
        counts_window: false,
        is_first: true,
    };
    let mut walk = walk::look(ask, way, |_| false).await?;
    let page = walk
        .pages
        .pop()
        .map(|(_, answer)| answer.page)
        .unwrap_or_default();
    let rows = match walk.verdict {
        Verdict::Full(rows) if page.rows.len() >= LIMIT as usize => rows,
        _ => page.rows.len() as f64,
    };
    Ok((rows, page))
}

/// The rate at an hour between those that were measured; the night joins the last to the first.
fn rate_at(rates: &[(f64, f64)], hour: f64) -> f64 {
    let next = rates.iter().position(|(at, _)| *at >= hour).unwrap_or(0);
    let (to, to_rate) = rates[next];
    let (from, from_rate) = rates[(next + rates.len() - 1) % rates.len()];
    let length = (to - from).rem_euclid(24.0);
    let passed = (hour - from).rem_euclid(24.0);
    // A rate of nothing at all would make every record of the hour unthinkable.
    (from_rate + (to_rate - from_rate) * passed / length).max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::model::{self, DAY, Model, Reading};

    fn probed(records: u64, counts_window: bool) -> (Probed, u64) {
        let reading = Reading {
            counts_window,
            ..Reading::default()
        };
        let model = Model::new(reading, model::sessions(records, 0.0, 0.35, DAY, 4), 1);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let asked = std::cell::Cell::new(0);
        let ask = |ask: Ask| {
            asked.set(asked.get() + 1);
            let answer = model.answer(ask);
            async move { answer }
        };
        let probed = runtime.block_on(probe(&ask, model::days(1)[0])).unwrap();
        (probed, asked.get())
    }

    #[test]
    fn a_page_that_shows_all_is_enough() {
        for records in [0, 1, 60] {
            let (probed, requests) = probed(records, false);
            assert_eq!((probed.records, requests), (records, 1));
        }
        let (probed, requests) = probed(20_000, true);
        assert_eq!((probed.records, requests), (20_000, 1));
    }

    #[test]
    fn a_few_looks_tell_about_how_many_records_there_are_and_when() {
        for records in [2_000, 20_000, 80_000] {
            let (probed, requests) = probed(records, false);
            assert_eq!(requests, 7);
            let ratio = probed.records as f64 / records as f64;
            assert!((0.6..1.6).contains(&ratio), "{} for {records}", probed.records);
            assert!(probed.hours[10] > 3.0 * probed.hours[1], "{:?}", probed.hours);
        }
    }
}
