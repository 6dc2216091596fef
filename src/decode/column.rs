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

/// A growing bitmap, least significant bit first.
#[derive(Default)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    len: usize,
}

impl Bits {
    #[inline]
    pub(super) fn push(&mut self, bit: bool) {
        let place = self.len % 8;
        if place == 0 {
            self.bytes.push(u8::from(bit));
        } else if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << place;
        }
        self.len += 1;
    }

    /// Appends zeros up to `len` bits.
    #[inline]
    pub(super) fn pad(&mut self, len: usize) {
        if len > self.len {
            self.len = len;
            self.bytes.resize(len.div_ceil(8), 0);
        }
    }

    pub(super) fn truncate(&mut self, len: usize) {
        if len >= self.len {
            return;
        }
        self.len = len;
        self.bytes.truncate(len.div_ceil(8));
        if let (Some(last), used @ 1..) = (self.bytes.last_mut(), len % 8) {
            *last &= (1 << used) - 1;
        }
    }

    fn take(&mut self, len: usize) -> BooleanBuffer {
        self.pad(len);
        self.len = 0;
        BooleanBuffer::new(Buffer::from_vec(std::mem::take(&mut self.bytes)), 0, len)
    }

    /// The bits as validity: `None` where all of them are set.
    pub(super) fn take_nulls(&mut self, len: usize) -> Option<NullBuffer> {
        Some(NullBuffer::new(self.take(len))).filter(|nulls| nulls.null_count() > 0)
    }
}

/// Texts.
#[derive(Default)]
pub(super) struct Texts {
    data: Vec<u8>,
    ends: Vec<i32>,
    valid: Bits,
}

impl Texts {
    /// Appends a text for the row. The caller guarantees UTF-8; [`Texts::finish`] checks it once more for all.
    #[inline]
    pub(super) fn push(&mut self, row: usize, text: &[u8]) {
        self.pad(row);
        self.data.extend_from_slice(text);
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
        self.ends.push(end_of(&self.data));
        self.valid.push(true);
    }

    #[inline]
    fn pad(&mut self, rows: usize) {
        if rows > self.ends.len() {
            self.ends.resize(rows, end_of(&self.data));
            self.valid.pad(rows);
        }
    }

    pub(super) fn truncate(&mut self, rows: usize) {
        self.ends.truncate(rows);
        self.valid.truncate(rows);
        let end = self.ends.last().copied().unwrap_or_default();
        self.data.truncate(usize::try_from(end).unwrap_or_default());
    }

    pub(super) fn finish(&mut self, rows: usize) -> Result<ArrayRef, ArrowError> {
        self.pad(rows);
        let nulls = self.valid.take_nulls(rows);
        Ok(Arc::new(self.finish_values(nulls)?))
    }

    fn finish_values(&mut self, nulls: Option<NullBuffer>) -> Result<StringArray, ArrowError> {
        let offsets = offsets_of(&mut self.ends)?;
        StringArray::try_new(offsets, Buffer::from_vec(std::mem::take(&mut self.data)), nulls)
    }
}

/// Offset of the end of the bytes; batches are handed over long before they reach 2 GiB ([`super::MAX_BATCH_BYTES`]).
#[inline]
fn end_of(data: &[u8]) -> i32 {
    i32::try_from(data.len()).unwrap_or(i32::MAX)
}

/// Arrow offsets from the ends of values; fails where they do not rise.
pub(super) fn offsets_of(ends: &mut Vec<i32>) -> Result<OffsetBuffer<i32>, ArrowError> {
    let ends = std::mem::take(ends);
    if ends.last() == Some(&i32::MAX) {
        return Err(ArrowError::OffsetOverflowError(i32::MAX as usize));
    }
    let mut offsets = Vec::with_capacity(ends.len() + 1);
    offsets.push(0);
    offsets.extend(ends);
    Ok(OffsetBuffer::new(ScalarBuffer::from(offsets)))
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
    ends: Vec<i32>,
    keys: Texts,
    values: Texts,
}

impl TextMaps {
    /// Appends an entry to the map of the row in hand.
    pub(super) fn entry(&mut self, key: &[u8], value: &[u8]) {
        let entry = self.keys.ends.len();
        self.keys.push(entry, key);
        self.values.push(entry, value);
    }

    /// Ends the map of a row.
    #[inline]
    pub(super) fn end_row(&mut self) {
        self.ends
            .push(i32::try_from(self.keys.ends.len()).unwrap_or(i32::MAX));
    }

    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let offsets = offsets_of(&mut self.ends)?;
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
