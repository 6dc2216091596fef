//! Rows that no decoder made: every value replaced by any other of its type, and any `extra`. Restoring never panics, and what
//! it gives is JSON on one line.
#![no_main]

use std::sync::{Arc, LazyLock};

use arbitrary::{Result, Unstructured};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, ListArray, MapBuilder, MapFieldNames,
    RecordBatch, StringArray, StringBuilder, StructArray, TimestampMicrosecondArray,
};
use arrow::datatypes::DataType;
use callake::decode::{Decoder, Source};
use callake::restore::Records;
use callake::schema;
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;

/// Records with something in every kind of column.
const RECORDS: [&str; 3] = [
    r#"{"sessionId":"a","sessionStartTime":"2025-09-30T11:40:31","isVoicemail":"NO","csatScore":4.5,"npsScore":9,
        "destinations":[{"queueId":"q","EnterTime":"2025-09-30T11:40:31","CallbackOptedTime":"2025-09-30T06:34:48.810Z",
        "respondingAgent":{"agentNotes":["n",null],"snoozeinfo":{"x":1}},"nonRespondingAgents":[{},null]}],
        "metaInfo":{"customData":[1],"agentTransferConfig":{"overrideValues":[{},7]}}}"#,
    "{}",
    r#"{"destinations":[],"skills":[{"id":"1"}],"metaInfo":{"identities":[{"val":"v"}]}}"#,
];

static ROWS: LazyLock<RecordBatch> = LazyLock::new(|| {
    let source = Source {
        account_id: "a".to_string(),
        endpoint: None,
        fetched_at: 0,
        timezone_offset: 0,
    };
    let mut decoder = Decoder::new(schema::call_details(), source);
    for record in RECORDS {
        decoder.record(record.as_bytes()).expect("a record");
    }
    decoder.flush().expect("a batch")
});

/// The column with other values where the input says so.
fn other(column: &ArrayRef, input: &mut Unstructured) -> Result<ArrayRef> {
    if column.is_empty() || !input.ratio(1, 3)? {
        return Ok(Arc::clone(column));
    }
    let rows = 0..column.len();
    Ok(match column.data_type() {
        DataType::Utf8 => Arc::new(
            rows.map(|_| input.arbitrary())
                .collect::<Result<Vec<Option<String>>>>()
                .map(StringArray::from)?,
        ),
        DataType::Boolean => Arc::new(BooleanArray::from(
            rows.map(|_| input.arbitrary())
                .collect::<Result<Vec<Option<bool>>>>()?,
        )),
        DataType::Int64 => Arc::new(Int64Array::from(
            rows.map(|_| input.arbitrary())
                .collect::<Result<Vec<Option<i64>>>>()?,
        )),
        DataType::Float64 => Arc::new(Float64Array::from(
            rows.map(|_| input.arbitrary())
                .collect::<Result<Vec<Option<f64>>>>()?,
        )),
        DataType::Timestamp(..) => {
            let times = rows
                .map(|_| input.arbitrary())
                .collect::<Result<Vec<Option<i64>>>>()?;
            Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC"))
        }
        DataType::List(field) => {
            let list = column.as_list::<i32>();
            let values = other(list.values(), input)?;
            Arc::new(ListArray::new(
                Arc::clone(field),
                list.offsets().clone(),
                values,
                list.nulls().cloned(),
            ))
        }
        DataType::Struct(fields) => {
            let nested = column.as_struct();
            let columns = nested
                .columns()
                .iter()
                .map(|column| other(column, input))
                .collect::<Result<_>>()?;
            Arc::new(StructArray::new(fields.clone(), columns, nested.nulls().cloned()))
        }
        DataType::Map(..) => Arc::new(extra(column.len(), input)?),
        _ => Arc::clone(column),
    })
}

/// Maps of pointers, most of them to places that there are, to texts, many of them JSON.
fn extra(rows: usize, input: &mut Unstructured) -> Result<arrow::array::MapArray> {
    const TOKENS: [&str; 12] = [
        "destinations",
        "metaInfo",
        "respondingAgent",
        "agentNotes",
        "customData",
        "csatScore",
        "sessionStartTime",
        "0",
        "1",
        "x",
        "~1",
        "~",
    ];
    const TEXTS: [&str; 8] = [
        "null",
        "{}",
        "[1, \"a b\"]",
        "1e999",
        "\"\\ud800\"",
        "{",
        "",
        "1 2",
    ];
    let names = MapFieldNames {
        entry: "key_value".to_string(),
        key: "key".to_string(),
        value: "value".to_string(),
    };
    let value = arrow::datatypes::Field::new("value", DataType::Utf8, false);
    let mut maps =
        MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new()).with_values_field(value);
    for _ in 0..rows {
        for _ in 0..input.int_in_range(0..=4)? {
            if input.arbitrary()? {
                maps.keys().append_value(input.arbitrary::<&str>()?);
                maps.values().append_value(input.arbitrary::<&str>()?);
                continue;
            }
            let mut pointer = String::new();
            for _ in 0..input.int_in_range(0..=5)? {
                pointer.push('/');
                pointer.push_str(input.choose(&TOKENS)?);
            }
            maps.keys().append_value(pointer);
            maps.values().append_value(input.choose(&TEXTS)?);
        }
        maps.append(true).expect("as many keys as values");
    }
    Ok(maps.finish())
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Unstructured::new(bytes);
    let Ok(columns) = ROWS
        .columns()
        .iter()
        .map(|column| other(column, &mut input))
        .collect::<Result<Vec<_>>>()
    else {
        return;
    };
    let batch = RecordBatch::try_new(ROWS.schema(), columns).expect("the same types");
    let records = Records::new(schema::call_details(), &batch).expect("the table's columns");
    for row in 0..batch.num_rows() {
        let mut line = Vec::new();
        if records.record(row, &mut line).is_ok() {
            assert!(!line.contains(&b'\n'));
            serde_json::from_slice::<IgnoredAny>(&line).expect("JSON");
        }
    }
});
