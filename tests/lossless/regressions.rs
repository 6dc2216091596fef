//! What went wrong once, or nearly did.

use arrow::array::{Array, AsArray, MapArray, RecordBatch, StringArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampMicrosecondType};
use callake::decode::{
    Decoder, Event, MAX_RECORD_ELEMENTS, MAX_RECORD_EXTRA, RecordError, Source, Stream, Tally,
};
use callake::restore::Records;
use callake::schema;
use std::sync::Arc;

use crate::json;
use crate::records::{check, decoder, extra};
use crate::streams::read;

/// The counts after the bytes came in pieces of this size.
fn tally(text: &str, piece: usize) -> Tally {
    let mut decoder = decoder();
    let mut stream = Stream::new();
    let mut pieces = text.as_bytes().chunks(piece);
    loop {
        match stream.advance(&mut decoder) {
            Event::Record => {}
            Event::NeedInput => {
                let next = pieces.next().unwrap_or_default();
                stream.space()[..next.len()].copy_from_slice(next);
                stream.filled(next.len());
            }
            Event::End => return decoder.take_tally(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn duplicate_keys_were_counted_again_for_every_piece_of_a_record() {
    let record = r#"{"channel":"a","channel":"b","x":1,"x":2,"reason":"a text that takes a while to come"}"#;
    assert_eq!(tally(record, 1_000).duplicate_keys, 2);
    assert_eq!(tally(record, 3), tally(record, 1_000));
}

#[test]
fn dropping_entries_of_duplicate_keys_was_quadratic() {
    let unknown: Vec<String> = (0..100_000).map(|key| format!("\"k{key}\":0")).collect();
    let duplicates = vec!["\"channel\":1"; 100_000];
    let batch = check(&[&format!("{{{},{}}}", unknown.join(","), duplicates.join(","))]);
    assert_eq!(extra(&batch, 0).len(), 100_001);
}

#[test]
fn an_entry_kept_after_its_object_was_kept_whole_was_taken_for_an_older_one() {
    let batch = check(&[
        r#"{"metaInfo":{"os":1,"a":1,"b":1,"os":2,"os":3,"\ud83d":1},"metaInfo":{"os":4,"device":5}}"#,
        r#"{"metaInfo":{"os":1,"\ud83d":1,"os":2},"x":1,"metaInfo":{"os":3},"metaInfo":{"os":4}}"#,
    ]);
    assert_eq!(extra(&batch, 0).len(), 2);
    assert_eq!(extra(&batch, 1).len(), 2);
}

#[test]
fn whole_scores_with_a_fraction_went_to_extra() {
    let batch = check(&[
        r#"{"csatScore":4.0}"#,
        r#"{"csatScore":1e1}"#,
        r#"{"csatScore":0.0}"#,
    ]);
    assert_eq!(
        batch
            .column_by_name("csat_score")
            .unwrap()
            .as_primitive::<Float64Type>()
            .values()
            .to_vec(),
        [4.0, 10.0, 0.0]
    );
    assert!((0..3).all(|row| extra(&batch, row).is_empty()));
}

#[test]
fn texts_that_are_no_numbers_were_nearly_read_as_zero() {
    let batch = check(&[
        r#"{"npsScore":""}"#,
        r#"{"npsScore":"e5"}"#,
        r#"{"npsScore":"-"}"#,
        r#"{"npsScore":"0.0"}"#,
    ]);
    let scores = batch
        .column_by_name("nps_score")
        .unwrap()
        .as_primitive::<Int64Type>();
    assert_eq!(scores.iter().collect::<Vec<_>>(), [None, None, None, Some(0)]);
}

#[test]
fn times_and_flags_with_escapes_were_not_read() {
    let batch = check(&[r#"{"sessionStartTime":"2025\u002d09-30T00:00:00","isVoicemail":"\u0059ES"}"#]);
    assert_eq!(extra(&batch, 0), []);
    assert!(
        batch
            .column_by_name("is_voicemail")
            .unwrap()
            .as_boolean()
            .value(0)
    );
    let start = batch.column_by_name("session_start_time").unwrap();
    assert!(start.as_primitive::<TimestampMicrosecondType>().is_valid(0));
}

#[test]
fn offsets_of_any_size_overflowed() {
    for timezone_offset in [i64::MIN, -1_500, 1_500, i64::MAX] {
        let source = Source {
            account_id: "a".to_string(),
            endpoint: None,
            fetched_at: 0,
            timezone_offset,
        };
        let mut decoder = Decoder::new(schema::call_details(), source);
        let record = r#"{"sessionStartTime":"2025-09-30T00:00:00","sessionEndTime":"2025-09-30 0:0:0"}"#;
        decoder.record(record.as_bytes()).unwrap();
        let batch = decoder.flush().unwrap();
        let mut line = Vec::new();
        Records::new(schema::call_details(), &batch)
            .unwrap()
            .record(0, &mut line)
            .unwrap();
        assert_eq!(
            json::parse(&String::from_utf8(line).unwrap()),
            json::parse(record)
        );
    }
}

#[test]
fn records_with_too_much_of_something_took_all_memory() {
    let check = |record: &str, what: &str| {
        let mut decoder = decoder();
        decoder.record(b"{}").unwrap();
        match decoder.record(record.as_bytes()) {
            Err(error @ RecordError::Limit { .. }) => assert!(error.to_string().contains(what), "{error}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(decoder.record(b"{\"x\":[1]}"), Ok(9), "the batch goes on");
        let rows = decoder.flush().unwrap();
        assert_eq!((rows.num_rows(), extra(&rows, 1).len()), (2, 1));
    };
    let elements = format!("{{\"destinations\":[{}{{}}]}}", "{},".repeat(MAX_RECORD_ELEMENTS));
    check(&elements, "array elements");
    let unknown = format!("{{{}\"x\":1}}", "\"x\":1,".repeat(MAX_RECORD_EXTRA));
    check(&unknown, "do not fit");
    // In a stream it costs one record.
    let text = format!("[{{}},{unknown},{{}}]\n{unknown}\n{{}}");
    let outcome = read(text.as_bytes(), usize::MAX, usize::MAX);
    assert_eq!((outcome.records.len(), outcome.problems.len()), (3, 2));
    let raws = outcome.problems.iter().map(|problem| problem.raw.trim_ascii());
    assert!(raws.eq([unknown.as_bytes(); 2]));
}

/// Bytes, limit → records (as they are) and problems: cause, and all bytes that it cost.
fn check_limited(text: &str, limit: usize, records: &[&str], problems: &[(&str, &str)]) {
    for piece in [1, 7, 1 << 20] {
        let outcome = read(text.as_bytes(), piece, limit);
        let got: Vec<_> = outcome
            .records
            .iter()
            .map(|record| String::from_utf8_lossy(record))
            .collect();
        assert_eq!(got, records, "records of {text} in pieces of {piece}");
        let got: Vec<_> = outcome
            .problems
            .iter()
            .map(|problem| String::from_utf8_lossy(&problem.raw))
            .collect();
        assert_eq!(
            got,
            problems.iter().map(|(_, raw)| *raw).collect::<Vec<_>>(),
            "faults of {text} in pieces of {piece}"
        );
        for (problem, (cause, _)) in outcome.problems.iter().zip(problems) {
            assert!(problem.cause.contains(cause), "{problem:?}");
        }
    }
}

#[test]
fn whether_a_record_was_too_long_depended_on_the_pieces() {
    let long = format!(r#"{{"reason":"{}"}}"#, "x".repeat(89));
    assert_eq!(long.len(), 102);
    check_limited(&format!("{long}\n"), 102, &[&long], &[]);
    let what = "more than the 101 bytes that a record may have";
    check_limited(
        &format!("{{}}\n{long}\n{{}}"),
        101,
        &["{}", "{}"],
        &[(what, &format!("{long}\n"))],
    );
    check_limited(
        &format!("[{{}},{long} , {{}}]\n{{}}"),
        101,
        &["{}"; 3],
        &[(what, &long)],
    );
    check_limited(
        &format!("{{\"data\":[{long}],\"numResults\":1}}{{}}"),
        101,
        &["{}"],
        &[(what, &long)],
    );
    let lines = long.replace(':', ":\n").replace('}', "\n}");
    check_limited(&format!("{lines}\n{{}}"), 101, &["{}"], &[(what, &lines)]);
    check_limited(&long, 101, &[], &[(what, &long)]);
    check_limited(&format!("[{long}"), 101, &[], &[(what, &long), ("cut off", "")]);
    let (cut, a) = (&long[..101], r#"{"sessionId":"a"}"#);
    check_limited(
        &format!("[{cut}\n{{}}\n{a}\n{{}}"),
        100,
        &[a, "{}"],
        &[("100 bytes", &format!("{cut}\n{{}}\n"))],
    );
    let unended = "x".repeat(99);
    check_limited(
        &format!("{{}}\n{{\"x\":\n\"{unended}"),
        50,
        &["{}"],
        &[("50 bytes", &format!("{{\"x\":\n\"{unended}")), ("cut off", "")],
    );
    let text = format!("\"{}\"", "x".repeat(99));
    check_limited(&format!("[{text},{{}}]"), 100, &["{}"], &[("100 bytes", &text)]);
}

#[test]
fn a_bracket_on_a_line_of_its_own_lost_the_lines_behind_it() {
    let (a, b) = (r#"{"sessionId":"a"}"#, r#"{"sessionId":"b"}"#);
    check_limited(
        &format!("[\n{a}\n{b}\n{a}\n"),
        usize::MAX,
        &[a, b, a],
        &[("neither a comma", "")],
    );
    check_limited(
        &format!("[{{\"x\":\n{a}\n{b}\n"),
        usize::MAX,
        &[a, b],
        &[("not JSON", "{\"x\":\n")],
    );
}

#[test]
fn one_bad_record_in_a_page_cost_all_behind_it() {
    let (a, b) = (r#"{"sessionId":"a"}"#, r#"{"sessionId":"b"}"#);
    for bad in [
        "{\"agentNotes\":\"line\u{1}feed\"}",
        "{\"x\":NaN}",
        "{\"x\":\"\\q\"}",
        "{\"x\":01}",
        "tru",
        "{\"x\":\"\n\"}",
    ] {
        let text = format!("{{\"data\":[{a},{bad},{b}],\"numResults\":3}}\n{a}");
        check_limited(&text, usize::MAX, &[a, b, a], &[("not JSON", bad)]);
    }
    // One record a line, and one of them cut: the array goes on.
    let text = format!("[\n{a},\n{{\"sessionId\":\"c\n{b},\n{a}\n]\n{b}");
    check_limited(
        &text,
        usize::MAX,
        &[a, b, a, b],
        &[("not JSON", "{\"sessionId\":\"c\n")],
    );
    // A quote too few on one line: what follows can't be told apart.
    let text = format!("{{\"data\":[{a},{{\"x\":\"y}},{b}]}}\n{a}");
    let lost = format!("{{\"x\":\"y}},{b}]}}\n");
    check_limited(&text, usize::MAX, &[a, a], &[("not JSON", &lost)]);
}

#[test]
fn a_record_behind_a_cut_page_was_taken_for_a_value_of_the_page() {
    let (a, b) = (r#"{"sessionId":"a"}"#, r#"{"sessionId":"b"}"#);
    let text = format!("{{\"data\":[{a}],\"more\":\n{b}\n{a}");
    check_limited(&text, usize::MAX, &[a, b, a], &[("not JSON", ",\"more\":\n")]);
}

#[test]
fn fields_of_a_record_that_looks_like_a_page_were_dropped_in_silence() {
    let text = r#"{"data":[],"sessionId":"a"}{}"#;
    let cause = "key of a record behind its data";
    check_limited(text, usize::MAX, &["{}"], &[(cause, r#","sessionId":"a"}"#)]);
}

#[test]
fn a_byte_order_mark_in_pieces_was_no_json() {
    check_limited("\u{feff}{}", usize::MAX, &["{}"], &[]);
    check_limited("\u{feff}", usize::MAX, &[], &[("empty", "")]);
}

/// The record with these entries as its `extra`.
fn with_extra(record: &str, entries: &[(&str, &str)]) -> RecordBatch {
    let batch = check(&[record]);
    let (place, field) = batch
        .schema()
        .column_with_name("extra")
        .map(|(at, field)| (at, field.clone()))
        .unwrap();
    let DataType::Map(entry, _) = field.data_type() else {
        panic!("extra is a map");
    };
    let DataType::Struct(fields) = entry.data_type() else {
        panic!("entries are structs");
    };
    let (keys, values): (Vec<_>, Vec<_>) = entries.iter().copied().unzip();
    let columns: Vec<Arc<dyn Array>> = vec![
        Arc::new(StringArray::from(keys)),
        Arc::new(StringArray::from(values)),
    ];
    let structs = StructArray::new(fields.clone(), columns, None);
    let map = MapArray::new(
        entry.clone(),
        OffsetBuffer::from_lengths([entries.len()]),
        structs,
        None,
        false,
    );
    let mut columns = batch.columns().to_vec();
    columns[place] = Arc::new(map);
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}

#[test]
fn entries_of_extra_without_a_place_were_dropped_in_silence() {
    let check = |entries: &[(&str, &str)], want: Result<&str, &str>| {
        let batch = with_extra(r#"{"channel":"c","destinations":[{}],"metaInfo":{}}"#, entries);
        let mut line = Vec::new();
        let got = Records::new(schema::call_details(), &batch)
            .unwrap()
            .record(0, &mut line);
        let got = got
            .map(|()| json::parse(std::str::from_utf8(&line).unwrap()))
            .map_err(|error| error.to_string());
        match (got, want) {
            (Ok(got), Ok(want)) => assert_eq!(got, json::parse(want), "{entries:?}"),
            (Err(got), Err(want)) => assert!(got.contains(want), "{entries:?}: {got}"),
            (got, want) => panic!("{entries:?}: {got:?}, not {want:?}"),
        }
    };
    check(
        &[("/channel", "7"), ("/x", "[ ]")],
        Ok(r#"{"channel":7,"x":[],"destinations":[{}],"metaInfo":{}}"#),
    );
    check(&[("", "{}")], Ok("{}"));
    for nowhere in [
        "/destinations/1",
        "/destinations/00",
        "/destinations/-",
        "/channel/x",
        "/x/y",
        "/skills/0",
        "/metaInfo/os/0",
    ] {
        check(&[(nowhere, "1")], Err("points to no place"));
    }
    check(
        &[("/metaInfo", "{}"), ("/metaInfo/os", "1")],
        Err("\"/metaInfo/os\" points to no place"),
    );
    check(&[("/x", "1"), ("/x", "2")], Err("points to no place"));
    check(&[("x", "1")], Err("is not a JSON Pointer"));
    check(&[("/~", "1")], Err("is not a JSON Pointer"));
    for text in ["", "{", "1 2", "NaN", "'x'", "\"\n\""] {
        check(&[("/x", text)], Err("not JSON"));
        check(&[("/channel", text)], Err("not JSON"));
    }
}

#[test]
fn values_nested_20_000_deep_come_back() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(20_000), close.repeat(20_000));
        for record in [
            format!("{{\"metaInfo\":{{\"customData\":{deep}}}}}"),
            format!("{{\"metaInfo\":{{\"deep\":{deep}}}}}"),
            format!("{{\"channel\":{deep}}}"),
        ] {
            let mut decoder = decoder();
            assert_eq!(decoder.record(record.as_bytes()), Ok(record.len()));
            let batch = decoder.flush().unwrap();
            let mut line = Vec::new();
            Records::new(schema::call_details(), &batch)
                .unwrap()
                .record(0, &mut line)
                .unwrap();
            assert!(line == record.as_bytes(), "a deep value was changed");
        }
    }
}
