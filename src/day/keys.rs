//! The columns that order and identify rows, and how rows compare.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, SchemaRef, TimestampMicrosecondType};
use sha2::{Digest, Sha256};

use super::{Error, Result};
use crate::schema::{Role, Table};

/// Where the key columns of a table stand among its columns.
#[derive(Debug, Clone)]
pub(crate) struct KeyIndex {
    start: usize,
    /// The session id; in tables with one key column, that one.
    session: usize,
    conversation: Option<usize>,
    fetched_at: usize,
}

impl KeyIndex {
    pub(crate) fn new(table: &Table, schema: &SchemaRef) -> Result<KeyIndex> {
        let find = |name: &str| {
            schema
                .index_of(name)
                .map_err(|_| Error::shape(name, format!("is missing in table {}", table.name)))
        };
        let (session, conversation) = match table.key.as_slice() {
            [session] => (session, None),
            [session, conversation] => (session, Some(conversation)),
            other => {
                return Err(Error::shape(
                    other.join(", "),
                    "can't be a key: want one or two columns",
                ));
            }
        };
        let fetched_at = table.column_of(Role::FetchedAt).unwrap_or("fetched_at");
        Ok(KeyIndex {
            start: find(&table.start)?,
            session: find(session)?,
            conversation: conversation.map(|name| find(name)).transpose()?,
            fetched_at: find(fetched_at)?,
        })
    }

    /// Indices of the key columns, ascending and without repeats.
    pub(crate) fn columns(&self) -> Vec<usize> {
        let mut columns = vec![self.start, self.session, self.fetched_at];
        columns.extend(self.conversation);
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// Indices of the columns that rows are sorted by, in their order.
    pub(crate) fn order(&self) -> Vec<usize> {
        [self.start, self.session]
            .into_iter()
            .chain(self.conversation)
            .collect()
    }

    pub(crate) fn fetched_at(&self) -> usize {
        self.fetched_at
    }

    /// The same columns in batches that hold only [`KeyIndex::columns`].
    pub(crate) fn projected(&self) -> KeyIndex {
        let columns = self.columns();
        let place = |index: usize| columns.partition_point(|&column| column < index);
        KeyIndex {
            start: place(self.start),
            session: place(self.session),
            conversation: self.conversation.map(place),
            fetched_at: place(self.fetched_at),
        }
    }
}

/// The key columns of one batch.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    start: TimestampMicrosecondArray,
    session: StringArray,
    conversation: Option<StringArray>,
    fetched_at: TimestampMicrosecondArray,
}

impl Keys {
    pub(crate) fn new(batch: &RecordBatch, index: &KeyIndex) -> Result<Keys> {
        let column = |at: usize| (batch.schema_ref().field(at).name().as_str(), batch.column(at));
        Ok(Keys {
            start: timestamps(column(index.start))?,
            session: strings(column(index.session))?,
            conversation: index.conversation.map(|at| strings(column(at))).transpose()?,
            fetched_at: timestamps(column(index.fetched_at))?,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.start.len()
    }

    /// Start, microseconds since 1970.
    pub(crate) fn start(&self, row: usize) -> Option<i64> {
        self.start.is_valid(row).then(|| self.start.value(row))
    }

    pub(crate) fn session(&self, row: usize) -> Option<&str> {
        self.session.is_valid(row).then(|| self.session.value(row))
    }

    pub(crate) fn conversation(&self, row: usize) -> Option<&str> {
        let column = self.conversation.as_ref()?;
        column.is_valid(row).then(|| column.value(row))
    }

    /// When the row was read; null counts as before all times.
    pub(crate) fn fetched_at(&self, row: usize) -> i64 {
        if self.fetched_at.is_valid(row) {
            self.fetched_at.value(row)
        } else {
            i64::MIN
        }
    }

    /// Order of rows within a day.
    pub(crate) fn compare(&self, row: usize, other: &Keys, other_row: usize) -> Ordering {
        self.start(row)
            .cmp(&other.start(other_row))
            .then_with(|| self.session(row).cmp(&other.session(other_row)))
            .then_with(|| self.conversation(row).cmp(&other.conversation(other_row)))
    }
}

fn timestamps((name, column): (&str, &ArrayRef)) -> Result<TimestampMicrosecondArray> {
    let array = column.as_primitive_opt::<TimestampMicrosecondType>().cloned();
    array.ok_or_else(|| Error::shape(name, format!("is {}, not timestamp(us)", column.data_type())))
}

fn strings((name, column): (&str, &ArrayRef)) -> Result<StringArray> {
    match column.data_type() {
        DataType::Utf8 => Ok(column.as_string::<i32>().clone()),
        other => Err(Error::shape(name, format!("is {other}, not utf8"))),
    }
}

/// A value of a key as 128 bits of its SHA-256, so that a key has a fixed size; null is its own value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(u128);

impl Id {
    pub(crate) fn new(value: Option<&str>) -> Id {
        Id(value.map_or(0, |text| digest(text.as_bytes()).max(1)))
    }

    pub(crate) fn is_null(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// A number that spreads ids evenly.
    pub(crate) fn spread(self) -> u64 {
        self.0 as u64
    }
}

/// First 128 bits of the SHA-256.
pub(crate) fn digest(bytes: &[u8]) -> u128 {
    let hash = Sha256::digest(bytes);
    hash[..16]
        .iter()
        .fold(0, |sum, byte| sum << 8 | u128::from(*byte))
}
