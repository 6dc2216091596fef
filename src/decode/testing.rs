//! Rows for tests of other rooms.

use arrow::array::RecordBatch;

use super::{Decoder, Source};
use crate::schema::Table;

/// The records decoded, one row each, read at that time (microseconds since 1970-01-01T00:00:00Z).
pub(crate) fn decoded<'a>(
    table: &Table,
    records: impl IntoIterator<Item = &'a str>,
    fetched_at: i64,
) -> RecordBatch {
    let source = Source {
        account_id: "a".to_string(),
        endpoint: None,
        fetched_at,
        timezone_offset: 0,
    };
    let mut decoder = Decoder::new(table, source);
    for record in records {
        decoder.record(record.as_bytes()).unwrap();
    }
    decoder.flush().unwrap()
}
