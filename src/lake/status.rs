//! What a lake covers, from footers alone.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, Utc};
use futures::{StreamExt, TryStreamExt};
use serde::Serialize;

use super::facts::Coverage;
use super::footer::FileFacts;
use super::layout::DayPath;
use super::{Error, Lake, Result};
use crate::day::Day;
use crate::schema;

/// Footers that are read at once.
const READS_AT_ONCE: usize = 16;

/// What a lake covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Where it is.
    pub lake: String,
    /// Its accounts, by table and id.
    pub accounts: Vec<AccountStatus>,
    /// Files whose footers could not be read, each in one line.
    pub problems: Vec<String>,
}

/// What is there of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountStatus {
    /// Table.
    pub table: String,
    /// Account id.
    pub account: String,
    /// Zone of the days.
    pub zone: String,
    /// Rows of all days.
    pub rows: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// The days that have a file, in order.
    pub days: Vec<DayStatus>,
    /// Days between the first and the last that have none, but for holes of more than ten years.
    pub missing: Vec<Day>,
}

/// What is there of one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DayStatus {
    /// The day.
    pub day: Day,
    /// Rows.
    pub rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// What its reads cover.
    pub coverage: Coverage,
    /// Parts of the day that no proven read covers, end exclusive; none where nothing is known to have been asked.
    pub gaps: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    /// When the first response that is still current arrived.
    pub fetched_from: Option<DateTime<Utc>>,
    /// When the last response arrived.
    pub fetched_to: Option<DateTime<Utc>>,
    /// Endpoints that were read.
    pub endpoints: Vec<String>,
    /// Conversations that the API did not have when they were asked for.
    pub not_found: usize,
    /// When the file was written.
    pub written: DateTime<Utc>,
}

impl Lake {
    /// Reads what the lake covers; a footer takes one to three ranged requests, 16 files at once.
    ///
    /// # Errors
    /// There is no lake: neither a day's file nor anything that a run left; the place can't be read.
    pub async fn status(&self) -> Result<Status> {
        let mut files = Vec::new();
        for table in schema::tables() {
            files.extend(self.sized_files(&table.name).await?);
        }
        if files.is_empty() && !self.store.has_own().await? {
            return Err(self.no_days("any table"));
        }
        let read = files.into_iter().map(|(path, bytes)| async move {
            match self.file_facts(&path).await {
                Ok(facts) => Ok(facts.map(|facts| Ok((path, bytes, facts)))),
                Err(error @ Error::Damaged { .. }) => Ok(Some(Err(error.to_string()))),
                Err(error) => Err(error),
            }
        });
        let read: Vec<_> = futures::stream::iter(read)
            .buffered(READS_AT_ONCE)
            .try_collect()
            .await?;
        let mut problems = Vec::new();
        let mut accounts: BTreeMap<(String, String), AccountStatus> = BTreeMap::new();
        for file in read.into_iter().flatten() {
            let (path, bytes, facts) = match file {
                Ok(file) => file,
                Err(problem) => {
                    problems.push(problem);
                    continue;
                }
            };
            let DayPath { table, account, .. } = path;
            let status = accounts
                .entry((table.clone(), account.clone()))
                .or_insert_with(|| AccountStatus {
                    table,
                    account,
                    zone: facts.zone.to_string(),
                    rows: 0,
                    bytes: 0,
                    days: Vec::new(),
                    missing: Vec::new(),
                });
            status.rows += facts.rows;
            status.bytes += bytes;
            status.days.push(DayStatus::new(bytes, facts));
        }
        let mut accounts: Vec<_> = accounts.into_values().collect();
        for account in &mut accounts {
            account.missing = missing(&account.days);
        }
        Ok(Status {
            lake: self.location(),
            accounts,
            problems,
        })
    }
}

impl AccountStatus {
    /// Keeps only the days that are asked for.
    pub(crate) fn retain(&mut self, asked: impl Fn(Day) -> bool) {
        self.days.retain(|day| asked(day.day));
        self.rows = self.days.iter().map(|day| day.rows).sum();
        self.bytes = self.days.iter().map(|day| day.bytes).sum();
        self.missing = missing(&self.days);
    }
}

impl DayStatus {
    fn new(bytes: u64, file: FileFacts) -> DayStatus {
        let FileFacts {
            day,
            zone,
            rows,
            created,
            facts,
            ..
        } = file;
        let (coverage, gaps) = match day.bounds(zone) {
            Some((from, to)) if !facts.reads.is_empty() => (facts.coverage(from, to), facts.gaps(from, to)),
            _ => (Coverage::Unknown, Vec::new()),
        };
        let mut endpoints: Vec<_> = facts.reads.iter().map(|read| read.endpoint.clone()).collect();
        endpoints.sort();
        endpoints.dedup();
        DayStatus {
            day,
            rows,
            bytes,
            coverage,
            gaps,
            fetched_from: facts.reads.iter().map(|read| read.fetched_from).min(),
            fetched_to: facts.reads.iter().map(|read| read.fetched_to).max(),
            endpoints,
            not_found: facts.not_found.len(),
            written: created,
        }
    }
}

/// Days without a file between the first and the last that have one, but for those beside a day that stands apart.
fn missing(days: &[DayStatus]) -> Vec<Day> {
    let dates: Vec<_> = days.iter().filter_map(|day| day.day.date()).collect();
    let between = |pair: &[NaiveDate]| -> Vec<Day> {
        let next = pair[0] + Days::new(1);
        next.iter_days()
            .take_while(|date| *date < pair[1])
            .map(Day::of)
            .collect()
    };
    let near = |pair: &&[NaiveDate]| !are_apart(pair[0], pair[1]);
    dates.windows(2).filter(near).flat_map(between).collect()
}

/// Days of a hole in a lake from which the days before and behind it have nothing to do with each other: starts such as
/// `0001-01-01` and `1970-01-01` stand for none, and millennia of missing days say nothing to anybody.
const LONGEST_HOLE: i64 = 3_653;

fn are_apart(before: NaiveDate, after: NaiveDate) -> bool {
    (after - before).num_days() > LONGEST_HOLE
}

/// The first and the last day of each stretch of some days in order, which ends where the next day is more than ten years away.
pub(crate) fn stretches(dates: &[NaiveDate]) -> Vec<(NaiveDate, NaiveDate)> {
    let stretches = dates.chunk_by(|before, after| !are_apart(*before, *after));
    let ends = stretches.filter_map(|dates| Some((*dates.first()?, *dates.last()?)));
    ends.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: Day) -> DayStatus {
        DayStatus {
            day,
            rows: 1,
            bytes: 1,
            coverage: Coverage::Closed,
            gaps: Vec::new(),
            fetched_from: None,
            fetched_to: None,
            endpoints: Vec::new(),
            not_found: 0,
            written: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn days_between_files_are_missing() {
        let days = [
            "2025-09-28",
            "2025-09-30",
            "2025-10-01",
            "2025-10-03",
            crate::day::UNDATED,
        ];
        let missing: Vec<_> = missing(&days.map(|text| day(text.parse().unwrap())))
            .iter()
            .map(Day::to_string)
            .collect();
        assert_eq!(missing, ["2025-09-29", "2025-10-02"]);
    }

    #[test]
    fn a_day_of_another_age_stands_apart() {
        let dates: Vec<NaiveDate> = ["0001-01-01", "2025-09-28", "2025-10-03", "9999-12-31"]
            .iter()
            .map(|date| date.parse().unwrap())
            .collect();
        let alone = |at: usize| (dates[at], dates[at]);
        assert_eq!(stretches(&dates), [alone(0), (dates[1], dates[2]), alone(3)]);
        let days: Vec<_> = dates.iter().map(|date| day(Day::of(*date))).collect();
        assert_eq!(missing(&days).len(), 4);
    }
}
