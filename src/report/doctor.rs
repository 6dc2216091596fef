//! What a doctor found, for people.

use std::io::{self, Write};

use super::one_line;
use crate::doctor::{Examination, Verdict};

/// A line a check, with the remedy below it, and how many there are of each.
///
/// # Errors
/// The writer's.
pub(crate) fn examination(examination: &Examination, out: &mut dyn Write) -> io::Result<()> {
    for check in &examination.checks {
        let verdict = match check.result {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Problem => "PROBLEM",
            Verdict::Skipped => "skipped",
        };
        writeln!(
            out,
            "{verdict:<8} {:<17} {}",
            check.name.replace('_', " "),
            one_line(&check.found)
        )?;
        if let Some(remedy) = &check.remedy {
            writeln!(out, "{:26} → {remedy}", "")?;
        }
    }
    let count = |verdict, one, more| match examination.count(verdict) {
        1 => format!("1 {one}"),
        count => format!("{count} {more}"),
    };
    writeln!(
        out,
        "{} checks: {}, {}, {}, {}",
        examination.checks.len(),
        count(Verdict::Ok, "ok", "ok"),
        count(Verdict::Warning, "warning", "warnings"),
        count(Verdict::Problem, "problem", "problems"),
        count(Verdict::Skipped, "skipped", "skipped"),
    )
}
