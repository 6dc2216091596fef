//! Copies a lake, or a range of its days, to another place as an archive that is never changed again.
//!
//! ```text
//! <target>/<name>/<table>/session_date=…/<account>.parquet    as in the lake, so that `restore` and any reader can read it
//! <target>/<name>/_callake/snapshot.json                      the days asked for; written first
//! <target>/<name>/_callake/manifest.json                      rows, bytes and SHA-256 of each file; written last
//! ```
//!
//! Nothing is overwritten: a file that is there stays, so a snapshot that was cut off is taken up where it was. Without a
//! manifest it is not complete.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::footer::tool;
use super::layout::{DayPath, MANIFEST, SNAPSHOT};
use super::publish::blocking;
use super::store::{LocalFile, Store, check_file};
use super::{Error, Lake, LakeOptions, Result};
use crate::day::{Digest, Scratch};
use crate::schema;

/// Longest name of a snapshot.
const MAX_NAME: usize = 100;

/// What a complete snapshot holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Program that wrote it.
    pub tool: String,
    /// Lake that was copied.
    pub lake: String,
    /// First day asked for, if any was.
    pub from: Option<NaiveDate>,
    /// Last day asked for, if any was.
    pub to: Option<NaiveDate>,
    /// When it was completed.
    pub completed: DateTime<Utc>,
    /// The files, by path.
    pub files: Vec<ManifestFile>,
}

/// One file of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Path within the snapshot.
    pub path: String,
    /// Rows.
    pub rows: u64,
    /// Size.
    pub bytes: u64,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
}

/// What is to be copied, and where to.
#[derive(Debug, Clone)]
pub struct SnapshotOptions {
    /// Path or URL of the place for snapshots.
    pub target: String,
    /// Name of this one, by custom its date.
    pub name: String,
    /// First day; all without.
    pub from: Option<NaiveDate>,
    /// Last day; all without.
    pub to: Option<NaiveDate>,
    /// How the target is opened.
    pub options: LakeOptions,
}

/// What a snapshot came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// Where it is.
    pub place: String,
    /// Files that were there from an earlier run.
    pub found: u64,
    /// What it holds.
    pub manifest: Manifest,
}

impl Lake {
    /// Copies day by day, and writes the manifest.
    ///
    /// # Errors
    /// A snapshot of that name that is complete already; a file that is not ours; the stores or the disk.
    pub async fn snapshot(&self, asked: &SnapshotOptions, scratch: &Scratch) -> Result<Snapshot> {
        let SnapshotOptions {
            target,
            name,
            from,
            to,
            options,
        } = asked;
        check_name(name)?;
        let place = format!("{}/{name}", target.trim_end_matches('/'));
        let store = Store::open(&place, options)?;
        if store.read_object(MANIFEST).await?.is_some() {
            return Err(Error::Refused(format!(
                "there is a complete snapshot at {place} already: choose another name"
            )));
        }
        let mut files = Vec::new();
        for table in schema::tables() {
            files.extend(self.sized_files(&table.name).await?);
        }
        if files.is_empty() {
            return Err(self.no_days("any table"));
        }
        files.retain(|(path, _)| path.is_within(*from, *to));
        if files.is_empty() {
            return Err(self.no_days_asked("any table"));
        }
        store.prepare(options).await?;
        begin(&store, &place, &Asked { from: *from, to: *to }, scratch).await?;
        let asked = files;
        let progress = &self.options.progress;
        progress.expect(asked.len() as u64, asked.iter().map(|file| file.1).sum());
        let mut files = Vec::new();
        let mut found = 0;
        for (path, bytes) in asked {
            let present = store.local_file(&path, scratch).await?;
            let copy = match present {
                Some(copy) => {
                    found += 1;
                    copy
                }
                None => {
                    let Some(original) = self.local_file(&path, scratch).await? else {
                        continue;
                    };
                    // What is damaged must not get there, where nothing is overwritten.
                    let (original, _) = checked(&path, original).await?;
                    store.put_absent(&path.to_string(), original.path()).await?;
                    // What is there now: in a store this is the proof that all bytes arrived.
                    let copy = store.local_file(&path, scratch).await?;
                    copy.ok_or_else(|| Error::damaged(format!("{place}/{path}"), "is gone again"))?
                }
            };
            let described = match checked(&path, copy).await {
                Err(Error::Damaged { problem, .. }) => {
                    tracing::debug!("{place}/{path} {problem}");
                    let problem = "is not as it was copied: remove it, and run the same command again";
                    return Err(Error::damaged(format!("{place}/{path}"), problem));
                }
                described => described?.1,
            };
            files.push(described);
            progress.steps.add(1);
            progress.work.add(bytes);
            progress.bytes.add(bytes);
        }
        files.sort();
        let manifest = Manifest {
            tool: tool(),
            lake: self.location(),
            from: *from,
            to: *to,
            completed: Utc::now(),
            files,
        };
        put_json(&store, MANIFEST, &manifest, scratch).await?;
        Ok(Snapshot {
            place,
            found,
            manifest,
        })
    }

    /// The manifest, if this lake is a complete snapshot.
    ///
    /// # Errors
    /// A manifest that can't be read.
    pub async fn manifest(&self) -> Result<Option<Manifest>> {
        let Some(bytes) = self.store.read_object(MANIFEST).await? else {
            return Ok(None);
        };
        let manifest = serde_json::from_slice(&bytes);
        manifest
            .map(Some)
            .map_err(|error| Error::damaged(MANIFEST, format!("is no manifest: {error}")))
    }
}

/// The days that a snapshot was begun for.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Asked {
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
}

/// Marks the place as a snapshot, or finds it marked by an earlier run for the same days.
async fn begin(store: &Store, place: &str, asked: &Asked, scratch: &Scratch) -> Result<()> {
    let marked = match store.read_object(SNAPSHOT).await? {
        Some(marked) => marked,
        None => {
            put_json(store, SNAPSHOT, asked, scratch).await?;
            store.read_object(SNAPSHOT).await?.unwrap_or_default()
        }
    };
    if serde_json::from_slice::<Asked>(&marked).is_ok_and(|marked| marked == *asked) {
        return Ok(());
    }
    Err(Error::Refused(format!(
        "the snapshot at {place} was begun for other days: choose another name"
    )))
}

async fn put_json(store: &Store, path: &str, value: &impl Serialize, scratch: &Scratch) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::Refused(format!("{path} can't be written as JSON: {error}")))?;
    let file = scratch.file("json");
    std::fs::write(&file, text).map_err(Error::io("write", &file))?;
    store.put_absent(path, &file).await
}

/// Refuses a name that is no plain folder name.
fn check_name(name: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let first = name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    if first && name.len() <= MAX_NAME && name.bytes().all(plain) {
        return Ok(());
    }
    Err(Error::Refused(format!(
        "a snapshot can't be named {name:?}: want 1 to {MAX_NAME} letters, digits, '.', '_' or '-', the first a letter or \
         digit"
    )))
}

/// The file, which is as it was written for that path, and what the manifest says of it.
async fn checked(path: &DayPath, file: LocalFile) -> Result<(LocalFile, ManifestFile)> {
    let path = path.clone();
    blocking(&path.clone(), move || {
        let (facts, Digest { bytes, sha256, .. }) = check_file(file.file(), &path)?;
        facts.check_place(&path)?;
        let described = ManifestFile {
            path: path.to_string(),
            rows: facts.rows,
            bytes,
            sha256,
        };
        Ok((file, described))
    })
    .await
}
