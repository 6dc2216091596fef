//! Compression of pages, with one context for all of them: setting one up costs more than a small page does.

use parquet::errors::{ParquetError, Result};
use zstd::bulk::Compressor;
use zstd::zstd_safe::compress_bound;

/// Compresses one page after the other.
pub(super) struct Zstd {
    compressor: Compressor<'static>,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl std::fmt::Debug for Zstd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Zstd").finish_non_exhaustive()
    }
}

impl Zstd {
    /// # Errors
    /// If zstd refuses the level.
    pub(super) fn new(level: i32) -> Result<Zstd> {
        Ok(Zstd {
            compressor: Compressor::new(level).map_err(failed)?,
            input: Vec::new(),
            output: Vec::new(),
        })
    }

    /// Where the page is put together that is compressed next; empty.
    pub(super) fn input(&mut self) -> &mut Vec<u8> {
        self.input.clear();
        &mut self.input
    }

    /// The page that was put together, compressed.
    pub(super) fn compress(&mut self) -> Result<Vec<u8>> {
        self.output.clear();
        self.output.reserve(compress_bound(self.input.len()));
        self.compressor
            .compress_to_buffer(&self.input, &mut self.output)
            .map_err(failed)?;
        Ok(self.output.as_slice().to_vec())
    }
}

fn failed(error: std::io::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}
