//! Compression of pages, with one context for all of them: setting one up costs more than a small page does.

use parquet::errors::{ParquetError, Result};
use zstd::bulk::Compressor;
use zstd::zstd_safe::{CParameter, ParamSwitch, compress_bound};

/// The level whose search for repeats is made coarser, every third place rather than every second, and whose table of places is
/// made half as large, 16 kB, so that it leaves the nearest cache to the page. On call details that saves a tenth of the
/// compressor's instructions, and pages are as large.
const FAST: i32 = 1;

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
        let mut compressor = Compressor::new(level).map_err(failed)?;
        if level == FAST {
            for parameter in [
                CParameter::HashLog(12),
                CParameter::TargetLength(2),
                // Else it takes that length for a sign that literals are not worth their time.
                CParameter::LiteralCompressionMode(ParamSwitch::Enable),
            ] {
                compressor.set_parameter(parameter).map_err(failed)?;
            }
        }
        Ok(Zstd {
            compressor,
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
