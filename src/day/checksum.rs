//! The SHA-256 of a whole file, held in its own footer.
//!
//! zstd pages carry no checksum, so a flipped bit can come out as another value without an error. The footer's pair
//! `callake.sha256` is written as 64 zeros; the hash is that of the file with those, and then takes their place.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::{Error, Result};

/// Key of the pair.
pub(crate) const KEY: &str = "callake.sha256";

/// Its value while the file is being hashed: as long as the hash in hexadecimal.
pub(crate) const PLACEHOLDER: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What follows the key in Thrift's compact protocol: the next field, a string, of 64 bytes.
const VALUE_HEADER: [u8; 2] = [0x18, 64];

/// Length of the footer's length and the closing magic.
const TAIL: usize = 8;

/// Bytes that are read and hashed at once.
const PIECE: usize = 64 << 10;

/// Hashes what is written through it.
pub(crate) struct Hashing {
    file: File,
    hash: Sha256,
}

impl Hashing {
    pub(crate) fn new(file: File) -> Hashing {
        Hashing {
            file,
            hash: Sha256::new(),
        }
    }

    /// Puts the hash in the place of the placeholder, and syncs the file.
    pub(crate) fn finish(self, path: &Path) -> Result<File> {
        let Hashing { mut file, hash } = self;
        let failed = || Error::io("write the checksum of", path);
        let place = place(&file).map_err(failed())?;
        let (offset, _) =
            place.ok_or_else(|| failed()(io::Error::other("the footer has no place for it")))?;
        file.seek(SeekFrom::Start(offset)).map_err(failed())?;
        file.write_all(hex(&hash.finalize()).as_bytes())
            .map_err(failed())?;
        file.sync_all().map_err(Error::io("sync", path))?;
        Ok(file)
    }
}

impl Write for Hashing {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.file.write(buffer)?;
        self.hash.update(&buffer[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Hashes what is left to read, and says how many bytes it was. `Sha256` is no writer that [`io::copy`] could copy to.
fn hash_of(from: &mut impl Read, hash: &mut Sha256) -> io::Result<u64> {
    let mut from = BufReader::with_capacity(PIECE, from);
    let mut bytes = 0;
    loop {
        let piece = match from.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            piece => piece?,
        };
        if piece.is_empty() {
            return Ok(bytes);
        }
        hash.update(piece);
        let read = piece.len();
        bytes += read as u64;
        from.consume(read);
    }
}

/// What the bytes of a file are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// Their number.
    pub bytes: u64,
    /// SHA-256 of all of them, in hexadecimal.
    pub sha256: String,
    /// Whether they are those that were written, by the checksum in the footer; `None` if the footer says none.
    pub is_as_written: Option<bool>,
}

/// Reads the whole file, which messages call `path`, once.
pub fn digest(path: &Path, file: &File) -> Result<Digest> {
    digest_of(file).map_err(Error::io("read", path))
}

fn digest_of(mut file: &File) -> io::Result<Digest> {
    let place = place(file)?;
    let before = place.as_ref().map_or(u64::MAX, |(offset, _)| *offset);
    file.seek(SeekFrom::Start(0))?;
    let mut hash = Sha256::new();
    let mut bytes = hash_of(&mut file.take(before), &mut hash)?;
    let mut written = None;
    if let Some((_, said)) = place {
        let mut rest = Vec::new();
        bytes += file.read_to_end(&mut rest)? as u64;
        // Up to the value both hashes are of the same bytes.
        let with_placeholder = rest.get(PLACEHOLDER.len()..).map(|behind| {
            let hash = hash.clone().chain_update(PLACEHOLDER).chain_update(behind);
            hex(&hash.finalize()) == said
        });
        written = Some(with_placeholder.unwrap_or(false));
        hash.update(&rest);
    }
    Ok(Digest {
        bytes,
        sha256: hex(&hash.finalize()),
        is_as_written: written,
    })
}

/// Offset of the pair's value in the file, and the value.
fn place(mut file: &File) -> io::Result<Option<(u64, String)>> {
    let end = file.seek(SeekFrom::End(0))?;
    let mut tail = [0; TAIL];
    if end < TAIL as u64 {
        return Ok(None);
    }
    file.seek(SeekFrom::End(-(TAIL as i64)))?;
    file.read_exact(&mut tail)?;
    let length = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    let Some(start) = end.checked_sub(TAIL as u64 + length) else {
        return Ok(None);
    };
    let mut footer = vec![0; length as usize];
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut footer)?;
    let before = [KEY.as_bytes(), &VALUE_HEADER].concat();
    let found = footer.windows(before.len()).rposition(|window| window == before);
    let value = found.and_then(|at| {
        let at = at + before.len();
        let value = footer.get(at..at + PLACEHOLDER.len())?;
        Some((start + at as u64, String::from_utf8_lossy(value).into_owned()))
    });
    Ok(value)
}

/// Bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
