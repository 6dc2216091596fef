//! The schema compiled into a tree of readers, each with the buffers of its column.
//!
//! Records repeat the order of their keys, so each struct remembers which field followed which and compares the bytes with
//! that field's key first. Only where the guess is wrong is the key read and looked up.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListArray, StructArray};
use arrow::datatypes::{FieldRef, Fields};
use arrow::error::ArrowError;

use super::column::{Bits, Booleans, Numbers, Offsets, Texts};
use super::extra::{Extras, Names, Step, write_token};
use super::{MAX_RECORD_ELEMENTS, number, time};
use crate::json::scan::{Cursor, Fail, RawString, unescape_into};
use crate::schema::{Field, Kind, MAX_FIELDS, TimeForm, arrow as arrow_schema};

/// What reading a value needs besides the bytes.
pub(super) struct Context {
    /// Where values go that do not fit.
    pub(super) extras: Extras,
    /// Offset of naive times, in seconds, UTC minus local time.
    pub(super) offset_seconds: i64,
    /// Elements of arrays in the record in hand.
    pub(super) elements: usize,
}

/// Reader and column of one value.
pub(super) enum Node {
    Text(Texts),
    Json(Texts),
    Bool { column: Booleans, yes_no: bool },
    Int(Numbers<i64>),
    Double(Numbers<f64>),
    Time { column: Numbers<i64>, form: TimeForm },
    List(Box<ListNode>),
    Struct(Box<StructNode>),
}

/// Reader of an array.
pub(super) struct ListNode {
    element: Node,
    field: FieldRef,
    offsets: Offsets,
    valid: Bits,
    elements: usize,
}

/// Reader of an object.
pub(super) struct StructNode {
    children: Vec<Node>,
    fields: Fields,
    valid: Bits,
    /// Key of each field as it stands in compact JSON.
    spellings: Vec<Spelling>,
    /// Field by key, without quotes.
    index: HashMap<Box<[u8]>, usize>,
    /// Fields that followed field `n - 1` in the last records, the latest first; `next[0]` are those that came first.
    next: Vec<[usize; 2]>,
}

impl Node {
    pub(super) fn new(kind: &Kind) -> Node {
        match kind {
            Kind::String | Kind::TextMap => Node::Text(Texts::default()),
            Kind::Json => Node::Json(Texts::default()),
            Kind::Bool => Node::Bool {
                column: Booleans::default(),
                yes_no: false,
            },
            Kind::YesNo => Node::Bool {
                column: Booleans::default(),
                yes_no: true,
            },
            Kind::Int64 => Node::Int(Numbers::default()),
            Kind::Double => Node::Double(Numbers::default()),
            Kind::Timestamp(form) => Node::Time {
                column: Numbers::default(),
                form: *form,
            },
            Kind::List(element) => Node::List(Box::new(ListNode {
                element: Node::new(element),
                field: arrow_schema::list_element(element),
                offsets: Offsets::default(),
                valid: Bits::default(),
                elements: 0,
            })),
            Kind::Struct(fields) => Node::Struct(Box::new(StructNode::new(fields))),
        }
    }

    /// Reads the value under the cursor into the row. What does not fit goes to the extras at `step`.
    #[inline]
    fn read(
        &mut self,
        cursor: &mut Cursor<'_>,
        row: usize,
        step: Step,
        context: &mut Context,
    ) -> Result<(), Fail> {
        let first = cursor.token()?;
        match (self, first) {
            (Node::Text(column), b'"') => {
                let start = cursor.pos;
                let text = cursor.string()?;
                if !text.escaped {
                    column.push_first(row, &cursor.buf[start + 1..], text.raw.len());
                } else if !column.push_with(row, |out| unescape_into(text.raw, out)) {
                    context.extras.keep(step, &cursor.buf[start..cursor.pos]);
                }
                Ok(())
            }
            (Node::Time { column, form }, b'"') => {
                let start = cursor.pos;
                let text = cursor.string()?;
                let reading = time::read(&plain(&text), *form, context.offset_seconds);
                if let Some(reading) = reading {
                    column.push(row, reading.micros);
                }
                if !reading.is_some_and(|reading| reading.canonical) {
                    context.extras.keep(step, &cursor.buf[start..cursor.pos]);
                }
                Ok(())
            }
            (
                Node::Bool {
                    column,
                    yes_no: false,
                },
                b't',
            ) => {
                column.push(row, true);
                cursor.literal(b"true")
            }
            (
                Node::Bool {
                    column,
                    yes_no: false,
                },
                b'f',
            ) => {
                column.push(row, false);
                cursor.literal(b"false")
            }
            (Node::Bool { column, yes_no: true }, b'"') => {
                let start = cursor.pos;
                let text = cursor.string()?;
                let text = plain(&text);
                if let Some(value) = yes_or_no(&text) {
                    column.push(row, value);
                }
                if !matches!(&*text, b"YES" | b"NO") {
                    context.extras.keep(step, &cursor.buf[start..cursor.pos]);
                }
                Ok(())
            }
            (Node::Int(column), b'-' | b'0'..=b'9') => {
                let text = cursor.number()?;
                let reading = number::int64(text);
                if let Some((value, _)) = reading {
                    column.push(row, value);
                }
                if !reading.is_some_and(|(_, exact)| exact) {
                    context.extras.keep(step, text);
                }
                Ok(())
            }
            (Node::Double(column), b'-' | b'0'..=b'9') => {
                let text = cursor.number()?;
                let reading = number::double(text);
                if let Some((value, _)) = reading {
                    column.push(row, value);
                }
                if !reading.is_some_and(|(_, exact)| exact) {
                    context.extras.keep(step, text);
                }
                Ok(())
            }
            (Node::List(list), b'[') => {
                context.extras.path.push(step);
                list.read(cursor, row, context)?;
                context.extras.path.pop();
                Ok(())
            }
            (Node::Struct(node), b'{') => {
                context.extras.path.push(step);
                node.read(cursor, row, context)?;
                context.extras.path.pop();
                Ok(())
            }
            (Node::Json(column), _) => {
                let text = cursor.skip_value()?;
                column.push(row, text);
                Ok(())
            }
            (node, _) => node.read_misfit(cursor, row, step, context),
        }
    }

    /// Keeps a value of another type than the column's, and reads it as well as can be.
    #[cold]
    fn read_misfit(
        &mut self,
        cursor: &mut Cursor<'_>,
        row: usize,
        step: Step,
        context: &mut Context,
    ) -> Result<(), Fail> {
        let text = cursor.skip_value()?;
        // An element that is null leaves its place null, which says the same.
        if text != b"null" || matches!(step, Step::Field(_)) {
            context.extras.keep(step, text);
        }
        let inner = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\""));
        match self {
            Node::Text(column) if text != b"null" && !text.starts_with(b"{") && !text.starts_with(b"[") => {
                column.push(row, text);
            }
            Node::Bool { column, .. } => {
                if let Some(value) = yes_or_no(inner.unwrap_or(text)) {
                    column.push(row, value);
                }
            }
            Node::Int(column) => {
                if let Some((value, _)) = inner.and_then(number::int64) {
                    column.push(row, value);
                }
            }
            Node::Double(column) => {
                if let Some((value, true)) = inner.and_then(number::double) {
                    column.push(row, value);
                }
            }
            Node::Text(_) | Node::Json(_) | Node::Time { .. } | Node::List(_) | Node::Struct(_) => {}
        }
        Ok(())
    }

    /// Takes back all rows from `rows` on.
    pub(super) fn truncate(&mut self, rows: usize) {
        match self {
            Node::Text(column) | Node::Json(column) => column.truncate(rows),
            Node::Bool { column, .. } => column.truncate(rows),
            Node::Int(column) | Node::Time { column, .. } => column.truncate(rows),
            Node::Double(column) => column.truncate(rows),
            Node::List(list) => list.truncate(rows),
            Node::Struct(node) => node.truncate(rows),
        }
    }

    /// The columns with what there is, which can be finished but not read into; new ones start here.
    fn detach(&mut self) -> Node {
        match self {
            Node::Text(column) => Node::Text(column.detach()),
            Node::Json(column) => Node::Json(column.detach()),
            Node::Bool { column, yes_no } => Node::Bool {
                column: column.detach(),
                yes_no: *yes_no,
            },
            Node::Int(column) => Node::Int(column.detach()),
            Node::Double(column) => Node::Double(column.detach()),
            Node::Time { column, form } => Node::Time {
                column: column.detach(),
                form: *form,
            },
            Node::List(list) => Node::List(Box::new(list.detach())),
            Node::Struct(node) => Node::Struct(Box::new(node.detach())),
        }
    }

    /// The column of the first `rows` rows; the buffers start anew.
    pub(super) fn finish(&mut self, rows: usize) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Node::Text(column) | Node::Json(column) => column.finish(rows)?,
            Node::Bool { column, .. } => column.finish(rows),
            Node::Int(column) => column.finish(rows),
            Node::Double(column) => column.finish(rows),
            Node::Time { column, .. } => column.finish_times(rows),
            Node::List(list) => list.finish(rows)?,
            Node::Struct(node) => Arc::new(node.finish(rows)?),
        })
    }

    pub(super) fn names(&self) -> Names {
        match self {
            Node::List(list) => Names::List(Box::new(list.element.names())),
            Node::Struct(node) => node.names(),
            Node::Text(_)
            | Node::Json(_)
            | Node::Bool { .. }
            | Node::Int(_)
            | Node::Double(_)
            | Node::Time { .. } => Names::Leaf,
        }
    }
}

/// The text without escapes; as it came where it has a lone surrogate.
#[inline]
fn plain<'a>(text: &RawString<'a>) -> Cow<'a, [u8]> {
    let mut out = Vec::new();
    if text.escaped && unescape_into(text.raw, &mut out) {
        Cow::Owned(out)
    } else {
        Cow::Borrowed(text.raw)
    }
}

/// Boolean that a text stands for, in any case.
fn yes_or_no(text: &[u8]) -> Option<bool> {
    if text.eq_ignore_ascii_case(b"yes") || text.eq_ignore_ascii_case(b"true") {
        return Some(true);
    }
    (text.eq_ignore_ascii_case(b"no") || text.eq_ignore_ascii_case(b"false")).then_some(false)
}

impl ListNode {
    fn read(&mut self, cursor: &mut Cursor<'_>, row: usize, context: &mut Context) -> Result<(), Fail> {
        self.pad(row);
        cursor.pos += 1;
        if cursor.token()? == b']' {
            cursor.pos += 1;
        } else {
            let mut index = 0;
            loop {
                context.elements += 1;
                if context.elements > MAX_RECORD_ELEMENTS {
                    // The record is refused, but where it ends must be known.
                    cursor.token()?;
                    cursor.skip_value()?;
                } else {
                    self.element
                        .read(cursor, self.elements, Step::Element(index), context)?;
                    self.elements += 1;
                    index += 1;
                }
                match cursor.token()? {
                    b',' => cursor.pos += 1,
                    b']' => {
                        cursor.pos += 1;
                        break;
                    }
                    _ => return Err(cursor.invalid("neither a comma nor a closing bracket after a value")),
                }
            }
        }
        self.offsets.push(self.elements);
        self.valid.push(true);
        Ok(())
    }

    #[inline]
    fn pad(&mut self, rows: usize) {
        self.offsets.pad(rows);
        self.valid.pad(rows);
    }

    fn truncate(&mut self, rows: usize) {
        self.offsets.truncate(rows);
        self.valid.truncate(rows);
        self.elements = usize::try_from(self.offsets.end()).unwrap_or_default();
        self.element.truncate(self.elements);
    }

    fn detach(&mut self) -> ListNode {
        ListNode {
            element: self.element.detach(),
            field: self.field.clone(),
            offsets: self.offsets.detach(),
            valid: self.valid.detach(),
            elements: std::mem::take(&mut self.elements),
        }
    }

    fn finish(&mut self, rows: usize) -> Result<ArrayRef, ArrowError> {
        self.pad(rows);
        let elements = self.element.finish(self.elements)?;
        self.elements = 0;
        let offsets = self.offsets.take()?;
        let nulls = self.valid.take_nulls(rows);
        Ok(Arc::new(ListArray::try_new(
            self.field.clone(),
            offsets,
            elements,
            nulls,
        )?))
    }
}

impl StructNode {
    pub(super) fn new(fields: &[Field]) -> StructNode {
        // The schema's parser gives every field of a record a source.
        let keys: Vec<&str> = fields
            .iter()
            .map(|field| field.json.as_deref().unwrap_or_default())
            .collect();
        StructNode {
            children: fields.iter().map(|field| Node::new(&field.kind)).collect(),
            fields: fields.iter().map(arrow_schema::field).collect(),
            valid: Bits::default(),
            spellings: keys.iter().map(|key| Spelling::new(key)).collect(),
            index: keys
                .iter()
                .enumerate()
                .map(|(at, key)| (key.as_bytes().into(), at))
                .collect(),
            next: (0..=keys.len()).map(|at| [at; 2]).collect(),
        }
    }

    /// Reads the object under the cursor into the row.
    pub(super) fn read(
        &mut self,
        cursor: &mut Cursor<'_>,
        row: usize,
        context: &mut Context,
    ) -> Result<(), Fail> {
        self.valid.pad(row);
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
                match self.key(cursor, guess)? {
                    Key::Field(at) => {
                        let [latest, _] = self.next[guess];
                        if latest != at {
                            self.next[guess] = [at, latest];
                        }
                        guess = at + 1;
                        if seen.insert(at) {
                            self.children[at].truncate(row);
                            context.extras.supersede(Step::Field(at));
                        }
                        self.children[at].read(cursor, row, Step::Field(at), context)?;
                    }
                    Key::Unknown(name) => {
                        cursor.token()?;
                        let text = cursor.skip_value()?;
                        match name {
                            Some(name) => context.extras.keep_unknown(&name, text),
                            None => unnamed = true,
                        }
                    }
                }
                match cursor.token()? {
                    b',' => cursor.pos += 1,
                    b'}' => {
                        cursor.pos += 1;
                        break;
                    }
                    _ => return Err(cursor.invalid("neither a comma nor a closing brace after a value")),
                }
            }
        }
        self.valid.push(true);
        if unnamed {
            context.extras.keep_whole(mark, &cursor.buf[start..cursor.pos]);
        }
        Ok(())
    }

    pub(super) fn has_field(&self, key: &[u8]) -> bool {
        self.index.contains_key(key)
    }

    /// Reads a key and its colon, trying the field that is expected first.
    #[inline]
    fn key(&self, cursor: &mut Cursor<'_>, guess: usize) -> Result<Key, Fail> {
        cursor.token()?;
        for expected in self.next[guess] {
            if let Some(spelling) = self.spellings.get(expected)
                && spelling.is_next(cursor)
            {
                cursor.pos += spelling.text.len();
                return Ok(Key::Field(expected));
            }
        }
        self.look_up(cursor)
    }

    #[cold]
    fn look_up(&self, cursor: &mut Cursor<'_>) -> Result<Key, Fail> {
        let key = cursor.key()?;
        if !key.escaped {
            return Ok(match self.index.get(key.raw) {
                Some(&at) => Key::Field(at),
                None => Key::Unknown(Some(key.raw.to_vec())),
            });
        }
        let mut name = Vec::new();
        if !unescape_into(key.raw, &mut name) {
            return Ok(Key::Unknown(None));
        }
        Ok(match self.index.get(name.as_slice()) {
            Some(&at) => Key::Field(at),
            None => Key::Unknown(Some(name)),
        })
    }

    pub(super) fn truncate(&mut self, rows: usize) {
        self.valid.truncate(rows);
        for child in &mut self.children {
            child.truncate(rows);
        }
    }

    /// As [`Node::detach`].
    pub(super) fn detach(&mut self) -> StructNode {
        StructNode {
            children: self.children.iter_mut().map(Node::detach).collect(),
            fields: self.fields.clone(),
            valid: self.valid.detach(),
            spellings: Vec::new(),
            index: HashMap::new(),
            next: Vec::new(),
        }
    }

    fn finish(&mut self, rows: usize) -> Result<StructArray, ArrowError> {
        let nulls = self.valid.take_nulls(rows);
        StructArray::try_new(self.fields.clone(), self.finish_columns(rows)?, nulls)
    }

    /// The columns of the fields, for the first `rows` rows.
    pub(super) fn finish_columns(&mut self, rows: usize) -> Result<Vec<ArrayRef>, ArrowError> {
        self.valid.truncate(0);
        let columns = self
            .children
            .iter_mut()
            .map(|child| child.finish(rows))
            .collect::<Result<Vec<_>, _>>()?;
        debug_assert!(columns.iter().all(|column| column.len() == rows));
        Ok(columns)
    }

    pub(super) fn names(&self) -> Names {
        let names = self
            .spellings
            .iter()
            .zip(&self.children)
            .map(|(spelling, child)| {
                let mut token = Vec::new();
                write_token(spelling.key(), &mut token);
                (token, child.names())
            });
        Names::Struct(names.collect())
    }
}

/// A key with its quotes and its colon.
///
/// It is compared by words: for keys of a few bytes the call of `memcmp` behind `slice::starts_with` was 7 % of decoding.
struct Spelling {
    text: Box<[u8]>,
    /// The first eight bytes, or as many as there are.
    head: u64,
    /// Which bits of the head count.
    mask: u64,
}

impl Spelling {
    fn new(key: &str) -> Spelling {
        let text = format!("\"{key}\":").into_bytes();
        let word = |byte: &dyn Fn(usize) -> u8| u64::from_le_bytes(std::array::from_fn(byte));
        Spelling {
            head: word(&|at| text.get(at).copied().unwrap_or_default()),
            mask: word(&|at| if at < text.len() { 0xff } else { 0 }),
            text: text.into(),
        }
    }

    fn key(&self) -> &[u8] {
        &self.text[1..self.text.len() - 2]
    }

    /// Whether this is what comes next; no where less than a word comes.
    #[inline]
    fn is_next(&self, cursor: &Cursor<'_>) -> bool {
        let bytes = &cursor.buf[cursor.pos..];
        let Some(head) = bytes.first_chunk() else {
            return false;
        };
        if u64::from_le_bytes(*head) & self.mask != self.head {
            return false;
        }
        let Some(last) = self.text.last_chunk::<8>() else {
            return true;
        };
        let Some(bytes) = bytes.get(..self.text.len()) else {
            return false;
        };
        // The last word overlaps the one before it.
        let (words, _) = self.text.as_chunks::<8>();
        let (others, _) = bytes.as_chunks::<8>();
        bytes.last_chunk() == Some(last) && words.iter().zip(others).skip(1).all(|(a, b)| a == b)
    }
}

enum Key {
    Field(usize),
    /// A key that the schema does not have; `None` where no text can hold it.
    Unknown(Option<Vec<u8>>),
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
