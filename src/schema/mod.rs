//! The record types: what `schemas/*.json` say, as values that every other room reads.
//!
//! A [`Table`] is parsed once from the file embedded at compile time. Its Arrow schema ([`arrow`]), the decoder, the
//! restorer, the Parquet settings of each column, the printed forms ([`render`]) and the SQL views ([`views`]) all come from it, so that a field is
//! added by one line of `schemas/<table>.json`.

pub mod arrow;
mod parse;
pub mod render;
pub mod views;

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
    /// The one endpoint that gives such records, as `source_endpoint` names it; `None` where several do.
    pub endpoint: Option<String>,
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
///
/// Chosen by measurement: kilobytes of a column at zstd level 1, 29,876 demo records in three days sorted as in the lake
/// (`benches/peers/encodings.py`; columns that differ by less are not shown).
///
/// | column | dictionary | plain | delta binary packed | byte stream split | delta length | delta bytes |
/// | --- | --- | --- | --- | --- | --- | --- |
/// | `session_start_time` | 187.0 | 135.4 | 35.1 | 95.4 | – | – |
/// | `session_end_time` | 185.5 | 138.0 | 128.5 | 110.8 | – | – |
/// | `session_id` | 187.4 | 136.3 | – | – | 135.3 | 119.5 |
/// | `meta_info.identities[].val` | 511.6 | 460.7 | – | – | 473.5 | 482.3 |
/// | `channel_specific_user_id` | 562.6 | 513.3 | – | – | 529.0 | 552.1 |
/// | `customer_info.customer_phone` | 150.1 | 105.6 | – | – | 101.3 | 113.9 |
/// | `user_id` | 614.5 | 573.1 | – | – | 589.2 | 566.9 |
/// | `destinations[].enter_time` | 126.2 | 108.5 | 83.5 | 81.4 | – | – |
/// | `destinations[].responding_agent.accepted_time` | 114.5 | 95.0 | 73.9 | 72.0 | – | – |
/// | `destinations[].responding_agent.interaction_end_time` | 117.2 | 95.1 | 81.8 | 75.0 | – | – |
/// | `conversation_id` | 415.2 | 392.2 | – | – | 387.4 | 379.4 |
/// | `session_level_tags[].value` | 157.4 | 126.4 | – | – | 127.8 | 135.8 |
/// | `destinations[].non_responding_agents[].assigned_at` | 59.1 | 55.1 | 35.9 | 42.4 | – | – |
/// | `destinations[].responding_agent.agent_notes[]` | 305.8 | 290.9 | – | – | 282.6 | 287.6 |
/// | `meta_info.user_id` | 274.0 | 259.4 | – | – | 267.7 | 257.2 |
/// | `meta_info.caller` | 68.5 | 54.9 | – | – | 54.3 | 59.0 |
/// | `disposition_remarks[]` | 181.4 | 172.5 | – | – | 167.5 | 172.0 |
/// | `meta_info.id` | 258.5 | 245.7 | – | – | 253.8 | 246.4 |
/// | `customer_info.customer_email` | 53.6 | 47.8 | – | – | 41.6 | 53.5 |
/// | `meta_info.phone_number` | 42.0 | 34.3 | – | – | 31.0 | 35.6 |
/// | `meta_info.email` | 44.4 | 37.3 | – | – | 34.4 | 36.3 |
/// | `destinations[].responding_agent.interaction_duration` | 45.3 | 41.4 | 44.3 | 39.4 | – | – |
/// | `destinations[].callback_opted_time` | 19.8 | 18.8 | 16.9 | 17.7 | – | – |
///
/// All times are stored as differences, which needs no dictionary and takes less; byte stream split would take up to a tenth
/// less of some, but of integers it is a late addition to the format (2.11), and older readers could not read the files. Texts
/// that rarely repeat are plain, or have their lengths apart where that takes less. `conversation_id` and `user_id` are plain although
/// shared prefixes would save 1 to 3 %, since finding them costs more time than that is worth. Durations are plain, which takes as
/// much as a dictionary and is read 0.6 % faster by DuckDB. Agent ids, names and words of few values keep the dictionary, which
/// is smallest there.
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
    /// Hash of what the call-details row said that the record was asked for by.
    CallDetailsState,
}

/// The table of call details: v1 and v2 `calldetails`, v2 `interactionDetails`.
pub fn call_details() -> &'static Table {
    static TABLE: LazyLock<Table> =
        LazyLock::new(|| embedded(include_str!("../../schemas/call_details.json")));
    &TABLE
}

/// The table of conversations: `conversations/{conversationId}`.
pub fn conversations() -> &'static Table {
    static TABLE: LazyLock<Table> =
        LazyLock::new(|| embedded(include_str!("../../schemas/conversations.json")));
    &TABLE
}

/// All tables, in the order in which they are listed to users.
pub fn tables() -> [&'static Table; 2] {
    [call_details(), conversations()]
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
    let shared = include_str!("../../schemas/shared.json");
    let provenance = include_str!("../../schemas/provenance.json");
    parse::table(text, shared, provenance).expect("embedded schema is valid")
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
