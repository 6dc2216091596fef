//! Readers of objects: which key stands there, and on to its field's reader.
//!
//! Records repeat the order of their keys, so each object remembers which field followed which and compares the bytes with
//! that field's key first. Only where the guess is wrong is the key read and looked up.

use std::collections::HashMap;

use arrow::array::{ArrayRef, StructArray};
use arrow::datatypes::Fields;
use arrow::error::ArrowError;

use super::column::{NullColumns, Present};
use super::extra::{Names, Step, write_token};
use super::node::{Context, Node};
use crate::json::scan::{CHUNK, Cursor, Fail, Fault, equal, unescape_into};
use crate::schema::{Field, MAX_FIELDS, arrow as arrow_schema};

/// Reader of an object.
pub(super) struct StructNode {
    children: Vec<Node>,
    /// Keys of the children.
    spellings: Vec<Spelling>,
    /// Fields that followed field `n - 1` in the last records, the latest first; `next[0]` are those that came first.
    next: Vec<[u8; 2]>,
    present: Present,
    fields: Fields,
    /// Field by key, without quotes.
    index: HashMap<Box<[u8]>, usize, ahash::RandomState>,
}

/// The schema's parser gives a struct fewer fields than a byte can number.
const _: () = assert!(MAX_FIELDS < u8::MAX as usize);

impl StructNode {
    pub(super) fn new(fields: &[Field]) -> StructNode {
        // The schema's parser gives every field of a record a source.
        let keys: Vec<&str> = fields
            .iter()
            .map(|field| field.json.as_deref().unwrap_or_default())
            .collect();
        StructNode {
            children: fields.iter().map(|field| Node::new(&field.kind)).collect(),
            spellings: keys.iter().map(|key| Spelling::new(key)).collect(),
            next: (0..=keys.len()).map(|at| [at as u8; 2]).collect(),
            present: Present::default(),
            fields: fields.iter().map(arrow_schema::field).collect(),
            index: keys
                .iter()
                .enumerate()
                .map(|(at, key)| (key.as_bytes().into(), at))
                .collect(),
        }
    }

    /// Reads the object under the cursor into the row.
    #[inline(never)]
    pub(super) fn read(
        &mut self,
        cursor: &mut Cursor<'_>,
        row: usize,
        context: &mut Context,
    ) -> Result<(), Fail> {
        let start = cursor.pos;
        let mark = context.extras.mark();
        cursor.pos += 1;
        // Set where a key cannot be part of a pointer: then the object is kept whole.
        let mut unnamed = false;
        if cursor.token()? == b'}' {
            cursor.pos += 1;
        } else {
            let mut seen = Seen::default();
            let mut guess = 0;
            loop {
                let known = match self.expected(cursor, guess) {
                    Some(at) => Some(at),
                    None => self.look_up(cursor, guess, &mut unnamed, context)?,
                };
                if let Some(at) = known {
                    let [latest, _] = self.next[guess];
                    if usize::from(latest) != at {
                        self.next[guess] = [at as u8, latest];
                    }
                    guess = at + 1;
                    if seen.insert(at) {
                        self.children[at].truncate(row);
                        context.extras.supersede(Step::Field(at));
                    }
                    self.children[at].read(cursor, row, Step::Field(at), context)?;
                }
                match cursor.token()? {
                    b',' => cursor.pos += 1,
                    b'}' => {
                        cursor.pos += 1;
                        break;
                    }
                    _ => return Err(cursor.invalid(Fault::ObjectEnd)),
                }
            }
        }
        self.present.push(row);
        if unnamed {
            context.extras.keep_whole(mark, &cursor.buf[start..cursor.pos]);
        }
        Ok(())
    }

    pub(super) fn has_field(&self, key: &[u8]) -> bool {
        self.index.contains_key(key)
    }

    /// Reads a key and its colon, if it is one of those that are expected behind the last one.
    #[inline]
    fn expected(&self, cursor: &mut Cursor<'_>, guess: usize) -> Option<usize> {
        let (quote, rest) = cursor.buf.get(cursor.pos..)?.split_first()?;
        let text = rest.first_chunk::<CHUNK>().filter(|_| *quote == b'"')?;
        for expected in self.next[guess] {
            let spelling = self.spellings.get(usize::from(expected))?;
            if spelling.starts(text) {
                cursor.pos += spelling.length;
                return Some(usize::from(expected));
            }
        }
        None
    }

    /// Reads any key and its colon. The value of one that the schema does not have is kept; `unnamed` is set where no text can
    /// hold the key.
    #[cold]
    fn look_up(
        &self,
        cursor: &mut Cursor<'_>,
        guess: usize,
        unnamed: &mut bool,
        context: &mut Context,
    ) -> Result<Option<usize>, Fail> {
        let start = cursor.pos;
        cursor.token()?;
        if cursor.pos > start
            && let Some(at) = self.expected(cursor, guess)
        {
            return Ok(Some(at));
        }
        let key = cursor.key()?;
        let mut name = Some(key.raw);
        let mut unescaped = Vec::new();
        if key.escaped {
            name = unescape_into(key.raw, &mut unescaped).then_some(unescaped.as_slice());
        }
        let known = name.and_then(|name| self.index.get(name)).copied();
        if known.is_none() {
            cursor.token()?;
            let text = cursor.skip_value()?;
            match name {
                Some(name) => context.extras.keep_unknown(name, text),
                None => *unnamed = true,
            }
        }
        Ok(known)
    }

    pub(super) fn truncate(&mut self, rows: usize) {
        self.present.truncate(rows);
        for child in &mut self.children {
            child.truncate(rows);
        }
    }

    /// As [`Node::detach`].
    pub(super) fn detach(&mut self) -> StructNode {
        StructNode {
            children: self.children.iter_mut().map(Node::detach).collect(),
            spellings: Vec::new(),
            next: Vec::new(),
            present: self.present.detach(),
            fields: self.fields.clone(),
            index: HashMap::default(),
        }
    }

    pub(super) fn finish(self, rows: usize, nulls: &mut NullColumns) -> Result<StructArray, ArrowError> {
        let valid = self.present.validity(rows);
        let fields = self.fields.clone();
        StructArray::try_new(fields, self.finish_columns(rows, nulls)?, valid)
    }

    /// The columns of the fields, for the first `rows` rows, which are all.
    pub(super) fn finish_columns(
        self,
        rows: usize,
        nulls: &mut NullColumns,
    ) -> Result<Vec<ArrayRef>, ArrowError> {
        let columns = self.children.into_iter().map(|child| child.finish(rows, nulls));
        columns.collect()
    }

    pub(super) fn names(&self) -> Names {
        let mut keys: Vec<_> = self.index.iter().collect();
        keys.sort_unstable_by_key(|(_, at)| **at);
        let names = keys.into_iter().map(|(key, at)| {
            let mut token = Vec::new();
            write_token(key, &mut token);
            (token, self.children[*at].names())
        });
        Names::Struct(names.collect())
    }
}

/// A key as it stands in compact JSON behind its first quote, with the other one and the colon.
///
/// It is compared at once, whatever its length: for keys of a few bytes the call of `memcmp` behind `slice::starts_with` was 7 %
/// of decoding.
struct Spelling {
    text: [u8; CHUNK],
    /// Which bytes of the text count.
    mask: u32,
    /// Which of those must be equal; more than count where the key is too long to be compared, so that it never is.
    wanted: u32,
    /// Bytes of the key with its quotes and colon.
    length: usize,
}

impl Spelling {
    fn new(key: &str) -> Spelling {
        let text = format!("{key}\":").into_bytes();
        let mask = u32::try_from((1_u64 << text.len().min(CHUNK)) - 1).unwrap_or(u32::MAX);
        let fits = text.len() <= CHUNK;
        Spelling {
            text: std::array::from_fn(|at| text.get(at).copied().unwrap_or_default()),
            mask: if fits { mask } else { 0 },
            wanted: mask,
            length: 1 + text.len(),
        }
    }

    /// Whether the bytes start with it.
    #[inline]
    fn starts(&self, bytes: &[u8; CHUNK]) -> bool {
        equal(&self.text, bytes) & self.mask == self.wanted
    }
}

/// Fields of an object that have come already: a bit for each of the [`MAX_FIELDS`] that there can be.
#[derive(Default)]
struct Seen([u64; MAX_FIELDS / 64]);

impl Seen {
    /// Notes a field; true where it was there already.
    #[inline]
    fn insert(&mut self, at: usize) -> bool {
        let (word, bit) = (at / 64, 1 << (at % 64));
        let before = self.0[word] & bit != 0;
        self.0[word] |= bit;
        before
    }
}
