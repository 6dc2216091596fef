//! Properties of any records: what goes in comes out, however it is cut and whatever stands beside it.
//!
//! 2,000 cases each, of every table; `CALLAKE_CASES=100000 cargo test --release --test lossless properties` runs more. Those that go through
//! Parquet are a tenth of that.

use std::sync::LazyLock;

use arrow::array::RecordBatch;
use bytes::Bytes;
use callake::demo::records::{Dataset, Flavour, Order};
use callake::proof::{self, Originals};
use callake::restore::Records;
use callake::schema::{self, Table};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

use crate::json;
use crate::records::{conversation, decoder_of, extra, samples, without_extra};
use crate::streams::read_of;
use crate::tree::{Mutation, Tree, any_value, mutation, object};

/// Runs a property of each table on a share of the cases.
fn property<S: Strategy>(
    share: u32,
    strategy: impl Fn(&'static Table) -> S,
    test: impl Fn(&'static Table, S::Value) -> Result<(), TestCaseError>,
) {
    for table in schema::tables() {
        property_of(table, share, &strategy(table), &test);
    }
}

fn property_of<S: Strategy>(
    table: &'static Table,
    share: u32,
    strategy: &S,
    test: impl Fn(&'static Table, S::Value) -> Result<(), TestCaseError>,
) {
    let cases = std::env::var("CALLAKE_CASES").map_or(2_000, |cases| cases.parse().unwrap());
    let config = Config {
        cases: (cases / share).max(1),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    if let Err(error) = TestRunner::new(config).run(strategy, |value| test(table, value)) {
        panic!("{}: {error}", table.name);
    }
}

/// The samples of a table, and records of the demo.
fn real(table: &Table) -> &'static [String] {
    static CALL_DETAILS: LazyLock<Vec<String>> = LazyLock::new(|| real_as(samples(), Flavour::Mixed));
    static CONVERSATIONS: LazyLock<Vec<String>> =
        LazyLock::new(|| real_as(vec![conversation()], Flavour::Conversations));
    match table.name.as_str() {
        "call_details" => &CALL_DETAILS,
        "conversations" => &CONVERSATIONS,
        other => panic!("no records of {other}"),
    }
}

fn real_as(mut records: Vec<String>, flavour: Flavour) -> Vec<String> {
    let mut ndjson = Vec::new();
    let dataset = Dataset {
        records: 100,
        ..Dataset::default()
    };
    dataset.write_ndjson(&mut ndjson, flavour, Order::Start).unwrap();
    records.extend(String::from_utf8(ndjson).unwrap().lines().map(str::to_string));
    records
}

/// A real record with some changes.
fn mutated(table: &'static Table) -> impl Strategy<Value = Tree> {
    let fields = &table.fields;
    let real = real(table);
    let changes = prop::collection::vec((any::<Index>(), mutation(fields)), 0..8);
    (any::<Index>(), changes).prop_map(move |(record, changes): (Index, Vec<(Index, Mutation)>)| {
        let mut tree = Tree::parse(&real[record.index(real.len())]);
        for (place, mutation) in &changes {
            tree.mutate(*place, mutation);
        }
        tree
    })
}

/// The text of a record of any kind.
fn record(table: &'static Table) -> impl Strategy<Value = String> {
    let tree = prop_oneof![object(&table.fields), mutated(table)];
    let seed = prop_oneof![Just(0), any::<u64>()];
    (tree, seed).prop_map(|(tree, seed)| tree.write(seed))
}

/// The same on one line, as in NDJSON, and no page.
fn line(table: &'static Table) -> impl Strategy<Value = String> {
    let tree = prop_oneof![object(&table.fields), mutated(table)];
    let key = table.fields[0].json.as_deref().unwrap();
    tree.prop_map(move |mut tree| {
        if let Tree::Object(fields) = &mut tree {
            let first = (format!("{key:?}"), Tree::Scalar("\"s\"".to_string()));
            fields.insert(0, first);
        }
        tree.write(0)
    })
}

fn decode(table: &Table, records: &[String]) -> RecordBatch {
    let mut decoder = decoder_of(table);
    for record in records {
        assert_eq!(decoder.record(record.as_bytes()), Ok(record.len()), "{record}");
    }
    decoder.flush().unwrap()
}

fn restored(table: &Table, batch: &RecordBatch) -> Vec<String> {
    let records = Records::new(table, batch).unwrap();
    let restore = |row| {
        let mut line = Vec::new();
        records.record(row, &mut line).unwrap();
        String::from_utf8(line).unwrap()
    };
    (0..batch.num_rows()).map(restore).collect()
}

fn through_parquet(batch: &RecordBatch) -> RecordBatch {
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(file)).unwrap();
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    arrow::compute::concat_batches(&batch.schema(), &batches).unwrap()
}

#[test]
fn records_come_back_equal() {
    let records = |table| prop::collection::vec(record(table), 1..4);
    property(1, records, |table, records| {
        let batch = decode(table, &records);
        for (record, line) in records.iter().zip(restored(table, &batch)) {
            prop_assert!(!line.contains('\n'));
            prop_assert_eq!(
                json::parse(&line),
                json::parse(record),
                "restored {} of {}",
                line,
                record
            );
        }
        let mut originals = Originals::new();
        records
            .iter()
            .for_each(|record| originals.push(record.as_bytes()));
        prop_assert!(originals.prove(table, &batch).is_ok());
        Ok(())
    });
}

#[test]
fn records_come_back_equal_through_parquet() {
    let records = |table| prop::collection::vec(record(table), 1..6);
    property(10, records, |table, records| {
        let batch = through_parquet(&decode(table, &records));
        for (record, line) in records.iter().zip(restored(table, &batch)) {
            prop_assert_eq!(
                json::parse(&line),
                json::parse(record),
                "restored {} of {}",
                line,
                record
            );
        }
        Ok(())
    });
}

/// What the columns can give back is not in `extra`: without the entry, the record would come back otherwise.
#[test]
fn extra_holds_nothing_that_the_columns_give_back() {
    property(4, record, |table, record| {
        let batch = decode(table, std::slice::from_ref(&record));
        for entry in 0..extra(&batch, 0).len() {
            let (pointer, text) = extra(&batch, 0).remove(entry);
            let batch = without_extra(&batch, entry);
            let records = Records::new(table, &batch).unwrap();
            let mut without = Vec::new();
            // A time that its form can't write, such as one of the year 10000 local time, comes back by `extra` alone.
            if records.record(0, &mut without).is_err() {
                continue;
            }
            let without = String::from_utf8(without).unwrap();
            // Kept although it is the same number, because a whole number with a fraction is a finding of its own.
            let whole = text.parse::<f64>().is_ok_and(|number| number.fract() == 0.0);
            prop_assert!(
                whole || json::parse(&without) != json::parse(&record),
                "{} is not needed in {}",
                pointer,
                record
            );
        }
        Ok(())
    });
}

#[test]
fn the_proof_agrees_with_the_independent_comparer() {
    let pair = |table| {
        (
            mutated(table),
            any::<Index>(),
            any_value(),
            any::<u64>(),
            any::<bool>(),
        )
    };
    property(1, pair, |_, (tree, place, value, seed, reverse)| {
        let mut other = tree.clone();
        other.mutate(
            place,
            &if reverse {
                Mutation::Reverse
            } else {
                Mutation::Replace(value)
            },
        );
        let (a, b) = (tree.write(0), other.write(seed));
        // Values that both sides keep as they came are compared as they are written.
        let equal = json::parse(&a) == json::parse(&b);
        let proved = proof::compare(a.as_bytes(), b.as_bytes()).is_ok();
        prop_assert_eq!(proved, equal, "{} and {}", a, b);
        Ok(())
    });
}

/// Records in one of the shapes in which they come.
fn document(table: &'static Table) -> impl Strategy<Value = String> {
    let shape = (prop::collection::vec(record(table), 0..4), 0..5usize);
    let part = shape.prop_map(|(records, shape)| match shape {
        0 => format!("[{}]", records.join(",")),
        1 => format!(
            "{{\"numResults\": {}, \"data\": [{}]}}",
            records.len(),
            records.join(" ,\n")
        ),
        2 => format!("[\n{}\n]\n", records.join(",\n")),
        _ => records.join("\n"),
    });
    prop::collection::vec(part, 1..3).prop_map(|parts| parts.join("\n"))
}

/// Bytes that are changed, cut out or put in.
fn damage() -> impl Strategy<Value = Vec<(Index, u8, Option<u8>)>> {
    let byte = prop_oneof![
        3 => prop::sample::select(&b"{}[],:\"\\\n 0-.eE\xff\xc3\x00\x1f"[..]),
        1 => any::<u8>(),
    ];
    prop::collection::vec((any::<Index>(), 0..4u8, prop::option::of(byte)), 0..4)
}

fn damaged(text: &str, damage: &[(Index, u8, Option<u8>)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (place, length, byte) in damage {
        let at = place.index(bytes.len() + 1);
        let end = bytes.len().min(at + usize::from(*length));
        bytes.splice(at..end, *byte);
    }
    bytes
}

#[test]
fn pieces_of_any_size_give_the_same_rows_and_problems() {
    let limit = || prop_oneof![3 => Just(usize::MAX), 1 => 1..3_000usize];
    let input = |table| (document(table), damage(), 20..400usize, limit());
    property(1, input, |table, (text, damage, piece, limit)| {
        let bytes = damaged(&text, &damage);
        let whole = read_of(table, &bytes, usize::MAX, limit);
        prop_assert_eq!(&whole, &read_of(table, &bytes, piece, limit));
        for (record, line) in whole.records.iter().zip(restored(table, &whole.batch)) {
            let record = String::from_utf8(record.clone()).unwrap();
            prop_assert_eq!(json::parse(&line), json::parse(&record));
        }
        Ok(())
    });
}

#[test]
fn a_bad_line_takes_no_good_one_with_it() {
    let good = |table| prop::collection::vec(line(table), 0..3);
    let cut = |table| {
        (line(table), damage(), any::<Index>()).prop_map(|(line, damage, end)| {
            let mut bytes = damaged(&line, &damage);
            bytes.retain(|byte| *byte != b'\n');
            bytes.truncate(end.index(bytes.len() + 1));
            bytes
        })
    };
    let odd = prop::sample::select(vec![
        "[",
        "{",
        "[{},",
        "{\"data\":[",
        "{\"data\":[]",
        "{\"data\":[],\"x\":",
        "{\"data\":[],",
        "\"",
        "[\"",
        "]",
        "}",
        ",",
        "{\"a\":",
        "[1",
        "7",
        "null",
        "[[",
        "{\"a\":\"\\",
        "\u{feff}",
        "{\"numResults\":1",
        "{\"numResults\":1,\"data\":[{\"a\":[",
    ]);
    let odd = odd.prop_map(|text| text.as_bytes().to_vec());
    let bad = |table| prop_oneof![4 => cut(table), 1 => odd.clone()];
    property(
        1,
        |table| (good(table), bad(table), good(table), any::<bool>()),
        |table, (before, bad, after, ended)| {
            let mut bytes = Vec::new();
            let mut push = |line: &[u8]| {
                bytes.extend_from_slice(line);
                bytes.push(b'\n');
            };
            before.iter().for_each(|line| push(line.as_bytes()));
            push(&bad);
            after.iter().for_each(|line| push(line.as_bytes()));
            if !ended {
                bytes.pop();
            }
            let outcome = read_of(table, &bytes, usize::MAX, usize::MAX);
            let mut records = outcome.records.iter();
            for line in before.iter().chain(&after) {
                prop_assert!(
                    records.any(|record| record == line.as_bytes()),
                    "{} is lost in {}",
                    line,
                    String::from_utf8_lossy(&bytes)
                );
            }
            // Brackets of arrays, and what a page has besides its records, are in no record and no problem.
            if !bytes.contains(&b'[') && !bytes.starts_with(b"\xef") {
                let solid = |bytes: &[u8]| {
                    let solid = bytes.iter().filter(|byte| !byte.is_ascii_whitespace());
                    String::from_utf8_lossy(&solid.copied().collect::<Vec<_>>()).into_owned()
                };
                prop_assert_eq!(solid(&outcome.all), solid(&bytes));
            }
            Ok(())
        },
    );
}
