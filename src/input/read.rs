//! Reads inputs through the decoder, batch by batch, and decides what a fault in one of them costs.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;

use super::{Input, InputError, open};
use crate::decode::{Decoder, Event, Problem, Rows, Sorted, Source, Stream, Tally};
use crate::progress::Progress;
use crate::proof::{Originals, ProofError};
use crate::schema::Table;

/// JSON in one batch where nothing else is said: large enough that handing over costs nothing.
const BATCH_BYTES: usize = 4 << 20;

/// Takes rows of a table, a batch at a time.
pub type BatchSink<'a> = dyn FnMut(&'static Table, Rows) -> anyhow::Result<()> + 'a;

/// What is done about input that gives no row.
pub enum Tolerance {
    /// The first fault ends the run.
    Stop,
    /// Faults are noted, and the good input beside them is kept.
    KeepGoing,
    /// As before, and the bytes that gave no row are written here.
    Rejects(Rejects),
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

/// How inputs are read.
pub struct Intake<'a> {
    /// Tables that records can be of.
    tables: Vec<&'static Table>,
    /// What reads the records, a decoder a table.
    decoders: Sorted,
    /// What a fault costs.
    tolerance: Tolerance,
    /// What proves each table's batches before they are handed over, if anything.
    proofs: Option<Vec<Proof>>,
    /// What takes the batches.
    sink: &'a mut BatchSink<'a>,
    /// Where inputs, records and bytes are counted.
    progress: Progress,
    /// JSON of a batch.
    batch_bytes: usize,
}

impl<'a> Intake<'a> {
    /// An intake of records of these tables, which come from the source but for the tables that one endpoint alone gives; each
    /// input brings its own time.
    pub fn new(
        tables: Vec<&'static Table>,
        source: &Source,
        tolerance: Tolerance,
        prove: bool,
        sink: &'a mut BatchSink<'a>,
    ) -> Intake<'a> {
        let decoder = |table: &&'static Table| {
            let endpoint = table.endpoint.clone().or_else(|| source.endpoint.clone());
            let source = source.clone();
            Decoder::new(table, Source { endpoint, ..source })
        };
        Intake {
            decoders: Sorted::new(tables.iter().map(decoder).collect()),
            proofs: prove.then(|| tables.iter().map(|table| Proof::new(table)).collect()),
            tables,
            tolerance,
            sink,
            progress: Progress::default(),
            batch_bytes: BATCH_BYTES,
        }
    }

    /// The intake, with batches of that much JSON.
    pub fn in_batches_of(self, batch_bytes: usize) -> Intake<'a> {
        Intake { batch_bytes, ..self }
    }

    /// The intake, with its inputs, records and bytes counted there.
    pub fn counted_by(self, progress: &Progress) -> Intake<'a> {
        let progress = progress.clone();
        Intake { progress, ..self }
    }

    /// Reads all inputs and hands over their records in batches; gives the decoder's counts too. `missing` are inputs that were
    /// not found.
    ///
    /// Of records with one key the last of an input counts: each is taken to be read a microsecond after the one before.
    ///
    /// # Errors
    /// The first fault where faults are not tolerated; a row that does not give back its record; what the sink says; a rejects
    /// file that can't be written.
    pub fn read_all(
        mut self,
        inputs: &[Input],
        missing: Vec<InputError>,
    ) -> anyhow::Result<(Reading, Tally)> {
        let mut reading = Reading::default();
        for error in missing {
            if matches!(self.tolerance, Tolerance::Stop) {
                return Err(error.into());
            }
            reading.faults.push(Fault {
                input: error.to_string(),
                line: None,
                record: None,
                cause: "it was left out".to_string(),
                rejected: false,
            });
        }
        for input in inputs {
            let opened = match open::open(input, &self.progress) {
                Ok(opened) => opened,
                Err(error) => {
                    let cause = match &error {
                        InputError::Io { error, .. } => format!("open: {error}"),
                        InputError::Format { remedy, .. } => remedy.to_string(),
                        other => other.to_string(),
                    };
                    reading.note(input, None, cause, &mut self.tolerance)?;
                    continue;
                }
            };
            let fetched_at = opened.modified.timestamp_micros();
            self.read_one(input, opened.reader, fetched_at, &mut reading)?;
            reading.inputs += 1;
            self.progress.steps.add(1);
        }
        let mut tally = Tally::default();
        for place in 0..self.tables.len() {
            self.hand_over(place)?;
            tally.add(&self.decoders.decoders()[place].take_tally());
        }
        Ok((reading, tally))
    }

    fn read_one(
        &mut self,
        input: &Input,
        reader: Box<dyn Read + Send>,
        fetched_at: i64,
        reading: &mut Reading,
    ) -> anyhow::Result<()> {
        let mut reader = Filler { reader, failed: None };
        self.proofs
            .iter_mut()
            .flatten()
            .for_each(|proof| proof.begin(input));
        let mut stream = Stream::new();
        // Whether the problem at hand is one of input that is not all there.
        let mut cut = false;
        loop {
            let number = i64::try_from(stream.records()).unwrap_or(i64::MAX);
            for decoder in self.decoders.decoders() {
                decoder.set_fetched_at(fetched_at.saturating_add(number));
            }
            match stream.advance(&mut self.decoders) {
                Event::Skipped(bytes) => {
                    if let Tolerance::Rejects(rejects) = &mut self.tolerance {
                        rejects.write(&bytes)?;
                        if let Some(fault) = reading.faults.last_mut().filter(|_| !cut) {
                            fault.rejected = true;
                        }
                    }
                }
                Event::Record => {
                    reading.records += 1;
                    let place = self.decoders.latest();
                    if let Some(proofs) = &mut self.proofs {
                        proofs[place].keep(stream.record(), stream.records());
                    }
                    if self.decoders.decoders()[place].bytes() >= self.batch_bytes {
                        self.hand_over(place)?;
                    }
                }
                Event::Problem(problem) => {
                    let cause = problem.cause.clone();
                    cut = problem.cut;
                    reading.note(input, Some(&problem), cause, &mut self.tolerance)?;
                }
                Event::NeedInput => match reader.fill(stream.space()) {
                    Ok(bytes) => {
                        stream.filled(bytes);
                        reading.bytes += bytes as u64;
                        self.progress.bytes.add(bytes as u64);
                    }
                    Err(error) => {
                        let cause = format!("read after record {}: {error}", stream.records());
                        return reading.note(input, None, cause, &mut self.tolerance);
                    }
                },
                Event::End => {
                    if let Tolerance::Rejects(rejects) = &mut self.tolerance {
                        rejects.end()?;
                    }
                    return Ok(());
                }
            }
        }
    }

    fn hand_over(&mut self, place: usize) -> anyhow::Result<()> {
        let decoder = &mut self.decoders.decoders()[place];
        if decoder.rows() == 0 {
            return Ok(());
        }
        self.progress.records.add(decoder.rows() as u64);
        let rows = match &mut self.proofs {
            Some(proofs) => {
                let batch = decoder.flush()?;
                proofs[place].prove(&batch)?;
                batch.into()
            }
            None => decoder.detach(),
        };
        (self.sink)(self.tables[place], rows)
    }
}

/// The records of the batch in hand as they came, to prove its rows by.
pub struct Proof {
    table: &'static Table,
    originals: Originals,
    /// Input and number within it, by row.
    places: Vec<(Arc<str>, u64)>,
    input: Arc<str>,
}

impl Proof {
    /// A proof of batches of the table.
    pub fn new(table: &'static Table) -> Proof {
        Proof {
            table,
            originals: Originals::new(),
            places: Vec::new(),
            input: Arc::from(""),
        }
    }

    /// Says what the records from now on are of.
    pub fn begin(&mut self, input: &dyn std::fmt::Display) {
        self.input = input.to_string().into();
    }

    /// Keeps the record of the next row; `number` is its own within its input, from 1.
    pub fn keep(&mut self, record: &[u8], number: u64) {
        self.places.push((Arc::clone(&self.input), number));
        self.originals.push(record);
    }

    /// Rebuilds each row's record and compares it with the one kept, then forgets those.
    ///
    /// # Errors
    /// The first row that is another record than it was made of, with its input, number and the pointer to the difference.
    pub fn prove(&mut self, batch: &RecordBatch) -> anyhow::Result<()> {
        let proven = self.originals.prove(self.table, batch);
        let places = std::mem::take(&mut self.places);
        self.originals.clear();
        proven.map_err(|error| match &error {
            ProofError::Differs { row, difference } => match places.get(*row) {
                Some((input, number)) => {
                    anyhow::anyhow!(
                        "prove record {number} of {input}: {difference}; nothing of it was written"
                    )
                }
                None => error.into(),
            },
            ProofError::Count { .. } | ProofError::Restore(_) => error.into(),
        })
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
    /// Notes a fault, or ends the run with it.
    fn note(
        &mut self,
        input: &Input,
        problem: Option<&Problem>,
        cause: String,
        tolerance: &mut Tolerance,
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
            (Tolerance::Rejects(rejects), Some(problem)) => {
                rejects.end()?;
                rejects.write(&problem.raw)?;
                // What is cut off is not all there, whatever there is of it.
                fault.rejected = !problem.raw.is_empty() && !problem.cut;
            }
            (Tolerance::KeepGoing | Tolerance::Rejects(_), _) => {}
        }
        self.faults.push(fault);
        Ok(())
    }
}

/// A file that takes the bytes that gave no row, each fault on a line of its own.
pub struct Rejects {
    file: Box<dyn Write + Send>,
    /// Whether the last line has no end yet.
    line_open: bool,
}

impl Rejects {
    /// Rejects that are written to a new file, or to one that is empty: what an earlier run rejected is nowhere else, and a slip
    /// of the hand must not cost an input.
    ///
    /// # Errors
    /// The file can't be made, or has something in it.
    pub fn create(path: &Path) -> Result<Rejects, InputError> {
        let failed = || InputError::io(format!("the rejects file {}", path.display()));
        let file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .map_err(failed())?;
        if file.metadata().map_err(failed())?.len() > 0 {
            return Err(InputError::RejectsTaken(path.display().to_string()));
        }
        Ok(Rejects::new(file))
    }

    /// Rejects that are written to the file as they come.
    pub fn new(file: impl Write + Send + 'static) -> Rejects {
        Rejects {
            file: Box::new(file),
            line_open: false,
        }
    }

    /// More bytes of the fault in hand.
    fn write(&mut self, bytes: &[u8]) -> Result<(), InputError> {
        if let Some(last) = bytes.last() {
            self.line_open = *last != b'\n';
            self.file
                .write_all(bytes)
                .map_err(InputError::io("the rejects file"))?;
        }
        Ok(())
    }

    /// Ends the fault in hand.
    fn end(&mut self) -> Result<(), InputError> {
        if self.line_open {
            self.write(b"\n")?;
        }
        self.file.flush().map_err(InputError::io("the rejects file"))
    }
}
