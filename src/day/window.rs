//! A Parquet file that is read from start to end, a window of many column chunks at a time.
//!
//! The `parquet` crate reads each chunk of a [`File`] through a duplicate of it and a buffer of 8 kB, which with 200 columns takes
//! more than a thousand calls of the system for a file of 2 MB.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

/// Bytes of a window.
const WINDOW: usize = 512 << 10;

/// A file and the window of it that was read last.
#[derive(Debug, Clone)]
pub(super) struct Window {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    file: File,
    length: u64,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    pub(super) fn new(file: File) -> io::Result<Window> {
        let length = file.metadata()?.len();
        let held = Mutex::default();
        Ok(Window {
            shared: Arc::new(Shared { file, length, held }),
        })
    }
}

impl Shared {
    /// Reads bytes from that place on, as many as are at hand; none at the end of the file.
    fn read(&self, at: u64, out: &mut [u8]) -> io::Result<usize> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let Held { start, bytes } = &mut *held;
        let inside = *start..*start + bytes.len() as u64;
        if !inside.contains(&at) {
            let left = usize::try_from(self.length.saturating_sub(at)).unwrap_or(WINDOW);
            bytes.clear();
            bytes.resize(left.min(WINDOW), 0);
            let read = self.file.read_exact_at(bytes, at);
            if read.is_err() {
                // Or what was not read would be handed out as read.
                bytes.clear();
            }
            read?;
            *start = at;
        }
        let found = &bytes[(at - *start) as usize..];
        let taken = found.len().min(out.len());
        out[..taken].copy_from_slice(&found[..taken]);
        Ok(taken)
    }
}

/// Reads the file from a place on.
#[derive(Debug)]
pub(super) struct Reader {
    shared: Arc<Shared>,
    at: u64,
}

impl Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.shared.read(self.at, out)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Length for Window {
    fn len(&self) -> u64 {
        self.shared.length
    }
}

impl ChunkReader for Window {
    type T = Reader;

    fn get_read(&self, start: u64) -> Result<Reader> {
        Ok(Reader {
            shared: self.shared.clone(),
            at: start,
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let mut bytes = vec![0; length];
        let read = self.get_read(start)?.read_exact(&mut bytes);
        read.map_err(|error| ParquetError::External(Box::new(error)))?;
        Ok(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn any_part_of_the_file_is_read() {
        let mut file = tempfile::tempfile().unwrap();
        let bytes: Vec<u8> = (0..3 * WINDOW as u32 / 4 + 1)
            .flat_map(u32::to_le_bytes)
            .collect();
        file.write_all(&bytes).unwrap();
        let window = Window::new(file).unwrap();
        assert_eq!(window.len(), bytes.len() as u64);
        for (start, length) in [
            (0, 10),
            (WINDOW - 5, 10),
            (5, WINDOW * 2),
            (bytes.len() - 3, 3),
            (7, 0),
        ] {
            let read = window.get_bytes(start as u64, length).unwrap();
            assert_eq!(read, bytes[start..start + length]);
        }
        let mut rest = Vec::new();
        window
            .get_read(WINDOW as u64 + 1)
            .unwrap()
            .read_to_end(&mut rest)
            .unwrap();
        assert_eq!(rest, bytes[WINDOW + 1..]);
        assert!(window.get_bytes(bytes.len() as u64 - 3, 4).is_err());
    }
}
