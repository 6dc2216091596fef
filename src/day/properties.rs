//! How a table's files are laid out: what `schemas/` says of each column, as the writer wants it.
//!
//! Columns outside lists and maps have statistics. Within those no reader can skip anything by them, so there they would only
//! cost: most columns are in lists, and every query reads the footer first.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowSchemaConverter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::{ColumnPath, TypePtr};

use super::keys::KeyIndex;
use super::{Error, Result};
use crate::schema::{self, Encoding, Field, Kind, Table};

/// What all files of a table have in common that are compressed alike.
#[derive(Debug)]
pub(super) struct Layout {
    table: String,
    zstd_level: i32,
    pub(super) schema: SchemaRef,
    /// The schema in Parquet's terms.
    pub(super) parquet: TypePtr,
    pub(super) properties: Arc<WriterProperties>,
}

impl Layout {
    /// The layout of the table's files. It is worked out once: with 200 columns that takes longer than to write a few rows.
    pub(super) fn of(table: &Table, zstd_level: i32) -> Result<Arc<Layout>> {
        static KNOWN: Mutex<Vec<Arc<Layout>>> = Mutex::new(Vec::new());
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |layout: &&Arc<Layout>| layout.table == table.name && layout.zstd_level == zstd_level;
        if let Some(layout) = known.iter().find(same) {
            return Ok(layout.clone());
        }
        let schema = schema::arrow::schema(table);
        let parquet = ArrowSchemaConverter::new()
            .convert(&schema)
            .map_err(Error::parquet("lay out", ""))?;
        let layout = Arc::new(Layout {
            table: table.name.clone(),
            zstd_level,
            properties: Arc::new(properties(table, &schema, zstd_level)?),
            parquet: parquet.root_schema_ptr(),
            schema,
        });
        known.push(layout.clone());
        Ok(layout)
    }
}

fn properties(table: &Table, schema: &SchemaRef, zstd_level: i32) -> Result<WriterProperties> {
    let index = KeyIndex::new(table, schema)?;
    let level = ZstdLevel::try_new(zstd_level).map_err(Error::parquet("set the zstd level", ""))?;
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_sorting_columns(Some(sorting_columns(table, schema, &index)));
    for field in table.columns() {
        builder = column(builder, field, &field.kind, &mut vec![field.name.clone()]);
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

/// Name of the repeated group of a list in Parquet's schema. No field has it: [`column`] goes by it.
const LIST: &str = "list";

/// Names of the two leaves of a map in Parquet's schema.
const MAP: [&str; 2] = ["key", "value"];

/// Sets what `schemas/` says of the field at the path, and of the fields in it.
fn column(
    mut builder: WriterPropertiesBuilder,
    field: &Field,
    kind: &Kind,
    path: &mut Vec<String>,
) -> WriterPropertiesBuilder {
    match kind {
        Kind::List(element) => {
            path.extend([LIST.to_string(), "element".to_string()]);
            builder = column(builder, field, element, path);
            path.truncate(path.len() - 2);
        }
        Kind::Struct(fields) => {
            for field in fields {
                path.push(field.name.clone());
                builder = column(builder, field, &field.kind, path);
                path.pop();
            }
        }
        Kind::TextMap => {
            for part in MAP {
                let leaf = path.iter().map(String::as_str).chain(["key_value", part]);
                let leaf = ColumnPath::new(leaf.map(str::to_string).collect());
                builder = builder.set_column_statistics_enabled(leaf, EnabledStatistics::None);
            }
        }
        _ => {
            let leaf = ColumnPath::new(path.clone());
            if path.iter().any(|part| part == LIST) {
                builder = builder.set_column_statistics_enabled(leaf.clone(), EnabledStatistics::None);
            }
            if let Some(encoding) = field.encoding {
                builder = builder
                    .set_column_dictionary_enabled(leaf.clone(), false)
                    .set_column_encoding(leaf.clone(), parquet_encoding(encoding));
            }
            if field.bloom {
                builder = builder.set_column_bloom_filter_enabled(leaf, true);
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

#[cfg(test)]
mod tests {
    use parquet::basic::Encoding as Stored;
    use parquet::file::reader::{FileReader as _, SerializedFileReader};

    use std::fs::File;

    use super::super::testing::{batch, row};
    use super::super::write::{Footer, WriteOptions, write};
    use super::*;

    #[test]
    fn columns_are_stored_as_the_schema_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("day.parquet");
        let rows = batch(&[row(0, "a", "x", 1, "Voice"), row(1, "b", "y", 1, "Voice")]);
        let footer = Footer {
            revision: 0,
            facts: Vec::new(),
        };
        let table = schema::call_details();
        let batches = Box::new(std::iter::once(Ok(rows)));
        write(batches, table, 2, &path, footer, &WriteOptions::default()).unwrap();

        let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
        let columns = reader.metadata().row_group(0).columns();
        let column = |name: &str| {
            columns
                .iter()
                .find(|column| column.column_path().string() == name)
                .unwrap()
        };
        let stored = |name: &str, encoding| column(name).encodings().any(|found| found == encoding);
        assert!(stored("session_id", Stored::DELTA_BYTE_ARRAY));
        assert!(stored("session_start_time", Stored::DELTA_BINARY_PACKED));
        assert!(stored("channel", Stored::RLE_DICTIONARY));
        assert!(column("session_id").bloom_filter_offset().is_some());
        assert!(column("channel").bloom_filter_offset().is_none());
        assert!(column("channel").statistics().is_some());
        assert!(column("meta_info.caller").statistics().is_some());
        assert!(column("extra.key_value.value").statistics().is_none());
        assert!(
            column("destinations.list.element.queue_id")
                .statistics()
                .is_none()
        );
    }
}
