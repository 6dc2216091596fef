//! Streams of records: every shape, at every size of the pieces in which the bytes come.

use callake::decode::{Decoder, Event, Problem, Source, Stream};
use callake::schema;

/// Reads the bytes in pieces; gives the rows and the problems.
fn read(bytes: &[u8], piece: usize) -> (usize, Vec<Problem>) {
    let source = Source {
        account_id: "acc".to_string(),
        endpoint: None,
        fetched_at: 0,
        timezone_offset: 0,
    };
    let mut decoder = Decoder::new(schema::call_details(), source);
    let mut stream = Stream::new();
    let mut rest = bytes;
    let mut problems = Vec::new();
    loop {
        match stream.advance(&mut decoder) {
            Event::Record | Event::Skipped(_) => {}
            Event::Problem(problem) => problems.push(problem),
            Event::End => return (decoder.rows(), problems),
            Event::NeedInput => {
                let space = stream.space();
                let length = rest.len().min(piece).min(space.len());
                space[..length].copy_from_slice(&rest[..length]);
                rest = &rest[length..];
                stream.filled(length);
            }
        }
    }
}

/// The same rows and problems (line, record, cause) must come out for pieces of any size.
fn check(text: &str, rows: usize, want: &[(u64, u64, &str)]) {
    for piece in [1, 2, 3, 7, 64, 1 << 20] {
        let (got, problems) = read(text.as_bytes(), piece);
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
fn bytes_that_are_not_utf8_cost_one_record() {
    let text =
        b"{\"sessionId\":\"a\"}\n{\"sessionId\":\"\xff\"}\n[{\"channel\":\"\xc3\"},{\"sessionId\":\"b\"}]";
    for piece in [1, 5, 1000] {
        let (rows, problems) = read(text, piece);
        assert_eq!(rows, 2);
        assert_eq!(problems.len(), 2);
        assert!(problems.iter().all(|problem| problem.cause.contains("not UTF-8")));
        assert_eq!(problems[0].raw, b"{\"sessionId\":\"\xff\"}");
    }
}
