//! Reading a lake back: its files, what their footers say, and their rows.

use super::footer::FileFacts;
use super::layout::DayPath;
use super::publish::blocking;
use super::store::{LocalFile, Store, check_file, foreign, unreadable};
use super::{Error, Lake, LakeOptions, Result};
use crate::day::{self, Batches, Scratch};
use crate::schema;

impl Lake {
    /// Opens the lake for all but publishing: nothing is made, locked or tried.
    ///
    /// # Errors
    /// The location is malformed, or no folder.
    pub fn for_reading(location: &str, options: LakeOptions) -> Result<Lake> {
        let store = Store::open(location, &options)?;
        if let Store::Local(local) = &store
            && !local.root().is_dir()
        {
            let problem = match local.root().exists() {
                true => "it is a file; name the folder above its tables",
                false => "no such folder; check the path",
            };
            return Err(Error::NoLake {
                lake: location.to_string(),
                problem: problem.to_string(),
            });
        }
        Ok(Lake { store, options })
    }

    /// The error for a lake without any file of what is to be read.
    pub(crate) fn no_days(&self, what: &str) -> Error {
        Error::NoLake {
            lake: self.location(),
            problem: format!("it holds no file of {what}; check the path, or the bucket and prefix"),
        }
    }

    /// The error for a lake that has files, and none of the days asked for.
    pub(crate) fn no_days_asked(&self, what: &str) -> Error {
        Error::NoDays {
            lake: self.location(),
            what: what.to_string(),
        }
    }

    /// The table's files, by day and account.
    ///
    /// # Errors
    /// The place can't be listed.
    pub async fn day_files(&self, table: &str) -> Result<Vec<DayPath>> {
        Ok(self
            .sized_files(table)
            .await?
            .into_iter()
            .map(|(path, _)| path)
            .collect())
    }

    /// The table's files with their sizes.
    pub(super) async fn sized_files(&self, table: &str) -> Result<Vec<(DayPath, u64)>> {
        let entries = self.store.list(table, usize::MAX).await?;
        let file = |entry: &super::store::Entry| Some((DayPath::parse(&entry.path)?, entry.bytes));
        let mut files: Vec<_> = entries.iter().filter_map(file).collect();
        files.sort();
        Ok(files)
    }

    /// The rows of a day's file in the present schema, in batches; an object is copied to the scratch folder first, so that
    /// all of them are of one version. `None` where there is no such file any more.
    ///
    /// # Errors
    /// The file can't be fetched, is not Parquet, or has other bytes than were written.
    pub async fn read(&self, path: &DayPath, scratch: &Scratch) -> Result<Option<Batches>> {
        let Some(file) = self.local_file(path, scratch).await? else {
            return Ok(None);
        };
        let unknown = || Error::damaged(path, "is of an unknown table");
        let table = schema::table(&path.table).ok_or_else(unknown)?;
        let file = blocking(path, {
            let path = path.clone();
            move || check_file(file.file(), &path).map(|_| file)
        })
        .await?;
        // The reader holds the file open, so that the copy can be removed.
        day::read(file.path(), file.file(), table)
            .map(Some)
            .map_err(|error| match error {
                day::Error::Parquet { source, .. } => unreadable(path, &source),
                error => Error::day(path)(error),
            })
    }

    /// A day's file on local disk, copied there if need be; `None` if it is gone.
    pub async fn local_file(&self, path: &DayPath, scratch: &Scratch) -> Result<Option<LocalFile>> {
        self.store.local_file(path, scratch).await
    }

    /// What the footer of a day's file says, by ranged reads; `None` if there is no such file.
    ///
    /// # Errors
    /// A file that can't be read, or that no callake wrote.
    pub async fn file_facts(&self, path: &DayPath) -> Result<Option<FileFacts>> {
        let Some((_, facts)) = self.store.footer(path).await? else {
            return Ok(None);
        };
        facts.ok_or_else(|| foreign(path)).map(Some)
    }
}
