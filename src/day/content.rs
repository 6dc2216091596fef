//! The content of a row as a hash: everything but when it was read.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, SortField};

use super::keys::{KeyIndex, digest};
use super::{Error, Result};

/// Hashes the content of rows; equal values give equal hashes, however the arrays are laid out.
pub(crate) struct ContentHasher {
    converter: RowConverter,
    columns: Vec<usize>,
}

impl ContentHasher {
    pub(crate) fn new(schema: &SchemaRef, index: &KeyIndex) -> Result<ContentHasher> {
        let columns: Vec<_> = (0..schema.fields().len())
            .filter(|&at| at != index.fetched_at())
            .collect();
        let fields = columns
            .iter()
            .map(|&at| SortField::new(schema.field(at).data_type().clone()));
        let converter = RowConverter::new(fields.collect()).map_err(Error::arrow("compare rows"))?;
        Ok(ContentHasher { converter, columns })
    }

    /// 128 bits of the SHA-256 of each row's content.
    pub(crate) fn hash(&self, batch: &RecordBatch) -> Result<Vec<u128>> {
        let columns: Vec<_> = self.columns.iter().map(|&at| batch.column(at).clone()).collect();
        let rows = self
            .converter
            .convert_columns(&columns)
            .map_err(Error::arrow("compare rows"))?;
        Ok(rows.iter().map(|row| digest(row.as_ref())).collect())
    }
}
