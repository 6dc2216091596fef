//! Reads inputs through the decoder, batch by batch, and decides what a fault in one of them costs.

use std::io::{ErrorKind, Read, Write};

use arrow::array::RecordBatch;

use super::{Input, InputError, open};
use crate::decode::{Decoder, Event, Problem, Source, Stream};

/// JSON in one batch: large enough that handing over costs nothing, small against the memory budget.
const BATCH_BYTES: usize = 8 << 20;

/// Takes batches as they fill.
pub type BatchSink<'a> = dyn FnMut(RecordBatch) -> anyhow::Result<()> + 'a;

/// What is done about input that gives no row.
pub enum Tolerance {
    /// The first fault ends the run.
    Stop,
    /// Faults are noted, and the good input beside them is kept.
    KeepGoing,
    /// As before, and the bytes that gave no row are written here.
    Rejects(Box<dyn Write + Send>),
}

/// Input that gave no row.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// The input.
    pub input: String,
    /// Line on which it starts, from 1; absent where the input could not be read at all.
    pub line: Option<u64>,
    /// Its number among the records of the input, from 1.
    pub record: Option<u64>,
    /// What is wrong.
    pub cause: String,
    /// Whether its bytes are in the rejects file.
    pub rejected: bool,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.input)?;
        if let (Some(line), Some(record)) = (self.line, self.record) {
            write!(f, ", line {line}, record {record}")?;
        }
        write!(f, ": {}", self.cause)
    }
}

/// What was read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Inputs that were read to their end or to a fault.
    pub inputs: u64,
    /// Records that were decoded.
    pub records: u64,
    /// Bytes of them, decompressed.
    pub bytes: u64,
    /// Faults, in order.
    pub faults: Vec<Fault>,
}

/// Reads all inputs and hands over their records in batches.
///
/// # Errors
/// The first fault where faults are not tolerated; what the sink says; a rejects file that can't be written.
pub fn read_all(
    inputs: &[Input],
    decoder: &mut Decoder,
    source: &Source,
    tolerance: &mut Tolerance,
    sink: &mut BatchSink<'_>,
) -> anyhow::Result<Reading> {
    let mut reading = Reading::default();
    for input in inputs {
        let opened = match open::open(input) {
            Ok(opened) => opened,
            Err(error) => {
                let cause = match &error {
                    InputError::Io { error, .. } => format!("open: {error}"),
                    other => other.to_string(),
                };
                reading.note(input, None, cause, tolerance, None)?;
                continue;
            }
        };
        decoder.set_source(Source {
            fetched_at: opened.modified.timestamp_micros(),
            ..source.clone()
        });
        read_one(input, opened.reader, decoder, tolerance, sink, &mut reading)?;
        reading.inputs += 1;
    }
    if decoder.rows() > 0 {
        sink(decoder.flush()?)?;
    }
    Ok(reading)
}

fn read_one(
    input: &Input,
    reader: Box<dyn Read + Send>,
    decoder: &mut Decoder,
    tolerance: &mut Tolerance,
    sink: &mut BatchSink<'_>,
    reading: &mut Reading,
) -> anyhow::Result<()> {
    let mut reader = Filler { reader, failed: None };
    let mut stream = Stream::new();
    loop {
        match stream.advance(decoder) {
            Event::Record => {
                reading.records += 1;
                if decoder.bytes() >= BATCH_BYTES {
                    sink(decoder.flush()?)?;
                }
            }
            Event::Problem(problem) => {
                let cause = problem.cause.clone();
                let rest = problem.fatal.then_some(&mut reader.reader);
                reading.note(input, Some(&problem), cause, tolerance, rest)?;
            }
            Event::NeedInput => match reader.fill(stream.space()) {
                Ok(bytes) => {
                    stream.filled(bytes);
                    reading.bytes += bytes as u64;
                }
                Err(error) => {
                    let cause = format!("read after record {}: {error}", stream.records());
                    return reading.note(input, None, cause, tolerance, None);
                }
            },
            Event::End => return Ok(()),
        }
    }
}

/// A reader that gives all it has before it gives its error.
struct Filler {
    reader: Box<dyn Read + Send>,
    failed: Option<std::io::Error>,
}

impl Filler {
    /// Fills as much of the room as there is input for; 0 at its end.
    fn fill(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let mut filled = 0;
        while filled < room.len() {
            match self.reader.read(&mut room[filled..]) {
                Ok(0) => break,
                Ok(bytes) => filled += bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if filled == 0 => return Err(error),
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            }
        }
        Ok(filled)
    }
}

impl Reading {
    /// Notes a fault, or ends the run with it. Where the next record can't be found, `rest` is what is left of the input.
    fn note(
        &mut self,
        input: &Input,
        problem: Option<&Problem>,
        cause: String,
        tolerance: &mut Tolerance,
        rest: Option<&mut Box<dyn Read + Send>>,
    ) -> anyhow::Result<()> {
        let mut fault = Fault {
            input: input.to_string(),
            line: problem.map(|problem| problem.line),
            record: problem.map(|problem| problem.record),
            cause,
            rejected: false,
        };
        match (tolerance, problem) {
            (Tolerance::Stop, _) => {
                let remedy = "mend or leave out the input, or use --keep-going or --rejects FILE";
                return Err(InputError::Bad(format!("{fault}; nothing was written ({remedy})")).into());
            }
            (Tolerance::Rejects(file), Some(problem)) => {
                reject(file, problem, rest).map_err(InputError::io("the rejects file"))?;
                fault.rejected = true;
            }
            (Tolerance::KeepGoing | Tolerance::Rejects(_), _) => {}
        }
        self.faults.push(fault);
        Ok(())
    }
}

fn reject(
    file: &mut Box<dyn Write + Send>,
    problem: &Problem,
    rest: Option<&mut Box<dyn Read + Send>>,
) -> std::io::Result<()> {
    file.write_all(problem.raw.trim_ascii_end())?;
    if let Some(rest) = rest {
        std::io::copy(rest, file)?;
    }
    file.write_all(b"\n")?;
    file.flush()
}
