//! JSON → Arrow and back on one core: bytes of JSON a second, by size of input.
//!
//! `cargo bench --bench decode`. The peers' figures come from `benches/peers`.
#![allow(clippy::expect_used, reason = "a bench fails by panicking")]

use callake::decode::{Decoder, Event, RecordDecoder as _, Sorted, Source, Stream};
use callake::demo::records::{Dataset, Flavour, Order};
use callake::proof::Originals;
use callake::restore::Records;
use callake::schema::{self, Table};
use divan::counter::BytesCount;

/// JSON of a batch, in bytes: its columns stay in the second cache.
const BATCH: usize = 1 << 20;

fn main() {
    divan::main();
}

fn records(records: u64) -> Vec<u8> {
    records_as(Flavour::Mixed, records)
}

fn records_as(flavour: Flavour, records: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let dataset = Dataset {
        records,
        days: 7,
        ..Dataset::default()
    };
    dataset
        .write_ndjson(&mut out, flavour, Order::Start)
        .expect("a Vec takes all");
    out
}

fn decoder() -> Decoder {
    decoder_of(schema::call_details())
}

fn decoder_of(table: &Table) -> Decoder {
    let source = Source {
        account_id: "bench".to_string(),
        endpoint: None,
        fetched_at: 0,
        timezone_offset: 0,
    };
    Decoder::new(table, source)
}

fn decode(bytes: &[u8], mut decoder: Decoder) -> usize {
    let mut stream = Stream::new();
    let mut rest = bytes;
    let mut rows = 0;
    loop {
        match stream.advance(&mut decoder) {
            Event::Record => {
                if decoder.bytes() > BATCH {
                    rows += decoder.flush().expect("a batch").num_rows();
                }
            }
            Event::NeedInput => {
                let room = stream.space();
                let length = room.len().min(rest.len());
                room[..length].copy_from_slice(&rest[..length]);
                rest = &rest[length..];
                stream.filled(length);
            }
            Event::Problem(problem) => unreachable!("{problem:?}"),
            Event::Skipped(_) => unreachable!("all records are whole"),
            Event::End => return rows + decoder.flush().expect("a batch").num_rows(),
        }
    }
}

/// The lines of NDJSON, each with its line feed.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = memchr::memchr_iter(b'\n', bytes).map(|at| at + 1);
    let mut start = 0;
    ends.map(move |end| &bytes[std::mem::replace(&mut start, end)..end])
}

#[divan::bench(args = [1_000, 30_000])]
fn ndjson(bencher: divan::Bencher, count: u64) {
    let bytes = records(count);
    bencher
        .counter(BytesCount::of_slice(&bytes))
        .bench(|| decode(&bytes, decoder()));
}

/// Of so many sessions, those that have a conversation.
#[divan::bench(args = [30_000])]
fn conversations(bencher: divan::Bencher, count: u64) {
    let bytes = records_as(Flavour::Conversations, count);
    bencher
        .counter(BytesCount::of_slice(&bytes))
        .bench(|| decode(&bytes, decoder_of(schema::conversations())));
}

/// Call details, told apart from conversations as `convert` does where no table is named.
#[divan::bench(args = [30_000])]
fn told_apart(bencher: divan::Bencher, count: u64) {
    let bytes = records(count);
    bencher.counter(BytesCount::of_slice(&bytes)).bench(|| {
        let mut sorted = Sorted::new(schema::tables().map(decoder_of).into());
        let mut rows = 0;
        for line in lines(&bytes) {
            sorted.record(line).expect("a record");
            let decoder = &mut sorted.decoders()[0];
            if decoder.bytes() > BATCH {
                rows += decoder.flush().expect("a batch").num_rows();
            }
        }
        rows
    });
}

/// What `--verify` adds to decoding: rebuilding every record and comparing it with the original.
#[divan::bench(args = [30_000])]
fn prove(bencher: divan::Bencher, count: u64) {
    let bytes = records(count);
    let mut decoder = decoder();
    let mut batches = Vec::new();
    let mut originals = Originals::new();
    for line in lines(&bytes) {
        decoder.record(line).expect("a record");
        originals.push(line);
        if decoder.bytes() > BATCH {
            batches.push((decoder.flush().expect("a batch"), std::mem::take(&mut originals)));
        }
    }
    batches.push((decoder.flush().expect("a batch"), originals));
    bencher.counter(BytesCount::of_slice(&bytes)).bench(|| {
        for (batch, originals) in &batches {
            originals
                .prove(schema::call_details(), batch)
                .expect("equal records");
        }
    });
}

/// Rows to NDJSON.
#[divan::bench(args = [30_000])]
fn restore(bencher: divan::Bencher, count: u64) {
    let bytes = records(count);
    let mut decoder = decoder();
    for line in lines(&bytes) {
        decoder.record(line).expect("a record");
    }
    let batch = decoder.flush().expect("a batch");
    bencher.counter(BytesCount::of_slice(&bytes)).bench(|| {
        let records = Records::new(schema::call_details(), &batch).expect("the table's columns");
        records.write(&mut std::io::sink()).expect("a sink takes all")
    });
}

/// The floor: what serde_json takes to check the same bytes and build nothing.
#[divan::bench(args = [30_000])]
fn serde_json_ignoring(bencher: divan::Bencher, count: u64) {
    let bytes = records(count);
    bencher.counter(BytesCount::of_slice(&bytes)).bench(|| {
        serde_json::Deserializer::from_slice(&bytes)
            .into_iter::<serde::de::IgnoredAny>()
            .count()
    });
}
