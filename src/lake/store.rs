//! The two kinds of places that a lake can be in, and what is asked of both.

use std::fs::File;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};

use super::footer::FileFacts;
use super::layout::{DayPath, OWN};
use super::local::LocalStore;
use super::object::RemoteStore;
use super::publish::blocking;
use super::{Error, LakeOptions, Result};
use crate::day::{self, Digest, Scratch};
use crate::schema;

/// Where a lake is.
#[derive(Debug, Clone)]
pub(crate) enum Store {
    Local(LocalStore),
    Remote(RemoteStore),
}

/// A file or object of a lake.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// Path within the lake, with `/`.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) modified: DateTime<Utc>,
}

/// A day's file on local disk, open: itself, or a copy that is removed on drop.
#[derive(Debug)]
pub struct LocalFile {
    path: PathBuf,
    file: File,
    is_copy: bool,
}

impl LocalFile {
    /// Where it is, or was: another version may have taken its place.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The one version that was found.
    pub fn file(&self) -> &File {
        &self.file
    }
}

impl Drop for LocalFile {
    fn drop(&mut self) {
        if self.is_copy {
            // What is left lies in a temporary folder that is removed.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Files that are looked at for one of ours when a lake is opened.
const FIRST_FILES: usize = 16;

impl Store {
    /// Reads the location; touches nothing.
    pub(crate) fn open(location: &str, options: &LakeOptions) -> Result<Store> {
        if location.is_empty() {
            return Err(Error::Refused(
                "the lake's place is empty: want a path or a URL".to_string(),
            ));
        }
        if let Some(path) = location.strip_prefix("file://") {
            let path = path.strip_prefix("localhost").unwrap_or(path);
            return Ok(Store::Local(LocalStore::new(PathBuf::from(path))));
        }
        if location.contains("://") {
            return Ok(Store::Remote(RemoteStore::open(location, options)?));
        }
        Ok(Store::Local(LocalStore::new(PathBuf::from(location))))
    }

    pub(crate) fn location(&self) -> String {
        match self {
            Store::Local(store) => store.root().display().to_string(),
            Store::Remote(store) => store.url().to_string(),
        }
    }

    /// Makes the place ready for publishing.
    pub(crate) async fn prepare(&self, options: &LakeOptions) -> Result<()> {
        match self {
            Store::Local(store) => store.prepare(options),
            Store::Remote(store) => store.prepare(options).await,
        }
    }

    /// Some days' files of a table, if any are found soon.
    pub(crate) async fn some_day_files(&self, table: &str) -> Result<Vec<DayPath>> {
        let entries = self.list(table, FIRST_FILES).await?;
        let paths = entries.iter().filter_map(|entry| DayPath::parse(&entry.path));
        Ok(paths.collect())
    }

    /// The files of a folder, at any depth and in no order; `most` bounds how many.
    pub(crate) async fn list(&self, folder: &str, most: usize) -> Result<Vec<Entry>> {
        match self {
            Store::Local(store) => store.list(folder, most),
            Store::Remote(store) => store.list(folder, most).await,
        }
    }

    /// The files of a folder that readers do not need; of a local lake those that this user may look at.
    pub(crate) async fn list_own(&self, folder: &str) -> Result<Vec<Entry>> {
        match self {
            Store::Local(store) => store.list_own(folder),
            Store::Remote(store) => store.list(folder, usize::MAX).await,
        }
    }

    /// All files: of the tables, and beside them as [`Store::list_own`] gives them.
    pub(crate) async fn list_all(&self) -> Result<Vec<Entry>> {
        match self {
            Store::Local(store) => {
                let mut entries = store.list_beside_tables()?;
                for table in schema::tables() {
                    entries.extend(store.list(&table.name, usize::MAX)?);
                }
                Ok(entries)
            }
            Store::Remote(store) => store.list("", usize::MAX).await,
        }
    }

    /// Whether anything of callake's own is there, beside the tables.
    pub(crate) async fn has_own(&self) -> Result<bool> {
        match self {
            Store::Local(store) => Ok(store.root().join(OWN).is_dir()),
            Store::Remote(store) => Ok(!store.list(OWN, 1).await?.is_empty()),
        }
    }

    /// The bytes of a small file; `None` if there is none.
    pub(crate) async fn read_object(&self, path: &str) -> Result<Option<Vec<u8>>> {
        match self {
            Store::Local(store) => store.read_object(path),
            Store::Remote(store) => store.read_object(path).await,
        }
    }

    /// Copies the file to that path, unless there is one.
    pub(crate) async fn put_absent(&self, path: &str, file: &Path) -> Result<()> {
        match self {
            Store::Local(store) => {
                let (store, path, file) = (store.clone(), path.to_string(), file.to_path_buf());
                blocking(&path.clone(), move || store.put_absent(&path, &file)).await
            }
            Store::Remote(store) => store.put_absent(path, file).await,
        }
    }

    /// The day's file on local disk; `None` if there is no such file.
    pub(crate) async fn local_file(&self, path: &DayPath, scratch: &Scratch) -> Result<Option<LocalFile>> {
        let (found, is_copy) = match self {
            Store::Local(store) => (store.present(path)?, false),
            Store::Remote(store) => {
                let copy = store.fetch(path, scratch.file("copy")).await?;
                (copy.map(|(path, _)| path), true)
            }
        };
        let Some(path) = found else { return Ok(None) };
        match File::open(&path) {
            Ok(file) => Ok(Some(LocalFile { path, file, is_copy })),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("open", path)(error)),
        }
    }

    /// The footer of a day's file, and its facts; `None` if there is no such file.
    pub(crate) async fn footer(
        &self,
        path: &DayPath,
    ) -> Result<Option<(ParquetMetaData, Option<FileFacts>)>> {
        match self {
            Store::Local(store) => {
                let Some(file) = store.present(path)? else {
                    return Ok(None);
                };
                let opened = File::open(&file).map_err(Error::io("open", &file))?;
                let footer = read_footer(&opened, path)?;
                let facts = FileFacts::read(&path.to_string(), &footer)?;
                Ok(Some((footer, facts)))
            }
            Store::Remote(store) => Ok(store
                .footer(path)
                .await?
                .map(|(_, footer, facts)| (footer, facts))),
        }
    }
}

/// The footer of a file on local disk that is, or is a copy of, the day's file.
pub(crate) fn read_footer(file: &File, path: &DayPath) -> Result<ParquetMetaData> {
    let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Skip);
    reader
        .try_parse(file)
        .and_then(|()| reader.finish())
        .map_err(|error| unreadable(path, &error))
}

/// What to do about a damaged file of the lake.
const REMEDY: &str = "restore it from a copy, or move it away and export the day again";

/// A file of the lake whose footer is no Parquet footer.
pub(crate) fn unreadable(path: &DayPath, error: &parquet::errors::ParquetError) -> Error {
    Error::damaged(path, format!("can't be read as Parquet ({error}): {REMEDY}"))
}

/// What is wrong about the bytes of a file, by its own checksum. Only the checksum tells: a flipped bit can come out as another
/// value without an error.
pub(crate) fn problem_of_bytes(digest: &Digest) -> Option<&'static str> {
    match digest.is_as_written {
        Some(true) => None,
        Some(false) => Some("has other bytes than were written"),
        None => Some("says no checksum"),
    }
}

/// Refuses a file on local disk that is, or is a copy of, the day's file, unless its bytes are those that were written.
pub(crate) fn check_bytes(file: &File, path: &DayPath) -> Result<Digest> {
    let digest = day::digest(path.to_string().as_ref(), file).map_err(Error::day(path))?;
    match problem_of_bytes(&digest) {
        None => Ok(digest),
        Some(problem) => Err(Error::damaged(path, format!("{problem}: {REMEDY}"))),
    }
}

/// The facts and the digest of a file on local disk that is, or is a copy of, the day's file.
///
/// # Errors
/// It is no Parquet, no callake wrote it, or its bytes are not those that were written.
pub(crate) fn check_file(file: &File, path: &DayPath) -> Result<(FileFacts, Digest)> {
    let footer = read_footer(file, path)?;
    let facts = FileFacts::read(&path.to_string(), &footer)?;
    let facts = facts.ok_or_else(|| foreign(path))?;
    Ok((facts, check_bytes(file, path)?))
}

/// A file that no callake wrote, in the place of a day's file.
pub(crate) fn foreign(path: &DayPath) -> Error {
    Error::damaged(path, "was not written by callake: move it out of the lake")
}
