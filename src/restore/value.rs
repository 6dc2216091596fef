//! Typed columns → JSON text, by the schema.

use std::collections::BTreeMap;
use std::io::Write as _;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, ListArray, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use chrono::{DateTime, TimeDelta};

use super::overlay::{Overlay, write_compact};
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
    Struct(Option<&'a StructArray>, Vec<(&'a str, Reader<'a>)>),
}

impl<'a> Reader<'a> {
    /// The record itself; fails with the path of the column that is of another type.
    pub(super) fn root(fields: &'a [Field], columns: &[&'a ArrayRef]) -> Result<Reader<'a>, String> {
        Ok(Reader::Struct(None, Reader::fields(fields, columns)?))
    }

    fn fields(fields: &'a [Field], columns: &[&'a ArrayRef]) -> Result<Vec<(&'a str, Reader<'a>)>, String> {
        let mut readers = Vec::with_capacity(fields.len());
        for (field, column) in fields.iter().zip(columns) {
            let reader = Reader::new(&field.kind, column).map_err(|path| match path.as_str() {
                "" => field.name.clone(),
                path => format!("{}.{path}", field.name),
            })?;
            readers.push((field.json.as_deref().unwrap_or_default(), reader));
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
        offset_minutes: i64,
        overlay: Option<&Overlay<'_>>,
        out: &mut Vec<u8>,
    ) {
        if let Some(text) = overlay.and_then(|overlay| overlay.text) {
            write_compact(text, out);
            return;
        }
        if self.is_null(row) {
            out.extend_from_slice(b"null");
            return;
        }
        match self {
            Reader::String(column) => write_string(column.value(row), out),
            Reader::Json(column) => write_compact(column.value(row), out),
            Reader::Bool(column) => out.extend_from_slice(if column.value(row) { b"true" } else { b"false" }),
            Reader::YesNo(column) => {
                out.extend_from_slice(if column.value(row) { b"\"YES\"" } else { b"\"NO\"" })
            }
            Reader::Int64(column) => write_display(column.value(row), out),
            Reader::Double(column) => write_display(column.value(row), out),
            Reader::Time(column, form) => write_time(column.value(row), *form, offset_minutes, out),
            Reader::List(column, element) => {
                let ends = column.value_offsets();
                let range = index(ends[row])..index(ends[row + 1]);
                out.push(b'[');
                for (at, row) in range.enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    let below = overlay.and_then(|overlay| overlay.below.get(&at.to_string()));
                    element.write(row, offset_minutes, below, out);
                }
                out.push(b']');
            }
            Reader::Struct(_, fields) => write_object(fields, row, offset_minutes, overlay, out),
        }
    }
}

/// Fields that are null and have no overlay are absent; then come the keys that only the overlay has.
fn write_object(
    fields: &[(&str, Reader<'_>)],
    row: usize,
    offset_minutes: i64,
    overlay: Option<&Overlay<'_>>,
    out: &mut Vec<u8>,
) {
    let nothing = BTreeMap::new();
    let below = overlay.map_or(&nothing, |overlay| &overlay.below);
    out.push(b'{');
    let first = out.len();
    for (key, reader) in fields {
        let overlay = below.get(*key);
        if overlay.is_some() || !reader.is_null(row) {
            write_key(key, first, out);
            reader.write(row, offset_minutes, overlay, out);
        }
    }
    for (key, overlay) in below {
        if !fields.iter().any(|(known, _)| known == key) {
            write_key(key, first, out);
            write_compact(overlay.text.unwrap_or("null"), out);
        }
    }
    out.push(b'}');
}

fn write_key(key: &str, first: usize, out: &mut Vec<u8>) {
    if out.len() > first {
        out.push(b',');
    }
    write_string(key, out);
    out.push(b':');
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    // Writing a string to a Vec cannot fail.
    let _ = serde_json::to_writer(out, text);
}

fn write_display(value: impl std::fmt::Display, out: &mut Vec<u8>) {
    // Nor can this.
    let _ = write!(out, "{value}");
}

fn write_time(micros: i64, form: TimeForm, offset_minutes: i64, out: &mut Vec<u8>) {
    let utc = DateTime::from_timestamp_micros(micros).unwrap_or_default();
    let _ = match form {
        TimeForm::UtcMillis => write!(out, "\"{}\"", utc.format("%Y-%m-%dT%H:%M:%S%.3fZ")),
        TimeForm::NaiveSeconds => {
            let shift = TimeDelta::try_minutes(offset_minutes).unwrap_or_default();
            let local = utc.checked_sub_signed(shift).unwrap_or(utc);
            write!(out, "\"{}\"", local.format("%Y-%m-%dT%H:%M:%S"))
        }
    };
}

fn index(offset: i32) -> usize {
    usize::try_from(offset).unwrap_or_default()
}
