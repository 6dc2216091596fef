//! The record types: what `schemas/*.json` say, as values that every other room reads.
//!
//! A [`Table`] is parsed once from the file embedded at compile time. Its Arrow schema ([`arrow`]), the decoder, the
//! restorer, the Parquet settings of each column and the printed forms ([`render`]) all come from it, so that a field is
//! added by one line of `schemas/<table>.json`.

pub mod arrow;
mod parse;
pub mod render;

use std::sync::LazyLock;

/// Most fields of one struct; the parser refuses more.
pub const MAX_FIELDS: usize = 128;

/// One table of the lake: one record type of the API.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Name of the table and of its folder in the lake.
    pub name: String,
    /// Version of the schema; written to every file's footer.
    pub version: Version,
    /// What one row is.
    pub doc: String,
    /// Columns that identify a record.
    pub key: Vec<String>,
    /// Column with the start of the record, which gives its day and the order of rows within a file.
    pub start: String,
    /// Columns read from the record, in file order.
    pub fields: Vec<Field>,
    /// Columns that say where the row came from, after [`Table::fields`].
    pub provenance: Vec<Field>,
}

/// Version of a schema: additions raise the minor number, anything else the major one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Files of another major version can't be merged with.
    pub major: u32,
    /// Files of a lower minor version lack columns, which are null for them.
    pub minor: u32,
}

/// One column, or one field of a struct column.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Column name: the API's name in snake_case.
    pub name: String,
    /// Key of the value in the JSON object, spelled as the API does; `None` for provenance.
    pub json: Option<String>,
    /// Type of the value.
    pub kind: Kind,
    /// Unit of a number (`seconds`, `minutes`, `count`, `score`).
    pub unit: Option<String>,
    /// What the field means.
    pub doc: String,
    /// Whether the value is personal data.
    pub pii: bool,
    /// Parquet encoding, where the default (a dictionary, falling back to plain) is not the best one.
    pub encoding: Option<Encoding>,
    /// Whether files carry a bloom filter of this column.
    pub bloom: bool,
    /// Which provenance the column holds; `None` for columns read from the record.
    pub role: Option<Role>,
}

/// Type of a value, as the record has it and as the column holds it.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// JSON string → `utf8`.
    String,
    /// Any JSON value → `utf8` holding its JSON text as it came.
    Json,
    /// JSON `true`/`false` → `boolean`.
    Bool,
    /// JSON `"YES"`/`"NO"` → `boolean`.
    YesNo,
    /// JSON number → `int64`.
    Int64,
    /// JSON number → `float64`.
    Double,
    /// JSON string with a time → `timestamp(us, UTC)`.
    Timestamp(TimeForm),
    /// JSON array → `list`, whose child is named `element`.
    List(Box<Kind>),
    /// JSON object with known keys → `struct`.
    Struct(Vec<Field>),
    /// `map<string, string>`, only for [`Role::Extra`].
    TextMap,
}

/// The form in which the API writes a time of a field; other forms are read too, and then also kept in `extra`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeForm {
    /// `2025-09-30T11:40:31`, in the time zone that the request asked for.
    NaiveSeconds,
    /// `2025-09-30T06:34:48.810Z`.
    UtcMillis,
}

/// Parquet encodings chosen per column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// No dictionary: for values that rarely repeat.
    Plain,
    /// Differences of consecutive numbers: for sorted times.
    DeltaBinaryPacked,
    /// Lengths apart from the bytes: for texts that rarely repeat.
    DeltaLengthByteArray,
    /// Shared prefixes left out: for sorted ids.
    DeltaByteArray,
}

/// What a provenance column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Account that the record was read from.
    AccountId,
    /// Endpoint that the record was read from.
    SourceEndpoint,
    /// When the record was read.
    FetchedAt,
    /// Offset of the record's naive times, in minutes, JavaScript's sign.
    TimezoneOffset,
    /// What the typed columns could not hold.
    Extra,
}

/// The table of call details: v1 and v2 `calldetails`, v2 `interactionDetails`.
pub fn call_details() -> &'static Table {
    static TABLE: LazyLock<Table> =
        LazyLock::new(|| embedded(include_str!("../../schemas/call_details.json")));
    &TABLE
}

/// All tables, in the order in which they are listed to users.
pub fn tables() -> [&'static Table; 1] {
    [call_details()]
}

/// The table of that name, if there is one.
pub fn table(name: &str) -> Option<&'static Table> {
    tables().into_iter().find(|table| table.name == name)
}

#[expect(
    clippy::expect_used,
    reason = "the file is embedded at compile time and a test parses every one"
)]
fn embedded(text: &str) -> Table {
    parse::table(text, include_str!("../../schemas/provenance.json")).expect("embedded schema is valid")
}

impl Table {
    /// All columns in file order: those of the record, then the provenance.
    pub fn columns(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().chain(&self.provenance)
    }

    /// Name of the provenance column with this role.
    pub fn column_of(&self, role: Role) -> Option<&str> {
        self.provenance
            .iter()
            .find(|field| field.role == Some(role))
            .map(|field| field.name.as_str())
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl std::str::FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Version, String> {
        let parts = text
            .split_once('.')
            .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
        let (major, minor) = parts.ok_or_else(|| format!("read version {text:?}: want MAJOR.MINOR"))?;
        Ok(Version { major, minor })
    }
}
