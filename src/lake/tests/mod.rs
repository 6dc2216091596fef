//! Tests of a lake on the local file system, within one process.

mod publish;
mod snapshot;
mod verify;

use std::sync::Arc;

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use chrono::DateTime;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::KeyValue;

use super::*;
use crate::day::testing::{Row, batch, row, rows};
use crate::day::{DayRows, Gather, WriteOptions};
use crate::schema::call_details;

const DAY: &str = "2025-09-30";

fn options() -> LakeOptions {
    LakeOptions::default()
}

async fn open(folder: &Path) -> Lake {
    Lake::open(folder.to_str().unwrap(), options()).await.unwrap()
}

fn gather_day(day: &str, input: &[Row]) -> DayRows {
    let mut gather = Gather::new(Tz::UTC, 1 << 20, WriteOptions::default(), &std::env::temp_dir()).unwrap();
    gather.expect(call_details(), day.parse().unwrap()).unwrap();
    gather.push(call_details(), batch(input)).unwrap();
    let mut days: Vec<_> = gather.days().unwrap().collect();
    assert_eq!(days.len(), 1);
    days.remove(0)
}

fn gather(input: &[Row]) -> DayRows {
    gather_day(DAY, input)
}

async fn publish_on(lake: &Lake, day: &str, input: &[Row], facts: DayFacts) -> Outcome {
    lake.publish("acc", gather_day(day, input), facts)
        .await
        .unwrap()
        .outcome
}

async fn publish(lake: &Lake, input: &[Row], facts: DayFacts) -> Outcome {
    lake.publish("acc", gather(input), facts).await.unwrap().outcome
}

fn path(folder: &Path) -> PathBuf {
    folder.join(format!("call_details/session_date={DAY}/acc.parquet"))
}

fn read(path: &Path) -> Vec<Row> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    reader
        .build()
        .unwrap()
        .flat_map(|batch| rows(&batch.unwrap()))
        .collect()
}

/// All files in the lake outside `_callake`, and those in it that a glob would read.
fn visible(folder: &Path) -> Vec<String> {
    let found = std::process::Command::new("find")
        .arg(folder)
        .args(["-type", "f"])
        .output()
        .unwrap();
    let text = String::from_utf8(found.stdout).unwrap();
    let mut lines: Vec<_> = text
        .lines()
        .filter(|line| !line.contains("/_callake/") || line.ends_with(".parquet"))
        .collect();
    lines.sort_unstable();
    lines
        .iter()
        .map(|line| line[folder.to_str().unwrap().len() + 1..].to_string())
        .collect()
}

fn closed() -> DayFacts {
    let at = |text: &str| text.parse::<DateTime<chrono::Utc>>().unwrap();
    DayFacts {
        not_found: Vec::new(),
        reads: vec![Read {
            from: at("2025-09-30T00:00:00Z"),
            to: at("2025-10-01T00:00:00Z"),
            endpoint: "v2".to_string(),
            fetched_from: at("2025-10-01T01:00:00Z"),
            fetched_to: at("2025-10-01T01:00:09Z"),
            proven: true,
            closed: true,
            requests: 3,
            received: 2,
            unique: 2,
        }],
    }
}
