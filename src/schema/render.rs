//! [`Table`] → the forms that people and other tools read.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{Field, Kind, Table, TimeForm, arrow};

/// A form in which a table's schema can be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The Arrow types, one column a line, children indented.
    Arrow,
    /// JSON Schema (2020-12) of a row.
    JsonSchema,
    /// `CREATE TABLE` of DuckDB.
    DuckDb,
    /// `CREATE TABLE` of Spark.
    Spark,
    /// The reference: path, type, source, unit, personal data, meaning.
    Markdown,
}

/// The table's schema in the format, ending with a line feed.
pub fn render(table: &Table, format: Format) -> String {
    match format {
        Format::Arrow => arrow_tree(table),
        Format::JsonSchema => json_schema(table),
        Format::DuckDb => duckdb(table),
        Format::Spark => spark(table),
        Format::Markdown => markdown(table),
    }
}

fn arrow_tree(table: &Table) -> String {
    let mut out = String::new();
    for field in arrow::annotated(table).fields() {
        arrow_field(field, 0, &mut out);
    }
    out
}

fn arrow_field(field: &::arrow::datatypes::Field, depth: usize, out: &mut String) {
    use ::arrow::datatypes::DataType;
    let indent = "  ".repeat(depth);
    let unit = field
        .metadata()
        .get("unit")
        .map(|unit| format!(" [{unit}]"))
        .unwrap_or_default();
    let required = if field.is_nullable() { "" } else { " not null" };
    let (name, children): (String, Vec<_>) = match field.data_type() {
        DataType::List(element) => ("list".to_string(), vec![element.clone()]),
        DataType::Struct(fields) => ("struct".to_string(), fields.iter().cloned().collect()),
        DataType::Map(entries, _) => ("map".to_string(), vec![entries.clone()]),
        DataType::Timestamp(_, zone) => (
            format!("timestamp(us, {})", zone.as_deref().unwrap_or("none")),
            Vec::new(),
        ),
        other => (other.to_string().to_lowercase(), Vec::new()),
    };
    let _ = writeln!(out, "{indent}{}: {name}{unit}{required}", field.name());
    for child in children {
        arrow_field(&child, depth + 1, out);
    }
}

fn json_schema(table: &Table) -> String {
    let mut properties: Map<String, Value> = table
        .columns()
        .map(|field| (field.name.clone(), field_schema(field)))
        .collect();
    properties.insert(
        "session_date".to_string(),
        json!({"type": "string", "format": "date", "description": "Day of the start in the lake's zone; from the path."}),
    );
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": table.name,
        "description": table.doc,
        "version": table.version.to_string(),
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    format!("{schema:#}\n")
}

fn field_schema(field: &Field) -> Value {
    let mut schema = kind_schema(&field.kind);
    if let Value::Object(map) = &mut schema {
        map.insert("description".to_string(), json!(field.doc));
        map.insert("x-personal-data".to_string(), json!(field.pii));
        if let Some(source) = &field.json {
            map.insert("x-source".to_string(), json!(source));
        }
        if let Some(unit) = &field.unit {
            map.insert("x-unit".to_string(), json!(unit));
        }
    }
    schema
}

fn kind_schema(kind: &Kind) -> Value {
    match kind {
        Kind::String => json!({"type": ["string", "null"]}),
        Kind::Json => json!({"type": ["string", "null"], "contentMediaType": "application/json"}),
        Kind::Bool | Kind::YesNo => json!({"type": ["boolean", "null"]}),
        Kind::Int64 => json!({"type": ["integer", "null"]}),
        Kind::Double => json!({"type": ["number", "null"]}),
        Kind::Timestamp(_) => json!({"type": ["string", "null"], "format": "date-time"}),
        Kind::List(element) => json!({"type": ["array", "null"], "items": kind_schema(element)}),
        Kind::TextMap => json!({"type": "object", "additionalProperties": {"type": "string"}}),
        Kind::Struct(fields) => {
            let properties: Map<String, Value> = fields
                .iter()
                .map(|field| (field.name.clone(), field_schema(field)))
                .collect();
            json!({"type": ["object", "null"], "properties": properties, "additionalProperties": false})
        }
    }
}

fn duckdb(table: &Table) -> String {
    let mut out = format!("CREATE TABLE {} (\n", table.name);
    for field in table.columns() {
        let _ = writeln!(
            out,
            "  {} {},",
            quoted(&field.name, '"'),
            duckdb_type(&field.kind)
        );
    }
    out.push_str("  \"session_date\" DATE\n);\n");
    out
}

fn duckdb_type(kind: &Kind) -> String {
    match kind {
        Kind::String | Kind::Json => "VARCHAR".to_string(),
        Kind::Bool | Kind::YesNo => "BOOLEAN".to_string(),
        Kind::Int64 => "BIGINT".to_string(),
        Kind::Double => "DOUBLE".to_string(),
        Kind::Timestamp(_) => "TIMESTAMP WITH TIME ZONE".to_string(),
        Kind::List(element) => format!("{}[]", duckdb_type(element)),
        Kind::TextMap => "MAP(VARCHAR, VARCHAR)".to_string(),
        Kind::Struct(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|f| format!("{} {}", quoted(&f.name, '"'), duckdb_type(&f.kind)))
                .collect();
            format!("STRUCT({})", fields.join(", "))
        }
    }
}

fn spark(table: &Table) -> String {
    let mut out = format!("CREATE TABLE {} (\n", table.name);
    for field in table.columns() {
        let comment = field.doc.replace('\\', "\\\\").replace('\'', "\\'");
        let _ = writeln!(
            out,
            "  {} {} COMMENT '{comment}',",
            quoted(&field.name, '`'),
            spark_type(&field.kind)
        );
    }
    out.push_str("  `session_date` DATE COMMENT 'Day of the start in the lake\\'s zone.'\n");
    out.push_str(")\nUSING parquet\nPARTITIONED BY (session_date);\n");
    out
}

fn spark_type(kind: &Kind) -> String {
    match kind {
        Kind::String | Kind::Json => "STRING".to_string(),
        Kind::Bool | Kind::YesNo => "BOOLEAN".to_string(),
        Kind::Int64 => "BIGINT".to_string(),
        Kind::Double => "DOUBLE".to_string(),
        Kind::Timestamp(_) => "TIMESTAMP".to_string(),
        Kind::List(element) => format!("ARRAY<{}>", spark_type(element)),
        Kind::TextMap => "MAP<STRING, STRING>".to_string(),
        Kind::Struct(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|f| format!("{}: {}", quoted(&f.name, '`'), spark_type(&f.kind)))
                .collect();
            format!("STRUCT<{}>", fields.join(", "))
        }
    }
}

fn quoted(name: &str, quote: char) -> String {
    format!("{quote}{name}{quote}")
}

fn markdown(table: &Table) -> String {
    let mut out = format!(
        "# `{}`\n\n{}\n\nSchema version {}.",
        table.name, table.doc, table.version
    );
    let _ = write!(out, " Key: `{}`.", table.key.join("`, `"));
    out.push_str(" The day of the start, `session_date`, is in the path.\n\n");
    out.push_str("| column | type | source | unit | personal data | meaning |\n| --- | --- | --- | --- | --- | --- |\n");
    for field in table.columns() {
        markdown_rows(field, "", "", &mut out);
    }
    out
}

fn markdown_rows(field: &Field, path: &str, source: &str, out: &mut String) {
    let path = if path.is_empty() {
        field.name.clone()
    } else {
        format!("{path}.{}", field.name)
    };
    let source = field.json.as_ref().map(|json| format!("{source}/{json}"));
    let mut kind = &field.kind;
    let mut suffix = String::new();
    while let Kind::List(element) = kind {
        kind = element;
        suffix.push_str("[]");
    }
    let name = match kind {
        Kind::String => "string",
        Kind::Json => "string (JSON)",
        Kind::Bool => "boolean",
        Kind::YesNo => "boolean (`YES`/`NO`)",
        Kind::Int64 => "int64",
        Kind::Double => "double",
        Kind::Timestamp(TimeForm::NaiveSeconds) => "timestamp",
        Kind::Timestamp(TimeForm::UtcMillis) => "timestamp (`Z`)",
        Kind::TextMap => "map<string, string>",
        Kind::Struct(_) => "struct",
        Kind::List(_) => "list",
    };
    let _ = writeln!(
        out,
        "| `{path}{suffix}` | {name} | {} | {} | {} | {} |",
        source
            .as_ref()
            .map(|source| format!("`{source}`"))
            .unwrap_or_default(),
        field.unit.as_deref().unwrap_or_default(),
        if field.pii { "yes" } else { "" },
        field.doc.replace('|', "\\|"),
    );
    if let Kind::Struct(children) = kind {
        let stars = "/*".repeat(suffix.len() / 2);
        let source = format!("{}{stars}", source.unwrap_or_default());
        for child in children {
            markdown_rows(child, &format!("{path}{suffix}"), &source, out);
        }
    }
}
