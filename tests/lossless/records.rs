//! Single records: what each kind of misfit leaves in the row, and that all of it comes back.

use std::sync::Arc;

use arrow::array::{Array, AsArray, MapArray, RecordBatch, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use callake::decode::{Decoder, RecordError, Source};
use callake::restore::Records;
use callake::schema::{self, Table};

use crate::json;

pub(crate) fn decoder() -> Decoder {
    decoder_of(schema::call_details())
}

pub(crate) fn decoder_of(table: &Table) -> Decoder {
    let source = Source {
        account_id: "acc".to_string(),
        endpoint: None,
        fetched_at: 0,
        timezone_offset: -330,
    };
    Decoder::new(table, source)
}

/// Decodes and restores the records; each must come back equal. Gives the batch for a closer look.
pub(crate) fn check(records: &[&str]) -> RecordBatch {
    check_of(schema::call_details(), records)
}

fn check_of(table: &Table, records: &[&str]) -> RecordBatch {
    let mut decoder = decoder_of(table);
    for record in records {
        assert_eq!(decoder.record(record.as_bytes()), Ok(record.len()), "{record}");
    }
    let batch = decoder.flush().unwrap();
    let restored = Records::new(table, &batch).unwrap();
    for (row, record) in records.iter().enumerate() {
        let mut line = Vec::new();
        restored.record(row, &mut line).unwrap();
        let line = String::from_utf8(line).unwrap();
        assert!(!line.contains('\n'));
        assert_eq!(json::parse(&line), json::parse(record), "restored {line}");
    }
    batch
}

/// The records of the samples, each as its text.
pub(crate) fn samples() -> Vec<String> {
    let mut records = Vec::new();
    for file in ["call_details_v1.json", "call_details_v2.json"] {
        let path = format!("{}/tests/samples/{file}", env!("CARGO_MANIFEST_DIR"));
        let page: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        records.extend(
            page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|record| record.to_string()),
        );
    }
    records
}

/// The documented conversation.
pub(crate) fn conversation() -> String {
    let path = format!("{}/tests/samples/conversation.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

/// A batch of one row with one entry of its `extra` taken out.
pub(crate) fn without_extra(batch: &RecordBatch, entry: usize) -> RecordBatch {
    let (place, _) = batch.schema().column_with_name("extra").unwrap();
    let map = batch.column(place).as_map();
    let kept: Vec<u32> = (0..u32::try_from(map.entries().len()).unwrap())
        .filter(|&at| at as usize != entry)
        .collect();
    let rest = arrow::compute::take(map.entries(), &UInt32Array::from(kept), None).unwrap();
    let DataType::Map(field, _) = map.data_type() else {
        panic!("extra is a map");
    };
    let offsets = OffsetBuffer::from_lengths([rest.len()]);
    let map = MapArray::new(field.clone(), offsets, rest.as_struct().clone(), None, false);
    let mut columns = batch.columns().to_vec();
    columns[place] = Arc::new(map);
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}

/// The entries of `extra` of a row.
pub(crate) fn extra(batch: &RecordBatch, row: usize) -> Vec<(String, String)> {
    let entries = batch.column_by_name("extra").unwrap().as_map().value(row);
    let texts = |at: usize| {
        entries
            .column(at)
            .as_string::<i32>()
            .iter()
            .flatten()
            .map(str::to_string)
            .collect::<Vec<_>>()
    };
    texts(0).into_iter().zip(texts(1)).collect()
}

fn check_extra(record: &str, want: &[(&str, &str)]) -> RecordBatch {
    let batch = check(&[record]);
    let want: Vec<_> = want
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect();
    assert_eq!(extra(&batch, 0), want, "{record}");
    batch
}

#[test]
fn samples_come_back_and_leave_nothing_in_extra() {
    let records = samples();
    assert_eq!(records.len(), 13);
    let batch = check(&records.iter().map(String::as_str).collect::<Vec<_>>());
    for row in 0..batch.num_rows() {
        assert_eq!(extra(&batch, row), [], "row {row}");
    }
}

#[test]
fn the_documented_conversation_comes_back_and_leaves_nothing_in_extra() {
    let batch = check_of(schema::conversations(), &[&conversation()]);
    assert_eq!(extra(&batch, 0), []);
}

/// Each value of the documented conversation replaced by others, at any depth.
#[test]
fn misfits_of_a_conversation_come_back() {
    let record = r#"{"_id":7,"waitTime":3369.5,"surveyRequired":true,"startTime":"2023-05-22T04:55:05","priority":"HIGHEST",
        "participants":{"agentId":"u"},"queues":[null,7,{"id":null,"surprise":1}],"notes":[{"a":1},"n",null],
        "dispositions":{"dispositionSets":[1, 2]},"agentDesktopMeta":{"pagesVisited":[{"timespent":"9"}]},"new":{}}"#;
    let batch = check_of(schema::conversations(), &[record]);
    let pointers: Vec<_> = extra(&batch, 0).into_iter().map(|(pointer, _)| pointer).collect();
    let want = [
        "/_id",
        "/agentDesktopMeta/pagesVisited/0/timespent",
        "/new",
        "/participants",
        "/priority",
        "/queues/1",
        "/queues/2/id",
        "/queues/2/surprise",
        "/startTime",
        "/surveyRequired",
        "/waitTime",
    ];
    assert_eq!(pointers, want);
}

#[test]
fn values_of_another_type() {
    let batch = check_extra(r#"{"sessionId":"s","channel":7}"#, &[("/channel", "7")]);
    assert_eq!(
        batch
            .column_by_name("channel")
            .unwrap()
            .as_string::<i32>()
            .value(0),
        "7"
    );
    check_extra(r#"{"destinations":"oops"}"#, &[("/destinations", "\"oops\"")]);
    check_extra(
        r#"{"destinations":{}, "metaInfo":[ ]}"#,
        &[("/destinations", "{}"), ("/metaInfo", "[ ]")],
    );
    let batch = check_extra(r#"{"isVoicemail":true}"#, &[("/isVoicemail", "true")]);
    assert!(
        batch
            .column_by_name("is_voicemail")
            .unwrap()
            .as_boolean()
            .value(0)
    );
    check_extra(r#"{"isVoicemail":"NO"}"#, &[]);
    let batch = check_extra(r#"{"npsScore":"9"}"#, &[("/npsScore", "\"9\"")]);
    assert_eq!(
        batch
            .column_by_name("nps_score")
            .unwrap()
            .as_primitive::<Int64Type>()
            .value(0),
        9
    );
    check_extra(
        r#"{"campaigninfo":{"attempt":""}}"#,
        &[("/campaigninfo/attempt", "\"\"")],
    );
}

#[test]
fn null_absent_and_empty_differ() {
    let batch = check_extra(
        r#"{"channel":null,"skills":null}"#,
        &[("/channel", "null"), ("/skills", "null")],
    );
    assert!(batch.column_by_name("channel").unwrap().is_null(0));
    let batch = check_extra(r#"{"skills":[],"metaInfo":{},"customerinfo":{}}"#, &[]);
    assert!(batch.column_by_name("skills").unwrap().is_valid(0));
    assert!(batch.column_by_name("meta_info").unwrap().is_valid(0));
    check_extra("{}", &[]);
    check_extra(r#"{"metaInfo":{"customData":null}}"#, &[]);
}

#[test]
fn elements_keep_their_places() {
    let record =
        r#"{"destinations":[{"queueId":"a"},null,7,{"queueId":"b"}],"dispositions":["x",null,["y"]]}"#;
    let batch = check_extra(
        record,
        &[("/destinations/2", "7"), ("/dispositions/2", "[\"y\"]")],
    );
    let queues = batch
        .column_by_name("destinations")
        .unwrap()
        .as_list::<i32>()
        .value(0);
    let ids = queues
        .as_struct()
        .column_by_name("queue_id")
        .unwrap()
        .as_string::<i32>()
        .clone();
    assert_eq!(ids.iter().collect::<Vec<_>>(), [Some("a"), None, None, Some("b")]);
}

#[test]
fn times_in_other_forms() {
    let record = r#"{"sessionStartTime":"2023/01/10 2:25:54","sessionEndTime":"2023-02-30T00:00:00"}"#;
    let want = [
        ("/sessionEndTime", "\"2023-02-30T00:00:00\""),
        ("/sessionStartTime", "\"2023/01/10 2:25:54\""),
    ];
    let batch = check_extra(record, &want);
    let start = batch
        .column_by_name("session_start_time")
        .unwrap()
        .as_primitive::<TimestampMicrosecondType>()
        .clone();
    assert_eq!(
        start.value_as_datetime(0).unwrap().to_string(),
        "2023-01-09 20:55:54"
    );
    assert!(batch.column_by_name("session_end_time").unwrap().is_null(0));
    check_extra(r#"{"sessionStartTime":"2023-01-10T02:25:54"}"#, &[]);
    check_extra(
        r#"{"destinations":[{"CallbackOptedTime":"2025-09-30T06:34:48.810Z"}]}"#,
        &[],
    );
    check_extra(
        r#"{"destinations":[{"CallbackOptedTime":"2025-09-30T06:34:48.81Z"}]}"#,
        &[("/destinations/0/CallbackOptedTime", "\"2025-09-30T06:34:48.81Z\"")],
    );
}

#[test]
fn numbers_that_a_column_does_not_hold() {
    check_extra(r#"{"npsScore":7.0}"#, &[("/npsScore", "7.0")]);
    check_extra(r#"{"npsScore":-0}"#, &[("/npsScore", "-0")]);
    check_extra(
        r#"{"npsScore":9223372036854775808}"#,
        &[("/npsScore", "9223372036854775808")],
    );
    check_extra(r#"{"csatScore":4.50}"#, &[]);
    check_extra(
        r#"{"csatScore":0.1000000000000000055511151231257827}"#,
        &[("/csatScore", "0.1000000000000000055511151231257827")],
    );
    check_extra(r#"{"csatScore":1e999}"#, &[("/csatScore", "1e999")]);
    check_extra(
        r#"{"csatScore":1E-99999999999999999999}"#,
        &[("/csatScore", "1E-99999999999999999999")],
    );
}

#[test]
fn unknown_keys_at_any_depth() {
    check_extra(
        r#"{"new":{"a":[1, 2]},"":0,"a/b~c":1,"destinations":[{"surprise":true,"respondingAgent":{"mood":"x"}}],"\u0000":2}"#,
        &[
            ("/", "0"),
            ("/\0", "2"),
            ("/a~1b~0c", "1"),
            ("/destinations/0/respondingAgent/mood", "\"x\""),
            ("/destinations/0/surprise", "true"),
            ("/new", "{\"a\":[1, 2]}"),
        ],
    );
}

#[test]
fn texts_and_keys_with_lone_surrogates() {
    check_extra(r#"{"channel":"\ud83d"}"#, &[("/channel", r#""\ud83d""#)]);
    check_extra(r#"{"channel":"\ud83d\ude00"}"#, &[]);
    let record = r#"{"channel":"x","\ud83d":1,"metaInfo":{"\ude00":2,"os":"y"}}"#;
    let batch = check(&[record]);
    assert_eq!(
        extra(&batch, 0)
            .iter()
            .map(|(key, _)| key.as_str())
            .collect::<Vec<_>>(),
        [""],
        "the whole record stands for the object in it"
    );
    assert_eq!(
        batch
            .column_by_name("channel")
            .unwrap()
            .as_string::<i32>()
            .value(0),
        "x"
    );
}

#[test]
fn the_last_of_duplicate_keys_counts() {
    check_extra(r#"{"channel":"a","channel":"b"}"#, &[]);
    check_extra(r#"{"channel":7,"\u0063hannel":"b"}"#, &[]);
    check_extra(r#"{"channel":"b","channel":null}"#, &[("/channel", "null")]);
    check_extra(r#"{"x":1,"x":2}"#, &[("/x", "2")]);
    check_extra(
        r#"{"destinations":[{"queueId":1,"u":1},{}],"destinationsX":1,"destinations":[{"queueName":"q"}]}"#,
        &[("/destinationsX", "1")],
    );
    let mut decoder = decoder();
    decoder
        .record(br#"{"channel":"a","x":1,"channel":"b","x":2}"#)
        .unwrap();
    let tally = decoder.take_tally();
    assert_eq!(tally.duplicate_keys, 2);
    assert_eq!(
        tally.extra.into_iter().collect::<Vec<_>>(),
        [("/x".to_string(), 1)]
    );
}

#[test]
fn reports_do_not_show_keys_that_may_be_personal_data() {
    let record = r#"{"+4912345678":1,"metaInfo":{"a@b.example":2,"\u0040x":3,"version2":4},"destinations":[{"12345":5}]}"#;
    let mut decoder = decoder();
    decoder.record(record.as_bytes()).unwrap();
    let patterns: Vec<_> = decoder.take_tally().extra.into_iter().collect();
    let want = [
        ("/(masked)", 1),
        ("/destinations/*/(masked)", 1),
        ("/metaInfo/(masked)", 2),
        ("/metaInfo/version2", 1),
    ];
    assert_eq!(
        patterns,
        want.map(|(pattern, count)| (pattern.to_string(), count))
    );
    let batch = decoder.flush().unwrap();
    let pointers: Vec<_> = extra(&batch, 0).into_iter().map(|(pointer, _)| pointer).collect();
    assert!(
        pointers.contains(&"/+4912345678".to_string()),
        "the row has them: {pointers:?}"
    );
}

#[test]
fn a_record_that_fails_leaves_the_batch_as_it_was() {
    let good = r#"{"sessionId":"a","destinations":[{"agentNotes":["n"]}],"u":1}"#;
    let mut decoder = decoder();
    for end in 1..good.len() {
        assert_eq!(
            decoder.record(&good.as_bytes()[..end]),
            Err(RecordError::Incomplete),
            "cut at {end}"
        );
    }
    assert_eq!(decoder.record(good.as_bytes()), Ok(good.len()));
    for bad in [
        r#"{"sessionId":"b","destinations":[{"agentNotes":["n","m"}]}"#,
        r#"{"sessionId":"b","u":[}}"#,
        "[]",
        "{]",
    ] {
        assert!(
            matches!(decoder.record(bad.as_bytes()), Err(RecordError::Invalid { .. })),
            "{bad}"
        );
    }
    let not_utf8 = b"{\"sessionId\":\"b\",\"channel\":\"\xff\"} ";
    assert_eq!(
        decoder.record(not_utf8),
        Err(RecordError::Encoding { at: 28, length: 31 })
    );
    assert_eq!(decoder.record(good.as_bytes()), Ok(good.len()));
    let batch = decoder.flush().unwrap();
    assert_eq!(
        (batch.num_rows(), batch.slice(0, 1) == batch.slice(1, 1)),
        (2, true)
    );
}

#[test]
fn hostile_sizes() {
    let deep = format!(
        r#"{{"metaInfo":{{"deep":{}1{}}}}}"#,
        "[".repeat(20_000),
        "]".repeat(20_000)
    );
    let mut decoder = decoder();
    assert_eq!(decoder.record(deep.as_bytes()), Ok(deep.len()));
    let many: Vec<String> = (0..100_000).map(|key| format!("\"k{key}\":{key}")).collect();
    let batch = check(&[&format!("{{{}}}", many.join(","))]);
    assert_eq!(extra(&batch, 0).len(), 100_000);
    let long = format!(r#"{{"errorDetails":"{}"}}"#, "é".repeat(10_000_000));
    check(&[&long]);
}
