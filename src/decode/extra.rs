//! What the typed columns cannot give back exactly: JSON Pointer (RFC 6901) → JSON text.
//!
//! An entry overrides whatever the typed columns say at its place. Entries of one row are kept sorted by pointer, so that a
//! parent stands before its children and equal records give equal rows.

use std::collections::BTreeMap;

use super::column::TextMaps;

/// One step of the way from the record to the value in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A field of the schema, by its place in the struct.
    Field(usize),
    /// An element of an array.
    Element(usize),
}

/// An entry that belongs to the row in hand.
struct Entry {
    pointer: Vec<u8>,
    pattern: Vec<u8>,
    text: Vec<u8>,
}

/// Gathers the entries of the row in hand, and counts.
pub(super) struct Extras {
    names: Names,
    /// Way to the struct or list in hand.
    pub(super) path: Vec<Step>,
    entries: Vec<Entry>,
    /// How many records had the last-seen duplicate keys replaced, and how many values went to `extra`, by pattern.
    pub(super) tally: Tally,
}

/// Counts for the run report.
#[derive(Debug, Default, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Values that went to `extra`, by JSON Pointer with `*` for array indexes.
    pub extra: BTreeMap<String, u64>,
    /// Keys that stood twice in one object; the last one counts.
    pub duplicate_keys: u64,
}

impl Tally {
    /// Patterns counted apart; beyond them all go to [`Tally::OTHER`], so that hostile keys cannot fill the memory.
    const MAX_PATTERNS: usize = 1_000;
    /// Pattern under which the values beyond the first thousand patterns are counted.
    pub const OTHER: &'static str = "(other)";

    /// Adds the counts of another tally.
    pub fn add(&mut self, other: &Tally) {
        for (pattern, count) in &other.extra {
            self.count(pattern, *count);
        }
        self.duplicate_keys += other.duplicate_keys;
    }

    fn count(&mut self, pattern: &str, count: u64) {
        if let Some(sum) = self.extra.get_mut(pattern) {
            *sum += count;
            return;
        }
        let pattern = if self.extra.len() < Tally::MAX_PATTERNS {
            pattern
        } else {
            Tally::OTHER
        };
        *self.extra.entry(pattern.to_string()).or_default() += count;
    }
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
            entries: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// Keeps a value of the struct or list in hand; `step` leads from there to the value.
    #[cold]
    pub(super) fn keep(&mut self, step: Option<Step>, text: &[u8]) {
        let (pointer, pattern) = self.place(step);
        self.entries.push(Entry {
            pointer,
            pattern,
            text: text.to_vec(),
        });
    }

    /// Keeps a value of the struct in hand whose key the schema does not have.
    #[cold]
    pub(super) fn keep_unknown(&mut self, key: &[u8], text: &[u8]) {
        let (mut pointer, mut pattern) = self.place(None);
        for out in [&mut pointer, &mut pattern] {
            out.push(b'/');
            write_token(key, out);
        }
        self.entries.push(Entry {
            pointer,
            pattern,
            text: text.to_vec(),
        });
    }

    /// Forgets all that was kept for a field of the struct in hand: the same key has come again.
    #[cold]
    pub(super) fn forget(&mut self, step: Step) {
        let (pointer, _) = self.place(Some(step));
        self.entries.retain(|entry| {
            let below = entry.pointer.strip_prefix(pointer.as_slice());
            below.is_none_or(|rest| !rest.is_empty() && rest[0] != b'/')
        });
        self.tally.duplicate_keys += 1;
    }

    /// Moves the entries of the row in hand to its map.
    #[inline]
    pub(super) fn end_row(&mut self, maps: &mut TextMaps) {
        if !self.entries.is_empty() {
            self.move_entries(maps);
        }
        maps.end_row();
    }

    #[cold]
    fn move_entries(&mut self, maps: &mut TextMaps) {
        // Stable, so that of two entries of one pointer (an unknown key that stands twice) the last one is the newer.
        self.entries.sort_by(|a, b| a.pointer.cmp(&b.pointer));
        let entries = std::mem::take(&mut self.entries);
        let mut rest = entries.iter().peekable();
        while let Some(entry) = rest.next() {
            if rest.peek().is_some_and(|next| next.pointer == entry.pointer) {
                self.tally.duplicate_keys += 1;
                continue;
            }
            maps.entry(&entry.pointer, &entry.text);
            self.tally.count(&String::from_utf8_lossy(&entry.pattern), 1);
        }
    }

    /// Drops what was kept of a record that was not read to its end.
    pub(super) fn abandon_row(&mut self) {
        self.entries.clear();
        self.path.clear();
    }

    /// Pointer and pattern of the struct or list in hand, or of what `step` leads to.
    fn place(&self, step: Option<Step>) -> (Vec<u8>, Vec<u8>) {
        let (mut pointer, mut pattern) = (Vec::new(), Vec::new());
        let mut names = &self.names;
        for step in self.path.iter().copied().chain(step) {
            pointer.push(b'/');
            pattern.push(b'/');
            match (step, names) {
                (Step::Field(index), Names::Struct(fields)) => {
                    let (token, below) = &fields[index];
                    pointer.extend_from_slice(token);
                    pattern.extend_from_slice(token);
                    names = below;
                }
                (Step::Element(index), Names::List(element)) => {
                    pointer.extend_from_slice(index.to_string().as_bytes());
                    pattern.push(b'*');
                    names = element;
                }
                (Step::Field(_) | Step::Element(_), _) => {}
            }
        }
        (pointer, pattern)
    }
}

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
