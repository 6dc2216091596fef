//! The only printing: results on standard output, everything else on standard error.

mod calendar;
mod doctor;
mod plan;
mod record;
mod summary;

use std::io::{self, BufWriter, IsTerminal as _, Write};

use tracing_subscriber::EnvFilter;

pub(crate) use calendar::status;
pub(crate) use doctor::examination;
pub(crate) use plan::plan;
pub use record::RunRecord;
pub use summary::DayLine;
pub(crate) use summary::grouped;
pub(crate) use summary::{cleaned, convert, export, how_to_query, snapshot, verification};

use crate::exit::Exit;
use crate::input::Fault;
use crate::remedy::remedy;

/// Starts logging to standard error; `CALLAKE_LOG` overrules the level, in the syntax of `RUST_LOG`.
pub fn start_logging(verbose: u8) {
    let level = match verbose {
        0 => "callake=warn",
        1 => "callake=info",
        _ => "callake=debug",
    };
    let filter = EnvFilter::try_from_env("CALLAKE_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    // A second call, as tests make, keeps the first one's subscriber.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .try_init();
}

/// Says on standard error why the run failed and what to do about it, as one line.
pub fn error(error: &anyhow::Error) {
    let remedy = remedy(error).map(|remedy| format!("; {remedy}"));
    note(&format!("error: {error:#}{}", remedy.unwrap_or_default()));
}

/// Says something on standard error. Where that is closed there is nobody to tell.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{}", one_line(text));
}

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
    let mut out = BufWriter::new(io::stdout().lock());
    let written = write(&mut out).and_then(|()| Ok(out.flush()?));
    // What is still buffered could not be written; dropping the writer must not try it again.
    drop(out.into_parts());
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
        note(&format!(
            "{}: {fault}",
            if fault.rejected { "rejected" } else { "bad input" }
        ));
    }
    if faults.len() > MOST_FAULTS {
        note(&format!("… and {} more", faults.len() - MOST_FAULTS));
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
