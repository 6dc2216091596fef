//! What a lake covers, from footers alone: a value, and a calendar of it for the terminal.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
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
    /// Days between the first and the last that have none.
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
    /// Parts of the day that no read covers, end exclusive; none where nothing is known to have been asked.
    pub gaps: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    /// When the first response that is still current arrived.
    pub fetched_from: Option<DateTime<Utc>>,
    /// When the last response arrived.
    pub fetched_to: Option<DateTime<Utc>>,
    /// Endpoints that were read.
    pub endpoints: Vec<String>,
    /// When the file was written.
    pub written: DateTime<Utc>,
}

impl Lake {
    /// Reads what the lake covers; a footer takes one to three ranged requests, 16 files at once.
    pub async fn status(&self) -> Result<Status> {
        let mut files = Vec::new();
        for table in schema::tables() {
            files.extend(self.sized_files(&table.name).await?);
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
            written: created,
        }
    }
}

/// Days without a file between the first and the last that have one.
fn missing(days: &[DayStatus]) -> Vec<Day> {
    let dates: Vec<_> = days.iter().filter_map(|day| day.day.date()).collect();
    let between = |pair: &[NaiveDate]| -> Vec<Day> {
        let next = pair[0] + Days::new(1);
        next.iter_days()
            .take_while(|date| *date < pair[1])
            .map(Day::of)
            .collect()
    };
    dates.windows(2).flat_map(between).collect()
}

impl Status {
    /// A calendar for the terminal: a line a month, a character a day.
    pub fn calendar(&self) -> String {
        let mut out = String::new();
        for account in &self.accounts {
            account.calendar(&mut out);
        }
        if self.accounts.is_empty() {
            out.push_str("no day files\n");
        } else {
            out.push_str("# closed   o open   ~ read in part   + from files   . missing\n");
        }
        for problem in &self.problems {
            let _ = writeln!(out, "! {problem}");
        }
        out
    }
}

impl AccountStatus {
    fn calendar(&self, out: &mut String) {
        let days = self.days.len();
        let _ = writeln!(
            out,
            "{} {}: {} rows, {:.1} MB in {days} {} of {}",
            self.table,
            self.account,
            grouped(self.rows),
            self.bytes as f64 / 1e6,
            if days == 1 { "day" } else { "days" },
            self.zone,
        );
        let marks: BTreeMap<_, _> = self
            .days
            .iter()
            .filter_map(|day| Some((day.day.date()?, mark(day.coverage))))
            .collect();
        if let (Some((first, _)), Some((last, _))) = (marks.first_key_value(), marks.last_key_value()) {
            let mut month = first.with_day(1);
            while let Some(start) = month.filter(|start| start <= last) {
                let _ = write!(out, "  {}  ", start.format("%Y-%m"));
                let of_month = start.iter_days().take_while(|date| date.month() == start.month());
                let line: String = of_month
                    .map(|date| match marks.get(&date) {
                        Some(mark) => *mark,
                        None if date < *first || date > *last => ' ',
                        None => '.',
                    })
                    .collect();
                let _ = writeln!(out, "{}", line.trim_end());
                month = start.checked_add_months(chrono::Months::new(1));
            }
        }
        if let Some(undated) = self.days.iter().find(|day| day.day == Day::NONE) {
            let _ = writeln!(out, "  {} rows without a day", grouped(undated.rows));
        }
        for day in self.days.iter().filter(|day| !day.gaps.is_empty()) {
            let gaps: Vec<_> = day
                .gaps
                .iter()
                .map(|(from, to)| format!("{} to {}", from.format("%H:%M:%S"), to.format("%H:%M:%SZ")))
                .collect();
            let _ = writeln!(out, "  {} was never asked for {}", day.day, gaps.join(", "));
        }
    }
}

fn mark(coverage: Coverage) -> char {
    match coverage {
        Coverage::Closed => '#',
        Coverage::Open => 'o',
        Coverage::Partial => '~',
        Coverage::Unknown => '+',
    }
}

/// 1234567 → 1,234,567.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: &str, rows: u64, coverage: Coverage) -> DayStatus {
        DayStatus {
            day: day.parse().unwrap(),
            rows,
            bytes: 1_000_000,
            coverage,
            gaps: Vec::new(),
            fetched_from: None,
            fetched_to: None,
            endpoints: Vec::new(),
            written: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_calendar_shows_each_day() {
        let mut part = day("2025-10-03", 7, Coverage::Partial);
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        part.gaps = vec![(at("2025-10-03T10:00:00Z"), at("2025-10-03T12:00:00Z"))];
        let days = vec![
            day("2025-09-28", 1_234_000, Coverage::Closed),
            day("2025-09-30", 560, Coverage::Unknown),
            day("2025-10-01", 0, Coverage::Open),
            part,
            day(crate::day::UNDATED, 3, Coverage::Unknown),
        ];
        let account = AccountStatus {
            table: "call_details".to_string(),
            account: "acc".to_string(),
            zone: "UTC".to_string(),
            rows: 1_234_570,
            bytes: 5_000_000,
            missing: missing(&days),
            days,
        };
        assert_eq!(
            account.missing.iter().map(Day::to_string).collect::<Vec<_>>(),
            ["2025-09-29", "2025-10-02"]
        );
        let status = Status {
            lake: "lake".to_string(),
            accounts: vec![account],
            problems: vec!["x is cut".into()],
        };
        let want = "call_details acc: 1,234,570 rows, 5.0 MB in 5 days of UTC
  2025-09                             #.+
  2025-10  o.~
  3 rows without a day
  2025-10-03 was never asked for 10:00:00 to 12:00:00Z
# closed   o open   ~ read in part   + from files   . missing
! x is cut
";
        assert_eq!(status.calendar(), want);
    }
}
