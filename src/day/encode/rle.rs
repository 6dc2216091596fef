//! Parquet's two ways to write small numbers: the hybrid of runs and packed groups, and packed bits alone.
//!
//! Source: <https://parquet.apache.org/docs/file-format/data-pages/encodings/>.

/// Values of a packed group; a run may be of any length.
const GROUP: usize = 8;

/// Bits in groups from which a run is worth one. From 32 on it takes less room, since it costs a header and a value, and the
/// group after it a header; but readers that go from runs to groups and back take longer over it than over the bits, and zstd
/// packs repeated groups better than headers. With 512 DuckDB reads call details 4 to 6 % faster than with 32, and files are 1 %
/// smaller.
const RUN_BITS: usize = 512;

/// Values compared at once where a run is long.
const STRIDE: usize = 32;

/// Appends the values, each of at most `width` bits, as runs and packed groups.
pub(super) fn hybrid<T: Copy + PartialEq + Into<u64>>(values: &[T], width: u8, out: &mut Vec<u8>) {
    let shortest = (RUN_BITS / usize::from(width.max(1))).max(GROUP);
    let mut rest = values;
    while !rest.is_empty() {
        let run = run_length(rest);
        if run >= shortest.min(rest.len()) {
            varint((run as u64) << 1, out);
            let value: u64 = rest[0].into();
            out.extend(&value.to_le_bytes()[..usize::from(width).div_ceil(8)]);
            rest = &rest[run..];
        } else {
            let packed = until_run(rest, shortest);
            varint((packed.div_ceil(GROUP) as u64) << 1 | 1, out);
            pack(&rest[..packed], width, out);
            rest = &rest[packed..];
        }
    }
}

/// How many of the first values are equal.
fn run_length<T: Copy + PartialEq>(values: &[T]) -> usize {
    let first = values[0];
    if values.get(1).is_none_or(|second| *second != first) {
        return 1;
    }
    // Without a way out within a stride it is compared in vectors.
    let same = |stride: &&[T]| stride.iter().fold(true, |same, value| same & (*value == first));
    let strides = STRIDE * values.chunks_exact(STRIDE).take_while(same).count();
    strides
        + values[strides..]
            .iter()
            .take_while(|value| **value == first)
            .count()
}

/// How many of the first values stand before a run of that length; whole groups, unless they are all.
fn until_run<T: Copy + PartialEq>(values: &[T], shortest: usize) -> usize {
    let mut at = GROUP;
    while at < values.len() {
        let run = run_length(&values[at..]);
        if run >= shortest {
            return at;
        }
        // A group within the run has less of it before it.
        at += run.next_multiple_of(GROUP);
    }
    values.len()
}

/// Appends the values, each of at most `width` bits, packed from the least significant bit on, filled up to a whole group.
pub(super) fn pack<T: Copy + Into<u64>>(values: &[T], width: u8, out: &mut Vec<u8>) {
    let width = usize::from(width);
    let start = out.len();
    let end = start + values.len().next_multiple_of(GROUP) * width / 8;
    let (groups, rest) = values.as_chunks::<GROUP>();
    // A group is `width` bytes long, and written as a word that reaches beyond it.
    let mut at = start;
    match width {
        0..=8 => {
            out.resize(end + 8, 0);
            let mut put = |values: &[T]| {
                out[at..at + 8].copy_from_slice(&word(values, width).to_le_bytes());
                at += width;
            };
            groups.iter().for_each(|group| put(group));
            put(rest);
        }
        9..=16 => {
            out.resize(end + 16, 0);
            let mut put = |values: &[T]| {
                let (low, high) = values.split_at(values.len().min(GROUP / 2));
                let [low, high] = [low, high].map(|half| u128::from(word(half, width)));
                let word = low | high << (GROUP / 2 * width);
                out[at..at + 16].copy_from_slice(&word.to_le_bytes());
                at += width;
            };
            groups.iter().for_each(|group| put(group));
            put(rest);
        }
        _ => pack_wide(values, width, out),
    }
    out.resize(end, 0);
}

/// Values that together are of at most 64 bits.
#[inline]
fn word<T: Copy + Into<u64>>(values: &[T], width: usize) -> u64 {
    let (mut word, mut bits) = (0, 0);
    for value in values {
        let value: u64 = (*value).into();
        word |= value << bits;
        bits += width;
    }
    word
}

fn pack_wide<T: Copy + Into<u64>>(values: &[T], width: usize, out: &mut Vec<u8>) {
    out.reserve(values.len() * width / 8 + 8);
    let (mut word, mut bits) = (0_u64, 0);
    for value in values {
        let value: u64 = (*value).into();
        word |= value << bits;
        bits += width;
        if bits >= 64 {
            out.extend(word.to_le_bytes());
            bits -= 64;
            word = if bits == 0 { 0 } else { value >> (width - bits) };
        }
    }
    out.extend(&word.to_le_bytes()[..bits.div_ceil(8)]);
}

/// Bits that the number needs.
pub(super) fn width(greatest: u64) -> u8 {
    (u64::BITS - greatest.leading_zeros()) as u8
}

/// Appends a number in groups of seven bits, the least significant first (ULEB128).
pub(super) fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed number, small ones of either sign short.
pub(super) fn zigzag(value: i64, out: &mut Vec<u8>) {
    varint((value << 1 ^ value >> 63) as u64, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpack(bytes: &[u8], width: usize, values: usize) -> Vec<u64> {
        let bit = |at: usize| u64::from(bytes[at / 8] >> (at % 8) & 1);
        (0..values)
            .map(|value| (0..width).map(|at| bit(value * width + at) << at).sum())
            .collect()
    }

    fn read_varint(bytes: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }

    fn read_hybrid(mut bytes: &[u8], width: usize) -> Vec<u64> {
        let mut values = Vec::new();
        while !bytes.is_empty() {
            let header = read_varint(&mut bytes);
            let count = (header >> 1) as usize;
            let length = if header & 1 == 1 {
                values.extend(unpack(bytes, width, count * GROUP));
                count * width
            } else {
                let length = width.div_ceil(8);
                let mut word = [0; 8];
                word[..length].copy_from_slice(&bytes[..length]);
                values.extend(std::iter::repeat_n(u64::from_le_bytes(word), count));
                length
            };
            bytes = &bytes[length..];
        }
        values
    }

    #[test]
    fn what_was_packed_is_read_back() {
        for bits in (1..=17).chain([31, 33, 63, 64]) {
            let values: Vec<u64> = (0..21_u64)
                .map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - bits))
                .collect();
            let mut out = Vec::new();
            pack(&values, bits, &mut out);
            assert_eq!(out.len(), 3 * usize::from(bits));
            assert_eq!(
                unpack(&out, usize::from(bits), values.len()),
                values,
                "{bits} bits"
            );
        }
    }

    #[test]
    fn runs_and_groups_are_read_back() {
        let stretches: [&[(u32, usize)]; 8] = [
            &[(5, 1000)],
            &[(1, 3), (2, 40), (3, 1), (4, 7), (5, 8), (6, 9)],
            &[(7, 7)],
            &[(0, 1), (1, 1), (0, 1), (1, 1), (2, 33), (1, 5)],
            &[(1, 12), (0, 12), (1, 12)],
            &[],
            &[(3, 31), (2, 32), (1, 33)],
            &[
                (1, 3),
                (2, 400),
                (3, 1),
                (4, 170),
                (5, 169),
                (6, 171),
                (7, 168),
                (1, 180),
            ],
        ];
        for stretches in stretches {
            let repeat = |&(value, times): &(u32, usize)| std::iter::repeat_n(value, times);
            let values: Vec<u32> = stretches.iter().flat_map(repeat).collect();
            let mut out = Vec::new();
            hybrid(&values, 3, &mut out);
            let mut read = read_hybrid(&out, 3);
            assert!(read.len() < values.len() + GROUP);
            let packed = values.len().next_multiple_of(GROUP) * 3 / 8;
            assert!(out.len() <= packed + 8, "{stretches:?}");
            read.truncate(values.len());
            let wanted: Vec<u64> = values.into_iter().map(u64::from).collect();
            assert_eq!(read, wanted, "{stretches:?}");
        }
    }

    #[test]
    fn a_long_run_behind_groups_is_a_run() {
        // With the bytes of the groups before it; their header takes one more, and the run three.
        for (before, groups) in [(vec![0_u8, 1, 0, 1, 0, 1, 0, 1], 3), (vec![1; 20], 9)] {
            let values: Vec<_> = before.into_iter().chain([2; 1000]).collect();
            let mut out = Vec::new();
            hybrid(&values, 3, &mut out);
            assert_eq!(out.len(), 1 + groups + 3);
        }
    }

    #[test]
    fn one_value_of_no_bits_is_a_run() {
        let mut out = Vec::new();
        hybrid(&[0_u32; 300], 0, &mut out);
        assert_eq!(out, [0xd8, 0x04]);
    }

    #[test]
    fn small_numbers_of_either_sign_are_short() {
        let bytes = |value| {
            let mut out = Vec::new();
            zigzag(value, &mut out);
            out
        };
        assert_eq!(bytes(0), [0]);
        assert_eq!(bytes(-1), [1]);
        assert_eq!(bytes(63), [126]);
        assert_eq!(bytes(-65), [0x81, 1]);
        assert_eq!(bytes(i64::MIN), [255, 255, 255, 255, 255, 255, 255, 255, 255, 1]);
    }
}
