//! Rows for tests: the key columns and one that stands for the content.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::datatypes::TimestampMicrosecondType;
use callake::schema;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::{Deserialize, Serialize};

/// 2025-09-30T00:00:00Z, in seconds since 1970.
const MIDNIGHT: i64 = 1_759_190_400;

/// The day that all rows are of.
pub(crate) const DAY: &str = "2025-09-30";

/// A row of call details of [`DAY`]; all other columns are null.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Seconds after midnight.
    pub(crate) start: i64,
    pub(crate) session: String,
    pub(crate) fetched_at: i64,
    pub(crate) content: String,
}

/// A row of a session; its start follows from its number.
pub(crate) fn row(session: i64, fetched_at: i64, content: impl ToString) -> Row {
    Row {
        start: session * 7 % 86_400,
        session: format!("s{session:08}"),
        fetched_at,
        content: content.to_string(),
    }
}

pub(crate) fn batch(rows: &[Row]) -> RecordBatch {
    let schema = schema::arrow::schema(schema::call_details());
    let times = |values: Vec<i64>| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
    };
    let columns = schema.fields().iter().map(|field| match field.name().as_str() {
        "session_start_time" => times(
            rows.iter()
                .map(|row| (MIDNIGHT + row.start) * 1_000_000)
                .collect(),
        ),
        "fetched_at" => times(rows.iter().map(|row| row.fetched_at).collect()),
        "session_id" => Arc::new(rows.iter().map(|row| Some(&row.session)).collect::<StringArray>()),
        "channel" => Arc::new(rows.iter().map(|row| Some(&row.content)).collect::<StringArray>()),
        _ => new_null_array(field.data_type(), rows.len()),
    });
    RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()
}

/// The rows of a day's file, in its order.
pub(crate) fn read(file: &bytes::Bytes) -> Vec<Row> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone())
        .unwrap()
        .build()
        .unwrap();
    let mut rows = Vec::new();
    for batch in reader {
        let batch = batch.unwrap();
        let times = |name: &str| {
            batch
                .column_by_name(name)
                .unwrap()
                .as_primitive::<TimestampMicrosecondType>()
        };
        let texts = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>();
        let (starts, fetched) = (times("session_start_time"), times("fetched_at"));
        let (sessions, contents) = (texts("session_id"), texts("channel"));
        assert_eq!(starts.null_count() + sessions.null_count(), 0);
        rows.extend((0..batch.num_rows()).map(|at| Row {
            start: starts.value(at) / 1_000_000 - MIDNIGHT,
            session: sessions.value(at).to_string(),
            fetched_at: fetched.value(at),
            content: contents.value(at).to_string(),
        }));
    }
    rows
}

/// The rows that the merge rules leave of those, in file order; no two of a session may be read at the same time.
pub(crate) fn union(rows: impl IntoIterator<Item = Row>) -> Vec<Row> {
    let mut last = std::collections::BTreeMap::new();
    for row in rows {
        let kept = last.entry(row.session.clone()).or_insert_with(|| row.clone());
        if row.fetched_at > kept.fetched_at {
            *kept = row;
        }
    }
    let mut rows: Vec<_> = last.into_values().collect();
    rows.sort_by(|a, b| (a.start, &a.session).cmp(&(b.start, &b.session)));
    rows
}
