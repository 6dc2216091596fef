//! Rows for tests: the key columns and one that stands for the content.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::datatypes::TimestampMicrosecondType;

use super::resolve::ONE_READ;
use crate::schema;

/// A row of call details; all other columns are null.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Row {
    pub(crate) start: Option<i64>,
    pub(crate) session: Option<String>,
    pub(crate) conversation: Option<String>,
    /// In which read, each far enough from the others for rule 4.
    pub(crate) fetched_at: i64,
    pub(crate) channel: String,
}

/// A row with a start on 2025-09-30, `seconds` after midnight UTC.
pub(crate) fn row(seconds: i64, session: &str, conversation: &str, fetched_at: i64, channel: &str) -> Row {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_string());
    Row {
        start: Some((1_759_190_400 + seconds) * 1_000_000),
        session: text(session),
        conversation: text(conversation),
        fetched_at,
        channel: channel.to_string(),
    }
}

/// Rows of one day as a batch.
pub(crate) fn batch(rows: &[Row]) -> RecordBatch {
    let schema = schema::arrow::schema(schema::call_details());
    let times = |values: Vec<Option<i64>>| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
    };
    let columns = schema.fields().iter().map(|field| match field.name().as_str() {
        "session_start_time" => times(rows.iter().map(|row| row.start).collect()),
        "fetched_at" => times(
            rows.iter()
                .map(|row| Some(row.fetched_at * (ONE_READ + 1)))
                .collect(),
        ),
        "session_id" => Arc::new(
            rows.iter()
                .map(|row| row.session.clone())
                .collect::<StringArray>(),
        ),
        "conversation_id" => Arc::new(
            rows.iter()
                .map(|row| row.conversation.clone())
                .collect::<StringArray>(),
        ),
        "channel" => Arc::new(rows.iter().map(|row| Some(&row.channel)).collect::<StringArray>()),
        _ => new_null_array(field.data_type(), rows.len()),
    });
    RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()
}

/// The rows of a batch.
pub(crate) fn rows(batch: &RecordBatch) -> Vec<Row> {
    let times = |name: &str| {
        batch
            .column_by_name(name)
            .unwrap()
            .as_primitive::<TimestampMicrosecondType>()
            .clone()
    };
    let strings = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>().clone();
    let (starts, fetched) = (times("session_start_time"), times("fetched_at"));
    let (sessions, conversations) = (strings("session_id"), strings("conversation_id"));
    let channels = strings("channel");
    let text = |array: &StringArray, at: usize| array.is_valid(at).then(|| array.value(at).to_string());
    (0..batch.num_rows())
        .map(|at| Row {
            start: starts.is_valid(at).then(|| starts.value(at)),
            session: text(&sessions, at),
            conversation: text(&conversations, at),
            fetched_at: fetched.value(at) / (ONE_READ + 1),
            channel: channels.value(at).to_string(),
        })
        .collect()
}
