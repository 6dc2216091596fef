//! Some columns of a day's file, in any depth.

use std::fs::File;
use std::path::Path;

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;

use super::run::{Batches, within_bounds};
use super::{Error, Result};

/// Most rows of a batch.
const BATCH_ROWS: usize = 4_096;

/// The leaves of a day's file below the paths, such as `destinations.list.element.queue_id` or `extra`, in batches. A file of an
/// older schema may lack some of them; then the batches do.
///
/// # Errors
/// The file can't be read, or is not Parquet.
pub(crate) fn project(path: &Path, leaves: &[&str]) -> Result<Batches> {
    let failed = || Error::parquet("read", path);
    let file = File::open(path).map_err(Error::io("open", path))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(failed())?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), leaves.iter().copied());
    let reader = within_bounds(builder, mask, BATCH_ROWS);
    let reader = reader.build().map_err(failed())?;
    let path = path.to_path_buf();
    Ok(Box::new(reader.map(move |batch| {
        batch.map_err(|source| Error::Parquet {
            action: "read",
            path: path.clone(),
            source: ParquetError::External(Box::new(source)),
        })
    })))
}
