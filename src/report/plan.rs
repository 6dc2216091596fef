//! A plan, for people.

use std::io::{self, Write};

use super::summary::{duration, grouped};
use crate::plan::{Basis, Plan};

/// What an export would ask, window by window.
///
/// # Errors
/// The writer's.
pub(crate) fn plan(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    for day in &plan.days {
        let basis = match day.basis {
            Basis::Lake => "as the lake holds",
            Basis::LakeNearby => "as days near it in the lake",
            Basis::Probe => "as probed",
            Basis::Assumed => "assumed",
        };
        writeln!(
            out,
            "{}  {:>9} records ({basis}) in {} requests",
            day.date,
            grouped(day.records),
            grouped(day.requests)
        )?;
        for window in &day.windows {
            writeln!(
                out,
                "  {}  {:>6} records, pages: {}",
                window.window,
                grouped(window.rows),
                window.pages
            )?;
        }
    }
    let ratio = plan
        .ratio
        .map(|ratio| format!(", {ratio:.3} times the least"))
        .unwrap_or_default();
    writeln!(
        out,
        "{} days, {} records: {} requests{ratio}, {} at {} a minute",
        plan.days.len(),
        grouped(plan.records),
        grouped(plan.requests),
        duration(plan.seconds),
        plan.rate
    )?;
    let told = match plan.asked {
        0 => "nothing was asked".to_string(),
        asked => format!("{asked} requests were asked to measure a day"),
    };
    writeln!(
        out,
        "{told}; the plan is for offsets that count pages, windows that filter on starts, and no faults"
    )
}
