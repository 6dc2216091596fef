//! Streams of records: every shape, at every size of the pieces in which the bytes come.

use arrow::array::RecordBatch;
use callake::decode::{Event, Problem, Stream};
use callake::schema::{self, Table};

use crate::records::decoder_of;

/// What came out of a stream of bytes.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) batch: RecordBatch,
    /// The bytes of each row's record.
    pub(crate) records: Vec<Vec<u8>>,
    /// With all bytes that they cost.
    pub(crate) problems: Vec<Problem>,
    /// The bytes of records and problems, in order.
    pub(crate) all: Vec<u8>,
}

/// Reads the bytes in pieces of at most this size.
pub(crate) fn read(bytes: &[u8], piece: usize, limit: usize) -> Outcome {
    read_of(schema::call_details(), bytes, piece, limit)
}

pub(crate) fn read_of(table: &Table, bytes: &[u8], piece: usize, limit: usize) -> Outcome {
    let mut decoder = decoder_of(table);
    let mut stream = Stream::with_limit(limit);
    let (mut records, mut problems, mut all) = (Vec::new(), Vec::<Problem>::new(), Vec::new());
    let mut rest = bytes;
    loop {
        match stream.advance(&mut decoder) {
            Event::Record => {
                all.extend_from_slice(stream.record());
                records.push(stream.record().to_vec());
            }
            Event::Problem(problem) => {
                all.extend_from_slice(&problem.raw);
                problems.push(problem);
            }
            Event::Skipped(more) => {
                all.extend_from_slice(&more);
                problems.last_mut().unwrap().raw.extend(more);
            }
            Event::NeedInput => {
                let space = stream.space();
                let length = rest.len().min(piece).min(space.len());
                space[..length].copy_from_slice(&rest[..length]);
                rest = &rest[length..];
                stream.filled(length);
            }
            Event::End => break,
        }
    }
    assert_eq!(decoder.rows(), records.len());
    Outcome {
        batch: decoder.flush().unwrap(),
        records,
        problems,
        all,
    }
}

/// The same rows and problems (line, record, cause) must come out for pieces of any size.
fn check(text: &str, rows: usize, want: &[(u64, u64, &str)]) {
    for piece in [1, 2, 3, 7, 64, 1 << 20] {
        let Outcome {
            records, problems, ..
        } = read(text.as_bytes(), piece, usize::MAX);
        let got = records.len();
        let seen: Vec<_> = problems
            .iter()
            .map(|p| (p.line, p.record, p.cause.as_str()))
            .collect();
        let fits = seen.len() == want.len()
            && seen
                .iter()
                .zip(want)
                .all(|(a, b)| a.0 == b.0 && a.1 == b.1 && a.2.contains(b.2));
        assert!(
            got == rows && fits,
            "pieces of {piece}: {got} rows, {seen:?} of {text}"
        );
    }
}

#[test]
fn every_shape() {
    let (a, b) = (r#"{"sessionId":"a"}"#, r#"{"sessionId":"b"}"#);
    check(&format!(r#"{{"numResults":2,"data":[{a},{b}]}}"#), 2, &[]);
    check(
        &format!(r#"{{"data":[ {a} , {b} ] , "numResults" : 2, "more": {{"x":[]}}}}"#),
        2,
        &[],
    );
    check(r#"{"numResults":0,"data":[]}"#, 0, &[]);
    check(&format!("[{a},{b}]"), 2, &[]);
    check("[]", 0, &[]);
    check(a, 1, &[]);
    check(&format!("{a}\n{b}\n"), 2, &[]);
    check(&format!("\u{feff}{a}\r\n\r\n  {b}"), 2, &[]);
    check(&format!("{a}{b}[{a}]{{\"data\":[{b}]}}\n{a}"), 5, &[]);
    check("{\n  \"sessionId\": \"a\",\n  \"data\": [1]\n}\n", 1, &[]);
    check("{\"unheardOf\": 1}", 1, &[]);
}

#[test]
fn bad_input_is_named() {
    let (a, b) = (r#"{"sessionId":"a"}"#, r#"{"sessionId":"b"}"#);
    check("", 0, &[(1, 1, "empty")]);
    check(" \n ", 0, &[(2, 1, "empty")]);
    check("hello\nworld\n", 0, &[(1, 1, "not JSON")]);
    check("<html>\n<body>", 0, &[(1, 1, "not JSON")]);
    check(r#"{"numResults":3}"#, 0, &[(1, 1, "a page without data")]);
    check(
        r#"{"numResults":3,"data":null}"#,
        0,
        &[(1, 1, "whose data is not an array")],
    );
    check(
        r#"{"errors":[{"msg":"Invalid token","code":4002}]}"#,
        0,
        &[(1, 1, "an error of the API")],
    );
    check("7", 0, &[(1, 1, "not an object")]);
    check(
        &format!("{a}\n7\n\"x\"\n{b}\n"),
        2,
        &[(2, 2, "not an object"), (3, 3, "not an object")],
    );
    check(
        &format!("[{a},7,null,{b}]"),
        2,
        &[(1, 2, "not an object"), (1, 3, "not an object")],
    );
    check(&format!("{a}\n{{\"sessionId\":\n{b}\n"), 2, &[(2, 2, "cut off")]);
    check(
        &format!("{a}\n{{\"sessionId\":\n{b}\n{a}"),
        3,
        &[(2, 2, "not JSON")],
    );
    check(
        &format!("{a}\n{{\"sessionId\":\"x\n{b}\n"),
        2,
        &[(2, 2, "control character")],
    );
    check(
        &format!("{a}\n{{\"sessionId\":NaN}}\n{b}\n"),
        2,
        &[(2, 2, "not JSON")],
    );
    check(&format!("{a}\n{{\"sess"), 1, &[(2, 2, "cut off")]);
    check(
        &format!("{{\"data\":[{a},\n{{\"sessionId\":\"b"),
        1,
        &[(2, 2, "cut off")],
    );
    check(&format!("{{\"data\":[{a}"), 1, &[(1, 2, "cut off")]);
    check(&format!("{{\"data\":[{a}]"), 1, &[(1, 2, "cut off")]);
    check(&format!("[{a} {b}]"), 1, &[(1, 2, "neither a comma")]);
    check(
        &format!("[{a},{{\"x\":01}},{b}]"),
        2,
        &[(1, 2, "malformed number")],
    );
}

#[test]
fn a_fault_over_many_lines_gives_no_rows() {
    let (a, b) = ("{\"sessionId\":\"a\"}", "{\"sessionId\":\"b\"}");
    let broken = "{\n\"destinations\": [\n{\n\"name\": \"Support\"\n},\n{}\n],\n\"tags\": [\n[\n{\n\"x\": 1}]],\n\"n\": NaN\n}";
    check(&format!("{a}\n{broken}\n{b}\n"), 2, &[(2, 2, "not JSON")]);
    let unequal = broken.replace("NaN", "1]");
    check(&format!("{a}\n{unequal}\n{b}\n"), 2, &[(2, 2, "not JSON")]);
    check(
        &format!("{{\n\"data\": [\n{unequal},\n{b},\n{a}\n]\n}}\n{a}"),
        3,
        &[(3, 1, "not JSON")],
    );
    // Behind a page, too.
    check(
        &format!("{{\"data\":[{a}],\"meta\":[\n{{\n\"x\": 1\n}}\n,,]}}\n{b}\n[{a}]"),
        3,
        &[(1, 2, "not JSON")],
    );
    // A fault that ends in its line says nothing about the next one.
    check(
        &format!("{{\"x\":NaN}}\n{{\"x\":1}}\n{a}\n{{\"x\" 1}}\n[{{\"x\":1}}]\n"),
        3,
        &[(1, 1, "not JSON"), (4, 4, "not JSON")],
    );
}

#[test]
fn bytes_that_are_not_utf8_cost_one_record() {
    let text =
        b"{\"sessionId\":\"a\"}\n{\"sessionId\":\"\xff\"}\n[{\"channel\":\"\xc3\"},{\"sessionId\":\"b\"}]";
    for piece in [1, 5, 1000] {
        let Outcome {
            records, problems, ..
        } = read(text, piece, usize::MAX);
        assert_eq!(records.len(), 2);
        assert_eq!(problems.len(), 2);
        assert!(problems.iter().all(|problem| problem.cause.contains("not UTF-8")));
        assert_eq!(problems[0].raw, b"{\"sessionId\":\"\xff\"}");
    }
}
