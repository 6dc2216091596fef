//! What a lake covers, as a calendar for the terminal: a line a month, a character a day.

use std::collections::BTreeMap;
use std::io::{self, Write};

use chrono::{Datelike, Months};

use super::summary::grouped;
use crate::day::Day;
use crate::lake::{AccountStatus, Coverage, Status, stretches};

/// What the lake covers, and what of it could not be read.
///
/// # Errors
/// The writer's.
pub(crate) fn status(status: &Status, out: &mut dyn Write) -> io::Result<()> {
    for of_account in &status.accounts {
        account(of_account, out)?;
    }
    if status.accounts.is_empty() {
        writeln!(out, "no day files")?;
    } else {
        writeln!(
            out,
            "# closed   o open   ~ not proven complete   + from files   . missing"
        )?;
    }
    for problem in &status.problems {
        writeln!(out, "! {problem}")?;
    }
    Ok(())
}

fn account(account: &AccountStatus, out: &mut dyn Write) -> io::Result<()> {
    let days = account.days.len();
    writeln!(
        out,
        "{} {}: {} rows, {:.1} MB in {days} {} of {}",
        account.table,
        account.account,
        grouped(account.rows),
        account.bytes as f64 / 1e6,
        if days == 1 { "day" } else { "days" },
        account.zone,
    )?;
    months(account, out)?;
    if let Some(undated) = account.days.iter().find(|day| day.day == Day::NONE) {
        writeln!(out, "  {} rows without a day", grouped(undated.rows))?;
    }
    for day in account.days.iter().filter(|day| !day.gaps.is_empty()) {
        let gaps: Vec<_> = day
            .gaps
            .iter()
            .map(|(from, to)| format!("{} to {}", from.format("%H:%M:%S"), to.format("%H:%M:%SZ")))
            .collect();
        writeln!(
            out,
            "  {} is not proven complete from {}",
            day.day,
            gaps.join(", from ")
        )?;
    }
    Ok(())
}

fn months(account: &AccountStatus, out: &mut dyn Write) -> io::Result<()> {
    let marks: BTreeMap<_, _> = account
        .days
        .iter()
        .filter_map(|day| Some((day.day.date()?, mark(day.coverage))))
        .collect();
    let dates: Vec<_> = marks.keys().copied().collect();
    for (first, last) in stretches(&dates) {
        let mut month = first.with_day(1);
        while let Some(start) = month.filter(|start| *start <= last) {
            let of_month = start.iter_days().take_while(|date| date.month() == start.month());
            let line: String = of_month
                .map(|date| match marks.get(&date) {
                    Some(mark) => *mark,
                    None if date < first || date > last => ' ',
                    None => '.',
                })
                .collect();
            writeln!(out, "  {}  {}", start.format("%Y-%m"), line.trim_end())?;
            month = start.checked_add_months(Months::new(1));
        }
    }
    Ok(())
}

fn mark(coverage: Coverage) -> char {
    match coverage {
        Coverage::Closed => '#',
        Coverage::Open => 'o',
        Coverage::Partial => '~',
        Coverage::Unknown => '+',
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;
    use crate::lake::DayStatus;

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
            not_found: 0,
            written: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_calendar_shows_each_day() {
        let mut part = day("2025-10-03", 7, Coverage::Partial);
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        part.gaps = vec![(at("2025-10-03T10:00:00Z"), at("2025-10-03T12:00:00Z"))];
        let account = AccountStatus {
            table: "call_details".to_string(),
            account: "acc".to_string(),
            zone: "UTC".to_string(),
            rows: 1_234_570,
            bytes: 5_000_000,
            missing: Vec::new(),
            days: vec![
                day("2025-09-28", 1_234_000, Coverage::Closed),
                day("2025-09-30", 560, Coverage::Unknown),
                day("2025-10-01", 0, Coverage::Open),
                part,
                day(crate::day::UNDATED, 3, Coverage::Unknown),
            ],
        };
        let covered = Status {
            lake: "lake".to_string(),
            accounts: vec![account],
            problems: vec!["x is cut".into()],
        };
        let want = "call_details acc: 1,234,570 rows, 5.0 MB in 5 days of UTC
  2025-09                             #.+
  2025-10  o.~
  3 rows without a day
  2025-10-03 is not proven complete from 10:00:00 to 12:00:00Z
# closed   o open   ~ not proven complete   + from files   . missing
! x is cut
";
        let mut shown = Vec::new();
        status(&covered, &mut shown).unwrap();
        assert_eq!(String::from_utf8(shown).unwrap(), want);
    }
}
