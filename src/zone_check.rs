//! Naive starts against the clock in the session ids: a forgotten `--timezone-offset` shows before anybody counts by day.
//!
//! A `sessionId` is an ObjectId whose first 8 hexadecimal digits are the session's start in seconds since
//! 1970-01-01T00:00:00Z; it matched the documented starts to the second in all samples that have both.

use std::collections::BTreeMap;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;

/// Zones differ by whole quarters of an hour.
const QUARTER: i64 = 15 * 60;
/// Seconds by which a start may miss its quarter.
const TOLERANCE: i64 = 60;
/// The widest offset of a zone, in seconds.
const WIDEST: i64 = 14 * 3_600;
/// Records below which nothing is said.
const FEWEST: u64 = 5;

/// Counts starts by how far they are off their session's clock.
#[derive(Debug, Default)]
pub(crate) struct ZoneCheck {
    checked: u64,
    /// Records by shift in minutes.
    by_shift: BTreeMap<i64, u64>,
}

impl ZoneCheck {
    /// Counts the rows of a batch; one without these columns has nothing to count.
    pub(crate) fn add(&mut self, batch: &RecordBatch) {
        let ids = batch
            .column_by_name("session_id")
            .and_then(|ids| ids.as_string_opt::<i32>());
        let starts = batch.column_by_name("session_start_time");
        let starts = starts.and_then(|starts| starts.as_primitive_opt::<TimestampMicrosecondType>());
        let (Some(ids), Some(starts)) = (ids, starts) else {
            return;
        };
        for (id, start) in ids.iter().zip(starts.iter()) {
            let Some((clock, start)) = id.and_then(clock).zip(start) else {
                continue;
            };
            let shift = start.div_euclid(1_000_000) - clock;
            let quarters = (shift + QUARTER / 2).div_euclid(QUARTER);
            if shift.abs() <= WIDEST + TOLERANCE && (shift - quarters * QUARTER).abs() <= TOLERANCE {
                self.checked += 1;
                *self.by_shift.entry(quarters * QUARTER / 60).or_default() += 1;
            }
        }
    }

    /// What is off, if most records are off by the same time.
    pub(crate) fn finding(&self, asked: i32) -> Option<String> {
        let (&shift, &count) = self.by_shift.iter().max_by_key(|(_, count)| **count)?;
        if shift == 0 || self.checked < FEWEST || count * 2 <= self.checked {
            return None;
        }
        let fits = i64::from(asked) - shift;
        Some(format!(
            "the starts of {count} of {} records are {shift} minutes off the clock in their sessionId: \
             --timezone-offset {fits} fits, {asked} was used",
            self.checked
        ))
    }
}

/// Seconds since 1970 of an ObjectId.
fn clock(id: &str) -> Option<i64> {
    let digits = id
        .get(..8)
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    i64::from_str_radix(digits, 16).ok()
}
