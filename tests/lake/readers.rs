//! Readers that query while days are being replaced.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::agent::Agent;
use super::places::{Place, python_with};
use super::rows::{Row, row};

/// As in `reader.py`.
const ROWS: i64 = 200;

/// What a reader saw.
#[derive(Debug, Deserialize)]
struct Seen {
    seen: usize,
    versions: usize,
    wrong: Vec<(i64, i64, String)>,
    errors: usize,
    error: Vec<String>,
}

fn version(number: i64) -> Vec<Row> {
    // Names of one length, so that the versions have equal layouts.
    (0..ROWS)
        .map(|key| row(key, number, format!("version {number:06}")))
        .collect()
}

/// What the reader saw while the day was replaced so many times; `None`, with a message, without its engine.
fn read_while_replacing(place: &Place, engine: &str, replacements: i64) -> Option<Seen> {
    let python = python_with(engine)?;
    Agent::of(place).publish(&[version(0)]).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lake/reader.py");
    let endpoint = place.endpoint.clone().unwrap_or_default();
    let mut reader = Command::new(python)
        .args([script, engine, &place.lake, &endpoint])
        .envs(place.credentials())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(reader.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "reading\n");
    let versions: Vec<_> = (1..=replacements).map(version).collect();
    let reports = Agent::of(place).publish(&versions).unwrap();
    assert!(reports.iter().all(|report| report.outcome == "Merged"));
    drop(reader.stdin.take());
    let mut seen = String::new();
    out.read_to_string(&mut seen).unwrap();
    reader.wait().unwrap();
    let seen: Seen = serde_json::from_str(&seen).unwrap();
    println!("{engine} in {}: {seen:?}", place.name);
    assert!(seen.seen > 0 && seen.versions > 1, "{seen:?}");
    Some(seen)
}

fn replacements() -> i64 {
    if std::env::var_os("CALLAKE_LONG_TESTS").is_some() {
        1000
    } else {
        40
    }
}

#[test]
fn readers_of_a_folder_see_one_version() {
    let folder = Place::folder();
    if let Some(seen) = read_while_replacing(&folder, "pyarrow", replacements()) {
        assert!(seen.wrong.is_empty() && seen.errors == 0, "{seen:?}");
    }
    // DuckDB 1.5 opens a file once for its footer and again for its pages, so a replacement between the two is an error:
    // with files of any writer, since their offsets differ, and never an answer with ours, even where they would not.
    if let Some(seen) = read_while_replacing(&Place::folder(), "duckdb", replacements()) {
        assert!(seen.wrong.is_empty(), "{seen:?}");
    }
}

/// Pyarrow does not pin the version between its requests, so it can see two, but never as an answer.
#[test]
fn readers_of_an_object_see_one_version_or_an_error() {
    let Some(place) = Place::external().or_else(Place::moto) else {
        return;
    };
    let Some(seen) = read_while_replacing(&place, "pyarrow", replacements()) else {
        return;
    };
    assert!(seen.wrong.is_empty(), "{seen:?}, first error {:?}", seen.error);
}
