//! The schema compiled into a tree of readers, each with the buffers of its column.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray};
use arrow::datatypes::FieldRef;
use arrow::error::ArrowError;

use super::column::{Booleans, Ends, NullColumns, Numbers, Texts};
use super::extra::{Extras, Names, Step};
use super::object::StructNode;
use super::time::{self, Dates};
use super::{MAX_RECORD_ELEMENTS, number};
use crate::json::scan::{Cursor, Fail, Fault, RawString, unescape_into};
use crate::schema::{Kind, TimeForm, arrow as arrow_schema};

/// What reading a value needs besides the bytes.
pub(super) struct Context {
    /// Where values go that do not fit.
    pub(super) extras: Extras,
    /// Offset of naive times, in seconds, UTC minus local time.
    pub(super) offset_seconds: i64,
    /// The date that was read last.
    pub(super) dates: Dates,
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
    ends: Ends,
    elements: usize,
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
                ends: Ends::default(),
                elements: 0,
            })),
            Kind::Struct(fields) => Node::Struct(Box::new(StructNode::new(fields))),
        }
    }

    /// Reads the value that is `here` into the row. What does not fit goes to the extras at `step`. `here` is a copy of the
    /// cursor that is held in registers, since no call is given it; what calls read, they read at the cursor.
    #[inline(always)]
    pub(super) fn read<'a>(
        &mut self,
        here: &mut Cursor<'a>,
        cursor: &mut Cursor<'a>,
        row: usize,
        step: Step,
        context: &mut Context,
    ) -> Result<(), Fail> {
        let first = here.token_by(cursor)?;
        // Most values are texts without escapes; those are read without a call.
        if let Node::Text(column) = self
            && first == b'"'
            && column.read_plain(row, here)
        {
            return Ok(());
        }
        cursor.pos = here.pos;
        self.read_other(first, cursor, row, step, context)?;
        here.pos = cursor.pos;
        Ok(())
    }

    #[inline(never)]
    fn read_other(
        &mut self,
        first: u8,
        cursor: &mut Cursor<'_>,
        row: usize,
        step: Step,
        context: &mut Context,
    ) -> Result<(), Fail> {
        match (self, first) {
            (Node::Text(column), b'"') => {
                let start = cursor.pos;
                if !column.read(row, cursor)? {
                    context.extras.keep(step, &cursor.buf[start..cursor.pos]);
                }
                Ok(())
            }
            (Node::Time { column, form }, b'"') => {
                match time::next(cursor, *form, context.offset_seconds, &mut context.dates) {
                    Some(micros) => column.push(row, micros),
                    None => read_odd_time(column, *form, cursor, row, step, context)?,
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
            (Node::Bool { column, yes_no }, b't' | b'f') if !*yes_no => {
                column.push(row, first == b't');
                cursor.literal(if first == b't' { b"true" } else { b"false" })
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
    pub(super) fn detach(&mut self) -> Node {
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

    /// The column of the first `rows` rows, which are all.
    pub(super) fn finish(self, rows: usize, nulls: &mut NullColumns) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Node::Text(column) | Node::Json(column) => column.finish(rows, nulls)?,
            Node::Bool { column, .. } => column.finish(rows, nulls),
            Node::Int(column) => column.finish(rows, nulls),
            Node::Double(column) => column.finish(rows, nulls),
            Node::Time { column, .. } => column.finish_times(rows, nulls),
            Node::List(list) => list.finish(rows, nulls)?,
            Node::Struct(node) => Arc::new(node.finish(rows, nulls)?),
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

/// Reads a string that is not a time in its form, into the row as far as it is one.
#[cold]
fn read_odd_time(
    column: &mut Numbers<i64>,
    form: TimeForm,
    cursor: &mut Cursor<'_>,
    row: usize,
    step: Step,
    context: &mut Context,
) -> Result<(), Fail> {
    let start = cursor.pos;
    let text = cursor.string()?;
    let reading = time::read(&plain(&text), form, context.offset_seconds);
    if let Some(reading) = reading {
        column.push(row, reading.micros);
    }
    if !reading.is_some_and(|reading| reading.canonical) {
        context.extras.keep(step, &cursor.buf[start..cursor.pos]);
    }
    Ok(())
}

impl ListNode {
    #[inline(never)]
    fn read(&mut self, cursor: &mut Cursor<'_>, row: usize, context: &mut Context) -> Result<(), Fail> {
        cursor.pos += 1;
        if cursor.token()? == b']' {
            cursor.pos += 1;
        } else {
            let mut index = 0;
            let mut here = *cursor;
            loop {
                context.elements += 1;
                if context.elements > MAX_RECORD_ELEMENTS {
                    // The record is refused, but where it ends must be known.
                    cursor.pos = here.pos;
                    cursor.token()?;
                    cursor.skip_value()?;
                    here.pos = cursor.pos;
                } else {
                    self.element
                        .read(&mut here, cursor, self.elements, Step::Element(index), context)?;
                    self.elements += 1;
                    index += 1;
                }
                match here.token_by(cursor)? {
                    b',' => here.pos += 1,
                    b']' => {
                        here.pos += 1;
                        break;
                    }
                    _ => return Err(here.invalid(Fault::ArrayEnd)),
                }
            }
            cursor.pos = here.pos;
        }
        self.ends.push(row, self.elements);
        Ok(())
    }

    fn truncate(&mut self, rows: usize) {
        self.elements = self.ends.truncate(rows);
        self.element.truncate(self.elements);
    }

    fn detach(&mut self) -> ListNode {
        ListNode {
            element: self.element.detach(),
            field: self.field.clone(),
            ends: self.ends.detach(),
            elements: std::mem::take(&mut self.elements),
        }
    }

    fn finish(self, rows: usize, nulls: &mut NullColumns) -> Result<ArrayRef, ArrowError> {
        let (offsets, valid) = self.ends.finish(rows)?;
        let elements = self.element.finish(self.elements, nulls)?;
        Ok(Arc::new(ListArray::try_new(
            self.field, offsets, elements, valid,
        )?))
    }
}
