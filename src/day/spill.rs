//! A spill: sorted rows of any number of days in a file, in small frames that are read one by one.
//!
//! A frame is an Arrow IPC message compressed as a whole: a call-details batch has some 600 buffers, and one compression a
//! buffer costs more than the rows do. The columns that order rows stand once more in frames of their own, so that they can
//! be read without the others.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::reader::read_record_batch;
use arrow::ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions};
use arrow::ipc::{MetadataVersion, root_as_message};
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::compress_bound;

use super::keys::KeyIndex;
use super::{Error, Result};

/// zstd's fastest levels are the negative ones; slots of null columns shrink at any.
const ZSTD_LEVEL: i32 = -3;

/// Arrow's own alignment of buffers within a message; more would only be padding, of which small frames would be full.
const ALIGNMENT: usize = 8;

/// Alignment of the buffers' part of a frame behind its metadata.
const BODY_ALIGNMENT: usize = 64;

/// Rows of a spill that are read together.
#[derive(Debug, Clone, Copy)]
struct Frame {
    /// Number of the frame's first row in the spill.
    first: u32,
    offset: u64,
    /// Compressed bytes of all columns, and of the key columns, which follow them.
    rows: Piece,
    keys: Piece,
}

/// Sizes of one compressed message.
#[derive(Debug, Clone, Copy)]
struct Piece {
    stored: u32,
    whole: u32,
}

/// Sorted rows in a file that is removed on drop.
#[derive(Debug)]
pub(super) struct Spill {
    path: PathBuf,
    file: File,
    frames: Vec<Frame>,
    rows: u32,
    schema: SchemaRef,
    key_columns: Vec<usize>,
    key_schema: SchemaRef,
}

impl Spill {
    /// Indices of the columns that can be read without the others.
    pub(super) fn key_columns(&self) -> &[usize] {
        &self.key_columns
    }

    pub(super) fn frames(&self) -> usize {
        self.frames.len()
    }

    /// Numbers of the frame's rows in the spill.
    pub(super) fn range(&self, frame: usize) -> std::ops::Range<u32> {
        let end = self.frames.get(frame + 1).map_or(self.rows, |next| next.first);
        self.frames[frame].first..end
    }

    /// The frame that the row is in.
    pub(super) fn frame_of(&self, row: u32) -> usize {
        self.frames
            .partition_point(|frame| frame.first <= row)
            .saturating_sub(1)
    }

    /// Bytes that the columns of a frame's rows take in memory.
    pub(super) fn size(&self, frame: usize, columns: Columns) -> usize {
        let Frame { rows, keys, .. } = self.frames[frame];
        match columns {
            Columns::All => rows.whole as usize,
            Columns::Keys => keys.whole as usize,
        }
    }

    /// The columns of a frame's rows.
    pub(super) fn read(&self, frame: usize, columns: Columns, buffers: &mut Buffers) -> Result<RecordBatch> {
        let Frame {
            offset, rows, keys, ..
        } = self.frames[frame];
        let (offset, piece, schema) = match columns {
            Columns::All => (offset, rows, &self.schema),
            Columns::Keys => (offset + u64::from(rows.stored), keys, &self.key_schema),
        };
        let reading = || Error::io("read spilled rows in", &self.path);
        buffers.stored.resize(piece.stored as usize, 0);
        self.file
            .read_exact_at(&mut buffers.stored, offset)
            .map_err(reading())?;
        let whole = buffers
            .decompressor
            .decompress(&buffers.stored, piece.whole as usize)
            .map_err(reading())?;
        decode(whole, schema).map_err(Error::arrow("read spilled rows"))
    }
}

/// Which columns of a frame are read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Columns {
    All,
    Keys,
}

/// What reading frames takes, one after the other.
pub(super) struct Buffers {
    decompressor: Decompressor<'static>,
    stored: Vec<u8>,
}

impl Buffers {
    pub(super) fn new() -> Result<Buffers> {
        Ok(Buffers {
            decompressor: Decompressor::new().map_err(Error::io("decompress spilled rows", ""))?,
            stored: Vec::new(),
        })
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        // Early, so that a long run does not hold the disk; the scratch folder is removed in any case.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The batch of a message that [`Encoder::encode`] made.
fn decode(whole: Vec<u8>, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let damaged = || ArrowError::IpcError("a frame is damaged".to_string());
    let whole = Buffer::from_vec(whole);
    let (length, rest) = whole.split_first_chunk().ok_or_else(damaged)?;
    let length = u32::from_le_bytes(*length) as usize;
    let message = rest.get(..length).ok_or_else(damaged)?;
    let message = root_as_message(message).map_err(|error| ArrowError::IpcError(error.to_string()))?;
    let batch = message.header_as_record_batch().ok_or_else(damaged)?;
    let body = body_offset(length);
    if body > whole.len() {
        return Err(damaged());
    }
    let version = MetadataVersion::V5;
    read_record_batch(
        &whole.slice(body),
        batch,
        schema.clone(),
        &HashMap::new(),
        None,
        &version,
    )
}

/// Where the buffers of a message start whose metadata is that long.
fn body_offset(metadata: usize) -> usize {
    (size_of::<u32>() + metadata).next_multiple_of(BODY_ALIGNMENT)
}

/// Writes a [`Spill`].
pub(super) struct SpillWriter {
    file: BufWriter<File>,
    spill: Spill,
    offset: u64,
    encoder: Encoder,
}

impl SpillWriter {
    pub(super) fn new(path: PathBuf, schema: &SchemaRef, index: &KeyIndex) -> Result<SpillWriter> {
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(Error::io("create", &path))?;
        let key_columns = index.columns();
        let key_schema = schema.project(&key_columns).map_err(Error::arrow("spill rows"))?;
        Ok(SpillWriter {
            file: BufWriter::new(file.try_clone().map_err(Error::io("open", &path))?),
            encoder: Encoder::new().map_err(Error::io("compress rows for", &path))?,
            spill: Spill {
                path,
                file,
                frames: Vec::new(),
                rows: 0,
                schema: schema.clone(),
                key_columns,
                key_schema: Arc::new(key_schema),
            },
            offset: 0,
        })
    }

    /// Appends rows, as a frame.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let keys = batch
            .project(&self.spill.key_columns)
            .map_err(Error::arrow("spill rows"))?;
        let (first, offset) = (self.spill.rows, self.offset);
        let (rows, keys) = (self.piece(batch)?, self.piece(&keys)?);
        self.spill.frames.push(Frame {
            first,
            offset,
            rows,
            keys,
        });
        self.spill.rows += batch.num_rows() as u32;
        Ok(())
    }

    fn piece(&mut self, batch: &RecordBatch) -> Result<Piece> {
        let path = &self.spill.path;
        let whole = self.encoder.encode(batch).map_err(Error::arrow("spill rows"))?;
        let stored = self
            .encoder
            .compress()
            .map_err(Error::io("compress rows for", path))?;
        self.file.write_all(stored).map_err(Error::io("write", path))?;
        self.offset += stored.len() as u64;
        let too_large = |_| Error::io("write", path)(std::io::ErrorKind::FileTooLarge.into());
        Ok(Piece {
            stored: u32::try_from(stored.len()).map_err(too_large)?,
            whole: u32::try_from(whole).map_err(too_large)?,
        })
    }

    pub(super) fn finish(mut self) -> Result<Spill> {
        self.file.flush().map_err(Error::io("write", &self.spill.path))?;
        Ok(self.spill)
    }
}

/// Makes compressed messages of batches.
struct Encoder {
    options: IpcWriteOptions,
    generator: IpcDataGenerator,
    context: IpcWriteContext,
    compressor: Compressor<'static>,
    message: Vec<u8>,
    compressed: Vec<u8>,
}

impl Encoder {
    fn new() -> std::io::Result<Encoder> {
        let options = IpcWriteOptions::try_new(ALIGNMENT, false, MetadataVersion::V5);
        Ok(Encoder {
            options: options.map_err(std::io::Error::other)?,
            generator: IpcDataGenerator::default(),
            context: IpcWriteContext::default(),
            compressor: Compressor::new(ZSTD_LEVEL)?,
            message: Vec::new(),
            compressed: Vec::new(),
        })
    }

    /// Puts the batch's message together; gives its size.
    fn encode(&mut self, batch: &RecordBatch) -> Result<usize, ArrowError> {
        let (_, encoded) = self.generator.encode(
            batch,
            // No column has a dictionary.
            &mut DictionaryTracker::new(false),
            &self.options,
            &mut self.context,
        )?;
        let metadata = encoded.ipc_message;
        self.message.clear();
        self.message.extend((metadata.len() as u32).to_le_bytes());
        self.message.extend(&metadata);
        self.message.resize(body_offset(metadata.len()), 0);
        self.message.extend(&encoded.arrow_data);
        Ok(self.message.len())
    }

    /// The message, compressed.
    fn compress(&mut self) -> std::io::Result<&[u8]> {
        self.compressed.clear();
        self.compressed.reserve(compress_bound(self.message.len()));
        self.compressor
            .compress_to_buffer(&self.message, &mut self.compressed)?;
        Ok(&self.compressed)
    }
}
