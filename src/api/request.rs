//! One request: its URL, its headers and its body, from the endpoint and the window asked for.

use chrono::DateTime;
use reqwest::Url;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::{Map, Value, json};

use super::error::ConfigError;
use super::page::Page;
use super::window::{Bounds, Window};

/// Rows a page may hold, as documented.
pub const LIMIT: u32 = 100;

/// The largest documented `offset`, whatever it counts.
pub const MAX_OFFSET: u32 = 10;

/// Everything that `selectedFields` may name, old and new: a record replaces its older reading whole, so it is
/// always asked for whole.
pub const ALL_FIELDS: [&str; 6] = [
    "skills",
    "customerinfo",
    "userleveltags",
    "sessionleveltags",
    "campaigninfo",
    "snoozeinfo",
];

/// Which of the documented endpoints is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Endpoint {
    /// `calldetails`.
    V1,
    /// `v2/calldetails`.
    #[default]
    V2,
    /// `v2/interactionDetails`.
    InteractionDetails,
    /// `conversations/{conversationId}`: one conversation a request, in place of pages.
    Conversations,
}

impl Endpoint {
    /// Its name as the command line and the lake write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::InteractionDetails => "interaction-details",
            Self::Conversations => "conversations",
        }
    }

    fn path<'a>(self, account: &'a str, stream: &'a str) -> Vec<&'a str> {
        let details = ["agentassist", "api", "public", "analytics", "account", account];
        match self {
            Self::V1 => [&details[..], &["calldetails"]].concat(),
            Self::V2 => [&details[..], &["v2", "calldetails"]].concat(),
            Self::InteractionDetails => [&details[..], &["v2", "interactionDetails"]].concat(),
            Self::Conversations => vec!["agentassist", "api", "v1", "public", stream, "conversations"],
        }
    }
}

/// A narrowing of the rows by one of the API's own filters, used only where one second holds too many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
pub enum Narrow {
    /// All rows.
    #[default]
    No,
    /// `direction`: `Inbound` or `Outbound`.
    Direction(Direction),
}

/// Values of the `direction` filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Direction {
    /// Sessions that customers began.
    Inbound,
    /// Sessions that the centre began.
    Outbound,
}

/// One page asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ask {
    /// The window that the page is for.
    pub window: Window,
    /// The bounds sent.
    pub bounds: Bounds,
    /// The `offset` sent.
    pub offset: u32,
    /// The filter sent.
    pub narrow: Narrow,
}

impl Ask {
    /// The page at `offset` of `window`, with `bounds`.
    pub const fn page(window: Window, bounds: Bounds, offset: u32) -> Self {
        Self {
            window,
            bounds,
            offset,
            narrow: Narrow::No,
        }
    }
}

/// What a request was for, as messages name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Call details of a window.
    Window(Window),
    /// A conversation, by its id.
    Conversation(String),
}

impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Window(window) => write!(f, "call details of {window}"),
            Self::Conversation(id) => write!(f, "conversation {id:?}"),
        }
    }
}

/// A request, and what its answer must be.
pub(crate) trait Request {
    /// What is read out of a body.
    type Content;

    fn asked(&self) -> Asked;

    fn build(&self, client: &reqwest::Client, template: &Template) -> reqwest::RequestBuilder;

    /// Reads a body; naive times in it are in the time zone `timezone_offset`. The error says what is off.
    fn read(&self, body: &[u8], timezone_offset: i32) -> Result<Self::Content, String>;
}

impl Request for Ask {
    type Content = Page;

    fn asked(&self) -> Asked {
        Asked::Window(self.window)
    }

    fn build(&self, client: &reqwest::Client, template: &Template) -> reqwest::RequestBuilder {
        client
            .post(template.url(self))
            .body(template.body(self).to_string())
    }

    fn read(&self, body: &[u8], timezone_offset: i32) -> Result<Page, String> {
        Page::parse(body, timezone_offset).map_err(|error| error.to_string())
    }
}

/// What all requests of a client share.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    url: Url,
    headers: HeaderMap,
    fields: Vec<String>,
    timezone_offset: i32,
}

impl Template {
    /// Checks the parts that never change: `origin` is a bare origin, and the ids go into headers and a path.
    pub(crate) fn new(
        host: &str,
        endpoint: Endpoint,
        account: &str,
        stream: &str,
        fields: &[String],
        timezone_offset: i32,
    ) -> Result<Self, ConfigError> {
        if account.is_empty() {
            return Err(ConfigError::Value {
                what: "account",
                why: "it is empty".into(),
            });
        }
        // 14 hours either side of Greenwich is the widest that any zone has been.
        if timezone_offset.abs() > 14 * 60 {
            let why = format!(
                "{timezone_offset} minutes is no time zone; New York in winter is 300, India is -330"
            );
            return Err(ConfigError::Value {
                what: "timezone offset",
                why,
            });
        }
        let mut url = origin(host)?;
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().extend(endpoint.path(account, stream));
        }
        let mut headers = HeaderMap::new();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/json;charset=UTF-8"),
        );
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert("accountid", header("account", account)?);
        headers.insert("iid", header("stream", stream)?);
        Ok(Self {
            url,
            headers,
            fields: fields.to_vec(),
            timezone_offset,
        })
    }

    /// Whether requests leave this machine unencrypted; only ever so to loopback.
    pub(crate) fn is_plain(&self) -> bool {
        self.url.scheme() == "http"
    }

    pub(crate) fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }

    pub(crate) fn url(&self, ask: &Ask) -> Url {
        let mut url = self.url.clone();
        url.query_pairs_mut()
            .append_pair("limit", &LIMIT.to_string())
            .append_pair("offset", &ask.offset.to_string());
        url
    }

    /// The URL of one conversation, of the endpoint for those. The id must be a path segment: not empty, not dots.
    pub(crate) fn conversation(&self, id: &str) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.push(id);
        }
        url
    }

    pub(crate) fn body(&self, ask: &Ask) -> Value {
        let mut body = Map::new();
        body.insert(
            "startDate".into(),
            json!(local(ask.bounds.start, self.timezone_offset)),
        );
        body.insert(
            "endDate".into(),
            json!(local(ask.bounds.end, self.timezone_offset)),
        );
        body.insert("timeZoneOffset".into(), json!(self.timezone_offset));
        if !self.fields.is_empty() {
            body.insert("selectedFields".into(), json!(self.fields));
        }
        match ask.narrow {
            Narrow::No => {}
            Narrow::Direction(Direction::Inbound) => {
                body.insert("direction".into(), json!("Inbound"));
            }
            Narrow::Direction(Direction::Outbound) => {
                body.insert("direction".into(), json!("Outbound"));
            }
        }
        Value::Object(body)
    }
}

/// `yyyy-mm-dd HH:mm:ss` in the time zone asked for.
fn local(second: i64, timezone_offset: i32) -> String {
    DateTime::from_timestamp(second - i64::from(timezone_offset) * 60, 0)
        .unwrap_or_default()
        .format("%Y-%m-%d %H:%M:%S")
        .to_string()
}

fn header(what: &'static str, value: &str) -> Result<HeaderValue, ConfigError> {
    HeaderValue::from_str(value).map_err(|_| ConfigError::Value {
        what,
        why: format!("{value:?} has characters that no header may hold"),
    })
}

/// The origin that `host` names: `https` unless it says otherwise, plain `http` only to this machine.
pub(crate) fn origin(host: &str) -> Result<Url, ConfigError> {
    let error = |why| ConfigError::Host {
        host: host.to_owned(),
        why,
    };
    let given = if host.contains("://") {
        host.to_owned()
    } else {
        format!("https://{host}")
    };
    let url = Url::parse(&given).map_err(|_| error("it is no URL; write for example https://example.com"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ConfigError::Host {
            // What stands there is a credential and must not be repeated.
            host: "…".into(),
            why: "it holds a user name or password; credentials have settings of their own",
        });
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(error("write the origin alone, without a path; the path is known"));
    }
    match url.scheme() {
        "https" if url.has_host() => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(error("plain http is used to this machine only; write https")),
        _ => Err(error("write for example https://example.com")),
    }
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(offset: i32) -> Template {
        Template::new(
            "example.com",
            Endpoint::V2,
            "6/1",
            "st-1",
            &["skills".into()],
            offset,
        )
        .unwrap()
    }

    #[test]
    fn a_request_is_the_documented_one() {
        let template = template(-330);
        let window = Window::new(1_759_190_400, 1_759_276_800);
        let ask = Ask::page(window, window.snug(), 3);
        assert_eq!(
            template.url(&ask).as_str(),
            "https://example.com/agentassist/api/public/analytics/account/6%2F1/v2/calldetails?limit=100&offset=3"
        );
        assert_eq!(
            template.body(&ask),
            json!({
                "startDate": "2025-09-30 05:30:00",
                "endDate": "2025-10-01 05:30:00",
                "timeZoneOffset": -330,
                "selectedFields": ["skills"],
            })
        );
    }

    #[test]
    fn a_request_for_a_conversation_is_the_documented_one() {
        let template = Template::new("example.com", Endpoint::Conversations, "6/1", "st-1", &[], 0).unwrap();
        assert_eq!(
            template.conversation("c-1/x").as_str(),
            "https://example.com/agentassist/api/v1/public/st-1/conversations/c-1%2Fx"
        );
    }

    #[test]
    fn plain_http_goes_to_this_machine_only() {
        for host in [
            "http://127.0.0.1:8080",
            "http://localhost:1",
            "http://[::1]:1",
            "https://x.example",
            "x.example",
        ] {
            assert!(origin(host).is_ok(), "{host}");
        }
        for host in [
            "http://x.example",
            "http://127.0.0.1.example",
            "ftp://x.example",
            "https://x.example/path",
            "https://x.example?q",
            "",
        ] {
            assert!(origin(host).is_err(), "{host}");
        }
    }

    #[test]
    fn credentials_in_a_url_are_refused_and_not_repeated() {
        let error = origin("https://user:hush@x.example").unwrap_err().to_string();
        assert!(!error.contains("hush"), "{error}");
    }
}
