//! Numbers as their differences, and texts as their lengths or shared prefixes and the bytes that are left.
//!
//! Source: <https://parquet.apache.org/docs/file-format/data-pages/encodings/> (`DELTA_BINARY_PACKED`,
//! `DELTA_LENGTH_BYTE_ARRAY`, `DELTA_BYTE_ARRAY`).

use super::rle::{pack, varint, width, zigzag};
use super::values::reserve;

/// Differences of a block, which share the smallest as their base.
const BLOCK: usize = 128;

/// Differences of a miniblock, which share a width.
const MINIBLOCK: usize = 32;

/// Appends the numbers as their differences, packed.
pub(super) fn binary_packed(values: &[i64], out: &mut Vec<u8>) {
    varint(BLOCK as u64, out);
    varint((BLOCK / MINIBLOCK) as u64, out);
    varint(values.len() as u64, out);
    zigzag(values.first().copied().unwrap_or(0), out);
    let mut deltas = [0_i64; BLOCK];
    let mut last = values.first().copied().unwrap_or(0);
    for values in values.get(1..).unwrap_or_default().chunks(BLOCK) {
        for (delta, value) in deltas.iter_mut().zip(values) {
            *delta = value.wrapping_sub(last);
            last = *value;
        }
        block(&deltas[..values.len()], out);
    }
}

fn block(deltas: &[i64], out: &mut Vec<u8>) {
    let least = deltas.iter().copied().min().unwrap_or(0);
    zigzag(least, out);
    // Miniblocks without differences have a width all the same, and no bytes.
    let widths = out.len();
    out.extend([0; BLOCK / MINIBLOCK]);
    let mut above = [0_u64; MINIBLOCK];
    for (number, deltas) in deltas.chunks(MINIBLOCK).enumerate() {
        above.fill(0);
        for (above, delta) in above.iter_mut().zip(deltas) {
            *above = delta.wrapping_sub(least) as u64;
        }
        let bits = width(above.iter().fold(0, |bits, above| bits | above));
        out[widths + number] = bits;
        pack(&above, bits, out);
    }
}

/// Texts, the lengths apart from the bytes.
#[derive(Debug, Default)]
pub(super) struct Lengths {
    lengths: Vec<i64>,
    bytes: Vec<u8>,
}

impl Lengths {
    pub(super) fn push(&mut self, text: &[u8]) {
        self.push_length(text.len());
        self.push_bytes(text);
    }

    /// Takes the length of a text whose bytes are pushed apart, in one piece with others'.
    pub(super) fn push_length(&mut self, length: usize) {
        self.lengths.push(length as i64);
    }

    /// Takes the bytes of texts whose lengths are pushed apart.
    pub(super) fn push_bytes(&mut self, texts: &[u8]) {
        self.bytes.extend_from_slice(texts);
    }

    /// Makes room for so many times what was pushed.
    pub(super) fn reserve(&mut self, times: usize) {
        reserve(&mut self.lengths, times);
        reserve(&mut self.bytes, times);
    }

    pub(super) fn size(&self) -> usize {
        self.lengths.len() + self.bytes.len()
    }

    /// Appends what was pushed, and forgets it.
    pub(super) fn flush(&mut self, out: &mut Vec<u8>) {
        binary_packed(&self.lengths, out);
        out.extend_from_slice(&self.bytes);
        self.lengths.clear();
        self.bytes.clear();
    }
}

/// Texts, each without the prefix that it shares with the one before.
#[derive(Debug, Default)]
pub(super) struct Prefixes {
    shared: Vec<i64>,
    rest: Lengths,
    last: Vec<u8>,
}

impl Prefixes {
    pub(super) fn push(&mut self, text: &[u8]) {
        let shared = self.last.iter().zip(text).take_while(|(a, b)| a == b).count();
        self.shared.push(shared as i64);
        self.rest.push(&text[shared..]);
        self.last.truncate(shared);
        self.last.extend_from_slice(&text[shared..]);
    }

    /// Makes room for so many times what was pushed.
    pub(super) fn reserve(&mut self, times: usize) {
        reserve(&mut self.shared, times);
        self.rest.reserve(times);
    }

    pub(super) fn size(&self) -> usize {
        self.shared.len() + self.rest.size()
    }

    /// Appends what was pushed, and forgets it.
    pub(super) fn flush(&mut self, out: &mut Vec<u8>) {
        binary_packed(&self.shared, out);
        self.rest.flush(out);
        self.shared.clear();
        self.last.clear();
    }
}
