//! How dense rows lie in time, and from that how wide the next window may be.
//!
//! Widths decide what a run costs, never what it proves: a window that turns out too wide is split, one too narrow
//! wastes part of its last page.

use std::collections::BTreeMap;

use super::window::{MAX_SECONDS, Window};

/// Rows that an estimate rests on where there are as many: enough for a few per cent, few enough to be recent.
const SUPPORT: usize = 200;

/// Seconds in which the density is taken to grow by as much as it is: too wide costs little, too narrow the rest of a page.
const GROWTH_SECONDS: f64 = 36_000.0;

/// An estimate that rests on this long a time has seen all hours of a day.
const DAY_SECONDS: i64 = 20 * 3_600;

/// Windows that the estimate may rest on lie at most this far before the next one.
const WINDOWS: usize = 64;

/// What windows are to be filled to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    /// Rows hoped for.
    pub(crate) rows: f64,
    /// Whether to expect the worst of a small sample, because too many rows cost much more than too few.
    pub(crate) cautious: bool,
}

/// The density seen so far.
#[derive(Debug, Default)]
pub(crate) struct Density {
    /// By the end of their window: the window and the last times in it, sorted.
    seen: BTreeMap<i64, (Window, Vec<i64>, usize)>,
    bots: u64,
    rows: u64,
}

impl Density {
    /// Learns from the times of all rows of a window.
    pub(crate) fn add(&mut self, window: Window, mut times: Vec<i64>, bots: usize) {
        times.retain(|time| window.contains(*time));
        times.sort_unstable();
        let rows = times.len();
        self.bots += bots as u64;
        self.rows += rows as u64;
        let last = times.split_off(rows.saturating_sub(SUPPORT));
        self.seen.insert(window.to, (window, last, rows));
        while self.seen.len() > WINDOWS {
            self.seen.pop_first();
        }
    }

    /// Share of the rows that ended at the bot; a third before any was seen.
    pub(crate) fn bot_share(&self) -> f64 {
        (self.bots as f64 + 1.0) / (self.rows as f64 + 3.0)
    }

    /// Rows and seconds before `from`, by which the rows after it are estimated.
    fn support(&self, from: i64) -> Option<(usize, i64)> {
        let (mut rows, mut seconds, mut begin) = (0, 0, from);
        for (to, (window, times, all)) in self.seen.range(..=from).rev() {
            // Between them something is still being read.
            if *to != begin && seconds > 0 {
                break;
            }
            begin = window.from;
            let wanted = SUPPORT - rows;
            if *all > wanted {
                rows += wanted;
                seconds += (to - times[times.len() - wanted]).max(1);
                break;
            }
            rows += all;
            seconds += window.seconds();
            if rows >= SUPPORT || seconds >= DAY_SECONDS {
                break;
            }
        }
        (seconds > 0).then_some((rows, seconds))
    }

    /// Seconds for a window from `from` on, or `None` while nothing is known.
    pub(crate) fn width(&self, from: i64, target: Target) -> Option<i64> {
        let (rows, seconds) = self.support(from)?;
        let rows = rows as f64;
        let rows = if target.cautious {
            rows + 2.0 * rows.sqrt() + 3.0
        } else {
            rows + rows.sqrt() / 2.0 + 1.0
        };
        let rate = rows / seconds as f64;
        Some(if seconds >= DAY_SECONDS {
            ((target.rows / rate / 1.5) as i64).clamp(1, MAX_SECONDS)
        } else {
            Self::width_at(rate, target.rows)
        })
    }

    /// Seconds in which `rows` are expected where there have just been `rate` a second.
    pub(crate) fn width_at(rate: f64, rows: f64) -> i64 {
        // rate · w · (1 + w / growth) = rows
        let growth = GROWTH_SECONDS;
        let width = growth / 2.0 * ((1.0 + 4.0 * rows / (rate * growth)).sqrt() - 1.0);
        (width as i64).clamp(1, MAX_SECONDS)
    }
}
