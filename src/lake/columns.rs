//! Some columns of a day's file: of an object, only their bytes are fetched.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{ChunkReader, Length};
use parquet::schema::types::SchemaDescriptor;

use super::layout::DayPath;
use super::store::{Store, unreadable};
use super::{Error, Lake, Result};
use crate::day::{self, Batches};

/// Columns by their names, fields of structs and of elements of lists with their path: `destinations.queue_id`.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a>(pub &'a [&'a str]);

impl Columns<'_> {
    /// Those of the file's leaves that are, or are within, one of these columns.
    fn mask(&self, schema: &SchemaDescriptor) -> ProjectionMask {
        let is_asked = |leaf: &usize| {
            // How the Parquet format nests the elements of a list.
            let column = schema.column(*leaf);
            let parts = column.path().parts().iter().map(String::as_str);
            let parts: Vec<&str> = parts
                .filter(|part| !matches!(*part, "list" | "element"))
                .collect();
            self.0
                .iter()
                .any(|asked| parts.starts_with(&asked.split('.').collect::<Vec<_>>()))
        };
        let leaves: Vec<usize> = (0..schema.num_columns()).filter(is_asked).collect();
        ProjectionMask::leaves(schema, leaves)
    }

    /// Where the columns lie in the file.
    pub(super) fn ranges(&self, footer: &ParquetMetaData) -> Vec<Range<u64>> {
        let mask = self.mask(footer.file_metadata().schema_descr());
        let chunks = footer.row_groups().iter().flat_map(|group| {
            let chunks = group.columns().iter().enumerate();
            chunks.filter(|(leaf, _)| mask.leaf_included(*leaf))
        });
        chunks
            .map(|(_, chunk)| {
                let (start, length) = chunk.byte_range();
                start..start + length
            })
            .collect()
    }
}

/// A file's footer and pieces of it, enough to read some of its columns.
pub(crate) struct Pieces {
    footer: ParquetMetaData,
    size: u64,
    /// By where they start.
    pieces: Vec<(u64, Bytes)>,
}

impl Pieces {
    pub(super) fn new(footer: ParquetMetaData, size: u64, mut pieces: Vec<(u64, Bytes)>) -> Pieces {
        pieces.sort_unstable_by_key(|(start, _)| *start);
        Pieces { footer, size, pieces }
    }
}

/// The bytes of [`Pieces`] as a file that has nothing else.
struct Sparse {
    size: u64,
    pieces: Vec<(u64, Bytes)>,
}

impl Sparse {
    /// The bytes from `start` to the end of their piece.
    fn from(&self, start: u64) -> Result<Bytes, ParquetError> {
        let place = self.pieces.partition_point(|(piece, _)| *piece <= start);
        let within = place.checked_sub(1).and_then(|place| {
            let (piece, bytes) = &self.pieces[place];
            let skipped = usize::try_from(start - piece).ok()?;
            (skipped <= bytes.len()).then(|| bytes.slice(skipped..))
        });
        within.ok_or_else(|| ParquetError::EOF(format!("byte {start} was not fetched")))
    }
}

impl Length for Sparse {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for Sparse {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(bytes::Buf::reader(self.from(start)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let bytes = self.from(start)?;
        if bytes.len() < length {
            return Err(ParquetError::EOF(format!(
                "{length} bytes from byte {start} were not fetched"
            )));
        }
        Ok(bytes.slice(..length))
    }
}

impl Lake {
    /// The rows of a day's file with these columns alone; a column that the file lacks, of an older minor version of the schema,
    /// is not in the batches. `None` where there is no such file.
    ///
    /// # Errors
    /// The file can't be fetched, or is not Parquet.
    pub async fn columns(&self, path: &DayPath, columns: Columns<'_>) -> Result<Option<Batches>> {
        let broken = |error: ParquetError| unreadable(path, &error);
        match &self.store {
            Store::Local(local) => {
                let Some(file) = local.present(path)? else {
                    return Ok(None);
                };
                let opened = File::open(&file).map_err(Error::io("open", &file))?;
                let builder = ParquetRecordBatchReaderBuilder::try_new(opened).map_err(broken)?;
                batches(path, builder, columns).map(Some)
            }
            Store::Remote(remote) => {
                let Some(Pieces { footer, size, pieces }) = remote.columns(path, &columns).await? else {
                    return Ok(None);
                };
                let options = ArrowReaderOptions::default();
                let metadata = ArrowReaderMetadata::try_new(Arc::new(footer), options).map_err(broken)?;
                let sparse = Sparse { size, pieces };
                let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(sparse, metadata);
                batches(path, builder, columns).map(Some)
            }
        }
    }
}

fn batches<T: ChunkReader + 'static>(
    path: &DayPath,
    builder: ParquetRecordBatchReaderBuilder<T>,
    columns: Columns<'_>,
) -> Result<Batches> {
    let mask = columns.mask(builder.parquet_schema());
    let reader = builder.with_projection(mask).build();
    let reader = reader.map_err(|error| unreadable(path, &error))?;
    let name = path.to_string();
    Ok(Box::new(reader.map(move |batch| {
        batch.map_err(|source| day::Error::Parquet {
            action: "read",
            path: name.clone().into(),
            source: ParquetError::External(Box::new(source)),
        })
    })))
}

#[cfg(test)]
mod tests {
    use arrow::array::RecordBatch;
    use chrono_tz::Tz;

    use super::*;
    use crate::day::{Gather, WriteOptions};
    use crate::decode::testing::decoded;
    use crate::demo::records::{Dataset, Flavour, Order};
    use crate::lake::{DayFacts, LakeOptions};
    use crate::schema;

    const COLUMNS: Columns<'static> = Columns(&[
        "session_id",
        "fetched_at",
        "destinations.responding_agent.agent_id",
    ]);

    /// A day of the demo's records in a lake in the folder.
    async fn day(folder: &std::path::Path) -> (Lake, DayPath) {
        let mut lines = Vec::new();
        let dataset = Dataset {
            records: 300,
            days: 1,
            ..Dataset::default()
        };
        dataset
            .write_ndjson(&mut lines, Flavour::V2, Order::Start)
            .unwrap();
        let lines = String::from_utf8(lines).unwrap();
        let batch = decoded(schema::call_details(), lines.lines(), 0);
        let mut gather = Gather::new(Tz::UTC, 64 << 20, WriteOptions::default(), folder).unwrap();
        gather.push(schema::call_details(), batch).unwrap();
        let rows = gather.days().unwrap().next().unwrap();
        let place = folder.join("lake");
        let lake = Lake::open(place.to_str().unwrap(), LakeOptions::default())
            .await
            .unwrap();
        let published = lake.publish("acc", rows, DayFacts::default()).await.unwrap();
        (lake, published.path)
    }

    fn collect(batches: Batches) -> Vec<RecordBatch> {
        batches.map(Result::unwrap).collect()
    }

    #[tokio::test]
    async fn only_the_columns_asked_for_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let (lake, path) = day(folder.path()).await;
        let rows = collect(lake.columns(&path, COLUMNS).await.unwrap().unwrap());
        assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 300);
        let schema = rows[0].schema();
        let names: Vec<_> = schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        assert_eq!(names, ["session_id", "destinations", "fetched_at"]);
        let leaves = schema.field(1).data_type().to_string();
        assert!(
            leaves.contains("agent_id") && !leaves.contains("queue_id"),
            "{leaves}"
        );
    }

    #[tokio::test]
    async fn pieces_of_a_file_give_the_same_rows_as_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (lake, path) = day(folder.path()).await;
        let file = std::fs::read(folder.path().join("lake").join(path.to_string())).unwrap();
        let (footer, _) = lake.store.footer(&path).await.unwrap().unwrap();
        let pieces = COLUMNS.ranges(&footer).into_iter().map(|range| {
            let bytes = Bytes::copy_from_slice(&file[range.start as usize..range.end as usize]);
            (range.start, bytes)
        });
        let Pieces { footer, size, pieces } = Pieces::new(footer, file.len() as u64, pieces.collect());
        let fetched: usize = pieces.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(
            0 < fetched && fetched < file.len() / 10,
            "{fetched} of {}",
            file.len()
        );
        let metadata = ArrowReaderMetadata::try_new(Arc::new(footer), ArrowReaderOptions::default()).unwrap();
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(Sparse { size, pieces }, metadata);
        let rows = collect(batches(&path, builder, COLUMNS).unwrap());
        assert_eq!(
            rows,
            collect(lake.columns(&path, COLUMNS).await.unwrap().unwrap())
        );
    }

    #[test]
    fn bytes_that_were_not_fetched_are_an_error() {
        let sparse = Sparse {
            size: 100,
            pieces: vec![(10, Bytes::from_static(b"abcd")), (50, Bytes::from_static(b"ef"))],
        };
        assert_eq!(sparse.get_bytes(11, 3).unwrap(), "bcd");
        assert_eq!(sparse.get_bytes(50, 2).unwrap(), "ef");
        for (start, length) in [(9, 1), (11, 4), (15, 1), (51, 2), (60, 1)] {
            assert!(
                sparse.get_bytes(start, length).is_err(),
                "{length} bytes from {start}"
            );
        }
    }
}
