//! JSON bytes in, Arrow batches out, and what did not fit in `extra`.
//!
//! [`Decoder`] reads records, one JSON object each, straight from bytes into column buffers compiled from the schema; there
//! is no tree of values in between. [`Stream`] finds the records in a stream of bytes of any of the shapes in which they
//! come: API pages, arrays, single records, NDJSON. [`Sorted`] tells records of several tables apart and has each decoded by
//! its own table's decoder. None of them does I/O.
//!
//! What a record has is either given back exactly by the typed columns, or stands in `extra`:
//!
//! | in the record | typed column | `extra` |
//! | --- | --- | --- |
//! | value of the column's type, in its canonical form | the value | – |
//! | absent | null | – |
//! | `{}`, `[]` | empty struct, empty list | – |
//! | `null` for a field | null (a column of JSON text: the text) | `null` (–) |
//! | `null` as an element of an array | null element | – |
//! | time in another form, integer as `7.0`, flag as another word, number as a string | the value read | the text |
//! | any other type | null (a scalar in a string column: its text) | the text |
//! | any value for a column of JSON text | the text | – |
//! | element of another type | null element, so that its neighbours keep their places | the text |
//! | key without a column | – | the text |
//! | text with a lone surrogate | null | the text |
//! | key with a lone surrogate | the other fields as ever | the whole object, in place of all below it |
//! | key that stands twice in one object | the last one | – (counted by [`Tally`]) |
//!
//! A reader of the table puts each entry of `extra` at its pointer, over what the columns give.

mod column;
mod extra;
mod node;
mod number;
mod object;
mod resync;
mod rows;
mod sort;
mod stream;
mod tally;
#[cfg(test)]
pub(crate) mod testing;
mod time;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;

pub use rows::Rows;
pub use sort::Sorted;
pub use stream::{Event, Problem, Stream};
pub use tally::Tally;

use crate::json::scan::{Cursor, Fail, Fault};
use crate::schema::Table;
use extra::Extras;
use node::Context;
use rows::Columns;

/// Bytes of one record at most, where [`Stream::with_limit`] does not say otherwise. Depth, the number of keys in values that
/// have no column, and the length of texts are not limited otherwise.
pub const MAX_RECORD_BYTES: usize = 256 << 20;

/// Elements of arrays with a list column in one record at most. An element `{}` is two bytes of JSON but a slot in each of
/// some 50 columns.
pub const MAX_RECORD_ELEMENTS: usize = 1 << 20;

/// Values of one record that can go to `extra` at most. A value is as little as one byte of JSON, but its pointer some 100.
pub const MAX_RECORD_EXTRA: usize = 1 << 20;

/// Weight ([`Decoder::bytes`]) of one batch at most: the caller hands over before. With one record more, which can weigh as
/// much again, the 32-bit offsets of no column overflow.
pub const MAX_BATCH_BYTES: usize = 512 << 20;

/// What an element of an array adds to the weight of a batch besides its JSON.
const ELEMENT_WEIGHT: usize = 32;

/// Where records come from; stands in every row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Account that the records were read from.
    pub account_id: String,
    /// Endpoint that they were read from, where known.
    pub endpoint: Option<String>,
    /// When they were read, in microseconds since 1970-01-01T00:00:00Z.
    pub fetched_at: i64,
    /// Offset of their naive times in minutes, with JavaScript's sign (UTC minus local time: India is −330).
    pub timezone_offset: i64,
}

/// Why a record was not decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The bytes end before the record does.
    #[error("the record is cut off")]
    Incomplete,
    /// The record is not JSON.
    #[error("not JSON: {what} at byte {at} of the record")]
    Invalid {
        /// Byte within the record, from 0.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// The record is JSON in all but its encoding. It is `length` bytes long.
    #[error("not UTF-8 at byte {at} of the record")]
    Encoding {
        /// Byte within the record, from 0.
        at: usize,
        /// Bytes of the record.
        length: usize,
    },
    /// The record has more of something than a record may have: it crosses [`MAX_RECORD_BYTES`] or what the stream was made
    /// with, [`MAX_RECORD_ELEMENTS`] or [`MAX_RECORD_EXTRA`].
    #[error("more than the {limit} {what} that a record may have")]
    Limit {
        /// How many it may have.
        limit: usize,
        /// Of what.
        what: &'static str,
    },
}

/// What takes the records that a [`Stream`] finds: a [`Decoder`], or several of them.
pub trait RecordDecoder {
    /// Decodes the record at the start of the bytes and gives its length; other bytes may follow it.
    ///
    /// # Errors
    /// As [`Decoder::record`].
    fn record(&mut self, bytes: &[u8]) -> Result<usize, RecordError>;

    /// Whether this is a key of what identifies a record.
    fn is_key(&self, key: &[u8]) -> bool;

    /// Whether records have a column for this key.
    fn has_field(&self, key: &[u8]) -> bool;
}

/// Reads records into batches of one table.
pub struct Decoder {
    columns: Columns,
    /// JSON keys of the columns that identify a record.
    keys: Vec<Box<[u8]>>,
    context: Context,
    source: Source,
    /// What the call-details row said by which the records are asked for.
    state: Option<i64>,
    bytes: usize,
}

impl Decoder {
    /// A decoder of the table's records, which come from the source until [`Decoder::set_source`] says otherwise.
    pub fn new(table: &Table, source: Source) -> Decoder {
        let columns = Columns::new(table);
        let keys = table
            .fields
            .iter()
            .filter(|field| table.key.contains(&field.name));
        let keys = keys
            .filter_map(|field| field.json.as_deref())
            .map(|key| key.as_bytes().into())
            .collect();
        Decoder {
            keys,
            context: Context {
                extras: Extras::new(columns.root.names()),
                offset_seconds: time::offset_seconds(source.timezone_offset),
                dates: time::Dates::default(),
                elements: 0,
            },
            columns,
            source,
            state: None,
            bytes: 0,
        }
    }

    /// Says where the records from now on come from.
    pub fn set_source(&mut self, source: Source) {
        self.context.offset_seconds = time::offset_seconds(source.timezone_offset);
        self.source = source;
    }

    /// Says when the records from now on were read, in microseconds since 1970-01-01T00:00:00Z.
    pub fn set_fetched_at(&mut self, fetched_at: i64) {
        self.source.fetched_at = fetched_at;
    }

    /// Says by which state of their call-details row the records from now on were asked for; a column that conversations have.
    pub fn set_call_details_state(&mut self, state: Option<i64>) {
        self.state = state;
    }

    /// Decodes the record at the start of the bytes and gives its length; other bytes may follow it.
    ///
    /// # Errors
    /// The record is cut off, or not JSON, or not UTF-8, or crosses a limit other than that of bytes, which is the
    /// [`Stream`]'s. The batch in hand is then as it was before.
    pub fn record(&mut self, bytes: &[u8]) -> Result<usize, RecordError> {
        let mut cursor = Cursor::new(bytes);
        let outcome = match cursor.peek() {
            Ok(b'{') => self.columns.read(&mut cursor, &mut self.context),
            Ok(_) => Err(cursor.invalid(Fault::NoObject)),
            Err(fail) => Err(fail),
        };
        let outcome = match outcome {
            Ok(()) => check_utf8(&bytes[..cursor.pos]).and_then(|()| self.check_limits()),
            Err(Fail::Incomplete) => Err(RecordError::Incomplete),
            Err(Fail::Invalid { at, what }) => Err(RecordError::Invalid {
                at: at as usize,
                what: what.text(),
            }),
        };
        if let Err(error) = outcome {
            self.columns.root.truncate(self.columns.rows);
            self.context.extras.abandon_row();
            self.context.elements = 0;
            return Err(error);
        }
        self.end_row(cursor.pos);
        Ok(cursor.pos)
    }

    fn check_limits(&self) -> Result<(), RecordError> {
        let crossed = |limit, what| Err(RecordError::Limit { limit, what });
        if self.context.elements > MAX_RECORD_ELEMENTS {
            return crossed(MAX_RECORD_ELEMENTS, "array elements");
        }
        if self.context.extras.kept() > MAX_RECORD_EXTRA {
            return crossed(MAX_RECORD_EXTRA, "values that do not fit their columns");
        }
        Ok(())
    }

    fn end_row(&mut self, length: usize) {
        let extra = self
            .columns
            .end_row(&self.source, self.state, &mut self.context.extras);
        let elements = std::mem::take(&mut self.context.elements);
        self.bytes += length + extra + elements * ELEMENT_WEIGHT;
    }

    /// Rows of the batch in hand.
    pub fn rows(&self) -> usize {
        self.columns.rows
    }

    /// Weight of the batch in hand in bytes: the JSON that it was read from, what of it stands in `extra`, and a surcharge for
    /// array elements. What it takes in memory is of this order, whatever the records are like.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Hands over the batch in hand and starts a new one.
    ///
    /// # Errors
    /// Arrow refused a column, which would be a fault of this module.
    pub fn flush(&mut self) -> Result<RecordBatch, ArrowError> {
        self.detach().into_batch()
    }

    /// Hands over the rows in hand and starts anew. To make a batch of them is a fifth of the work that decoding is, and can be
    /// done on another thread.
    pub fn detach(&mut self) -> Rows {
        self.bytes = 0;
        self.columns.detach().into()
    }

    /// Counts of what went to `extra` since the last call.
    pub fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.context.extras.tally)
    }
}

impl RecordDecoder for Decoder {
    fn record(&mut self, bytes: &[u8]) -> Result<usize, RecordError> {
        Decoder::record(self, bytes)
    }

    fn is_key(&self, key: &[u8]) -> bool {
        self.keys.iter().any(|known| **known == *key)
    }

    fn has_field(&self, key: &[u8]) -> bool {
        self.columns.root.has_field(key)
    }
}

fn check_utf8(record: &[u8]) -> Result<(), RecordError> {
    if simdutf8::basic::from_utf8(record).is_ok() {
        return Ok(());
    }
    let at = simdutf8::compat::from_utf8(record)
        .err()
        .map_or(0, |error| error.valid_up_to());
    Err(RecordError::Encoding {
        at,
        length: record.len(),
    })
}
