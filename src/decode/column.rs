//! Column buffers that are appended to by row number.
//!
//! A column lags behind the row in hand until a value comes: the nulls before it are then filled in at once, and those
//! behind the last value at the end. A field that a record does not have costs nothing, and most of the columns are null
//! for most of the records.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, MapArray, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::error::ArrowError;

use crate::schema::arrow::map_entries;

/// Most values that room is made for before they come.
const MAX_FORESEEN: usize = 1 << 20;

/// A vector with room for as many values as the last batch had and an eighth more: batches are alike, and growing step by
/// step copies every value once or twice.
fn foresee<T>(last: usize) -> Vec<T> {
    Vec::with_capacity((last + last / 8).min(MAX_FORESEEN))
}

/// A growing bitmap, least significant bit first.
#[derive(Default)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    /// Bits in the bytes.
    len: usize,
    /// Ones behind them. A column that is never null has nothing but these, and no bytes.
    ones: usize,
}

impl Bits {
    #[inline]
    pub(super) fn push(&mut self, bit: bool) {
        if bit {
            self.ones += 1;
        } else {
            self.pad(self.len + self.ones + 1);
        }
    }

    /// Appends zeros up to `len` bits.
    #[inline]
    pub(super) fn pad(&mut self, len: usize) {
        if len > self.len + self.ones {
            self.settle();
            self.len = len;
            self.bytes.resize(len.div_ceil(8), 0);
        }
    }

    /// Moves the ones into the bytes.
    fn settle(&mut self) {
        while self.ones > 0 {
            let place = self.len % 8;
            let here = self.ones.min(8 - place);
            let bits = (0xff_u8 >> (8 - here)) << place;
            match self.bytes.last_mut().filter(|_| place > 0) {
                Some(last) => *last |= bits,
                None => self.bytes.push(bits),
            }
            self.len += here;
            self.ones -= here;
        }
    }

    pub(super) fn truncate(&mut self, len: usize) {
        if len >= self.len {
            self.ones = self.ones.min(len - self.len);
            return;
        }
        self.ones = 0;
        self.len = len;
        self.bytes.truncate(len.div_ceil(8));
        if let (Some(last), used @ 1..) = (self.bytes.last_mut(), len % 8) {
            *last &= (1 << used) - 1;
        }
    }

    fn take(&mut self, len: usize) -> BooleanBuffer {
        self.pad(len);
        self.settle();
        self.len = 0;
        BooleanBuffer::new(Buffer::from_vec(std::mem::take(&mut self.bytes)), 0, len)
    }

    /// What there is; a new one starts here.
    pub(super) fn detach(&mut self) -> Bits {
        let next = foresee(self.bytes.len());
        Bits {
            bytes: std::mem::replace(&mut self.bytes, next),
            len: std::mem::take(&mut self.len),
            ones: std::mem::take(&mut self.ones),
        }
    }

    /// The bits as validity: `None` where all of them are set.
    pub(super) fn take_nulls(&mut self, len: usize) -> Option<NullBuffer> {
        if self.len == 0 && self.ones == len {
            self.ones = 0;
            return None;
        }
        Some(NullBuffer::new(self.take(len))).filter(|nulls| nulls.null_count() > 0)
    }
}

/// Growing Arrow offsets: a zero, and behind it where each value ends.
pub(super) struct Offsets(Vec<i32>);

impl Default for Offsets {
    fn default() -> Offsets {
        Offsets(vec![0])
    }
}

impl Offsets {
    /// Number of values.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.0.len() - 1
    }

    /// Where the last value ends.
    #[inline]
    pub(super) fn end(&self) -> i32 {
        self.0.last().copied().unwrap_or_default()
    }

    /// Appends a value that ends there. Batches are handed over long before they reach 2 GiB ([`super::MAX_BATCH_BYTES`]).
    #[inline]
    pub(super) fn push(&mut self, end: usize) {
        self.0.push(i32::try_from(end).unwrap_or(i32::MAX));
    }

    /// Appends empty values up to `len`.
    #[inline]
    pub(super) fn pad(&mut self, len: usize) {
        if len > self.len() {
            self.0.resize(len + 1, self.end());
        }
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.0.truncate(len + 1);
    }

    /// The offsets; they start anew.
    pub(super) fn take(&mut self) -> Result<OffsetBuffer<i32>, ArrowError> {
        let offsets = std::mem::take(self).0;
        if offsets.last() == Some(&i32::MAX) {
            return Err(ArrowError::OffsetOverflowError(i32::MAX as usize));
        }
        Ok(OffsetBuffer::new(ScalarBuffer::from(offsets)))
    }
}

impl Offsets {
    /// What there is; a new one starts here.
    pub(super) fn detach(&mut self) -> Offsets {
        let mut next = foresee(self.0.len());
        next.push(0);
        Offsets(std::mem::replace(&mut self.0, next))
    }
}

/// Texts.
#[derive(Default)]
pub(super) struct Texts {
    data: Vec<u8>,
    offsets: Offsets,
    valid: Bits,
}

/// Bytes that a text is copied as at least, where there are as many: a copy of constant size takes no call of `memcpy`, which
/// for the short texts of records costs 4 % of decoding's instructions and 12 % of its mispredicted branches.
const SHORT: usize = 32;

impl Texts {
    /// Appends a text for the row. The caller guarantees UTF-8; [`Texts::finish`] checks it once more for all.
    #[inline]
    pub(super) fn push(&mut self, row: usize, text: &[u8]) {
        self.push_first(row, text, text.len());
    }

    /// Appends the first `length` of the bytes, as [`Texts::push`] does.
    #[inline]
    pub(super) fn push_first(&mut self, row: usize, bytes: &[u8], length: usize) {
        self.pad(row);
        match bytes.first_chunk::<SHORT>() {
            Some(chunk) if length <= SHORT => {
                let end = self.data.len() + length;
                self.data.extend_from_slice(chunk);
                self.data.truncate(end);
            }
            _ => self.data.extend_from_slice(&bytes[..length]),
        }
        self.end_value();
    }

    /// Appends what `write` writes as the row's text, unless it gives false.
    pub(super) fn push_with(&mut self, row: usize, write: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
        self.pad(row);
        let written = write(&mut self.data);
        if written {
            self.end_value();
        }
        written
    }

    #[inline]
    fn end_value(&mut self) {
        self.offsets.push(self.data.len());
        self.valid.push(true);
    }

    #[inline]
    fn pad(&mut self, rows: usize) {
        if rows > self.offsets.len() {
            self.fill(rows);
        }
    }

    fn fill(&mut self, rows: usize) {
        self.offsets.pad(rows);
        self.valid.pad(rows);
    }

    pub(super) fn truncate(&mut self, rows: usize) {
        self.offsets.truncate(rows);
        self.valid.truncate(rows);
        let end = self.offsets.end();
        self.data.truncate(usize::try_from(end).unwrap_or_default());
    }

    pub(super) fn finish(&mut self, rows: usize) -> Result<ArrayRef, ArrowError> {
        self.pad(rows);
        let nulls = self.valid.take_nulls(rows);
        Ok(Arc::new(self.finish_values(nulls)?))
    }

    fn finish_values(&mut self, nulls: Option<NullBuffer>) -> Result<StringArray, ArrowError> {
        let data = Buffer::from_vec(std::mem::take(&mut self.data));
        StringArray::try_new(self.offsets.take()?, data, nulls)
    }

    /// What there is; a new one starts here.
    pub(super) fn detach(&mut self) -> Texts {
        let next = foresee(self.data.len());
        Texts {
            data: std::mem::replace(&mut self.data, next),
            offsets: self.offsets.detach(),
            valid: self.valid.detach(),
        }
    }
}

/// Booleans.
#[derive(Default)]
pub(super) struct Booleans {
    values: Bits,
    valid: Bits,
}

impl Booleans {
    #[inline]
    pub(super) fn push(&mut self, row: usize, value: bool) {
        self.values.pad(row);
        self.valid.pad(row);
        self.values.push(value);
        self.valid.push(true);
    }

    pub(super) fn truncate(&mut self, rows: usize) {
        self.values.truncate(rows);
        self.valid.truncate(rows);
    }

    pub(super) fn finish(&mut self, rows: usize) -> ArrayRef {
        Arc::new(BooleanArray::new(
            self.values.take(rows),
            self.valid.take_nulls(rows),
        ))
    }

    /// What there is; a new one starts here.
    pub(super) fn detach(&mut self) -> Booleans {
        Booleans {
            values: self.values.detach(),
            valid: self.valid.detach(),
        }
    }
}

/// Numbers: `i64` for integers and times, `f64` for doubles.
#[derive(Default)]
pub(super) struct Numbers<T> {
    values: Vec<T>,
    valid: Bits,
}

impl<T: Copy + Default> Numbers<T> {
    #[inline]
    pub(super) fn push(&mut self, row: usize, value: T) {
        self.pad(row);
        self.values.push(value);
        self.valid.push(true);
    }

    #[inline]
    fn pad(&mut self, rows: usize) {
        if rows > self.values.len() {
            self.values.resize(rows, T::default());
            self.valid.pad(rows);
        }
    }

    pub(super) fn truncate(&mut self, rows: usize) {
        self.values.truncate(rows);
        self.valid.truncate(rows);
    }

    fn take(&mut self, rows: usize) -> (Vec<T>, Option<NullBuffer>) {
        self.pad(rows);
        (std::mem::take(&mut self.values), self.valid.take_nulls(rows))
    }

    /// What there is; a new one starts here.
    pub(super) fn detach(&mut self) -> Numbers<T> {
        let next = foresee(self.values.len());
        Numbers {
            values: std::mem::replace(&mut self.values, next),
            valid: self.valid.detach(),
        }
    }
}

impl Numbers<i64> {
    pub(super) fn finish(&mut self, rows: usize) -> ArrayRef {
        let (values, nulls) = self.take(rows);
        Arc::new(Int64Array::new(values.into(), nulls))
    }

    pub(super) fn finish_times(&mut self, rows: usize) -> ArrayRef {
        let (values, nulls) = self.take(rows);
        Arc::new(TimestampMicrosecondArray::new(values.into(), nulls).with_timezone("UTC"))
    }
}

impl Numbers<f64> {
    pub(super) fn finish(&mut self, rows: usize) -> ArrayRef {
        let (values, nulls) = self.take(rows);
        Arc::new(Float64Array::new(values.into(), nulls))
    }
}

/// Maps of texts to texts, never null.
#[derive(Default)]
pub(super) struct TextMaps {
    offsets: Offsets,
    keys: Texts,
    values: Texts,
}

impl TextMaps {
    /// Appends an entry to the map of the row in hand.
    pub(super) fn entry(&mut self, key: &[u8], value: &[u8]) {
        let entry = self.keys.offsets.len();
        self.keys.push(entry, key);
        self.values.push(entry, value);
    }

    /// Ends the map of a row.
    #[inline]
    pub(super) fn end_row(&mut self) {
        self.offsets.push(self.keys.offsets.len());
    }

    /// What there is; a new one starts here.
    pub(super) fn detach(&mut self) -> TextMaps {
        TextMaps {
            offsets: self.offsets.detach(),
            keys: self.keys.detach(),
            values: self.values.detach(),
        }
    }

    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let offsets = self.offsets.take()?;
        self.keys.valid.truncate(0);
        self.values.valid.truncate(0);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.keys.finish_values(None)?),
            Arc::new(self.values.finish_values(None)?),
        ];
        let entries = map_entries();
        let arrow::datatypes::DataType::Struct(fields) = entries.data_type() else {
            return Err(ArrowError::SchemaError(
                "entries of a map are a struct".to_string(),
            ));
        };
        let structs = StructArray::try_new(fields.clone(), columns, None)?;
        Ok(Arc::new(MapArray::try_new(
            entries, offsets, structs, None, false,
        )?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Array;

    #[test]
    fn rows_without_a_value_are_null() {
        let mut texts = Texts::default();
        texts.push(3, b"x");
        texts.push(11, b"");
        let array = texts.finish(13).unwrap();
        assert_eq!((array.len(), array.null_count()), (13, 11));
        assert!(array.is_valid(3) && array.is_valid(11));
        assert_eq!(texts.finish(0).unwrap().len(), 0, "the buffers start anew");
    }

    #[test]
    fn truncated_rows_leave_no_trace() {
        for keep in 0..20 {
            let mut bits = Bits::default();
            (0..20).for_each(|_| bits.push(true));
            bits.truncate(keep);
            bits.pad(24);
            assert_eq!(bits.take(24).count_set_bits(), keep);
            let mut texts = Texts::default();
            (0..20).for_each(|row| texts.push(row, b"abc"));
            texts.truncate(keep);
            texts.push(keep, b"d");
            assert_eq!(texts.data.len(), keep * 3 + 1);
            assert_eq!(texts.finish(keep + 1).unwrap().null_count(), 0);
        }
    }
}
