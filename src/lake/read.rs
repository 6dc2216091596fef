//! Reading a lake's rows back.

use std::fs::File;
use std::path::PathBuf;

use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::layout::DayPath;
use super::store::{Store, unreadable};
use super::{Error, Lake, LakeOptions, Result};
use crate::day::Scratch;

/// Rows of a batch: some 10 MB of call details.
const BATCH_ROWS: usize = 4096;

impl Lake {
    /// Opens the lake for reading only: nothing is made, locked or tried.
    ///
    /// # Errors
    /// The location is malformed.
    pub fn for_reading(location: &str, options: LakeOptions) -> Result<Lake> {
        Ok(Lake {
            store: Store::open(location, &options)?,
            options,
        })
    }

    /// The table's files, by day and account.
    ///
    /// # Errors
    /// The place can't be listed.
    pub async fn day_files(&self, table: &str) -> Result<Vec<DayPath>> {
        let entries = self.store.list(table, usize::MAX).await?;
        let mut paths: Vec<_> = entries
            .iter()
            .filter_map(|entry| DayPath::parse(&entry.path))
            .collect();
        paths.sort();
        Ok(paths)
    }

    /// The rows of a day's file, in batches; an object is copied to the scratch folder first, so that all of them are of one
    /// version. `None` where there is no such file any more.
    ///
    /// # Errors
    /// The file can't be fetched, or is not Parquet.
    pub async fn read(&self, path: &DayPath, scratch: &Scratch) -> Result<Option<ParquetRecordBatchReader>> {
        let Some(copy) = self.copy(path, scratch).await? else {
            return Ok(None);
        };
        let file = File::open(&copy).map_err(Error::io("open", &copy))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)
            .and_then(|builder| builder.with_batch_size(BATCH_ROWS).build());
        reader.map(Some).map_err(|error| unreadable(path, &error))
    }

    async fn copy(&self, path: &DayPath, scratch: &Scratch) -> Result<Option<PathBuf>> {
        match &self.store {
            Store::Local(store) => store.present(path),
            Store::Remote(store) => Ok(store
                .fetch(path, scratch.file("read"))
                .await?
                .map(|(copy, _)| copy)),
        }
    }
}
