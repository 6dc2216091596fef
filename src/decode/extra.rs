//! What the typed columns cannot give back exactly: JSON Pointer (RFC 6901) → JSON text.
//!
//! An entry overrides whatever the typed columns say at its place, and there is none below another. Entries of one row are
//! kept sorted by pointer, so that equal records give equal rows.

use std::collections::HashMap;
use std::ops::Range;

use super::column::TextMaps;
use super::tally::Tally;
use crate::json::private::{MASK, is_private};

/// One step of the way from the record to the value in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A field of the schema, by its place in the struct.
    Field(usize),
    /// An element of an array.
    Element(usize),
}

/// An entry that belongs to the row in hand; its texts stand in [`Extras::bytes`].
struct Entry {
    pointer: Range<usize>,
    pattern: Range<usize>,
    text: Range<usize>,
    /// How many entries of the row were kept before it.
    number: usize,
}

/// Gathers the entries of the row in hand, and counts.
pub(super) struct Extras {
    names: Names,
    /// Way to the struct or list in hand.
    pub(super) path: Vec<Step>,
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// Entries kept for the row so far, with those that were dropped again.
    kept: usize,
    /// Fields whose key came again: what was kept at or below their pointer before this many entries counts no more.
    /// Dropping it at once would be quadratic in a record of many entries and many duplicate keys.
    superseded: HashMap<Vec<u8>, usize>,
    duplicate_keys: u64,
    /// Counts of all rows so far.
    pub(super) tally: Tally,
}

/// Names of the schema's fields as pointer tokens, in the shape of the schema.
#[derive(Debug)]
pub(super) enum Names {
    Leaf,
    List(Box<Names>),
    Struct(Vec<(Vec<u8>, Names)>),
}

impl Extras {
    pub(super) fn new(names: Names) -> Extras {
        Extras {
            names,
            path: Vec::new(),
            bytes: Vec::new(),
            entries: Vec::new(),
            kept: 0,
            superseded: HashMap::new(),
            duplicate_keys: 0,
            tally: Tally::default(),
        }
    }

    /// Keeps a value of the struct or list in hand; `step` leads from there to the value.
    #[cold]
    pub(super) fn keep(&mut self, step: Step, text: &[u8]) {
        self.push(Some(step), None, text);
    }

    /// Keeps a value of the struct in hand whose key the schema does not have.
    #[cold]
    pub(super) fn keep_unknown(&mut self, key: &[u8], text: &[u8]) {
        self.push(None, Some(key), text);
    }

    /// Keeps the struct in hand whole, in place of all that was kept of it since the mark.
    #[cold]
    pub(super) fn keep_whole(&mut self, mark: Mark, text: &[u8]) {
        if let Some(first) = self.entries.get(mark.0) {
            self.bytes.truncate(first.pointer.start);
            self.entries.truncate(mark.0);
        }
        self.push(None, None, text);
    }

    /// Marks the entries that there are.
    #[inline]
    pub(super) fn mark(&self) -> Mark {
        Mark(self.entries.len())
    }

    /// Forgets all that was kept for a field of the struct in hand: the same key has come again.
    #[cold]
    pub(super) fn supersede(&mut self, step: Step) {
        self.duplicate_keys += 1;
        if self.entries.is_empty() {
            return;
        }
        let (pointer, _) = self.place(Some(step), None);
        let key = self.bytes[pointer.clone()].to_vec();
        self.bytes.truncate(pointer.start);
        self.superseded.insert(key, self.kept);
    }

    /// Entries kept for the row in hand, with those that were dropped again.
    pub(super) fn kept(&self) -> usize {
        self.kept
    }

    /// Moves the entries of the row in hand to its map; gives the bytes that they take.
    #[inline]
    pub(super) fn end_row(&mut self, row: usize, maps: &mut TextMaps) -> usize {
        let mut bytes = 0;
        if self.kept > 0 || self.duplicate_keys > 0 {
            bytes = self.bytes.len();
            self.move_entries(maps);
        }
        maps.end_row(row);
        bytes
    }

    #[cold]
    fn move_entries(&mut self, maps: &mut TextMaps) {
        let mut entries = std::mem::take(&mut self.entries);
        if !self.superseded.is_empty() {
            entries.retain(|entry| !self.is_superseded(entry));
        }
        let pointer = |entry: &Entry| &self.bytes[entry.pointer.clone()];
        // Stable, so that of two entries of one pointer (an unknown key that stands twice) the last one is the newer.
        entries.sort_by(|a, b| pointer(a).cmp(pointer(b)));
        for (at, entry) in entries.iter().enumerate() {
            if entries
                .get(at + 1)
                .is_some_and(|next| pointer(next) == pointer(entry))
            {
                self.duplicate_keys += 1;
                continue;
            }
            maps.entry(pointer(entry), &self.bytes[entry.text.clone()]);
            self.tally.count_pattern(&self.bytes[entry.pattern.clone()]);
        }
        self.tally.duplicate_keys += self.duplicate_keys;
        self.abandon_row();
    }

    /// Whether a later value of the field, or of one that it is part of, took the entry's place.
    fn is_superseded(&self, entry: &Entry) -> bool {
        let pointer = &self.bytes[entry.pointer.clone()];
        let ends = (0..=pointer.len()).filter(|&end| matches!(pointer.get(end), None | Some(b'/')));
        ends.filter_map(|end| self.superseded.get(&pointer[..end]))
            .any(|&number| entry.number < number)
    }

    /// Drops what was kept of a record that was not read to its end.
    pub(super) fn abandon_row(&mut self) {
        self.path.clear();
        self.bytes.clear();
        self.entries.clear();
        self.kept = 0;
        self.superseded.clear();
        self.duplicate_keys = 0;
    }

    fn push(&mut self, step: Option<Step>, key: Option<&[u8]>, text: &[u8]) {
        let number = self.kept;
        self.kept += 1;
        // The record is refused; see `Decoder::record`.
        if self.kept > super::MAX_RECORD_EXTRA {
            return;
        }
        let (pointer, pattern) = self.place(step, key);
        let start = self.bytes.len();
        self.bytes.extend_from_slice(text);
        self.entries.push(Entry {
            pointer,
            pattern,
            text: start..self.bytes.len(),
            number,
        });
    }

    /// Writes the pointer and the pattern of the struct or list in hand, of what `step` leads to from there, or of the value
    /// of an unknown key.
    fn place(&mut self, step: Option<Step>, key: Option<&[u8]>) -> (Range<usize>, Range<usize>) {
        let start = self.bytes.len();
        self.write_place(step, key, false);
        let middle = self.bytes.len();
        self.write_place(step, key, true);
        (start..middle, middle..self.bytes.len())
    }

    fn write_place(&mut self, step: Option<Step>, key: Option<&[u8]>, pattern: bool) {
        let out = &mut self.bytes;
        let mut names = &self.names;
        for step in self.path.iter().copied().chain(step) {
            out.push(b'/');
            match (step, names) {
                (Step::Field(index), Names::Struct(fields)) => {
                    let (token, below) = &fields[index];
                    out.extend_from_slice(token);
                    names = below;
                }
                (Step::Element(index), Names::List(element)) => {
                    if pattern {
                        out.push(b'*');
                    } else {
                        out.extend_from_slice(index.to_string().as_bytes());
                    }
                    names = element;
                }
                (Step::Field(_) | Step::Element(_), _) => {}
            }
        }
        if let Some(key) = key {
            out.push(b'/');
            // A pattern is for people, in a report that is shown around, and its length is bounded.
            let key = match pattern {
                true if is_private(key) => MASK.as_bytes(),
                true => &key[..key.len().min(Tally::MAX_PATTERN_BYTES)],
                false => key,
            };
            write_token(key, out);
        }
    }
}

/// Entries that there were at one time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark(usize);

/// Writes a key as a token of a JSON Pointer.
pub(super) fn write_token(key: &[u8], out: &mut Vec<u8>) {
    for &byte in key {
        match byte {
            b'~' => out.extend_from_slice(b"~0"),
            b'/' => out.extend_from_slice(b"~1"),
            other => out.push(other),
        }
    }
}
