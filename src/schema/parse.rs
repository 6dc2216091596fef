//! `schemas/*.json` → [`Table`].

use std::collections::HashMap;

use serde::Deserialize;

use super::{Encoding, Field, Kind, MAX_FIELDS, Role, Table, TimeForm};

/// Deepest nesting of named structs; a schema beyond it refers to itself.
const MAX_DEPTH: usize = 16;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    table: String,
    version: String,
    doc: String,
    key: Vec<String>,
    start: String,
    endpoint: Option<String>,
    structs: HashMap<String, Vec<RawEntry>>,
    fields: Vec<RawEntry>,
    #[serde(default)]
    provenance: Vec<RawField>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawShared {
    #[expect(dead_code, reason = "for the reader of the file")]
    doc: String,
    structs: HashMap<String, Vec<RawEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProvenance {
    #[expect(dead_code, reason = "for the reader of the file")]
    doc: String,
    fields: Vec<RawField>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawEntry {
    Include(RawInclude),
    Field(RawField),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInclude {
    include: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawField {
    name: String,
    json: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    form: Option<String>,
    unit: Option<String>,
    doc: String,
    pii: bool,
    encoding: Option<String>,
    #[serde(default)]
    bloom: bool,
    role: Option<String>,
}

/// Parses a table's schema, given the structs that it may share with others and the provenance columns that follow its own;
/// the error says which field is off and how.
pub(super) fn table(text: &str, shared: &str, provenance: &str) -> Result<Table, String> {
    let raw: RawTable = serde_json::from_str(text).map_err(|e| format!("parse the table: {e}"))?;
    let RawShared { mut structs, .. } =
        serde_json::from_str(shared).map_err(|e| format!("parse the shared structs: {e}"))?;
    let provenance: RawProvenance =
        serde_json::from_str(provenance).map_err(|e| format!("parse the provenance: {e}"))?;
    if let Some(name) = raw.structs.keys().find(|name| structs.contains_key(*name)) {
        return Err(format!("struct {name:?} is a shared one too"));
    }
    structs.extend(raw.structs);
    let table = Table {
        version: raw.version.parse()?,
        fields: fields(&raw.fields, &structs, 0)?,
        provenance: raw
            .provenance
            .iter()
            .chain(&provenance.fields)
            .map(|f| field(f, &structs, 0))
            .collect::<Result<_, _>>()?,
        endpoint: raw.endpoint,
        name: raw.table,
        doc: raw.doc,
        key: raw.key,
        start: raw.start,
    };
    check(&table)?;
    Ok(table)
}

fn fields(
    raw: &[RawEntry],
    structs: &HashMap<String, Vec<RawEntry>>,
    depth: usize,
) -> Result<Vec<Field>, String> {
    if depth > MAX_DEPTH {
        return Err("a struct contains itself".to_string());
    }
    let mut out = Vec::with_capacity(raw.len());
    for entry in raw {
        match entry {
            RawEntry::Include(RawInclude { include }) => {
                out.extend(fields(named(include, structs)?, structs, depth + 1)?);
            }
            RawEntry::Field(raw) => out.push(field(raw, structs, depth)?),
        }
    }
    Ok(out)
}

fn field(raw: &RawField, structs: &HashMap<String, Vec<RawEntry>>, depth: usize) -> Result<Field, String> {
    let in_field = |e: String| format!("field {}: {e}", raw.name);
    let form = match raw.form.as_deref() {
        None | Some("naive_seconds") => TimeForm::NaiveSeconds,
        Some("utc_millis") => TimeForm::UtcMillis,
        Some(other) => return Err(in_field(format!("unknown form {other:?}"))),
    };
    let encoding = match raw.encoding.as_deref() {
        None => None,
        Some("plain") => Some(Encoding::Plain),
        Some("delta_binary_packed") => Some(Encoding::DeltaBinaryPacked),
        Some("delta_length_byte_array") => Some(Encoding::DeltaLengthByteArray),
        Some("delta_byte_array") => Some(Encoding::DeltaByteArray),
        Some(other) => return Err(in_field(format!("unknown encoding {other:?}"))),
    };
    let role = match raw.role.as_deref() {
        None => None,
        Some("account_id") => Some(Role::AccountId),
        Some("source_endpoint") => Some(Role::SourceEndpoint),
        Some("fetched_at") => Some(Role::FetchedAt),
        Some("timezone_offset") => Some(Role::TimezoneOffset),
        Some("extra") => Some(Role::Extra),
        Some("call_details_state") => Some(Role::CallDetailsState),
        Some(other) => return Err(in_field(format!("unknown role {other:?}"))),
    };
    Ok(Field {
        name: raw.name.clone(),
        json: raw.json.clone(),
        kind: kind(&raw.kind, form, structs, depth).map_err(in_field)?,
        unit: raw.unit.clone(),
        doc: raw.doc.clone(),
        pii: raw.pii,
        encoding,
        bloom: raw.bloom,
        role,
    })
}

fn kind(
    text: &str,
    form: TimeForm,
    structs: &HashMap<String, Vec<RawEntry>>,
    depth: usize,
) -> Result<Kind, String> {
    if let Some(inner) = text.strip_prefix("list<").and_then(|rest| rest.strip_suffix('>')) {
        return Ok(Kind::List(Box::new(kind(inner, form, structs, depth)?)));
    }
    if let Some(name) = text
        .strip_prefix("struct<")
        .and_then(|rest| rest.strip_suffix('>'))
    {
        return Ok(Kind::Struct(fields(named(name, structs)?, structs, depth + 1)?));
    }
    Ok(match text {
        "string" => Kind::String,
        "json" => Kind::Json,
        "bool" => Kind::Bool,
        "yes_no" => Kind::YesNo,
        "int64" => Kind::Int64,
        "double" => Kind::Double,
        "timestamp" => Kind::Timestamp(form),
        "map<string,string>" => Kind::TextMap,
        other => return Err(format!("unknown type {other:?}")),
    })
}

fn named<'a>(name: &str, structs: &'a HashMap<String, Vec<RawEntry>>) -> Result<&'a [RawEntry], String> {
    structs
        .get(name)
        .map(Vec::as_slice)
        .ok_or_else(|| format!("unknown struct {name:?}"))
}

fn check(table: &Table) -> Result<(), String> {
    check_names(&table.columns().collect::<Vec<_>>())?;
    for name in table.key.iter().chain([&table.start]) {
        if !table.fields.iter().any(|field| &field.name == name) {
            return Err(format!("no column {name:?}"));
        }
    }
    match table.fields.iter().find(|field| field.json.is_none()) {
        Some(field) => Err(format!("field {} has no source", field.name)),
        None => Ok(()),
    }
}

/// Fields must not be too many, and their names must differ even when case is ignored, as Spark and DuckDB do.
fn check_names(fields: &[&Field]) -> Result<(), String> {
    if fields.len() > MAX_FIELDS {
        return Err(format!(
            "{} fields, more than the {MAX_FIELDS} that a struct can have",
            fields.len()
        ));
    }
    let mut seen = std::collections::HashSet::new();
    for field in fields {
        if !seen.insert(field.name.to_lowercase()) {
            return Err(format!("two fields {:?}", field.name));
        }
        let mut kind = &field.kind;
        while let Kind::List(inner) = kind {
            kind = inner;
        }
        if let Kind::Struct(children) = kind {
            check_names(&children.iter().collect::<Vec<_>>()).map_err(|e| format!("{}: {e}", field.name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARED: &str = r#"{"doc": "", "structs": {"common": []}}"#;
    const PROVENANCE: &str = r#"{"doc": "", "fields": []}"#;

    fn with_field(field: &str) -> Result<Table, String> {
        let text = format!(
            r#"{{"table": "t", "version": "1.0", "doc": "", "key": ["a"], "start": "a",
                "structs": {{"loop": [{{"include": "loop"}}]}},
                "fields": [{{"name": "a", "json": "A", "type": "string", "pii": false, "doc": ""}}, {field}]}}"#
        );
        table(&text, SHARED, PROVENANCE)
    }

    #[test]
    fn embedded_schemas_parse() {
        for table in super::super::tables() {
            assert!(!table.fields.is_empty());
            assert!(
                table.columns().all(|field| !field.doc.is_empty()),
                "every field says what it means"
            );
        }
    }

    #[test]
    fn a_struct_has_one_meaning() {
        let text = r#"{"table": "t", "version": "1.0", "doc": "", "key": ["a"], "start": "a", "structs": {"common": []},
            "fields": [{"name": "a", "json": "A", "type": "string", "pii": false, "doc": ""}]}"#;
        let error = table(text, SHARED, PROVENANCE).unwrap_err();
        assert_eq!(error, "struct \"common\" is a shared one too");
    }

    #[test]
    fn mistakes_name_the_field() {
        let cases = [
            (
                r#"{"name": "b", "json": "B", "type": "strong", "pii": false, "doc": ""}"#,
                "unknown type \"strong\"",
            ),
            (
                r#"{"name": "A", "json": "B", "type": "string", "pii": false, "doc": ""}"#,
                "two fields \"A\"",
            ),
            (
                r#"{"name": "b", "type": "string", "pii": false, "doc": ""}"#,
                "field b has no source",
            ),
            (
                r#"{"name": "b", "json": "B", "type": "struct<nope>", "pii": false, "doc": ""}"#,
                "unknown struct",
            ),
            (r#"{"include": "loop"}"#, "contains itself"),
        ];
        for (field, want) in cases {
            let error = with_field(field).unwrap_err();
            assert!(error.contains(want), "{field}: {error}");
        }
    }
}
