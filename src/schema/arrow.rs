//! [`Table`] → Arrow schema.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field as ArrowField, FieldRef, Fields, Schema, SchemaRef, TimeUnit};

use super::{Field, Kind, Table};

/// Arrow schema of a table's files: the columns of the record, then the provenance. The day is in the path, not here.
///
/// Fields carry no metadata: files could only keep it in a copy of the Arrow schema, which would be two fifths of every
/// footer, and a query reads all footers.
pub fn schema(table: &Table) -> SchemaRef {
    Arc::new(Schema::new(table.columns().map(field).collect::<Vec<_>>()))
}

/// The same with the unit of numbers (`unit`) and whether values are personal data (`pii`) in the fields' metadata.
pub fn annotated(table: &Table) -> SchemaRef {
    Arc::new(Schema::new(
        table.columns().map(annotated_field).collect::<Vec<_>>(),
    ))
}

/// Arrow field of a column or of a struct's field. All are nullable, so that a field can be absent.
pub fn field(field: &Field) -> ArrowField {
    ArrowField::new(&field.name, data_type(&field.kind), true)
}

fn annotated_field(field: &Field) -> ArrowField {
    let mut metadata = HashMap::new();
    if let Some(unit) = &field.unit {
        metadata.insert("unit".to_string(), unit.clone());
    }
    if field.pii {
        metadata.insert("pii".to_string(), "true".to_string());
    }
    ArrowField::new(&field.name, annotated_type(&field.kind), true).with_metadata(metadata)
}

fn annotated_type(kind: &Kind) -> DataType {
    match kind {
        Kind::List(element) => DataType::List(Arc::new(ArrowField::new(
            "element",
            annotated_type(element),
            true,
        ))),
        Kind::Struct(fields) => DataType::Struct(fields.iter().map(annotated_field).collect()),
        kind => data_type(kind),
    }
}

/// Arrow type of a value.
pub fn data_type(kind: &Kind) -> DataType {
    match kind {
        Kind::String | Kind::Json => DataType::Utf8,
        Kind::Bool | Kind::YesNo => DataType::Boolean,
        Kind::Int64 => DataType::Int64,
        Kind::Double => DataType::Float64,
        Kind::Timestamp(_) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Kind::List(element) => DataType::List(list_element(element)),
        Kind::Struct(fields) => DataType::Struct(fields.iter().map(field).collect()),
        Kind::TextMap => DataType::Map(map_entries(), false),
    }
}

/// Arrow field of a list's child.
pub fn list_element(kind: &Kind) -> FieldRef {
    Arc::new(ArrowField::new("element", data_type(kind), true))
}

/// Arrow field of the entries of `map<string, string>`, with the names of the Parquet specification.
pub fn map_entries() -> FieldRef {
    let entries = Fields::from(vec![
        ArrowField::new("key", DataType::Utf8, false),
        ArrowField::new("value", DataType::Utf8, false),
    ]);
    Arc::new(ArrowField::new("key_value", DataType::Struct(entries), false))
}
