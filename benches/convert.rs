//! `callake convert`, the whole process: bytes a second, by size and shape of input.
//!
//! `cargo bench --bench convert`. How it stands beside other tools, and with inputs too large for a bench: `benches/peers`.
#![allow(clippy::expect_used, reason = "a bench fails by panicking")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use callake::demo::records::{Dataset, Flavour, Order};
use divan::counter::BytesCount;
use tempfile::TempDir;

fn main() {
    divan::main();
}

/// Records in a file of their own.
struct Input {
    folder: TempDir,
    path: PathBuf,
    bytes: u64,
}

fn input(records: u64, days: u32, order: Order) -> Input {
    input_as(Flavour::Mixed, records, days, order)
}

fn input_as(flavour: Flavour, records: u64, days: u32, order: Order) -> Input {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("records.ndjson");
    let mut file = File::create(&path).expect("a file");
    let dataset = Dataset {
        records,
        days,
        ..Dataset::default()
    };
    dataset
        .write_ndjson(&mut file, flavour, order)
        .expect("room on the disk");
    let bytes = file.metadata().expect("the file is there").len();
    Input { folder, path, bytes }
}

fn convert(input: &Path, dest: &Path) {
    let status = Command::new(env!("CARGO_BIN_EXE_callake"))
        .arg("convert")
        .arg(input)
        .args(["--account", "bench", "--dest"])
        .arg(dest)
        .stdout(Stdio::null())
        .status()
        .expect("the binary runs");
    assert!(status.success(), "convert failed");
}

fn bench(bencher: divan::Bencher, input: &Input) {
    bencher
        .counter(BytesCount::new(input.bytes))
        .with_inputs(|| TempDir::new_in(input.folder.path()).expect("a folder"))
        .bench_local_values(|dest| {
            convert(&input.path, &dest.path().join("lake"));
            // Dropped, and so removed, outside the measured time.
            dest
        });
}

/// By number of records, ten days, by start as the API's pages come.
#[divan::bench(args = [100, 10_000, 100_000], sample_count = 5, sample_size = 1)]
fn ten_days(bencher: divan::Bencher, records: u64) {
    bench(bencher, &input(records, 10, Order::Start));
}

/// The conversations of so many sessions.
#[divan::bench(args = [100_000], sample_count = 5, sample_size = 1)]
fn ten_days_of_conversations(bencher: divan::Bencher, records: u64) {
    bench(
        bencher,
        &input_as(Flavour::Conversations, records, 10, Order::Start),
    );
}

/// All in one day, whose columns are all that can be done side by side.
#[divan::bench(args = [100_000], sample_count = 5, sample_size = 1)]
fn one_day(bencher: divan::Bencher, records: u64) {
    bench(bencher, &input(records, 1, Order::Start));
}

/// In no order: every batch holds rows of every day.
#[divan::bench(args = [100_000], sample_count = 5, sample_size = 1)]
fn ten_days_in_random_order(bencher: divan::Bencher, records: u64) {
    bench(bencher, &input(records, 10, Order::Random));
}

/// Many days of few records: what a file costs.
#[divan::bench(args = [1_000], sample_count = 5, sample_size = 1)]
fn hundred_days(bencher: divan::Bencher, records: u64) {
    bench(bencher, &input(records, 100, Order::Start));
}
