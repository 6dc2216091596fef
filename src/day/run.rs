//! A run: rows of one day in order, in memory, spilled or in a Parquet file, read as often as needed.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{MutableArrayData, RecordBatch, make_array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::interleave_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::partition::SpilledRun;
use super::seal::Part;
use super::shape::conform;
use super::{Error, Result};
use crate::schema::{self, Table};

/// Most rows of a batch that is put together from others.
const BATCH_ROWS: usize = 4096;

/// Most bytes of such a batch, by the average row of its sources.
const BATCH_BYTES: usize = 8 << 20;

/// Most rows of a batch that is read from a file with all its columns: usually some 5 MB, and a merge holds one or two of each file.
const READ_ROWS: usize = 1024;

/// Rows that stand together in one source from which they are handed on as they are: copying fewer costs less than what
/// every batch costs later.
const STRETCH: usize = 1024;

/// Rows of an average stretch from which stretches are copied rather than rows: calls of input nearly in order stand together
/// by the dozen, and so copying takes less than half the instructions.
const SHORT_STRETCH: usize = 4;

/// Rows of one source from which they are encoded from there: fewer are copied into one batch with their neighbours, since every
/// batch costs something for every column.
const SELECTED: usize = 256;

/// Batches of rows, or of columns of them.
pub type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// Rows of a batch to be encoded.
#[derive(Debug)]
pub(crate) struct Selection {
    pub(crate) batch: RecordBatch,
    /// Which, in which order; all as they stand without.
    pub(crate) rows: Option<Vec<u32>>,
}

/// Selections of rows that follow one another.
pub(crate) type Selections = Box<dyn Iterator<Item = Result<Selection>> + Send>;

impl Selection {
    pub(crate) fn len(&self) -> usize {
        self.rows.as_ref().map_or(self.batch.num_rows(), Vec::len)
    }

    /// Takes the first rows away, at most so many.
    pub(crate) fn take(&mut self, most: usize) -> Selection {
        let rest = self.len() - self.len().min(most);
        match &mut self.rows {
            Some(rows) => {
                let rest = rows.split_off(rows.len() - rest);
                Selection {
                    batch: self.batch.clone(),
                    rows: self.rows.replace(rest),
                }
            }
            None => {
                let taken = self.batch.num_rows() - rest;
                let batch = self.batch.slice(taken, rest);
                Selection {
                    batch: std::mem::replace(&mut self.batch, batch).slice(0, taken),
                    rows: None,
                }
            }
        }
    }
}

impl From<RecordBatch> for Selection {
    fn from(batch: RecordBatch) -> Selection {
        Selection { batch, rows: None }
    }
}

/// Rows of one day in order.
#[derive(Debug, Clone)]
pub(crate) enum Run {
    Memory(MemoryRun),
    Spilled(SpilledRun),
    Parquet(ParquetRun),
    Part(Arc<Part>),
}

impl Run {
    pub(crate) fn rows(&self) -> usize {
        match self {
            Run::Memory(run) => run.range.len(),
            Run::Spilled(run) => run.rows(),
            Run::Parquet(run) => run.rows,
            Run::Part(part) => part.run.rows,
        }
    }

    /// The rows in order.
    pub(crate) fn batches(&self) -> Result<Batches> {
        match self {
            Run::Memory(run) => Ok(run.batches()),
            Run::Spilled(run) => Ok(run.batches()),
            Run::Parquet(run) => run.batches(None),
            Run::Part(part) => part.run.batches(None),
        }
    }

    /// The columns at these indices (ascending) of the rows in order.
    pub(crate) fn columns(&self, columns: &[usize]) -> Result<Batches> {
        match self {
            Run::Memory(run) => run.columns(columns),
            Run::Spilled(run) => Ok(run.columns(columns)),
            Run::Parquet(run) => run.batches(Some(columns)),
            Run::Part(part) => part.run.batches(Some(columns)),
        }
    }
}

/// A row of gathered batches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) batch: u32,
    pub(crate) row: u32,
}

/// Rows of gathered batches in an order.
#[derive(Debug, Clone)]
pub(crate) struct MemoryRun {
    pub(crate) sources: Arc<Vec<RecordBatch>>,
    /// Order of the rows of all days.
    pub(crate) order: Arc<Vec<Place>>,
    /// The day's part of it.
    pub(crate) range: Range<usize>,
}

impl MemoryRun {
    pub(super) fn batches(&self) -> Batches {
        self.batches_of(self.sources.clone())
    }

    pub(super) fn columns(&self, columns: &[usize]) -> Result<Batches> {
        let sources = self.sources.iter().map(|batch| batch.project(columns));
        let sources: Vec<_> = sources
            .collect::<Result<_, _>>()
            .map_err(Error::arrow("pick columns"))?;
        Ok(self.batches_of(Arc::new(sources)))
    }

    fn batches_of(&self, sources: Arc<Vec<RecordBatch>>) -> Batches {
        let (order, range) = (self.order.clone(), self.range.clone());
        let limit = rows_a_batch(sources.iter());
        let mut at = range.start;
        Box::new(std::iter::from_fn(move || {
            let rest = &order[at..range.end];
            if rest.is_empty() {
                return None;
            }
            let (rows, batch) = next_batch(&sources, rest, limit);
            at += rows;
            Some(batch)
        }))
    }

    /// The rows that are kept, in order, without a copy of those that stand in one source together with enough others.
    pub(crate) fn selections(&self, keep: Option<&BooleanBuffer>) -> Selections {
        let rows = &self.order[self.range.clone()];
        let kept: Vec<Place> = match keep {
            Some(keep) => keep.set_indices().map(|row| rows[row]).collect(),
            None => rows.to_vec(),
        };
        let sources = self.sources.clone();
        let limit = rows_a_batch(sources.iter());
        let mut at = 0;
        Box::new(std::iter::from_fn(move || {
            let rest = &kept[at..];
            if rest.is_empty() {
                return None;
            }
            let (rows, selection) = next_selection(&sources, rest, limit);
            at += rows;
            Some(selection)
        }))
    }
}

/// Rows a batch put together from rows of these, so that it stays within its bounds of rows and bytes.
pub(crate) fn rows_a_batch<'a>(sources: impl Iterator<Item = &'a RecordBatch>) -> usize {
    let row_bytes = sources.map(row_bytes).max();
    (BATCH_BYTES / row_bytes.unwrap_or(1).max(1)).clamp(1, BATCH_ROWS)
}

/// Bytes that an average row of the batch takes.
pub(crate) fn row_bytes(batch: &RecordBatch) -> usize {
    batch.get_array_memory_size() / batch.num_rows().max(1)
}

/// The first rows of `rest` as a batch: those that stand together in one source as a slice of it, others copied.
fn next_batch(sources: &[RecordBatch], rest: &[Place], limit: usize) -> (usize, Result<RecordBatch>) {
    let first = stretch(rest);
    let Place { batch, row } = rest[0];
    // A few rows of a large batch would weigh as much as all of it, and keep it.
    let is_most = first == rest.len() && first * 2 >= sources[batch as usize].num_rows();
    if first >= STRETCH.min(limit) || is_most {
        let first = first.min(limit);
        return (first, Ok(sources[batch as usize].slice(row as usize, first)));
    }
    let mut rows = first;
    while rows < limit && rows < rest.len() {
        let next = stretch(&rest[rows..]);
        if next >= STRETCH {
            break;
        }
        rows += next.min(limit - rows);
    }
    (rows, copy(sources, &rest[..rows]))
}

/// The first rows of `rest` as a selection: those of one source as they stand there, of several that alternate copied.
fn next_selection(sources: &[RecordBatch], rest: &[Place], limit: usize) -> (usize, Result<Selection>) {
    let alike = |rest: &[Place]| {
        let rest = &rest[..rest.len().min(limit)];
        rest.iter()
            .take_while(|place| place.batch == rest[0].batch)
            .count()
    };
    let first = alike(rest);
    if first >= SELECTED.min(limit) || first == rest.len() {
        let batch = sources[rest[0].batch as usize].clone();
        let rows = Some(rest[..first].iter().map(|place| place.row).collect());
        let selection = match stretch(&rest[..first]) == first {
            true => batch.slice(rest[0].row as usize, first).into(),
            false => Selection { batch, rows },
        };
        return (first, Ok(selection));
    }
    let mut rows = first;
    while rows < limit && rows < rest.len() {
        let next = alike(&rest[rows..]);
        if next >= SELECTED {
            break;
        }
        rows += next.min(limit - rows);
    }
    (rows, copy(sources, &rest[..rows]).map(Selection::from))
}

/// How many of the first rows stand together in one source.
fn stretch(rest: &[Place]) -> usize {
    let together = |pair: &[Place]| pair[0].batch == pair[1].batch && pair[0].row + 1 == pair[1].row;
    1 + rest.windows(2).take_while(|pair| together(pair)).count()
}

/// A batch of those rows, of which there must be some.
pub(crate) fn copy(sources: &[RecordBatch], places: &[Place]) -> Result<RecordBatch> {
    // Only the sources that are used, since each costs something for each column.
    let mut used: Vec<u32> = places.iter().map(|place| place.batch).collect();
    used.sort_unstable();
    used.dedup();
    let batches: Vec<_> = used.iter().map(|&batch| &sources[batch as usize]).collect();
    let source = |batch: u32| used.partition_point(|&other| other < batch);
    let mut stretches = Vec::new();
    let mut at = 0;
    while at < places.len() {
        let rows = stretch(&places[at..]);
        stretches.push((source(places[at].batch), places[at].row as usize, rows));
        at += rows;
    }
    let copied = if stretches.len() * SHORT_STRETCH <= places.len() {
        copy_stretches(&batches, &stretches, places.len())
    } else {
        let indices: Vec<_> = places
            .iter()
            .map(|place| (source(place.batch), place.row as usize))
            .collect();
        interleave_record_batch(&batches, &indices)
    };
    copied.map_err(Error::arrow("put rows in order"))
}

/// A batch of stretches of rows: source, first row, number of rows.
fn copy_stretches(
    sources: &[&RecordBatch],
    stretches: &[(usize, usize, usize)],
    rows: usize,
) -> Result<RecordBatch, ArrowError> {
    let schema = sources[0].schema();
    let column = |column: usize| {
        let data: Vec<_> = sources
            .iter()
            .map(|batch| batch.column(column).to_data())
            .collect();
        let mut copied = MutableArrayData::new(data.iter().collect(), false, rows);
        for &(source, first, rows) in stretches {
            copied.try_extend(source, first, first + rows)?;
        }
        Ok(make_array(copied.freeze()))
    };
    let columns: Result<_, ArrowError> = (0..schema.fields().len()).map(column).collect();
    RecordBatch::try_new(schema, columns?)
}

/// A day's file.
#[derive(Debug, Clone)]
pub(crate) struct ParquetRun {
    path: PathBuf,
    /// The file itself where another may take its place at the path while it is read; its position is shared, so that one reader at a
    /// time reads it.
    file: Option<Arc<File>>,
    schema: SchemaRef,
    rows: usize,
    current: bool,
}

impl ParquetRun {
    /// Opens the file of a version of the schema; rows come out in the present one.
    pub(crate) fn open(path: &Path, schema: &SchemaRef) -> Result<ParquetRun> {
        ParquetRun::of(path, None, schema)
    }

    /// As [`ParquetRun::open`], of a file that is open already; messages call it `path`.
    pub(crate) fn opened(path: &Path, file: &File, schema: &SchemaRef) -> Result<ParquetRun> {
        let file = file.try_clone().map_err(Error::io("read", path))?;
        ParquetRun::of(path, Some(Arc::new(file)), schema)
    }

    fn of(path: &Path, file: Option<Arc<File>>, schema: &SchemaRef) -> Result<ParquetRun> {
        let builder = builder(path, file.as_deref())?;
        let rows = builder.metadata().file_metadata().num_rows();
        let rows = usize::try_from(rows).map_err(|_| Error::shape("", format!("{rows} rows")))?;
        let current = builder.schema().fields() == schema.fields();
        Ok(ParquetRun {
            path: path.to_path_buf(),
            file,
            schema: schema.clone(),
            rows,
            current,
        })
    }

    /// A file of so many rows that was just written with the present schema.
    pub(crate) fn written(path: &Path, schema: &SchemaRef, rows: usize) -> ParquetRun {
        ParquetRun {
            path: path.to_path_buf(),
            file: None,
            schema: schema.clone(),
            rows,
            current: true,
        }
    }

    /// Whether the file has the present schema.
    pub(crate) fn is_current(&self) -> bool {
        self.current
    }

    fn batches(&self, columns: Option<&[usize]>) -> Result<Batches> {
        let mut builder = builder(&self.path, self.file.as_deref())?;
        let mut schema = self.schema.clone();
        let mut mask = ProjectionMask::all();
        if let Some(columns) = columns {
            schema = Arc::new(schema.project(columns).map_err(Error::arrow("pick columns"))?);
            let names = schema.fields().iter().map(|field| field.name());
            let roots = names.filter_map(|name| Some(builder.schema().column_with_name(name)?.0));
            mask = ProjectionMask::roots(builder.parquet_schema(), roots.collect::<Vec<_>>());
        }
        let most = columns.map_or(READ_ROWS, |_| BATCH_ROWS);
        builder = within_bounds(builder, mask, most);
        let reader = builder.build().map_err(Error::parquet("read", &self.path))?;
        let path = self.path.clone();
        Ok(Box::new(reader.map(move |batch| {
            let batch = batch.map_err(|source| Error::Parquet {
                action: "read",
                path: path.clone(),
                source: parquet::errors::ParquetError::External(Box::new(source)),
            })?;
            conform(&batch, &schema)
        })))
    }
}

/// The rows of a day's file, which messages call `path`, in the table's present schema.
pub fn read(path: &Path, file: &File, table: &Table) -> Result<Batches> {
    ParquetRun::opened(path, file, &schema::arrow::schema(table))?.batches(None)
}

/// Has those columns read in batches of so many rows at most, fewer where they are wide: a batch of any number of them could take
/// all memory, or more bytes a column than its offsets can count.
pub(super) fn within_bounds(
    builder: ParquetRecordBatchReaderBuilder<File>,
    mask: ProjectionMask,
    most: usize,
) -> ParquetRecordBatchReaderBuilder<File> {
    let row_bytes = builder.metadata().row_groups().iter().map(|group| {
        let columns = group.columns().iter().enumerate();
        let read = columns.filter(|(leaf, _)| mask.leaf_included(*leaf));
        let bytes: i64 = read.map(|(_, column)| column.uncompressed_size()).sum();
        (bytes / group.num_rows().max(1)).max(1) as usize
    });
    let rows = BATCH_BYTES / row_bytes.max().unwrap_or(1);
    builder.with_projection(mask).with_batch_size(rows.clamp(1, most))
}

fn builder(path: &Path, file: Option<&File>) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let file = match file {
        Some(file) => file.try_clone().map_err(Error::io("read", path))?,
        None => File::open(path).map_err(Error::io("open", path))?,
    };
    ParquetRecordBatchReaderBuilder::try_new(file).map_err(Error::parquet("read", path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Decoder, Source};
    use crate::demo::records::{Dataset, Flavour, Order};

    /// Records of every shape, with all kinds of nesting.
    fn records(rows: usize) -> RecordBatch {
        let mut lines = Vec::new();
        let dataset = Dataset {
            records: rows as u64,
            ..Dataset::default()
        };
        dataset
            .write_ndjson(&mut lines, Flavour::Mixed, Order::Start)
            .unwrap();
        let source = Source {
            account_id: "a".to_string(),
            endpoint: None,
            fetched_at: 0,
            timezone_offset: 0,
        };
        let mut decoder = Decoder::new(schema::call_details(), source);
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            decoder.record(line).unwrap();
        }
        decoder.flush().unwrap()
    }

    #[test]
    fn copied_by_stretches_or_by_rows_the_batch_is_the_same() {
        let all = records(400);
        let sources = [all.slice(0, 150), all.slice(150, 250)];
        let stretches = [(1, 3, 40), (0, 149, 1), (0, 0, 70), (1, 200, 50), (0, 70, 2)];
        let rows = stretches.iter().map(|(_, _, rows)| rows).sum();
        let indices: Vec<_> = stretches
            .iter()
            .flat_map(|&(source, first, rows)| (first..first + rows).map(move |row| (source, row)))
            .collect();
        let sources: Vec<_> = sources.iter().collect();
        let by_rows = interleave_record_batch(&sources, &indices).unwrap();
        assert_eq!(copy_stretches(&sources, &stretches, rows).unwrap(), by_rows);
    }
}
