//! Opens an input and decompresses it by its first bytes, whatever its name.

use std::io::{BufRead, BufReader, Cursor, Read};

use chrono::Utc;

use super::{Input, InputError, Opened};
use crate::progress::Progress;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// Smaller than what is asked for at once, so that plain input is read past it.
const BUFFER: usize = 64 << 10;

/// First bytes of what can't be read, and what to do about it.
const UNREADABLE: [(&[u8], &str); 9] = [
    (b"\xff\xfe", UTF_16),
    (b"\xfe\xff", UTF_16),
    (b"{\0", UTF_16),
    (b"[\0", UTF_16),
    (b"\0{", UTF_16),
    (
        b"\xfd7zXZ\0",
        "it is compressed with xz: pipe it in, xz -dc FILE | callake convert - …",
    ),
    (
        b"BZh",
        "it is compressed with bzip2: pipe it in, bzip2 -dc FILE | callake convert - …",
    ),
    (b"PK\x03\x04", "it is a zip archive: unpack it"),
    (
        b"PAR1",
        "it is Parquet and not JSON: callake restore gives a lake's records back as JSON",
    ),
];
const UTF_16: &str = "it is UTF-16: turn it into UTF-8, iconv -f UTF-16 -t UTF-8 FILE | callake convert - …";
const TWICE: &str = "it is compressed twice: decompress it once, and read what comes out";

/// The longest of the first bytes.
const MAGIC: usize = 6;

/// Opens the input; the bytes that lie in it are counted as work as they are read.
pub(super) fn open(input: &Input, progress: &Progress) -> Result<Opened, InputError> {
    let counted = |reader| Counted(reader, progress.clone());
    match input {
        Input::Stdin => Ok(Opened {
            reader: decompressed(input, std::io::stdin())?,
            modified: Utc::now(),
        }),
        Input::File(path) => {
            let file = std::fs::File::open(path).map_err(InputError::io(input))?;
            let modified = file
                .metadata()
                .and_then(|metadata| metadata.modified())
                .map_err(InputError::io(input))?;
            Ok(Opened {
                reader: decompressed(input, counted(file))?,
                modified: modified.into(),
            })
        }
    }
}

fn decompressed(
    input: &Input,
    reader: impl Read + Send + 'static,
) -> Result<Box<dyn Read + Send>, InputError> {
    let mut reader = BufReader::with_capacity(BUFFER, reader);
    let start = reader.fill_buf().map_err(InputError::io(input))?;
    if start.starts_with(GZIP) {
        return readable(input, flate2::bufread::MultiGzDecoder::new(reader), true);
    }
    if start.starts_with(ZSTD) {
        let decoder = zstd::Decoder::with_buffer(reader).map_err(InputError::io(input))?;
        return readable(input, decoder, true);
    }
    readable(input, reader, false)
}

/// The reader, unless its first bytes say that it gives no JSON. Where they can't be read, whoever reads them is told.
fn readable(
    input: &Input,
    mut reader: impl Read + Send + 'static,
    was_compressed: bool,
) -> Result<Box<dyn Read + Send>, InputError> {
    let mut start = Vec::with_capacity(MAGIC);
    let failed = (&mut reader).take(MAGIC as u64).read_to_end(&mut start).err();
    let twice = was_compressed && (start.starts_with(GZIP) || start.starts_with(ZSTD));
    let found = UNREADABLE.iter().find(|(magic, _)| start.starts_with(magic));
    if let Some(remedy) = twice.then_some(TWICE).or(found.map(|(_, remedy)| *remedy)) {
        return Err(InputError::Format {
            name: input.to_string(),
            remedy,
        });
    }
    let start = Cursor::new(start);
    Ok(match failed {
        Some(error) => Box::new(start.chain(Failed(Some(error)))),
        None => Box::new(start.chain(reader)),
    })
}

/// Counts what is read.
struct Counted<R>(R, Progress);

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let read = self.0.read(room)?;
        self.1.work.add(read as u64);
        Ok(read)
    }
}

/// Gives its error, then nothing.
struct Failed(Option<std::io::Error>);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}
