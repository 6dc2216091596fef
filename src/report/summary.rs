//! Summaries of runs, for people.

use std::io::{self, Write};

use super::one_line;
use crate::api::{Cost, DayReport, Filter, ReadingsReport, RunReport, Spent, Unit};
use crate::decode::Tally;
use crate::lake::{Cleaned, Snapshot, Verification};
use crate::report::{ConversationsReport, RunRecord};

/// Most lines of a list; the rest is counted.
const MOST_LINES: usize = 20;

/// A day file that a run has dealt with.
#[derive(Debug, Clone, serde::Serialize)]
pub struct DayLine {
    /// Path or key of the file.
    pub path: String,
    /// What became of it: `created`, `merged` or `unchanged`; `planned` where nothing was to be written.
    pub outcome: String,
    /// Rows that it has now.
    pub rows: u64,
    /// Its size in bytes.
    pub bytes: u64,
}

/// What a conversion did: files, totals, what went to `extra`.
///
/// # Errors
/// The writer's.
pub(crate) fn convert(record: &RunRecord, out: &mut dyn Write) -> io::Result<()> {
    files(&record.files, out)?;
    let rows: u64 = record.files.iter().map(|file| file.rows).sum();
    let bytes: u64 = record.files.iter().map(|file| file.bytes).sum();
    writeln!(
        out,
        "read {} records from {}; {} day files now hold {} rows in {} bytes",
        grouped(record.records),
        inputs(record),
        grouped(record.files.len() as u64),
        grouped(rows),
        grouped(bytes),
    )?;
    extra(&record.extra, out)
}

fn inputs(record: &RunRecord) -> String {
    match record.inputs.unwrap_or_default() {
        1 => "1 input".to_string(),
        inputs => format!("{} inputs", grouped(inputs)),
    }
}

/// What a conversion would do: its files, with the rows that would come to each.
///
/// # Errors
/// The writer's.
pub(crate) fn conversion_foreseen(record: &RunRecord, out: &mut dyn Write) -> io::Result<()> {
    for file in record.files.iter().take(MOST_LINES) {
        writeln!(
            out,
            "{:<9} {:>9} rows  {}",
            file.outcome,
            grouped(file.rows),
            file.path
        )?;
    }
    writeln!(
        out,
        "read {} records from {}; they would go to {} day files; nothing was written",
        grouped(record.records),
        inputs(record),
        grouped(record.files.len() as u64),
    )?;
    extra(&record.extra, out)
}

/// What an export did: files, what was read, what it cost, what could not be proven.
///
/// # Errors
/// The writer's.
pub(crate) fn export(record: &RunRecord, out: &mut dyn Write) -> io::Result<()> {
    files(&record.files, out)?;
    days(&record.days, out)?;
    let Some(run) = &record.cost else {
        return Ok(());
    };
    writeln!(
        out,
        "read {} records of {} days in {} requests{}, waited {:.0} s for the rate and {:.0} s for retries",
        grouped(run.records),
        record.days.len(),
        grouped(run.cost.requests),
        ratio(run),
        run.cost.budget_wait_seconds,
        run.cost.retry_wait_seconds,
    )?;
    spent(run.spent, out)?;
    readings(&run.readings, out)?;
    retries(&run.cost, out)?;
    for unproven in &run.unproven {
        writeln!(out, "not proven complete: {unproven}")?;
    }
    extra(&record.extra, out)
}

/// What became of the conversations that were due: files, how many, what it cost.
///
/// # Errors
/// The writer's.
pub(crate) fn conversations(record: &RunRecord, out: &mut dyn Write) -> io::Result<()> {
    files(&record.files, out)?;
    let Some(ConversationsReport {
        named,
        held,
        known_missing,
        due,
        found,
        not_found,
        cost,
    }) = &record.conversations
    else {
        return Ok(());
    };
    writeln!(
        out,
        "call details name {} conversations: {} were held, {} known not to be there, {} due",
        grouped(*named),
        grouped(*held),
        grouped(*known_missing),
        grouped(*due),
    )?;
    writeln!(
        out,
        "{} of them came and {} were not found, in {} requests; waited {:.0} s for the rate and {:.0} s for retries",
        grouped(*found),
        grouped(*not_found),
        grouped(cost.requests),
        cost.budget_wait_seconds,
        cost.retry_wait_seconds,
    )?;
    retries(cost, out)?;
    extra(&record.extra, out)
}

fn retries(cost: &Cost, out: &mut dyn Write) -> io::Result<()> {
    for (cause, count) in &cost.retries {
        writeln!(out, "retried {} times: {cause}", grouped(*count))?;
    }
    Ok(())
}

/// The lines with which DuckDB and Spark read the lake.
///
/// # Errors
/// The writer's.
pub(crate) fn how_to_query(dest: &str, out: &mut dyn Write) -> io::Result<()> {
    let sql = format!(
        "select count(*), count(distinct session_id) from read_parquet('{dest}/call_details/**/*.parquet', hive_partitioning=true)"
    );
    writeln!(out, "\nDuckDB:\n  duckdb -c \"{sql}\"")?;
    writeln!(
        out,
        "Spark:\n  spark.read.parquet(\"{dest}/call_details\").groupBy(\"session_date\").count().show()"
    )
}

/// What a verification found.
///
/// # Errors
/// The writer's.
pub(crate) fn verification(verification: &Verification, out: &mut dyn Write) -> io::Result<()> {
    for finding in &verification.findings {
        writeln!(out, "{finding}")?;
    }
    let Verification {
        lake,
        files,
        rows,
        bytes,
        deep,
        findings,
    } = verification;
    let checked = format!(
        "{} rows in {} files, {} bytes",
        grouped(*rows),
        grouped(*files),
        grouped(*bytes)
    );
    let depth = if *deep { ", every page decoded" } else { "" };
    match findings.len() {
        0 => writeln!(out, "{lake} is sound: {checked}{depth}"),
        count => writeln!(out, "{lake} is not sound: {count} findings; {checked}{depth}"),
    }
}

/// What a snapshot came to.
///
/// # Errors
/// The writer's.
pub(crate) fn snapshot(snapshot: &Snapshot, out: &mut dyn Write) -> io::Result<()> {
    let files = &snapshot.manifest.files;
    let rows: u64 = files.iter().map(|file| file.rows).sum();
    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
    writeln!(
        out,
        "{} holds {} rows in {} files, {} bytes; {} files were there from an earlier run",
        snapshot.place,
        grouped(rows),
        grouped(files.len() as u64),
        grouped(bytes),
        grouped(snapshot.found),
    )
}

/// What was cleaned away.
///
/// # Errors
/// The writer's.
pub(crate) fn cleaned(cleaned: &Cleaned, out: &mut dyn Write) -> io::Result<()> {
    let done = if cleaned.dry_run {
        "would remove"
    } else {
        "removed"
    };
    for file in &cleaned.files {
        writeln!(out, "{done} {file}")?;
    }
    writeln!(
        out,
        "{done} {} left-over files and {} staging folders",
        cleaned.files.len(),
        cleaned.staging_folders
    )
}

fn files(days: &[DayLine], out: &mut dyn Write) -> io::Result<()> {
    for day in days.iter().take(MOST_LINES) {
        writeln!(
            out,
            "{:<9} {:>9} rows {:>12} bytes  {}",
            day.outcome,
            grouped(day.rows),
            grouped(day.bytes),
            day.path
        )?;
    }
    if days.len() > MOST_LINES {
        writeln!(
            out,
            "… and {} more files",
            grouped((days.len() - MOST_LINES) as u64)
        )?;
    }
    Ok(())
}

/// The days read, a line each.
fn days(days: &[DayReport], out: &mut dyn Write) -> io::Result<()> {
    for day in days.iter().take(MOST_LINES) {
        let verdict = match (day.is_complete(), day.closed) {
            (true, true) => "complete, closed",
            (true, false) => "complete, still open",
            (false, _) => "not proven complete",
        };
        writeln!(
            out,
            "{} {:>9} records, {} received twice, {} requests, {} windows: {verdict}",
            day.date,
            grouped(day.unique),
            grouped(day.duplicates()),
            grouped(day.cost.requests),
            day.windows.len(),
        )?;
    }
    if days.len() > MOST_LINES {
        writeln!(
            out,
            "… and {} more days",
            grouped((days.len() - MOST_LINES) as u64)
        )?;
    }
    Ok(())
}

fn ratio(run: &RunReport) -> String {
    let text = |ratio| format!(" ({ratio:.3} times the least, {})", grouped(run.least_requests));
    run.ratio.map(text).unwrap_or_default()
}

/// What requests were for, where that was anything but pages.
fn spent(spent: Spent, out: &mut dyn Write) -> io::Result<()> {
    let Spent {
        pages,
        past_days,
        checks,
        split,
        looks,
        retries,
    } = spent;
    let others = [
        (past_days, "past the days"),
        (checks, "to look twice"),
        (split, "of windows that were split or had moved"),
        (looks, "to learn"),
        (retries, "that failed"),
    ];
    let others: Vec<String> = others
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!(", {} {what}", grouped(count)))
        .collect();
    writeln!(out, "requests: {} for pages{}", grouped(pages), others.concat())
}

/// What the documents leave open, and the answers have shown.
fn readings(readings: &ReadingsReport, out: &mut dyn Write) -> io::Result<()> {
    let ReadingsReport {
        offset_unit,
        time_filter,
        counts_window,
        limit_per_part,
    } = readings;
    let unit = match offset_unit {
        Some(Unit::Pages) => "offset counts pages",
        Some(Unit::Records) => "offset counts records",
        None => "what offset counts did not show",
    };
    let filter = match time_filter {
        Some(Filter::Start) => "windows filter on starts",
        Some(Filter::End) => "windows filter on ends",
        Some(Filter::Update) => "windows filter on the last change",
        None => "what windows filter on did not show",
    };
    let count = match counts_window {
        true => "numResults counts the window",
        false => "numResults counts the page",
    };
    let limit = match limit_per_part {
        Some(true) => "limit holds for each part",
        Some(false) => "limit holds for the page",
        None => "what limit holds for did not show",
    };
    writeln!(out, "the API: {unit}, {filter}, {count}, {limit}")
}

/// What went to `extra`, the most frequent first.
fn extra(tally: &Tally, out: &mut dyn Write) -> io::Result<()> {
    if tally.duplicate_keys > 0 {
        writeln!(
            out,
            "{} duplicate keys within objects: the last one was kept",
            grouped(tally.duplicate_keys)
        )?;
    }
    if tally.extra.is_empty() {
        return Ok(());
    }
    writeln!(out, "kept in `extra`, having no column or not fitting it:")?;
    let mut patterns: Vec<_> = tally.extra.iter().collect();
    patterns.sort_by_key(|(pattern, count)| (std::cmp::Reverse(**count), pattern.as_str()));
    for (pattern, count) in patterns.iter().take(MOST_LINES) {
        writeln!(
            out,
            "  {}: {}",
            if pattern.is_empty() {
                "(whole record)".to_string()
            } else {
                one_line(pattern)
            },
            grouped(**count)
        )?;
    }
    if patterns.len() > MOST_LINES {
        writeln!(out, "  … and {} more patterns", patterns.len() - MOST_LINES)?;
    }
    Ok(())
}

/// Seconds as a person says them: `3 min 20 s`.
pub(crate) fn duration(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// A number with its thousands apart: `1,204`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{duration, grouped};

    #[test]
    fn durations() {
        for (seconds, want) in [
            (0.4, "0 s"),
            (59.6, "1 min 0 s"),
            (200.0, "3 min 20 s"),
            (7_260.0, "2 h 1 min"),
        ] {
            assert_eq!(duration(seconds), want);
        }
    }

    #[test]
    fn thousands() {
        for (number, want) in [(0, "0"), (999, "999"), (1_204, "1,204"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), want);
        }
    }
}
