//! Rows → the JSON records that they were made of.
//!
//! The typed columns are written as the API writes them; then each entry of `extra` takes the place of what they say at its
//! pointer. A row that the decoder can't have made is an error, never a guess. The result equals the record as a JSON value: the order of keys may differ, white space does, and numbers are
//! equal as exact decimals.

mod overlay;
mod text;
mod value;

use std::io::Write;

use arrow::array::{Array, ArrayRef, AsArray, MapArray, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;

use crate::json::private::masked;
use crate::schema::{Role, Table};
use overlay::Overlay;
use value::{Bad, Line, Reader};

/// Why rows could not be turned into records.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The batch lacks a column, or has it with another type.
    #[error("read column {0}: it is missing or of another type; is this a file of this table?")]
    Column(String),
    /// An entry of `extra` is none that the decoder makes.
    #[error("read extra of row {row}: {pointer:?} {what}")]
    Extra {
        /// Row within the batch, from 0.
        row: usize,
        /// The entry's key, masked where it may be personal data.
        pointer: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A value is none that its field can have: a time without four digits of year, a double that is not finite, text
    /// that is not JSON in a column of JSON text.
    #[error("write {pointer} of row {row}: the column has a value that no record has")]
    Value {
        /// Row within the batch, from 0.
        row: usize,
        /// JSON Pointer of the value in the record.
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
                .filter(|map| {
                    let texts = |column: &ArrayRef| column.as_string_opt::<i32>().is_some();
                    map.entries().columns().iter().all(texts)
                })
                .ok_or_else(|| missing("extra"))?,
            rows: batch.num_rows(),
        })
    }

    /// Appends the record of a row as one line of JSON, without the line feed. After an error, what was appended is a part of
    /// a record.
    ///
    /// # Errors
    /// The row is none that the decoder makes: an entry of its `extra` is not a JSON Pointer to a place in the record, or its
    /// text is not JSON, or a column has a value that can't be written.
    ///
    /// # Panics
    /// The batch has no such row.
    pub fn record(&self, row: usize, out: &mut Vec<u8>) -> Result<(), RestoreError> {
        let offset_minutes = if self.offsets.is_null(row) {
            0
        } else {
            self.offsets.value(row)
        };
        let mut line = Line {
            offset_minutes,
            texts: None,
            used: Vec::new(),
            out,
        };
        if self.extra.is_null(row) || self.extra.value_length(row) == 0 {
            let outcome = self.root.write(row, None, &mut line);
            return outcome.map_err(|bad| refuse(bad, row, None));
        }
        let entries = self.extra.value(row);
        let (pointers, texts) = (
            entries.column(0).as_string::<i32>(),
            entries.column(1).as_string::<i32>(),
        );
        let wrong = |entry: usize, what| RestoreError::Extra {
            row,
            pointer: masked(pointers.value(entry)),
            what,
        };
        let overlay = Overlay::new(pointers).map_err(|entry| wrong(entry, "is not a JSON Pointer"))?;
        line.texts = Some(texts);
        line.used = vec![false; entries.len()];
        self.root
            .write(row, Some(&overlay), &mut line)
            .map_err(|bad| refuse(bad, row, Some(pointers)))?;
        match line.used.iter().position(|used| !used) {
            Some(entry) => Err(wrong(entry, "points to no place in the record")),
            None => Ok(()),
        }
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

fn refuse(bad: Bad, row: usize, pointers: Option<&StringArray>) -> RestoreError {
    match bad {
        Bad::Value(pointer) => RestoreError::Value { row, pointer },
        Bad::Entry(entry) => RestoreError::Extra {
            row,
            pointer: pointers.map_or_else(String::new, |pointers| masked(pointers.value(entry))),
            what: "has text that is not JSON",
        },
    }
}
