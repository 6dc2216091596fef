//! Rows → the JSON records that they were made of.
//!
//! The typed columns are written as the API writes them; then each entry of `extra` takes the place of what they say at its
//! pointer. The result equals the record as a JSON value: the order of keys may differ, white space does, and numbers are
//! equal as exact decimals.

mod overlay;
mod value;

use std::io::Write;

use arrow::array::{Array, ArrayRef, AsArray, MapArray, RecordBatch};
use arrow::datatypes::Int64Type;

use crate::schema::{Role, Table};
use overlay::Overlay;
use value::Reader;

/// Why rows could not be turned into records.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The batch lacks a column, or has it with another type.
    #[error("read column {0}: it is missing or of another type; is this a file of this table?")]
    Column(String),
    /// An entry of `extra` is not a JSON Pointer.
    #[error("read extra of row {row}: {pointer:?} is not a JSON Pointer")]
    Pointer {
        /// Row within the batch, from 0.
        row: usize,
        /// The entry's key.
        pointer: String,
    },
    /// The output could not be written.
    #[error(transparent)]
    Write(#[from] std::io::Error),
}

/// A batch of rows, ready to be turned into records.
pub struct Records<'a> {
    root: Reader<'a>,
    offsets: &'a arrow::array::Int64Array,
    extra: &'a MapArray,
    rows: usize,
}

impl<'a> Records<'a> {
    /// Finds the table's columns in the batch; it may have others.
    ///
    /// # Errors
    /// A column is missing or has another type than the schema says.
    pub fn new(table: &'a Table, batch: &'a RecordBatch) -> Result<Records<'a>, RestoreError> {
        let missing = |name: &str| RestoreError::Column(name.to_string());
        let column = |name: &str| batch.column_by_name(name).ok_or_else(|| missing(name));
        let provenance = |role: Role| -> Result<&'a ArrayRef, RestoreError> {
            column(table.column_of(role).unwrap_or_default())
        };
        let columns = table
            .fields
            .iter()
            .map(|field| column(&field.name))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Records {
            root: Reader::root(&table.fields, &columns).map_err(RestoreError::Column)?,
            offsets: provenance(Role::TimezoneOffset)?
                .as_primitive_opt::<Int64Type>()
                .ok_or_else(|| missing("timezone_offset"))?,
            extra: provenance(Role::Extra)?
                .as_map_opt()
                .ok_or_else(|| missing("extra"))?,
            rows: batch.num_rows(),
        })
    }

    /// Appends the record of a row as one line of JSON, without the line feed.
    ///
    /// # Errors
    /// An entry of the row's `extra` is not a JSON Pointer.
    pub fn record(&self, row: usize, out: &mut Vec<u8>) -> Result<(), RestoreError> {
        let offset_minutes = if self.offsets.is_null(row) {
            0
        } else {
            self.offsets.value(row)
        };
        let entries = self.extra.value(row);
        let overlay = Overlay::new(&entries).map_err(|pointer| RestoreError::Pointer { row, pointer })?;
        self.root.write(row, offset_minutes, overlay.as_ref(), out);
        Ok(())
    }

    /// Writes all records as NDJSON.
    ///
    /// # Errors
    /// As [`Records::record`], and whatever the writer says.
    pub fn write(&self, out: &mut impl Write) -> Result<(), RestoreError> {
        let mut line = Vec::new();
        for row in 0..self.rows {
            line.clear();
            self.record(row, &mut line)?;
            line.push(b'\n');
            out.write_all(&line)?;
        }
        Ok(())
    }
}
