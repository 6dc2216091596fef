//! What tests may know of the server, at paths beginning with `/_demo/` that no API has:
//!
//! | path | answer |
//! | --- | --- |
//! | `/_demo/keys?from=…&to=…` | one line of JSON a record that starts at `from` or later and before `to`: `sessionId`, `conversationId` or null, `start` in UTC, and `changedAfter`, the request after which it came or changed, or null |
//! | `/_demo/records?from=…&to=…&version=v1\|v2` | these records in full, in UTC, with every field selected |
//! | `/_demo/stats` | `records`, how many there are now, and `api`: counts of API requests by status and fault, the largest concurrency, records sent |
//! | `/_demo/requests` | one line of JSON an API request |
//!
//! Times are dates or `yyyy-mm-ddTHH:MM:SS`, in UTC; without them all records are meant. Neither the clock of the
//! rate limit nor the fault plan counts these requests.

use std::ops::Range;

use axum::http::{StatusCode, Uri};
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use serde::Serialize;
use serde_json::json;

use super::request::parameter;
use super::respond::Answer;
use super::stats::Ledger;
use super::store::Store;
use crate::demo::render::{self, Fields, Rendering, Version};

/// The answer to a request whose path begins with `/_demo/`.
pub(super) fn answer(uri: &Uri, seed: u64, store: &Store, ledger: &Ledger) -> Answer {
    let time = match time(uri) {
        Ok(time) => time,
        Err(message) => return Answer::refusal(StatusCode::BAD_REQUEST, &message),
    };
    match uri.path() {
        "/_demo/keys" => Answer::ndjson(keys(store, &time)),
        "/_demo/records" => {
            let version = if parameter(uri, "version") == Some("v1") {
                Version::V1
            } else {
                Version::V2
            };
            Answer::ndjson(records(store, &time, seed, version))
        }
        "/_demo/stats" => Answer::json(lines([json!({"records": store.len(), "api": ledger.stats()})])),
        "/_demo/requests" => Answer::ndjson(lines(ledger.remembered())),
        _ => Answer::refusal(StatusCode::NOT_FOUND, "no such path"),
    }
}

fn keys(store: &Store, time: &Range<i64>) -> Vec<u8> {
    lines(store.started_within(time).iter().map(|row| {
        let key = store.key(row);
        let start = DateTime::from_timestamp(key.start, 0)
            .unwrap_or_default()
            .format("%Y-%m-%dT%H:%M:%SZ");
        json!({
            "sessionId": key.session_id,
            "conversationId": key.conversation_id,
            "start": start.to_string(),
            "changedAfter": store.changed_after(row),
        })
    }))
}

fn records(store: &Store, time: &Range<i64>, seed: u64, version: Version) -> Vec<u8> {
    let rendering = Rendering {
        version,
        fields: Fields::ALL,
        timezone_offset: 0,
    };
    let mut out = Vec::new();
    for row in store.started_within(time) {
        render::record(&mut out, seed, &store.session(&row), rendering);
        out.push(b'\n');
    }
    out
}

fn lines<T: Serialize>(values: impl IntoIterator<Item = T>) -> Vec<u8> {
    let mut out = Vec::new();
    for value in values {
        // Plain structs and strings always serialise.
        if serde_json::to_writer(&mut out, &value).is_ok() {
            out.push(b'\n');
        }
    }
    out
}

/// The parameters `from` and `to` in seconds since 1970.
fn time(uri: &Uri) -> Result<Range<i64>, String> {
    let instant = |name: &str, default: i64| {
        let Some(text) = parameter(uri, name) else {
            return Ok(default);
        };
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").map(NaiveDateTime::from);
        date.or_else(|_| NaiveDateTime::parse_from_str(text.trim_end_matches('Z'), "%Y-%m-%dT%H:%M:%S"))
            .map(|time| time.and_utc().timestamp())
            .map_err(|_| format!("{name} must be a date or yyyy-mm-ddTHH:MM:SS, not {text:?}"))
    };
    Ok(instant("from", i64::MIN)?..instant("to", i64::MAX)?)
}
