//! Arrow → a day's Parquet file: bytes of JSON a second, by size of day, and what sorting and merging add to it.
//!
//! `cargo bench --bench write`. The bytes counted are those of the records' JSON, so that the figures compare with those of
//! `decode` and `convert`.
#![allow(clippy::expect_used, reason = "a bench fails by panicking")]

use arrow::array::RecordBatch;
use callake::day::{DayRows, Footer, Gather, Merge, WriteOptions, write};
use callake::decode::{Decoder, Event, Source, Stream};
use callake::demo::records::{Dataset, Flavour, Order};
use callake::schema::{self, Table};
use chrono_tz::Tz;
use divan::counter::BytesCount;

fn main() {
    divan::main();
}

/// Records of one day: bytes of their JSON, and batches as `convert` makes them.
fn batches(table: &Table, records: u64, order: Order) -> (usize, Vec<RecordBatch>) {
    let flavour = match table.name.as_str() {
        "conversations" => Flavour::Conversations,
        _ => Flavour::Mixed,
    };
    let mut json = Vec::new();
    let dataset = Dataset {
        records,
        days: 1,
        ..Dataset::default()
    };
    dataset
        .write_ndjson(&mut json, flavour, order)
        .expect("a Vec takes all");
    let source = Source {
        account_id: "bench".to_string(),
        endpoint: None,
        fetched_at: 0,
        timezone_offset: 0,
    };
    let mut decoder = Decoder::new(table, source);
    let mut stream = Stream::new();
    let mut rest = json.as_slice();
    let mut batches = Vec::new();
    loop {
        match stream.advance(&mut decoder) {
            Event::Record => {
                if decoder.bytes() > 8 << 20 {
                    batches.push(decoder.flush().expect("a batch"));
                }
            }
            Event::NeedInput => {
                let room = stream.space();
                let length = room.len().min(rest.len());
                room[..length].copy_from_slice(&rest[..length]);
                rest = &rest[length..];
                stream.filled(length);
            }
            event @ (Event::Problem(_) | Event::Skipped(_)) => unreachable!("{event:?}"),
            Event::End => break,
        }
    }
    batches.push(decoder.flush().expect("a batch"));
    (json.len(), batches)
}

/// The rows of the one day.
fn gather(table: &'static Table, batches: &[RecordBatch], budget: usize) -> DayRows {
    let mut gather =
        Gather::new(Tz::UTC, budget, WriteOptions::default(), &std::env::temp_dir()).expect("a gatherer");
    for batch in batches {
        gather.push(table, batch.clone()).expect("room for a batch");
    }
    gather.days().expect("days").next().expect("a day")
}

fn write_day(rows: &DayRows) -> u64 {
    let merge = Merge::new(rows, None).expect("a merge");
    let path = rows.scratch().file("bench");
    let footer = Footer {
        revision: 0,
        facts: Vec::new(),
    };
    let written = write(
        merge.batches().expect("rows"),
        rows.table(),
        merge.rows(),
        &path,
        footer,
        &WriteOptions::default(),
    )
    .expect("a file");
    std::fs::remove_file(&path).expect("the file is there");
    written.bytes
}

/// Rows that lie in memory in order: encoding alone.
#[divan::bench(args = [1_000, 10_000, 30_000])]
fn in_order(bencher: divan::Bencher, records: u64) {
    let (bytes, batches) = batches(schema::call_details(), records, Order::Start);
    let rows = gather(schema::call_details(), &batches, usize::MAX);
    bencher
        .counter(BytesCount::new(bytes))
        .bench_local(|| write_day(&rows));
}

/// Conversations of so many sessions, in order.
#[divan::bench(args = [30_000])]
fn conversations_in_order(bencher: divan::Bencher, records: u64) {
    let table = schema::conversations();
    let (bytes, batches) = batches(table, records, Order::Start);
    let rows = gather(table, &batches, usize::MAX);
    bencher
        .counter(BytesCount::new(bytes))
        .bench_local(|| write_day(&rows));
}

/// Rows in no order.
#[divan::bench(args = [30_000])]
fn in_random_order(bencher: divan::Bencher, records: u64) {
    let (bytes, batches) = batches(schema::call_details(), records, Order::Random);
    bencher
        .counter(BytesCount::new(bytes))
        .bench_local(|| write_day(&gather(schema::call_details(), &batches, usize::MAX)));
}

/// Rows in no order, of which each batch becomes a run on disk.
#[divan::bench(args = [30_000])]
fn spilled(bencher: divan::Bencher, records: u64) {
    let (bytes, batches) = batches(schema::call_details(), records, Order::Random);
    bencher
        .counter(BytesCount::new(bytes))
        .bench_local(|| write_day(&gather(schema::call_details(), &batches, 1 << 20)));
}
