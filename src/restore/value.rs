//! Typed columns → JSON text, by the schema.

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, ListArray, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};

use super::overlay::Overlay;
use super::text::{write_compact, write_double, write_int, write_string, write_time};
use crate::schema::{Field, Kind, TimeForm};

/// A column, or a field of one, with what is known of it from the schema.
pub(super) enum Reader<'a> {
    String(&'a StringArray),
    Json(&'a StringArray),
    Bool(&'a BooleanArray),
    YesNo(&'a BooleanArray),
    Int64(&'a Int64Array),
    Double(&'a Float64Array),
    Time(&'a TimestampMicrosecondArray, TimeForm),
    List(&'a ListArray, Box<Reader<'a>>),
    Struct(Option<&'a StructArray>, Vec<Member<'a>>),
}

/// A field of an object.
pub(super) struct Member<'a> {
    key: &'a str,
    /// The key as it is written: `"key":`.
    token: Vec<u8>,
    reader: Reader<'a>,
}

impl<'a> Reader<'a> {
    /// The record itself; fails with the path of the column that is of another type.
    pub(super) fn root(fields: &'a [Field], columns: &[&'a ArrayRef]) -> Result<Reader<'a>, String> {
        Ok(Reader::Struct(None, Reader::fields(fields, columns)?))
    }

    fn fields(fields: &'a [Field], columns: &[&'a ArrayRef]) -> Result<Vec<Member<'a>>, String> {
        let mut readers = Vec::with_capacity(fields.len());
        for (field, column) in fields.iter().zip(columns) {
            let reader = Reader::new(&field.kind, column).map_err(|path| match path.as_str() {
                "" => field.name.clone(),
                path => format!("{}.{path}", field.name),
            })?;
            let key = field.json.as_deref().unwrap_or_default();
            let mut token = Vec::new();
            write_string(key, &mut token);
            token.push(b':');
            readers.push(Member { key, token, reader });
        }
        Ok(readers)
    }

    fn new(kind: &'a Kind, column: &'a ArrayRef) -> Result<Reader<'a>, String> {
        let reader = match kind {
            Kind::String => column.as_string_opt().map(Reader::String),
            Kind::Json | Kind::TextMap => column.as_string_opt().map(Reader::Json),
            Kind::Bool => column.as_boolean_opt().map(Reader::Bool),
            Kind::YesNo => column.as_boolean_opt().map(Reader::YesNo),
            Kind::Int64 => column.as_primitive_opt::<Int64Type>().map(Reader::Int64),
            Kind::Double => column.as_primitive_opt::<Float64Type>().map(Reader::Double),
            Kind::Timestamp(form) => column
                .as_primitive_opt::<TimestampMicrosecondType>()
                .map(|times| Reader::Time(times, *form)),
            Kind::List(element) => match column.as_list_opt::<i32>() {
                Some(list) => Some(Reader::List(list, Box::new(Reader::new(element, list.values())?))),
                None => None,
            },
            Kind::Struct(fields) => match column.as_struct_opt() {
                Some(column) => {
                    let mut columns = Vec::with_capacity(fields.len());
                    for field in fields {
                        columns.push(
                            column
                                .column_by_name(&field.name)
                                .ok_or_else(|| field.name.clone())?,
                        );
                    }
                    Some(Reader::Struct(Some(column), Reader::fields(fields, &columns)?))
                }
                None => None,
            },
        };
        // An empty path: the value itself is of another type.
        reader.ok_or_else(String::new)
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Reader::String(column) | Reader::Json(column) => column.is_null(row),
            Reader::Bool(column) | Reader::YesNo(column) => column.is_null(row),
            Reader::Int64(column) => column.is_null(row),
            Reader::Double(column) => column.is_null(row),
            Reader::Time(column, _) => column.is_null(row),
            Reader::List(column, _) => column.is_null(row),
            Reader::Struct(column, _) => column.is_some_and(|column| column.is_null(row)),
        }
    }

    /// Appends the value of the row, or what the overlay puts in its place.
    pub(super) fn write(
        &self,
        row: usize,
        overlay: Option<&Overlay>,
        line: &mut Line<'_>,
    ) -> Result<(), Bad> {
        if let Some(entry) = overlay.and_then(|overlay| overlay.entry) {
            return line.entry(entry);
        }
        if self.is_null(row) {
            line.out.extend_from_slice(b"null");
            return Ok(());
        }
        let out = &mut *line.out;
        let written = match self {
            Reader::String(column) => {
                write_string(column.value(row), out);
                true
            }
            Reader::Json(column) => write_compact(column.value(row), out),
            Reader::Bool(column) => {
                out.extend_from_slice(if column.value(row) { b"true" } else { b"false" });
                true
            }
            Reader::YesNo(column) => {
                out.extend_from_slice(if column.value(row) { b"\"YES\"" } else { b"\"NO\"" });
                true
            }
            Reader::Int64(column) => {
                write_int(column.value(row), out);
                true
            }
            Reader::Double(column) => write_double(column.value(row), out),
            Reader::Time(column, form) => write_time(column.value(row), *form, line.offset_minutes, out),
            Reader::List(column, element) => return write_array(column, element, row, overlay, line),
            Reader::Struct(_, fields) => return write_object(fields, row, overlay, line),
        };
        if written {
            Ok(())
        } else {
            Err(Bad::Value(String::new()))
        }
    }
}

/// The record that is written, and what it needs besides the columns.
pub(super) struct Line<'a> {
    /// Offset of naive times in minutes, UTC minus local time.
    pub(super) offset_minutes: i64,
    /// Texts of the entries of `extra`.
    pub(super) texts: Option<&'a StringArray>,
    /// Which of them were written.
    pub(super) used: Vec<bool>,
    pub(super) out: &'a mut Vec<u8>,
}

/// Why a row can't be written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// The text of this entry is not JSON.
    Entry(usize),
    /// The value at this pointer is none that its field can have.
    Value(String),
}

impl Bad {
    /// The same, seen from one level up.
    fn below(self, token: impl std::fmt::Display) -> Bad {
        match self {
            Bad::Value(pointer) => Bad::Value(format!("/{token}{pointer}")),
            Bad::Entry(entry) => Bad::Entry(entry),
        }
    }
}

impl Line<'_> {
    fn entry(&mut self, entry: usize) -> Result<(), Bad> {
        let text = self.texts.map_or("", |texts| texts.value(entry));
        self.used[entry] = true;
        if write_compact(text, self.out) {
            Ok(())
        } else {
            Err(Bad::Entry(entry))
        }
    }

    /// A comma, unless the object starts at `first`.
    fn separate(&mut self, first: usize) {
        if self.out.len() > first {
            self.out.push(b',');
        }
    }
}

fn write_array(
    column: &ListArray,
    element: &Reader<'_>,
    row: usize,
    overlay: Option<&Overlay>,
    line: &mut Line<'_>,
) -> Result<(), Bad> {
    let ends = column.value_offsets();
    let range = index(ends[row])..index(ends[row + 1]);
    line.out.push(b'[');
    for (at, row) in range.enumerate() {
        if at > 0 {
            line.out.push(b',');
        }
        let below = overlay.and_then(|overlay| overlay.below.get(&at.to_string()));
        element.write(row, below, line).map_err(|bad| bad.below(at))?;
    }
    line.out.push(b']');
    Ok(())
}

/// Fields that are null and have no overlay are absent; then come the keys that only the overlay has.
fn write_object(
    fields: &[Member<'_>],
    row: usize,
    overlay: Option<&Overlay>,
    line: &mut Line<'_>,
) -> Result<(), Bad> {
    line.out.push(b'{');
    let first = line.out.len();
    for Member { key, token, reader } in fields {
        let below = overlay.and_then(|overlay| overlay.below.get(*key));
        if below.is_some() || !reader.is_null(row) {
            line.separate(first);
            line.out.extend_from_slice(token);
            reader.write(row, below, line).map_err(|bad| bad.below(key))?;
        }
    }
    for (key, below) in overlay.iter().flat_map(|overlay| &overlay.below) {
        // An entry further below has no place; that it was not written is noticed in the end.
        if let Some(entry) = below.entry
            && !fields.iter().any(|known| known.key == key)
        {
            line.separate(first);
            write_string(key, line.out);
            line.out.push(b':');
            line.entry(entry)?;
        }
    }
    line.out.push(b'}');
    Ok(())
}

fn index(offset: i32) -> usize {
    usize::try_from(offset).unwrap_or_default()
}
