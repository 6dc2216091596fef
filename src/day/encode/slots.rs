//! Where the values of nested arrays stand: Parquet's repetition and definition levels.
//!
//! A slot is what a column has one entry of: a value, a null, or a list that is null or empty. All columns within one list
//! have the same slots; they are worked out once for all of them. Source of the levels:
//! <https://parquet.apache.org/docs/file-format/nestedencoding/>.

use std::rc::Rc;

use arrow::buffer::NullBuffer;

/// Stands for an element that no slot shows, since it lies under a null.
const HIDDEN: u32 = u32::MAX;

/// The slots at one place of the schema, for the rows of one batch.
#[derive(Debug, Clone)]
pub(super) struct Slots {
    /// Definition level of each slot, down to this place.
    defined: Vec<u8>,
    /// Slot of each element of the arrays at this place; without, they are the same.
    elements: Option<Rc<Vec<u32>>>,
    /// Definition level of a slot that there is a value in, down to this place.
    present: u8,
    /// Whether each slot that has an element is present.
    whole: bool,
}

/// Which elements of an array have a value to be written.
#[derive(Debug)]
pub(super) enum Picked<'a> {
    /// So many, from the first on.
    All(usize),
    /// Those, in order.
    Some(&'a [u32]),
}

impl Slots {
    /// A slot for each row.
    pub(super) fn rows(rows: usize) -> Slots {
        Slots {
            defined: vec![0; rows],
            elements: None,
            present: 0,
            whole: true,
        }
    }

    fn element_count(&self) -> usize {
        self.elements
            .as_ref()
            .map_or(self.defined.len(), |elements| elements.len())
    }

    /// The slots of the fields of a struct that may be null.
    pub(super) fn optional(&self, nulls: Option<&NullBuffer>) -> Slots {
        let mut inner = self.clone();
        inner.present += 1;
        inner.whole = self.raise(&mut inner.defined, nulls, &mut Vec::new());
        inner
    }

    /// Appends the definition levels of a column of values at this place, and says which it has. `picked` is overwritten.
    pub(super) fn values<'a>(
        &self,
        nulls: Option<&NullBuffer>,
        optional: bool,
        defined: &mut Vec<u8>,
        picked: &'a mut Vec<u32>,
    ) -> Picked<'a> {
        let first = defined.len();
        defined.extend_from_slice(&self.defined);
        picked.clear();
        let all = if optional {
            self.raise(&mut defined[first..], nulls, picked)
        } else {
            self.pick(picked)
        };
        if all {
            return Picked::All(self.element_count());
        }
        Picked::Some(picked)
    }

    /// Raises the level of slots with elements that are not null. Unless there are no others, `picked` gets the elements.
    fn raise(&self, defined: &mut [u8], nulls: Option<&NullBuffer>, picked: &mut Vec<u32>) -> bool {
        let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
        match (nulls, &self.elements) {
            (None, None) if self.whole => {
                defined.iter_mut().for_each(|level| *level += 1);
                return true;
            }
            (None, Some(elements)) if self.whole => {
                for &slot in elements.iter() {
                    defined[slot as usize] += 1;
                }
                return true;
            }
            (None, _) => {
                for element in 0..self.element_count() {
                    self.raise_one(element, defined, picked);
                }
            }
            (Some(nulls), _) if nulls.null_count() < nulls.len() => {
                for element in nulls.valid_indices() {
                    self.raise_one(element, defined, picked);
                }
            }
            (Some(_), _) => {}
        }
        false
    }

    #[inline]
    fn raise_one(&self, element: usize, defined: &mut [u8], picked: &mut Vec<u32>) {
        let slot = self
            .elements
            .as_ref()
            .map_or(element as u32, |elements| elements[element]);
        // No slice is so long that it has the hidden slot.
        if let Some(level) = defined
            .get_mut(slot as usize)
            .filter(|level| **level == self.present)
        {
            *level += 1;
            picked.push(element as u32);
        }
    }

    /// The elements that are present, unless all are.
    fn pick(&self, picked: &mut Vec<u32>) -> bool {
        if self.whole {
            return true;
        }
        let slot = |element: usize| match &self.elements {
            Some(elements) => elements[element],
            None => element as u32,
        };
        let present = |element: &usize| self.defined.get(slot(*element) as usize) == Some(&self.present);
        picked.extend(
            (0..self.element_count())
                .filter(present)
                .map(|element| element as u32),
        );
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
        let length = |list: usize| (offsets[list + 1] - offsets[list]) as usize;
        let slots = self.defined.len() + length_of(offsets);
        let mut defined = Vec::with_capacity(slots);
        let mut elements = Vec::with_capacity(length_of(offsets));
        let mut whole = true;
        let mut list = 0;
        for (slot, (&level, &repeats)) in self.defined.iter().zip(repeated).enumerate() {
            // Lists that no slot shows have elements that none shows either.
            while self.is_hidden(list) {
                whole &= hide(&mut elements, length(list));
                list += 1;
            }
            if !self.is_at(list, slot) {
                defined.push(level);
                inner.push(repeats);
                continue;
            }
            let elements_here = length(list);
            if level != self.present || nulls.is_some_and(|nulls| nulls.is_null(list)) {
                whole &= hide(&mut elements, elements_here);
                defined.push(level);
                inner.push(repeats);
            } else if elements_here == 0 {
                defined.push(level + 1);
                inner.push(repeats);
            } else {
                let first = defined.len();
                elements.extend((first..first + elements_here).map(|slot| slot as u32));
                defined.resize(first + elements_here, level + 2);
                inner.push(repeats);
                inner.resize(inner.len() + elements_here - 1, depth);
            }
            list += 1;
        }
        for list in list..self.element_count() {
            whole &= hide(&mut elements, length(list));
        }
        Slots {
            defined,
            elements: Some(Rc::new(elements)),
            present: self.present + 2,
            whole,
        }
    }

    fn is_hidden(&self, element: usize) -> bool {
        let slot = self.elements.as_ref().and_then(|elements| elements.get(element));
        slot == Some(&HIDDEN)
    }

    fn is_at(&self, element: usize, slot: usize) -> bool {
        match &self.elements {
            Some(elements) => elements.get(element) == Some(&(slot as u32)),
            None => true,
        }
    }
}

fn length_of(offsets: &[i32]) -> usize {
    match offsets {
        [first, .., last] => (last - first) as usize,
        _ => 0,
    }
}

/// Adds elements that no slot shows; whether there were none.
fn hide(elements: &mut Vec<u32>, count: usize) -> bool {
    elements.resize(elements.len() + count, HIDDEN);
    count == 0
}
