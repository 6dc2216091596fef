//! Where the values of nested arrays stand: Parquet's repetition and definition levels.
//!
//! A slot is what a column has one entry of: a value, a null, or a list that is null or empty. All columns at one place of the
//! schema, which is the rows, a struct or a list, have the same slots; they are worked out once for all of them. Source of the
//! levels: <https://parquet.apache.org/docs/file-format/nestedencoding/>.

use std::cell::OnceCell;
use std::ops::Range;
use std::rc::Rc;

use arrow::buffer::NullBuffer;

/// The slots at one place of the schema since the last page, in the order in which they are written.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// Definition level of each slot, down to this place.
    defined: Vec<u8>,
    /// Where those of the batch in hand start.
    batch: usize,
    /// Definition level of the slots that have an element of the arrays at this place.
    present: u8,
    /// The innermost list that the place is in.
    list: Option<usize>,
    /// Those of the batch that have an element.
    shown: OnceCell<Vec<u32>>,
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
    /// None of them, or there are none.
    None,
    /// All of these.
    All(&'a Elements),
    /// These.
    Some(&'a [u32]),
}

impl Place {
    /// A place in that list, whose elements are in slots of that definition level.
    pub(super) fn new(present: u8, list: Option<usize>) -> Place {
        Place {
            present,
            list,
            ..Place::default()
        }
    }

    pub(super) fn list(&self) -> Option<usize> {
        self.list
    }

    pub(super) fn present(&self) -> u8 {
        self.present
    }

    /// Definition levels since the last page, down to this place.
    pub(super) fn defined(&self) -> &[u8] {
        &self.defined
    }

    /// Those before the batch in hand.
    pub(super) fn before(&self) -> &[u8] {
        &self.defined[..self.batch]
    }

    /// Those of the batch in hand.
    pub(super) fn batch(&self) -> &[u8] {
        &self.defined[self.batch..]
    }

    /// The levels of columns at this place of which no element is null.
    pub(super) fn raised<'a>(&self, levels: &'a [u8]) -> impl Iterator<Item = u8> + use<'a> {
        let present = self.present;
        levels
            .iter()
            .map(move |&level| level + u8::from(level == present))
    }

    /// Begins a batch.
    pub(super) fn begin(&mut self) {
        self.batch = self.defined.len();
        self.shown.take();
    }

    /// Forgets the slots.
    pub(super) fn clear(&mut self) {
        self.defined.clear();
        self.batch = 0;
    }

    /// Adds slots of rows.
    pub(super) fn add_rows(&mut self, rows: usize) {
        self.defined.resize(self.defined.len() + rows, 0);
    }

    /// Adds the slots of the fields of a struct that may be null and stands in the slots of `outer`. Gives its elements that
    /// are not null.
    pub(super) fn add_fields(
        &mut self,
        outer: &Place,
        elements: &Elements,
        nulls: Option<&NullBuffer>,
    ) -> Elements {
        let mut listed = Vec::new();
        match outer.pick(elements, nulls, &mut self.defined, &mut listed) {
            Picked::All(elements) => {
                self.defined.extend(outer.raised(outer.batch()));
                elements.clone()
            }
            Picked::None => {
                self.defined.extend_from_slice(outer.batch());
                Elements::Range(0..0)
            }
            Picked::Some(_) => Elements::Listed(Rc::new(listed)),
        }
    }

    /// Says which elements in the slots of the batch are not null. If only some are, appends the levels of the slots, raised by
    /// one there; `listed` is overwritten.
    pub(super) fn pick<'a>(
        &self,
        elements: &'a Elements,
        nulls: Option<&NullBuffer>,
        defined: &mut Vec<u8>,
        listed: &'a mut Vec<u32>,
    ) -> Picked<'a> {
        if elements.len() == 0 {
            return Picked::None;
        }
        let Some(nulls) = nulls.filter(|nulls| nulls.null_count() > 0) else {
            return Picked::All(elements);
        };
        if nulls.null_count() == nulls.len() {
            return Picked::None;
        }
        let bits = nulls.inner();
        let start = defined.len();
        listed.clear();
        match elements {
            Elements::Range(range) => {
                let valid = bits.slice(range.start, range.len());
                listed.extend(valid.set_indices_u32());
                if !listed.is_empty() && listed.len() < elements.len() {
                    defined.extend_from_slice(self.batch());
                    let levels = &mut defined[start..];
                    match self.shown() {
                        Some(shown) => listed
                            .iter()
                            .for_each(|&at| levels[shown[at as usize] as usize] += 1),
                        None => listed.iter().for_each(|&at| levels[at as usize] += 1),
                    }
                    listed.iter_mut().for_each(|at| *at += range.start as u32);
                }
            }
            Elements::Listed(elements) => {
                defined.extend_from_slice(self.batch());
                let levels = &mut defined[start..];
                // Each element is noted before it is known whether it stays.
                listed.resize(elements.len(), 0);
                let mut picked = 0;
                let mut note = |element: u32, level: &mut u8| {
                    let valid = bits.value(element as usize);
                    *level += u8::from(valid);
                    listed[picked] = element;
                    picked += usize::from(valid);
                };
                match self.shown() {
                    Some(shown) => {
                        for (&element, &slot) in elements.iter().zip(shown) {
                            note(element, &mut levels[slot as usize]);
                        }
                    }
                    None => {
                        for (&element, level) in elements.iter().zip(levels) {
                            note(element, level);
                        }
                    }
                }
                listed.truncate(picked);
            }
        }
        if !listed.is_empty() && listed.len() < elements.len() {
            return Picked::Some(listed);
        }
        defined.truncate(start);
        match listed.is_empty() {
            true => Picked::None,
            false => Picked::All(elements),
        }
    }

    /// The slots of the batch that have an element, unless all have.
    fn shown(&self) -> Option<&[u32]> {
        let shown = self.shown.get_or_init(|| {
            let slots = (0..).zip(self.batch());
            let shown = slots.filter(|(_, level)| **level == self.present);
            shown.map(|(slot, _)| slot).collect()
        });
        (shown.len() < self.batch().len()).then_some(shown)
    }

    /// Adds the slots of the elements of lists that may be null and stand in the slots of `outer`, and how each repeats:
    /// `repeated` holds the repetition levels of those slots, and `inner` gets those of these. Lists repeat at `depth`. Gives
    /// the elements.
    pub(super) fn add_lists(
        &mut self,
        (outer, lists): (&Place, &Elements),
        (nulls, offsets): (Option<&NullBuffer>, &[i32]),
        repeated: &[u8],
        depth: u8,
        inner: &mut Vec<u8>,
    ) -> Elements {
        let levels = outer.batch();
        if lists.len() == 0 || nulls.is_some_and(|nulls| nulls.null_count() == nulls.len()) {
            self.defined.extend_from_slice(levels);
            inner.extend_from_slice(repeated);
            return Elements::Range(0..0);
        }
        let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
        let mut elements = Gathered::default();
        let mut lists = lists.iter();
        self.defined.reserve(levels.len());
        inner.reserve(levels.len());
        for (&level, &repeats) in levels.iter().zip(repeated) {
            inner.push(repeats);
            let list = if level == outer.present {
                lists.next()
            } else {
                None
            };
            match list {
                Some(list) if nulls.is_none_or(|nulls| nulls.is_valid(list)) => {
                    let range = offsets[list] as usize..offsets[list + 1] as usize;
                    if range.is_empty() {
                        self.defined.push(level + 1);
                        continue;
                    }
                    self.defined.push(level + 2);
                    for _ in 1..range.len() {
                        self.defined.push(level + 2);
                        inner.push(depth);
                    }
                    elements.add(range);
                }
                _ => self.defined.push(level),
            }
        }
        elements.into()
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
