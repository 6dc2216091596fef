//! One page: the facts that paging needs, read out of its JSON without keeping any of it.
//!
//! Bad data is data: a row that is no object, or whose times are odd, is a row without a time. What a row holds
//! beyond its key and its times is nobody's business here.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, NaiveDateTime};
use serde::Deserialize;
use serde_json::error::Category;
use serde_json::value::RawValue;

/// What a page says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Its rows, in the order they came.
    pub rows: Vec<Row>,
    /// `numResults`, where it is a whole number.
    pub num_results: Option<u64>,
}

/// What a row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// A hash of (`sessionId`, `conversationId`); of the whole row where there is no `sessionId`.
    pub key: u64,
    /// A hash of `sessionId` alone; the same as `key` where there is none.
    pub session: u64,
    /// Whether the session has a conversation, that is, whether it left the bot.
    pub conversation: bool,
    /// `sessionStartTime` in UTC seconds, fractions cut off.
    pub start: Option<i64>,
    /// `sessionEndTime` in UTC seconds, fractions cut off.
    pub end: Option<i64>,
    /// The second in which the `sessionId` was made, by its first eight hex digits.
    pub clock: Option<i64>,
    /// Whether `sessionStartTime` names no zone, so that the offset asked for decides what it means.
    pub naive: bool,
}

/// Why a body is no page.
#[derive(Debug, thiserror::Error)]
pub enum NotAPage {
    /// It is not JSON, cut off, or of another shape.
    #[error("{0}")]
    Json(JsonFault),
    /// It is JSON without a `data` array.
    #[error("it has no data array")]
    NoData,
}

/// What is wrong with JSON, and where. An error of serde_json also repeats strings and keys, which can be a record's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonFault {
    category: Category,
    line: usize,
    column: usize,
}

impl From<serde_json::Error> for JsonFault {
    fn from(error: serde_json::Error) -> Self {
        Self {
            category: error.classify(),
            line: error.line(),
            column: error.column(),
        }
    }
}

impl std::fmt::Display for JsonFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match self.category {
            Category::Syntax | Category::Io => "it is not JSON",
            Category::Eof => "it is cut off, or empty",
            Category::Data => "it is JSON of another shape",
        };
        write!(f, "{what}: line {}, column {}", self.line, self.column)
    }
}

#[derive(Deserialize)]
struct RawPage<'a> {
    #[serde(borrow, rename = "numResults")]
    num_results: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRow<'a> {
    #[serde(borrow)]
    session_id: Option<Text<'a>>,
    #[serde(borrow)]
    conversation_id: Option<Text<'a>>,
    #[serde(borrow)]
    session_start_time: Option<Text<'a>>,
    #[serde(borrow)]
    session_end_time: Option<Text<'a>>,
}

/// A value that should be a string, kept as it stands where it is something else.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] &'a RawValue);

impl<'a> Text<'a> {
    /// The string, or the JSON text of anything but a string; nothing for `null` and `""`.
    fn get(&self) -> Option<Cow<'a, str>> {
        let raw = self.0.get();
        let text = match serde_json::from_str::<Borrowed<'a>>(raw) {
            Ok(Borrowed(text)) => text,
            Err(_) => Cow::Borrowed(raw),
        };
        (!text.is_empty() && text != "null").then_some(text)
    }
}

/// Without `borrow`, serde would always copy.
#[derive(Deserialize)]
#[serde(transparent)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

impl Page {
    /// Reads a body. Naive times are read in `timezone_offset` (minutes, JavaScript's sign).
    ///
    /// # Errors
    ///
    /// When it is not JSON, or has no `data` array.
    pub fn parse(body: &[u8], timezone_offset: i32) -> Result<Self, NotAPage> {
        let page: RawPage<'_> = serde_json::from_slice(body).map_err(|error| NotAPage::Json(error.into()))?;
        let data = page.data.ok_or(NotAPage::NoData)?;
        let rows = data
            .into_iter()
            .map(|row| Row::parse(row.get(), timezone_offset))
            .collect();
        let num_results = page
            .num_results
            .and_then(|raw| raw.get().trim_matches('"').parse().ok());
        Ok(Self { rows, num_results })
    }
}

impl Row {
    fn parse(raw: &str, timezone_offset: i32) -> Self {
        let nothing = || {
            let key = hash(&raw);
            Self {
                key,
                session: key,
                conversation: false,
                start: None,
                end: None,
                clock: None,
                naive: false,
            }
        };
        let Ok(row) = serde_json::from_str::<RawRow<'_>>(raw) else {
            return nothing();
        };
        let Some(session) = row.session_id.and_then(|text| text.get()) else {
            return nothing();
        };
        let conversation = row.conversation_id.and_then(|text| text.get());
        let start = row
            .session_start_time
            .and_then(|text| text.get())
            .and_then(|text| Time::parse(&text));
        let end = row
            .session_end_time
            .and_then(|text| text.get())
            .and_then(|text| Time::parse(&text));
        Self {
            key: hash(&(&*session, conversation.as_deref())),
            session: hash(&&*session),
            conversation: conversation.is_some(),
            start: start.map(|time| time.utc(timezone_offset)),
            end: end.map(|time| time.utc(timezone_offset)),
            clock: clock(&session),
            naive: matches!(start, Some(Time::Naive(_))),
        }
    }
}

/// Seconds since 1970, of a zone or of none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Time {
    Utc(i64),
    Naive(i64),
}

impl Time {
    /// Reads the formats seen and documented (API.md, "Times").
    fn parse(text: &str) -> Option<Self> {
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Some(Self::Utc(time.timestamp()));
        }
        [
            "%Y-%m-%dT%H:%M:%S%.f",
            "%Y-%m-%d %H:%M:%S%.f",
            "%Y/%m/%d %H:%M:%S%.f",
        ]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .map(|time| Self::Naive(time.and_utc().timestamp()))
    }

    fn utc(self, timezone_offset: i32) -> i64 {
        match self {
            Self::Utc(second) => second,
            Self::Naive(second) => second + i64::from(timezone_offset) * 60,
        }
    }
}

/// The clock in a Mongo ObjectId: its first 4 bytes are seconds since 1970. The published samples mask the last
/// characters, so only the first eight need be hex digits.
fn clock(session: &str) -> Option<i64> {
    let digits = session.get(..8).filter(|_| session.len() == 24)?;
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok().map(i64::from)
}

/// The same hash on every run: `DefaultHasher::new` has fixed keys.
fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(data: &str, timezone_offset: i32) -> Vec<Row> {
        Page::parse(
            format!(r#"{{"numResults": 3, "data": [{data}]}}"#).as_bytes(),
            timezone_offset,
        )
        .unwrap()
        .rows
    }

    #[test]
    fn a_documented_row_gives_its_key_and_times() {
        let row = r#"{"sessionId": "68db745779cb8cebd651xxxx", "conversationId": "c-1",
            "sessionStartTime": "2025-09-30T11:40:31", "sessionEndTime": "2025-09-30T06:10:42.900Z"}"#;
        let row = rows(row, -330)[0];
        assert!(row.conversation && row.naive);
        assert_eq!(row.start, Some(1_759_212_631));
        assert_eq!(row.start, row.clock, "the sample was asked at -330");
        assert_eq!(row.end, Some(1_759_212_642), "fractions are cut off");
    }

    #[test]
    fn the_key_is_session_and_conversation() {
        let key = |row: &str| rows(row, 0)[0].key;
        let bot = key(r#"{"sessionId": "a"}"#);
        assert_eq!(bot, key(r#"{"sessionId": "a", "conversationId": null}"#));
        assert_eq!(bot, key(r#"{"sessionId": "a", "conversationId": ""}"#));
        assert_eq!(bot, key(r#"{"sessionId": "\u0061", "more": [1]}"#));
        assert_ne!(bot, key(r#"{"sessionId": "a", "conversationId": "c"}"#));
        assert_ne!(bot, key(r#"{"sessionId": "b"}"#));
        let sessions = rows(
            r#"{"sessionId": "a"}, {"sessionId": "a", "conversationId": "c"}"#,
            0,
        );
        assert_eq!(sessions[0].session, sessions[1].session);
    }

    #[test]
    fn rows_that_are_none_still_count() {
        let rows = rows(
            r#"null, 7, [], {}, {"sessionId": 5}, {"sessionId": "a", "sessionId": "b"}"#,
            0,
        );
        assert_eq!(rows.len(), 6);
        let keys: std::collections::HashSet<_> = rows.iter().map(|row| row.key).collect();
        assert_eq!(keys.len(), 6);
        assert!(rows.iter().all(|row| row.start.is_none()));
    }

    #[test]
    fn times_come_in_every_documented_format() {
        let check = |text, expected| assert_eq!(Time::parse(text), expected, "{text:?}");
        check("2023-01-10T02:25:54", Some(Time::Naive(1_673_317_554)));
        check("2023-01-10 2:25:54", Some(Time::Naive(1_673_317_554)));
        check("2023/01/10 2:25:54", Some(Time::Naive(1_673_317_554)));
        check("2023-01-10T02:25:54.810Z", Some(Time::Utc(1_673_317_554)));
        check("2023-01-10T07:55:54+05:30", Some(Time::Utc(1_673_317_554)));
        check("10 January", None);
        check("", None);
        check("99999-01-01T00:00:00", None);
    }

    #[test]
    fn a_body_that_is_no_page_is_an_error() {
        for body in [
            "",
            "<html>",
            r#"{"data": [{"sessionId""#,
            "[]",
            r#"{"message": "no"}"#,
            r#"{"data": {}}"#,
        ] {
            assert!(Page::parse(body.as_bytes(), 0).is_err(), "{body:?}");
        }
        assert_eq!(Page::parse(br#"{"data": []}"#, 0).unwrap(), Page::default());
    }

    #[test]
    fn what_is_wrong_with_a_body_repeats_nothing_of_it() {
        let check = |body: &str, want: &str| {
            let error = Page::parse(body.as_bytes(), 0).unwrap_err();
            assert_eq!(error.to_string(), want);
            assert!(!format!("{error:?}").contains("hush"), "{error:?}");
        };
        check(
            r#""hush@example.com""#,
            "it is JSON of another shape: line 1, column 18",
        );
        check(
            r#"{"data": "hush@example.com"}"#,
            "it is JSON of another shape: line 1, column 27",
        );
        check("hush", "it is not JSON: line 1, column 1");
        check(
            "{\n\"data\": [\"hush",
            "it is cut off, or empty: line 2, column 14",
        );
    }

    #[test]
    fn the_clock_is_read_from_object_ids_only() {
        assert_eq!(clock("68db745779cb8cebd651xxxx"), Some(1_759_212_631));
        assert_eq!(clock("68db7457"), None);
        assert_eq!(clock("zzzzzzzz79cb8cebd651xxxx"), None);
        assert_eq!(clock("+8db745779cb8cebd651xxxx"), None, "a sign is no digit");
        assert_eq!(clock("ééééééééééééé"), None);
    }
}
