//! Parquet settings of each column: what `schemas/` says, as the writer wants it.

use arrow::datatypes::SchemaRef;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use super::keys::KeyIndex;
use super::write::WriteOptions;
use super::{Error, Result};
use crate::schema::{self, Encoding, Field, Kind, Table};

/// Settings for a file of so many rows.
pub(super) fn properties(table: &Table, rows: usize, options: &WriteOptions) -> Result<WriterProperties> {
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
fn sorting_columns(table: &Table, schema: &SchemaRef, index: &KeyIndex) -> Vec<SortingColumn> {
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
