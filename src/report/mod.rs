//! The only printing: results on standard output, everything else on standard error.

mod calendar;
mod display;
mod doctor;
mod metrics;
mod plan;
mod record;
mod summary;
mod voice;

use std::io::{self, BufWriter, IsTerminal as _, Write};

pub(crate) use calendar::status;
use display::beside_display;
pub(crate) use display::{Display, clear_display};
pub(crate) use doctor::examination;
pub(crate) use metrics::{Ended, Metrics};
pub(crate) use plan::plan;
pub use record::{ConversationsReport, RunRecord};
pub use summary::DayLine;
pub(crate) use summary::{
    cleaned, conversations, conversion_foreseen, convert, duration, export, grouped, how_to_query, snapshot,
    verification,
};
pub use voice::{LogFormat, Voice, error, note, start_logging, warn};

use crate::exit::Exit;
use crate::input::Fault;

/// The text with its control characters escaped: names and keys come from outside, and must neither end the line nor steer the
/// terminal.
pub(crate) fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

/// Lets `write` write results to standard output.
///
/// # Errors
/// What `write` says; standard output is full or closed.
pub fn output(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    output_with(|out| Ok(write(out)?))
}

/// As [`output`], for writers that can fail in other ways too.
///
/// # Errors
/// As [`output`]; only what standard output itself says is put down to it.
pub fn output_with(write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let write = || {
        let mut out = BufWriter::new(io::stdout().lock());
        let written = write(&mut out).and_then(|()| Ok(out.flush()?));
        // What is still buffered could not be written; dropping the writer must not try it again.
        drop(out.into_parts());
        written
    };
    let written = match io::stdout().is_terminal() {
        true => beside_display(write),
        false => write(),
    };
    written.map_err(
        |error| match error.is::<io::Error>() && error.source().is_none() {
            true => error.context("write to standard output"),
            false => error,
        },
    )
}

/// Most faults that are told one by one.
const MOST_FAULTS: usize = 50;

/// Tells the faults of input that gave no row, and what they make of the exit code.
pub fn faults(faults: &[Fault]) -> Exit {
    for fault in faults.iter().take(MOST_FAULTS) {
        warn(&format!(
            "{}: {fault}",
            if fault.rejected { "rejected" } else { "bad input" }
        ));
    }
    if faults.len() > MOST_FAULTS {
        warn(&format!("… and {} more", faults.len() - MOST_FAULTS));
    }
    if faults.iter().all(|fault| fault.rejected) {
        Exit::Done
    } else {
        Exit::BadInput
    }
}

/// Writes a value as indented JSON.
///
/// # Errors
/// The writer's.
pub fn json(value: &impl serde::Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}
