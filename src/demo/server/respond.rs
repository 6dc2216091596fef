//! Responses: pages, refusals, and every way for a response to go wrong.

use std::convert::Infallible;
use std::io::Write;
use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use chrono::{TimeDelta, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::{StreamExt, stream};
use serde_json::json;

use super::fault::{FaultKind, FaultPlan};
use super::options::{RateLimit, RetryAfter};
use super::wire::{Connection, Ending, Takeover};

/// What the API says when there were too many requests.
const OVER_LIMIT: &str = "API limit exceeded: at most 60 requests per minute are allowed for this account";

const HTML: &str =
    "<!DOCTYPE html><html><head><title>Just a moment</title></head><body>Please wait</body></html>";

/// A response that is whole before it is sent.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    /// JSON with status 200.
    pub(super) fn json(body: Vec<u8>) -> Self {
        let headers = with_type("application/json; charset=utf-8");
        Self {
            status: StatusCode::OK,
            headers,
            body: body.into(),
        }
    }

    /// Lines of JSON with status 200.
    pub(super) fn ndjson(body: Vec<u8>) -> Self {
        Self {
            status: StatusCode::OK,
            headers: with_type("application/x-ndjson"),
            body: body.into(),
        }
    }

    /// A refusal in the API's form.
    pub(super) fn refusal(status: StatusCode, message: &str) -> Self {
        let body = json!({"errors": [{"msg": message, "code": status.as_u16()}]}).to_string();
        Self {
            status,
            ..Self::json(body.into_bytes())
        }
    }

    /// The refusal of a request beyond the limit; the next place is free after `free`.
    pub(super) fn over_limit(rate: &RateLimit, free: Duration) -> Self {
        let status = StatusCode::from_u16(rate.status).unwrap_or(StatusCode::TOO_MANY_REQUESTS);
        let seconds = free.as_millis().div_ceil(1000) as u64;
        match rate.retry_after {
            RetryAfter::None => Self::refusal(status, OVER_LIMIT),
            RetryAfter::Seconds => Self::refusal(status, OVER_LIMIT).retry_after(&seconds.to_string()),
            RetryAfter::Date => Self::refusal(status, OVER_LIMIT).retry_after(&http_date(seconds)),
        }
    }

    fn html(status: StatusCode) -> Self {
        Self {
            status,
            headers: with_type("text/html"),
            body: Bytes::from_static(HTML.as_bytes()),
        }
    }

    fn retry_after(mut self, value: &str) -> Self {
        self.set(header::RETRY_AFTER, value);
        self
    }

    fn set(&mut self, name: HeaderName, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
    }

    /// The same answer, compressed.
    ///
    /// # Errors
    ///
    /// None: the compressor writes to memory.
    pub(super) fn gzip(mut self) -> std::io::Result<Self> {
        let mut encoder = GzEncoder::new(Vec::with_capacity(self.body.len() / 6), Compression::fast());
        encoder.write_all(&self.body)?;
        self.body = encoder.finish()?.into();
        self.set(header::CONTENT_ENCODING, "gzip");
        Ok(self)
    }

    pub(super) fn response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }

    /// The status line and headers as they stand on the wire, with one more line that says how the body ends.
    fn head(&self, framing: &str) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {}\r\n", self.status).into_bytes();
        for (name, value) in &self.headers {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(framing.as_bytes());
        head.extend_from_slice(b"\r\n\r\n");
        head
    }
}

/// What becomes of an answer when a fault strikes.
pub(super) enum Outcome {
    /// This response is sent.
    Respond(Response<Body>),
    /// The connection was told what to send; the response is a stand-in. The status is the one on the wire.
    TakenOver(u16),
}

/// Where a redirect leads to, and the connection at hand.
pub(super) struct Scene<'a> {
    pub(super) connection: &'a Connection,
    /// `http://host:port` of another origin.
    pub(super) other_origin: &'a str,
    pub(super) path: &'a str,
}

/// Lets `fault` happen to the right `answer`.
pub(super) async fn fail(fault: FaultKind, plan: &FaultPlan, answer: Answer, scene: &Scene<'_>) -> Outcome {
    let refuse = |status| Outcome::Respond(Answer::refusal(status, "a fault of the plan").response());
    let half = answer.body.len() / 2;
    let take_over = |bytes: Vec<u8>, then| {
        let status = if bytes.is_empty() {
            0
        } else {
            answer.status.as_u16()
        };
        scene.connection.take_over(Takeover { bytes, then });
        Outcome::TakenOver(status)
    };
    let too_many = || Answer::refusal(StatusCode::TOO_MANY_REQUESTS, OVER_LIMIT);
    match fault {
        FaultKind::TooMany => Outcome::Respond(too_many().response()),
        FaultKind::TooManySeconds => {
            Outcome::Respond(too_many().retry_after(&plan.retry_after.to_string()).response())
        }
        FaultKind::TooManyDate => Outcome::Respond(
            too_many()
                .retry_after(&http_date(plan.retry_after.into()))
                .response(),
        ),
        FaultKind::OverLimit => {
            let body = Answer::refusal(StatusCode::OK, OVER_LIMIT);
            Outcome::Respond(body.response())
        }
        FaultKind::Internal => refuse(StatusCode::INTERNAL_SERVER_ERROR),
        FaultKind::BadGateway => Outcome::Respond(Answer::html(StatusCode::BAD_GATEWAY).response()),
        FaultKind::Unavailable => refuse(StatusCode::SERVICE_UNAVAILABLE),
        FaultKind::UnavailableSeconds => {
            let answer = Answer::refusal(StatusCode::SERVICE_UNAVAILABLE, "a fault of the plan");
            Outcome::Respond(answer.retry_after(&plan.retry_after.to_string()).response())
        }
        FaultKind::Reset => take_over(Vec::new(), Ending::Reset),
        FaultKind::ResetBody => {
            let mut bytes = answer.head(&format!("content-length: {}", answer.body.len()));
            bytes.extend_from_slice(&answer.body[..half]);
            take_over(bytes, Ending::Reset)
        }
        FaultKind::Stall => {
            tokio::time::sleep(plan.stall).await;
            take_over(Vec::new(), Ending::Close)
        }
        FaultKind::StallBody => Outcome::Respond(stalling(answer, half, plan.stall)),
        FaultKind::Latency => {
            tokio::time::sleep(plan.latency).await;
            Outcome::Respond(answer.response())
        }
        FaultKind::ShortBody => {
            let mut bytes = answer.head(&format!("content-length: {}", answer.body.len()));
            bytes.extend_from_slice(&answer.body[..half]);
            take_over(bytes, Ending::Close)
        }
        FaultKind::CutChunks => {
            let mut bytes = answer.head("transfer-encoding: chunked");
            bytes.extend_from_slice(format!("{:x}\r\n", answer.body.len()).as_bytes());
            bytes.extend_from_slice(&answer.body[..half]);
            take_over(bytes, Ending::Close)
        }
        FaultKind::CutClose => {
            let mut bytes = answer.head("connection: close");
            bytes.extend_from_slice(&answer.body[..half]);
            take_over(bytes, Ending::Close)
        }
        FaultKind::CutGzip => {
            let body = answer.body.slice(..half);
            Outcome::Respond(Answer { body, ..answer }.response())
        }
        FaultKind::Empty => Outcome::Respond(Answer::json(Vec::new()).response()),
        FaultKind::Html => Outcome::Respond(Answer::html(StatusCode::OK).response()),
        FaultKind::BadJson => {
            let body = br#"{"numResults":1,"data":[{"sessionId":undefined,}]}"#;
            Outcome::Respond(Answer::json(body.to_vec()).response())
        }
        FaultKind::NoData => Outcome::Respond(Answer::json(br#"{"numResults":0}"#.to_vec()).response()),
        FaultKind::Unauthorized | FaultKind::Revoked => refuse(StatusCode::UNAUTHORIZED),
        FaultKind::Forbidden => refuse(StatusCode::FORBIDDEN),
        FaultKind::Redirect => {
            let mut answer = Answer::refusal(StatusCode::TEMPORARY_REDIRECT, "moved");
            answer.set(header::LOCATION, &format!("{}{}", scene.other_origin, scene.path));
            Outcome::Respond(answer.response())
        }
        FaultKind::Oversized => Outcome::Respond(oversized(plan.oversized)),
    }
}

/// Half of the body, then nothing for a while, then an end that comes too early.
fn stalling(answer: Answer, half: usize, stall: Duration) -> Response<Body> {
    let first = answer.body.slice(..half);
    let rest = stream::once(async move {
        tokio::time::sleep(stall).await;
        Err(std::io::Error::from(std::io::ErrorKind::TimedOut))
    });
    let body = Body::from_stream(stream::iter([Ok(first)]).chain(rest));
    let mut response = Response::new(body);
    *response.headers_mut() = answer.headers;
    response
}

/// A body of `bytes` bytes that looks like the beginning of a page.
fn oversized(bytes: u64) -> Response<Body> {
    const BLOCK: usize = 1 << 16;
    let block = Bytes::from(vec![b' '; BLOCK]);
    let blocks = stream::iter((0..bytes / BLOCK as u64).map(move |_| Ok::<_, Infallible>(block.clone())));
    let first = Bytes::from_static(br#"{"numResults":1,"data":["#);
    let mut response = Response::new(Body::from_stream(stream::iter([Ok(first)]).chain(blocks)));
    *response.headers_mut() = with_type("application/json; charset=utf-8");
    response
}

fn with_type(content_type: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))])
}

/// The HTTP date so many seconds from now.
/// The response with the time of a clock that is so many seconds ahead of the right one.
pub(super) fn dated(mut response: Response<Body>, ahead: i64) -> Response<Body> {
    let time = Utc::now() + TimeDelta::seconds(ahead);
    if let Ok(value) = HeaderValue::from_str(&httpdate::fmt_http_date(time.into())) {
        response.headers_mut().insert(header::DATE, value);
    }
    response
}

fn http_date(seconds: u64) -> String {
    httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(seconds))
}
