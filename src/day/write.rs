//! Rows in order → a Parquet file on local disk.
//!
//! zstd, row groups bounded by rows and bytes, statistics, page index, `sorting_columns`, bloom filters and encodings as
//! `schemas/` says. Memory: one row group, encoded.
//!
//! Between the leading magic and the first row group lie 1 to 16 zero bytes, another number in each of 16 revisions in a
//! row. So the offsets in the footer of one revision point into the middle of pages of another, and a reader that takes the
//! footer of one and the pages of the next gets an error, not rows of both, even if their layouts are equal. Readers go by
//! the footer's offsets, so the bytes between are nobody's. The shift is less than the shortest column chunk (34 bytes, all
//! null): one by a whole chunk would land on a page of the neighbouring column, which pyarrow then reads without a word.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use parquet::bloom_filter::Sbbf;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, PageIndexPolicy, ParquetMetaDataOptions, ParquetMetaDataReader};
use parquet::file::writer::SerializedFileWriter;

use super::checksum::{self, Hashing};
use super::encode::RowGroup;
use super::properties::Layout;
use super::run::{Batches, Selection, Selections};
use super::window::Window;
use super::{Error, Result};
use crate::schema::Table;

/// Revisions in a row that differ in their padding.
pub(super) const PADDINGS: u64 = 16;

const PADDING: [u8; PADDINGS as usize] = [0; PADDINGS as usize];

/// Bytes that go to the disk at once.
const WRITTEN_AT_ONCE: usize = 128 << 10;

/// How files are written.
#[derive(Debug, Clone)]
pub struct WriteOptions {
    /// zstd level, 1 to 22.
    pub zstd_level: i32,
    /// Most rows of a row group.
    pub row_group_rows: usize,
    /// About the most bytes of a row group, encoded; they are held in memory.
    pub row_group_bytes: usize,
}

impl Default for WriteOptions {
    /// Level 1, which is the fastest and on call details also the smallest up to 3; row groups of 122,880 rows, which is
    /// what DuckDB scans by, or 32 MiB.
    fn default() -> Self {
        WriteOptions {
            zstd_level: 1,
            row_group_rows: 122_880,
            row_group_bytes: 32 << 20,
        }
    }
}

/// What the footer holds beside the schema.
#[derive(Debug, Clone)]
pub struct Footer {
    /// How often the day has been written before.
    pub revision: u64,
    /// Key-value metadata.
    pub facts: Vec<(String, String)>,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its rows.
    pub rows: usize,
    /// Its size.
    pub bytes: u64,
}

/// Rows that follow those of the piece before.
pub(super) enum Piece<'a> {
    /// Encoded columns of the same table in a [part](write_part), to be copied as they are.
    Encoded(&'a Path),
    /// Rows in order, to be encoded.
    Rows(Selections),
}

/// Writes rows in order to a new file, with its checksum, and syncs it to disk. `rows` is their number, for the size of
/// the bloom filters.
pub fn write(
    batches: Batches,
    table: &Table,
    rows: usize,
    path: &Path,
    footer: Footer,
    options: &WriteOptions,
) -> Result<Written> {
    let whole: Selections = Box::new(batches.map(|batch| batch.map(Selection::from)));
    let rows_alone = std::iter::once(Ok(Piece::Rows(whole)));
    write_pieces(rows_alone, table, rows, path, footer, options)
}

/// Writes the pieces one behind the other, as [`write`] does.
pub(super) fn write_pieces<'a>(
    pieces: impl Iterator<Item = Result<Piece<'a>>>,
    table: &Table,
    rows: usize,
    path: &Path,
    footer: Footer,
    options: &WriteOptions,
) -> Result<Written> {
    let mut encoder = Encoder::new(create(path)?, table, rows, path, options)?;
    encoder
        .file
        .write_all(padding(&footer))
        .map_err(Error::io("write", path))?;
    let mut rows = 0;
    for piece in pieces {
        rows += match piece? {
            Piece::Encoded(part) => encoder.copy(part)?,
            Piece::Rows(selections) => encoder.encode(selections)?,
        };
    }
    finish(encoder.file, rows, path, footer)
}

/// Encodes rows in order as a part of a day, which is neither a day's file nor synced.
pub(super) fn write_part(
    selections: Selections,
    table: &Table,
    rows: usize,
    path: &Path,
    options: &WriteOptions,
) -> Result<usize> {
    let file = File::create_new(path).map_err(Error::io("create", path))?;
    let file = BufWriter::with_capacity(WRITTEN_AT_ONCE, file);
    let mut encoder = Encoder::new(file, table, rows, path, options)?;
    let rows = encoder.encode(selections)?;
    encoder.file.close().map_err(Error::parquet("write", path))?;
    Ok(rows)
}

type Sink = BufWriter<Hashing>;

fn create(path: &Path) -> Result<Sink> {
    let file = File::options().read(true).write(true).create_new(true).open(path);
    let hashing = Hashing::new(file.map_err(Error::io("create", path))?);
    Ok(BufWriter::with_capacity(WRITTEN_AT_ONCE, hashing))
}

fn padding(footer: &Footer) -> &'static [u8] {
    &PADDING[..1 + (footer.revision % PADDINGS) as usize]
}

/// Rows in order → row groups of a file.
struct Encoder<'a, W: Write + Send> {
    file: SerializedFileWriter<W>,
    layout: Arc<Layout>,
    /// Rows of the file.
    rows: usize,
    path: &'a Path,
    options: &'a WriteOptions,
}

impl<'a, W: Write + Send> Encoder<'a, W> {
    fn new(
        sink: W,
        table: &Table,
        rows: usize,
        path: &'a Path,
        options: &'a WriteOptions,
    ) -> Result<Encoder<'a, W>> {
        let layout = Layout::of(table, options.zstd_level)?;
        let file = SerializedFileWriter::new(sink, layout.parquet.clone(), layout.properties.clone());
        Ok(Encoder {
            file: file.map_err(Error::parquet("write", path))?,
            layout,
            rows,
            path,
            options,
        })
    }

    /// Encodes the rows; gives their number.
    fn encode(&mut self, selections: Selections) -> Result<usize> {
        let mut rows = 0;
        let mut group = self.row_group()?;
        for selection in selections {
            let mut rest = selection?;
            rows += rest.len();
            while rest.len() > 0 {
                let Selection { batch, rows } = rest.take(self.options.row_group_rows - group.rows());
                group
                    .push(&batch, rows)
                    .map_err(Error::parquet("encode", self.path))?;
                if group.rows() == self.options.row_group_rows || group.size() >= self.options.row_group_bytes
                {
                    let full = std::mem::replace(&mut group, self.row_group()?);
                    self.write(full)?;
                }
            }
        }
        if group.rows() > 0 {
            self.write(group)?;
        }
        Ok(rows)
    }

    /// Appends the row groups of a part; gives the number of their rows.
    fn copy(&mut self, part: &Path) -> Result<usize> {
        let (reading, writing) = (
            || Error::parquet("read", part),
            || Error::parquet("write", self.path),
        );
        let input = File::open(part)
            .and_then(Window::new)
            .map_err(Error::io("open", part))?;
        let metadata = ParquetMetaDataReader::new()
            .with_page_index_policy(PageIndexPolicy::Required)
            // By default they are read in a form that can't be written again.
            .with_metadata_options(Some(
                ParquetMetaDataOptions::new().with_encoding_stats_as_mask(false),
            ))
            .parse_and_finish(&input)
            .map_err(reading())?;
        let index = metadata.page_index();
        for (number, group) in metadata.row_groups().iter().enumerate() {
            // They lie together behind the columns.
            let columns = group.columns().iter();
            let blooms = columns.map(|column| Sbbf::read_from_column_chunk(column, &input));
            let blooms = blooms.collect::<Result<Vec<_>, _>>().map_err(reading())?;
            let mut out = self.file.next_row_group().map_err(writing())?;
            for ((at, column), bloom_filter) in group.columns().iter().enumerate().zip(blooms) {
                let chunk = ColumnCloseResult {
                    bytes_written: column.compressed_size() as u64,
                    rows_written: group.num_rows() as u64,
                    bloom_filter,
                    column_index: index.and_then(|index| index.column_index(number, at)).cloned(),
                    offset_index: index.and_then(|index| index.offset_index(number, at)).cloned(),
                    metadata: column.clone(),
                };
                out.append_column(&input, chunk).map_err(writing())?;
            }
            out.close().map_err(writing())?;
        }
        Ok(metadata.file_metadata().num_rows() as usize)
    }

    fn row_group(&self) -> Result<RowGroup> {
        let Layout {
            schema, properties, ..
        } = &*self.layout;
        let distinct = self.rows.clamp(1, self.options.row_group_rows);
        let group = RowGroup::new(schema, self.file.schema_descr(), properties, distinct);
        group.map_err(Error::parquet("encode", self.path))
    }

    fn write(&mut self, group: RowGroup) -> Result<()> {
        let failed = || Error::parquet("write", self.path);
        let columns = group.finish().map_err(failed())?;
        let mut out = self.file.next_row_group().map_err(failed())?;
        for (bytes, column) in columns {
            out.append_column(&bytes, column).map_err(failed())?;
        }
        out.close().map_err(failed())?;
        Ok(())
    }
}

/// Writes the footer and the checksum, and syncs the file.
fn finish(
    mut writer: SerializedFileWriter<Sink>,
    rows: usize,
    path: &Path,
    footer: Footer,
) -> Result<Written> {
    for (key, value) in footer.facts {
        writer.append_key_value_metadata(KeyValue::new(key, value));
    }
    let checksum = KeyValue::new(checksum::KEY.to_string(), checksum::PLACEHOLDER.to_string());
    writer.append_key_value_metadata(checksum);
    // What is still buffered goes out here, where an error of the disk keeps its kind.
    writer.flush().map_err(Error::io("write", path))?;
    // All that can fail now is the disk.
    let failed = |error| match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(source) => *source,
            Err(cause) => io::Error::other(cause),
        },
        error => io::Error::other(error),
    };
    let sink = writer
        .into_inner()
        .map_err(|error| Error::io("write", path)(failed(error)))?;
    let sink = sink
        .into_inner()
        .map_err(|error| Error::io("write", path)(error.into_error()))?;
    let bytes = sink
        .finish(path)?
        .metadata()
        .map_err(Error::io("read the size of", path))?
        .len();
    Ok(Written { rows, bytes })
}
