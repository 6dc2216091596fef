//! Which days an account covers: a small calendar a month.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use chrono::{Datelike as _, Days, Months, NaiveDate};

use super::html::{Escaped, counted, grouped};
use crate::day::Day;
use crate::lake::{AccountStatus, Coverage, DayStatus, stretches};

/// Side of a day's square and the space to the next, in pixels.
const CELL: u32 = 20;
const STEP: u32 = 22;
/// Height of the month's name.
const HEAD: u32 = 18;

/// How days stand in the calendar, and what that means.
pub(super) const LEGEND: [(&str, &str); 5] = [
    ("closed", "complete"),
    ("open", "read before it was over"),
    ("partial", "not proven complete"),
    ("unknown", "from files"),
    ("missing", "no file"),
];

/// The calendar of an account, with its name.
pub(super) fn account(account: &AccountStatus, out: &mut String) -> fmt::Result {
    let days: BTreeMap<NaiveDate, &DayStatus> = account
        .days
        .iter()
        .filter_map(|day| Some((day.day.date()?, day)))
        .collect();
    writeln!(
        out,
        "<h3>{} <span class=\"note\">{}, {} in {}, {}, days of {}</span></h3>\n<div class=\"months\">",
        Escaped(&account.account),
        Escaped(&account.table),
        counted(account.rows, "record", "records"),
        counted(days.len() as u64, "day", "days"),
        counted(account.missing.len() as u64, "day missing", "days missing"),
        Escaped(&account.zone),
    )?;
    let dates: Vec<_> = days.keys().copied().collect();
    for (first, last) in stretches(&dates) {
        let mut month = first.with_day(1);
        while let Some(start) = month.filter(|start| *start <= last) {
            draw_month(start, (first, last), &days, out)?;
            month = start.checked_add_months(Months::new(1));
        }
    }
    writeln!(out, "</div>")?;
    if let Some(undated) = account.days.iter().find(|day| day.day == Day::NONE) {
        writeln!(
            out,
            "<p class=\"note\">{} without a day.</p>",
            counted(undated.rows, "record", "records")
        )?;
    }
    Ok(())
}

fn draw_month(
    start: NaiveDate,
    (first, last): (NaiveDate, NaiveDate),
    days: &BTreeMap<NaiveDate, &DayStatus>,
    out: &mut String,
) -> fmt::Result {
    let offset = start.weekday().num_days_from_monday();
    let end = start.checked_add_months(Months::new(1)).unwrap_or(start);
    let length = (end - start).num_days() as u32;
    let weeks = (offset + length).div_ceil(7);
    let name = start.format("%B %Y");
    write!(
        out,
        "<svg class=\"month\" role=\"img\" aria-label=\"{name}\" width=\"{}\" height=\"{}\"><text class=\"name\" x=\"1\" y=\"12\">{name}</text>",
        7 * STEP,
        HEAD + weeks * STEP,
    )?;
    for day in 0..length {
        let date = start + Days::new(day.into());
        if date < first || date > last {
            continue;
        }
        let (x, y) = ((offset + day) % 7 * STEP + 1, HEAD + (offset + day) / 7 * STEP);
        let (class, said) = match days.get(&date) {
            Some(day) => (
                class(day.coverage),
                format!(
                    "{date}: {} records, {}",
                    grouped(day.rows),
                    meaning(class(day.coverage))
                ),
            ),
            None => ("missing", format!("{date}: no file")),
        };
        write!(
            out,
            "<g class=\"day {class}\" data-day=\"{date}\"><title>{said}</title><rect x=\"{x}\" y=\"{y}\" width=\"{CELL}\" height=\"{CELL}\" rx=\"4\"/>\
             <text x=\"{}\" y=\"{}\">{}</text></g>",
            x + CELL / 2,
            y + 14,
            date.day(),
        )?;
    }
    writeln!(out, "</svg>")
}

fn class(coverage: Coverage) -> &'static str {
    match coverage {
        Coverage::Closed => "closed",
        Coverage::Open => "open",
        Coverage::Partial => "partial",
        Coverage::Unknown => "unknown",
    }
}

fn meaning(class: &str) -> &'static str {
    LEGEND
        .iter()
        .find(|(name, _)| *name == class)
        .map_or("", |(_, meaning)| meaning)
}
