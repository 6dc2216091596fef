//! The columns that order and identify rows, and how rows compare.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, SchemaRef, TimestampMicrosecondType};
use sha2::{Digest, Sha256};

use super::{Error, Result};
use crate::schema::{Role, Table};

/// Where the key columns of a table stand among its columns.
#[derive(Debug, Clone)]
pub(crate) struct KeyIndex {
    start: usize,
    /// The session id; in tables with one key column, that one.
    session: usize,
    conversation: Option<usize>,
    fetched_at: usize,
}

impl KeyIndex {
    pub(crate) fn new(table: &Table, schema: &SchemaRef) -> Result<KeyIndex> {
        let find = |name: &str| {
            schema
                .index_of(name)
                .map_err(|_| Error::shape(name, format!("is missing in table {}", table.name)))
        };
        let (session, conversation) = match table.key.as_slice() {
            [session] => (session, None),
            [session, conversation] => (session, Some(conversation)),
            other => {
                return Err(Error::shape(
                    other.join(", "),
                    "can't be a key: want one or two columns",
                ));
            }
        };
        let fetched_at = table.column_of(Role::FetchedAt).unwrap_or("fetched_at");
        Ok(KeyIndex {
            start: find(&table.start)?,
            session: find(session)?,
            conversation: conversation.map(|name| find(name)).transpose()?,
            fetched_at: find(fetched_at)?,
        })
    }

    /// Indices of the key columns, ascending and without repeats.
    pub(crate) fn columns(&self) -> Vec<usize> {
        let mut columns = vec![self.start, self.session, self.fetched_at];
        columns.extend(self.conversation);
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// Indices of the columns that rows are sorted by, in their order.
    pub(crate) fn order(&self) -> Vec<usize> {
        [self.start, self.session]
            .into_iter()
            .chain(self.conversation)
            .collect()
    }

    pub(crate) fn fetched_at(&self) -> usize {
        self.fetched_at
    }

    /// The same columns in batches that hold only [`KeyIndex::columns`].
    pub(crate) fn projected(&self) -> KeyIndex {
        let columns = self.columns();
        let place = |index: usize| columns.partition_point(|&column| column < index);
        KeyIndex {
            start: place(self.start),
            session: place(self.session),
            conversation: self.conversation.map(place),
            fetched_at: place(self.fetched_at),
        }
    }
}

/// The key columns of one batch.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    start: TimestampMicrosecondArray,
    session: StringArray,
    conversation: Option<StringArray>,
    fetched_at: TimestampMicrosecondArray,
}

impl Keys {
    pub(crate) fn new(batch: &RecordBatch, index: &KeyIndex) -> Result<Keys> {
        let column = |at: usize| (batch.schema_ref().field(at).name().as_str(), batch.column(at));
        Ok(Keys {
            start: timestamps(column(index.start))?,
            session: strings(column(index.session))?,
            conversation: index.conversation.map(|at| strings(column(at))).transpose()?,
            fetched_at: timestamps(column(index.fetched_at))?,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.start.len()
    }

    /// Start, microseconds since 1970.
    pub(crate) fn start(&self, row: usize) -> Option<i64> {
        self.start.is_valid(row).then(|| self.start.value(row))
    }

    pub(crate) fn session(&self, row: usize) -> Option<&str> {
        self.session.is_valid(row).then(|| self.session.value(row))
    }

    pub(crate) fn conversation(&self, row: usize) -> Option<&str> {
        let column = self.conversation.as_ref()?;
        column.is_valid(row).then(|| column.value(row))
    }

    /// When the row was read; null counts as before all times.
    pub(crate) fn fetched_at(&self, row: usize) -> i64 {
        if self.fetched_at.is_valid(row) {
            self.fetched_at.value(row)
        } else {
            i64::MIN
        }
    }

    /// Order of rows within a day.
    pub(crate) fn compare(&self, row: usize, other: &Keys, other_row: usize) -> Ordering {
        self.start(row)
            .cmp(&other.start(other_row))
            .then_with(|| self.session(row).cmp(&other.session(other_row)))
            .then_with(|| self.conversation(row).cmp(&other.conversation(other_row)))
    }
}

fn timestamps((name, column): (&str, &ArrayRef)) -> Result<TimestampMicrosecondArray> {
    let array = column.as_primitive_opt::<TimestampMicrosecondType>().cloned();
    array.ok_or_else(|| Error::shape(name, format!("is {}, not timestamp(us)", column.data_type())))
}

fn strings((name, column): (&str, &ArrayRef)) -> Result<StringArray> {
    match column.data_type() {
        DataType::Utf8 => Ok(column.as_string::<i32>().clone()),
        other => Err(Error::shape(name, format!("is {other}, not utf8"))),
    }
}

/// A value of a key in a fixed size: the digits of an id in one of the API's two shapes, or else 124 bits of the text's SHA-256;
/// null is its own value, and the first in order. An empty text names nothing, so it is null too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(u128);

impl Id {
    /// Kinds, in the four bits above the digits or the hash.
    const OBJECT: u128 = 1 << 124;
    const CONVERSATION: u128 = 2 << 124;
    const HASH: u128 = 3 << 124;

    pub(crate) fn new(value: Option<&str>) -> Id {
        let named = value.filter(|text| !text.is_empty());
        Id(named.map_or(0, |text| Id::of(text.as_bytes())))
    }

    fn of(text: &[u8]) -> u128 {
        let digits = match text.len() {
            // A session's, 96 bits: `68dc3e4a86490d51f20d51aa`.
            24 => hexadecimal([text]).map(|digits| Id::OBJECT | digits),
            // A conversation's, 124 bits: `c-0149c76-6c27-40dd-a882-e0ec25c51d2b`.
            37 if text.starts_with(b"c-") && [9, 14, 19, 24].iter().all(|&at| text[at] == b'-') => {
                let parts = [
                    &text[2..9],
                    &text[10..14],
                    &text[15..19],
                    &text[20..24],
                    &text[25..],
                ];
                hexadecimal(parts).map(|digits| Id::CONVERSATION | digits)
            }
            _ => None,
        };
        digits.unwrap_or_else(|| Id::HASH | digest(text) >> 4)
    }

    pub(crate) fn is_null(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// A number that spreads ids evenly.
    pub(crate) fn spread(self) -> u64 {
        let folded = (self.0 >> 64) as u64 ^ self.0 as u64;
        // The digits of ids that are given out in a row differ in a few bits only.
        folded.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32
    }
}

/// Parts of lower-case hexadecimal digits as one number, 128 bits at most; `None` if they hold anything else.
fn hexadecimal<const PARTS: usize>(parts: [&[u8]; PARTS]) -> Option<u128> {
    let mut number = 0;
    let mut wrong = 0;
    for digit in parts.into_iter().flatten() {
        let value = HEXADECIMAL[usize::from(*digit)];
        wrong |= value;
        number = number << 4 | u128::from(value & 15);
    }
    (wrong < 16).then_some(number)
}

/// What a byte is worth as a lower-case hexadecimal digit, or 16.
const HEXADECIMAL: [u8; 256] = {
    let mut values = [16; 256];
    let mut value = 0;
    while value < 16 {
        values[b"0123456789abcdef"[value] as usize] = value as u8;
        value += 1;
    }
    values
};

/// First 128 bits of the SHA-256.
pub(crate) fn digest(bytes: &[u8]) -> u128 {
    let hash = Sha256::digest(bytes);
    hash[..16]
        .iter()
        .fold(0, |sum, byte| sum << 8 | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHAPES: [&str; 2] = [
        "68dc3e4a86490d51f20d51aa",
        "c-0149c76-6c27-40dd-a882-e0ec25c51d2b",
    ];

    #[test]
    fn ids_of_the_usual_shapes_keep_their_digits() {
        assert_eq!(
            Id::new(Some(SHAPES[0])).0,
            Id::OBJECT | 0x68dc_3e4a_8649_0d51_f20d_51aa
        );
        assert_eq!(
            Id::new(Some(SHAPES[1])).0,
            Id::CONVERSATION | 0x014_9c76_6c27_40dd_a882_e0ec_25c5_1d2b
        );
        assert!(Id::new(None).is_null());
        assert!(
            Id::new(Some("")).is_null(),
            "or rows without an id would take each other's place"
        );
        assert!(Id::new(None) < Id::new(Some("0")));
    }

    #[test]
    fn texts_that_differ_anywhere_are_other_ids() {
        for text in SHAPES {
            let mut seen = std::collections::HashSet::from([Id::new(Some(text))]);
            for at in 0..text.len() {
                for byte in (0..128).filter(|byte| *byte != text.as_bytes()[at]) {
                    let mut other = text.as_bytes().to_vec();
                    other[at] = byte;
                    assert!(
                        seen.insert(Id::new(std::str::from_utf8(&other).ok())),
                        "{at}: {byte}"
                    );
                }
            }
            assert!(seen.insert(Id::new(Some(&text[1..]))));
        }
    }

    #[test]
    fn ids_in_a_row_are_spread_over_the_passes() {
        for passes in [2, 3, 8] {
            let mut counts = vec![0; passes];
            for number in 0..1000_u64 {
                counts
                    [Id::new(Some(&format!("68dc3e4a86490d51f2{number:06x}"))).spread() as usize % passes] +=
                    1;
            }
            let even = 1000 / passes;
            assert!(
                counts.iter().all(|count| (even / 2..even * 2).contains(count)),
                "{counts:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn equal_texts_alone_are_equal_ids(a in id(), b in id()) {
            prop_assert_eq!(a == b, Id::new(Some(&a)) == Id::new(Some(&b)));
        }
    }

    fn id() -> impl Strategy<Value = String> {
        prop_oneof![
            "[0-1]{24}",
            "[0a-]{24}",
            "c-[0-1]{7}(-[0-1]{4}){3}-[01f]{12}",
            "[c-][-0]{36}",
            ".{0,3}"
        ]
    }
}
