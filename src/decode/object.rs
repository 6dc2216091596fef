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
use crate::json::scan::{CHUNK, Cursor, Fail, Fault, HALF, equal, unescape_into};
use crate::schema::{Field, MAX_FIELDS, arrow as arrow_schema};

/// Reader of an object.
pub(super) struct StructNode {
    children: Vec<Child>,
    /// Fields that followed field `n - 1` in the last records, the latest first; `next[0]` are those that came first.
    next: Vec<[u8; 2]>,
    present: Present,
    fields: Fields,
    /// Field by key, without quotes.
    index: Index,
}

type Index = HashMap<Box<[u8]>, usize, ahash::RandomState>;

/// A field of an object: all that is looked at when it comes, in one place.
struct Child {
    spelling: Spelling,
    /// One more than the row that it came in last.
    seen: u32,
    node: Node,
}

/// The schema's parser gives a struct fewer fields than a byte can number.
const _: () = assert!(MAX_FIELDS < u8::MAX as usize);

impl StructNode {
    pub(super) fn new(fields: &[Field]) -> StructNode {
        // The schema's parser gives every field of a record a source.
        let key = |field: &Field| field.json.clone().unwrap_or_default();
        let children = fields.iter().map(|field| Child {
            spelling: Spelling::new(&key(field)),
            seen: 0,
            node: Node::new(&field.kind),
        });
        let index = fields.iter().enumerate();
        StructNode {
            children: children.collect(),
            next: (0..=fields.len()).map(|at| [at as u8; 2]).collect(),
            present: Present::default(),
            fields: fields.iter().map(arrow_schema::field).collect(),
            index: index
                .map(|(at, field)| (key(field).into_bytes().into(), at))
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
            let (children, next) = (self.children.as_mut_slice(), self.next.as_mut_slice());
            let mut guess = 0;
            let mut here = *cursor;
            loop {
                let guesses = next[guess];
                let known = match expected(children, guesses, &mut here) {
                    Some(at) => Some(at),
                    None => {
                        cursor.pos = here.pos;
                        let known = look_up(children, &self.index, cursor, guesses, &mut unnamed, context)?;
                        here.pos = cursor.pos;
                        known
                    }
                };
                if let Some(at) = known {
                    let child = &mut children[at];
                    let [latest, _] = guesses;
                    if usize::from(latest) != at {
                        next[guess] = [at as u8, latest];
                    }
                    guess = at + 1;
                    if child.seen == row as u32 + 1 {
                        child.node.truncate(row);
                        context.extras.supersede(Step::Field(at));
                    }
                    child.seen = row as u32 + 1;
                    child
                        .node
                        .read(&mut here, cursor, row, Step::Field(at), context)?;
                }
                match here.token_by(cursor)? {
                    b',' => here.pos += 1,
                    b'}' => {
                        here.pos += 1;
                        break;
                    }
                    _ => return Err(here.invalid(Fault::ObjectEnd)),
                }
            }
            cursor.pos = here.pos;
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

    pub(super) fn truncate(&mut self, rows: usize) {
        self.present.truncate(rows);
        for child in &mut self.children {
            child.seen = child.seen.min(rows as u32);
            child.node.truncate(rows);
        }
    }

    /// As [`Node::detach`].
    pub(super) fn detach(&mut self) -> StructNode {
        let children = self.children.iter_mut().map(|child| Child {
            spelling: Spelling::default(),
            seen: std::mem::take(&mut child.seen),
            node: child.node.detach(),
        });
        StructNode {
            children: children.collect(),
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
        let columns = self
            .children
            .into_iter()
            .map(|child| child.node.finish(rows, nulls));
        columns.collect()
    }

    pub(super) fn names(&self) -> Names {
        let mut keys: Vec<_> = self.index.iter().collect();
        keys.sort_unstable_by_key(|(_, at)| **at);
        let names = keys.into_iter().map(|(key, at)| {
            let mut token = Vec::new();
            write_token(key, &mut token);
            (token, self.children[*at].node.names())
        });
        Names::Struct(names.collect())
    }
}

/// Reads a key and its colon, if it is one of those that are expected behind the last one.
#[inline(always)]
fn expected(children: &[Child], guesses: [u8; 2], cursor: &mut Cursor<'_>) -> Option<usize> {
    let (quote, rest) = cursor.buf.get(cursor.pos..)?.split_first()?;
    let text = rest.first_chunk::<CHUNK>().filter(|_| *quote == b'"')?;
    for at in guesses.map(usize::from) {
        let spelling = &children.get(at)?.spelling;
        if spelling.starts(text) {
            cursor.pos += spelling.length as usize;
            return Some(at);
        }
    }
    None
}

/// Reads any key and its colon. The value of one that the schema does not have is kept; `unnamed` is set where no text can
/// hold the key.
#[cold]
fn look_up(
    children: &[Child],
    index: &Index,
    cursor: &mut Cursor<'_>,
    guesses: [u8; 2],
    unnamed: &mut bool,
    context: &mut Context,
) -> Result<Option<usize>, Fail> {
    let start = cursor.pos;
    cursor.token()?;
    if cursor.pos > start
        && let Some(at) = expected(children, guesses, cursor)
    {
        return Ok(Some(at));
    }
    let key = cursor.key()?;
    let mut name = Some(key.raw);
    let mut unescaped = Vec::new();
    if key.escaped {
        name = unescape_into(key.raw, &mut unescaped).then_some(unescaped.as_slice());
    }
    let known = name.and_then(|name| index.get(name)).copied();
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

/// A key as it stands in compact JSON behind its first quote, with the other one and the colon.
///
/// It is compared at once, whatever its length: for keys of a few bytes the call of `memcmp` behind `slice::starts_with` was 7 %
/// of decoding.
#[derive(Default)]
struct Spelling {
    start: Half,
    /// What is longer than that, apart: most keys are not, and the smaller the fields are, the more of them stay in the cache.
    rest: Option<Box<Half>>,
    /// Bytes of the key with its quotes and colon.
    length: u32,
}

/// Up to 16 bytes of a text.
#[derive(Default)]
struct Half {
    text: [u8; HALF],
    /// Which of them count.
    mask: u16,
    /// Which of those must be equal; more than count where a key is too long to be compared, so that it never is.
    wanted: u16,
}

impl Spelling {
    fn new(key: &str) -> Spelling {
        let text = format!("{key}\":").into_bytes();
        let (start, rest) = text.split_at(text.len().min(HALF));
        Spelling {
            start: Half::new(start),
            rest: (!rest.is_empty()).then(|| Box::new(Half::new(rest))),
            length: 1 + text.len() as u32,
        }
    }

    /// Whether the bytes start with it.
    #[inline(always)]
    fn starts(&self, bytes: &[u8; CHUNK]) -> bool {
        let [start, rest] = bytes.as_chunks::<HALF>().0 else {
            return false;
        };
        self.start.is(start) && self.rest.as_ref().is_none_or(|half| half.is(rest))
    }
}

impl Half {
    fn new(text: &[u8]) -> Half {
        let mask = u16::try_from((1_u32 << text.len().min(HALF)) - 1).unwrap_or(u16::MAX);
        let fits = text.len() <= HALF;
        Half {
            text: std::array::from_fn(|at| text.get(at).copied().unwrap_or_default()),
            mask: if fits { mask } else { 0 },
            wanted: mask,
        }
    }

    #[inline(always)]
    fn is(&self, bytes: &[u8; HALF]) -> bool {
        equal(&self.text, bytes) & self.mask == self.wanted
    }
}
