//! Checks that a lake is what it says: findings as values.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use super::footer::FileFacts;
use super::layout::{DayPath, SNAPSHOT, STAGING};
use super::publish::blocking;
use super::store::{LocalFile, Store, problem_of_bytes, read_footer};
use super::{Error, Lake, Result};
use crate::day::{DayClock, Inspection, KeyHash, Scratch, digest, inspect, is_live};
use crate::schema;

/// Keys of one part of the key space that are held in memory, 24 bytes each.
const KEYS_IN_MEMORY: u64 = 2_000_000;

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Where the lake is.
    pub lake: String,
    /// Day files that were checked.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whether every page was decoded.
    pub deep: bool,
    /// What is wrong, by path; empty for a sound lake.
    pub findings: Vec<Finding>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// File, relative to the lake.
    pub path: String,
    /// What kind of damage it is.
    pub kind: FindingKind,
    /// What was found, and where in the file.
    pub detail: String,
}

/// Kinds of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// A file that does not belong where it lies.
    ForeignFile,
    /// What a killed run left behind; `clean` removes it once it is a day old.
    LeftOver,
    /// A file that is no Parquet, or can't be decoded.
    Unreadable,
    /// Bytes that are not those that were written.
    Checksum,
    /// A footer that contradicts the path or the other files.
    Footer,
    /// Another schema than the footer's version has.
    Schema,
    /// Another number of rows than the footer says.
    Rows,
    /// Rows out of order.
    Order,
    /// A row of another day.
    WrongDay,
    /// A malformed `extra`.
    Extra,
    /// A key that stands twice.
    DuplicateKey,
    /// A snapshot that is not what its manifest says.
    Manifest,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.detail)
    }
}

impl Verification {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }
}

impl Lake {
    /// Checks every file: checksum of all bytes, footer, schema, rows, order, days, `extra`, keys unique in all days of an
    /// account; and that nothing else lies in the lake. `deep` decodes every page besides.
    ///
    /// Memory: a batch of rows, and up to 48 MB of keys; more keys than that go through files in `scratch`. A lake in an
    /// object store is copied there file by file.
    ///
    /// # Errors
    /// There is nothing to check; the place can't be read.
    pub async fn verify(&self, deep: bool, scratch: Arc<Scratch>) -> Result<Verification> {
        let mut report = Verification {
            lake: self.location(),
            files: 0,
            rows: 0,
            bytes: 0,
            deep,
            findings: Vec::new(),
        };
        let mut files = Vec::new();
        for entry in self.store.list_all().await? {
            match DayPath::parse(&entry.path) {
                Some(path) if schema::table(&path.table).is_some() => files.push((path, entry.bytes)),
                _ => report.findings.extend(self.stray(&entry.path)),
            }
        }
        files.sort();
        let bytes: u64 = files.iter().map(|file| file.1).sum();
        let progress = &self.options.progress;
        progress.expect(files.len() as u64, bytes);
        // A row takes more than ten bytes, so there are fewer keys than that.
        let mut keys = KeyLog::new(&scratch, bytes / 10)?;
        let mut paths = Vec::new();
        let mut zone = None;
        for (path, bytes) in files {
            let Some(file) = self.store.local_file(&path, &scratch).await? else {
                continue;
            };
            let number = paths.len() as u32;
            paths.push(path.clone());
            let (checked, log) = blocking(&path.clone(), move || {
                let mut keys = keys;
                let checked = check_file(&path, &file, deep, |key| keys.push(&path, key, number))?;
                Ok((checked, keys))
            })
            .await?;
            keys = log;
            report.files += 1;
            report.bytes += bytes;
            report.rows += checked.rows;
            progress.steps.add(1);
            progress.work.add(bytes);
            progress.bytes.add(bytes);
            progress.records.add(checked.rows);
            report.findings.extend(checked.findings);
            if let Some(facts) = checked.facts {
                let first = *zone.get_or_insert(facts.zone);
                if first != facts.zone {
                    let detail = format!("has the days of {}, other files those of {first}", facts.zone);
                    let path = paths[number as usize].to_string();
                    report.findings.push(Finding {
                        path,
                        kind: FindingKind::Footer,
                        detail,
                    });
                }
            }
        }
        report.findings.extend(keys.duplicates(&paths)?);
        self.check_manifest(&paths, &scratch, &mut report.findings)
            .await?;
        report.findings.sort();
        if report.files == 0 && report.findings.is_empty() && self.manifest().await?.is_none() {
            return Err(self.no_days("any table"));
        }
        Ok(report)
    }

    /// Compares a snapshot with its manifest; a lake has none.
    async fn check_manifest(
        &self,
        paths: &[DayPath],
        scratch: &Scratch,
        findings: &mut Vec<Finding>,
    ) -> Result<()> {
        let mut found = |path: &str, detail: &str| {
            let (path, detail) = (path.to_string(), detail.to_string());
            findings.push(Finding {
                path,
                kind: FindingKind::Manifest,
                detail,
            });
        };
        let manifest = match self.manifest().await {
            Err(Error::Damaged { path, problem }) => {
                found(&path, &problem);
                return Ok(());
            }
            manifest => manifest?,
        };
        let Some(manifest) = manifest else {
            if self.store.read_object(SNAPSHOT).await?.is_some() {
                found(
                    SNAPSHOT,
                    "begins a snapshot that was never completed: run it again",
                );
            }
            return Ok(());
        };
        let listed: HashMap<_, _> = manifest
            .files
            .iter()
            .map(|file| (file.path.as_str(), file))
            .collect();
        for path in paths {
            let name = path.to_string();
            let Some(said) = listed.get(name.as_str()) else {
                found(&name, "is not in the manifest");
                continue;
            };
            let Some(file) = self.local_file(path, scratch).await? else {
                continue;
            };
            let held = blocking(path, {
                let path = path.clone();
                move || digest(file.path(), file.file()).map_err(Error::day(path))
            })
            .await?;
            if (held.bytes, &held.sha256) != (said.bytes, &said.sha256) {
                found(&name, "has other bytes than the manifest says");
            }
        }
        let present: HashSet<_> = paths.iter().map(DayPath::to_string).collect();
        for file in manifest.files.iter().filter(|file| !present.contains(&file.path)) {
            found(&file.path, "is in the manifest and not there");
        }
        Ok(())
    }

    /// What is wrong about a file that is no day's file.
    fn stray(&self, path: &str) -> Option<Finding> {
        let finding = |kind, detail: &str| {
            Some(Finding {
                path: path.to_string(),
                kind,
                detail: detail.to_string(),
            })
        };
        if path.ends_with(".parquet") {
            return finding(
                FindingKind::ForeignFile,
                "is no day's file, but readers of **/*.parquet read it: move it out of the lake",
            );
        }
        let (top, _) = path.split_once('/')?;
        if schema::table(top).is_some() {
            return finding(
                FindingKind::ForeignFile,
                "lies in a table but is no day's file: move it out of the lake",
            );
        }
        if path.starts_with(STAGING) {
            let is_at_work = match &self.store {
                Store::Local(store) => {
                    let file = store.root().join(path);
                    // A run that has ended since has removed its files.
                    file.parent().is_some_and(is_live) || !file.exists()
                }
                Store::Remote(_) => false,
            };
            if !is_at_work {
                return finding(FindingKind::LeftOver, "was left by a run that is gone");
            }
        }
        None
    }
}

/// What is known of a file after its check.
pub(super) struct Checked {
    pub(super) rows: u64,
    facts: Option<FileFacts>,
    pub(super) findings: Vec<Finding>,
}

pub(super) fn check_file(
    path: &DayPath,
    file: &LocalFile,
    deep: bool,
    see: impl FnMut(KeyHash) -> std::io::Result<()>,
) -> Result<Checked> {
    let mut findings = Vec::new();
    let mut found = |kind, detail: String| {
        findings.push(Finding {
            path: path.to_string(),
            kind,
            detail,
        })
    };
    let mut facts = None;
    let mut rows = 0;
    let table = schema::table(&path.table);
    let table = table.ok_or_else(|| Error::damaged(path, "is of an unknown table"))?;
    match read_footer(file.file(), path).and_then(|footer| {
        let said = FileFacts::read(&path.to_string(), &footer)?;
        Ok((said, footer.file_metadata().num_rows() as u64))
    }) {
        Err(Error::Damaged { problem, .. }) => found(FindingKind::Unreadable, problem),
        Err(error) => return Err(error),
        Ok((None, _)) => found(FindingKind::Footer, "was not written by callake".to_string()),
        Ok((Some(said), held)) => {
            let digest = digest(file.path(), file.file()).map_err(Error::day(path))?;
            if let Some(problem) = problem_of_bytes(&digest) {
                found(FindingKind::Checksum, problem.to_string());
            }
            if (&said.table, &said.account, said.day) != (&path.table, &path.account, path.day) {
                let detail = format!(
                    "says table {}, account {}, day {}",
                    said.table, said.account, said.day
                );
                found(FindingKind::Footer, detail);
            }
            if said.rows != held {
                found(
                    FindingKind::Rows,
                    format!("says {} rows and has {held}", said.rows),
                );
            }
            let clock = DayClock::new(said.zone);
            match inspect(file.path(), file.file(), table, path.day, clock, deep, see) {
                Ok(inspection) => {
                    rows = inspection.rows;
                    if rows != held {
                        found(
                            FindingKind::Rows,
                            format!("has {held} rows by its footer, and {rows} came out"),
                        );
                    }
                    if !inspection.is_current && said.schema_version == table.version {
                        let detail = format!("has not the schema of its version {}", said.schema_version);
                        found(FindingKind::Schema, detail);
                    }
                    report_rows(&inspection, &mut found);
                }
                Err(crate::day::Error::Shape { column, problem }) => {
                    found(FindingKind::Schema, format!("column {column} {problem}"));
                }
                Err(crate::day::Error::Parquet { source, .. }) => {
                    found(FindingKind::Unreadable, format!("can't be decoded: {source}"));
                }
                Err(error) => return Err(Error::day(path)(error)),
            }
            facts = Some(said);
        }
    }
    Ok(Checked {
        rows,
        facts,
        findings,
    })
}

fn report_rows(inspection: &Inspection, found: &mut impl FnMut(FindingKind, String)) {
    if let Some(row) = inspection.out_of_order {
        found(
            FindingKind::Order,
            format!("row {row} comes before the one above it"),
        );
    }
    if let Some((rows, first, day)) = inspection.of_other_days {
        found(
            FindingKind::WrongDay,
            format!("{rows} rows are of other days, the first row {first} of {day}"),
        );
    }
    if let Some((row, problem)) = &inspection.bad_extra {
        found(FindingKind::Extra, format!("extra of row {row} {problem}"));
    }
}

/// Keys with the files that hold them, in parts small enough to be held in memory one by one.
struct KeyLog {
    parts: Vec<(PathBuf, BufWriter<File>)>,
}

/// A key's hash, mixed with its account, and the number of its file.
const ENTRY: usize = 20;

impl KeyLog {
    fn new(scratch: &Scratch, keys: u64) -> Result<KeyLog> {
        let parts = keys.div_ceil(KEYS_IN_MEMORY).clamp(1, 256);
        let part = |_| {
            let path = scratch.file("keys");
            let file = File::create_new(&path).map_err(Error::io("create", &path))?;
            Ok((path, BufWriter::new(file)))
        };
        Ok(KeyLog {
            parts: (0..parts).map(part).collect::<Result<_>>()?,
        })
    }

    fn push(&mut self, path: &DayPath, key: KeyHash, file: u32) -> std::io::Result<()> {
        // Keys are unique within an account of a table.
        let of = path.account.bytes().chain(path.table.bytes());
        let salt = of.fold(0_u128, |sum, byte| {
            sum.wrapping_mul(0x0100_0193).wrapping_add(byte.into())
        });
        let key = key ^ salt;
        let part = (key % self.parts.len() as u128) as usize;
        let writer = &mut self.parts[part].1;
        writer.write_all(&key.to_le_bytes())?;
        writer.write_all(&file.to_le_bytes())
    }

    /// A finding for each pair of files that share keys.
    fn duplicates(self, paths: &[DayPath]) -> Result<Vec<Finding>> {
        let mut shared: HashMap<(u32, u32), u64> = HashMap::new();
        for (path, writer) in self.parts {
            let file = writer
                .into_inner()
                .map_err(|error| Error::io("write", &path)(error.into_error()))?;
            drop(file);
            let file = File::open(&path).map_err(Error::io("open", &path))?;
            let mut entries = read_entries(BufReader::new(file)).map_err(Error::io("read", &path))?;
            entries.sort_unstable();
            for same in entries.chunk_by(|a, b| a.0 == b.0) {
                for other in &same[1..] {
                    *shared.entry((same[0].1, other.1)).or_default() += 1;
                }
            }
            let _ = std::fs::remove_file(&path);
        }
        let finding = |((first, second), keys): ((u32, u32), u64)| {
            let other = &paths[first as usize];
            let detail = if first == second {
                format!("has {keys} keys twice")
            } else {
                format!("has {keys} keys that {other} has too")
            };
            Finding {
                path: paths[second as usize].to_string(),
                kind: FindingKind::DuplicateKey,
                detail,
            }
        };
        Ok(shared.into_iter().map(finding).collect())
    }
}

fn read_entries(mut reader: impl Read) -> std::io::Result<Vec<(u128, u32)>> {
    let mut entries = Vec::new();
    let mut entry = [0; ENTRY];
    loop {
        match reader.read_exact(&mut entry) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(entries),
            Err(error) => return Err(error),
        }
        let (key, file) = entry.split_at(16);
        let key = u128::from_le_bytes(key.try_into().unwrap_or_default());
        entries.push((key, u32::from_le_bytes(file.try_into().unwrap_or_default())));
    }
}
