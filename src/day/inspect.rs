//! Looks at a day's file for what should never be: rows out of order, twice or of another day, and malformed `extra`.

use std::collections::HashSet;
use std::fs::File;
use std::path::Path;

use arrow::array::{Array, AsArray, MapArray};
use serde::de::IgnoredAny;

use super::Result;
use super::calendar::{Day, DayClock};
use super::keys::{Id, KeyIndex, Keys, digest};
use super::run::{ParquetRun, Run};
use crate::schema::{self, Role, Table};

/// 128 bits of a hash of a row's key, by which keys can be told apart across files.
pub type KeyHash = u128;

/// What was found in a file; row numbers count from 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Rows that came out.
    pub rows: u64,
    /// Whether the file has exactly the table's schema.
    pub is_current: bool,
    /// The first row that comes before the one above it.
    pub out_of_order: Option<u64>,
    /// Rows of another day: how many, the first of them, and its day.
    pub of_other_days: Option<(u64, u64, Day)>,
    /// The first row whose `extra` is no map from JSON Pointers to JSON texts, and why.
    pub bad_extra: Option<(u64, String)>,
}

/// Reads the key columns and `extra` of the file, which messages call `path`, or all columns (`deep`), and hands each row's key to
/// `see`. Rows without a key are known by their content and have none to hand over.
pub fn inspect(
    path: &Path,
    file: &File,
    table: &Table,
    day: Day,
    clock: DayClock,
    deep: bool,
    mut see: impl FnMut(KeyHash) -> std::io::Result<()>,
) -> Result<Inspection> {
    let schema = schema::arrow::schema(table);
    let index = KeyIndex::new(table, &schema)?;
    let run = ParquetRun::opened(path, file, &schema)?;
    let mut found = Inspection {
        is_current: run.is_current(),
        ..Inspection::default()
    };
    let extra = table
        .column_of(Role::Extra)
        .and_then(|name| schema.index_of(name).ok());
    let mut columns = index.columns();
    // `extra` is the last column, so the key columns keep their places.
    columns.extend(extra);
    let key_columns = if deep { index.clone() } else { index.projected() };
    let run = Run::Parquet(run);
    let batches = if deep {
        run.batches()?
    } else {
        run.columns(&columns)?
    };
    let mut last: Option<Keys> = None;
    for batch in batches {
        let batch = batch?;
        let keys = Keys::new(&batch, &key_columns)?;
        let extra = extra.and_then(|_| batch.columns().last()?.as_map_opt());
        for row in 0..keys.len() {
            let number = found.rows + row as u64;
            let follows = match (row, &last) {
                (0, Some(last)) => last.compare(last.len() - 1, &keys, 0).is_le(),
                (0, None) => true,
                _ => keys.compare(row - 1, &keys, row).is_le(),
            };
            if !follows {
                found.out_of_order.get_or_insert(number);
            }
            let its_day = clock.day(keys.start(row), keys.session(row));
            if its_day != day {
                found.of_other_days.get_or_insert((0, number, its_day)).0 += 1;
            }
            if let Some(problem) = extra.and_then(|extra| problem_of_extra(extra, row)) {
                found.bad_extra.get_or_insert((number, problem));
            }
            if let Some(key) = key_hash(&keys, row) {
                see(key).map_err(super::Error::io("note the keys of", path))?;
            }
        }
        found.rows += keys.len() as u64;
        last = Some(keys);
    }
    Ok(found)
}

fn key_hash(keys: &Keys, row: usize) -> Option<KeyHash> {
    let (session, conversation) = (Id::new(keys.session(row)), Id::new(keys.conversation(row)));
    if session.is_null() && conversation.is_null() {
        return None;
    }
    let bytes = [session.to_bytes(), conversation.to_bytes()].concat();
    Some(digest(&bytes))
}

fn problem_of_extra(extra: &MapArray, row: usize) -> Option<String> {
    if extra.is_null(row) {
        return None;
    }
    let entries = extra.value(row);
    let (pointers, texts) = (
        entries.column(0).as_string::<i32>(),
        entries.column(1).as_string::<i32>(),
    );
    let mut seen = HashSet::new();
    for at in 0..entries.len() {
        let (pointer, text) = (pointers.value(at), texts.value(at));
        if !is_pointer(pointer) {
            return Some("has a key that is no JSON Pointer".to_string());
        }
        if texts.is_null(at) || serde_json::from_str::<IgnoredAny>(text).is_err() {
            return Some(format!("has no JSON at {pointer}"));
        }
        if !seen.insert(pointer) {
            return Some(format!("has {pointer} twice"));
        }
    }
    None
}

/// Whether the text is a JSON Pointer (RFC 6901): empty, or `/` before each part, and `~` only in `~0` and `~1`.
fn is_pointer(text: &str) -> bool {
    let escapes_are_right = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    (text.is_empty() || text.starts_with('/')) && escapes_are_right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers() {
        for pointer in ["", "/", "/a/0", "/a~1b", "/~0~1", "/a//b"] {
            assert!(is_pointer(pointer), "{pointer}");
        }
        for text in ["a", "a/b", "/~", "/~2", "/a~/b"] {
            assert!(!is_pointer(text), "{text}");
        }
    }
}
