//! Values of nested columns, by path.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampMicrosecondType};

/// A value of a column without children.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Leaf<'a> {
    /// Null, or within something that is.
    Null,
    Text(&'a str),
    /// An integer, or the bits of a double or a flag, or the microseconds of a time.
    Number(i64),
}

/// Visits a row's values of a column, given by its path (`destinations.queue_id`), with those of all elements of lists on the
/// way. A column that the batch lacks has none but null.
pub(super) fn visit<'a>(batch: &'a RecordBatch, row: usize, path: &str, take: &mut dyn FnMut(Leaf<'a>)) {
    let (root, rest) = path.split_once('.').unwrap_or((path, ""));
    match batch.column_by_name(root) {
        Some(column) => visit_array(column, row, rest, take),
        None => take(Leaf::Null),
    }
}

fn visit_array<'a>(array: &'a dyn Array, row: usize, path: &str, take: &mut dyn FnMut(Leaf<'a>)) {
    if array.is_null(row) {
        return take(Leaf::Null);
    }
    match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let offsets = list.value_offsets();
            for element in offsets[row]..offsets[row + 1] {
                visit_array(list.values(), element as usize, path, take);
            }
        }
        DataType::Struct(_) => {
            let (name, rest) = path.split_once('.').unwrap_or((path, ""));
            match array.as_struct().column_by_name(name) {
                Some(column) => visit_array(column, row, rest, take),
                None => take(Leaf::Null),
            }
        }
        DataType::Utf8 => take(Leaf::Text(array.as_string::<i32>().value(row))),
        DataType::Boolean => take(Leaf::Number(array.as_boolean().value(row).into())),
        DataType::Int64 => take(Leaf::Number(array.as_primitive::<Int64Type>().value(row))),
        DataType::Timestamp(..) => take(Leaf::Number(
            array.as_primitive::<TimestampMicrosecondType>().value(row),
        )),
        DataType::Float64 => {
            let bits = array.as_primitive::<Float64Type>().value(row).to_bits();
            take(Leaf::Number(bits.cast_signed()));
        }
        // Tables have no other types but the map of `extra`, which nobody asks for.
        _ => take(Leaf::Null),
    }
}

/// The one text of a column without lists on its way.
pub(super) fn text<'a>(batch: &'a RecordBatch, row: usize, path: &str) -> Option<&'a str> {
    let mut found = None;
    visit(batch, row, path, &mut |leaf| {
        if let Leaf::Text(text) = leaf {
            found = Some(text);
        }
    });
    found
}

/// The one number of a column without lists on its way.
pub(super) fn number(batch: &RecordBatch, row: usize, path: &str) -> Option<i64> {
    let mut found = None;
    visit(batch, row, path, &mut |leaf| {
        if let Leaf::Number(number) = leaf {
            found = Some(number);
        }
    });
    found
}
