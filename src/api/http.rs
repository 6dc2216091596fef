//! One attempt at one page over HTTP, and what its outcome means.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use reqwest::header::{AGE, DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::auth::Token;
use super::clock::Clock;
use super::error::{ApiError, ConfigError};
use super::page::Page;
use super::request::{Asked, Request, Template};
use super::retry::{Cause, Failure, retry_after};

/// How much of a server's words is repeated in an error, in bytes.
const WORDS: usize = 300;

/// How much of a refusal's body is looked at, in bytes.
const REFUSAL: usize = 16 * 1024;

/// A page and the body that it was read from.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The whole body, decompressed.
    pub body: Bytes,
    /// What it says.
    pub page: Page,
    /// When its last byte had come.
    pub fetched_at: DateTime<Utc>,
}

/// A body, and what was read out of it.
#[derive(Debug)]
pub(crate) struct Received<C> {
    pub(crate) body: Bytes,
    pub(crate) content: C,
    pub(crate) fetched_at: DateTime<Utc>,
}

impl From<Received<Page>> for Answer {
    fn from(received: Received<Page>) -> Self {
        let Received {
            body,
            content: page,
            fetched_at,
        } = received;
        Self {
            body,
            page,
            fetched_at,
        }
    }
}

/// What became of an attempt.
#[derive(Debug)]
pub(crate) enum Attempt<C> {
    Received(Received<C>),
    Retry(Failure),
    /// 401: sign in again, once.
    Unauthorized(String),
    Fatal(ApiError),
}

/// The HTTP side of a client.
#[derive(Debug)]
pub(crate) struct Http {
    client: Client,
    template: Template,
    timezone_offset: i32,
    max_body: usize,
    pub(crate) clock: Clock,
}

impl Http {
    pub(crate) fn new(
        template: Template,
        timezone_offset: i32,
        timeout: Duration,
        max_body: usize,
    ) -> Result<Self, ConfigError> {
        let mut builder = Client::builder()
            .user_agent(concat!("callake/", env!("CARGO_PKG_VERSION")))
            // A redirect would carry the auth header to an origin that nobody configured.
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            // Every try is ours to count against the budget.
            .retry(reqwest::retry::never())
            .connect_timeout(timeout.min(Duration::from_secs(30)))
            .timeout(timeout);
        if template.is_plain() {
            // Plain requests stay on this machine, whatever proxy the environment names.
            builder = builder.no_proxy();
        } else {
            builder = builder.https_only(true);
        }
        let client = builder
            .build()
            .map_err(|error| ConfigError::Http(error.without_url()))?;
        Ok(Self {
            client,
            template,
            timezone_offset,
            max_body,
            clock: Clock::default(),
        })
    }

    /// Asks once.
    pub(crate) async fn attempt<R: Request>(&self, asking: &R, token: &Token) -> Attempt<R::Content> {
        let request = asking
            .build(&self.client, &self.template)
            .headers(self.template.headers())
            .header("auth", token.value.clone());
        let before = Utc::now();
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Attempt::Retry(transport(error, Cause::Connection)),
        };
        let status = response.status();
        let after = named_wait(response.headers());
        if status != StatusCode::OK {
            let words = match read(response, REFUSAL).await {
                Ok(body) => words(&body, token),
                Err(_) => "(no readable body)".into(),
            };
            return refusal(status, after, words, asking.asked());
        }
        // What a cache gives has the date at which it was kept.
        let is_fresh = !response.headers().contains_key(AGE);
        if let Some(date) = date(response.headers()).filter(|_| is_fresh) {
            self.clock.observe(date, before, Utc::now());
        }
        let body = match read(response, self.max_body).await {
            Ok(body) => body,
            Err(Unread::TooLarge) => {
                return Attempt::Fatal(ApiError::TooLarge {
                    asked: asking.asked(),
                    cap: self.max_body,
                });
            }
            Err(Unread::Cut(error)) => return Attempt::Retry(transport(error, Cause::Cut)),
        };
        match asking.read(&body, self.timezone_offset) {
            Ok(content) => Attempt::Received(Received {
                body,
                content,
                fetched_at: Utc::now(),
            }),
            Err(detail) => {
                let head = String::from_utf8_lossy(&body[..body.len().min(REFUSAL)]);
                let (cause, detail) = match refused(&body) {
                    _ if speaks_of_rate(&head) && !holds_records(&head) => {
                        (Cause::RateLimited, words(&body, token))
                    }
                    Some(refusal) => (Cause::Refused, words(refusal.as_bytes(), token)),
                    None => (Cause::NotAPage, detail),
                };
                Attempt::Retry(Failure {
                    cause,
                    retry_after: after,
                    detail,
                })
            }
        }
    }
}

/// The server's own words, on one line, short, and without our token or a record in them.
fn words(body: &[u8], token: &Token) -> String {
    let mut text = String::from_utf8_lossy(&body[..body.len().min(REFUSAL)]).into_owned();
    if holds_records(&text) {
        return "(records)".into();
    }
    if let Ok(secret) = token.value.to_str() {
        text = text.replace(secret, "…");
    }
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let mut line = words.join(" ");
    if line.is_empty() {
        return "(no words)".into();
    }
    if line.len() > WORDS {
        line.truncate(line.floor_char_boundary(WORDS));
        line.push('…');
    }
    line
}

/// Whether a text has the keys of a record.
fn holds_records(text: &str) -> bool {
    let text: String = text.split_whitespace().collect();
    [r#""sessionId":"#, r#""conversationId":"#, r#""_id":"#]
        .iter()
        .any(|key| text.contains(key))
}

#[derive(Deserialize)]
struct Refusal<'a> {
    #[serde(borrow)]
    errors: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

/// The refusal in a body that came with status 200: what stands in its `errors`, as documented, or in what other servers have.
fn refused(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body)
        .ok()
        .filter(|text| text.len() <= REFUSAL)?;
    let Refusal {
        errors,
        error,
        message,
    } = serde_json::from_str(text).ok()?;
    let refusal = errors.or(error).or(message).filter(|_| !holds_records(text))?;
    Some(refusal.get())
}

fn refusal<C>(status: StatusCode, retry_after: Option<Duration>, words: String, asked: Asked) -> Attempt<C> {
    let code = status.as_u16();
    let retry = |cause| {
        Attempt::Retry(Failure {
            cause,
            retry_after,
            detail: format!("status {code}: {words}"),
        })
    };
    match code {
        429 => retry(Cause::RateLimited),
        // Which status goes with the documented words about the limit is not documented.
        200..500 | 503 if speaks_of_rate(&words) => retry(Cause::RateLimited),
        408 => retry(Cause::Timeout),
        500.. => retry(Cause::Server),
        401 => Attempt::Unauthorized(words),
        403 => Attempt::Fatal(ApiError::Auth { status: code, words }),
        // A success without a page, such as 204 or 206.
        200..300 => retry(Cause::NotAPage),
        _ => Attempt::Fatal(ApiError::Rejected {
            status: code,
            words,
            asked,
        }),
    }
}

/// Whether a refusal is the documented one, of the requests per minute. Other limits, as of a range of days, are exceeded by
/// the same request again.
fn speaks_of_rate(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    [
        "per minute",
        "per-minute",
        "rate limit",
        "rate-limit",
        "ratelimit",
        "too many requests",
    ]
    .iter()
    .any(|of_rate| words.contains(of_rate))
}

fn named_wait(headers: &HeaderMap) -> Option<Duration> {
    let now = date(headers).unwrap_or_else(Utc::now);
    retry_after(headers.get(RETRY_AFTER)?.to_str().ok()?, now)
}

/// The server's clock.
fn date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let date = headers.get(DATE)?.to_str().ok()?;
    httpdate::parse_http_date(date).ok().map(DateTime::from)
}

fn transport(error: reqwest::Error, otherwise: Cause) -> Failure {
    let cause = if error.is_timeout() {
        Cause::Timeout
    } else {
        otherwise
    };
    // Without its URL, which names the account; with its sources, which say what happened.
    let error = anyhow::Error::new(error.without_url());
    Failure {
        cause,
        retry_after: None,
        detail: format!("{error:#}"),
    }
}

enum Unread {
    TooLarge,
    Cut(reqwest::Error),
}

/// The whole body, decompressed, no larger than `cap` bytes. One that ends before its length, its last chunk or its
/// compression does is an error; one that simply ends is not, so that its JSON has to show it.
async fn read(mut response: Response, cap: usize) -> Result<Bytes, Unread> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(Unread::Cut)? {
        if body.len() + chunk.len() > cap {
            return Err(Unread::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
