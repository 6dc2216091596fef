//! What a request asks for, checked against the documented limits.

use axum::http::{HeaderMap, Method, Uri};
use chrono::{NaiveDate, NaiveDateTime};
use serde::Deserialize;

use super::options::{Access, Bounds, Excess, Readings};
use super::store::Query;
use crate::demo::calendar::DAY;
use crate::demo::render::{Fields, Rendering, Version};

/// The longest window: 7 days, in seconds.
const LONGEST_WINDOW: i64 = 7 * DAY;

/// A request of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    CallDetails { account: String, version: Version },
    Conversation { stream: String, conversation: String },
}

impl Endpoint {
    /// The endpoint of a path. The case of `interactionDetails` and `calldetails` does not matter: it varies in the API's own samples.
    pub(super) fn of(method: &Method, uri: &Uri) -> Option<Self> {
        let path: Vec<&str> = uri.path().trim_start_matches('/').split('/').collect();
        let is = |segment: &str, name: &str| segment.eq_ignore_ascii_case(name);
        match (method, path.as_slice()) {
            (
                &Method::POST,
                [
                    "agentassist",
                    "api",
                    "public",
                    "analytics",
                    "account",
                    account,
                    rest @ ..,
                ],
            ) => {
                let version = match rest {
                    [name] if is(name, "calldetails") => Version::V1,
                    ["v2", name] if is(name, "calldetails") || is(name, "interactiondetails") => Version::V2,
                    _ => return None,
                };
                Some(Self::CallDetails {
                    account: (*account).to_owned(),
                    version,
                })
            }
            (
                &Method::GET,
                [
                    "agentassist",
                    "api",
                    "v1",
                    "public",
                    stream,
                    "conversations",
                    conversation,
                ],
            ) => Some(Self::Conversation {
                stream: (*stream).to_owned(),
                conversation: (*conversation).to_owned(),
            }),
            _ => None,
        }
    }
}

/// The value of a header, where it is text.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Checks the headers that go with the account; the token is checked elsewhere.
///
/// # Errors
///
/// Says which header is missing or wrong.
pub(super) fn check_headers(headers: &HeaderMap, access: &Access, account: &str) -> Result<(), String> {
    if account != access.account {
        return Err(format!("account {account} is not known"));
    }
    if header(headers, "accountid") != Some(account) {
        return Err("the accountId header is not the account of the path".to_owned());
    }
    if header(headers, "iid") != Some(&access.stream) {
        return Err("the iId header is not the stream of the app".to_owned());
    }
    let content_type = header(headers, "content-type")
        .unwrap_or_default()
        .to_ascii_lowercase();
    if content_type.split(';').next().map(str::trim) != Some("application/json") {
        return Err("the content-type header is not application/json".to_owned());
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    start_date: String,
    end_date: String,
    #[serde(default)]
    time_zone_offset: i32,
    #[serde(default)]
    channels: Vec<String>,
    #[serde(default)]
    queues: Vec<String>,
    selected_fields: Option<Vec<String>>,
    direction: Option<String>,
}

/// What a call-details request asks for, and how its records are to be written.
///
/// # Errors
///
/// Says what of the query or body breaks a documented limit.
pub(super) fn call_details(
    uri: &Uri,
    body: &[u8],
    version: Version,
    readings: &Readings,
) -> Result<(Query, Rendering), String> {
    let limit = number(
        uri,
        "limit",
        readings.max_limit,
        readings.max_limit,
        readings.excess,
    )?;
    if limit == 0 {
        return Err("limit must be at least 1".to_owned());
    }
    let offset = number(uri, "offset", 0, readings.max_offset, readings.excess)?;
    let body: Body = serde_json::from_slice(body).map_err(|error| format!("invalid body: {error}"))?;
    let timezone_offset = readings.fixed_offset.unwrap_or(body.time_zone_offset);
    if !(-14 * 60..=12 * 60).contains(&timezone_offset) {
        return Err("timeZoneOffset must be minutes from -840 to 720".to_owned());
    }
    let (start, _) = instant(&body.start_date, "startDate", timezone_offset)?;
    let (end, whole_day) = instant(&body.end_date, "endDate", timezone_offset)?;
    if end + whole_day - start > LONGEST_WINDOW {
        return Err("the range from startDate to endDate must not exceed 7 days".to_owned());
    }
    if end + whole_day < start {
        return Err("endDate must not lie before startDate".to_owned());
    }
    let last_second = i64::from(whole_day == 0 && readings.bounds == Bounds::Inclusive);
    let outbound = match body.direction.as_deref() {
        None | Some("Both") => None,
        Some("Inbound") => Some(false),
        Some("Outbound") => Some(true),
        Some(other) => {
            return Err(format!(
                "direction must be Inbound, Outbound or Both, not {other}"
            ));
        }
    };
    let query = Query {
        window: start..end + whole_day + last_second,
        channels: body.channels,
        outbound,
        queues: body.queues,
        limit,
        offset,
    };
    let fields = match (body.selected_fields, version) {
        (Some(names), _) => selected(&names),
        (None, Version::V1) => Fields::ALL,
        (None, Version::V2) => Fields::NONE,
    };
    Ok((
        query,
        Rendering {
            version,
            fields,
            timezone_offset,
        },
    ))
}

/// The value of a parameter of the query string.
pub(super) fn parameter<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value)
        .next()
}

fn number(uri: &Uri, name: &str, default: u64, largest: u64, excess: Excess) -> Result<u64, String> {
    let Some(text) = parameter(uri, name) else {
        return Ok(default);
    };
    let value: u64 = text.parse().map_err(|_| format!("{name} must be a number"))?;
    match excess {
        Excess::Reject if value > largest => Err(format!("{name} must not exceed {largest}")),
        Excess::Reject | Excess::Clamp => Ok(value.min(largest)),
    }
}

/// A time of a request in seconds since 1970 in UTC, and the seconds of a day where it is a date alone.
fn instant(text: &str, name: &str, timezone_offset: i32) -> Result<(i64, i64), String> {
    let (time, whole_day) = if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        (NaiveDateTime::from(date), DAY)
    } else if let Ok(time) = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S") {
        (time, 0)
    } else {
        return Err(format!(
            "{name} must be yyyy-mm-dd HH:mm:ss or yyyy-mm-dd, not {text:?}"
        ));
    };
    Ok((
        time.and_utc().timestamp() + 60 * i64::from(timezone_offset),
        whole_day,
    ))
}

fn selected(names: &[String]) -> Fields {
    let named = |name: &str| names.iter().any(|n| n == name);
    Fields {
        skills: named("skills"),
        customer_info: named("customerinfo"),
        user_tags: named("userleveltags"),
        session_tags: named("sessionleveltags"),
        campaign_info: named("campaigninfo"),
        snooze_info: named("snoozeinfo"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const DAY_ONE: i64 = 1_756_684_800;

    fn parsed(query: &str, body: &Value, readings: &Readings) -> Result<(Query, Rendering), String> {
        let uri = format!("/x?{query}").parse().unwrap();
        call_details(&uri, body.to_string().as_bytes(), Version::V2, readings)
    }

    fn window(start: &str, end: &str, offset: i32, bounds: Bounds) -> Result<std::ops::Range<i64>, String> {
        let body = json!({"startDate": start, "endDate": end, "timeZoneOffset": offset});
        let readings = Readings {
            bounds,
            ..Readings::default()
        };
        Ok(parsed("limit=100&offset=0", &body, &readings)?.0.window)
    }

    #[test]
    fn windows_are_local_to_the_offset_and_dates_are_whole_days() {
        let check = |start, end, offset, bounds, from: i64, until: i64| {
            assert_eq!(
                window(start, end, offset, bounds),
                Ok(DAY_ONE + from..DAY_ONE + until),
                "{start} {end}"
            );
        };
        check(
            "2025-09-01 00:00:00",
            "2025-09-01 01:00:00",
            0,
            Bounds::Inclusive,
            0,
            3601,
        );
        check(
            "2025-09-01 00:00:00",
            "2025-09-01 01:00:00",
            0,
            Bounds::HalfOpen,
            0,
            3600,
        );
        check(
            "2025-09-01 00:00:00",
            "2025-09-01 00:00:00",
            0,
            Bounds::Inclusive,
            0,
            1,
        );
        check("2025-09-01", "2025-09-01", 0, Bounds::Inclusive, 0, DAY);
        check("2025-09-01", "2025-09-07", 0, Bounds::HalfOpen, 0, 7 * DAY);
        check(
            "2025-09-01",
            "2025-09-02",
            -330,
            Bounds::Inclusive,
            -19_800,
            2 * DAY - 19_800,
        );
        check(
            "2025-09-01 12:00:00",
            "2025-09-01 12:00:00",
            300,
            Bounds::Inclusive,
            61_200,
            61_201,
        );
    }

    #[test]
    fn limits_are_enforced_to_the_second() {
        let week = |end| window("2025-09-01 00:00:00", end, 0, Bounds::Inclusive);
        assert!(week("2025-09-08 00:00:00").is_ok());
        assert!(week("2025-09-08 00:00:01").unwrap_err().contains("7 days"));
        assert!(
            window("2025-09-01", "2025-09-08", 0, Bounds::Inclusive)
                .unwrap_err()
                .contains("7 days")
        );
        assert!(week("2025-08-31 23:59:59").unwrap_err().contains("before"));
        assert!(
            week("2025-09-01T00:00:00")
                .unwrap_err()
                .contains("endDate must be")
        );
    }

    #[test]
    fn limit_and_offset_are_rejected_or_clamped() {
        let body = json!({"startDate": "2025-09-01", "endDate": "2025-09-01"});
        let readings = Readings::default();
        let clamping = Readings {
            excess: Excess::Clamp,
            ..Readings::default()
        };
        let paging = |query: &str, readings: &Readings| {
            parsed(query, &body, readings).map(|(q, _)| (q.limit, q.offset))
        };
        assert_eq!(paging("limit=100&offset=10", &readings), Ok((100, 10)));
        assert_eq!(paging("", &readings), Ok((100, 0)));
        assert_eq!(
            paging("limit=101", &readings),
            Err("limit must not exceed 100".to_owned())
        );
        assert_eq!(
            paging("offset=11", &readings),
            Err("offset must not exceed 10".to_owned())
        );
        assert_eq!(paging("limit=500&offset=99", &clamping), Ok((100, 10)));
        for wrong in ["limit=0", "limit=-1", "limit=x", "offset=1.5"] {
            assert!(paging(wrong, &readings).is_err(), "{wrong}");
        }
    }

    #[test]
    fn parts_are_selected_by_name() {
        let fields = |body: Value| parsed("", &body, &Readings::default()).unwrap().1.fields;
        let body = json!({"startDate": "2025-09-01", "endDate": "2025-09-01"});
        assert_eq!(fields(body.clone()), Fields::NONE);
        let mut some = body;
        some["selectedFields"] = json!(["skills", "sessionleveltags", "news"]);
        assert_eq!(
            fields(some),
            Fields {
                skills: true,
                session_tags: true,
                ..Fields::NONE
            }
        );
    }

    #[test]
    fn paths_lead_to_endpoints_in_either_case() {
        let of = |method: Method, path: &str| Endpoint::of(&method, &path.parse().unwrap());
        let version = |path: &str| match of(
            Method::POST,
            &format!("/agentassist/api/public/analytics/account/a1/{path}"),
        ) {
            Some(Endpoint::CallDetails { account, version }) if account == "a1" => Some(version),
            _ => None,
        };
        assert_eq!(version("calldetails?limit=1"), Some(Version::V1));
        assert_eq!(version("v2/calldetails"), Some(Version::V2));
        assert_eq!(version("v2/interactionDetails"), Some(Version::V2));
        assert_eq!(version("v2/interactiondetails"), Some(Version::V2));
        assert_eq!(version("interactionDetails"), None);
        assert_eq!(version("v3/calldetails"), None);
        let conversation = "/agentassist/api/v1/public/st-1/conversations/c-1";
        assert!(matches!(
            of(Method::GET, conversation),
            Some(Endpoint::Conversation { .. })
        ));
        assert_eq!(of(Method::POST, conversation), None);
        assert_eq!(of(Method::GET, "/"), None);
    }
}
