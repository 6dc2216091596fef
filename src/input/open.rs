//! Opens an input and decompresses it by its first bytes, whatever its name.

use std::io::{BufRead, BufReader, Read};

use chrono::Utc;

use super::{Input, InputError, Opened};

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const BUFFER: usize = 256 << 10;

pub(super) fn open(input: &Input) -> Result<Opened, InputError> {
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
                reader: decompressed(input, file)?,
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
        return Ok(Box::new(flate2::bufread::MultiGzDecoder::new(reader)));
    }
    if start.starts_with(ZSTD) {
        return Ok(Box::new(
            zstd::Decoder::with_buffer(reader).map_err(InputError::io(input))?,
        ));
    }
    Ok(Box::new(reader))
}
