//! Column buffers that are appended to by row number.
//!
//! Each holds only the rows that have a value: a field that a record does not have costs nothing, and most of the columns are
//! null for most of the records. Nulls and validity are filled in when the column is finished.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, MapArray, StringArray, StructArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

use crate::json::scan::{CHUNK, Cursor, Fail, string_ends, unescape_into};
use crate::schema::arrow::map_entries;

/// Most values that room is made for before they come.
const MAX_FORESEEN: usize = 1 << 20;

/// What there is; a new one starts here, with room for as many values as the last batch had and an eighth more: batches are
/// alike, and growing step by step copies every value once or twice.
fn detach<T>(values: &mut Vec<T>) -> Vec<T> {
    let next = Vec::with_capacity((values.len() + values.len() / 8).min(MAX_FORESEEN));
    std::mem::replace(values, next)
}

/// Columns without a value, which can be shared: one a type and length.
#[derive(Default)]
pub(super) struct NullColumns(HashMap<(DataType, usize), ArrayRef>);

impl NullColumns {
    fn of(&mut self, data_type: &DataType, rows: usize) -> ArrayRef {
        let column = self
            .0
            .entry((data_type.clone(), rows))
            .or_insert_with(|| new_null_array(data_type, rows));
        column.clone()
    }
}

/// Validity of rows of which the present ones are given, ascending; `None` where all are.
pub(super) fn validity(present: impl ExactSizeIterator<Item = usize>, rows: usize) -> Option<NullBuffer> {
    if present.len() == rows {
        return None;
    }
    let mut words = vec![0_u64; rows.div_ceil(64)];
    // A word is put together in a register: most rows are in the word of the row before.
    let (mut word, mut at) = (0_u64, 0);
    for row in present {
        if row / 64 != at {
            words[at] = word.to_le();
            (word, at) = (0, row / 64);
        }
        word |= 1 << (row % 64);
    }
    if let Some(last) = words.get_mut(at) {
        *last = word.to_le();
    }
    Some(NullBuffer::new(BooleanBuffer::new(words.into(), 0, rows)))
}

/// Where the values of the rows that have one end, in bytes or elements: one after the other, in one word each.
///
/// A batch is handed over long before its rows or its bytes need 32 bits ([`super::MAX_BATCH_BYTES`]).
#[derive(Default)]
pub(super) struct Ends(Vec<u64>);

impl Ends {
    #[inline]
    pub(super) fn push(&mut self, row: usize, end: usize) {
        self.0.push((row as u64) << 32 | end as u64);
    }

    fn row(entry: u64) -> usize {
        (entry >> 32) as usize
    }

    fn end(entry: u64) -> usize {
        entry as u32 as usize
    }

    /// Takes back all rows from `rows` on, and gives where the last one that stays ends.
    pub(super) fn truncate(&mut self, rows: usize) -> usize {
        while self.0.pop_if(|entry| Ends::row(*entry) >= rows).is_some() {}
        self.0.last().map_or(0, |entry| Ends::end(*entry))
    }

    pub(super) fn detach(&mut self) -> Ends {
        Ends(detach(&mut self.0))
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Validity and Arrow's offsets of so many rows.
    pub(super) fn finish(&self, rows: usize) -> Result<(OffsetBuffer<i32>, Option<NullBuffer>), ArrowError> {
        let last = self.0.last().map_or(0, |entry| Ends::end(*entry));
        if i32::try_from(last).is_err() {
            return Err(ArrowError::OffsetOverflowError(last));
        }
        let nulls = validity(self.0.iter().map(|entry| Ends::row(*entry)), rows);
        let mut offsets = vec![0_i32; rows + 1];
        if nulls.is_none() {
            for (offset, entry) in offsets[1..].iter_mut().zip(&self.0) {
                *offset = *entry as i32;
            }
        } else {
            // The lengths first, then their sums, which takes no branch for rows without a value.
            let mut end = 0;
            for entry in &self.0 {
                let length = *entry as i32 - end;
                offsets[Ends::row(*entry) + 1] = length;
                end += length;
            }
            let mut end = 0;
            for offset in &mut offsets {
                end += *offset;
                *offset = end;
            }
        }
        Ok((OffsetBuffer::new(ScalarBuffer::from(offsets)), nulls))
    }
}

/// Texts.
#[derive(Default)]
pub(super) struct Texts {
    data: Vec<u8>,
    ends: Ends,
}

impl Texts {
    /// Reads the string under the cursor into the row; false, and nothing done, for one that has escapes, is not well-formed, or
    /// stands at the end of the bytes.
    #[inline(always)]
    pub(super) fn read_plain(&mut self, row: usize, cursor: &mut Cursor<'_>) -> bool {
        let Some(rest) = cursor.buf.get(cursor.pos + 1..) else {
            return false;
        };
        // Looked through and copied by chunks at once: a call of `memcpy` for each text costs more than the copy.
        let Some(chunk) = rest.first_chunk::<CHUNK>() else {
            return false;
        };
        let ends = string_ends(chunk);
        if ends == 0 {
            let length = self.read_long(row, rest);
            cursor.pos += length;
            return length > 0;
        }
        let length = ends.trailing_zeros() as usize;
        if chunk.get(length) != Some(&b'"') {
            return false;
        }
        self.data.extend_from_slice(chunk);
        self.data.truncate(self.data.len() - CHUNK + length);
        self.ends.push(row, self.data.len());
        cursor.pos += 1 + length + 1;
        true
    }

    /// As [`Texts::read_plain`], for a text that is longer than a chunk; gives its length with both quotes, or 0.
    #[inline(never)]
    fn read_long(&mut self, row: usize, text: &[u8]) -> usize {
        let before = self.data.len();
        let mut at = 0;
        while let Some(chunk) = text.get(at..).and_then(|rest| rest.first_chunk::<CHUNK>()) {
            let ends = string_ends(chunk);
            self.data.extend_from_slice(chunk);
            if ends == 0 {
                at += CHUNK;
                continue;
            }
            let length = ends.trailing_zeros() as usize;
            if chunk.get(length) != Some(&b'"') {
                break;
            }
            self.data.truncate(self.data.len() - CHUNK + length);
            self.ends.push(row, self.data.len());
            return 1 + at + length + 1;
        }
        self.data.truncate(before);
        0
    }

    /// Reads any string under the cursor into the row. One that no text can hold, since it has a lone surrogate, leaves the row
    /// without a value; false then.
    #[cold]
    pub(super) fn read(&mut self, row: usize, cursor: &mut Cursor<'_>) -> Result<bool, Fail> {
        let text = cursor.string()?;
        if !text.escaped {
            self.push(row, text.raw);
            return Ok(true);
        }
        let fits = unescape_into(text.raw, &mut self.data);
        if fits {
            self.ends.push(row, self.data.len());
        }
        Ok(fits)
    }

    /// Appends a text for the row. The caller guarantees UTF-8; [`Texts::finish`] checks it once more for all.
    #[inline]
    pub(super) fn push(&mut self, row: usize, text: &[u8]) {
        self.data.extend_from_slice(text);
        self.ends.push(row, self.data.len());
    }

    pub(super) fn truncate(&mut self, rows: usize) {
        let end = self.ends.truncate(rows);
        self.data.truncate(end);
    }

    pub(super) fn finish(self, rows: usize, nulls: &mut NullColumns) -> Result<ArrayRef, ArrowError> {
        if self.ends.is_empty() && rows > 0 {
            return Ok(nulls.of(&DataType::Utf8, rows));
        }
        Ok(Arc::new(self.into_array(rows)?))
    }

    fn into_array(self, rows: usize) -> Result<StringArray, ArrowError> {
        let (offsets, nulls) = self.ends.finish(rows)?;
        StringArray::try_new(offsets, self.data.into(), nulls)
    }

    /// What there is; a new one starts here.
    pub(super) fn detach(&mut self) -> Texts {
        Texts {
            data: detach(&mut self.data),
            ends: self.ends.detach(),
        }
    }
}

/// Booleans: row and value in one word each.
#[derive(Default)]
pub(super) struct Booleans(Vec<u64>);

impl Booleans {
    #[inline]
    pub(super) fn push(&mut self, row: usize, value: bool) {
        self.0.push((row as u64) << 1 | u64::from(value));
    }

    fn row(entry: u64) -> usize {
        (entry >> 1) as usize
    }

    pub(super) fn truncate(&mut self, rows: usize) {
        while self.0.pop_if(|entry| Booleans::row(*entry) >= rows).is_some() {}
    }

    pub(super) fn finish(self, rows: usize, nulls: &mut NullColumns) -> ArrayRef {
        if self.0.is_empty() && rows > 0 {
            return nulls.of(&DataType::Boolean, rows);
        }
        let mut bits = vec![0_u8; rows.div_ceil(8)];
        for entry in &self.0 {
            let row = Booleans::row(*entry);
            bits[row / 8] |= ((entry & 1) as u8) << (row % 8);
        }
        let nulls = validity(self.0.iter().map(|entry| Booleans::row(*entry)), rows);
        Arc::new(BooleanArray::new(BooleanBuffer::new(bits.into(), 0, rows), nulls))
    }

    /// What there is; a new one starts here.
    pub(super) fn detach(&mut self) -> Booleans {
        Booleans(detach(&mut self.0))
    }
}

/// Numbers: `i64` for integers and times, `f64` for doubles.
#[derive(Default)]
pub(super) struct Numbers<T> {
    rows: Present,
    values: Vec<T>,
}

impl<T: Copy + Default> Numbers<T> {
    #[inline]
    pub(super) fn push(&mut self, row: usize, value: T) {
        self.rows.push(row);
        self.values.push(value);
    }

    pub(super) fn truncate(&mut self, rows: usize) {
        self.rows.truncate(rows);
        self.values.truncate(self.rows.0.len());
    }

    fn finish_values(self, rows: usize) -> (ScalarBuffer<T>, Option<NullBuffer>)
    where
        T: arrow::datatypes::ArrowNativeType,
    {
        let nulls = self.rows.validity(rows);
        if nulls.is_none() {
            return (self.values.into(), None);
        }
        let mut values = vec![T::default(); rows];
        for (row, value) in self.rows.0.iter().zip(self.values) {
            values[*row as usize] = value;
        }
        (values.into(), nulls)
    }

    /// What there is; a new one starts here.
    pub(super) fn detach(&mut self) -> Numbers<T> {
        Numbers {
            rows: self.rows.detach(),
            values: detach(&mut self.values),
        }
    }
}

impl Numbers<i64> {
    pub(super) fn finish(self, rows: usize, nulls: &mut NullColumns) -> ArrayRef {
        if self.values.is_empty() && rows > 0 {
            return nulls.of(&DataType::Int64, rows);
        }
        let (values, nulls) = self.finish_values(rows);
        Arc::new(Int64Array::new(values, nulls))
    }

    pub(super) fn finish_times(self, rows: usize, nulls: &mut NullColumns) -> ArrayRef {
        let array = |values, nulls| TimestampMicrosecondArray::new(values, nulls).with_timezone("UTC");
        if self.values.is_empty() && rows > 0 {
            let none = array(ScalarBuffer::default(), None);
            return nulls.of(arrow::array::Array::data_type(&none), rows);
        }
        let (values, nulls) = self.finish_values(rows);
        Arc::new(array(values, nulls))
    }
}

impl Numbers<f64> {
    pub(super) fn finish(self, rows: usize, nulls: &mut NullColumns) -> ArrayRef {
        if self.values.is_empty() && rows > 0 {
            return nulls.of(&DataType::Float64, rows);
        }
        let (values, nulls) = self.finish_values(rows);
        Arc::new(Float64Array::new(values, nulls))
    }
}

/// Which rows have a value, ascending.
#[derive(Default)]
pub(super) struct Present(Vec<u32>);

impl Present {
    /// Appends a row; batches are handed over long before row numbers need 32 bits ([`super::MAX_BATCH_BYTES`]).
    #[inline]
    pub(super) fn push(&mut self, row: usize) {
        self.0.push(row as u32);
    }

    /// Takes back all rows from `rows` on.
    pub(super) fn truncate(&mut self, rows: usize) {
        while self.0.pop_if(|row| *row as usize >= rows).is_some() {}
    }

    pub(super) fn validity(&self, rows: usize) -> Option<NullBuffer> {
        validity(self.0.iter().map(|row| *row as usize), rows)
    }

    pub(super) fn detach(&mut self) -> Present {
        Present(detach(&mut self.0))
    }
}

/// Maps of texts to texts, never null.
#[derive(Default)]
pub(super) struct TextMaps {
    ends: Ends,
    entries: usize,
    keys: Texts,
    values: Texts,
}

impl TextMaps {
    /// Appends an entry to the map of the row in hand.
    pub(super) fn entry(&mut self, key: &[u8], value: &[u8]) {
        self.keys.push(self.entries, key);
        self.values.push(self.entries, value);
        self.entries += 1;
    }

    /// Ends the map of a row.
    #[inline]
    pub(super) fn end_row(&mut self, row: usize) {
        self.ends.push(row, self.entries);
    }

    /// What there is; a new one starts here.
    pub(super) fn detach(&mut self) -> TextMaps {
        TextMaps {
            ends: self.ends.detach(),
            entries: std::mem::take(&mut self.entries),
            keys: self.keys.detach(),
            values: self.values.detach(),
        }
    }

    pub(super) fn finish(self, rows: usize) -> Result<ArrayRef, ArrowError> {
        let (offsets, _) = self.ends.finish(rows)?;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.keys.into_array(self.entries)?),
            Arc::new(self.values.into_array(self.entries)?),
        ];
        let entries = map_entries();
        let DataType::Struct(fields) = entries.data_type() else {
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
    use arrow::array::{Array, AsArray};

    #[test]
    fn rows_without_a_value_are_null() {
        let mut texts = Texts::default();
        texts.push(3, b"x");
        texts.push(11, b"");
        let array = texts.detach().finish(13, &mut NullColumns::default()).unwrap();
        assert_eq!((array.len(), array.null_count()), (13, 11));
        assert!(array.is_valid(3) && array.is_valid(11));
        assert_eq!(array.as_string::<i32>().value(3), "x");
        let rest = texts.finish(0, &mut NullColumns::default()).unwrap();
        assert_eq!(rest.len(), 0, "the buffers start anew");
    }

    #[test]
    fn columns_without_a_value_are_shared() {
        let mut nulls = NullColumns::default();
        let mut finish = |rows| Texts::default().finish(rows, &mut nulls).unwrap();
        let (a, b, c) = (finish(9), finish(9), finish(10));
        assert!(Arc::ptr_eq(&a, &b));
        assert_eq!((a.null_count(), c.null_count()), (9, 10));
    }

    #[test]
    fn truncated_rows_leave_no_trace() {
        for keep in 0..20 {
            let (mut texts, mut bools, mut numbers) =
                (Texts::default(), Booleans::default(), Numbers::<i64>::default());
            for row in 0..20 {
                texts.push(row, b"abc");
                bools.push(row, true);
                numbers.push(row, 7);
            }
            texts.truncate(keep);
            bools.truncate(keep);
            numbers.truncate(keep);
            texts.push(keep, b"d");
            bools.push(keep, false);
            numbers.push(keep, 8);
            assert_eq!(texts.data.len(), keep * 3 + 1);
            let mut nulls = NullColumns::default();
            assert_eq!(texts.finish(keep + 1, &mut nulls).unwrap().null_count(), 0);
            let bools = bools.finish(keep + 2, &mut nulls);
            assert_eq!((bools.null_count(), bools.as_boolean().true_count()), (1, keep));
            let numbers = numbers.finish(keep + 2, &mut nulls);
            assert_eq!((numbers.len(), numbers.null_count()), (keep + 2, 1));
        }
    }

    #[test]
    fn a_text_is_the_same_wherever_the_bytes_end_behind_it() {
        let plain = "plain text of every length, until it is longer than two of the chunks are together";
        let texts = ["", "é", "\\u00e9\\n", plain, "a\\\"b", "\\ud800", "tab\tin it"];
        let lengths = (0..plain.len()).filter(|end| plain.is_char_boundary(*end));
        for text in texts.into_iter().chain(lengths.map(|end| &plain[..end])) {
            let read = |behind: usize| {
                let bytes = format!("\"{text}\"{}", " ".repeat(behind));
                let mut texts = Texts::default();
                texts.push(0, b"before");
                let mut cursor = Cursor::new(bytes.as_bytes());
                let fits = match texts.read_plain(1, &mut cursor) {
                    true => Ok(true),
                    false => texts.read(1, &mut cursor),
                };
                let end = fits.is_ok().then_some(cursor.pos);
                (fits, end, texts.data, texts.ends.0)
            };
            for behind in 1..2 * CHUNK {
                assert_eq!(read(behind), read(0), "{text} and {behind} bytes");
            }
        }
    }
}
