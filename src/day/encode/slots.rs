//! Where the values of nested arrays stand: Parquet's repetition and definition levels.
//!
//! A slot is what a column has one entry of: a value, a null, or a list that is null or empty. All columns within one list
//! have the same slots; they are worked out once for all of them. Source of the levels:
//! <https://parquet.apache.org/docs/file-format/nestedencoding/>.

use std::ops::Range;
use std::rc::Rc;

use arrow::buffer::NullBuffer;

/// The slots at one place of the schema, for rows of one batch in the order in which they are written.
#[derive(Debug, Clone)]
pub(super) struct Slots {
    /// Definition level of each slot, down to this place.
    defined: Vec<u8>,
    /// Definition level of the slots that have an element of the arrays at this place.
    present: u8,
    /// Those elements, in the order of the slots.
    elements: Elements,
}

/// Elements of an array, in the order in which they are written.
#[derive(Debug, Clone)]
pub(super) enum Elements {
    /// One after the other.
    Range(Range<usize>),
    /// In any order.
    Listed(Rc<Vec<u32>>),
}

/// Which elements of an array have a value to be written.
#[derive(Debug)]
pub(super) enum Picked<'a> {
    /// All of these.
    All(&'a Elements),
    /// These.
    Some(&'a [u32]),
}

impl Slots {
    /// A slot for each of those rows.
    pub(super) fn rows(rows: Elements) -> Slots {
        Slots {
            defined: vec![0; rows.len()],
            present: 0,
            elements: rows,
        }
    }

    /// The slots of the fields of a struct that may be null.
    pub(super) fn optional(&self, nulls: Option<&NullBuffer>) -> Slots {
        let mut defined = self.defined.clone();
        let mut picked = Vec::new();
        let elements = match self.raise(&mut defined, nulls, &mut picked) {
            true => self.elements.clone(),
            false => Elements::Listed(Rc::new(picked)),
        };
        Slots {
            defined,
            present: self.present + 1,
            elements,
        }
    }

    /// Appends the definition levels of a column of values at this place, and says which it has. `picked` is overwritten.
    pub(super) fn values<'a>(
        &'a self,
        nulls: Option<&NullBuffer>,
        optional: bool,
        defined: &mut Vec<u8>,
        picked: &'a mut Vec<u32>,
    ) -> Picked<'a> {
        let first = defined.len();
        defined.extend_from_slice(&self.defined);
        if !optional || self.raise(&mut defined[first..], nulls, picked) {
            return Picked::All(&self.elements);
        }
        Picked::Some(picked)
    }

    /// Raises the level of slots whose elements are not null. True if all are such; else `picked` becomes those elements.
    fn raise(&self, defined: &mut [u8], nulls: Option<&NullBuffer>, picked: &mut Vec<u32>) -> bool {
        let present = self.present;
        let Some(nulls) = nulls.filter(|nulls| nulls.null_count() > 0) else {
            for level in defined {
                *level += u8::from(*level == present);
            }
            return true;
        };
        picked.clear();
        if nulls.null_count() == nulls.len() {
            return false;
        }
        let bits = nulls.inner();
        let shown = defined.iter_mut().filter(|level| **level == present);
        match &self.elements {
            Elements::Range(range) => {
                for ((level, element), valid) in shown
                    .zip(range.clone())
                    .zip(&bits.slice(range.start, range.len()))
                {
                    if valid {
                        *level += 1;
                        picked.push(element as u32);
                    }
                }
            }
            Elements::Listed(elements) => {
                for (level, &element) in shown.zip(elements.iter()) {
                    if bits.value(element as usize) {
                        *level += 1;
                        picked.push(element);
                    }
                }
            }
        }
        false
    }

    /// The slots of the elements of lists at this place that may be null, and how each repeats: `repeated` holds the
    /// repetition levels of these slots, and `inner` gets those of the inner ones. The inner lists repeat at `depth`.
    pub(super) fn lists(
        &self,
        nulls: Option<&NullBuffer>,
        offsets: &[i32],
        repeated: &[u8],
        depth: u8,
        inner: &mut Vec<u8>,
    ) -> Slots {
        let mut defined = Vec::with_capacity(self.defined.len());
        let mut elements = Gathered::default();
        let mut lists = self.elements.iter();
        for (&level, &repeats) in self.defined.iter().zip(repeated) {
            inner.push(repeats);
            let list = (level == self.present).then(|| lists.next()).flatten();
            match list {
                Some(list) if nulls.is_none_or(|nulls| nulls.is_valid(list)) => {
                    let range = offsets[list] as usize..offsets[list + 1] as usize;
                    if range.is_empty() {
                        defined.push(level + 1);
                        continue;
                    }
                    defined.resize(defined.len() + range.len(), level + 2);
                    inner.resize(inner.len() + range.len() - 1, depth);
                    elements.add(range);
                }
                _ => defined.push(level),
            }
        }
        Slots {
            defined,
            present: self.present + 2,
            elements: elements.into(),
        }
    }
}

impl Elements {
    pub(super) fn len(&self) -> usize {
        match self {
            Elements::Range(range) => range.len(),
            Elements::Listed(elements) => elements.len(),
        }
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        let (range, listed) = match self {
            Elements::Range(range) => (range.clone(), &[][..]),
            Elements::Listed(elements) => (0..0, elements.as_slice()),
        };
        range.chain(listed.iter().map(|&element| element as usize))
    }
}

/// Elements that are being gathered, as a range for as long as they follow one another.
#[derive(Default)]
struct Gathered {
    range: Range<usize>,
    listed: Vec<u32>,
}

impl Gathered {
    fn add(&mut self, range: Range<usize>) {
        if !self.listed.is_empty() {
            self.listed.extend(range.map(|element| element as u32));
        } else if self.range.is_empty() {
            self.range = range;
        } else if self.range.end == range.start {
            self.range.end = range.end;
        } else {
            let all = self.range.clone().chain(range);
            self.listed.extend(all.map(|element| element as u32));
        }
    }
}

impl From<Gathered> for Elements {
    fn from(gathered: Gathered) -> Elements {
        match gathered.listed.is_empty() {
            true => Elements::Range(gathered.range),
            false => Elements::Listed(Rc::new(gathered.listed)),
        }
    }
}
