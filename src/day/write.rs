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
use std::io::BufWriter;
use std::path::Path;

use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use super::checksum::{self, Hashing};
use super::keys::KeyIndex;
use super::run::Batches;
use super::{Error, Result};
use crate::schema::{self, Encoding, Field, Kind, Table};

/// Revisions in a row that differ in their padding.
pub(super) const PADDINGS: u64 = 16;

const PADDING: [u8; PADDINGS as usize] = [0; PADDINGS as usize];

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

/// Writes rows in order to a new file, with its checksum, and syncs it to disk. `rows` is their number, for the size of the bloom filters.
pub fn write(
    batches: Batches,
    table: &Table,
    rows: usize,
    path: &Path,
    footer: Footer,
    options: &WriteOptions,
) -> Result<Written> {
    let schema = schema::arrow::schema(table);
    let failed = || Error::parquet("write", path);
    let file = File::options().read(true).write(true).create_new(true).open(path);
    let file = Hashing::new(file.map_err(Error::io("create", path))?);
    let properties = properties(table, rows, options)?;
    let mut writer = ArrowWriter::try_new(BufWriter::new(file), schema, Some(properties)).map_err(failed())?;
    writer
        .write_all(&PADDING[..1 + (footer.revision % PADDINGS) as usize])
        .map_err(Error::io("write", path))?;
    let mut written = 0;
    for batch in batches {
        let batch = batch?;
        written += batch.num_rows();
        writer.write(&batch).map_err(failed())?;
    }
    for (key, value) in footer.facts {
        writer.append_key_value_metadata(KeyValue::new(key, value));
    }
    writer.append_key_value_metadata(KeyValue::new(
        checksum::KEY.to_string(),
        checksum::PLACEHOLDER.to_string(),
    ));
    let file = writer.into_inner().map_err(failed())?;
    let file = file
        .into_inner()
        .map_err(|e| Error::io("write", path)(e.into_error()))?
        .finish(path)?;
    let bytes = file
        .metadata()
        .map_err(Error::io("read the size of", path))?
        .len();
    Ok(Written { rows: written, bytes })
}

fn properties(table: &Table, rows: usize, options: &WriteOptions) -> Result<WriterProperties> {
    let schema = schema::arrow::schema(table);
    let index = KeyIndex::new(table, &schema)?;
    let level = ZstdLevel::try_new(options.zstd_level).map_err(Error::parquet("set the zstd level", ""))?;
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(options.row_group_rows))
        .set_max_row_group_bytes(Some(options.row_group_bytes))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_sorting_columns(Some(sorting_columns(table, &schema, &index)));
    let distinct = rows.clamp(1, options.row_group_rows) as u64;
    for field in table.columns() {
        builder = column(
            builder,
            field,
            &field.kind,
            &mut vec![field.name.clone()],
            distinct,
        );
    }
    Ok(builder.build())
}

/// Leaves of the order's columns; they are strings and times, so each has one leaf.
fn sorting_columns(
    table: &Table,
    schema: &arrow::datatypes::SchemaRef,
    index: &KeyIndex,
) -> Vec<SortingColumn> {
    let kinds: Vec<_> = table.columns().map(|field| leaves(&field.kind)).collect();
    let leaf = |column: usize| kinds[..column].iter().sum::<usize>() as i32;
    debug_assert_eq!(kinds.len(), schema.fields().len());
    let sorting = |column| SortingColumn {
        column_idx: leaf(column),
        descending: false,
        nulls_first: true,
    };
    index.order().into_iter().map(sorting).collect()
}

fn leaves(kind: &Kind) -> usize {
    match kind {
        Kind::List(element) => leaves(element),
        Kind::Struct(fields) => fields.iter().map(|field| leaves(&field.kind)).sum(),
        Kind::TextMap => 2,
        _ => 1,
    }
}

/// Sets what `schemas/` says of the field at the path, and of the fields in it.
fn column(
    mut builder: WriterPropertiesBuilder,
    field: &Field,
    kind: &Kind,
    path: &mut Vec<String>,
    distinct: u64,
) -> WriterPropertiesBuilder {
    match kind {
        Kind::List(element) => {
            path.extend(["list".to_string(), "element".to_string()]);
            builder = column(builder, field, element, path, distinct);
            path.truncate(path.len() - 2);
        }
        Kind::Struct(fields) => {
            for field in fields {
                path.push(field.name.clone());
                builder = column(builder, field, &field.kind, path, distinct);
                path.pop();
            }
        }
        _ => {
            let leaf = ColumnPath::new(path.clone());
            if let Some(encoding) = field.encoding {
                builder = builder
                    .set_column_dictionary_enabled(leaf.clone(), false)
                    .set_column_encoding(leaf.clone(), parquet_encoding(encoding));
            }
            if field.bloom {
                builder = builder
                    .set_column_bloom_filter_enabled(leaf.clone(), true)
                    .set_column_bloom_filter_max_ndv(leaf, distinct);
            }
        }
    }
    builder
}

fn parquet_encoding(encoding: Encoding) -> parquet::basic::Encoding {
    match encoding {
        Encoding::Plain => parquet::basic::Encoding::PLAIN,
        Encoding::DeltaBinaryPacked => parquet::basic::Encoding::DELTA_BINARY_PACKED,
        Encoding::DeltaLengthByteArray => parquet::basic::Encoding::DELTA_LENGTH_BYTE_ARRAY,
        Encoding::DeltaByteArray => parquet::basic::Encoding::DELTA_BYTE_ARRAY,
    }
}
