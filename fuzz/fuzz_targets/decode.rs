//! Any bytes through `Stream` and `Decoder`: nothing panics, the rows do not depend on the pieces in which the bytes come, no
//! byte of a fault is lost, and what was decoded is restored equal, by the project's comparer and by the tests' own.
#![no_main]

use arrow::array::RecordBatch;
use callake::decode::{Decoder, Event, Source, Stream};
use callake::proof::Originals;
use callake::restore::Records;
use callake::schema::{self, Table};
use libfuzzer_sys::fuzz_target;

#[path = "../../tests/lossless/json.rs"]
mod json;

/// What came out of the bytes.
#[derive(Debug, PartialEq)]
struct Outcome {
    batch: RecordBatch,
    records: Vec<Vec<u8>>,
    /// Line, record, cause, and all bytes of each problem.
    problems: Vec<(u64, u64, String, Vec<u8>)>,
}

fn read(table: &Table, bytes: &[u8], piece: usize, limit: usize) -> Outcome {
    let source = Source {
        account_id: "a".to_string(),
        endpoint: None,
        fetched_at: 0,
        timezone_offset: -330,
    };
    let mut decoder = Decoder::new(table, source);
    let mut stream = Stream::with_limit(limit);
    let (mut records, mut problems) = (Vec::new(), Vec::new());
    let mut rest = bytes;
    loop {
        match stream.advance(&mut decoder) {
            Event::Record => records.push(stream.record().to_vec()),
            Event::Problem(problem) => {
                problems.push((problem.line, problem.record, problem.cause, problem.raw));
            }
            Event::Skipped(more) => problems.last_mut().expect("a problem before").3.extend(more),
            Event::NeedInput => {
                let room = stream.space();
                let length = rest.len().min(piece).min(room.len());
                room[..length].copy_from_slice(&rest[..length]);
                rest = &rest[length..];
                stream.filled(length);
            }
            Event::End => break,
        }
    }
    let batch = decoder.flush().expect("a batch");
    Outcome {
        batch,
        records,
        problems,
    }
}

fuzz_target!(|input: (u8, u8, bool, &[u8])| {
    let (piece, limit, conversations, bytes) = input;
    let table = match conversations {
        true => schema::conversations(),
        false => schema::call_details(),
    };
    let limit = match limit {
        0..=127 => usize::MAX,
        limit => usize::from(limit) * 2,
    };
    let whole = read(table, bytes, usize::MAX, limit);
    // A record is read again from its start with every piece, so an input has only so many of them.
    let piece = usize::from(piece).max(1 + bytes.len() / 64);
    let pieces = read(table, bytes, piece, limit);
    assert_eq!(whole, pieces);

    let mut originals = Originals::new();
    whole.records.iter().for_each(|record| originals.push(record));
    if let Err(error) = originals.prove(table, &whole.batch) {
        panic!("{error}");
    }
    let restored = Records::new(table, &whole.batch).expect("the table's columns");
    for (row, record) in whole.records.iter().enumerate() {
        let mut line = Vec::new();
        restored.record(row, &mut line).expect("a record");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        assert_eq!(json::parse(&text(&line)), json::parse(&text(record)));
    }
});
