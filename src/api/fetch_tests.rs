//! The client's HTTP side against a server that answers by script: faults, retries, tokens and refusals.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::Utc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::error::{ApiError, ErrorKind};
use super::fetch::Cost;
use super::request::Ask;
use super::retry::{Cause, RetryPolicy};
use super::window::Window;
use super::{Client, ClientConfig, Credentials};

const WINDOW: Window = Window::new(1_759_190_400, 1_759_276_800);
const PAGE: &str = r#"{"numResults": 1, "data": [{"sessionId": "a"}]}"#;

/// What came of one fetch, and the heads of the requests that it took.
struct Fetched {
    result: Result<usize, ApiError>,
    cost: Cost,
    requests: Vec<String>,
    took: Duration,
}

fn reply(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn page() -> Vec<u8> {
    reply("200 OK", "", PAGE)
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn gzip_reply(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\ncontent-encoding: gzip\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Fetches one page from a server that gives these replies in turn, one a connection, and then hangs.
fn fetch(replies: Vec<Vec<u8>>, change: impl FnOnce(&mut ClientConfig)) -> Fetched {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let server = tokio::spawn(async move {
            let mut replies = replies.into_iter();
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                while !is_whole(&request) {
                    match socket.read(&mut buffer).await.unwrap() {
                        0 => break,
                        read => request.extend_from_slice(&buffer[..read]),
                    }
                }
                seen.lock()
                    .unwrap()
                    .push(String::from_utf8_lossy(&request).into_owned());
                match replies.next() {
                    Some(reply) => socket.write_all(&reply).await.unwrap(),
                    None => std::future::pending().await,
                }
            }
        });
        let mut config = ClientConfig::new(
            host,
            "acc".into(),
            "st-1".into(),
            Credentials::Token("hush-hush".into()),
        );
        config.rate_per_minute = 60_000;
        config.retry.base = Duration::from_millis(1);
        config.retry.minute = Duration::from_millis(80);
        change(&mut config);
        let client = Client::new(config).unwrap();
        let mut cost = Cost::default();
        let started = std::time::Instant::now();
        let answer = client
            .fetcher
            .fetch(&Ask::page(WINDOW, WINDOW.wide(), 0), &mut cost)
            .await;
        server.abort();
        let requests = requests.lock().unwrap().clone();
        Fetched {
            result: answer.map(|answer| answer.content.rows.len()),
            cost,
            requests,
            took: started.elapsed(),
        }
    })
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

/// A fault before a page is one retry of this cause.
fn check_retried(fault: Vec<u8>, cause: Cause) {
    let shown = String::from_utf8_lossy(&fault).into_owned();
    let fetched = fetch(vec![fault, page()], |_| {});
    assert_eq!(fetched.result.unwrap(), 1, "{shown}");
    assert_eq!(fetched.cost.requests, 2, "{shown}");
    assert_eq!(
        fetched.cost.retries.into_iter().collect::<Vec<_>>(),
        [(cause, 1)],
        "{shown}"
    );
}

#[test]
fn a_request_carries_the_documented_headers() {
    let fetched = fetch(vec![page()], |_| {});
    assert_eq!(fetched.result.unwrap(), 1);
    let request = fetched.requests[0].to_lowercase();
    assert!(
        request.starts_with(
            "post /agentassist/api/public/analytics/account/acc/v2/calldetails?limit=100&offset=0"
        )
    );
    for header in [
        "auth: hush-hush",
        "accountid: acc",
        "iid: st-1",
        "content-type: application/json;charset=utf-8",
    ] {
        assert!(
            request.contains(&format!("\r\n{header}\r\n")),
            "{header} in {request}"
        );
    }
    assert!(!request.contains("bearer"));
}

#[test]
fn every_fault_that_passes_is_retried() {
    check_retried(reply("500 Internal Server Error", "", "oops"), Cause::Server);
    check_retried(reply("503 Service Unavailable", "", ""), Cause::Server);
    check_retried(reply("408 Request Timeout", "", ""), Cause::Timeout);
    check_retried(Vec::new(), Cause::Connection);
    check_retried(reply("200 OK", "", "<html>maintenance</html>"), Cause::NotAPage);
    check_retried(
        reply("200 OK", "", r#"{"data": [{"sessionId": "a"#),
        Cause::NotAPage,
    );
    check_retried(reply("200 OK", "", r#"{"numResults": 0}"#), Cause::NotAPage);
    check_retried(
        reply("200 OK", "", r#"{"message": "no data today"}"#),
        Cause::Refused,
    );
    check_retried(reply("204 No Content", "", ""), Cause::NotAPage);
}

#[test]
fn a_body_cut_anywhere_is_retried() {
    check_retried(
        format!("HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{PAGE}").into_bytes(),
        Cause::Cut,
    );
    let chunk = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{PAGE}\r\n",
        PAGE.len()
    );
    check_retried(chunk.clone().into_bytes(), Cause::Cut);
    assert_eq!(
        fetch(vec![format!("{chunk}0\r\n\r\n").into_bytes()], |_| {})
            .cost
            .requests,
        1
    );
    let packed = gzip(PAGE);
    assert_eq!(fetch(vec![gzip_reply(&packed)], |_| {}).cost.requests, 1);
    for cut in [1, 4, 8, 9, packed.len() / 2] {
        check_retried(gzip_reply(&packed[..packed.len() - cut]), Cause::Cut);
    }
    // The end of the connection is the end of the body: only its JSON shows the cut.
    let open = format!("HTTP/1.1 200 OK\r\n\r\n{}", &PAGE[..20]);
    check_retried(open.into_bytes(), Cause::NotAPage);
}

#[test]
fn an_answer_that_never_comes_is_a_timeout() {
    let fetched = fetch(Vec::new(), |config| {
        config.timeout = Duration::from_millis(100);
        config.retry.tries = 2;
    });
    let error = fetched.result.unwrap_err();
    assert!(
        matches!(
            error,
            ApiError::RetryLater {
                tries: 2,
                cause: Cause::Timeout,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(error.kind(), ErrorKind::RetryLater);
}

#[test]
fn a_rate_limit_in_any_clothes_waits_out_the_minute() {
    let words = r#"{"errors": [{"msg": "API requests per minute limit has been exceeded"}]}"#;
    for refusal in [
        reply("429 Too Many Requests", "", ""),
        reply("400 Bad Request", "", words),
        reply("403 Forbidden", "", words),
        reply("503 Service Unavailable", "", words),
        reply("200 OK", "", words),
    ] {
        let shown = String::from_utf8_lossy(&refusal).into_owned();
        let fetched = fetch(vec![refusal, page()], |_| {});
        assert_eq!(fetched.result.unwrap(), 1, "{shown}");
        assert_eq!(fetched.cost.retries[&Cause::RateLimited], 1, "{shown}");
        assert!(fetched.took >= Duration::from_millis(80), "{shown}");
    }
}

#[test]
fn a_rate_limit_that_names_no_wait_does_not_use_up_the_tries() {
    let refusal = || reply("429 Too Many Requests", "retry-after: 0\r\n", "");
    let fetched = fetch(vec![refusal(), refusal(), refusal(), page()], |_| {});
    assert_eq!(fetched.result.unwrap(), 1);
    assert!(fetched.took >= Duration::from_millis(2 * 80));

    let fetched = fetch((0..10).map(|_| refusal()).collect(), |_| {});
    let error = fetched.result.unwrap_err();
    assert!(fetched.took >= Duration::from_millis(8 * 80));
    assert_eq!(error.kind(), ErrorKind::RetryLater);
    let text = error.to_string();
    assert!(text.contains("gave up after 10 tries: the rate limit"), "{text}");
    assert!(text.contains("lower --rate"), "{text}");
}

#[test]
fn another_limit_is_a_refusal_as_any_other() {
    for words in [
        "date range should not exceed the limit of 7 days",
        "limit must not exceed 100",
    ] {
        let fetched = fetch(vec![reply("400 Bad Request", "", words)], |_| {});
        let error = fetched.result.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!((error.kind(), fetched.cost.requests), (ErrorKind::Usage, 1));
    }
    // Words of a customer's are no words of the server's.
    check_retried(
        reply(
            "200 OK",
            "",
            r#"{"data": [{"sessionId" : "a", "note": "rate limit"#,
        ),
        Cause::NotAPage,
    );
}

/// The error of one try that fails in this way.
fn error_of(reply: Vec<u8>) -> String {
    let error = fetch(vec![reply], |config| config.retry.tries = 1)
        .result
        .unwrap_err();
    format!("{error} {error:?}")
}

#[test]
fn a_refusal_with_status_200_gives_the_servers_words() {
    let error = error_of(reply(
        "200 OK",
        "",
        r#"{"errors": [{"msg": "Invalid account id, hush-hush"}]}"#,
    ));
    assert!(error.contains("Invalid account id, …"), "{error}");
    assert!(
        error.contains("check --account") && !error.contains("hush"),
        "{error}"
    );
}

#[test]
fn no_error_holds_a_records_data_or_is_long() {
    let record = r#"{"sessionId": "a", "email": "jane@example.com"}"#;
    let page = format!(r#"{{"data": [{record}]}}"#);
    for body in [
        format!("{:?}", "jane@example.com ".repeat(1000)),
        format!(r#"{{"data": {record}}}"#),
        format!(r#"{{"message": {record}}}"#),
        format!(r#"[{record}"#),
    ] {
        let error = error_of(reply("200 OK", "", &body));
        assert!(!error.contains("jane") && error.len() < 1000, "{error}");
    }
    for status in [
        "203 Non-Authoritative",
        "206 Partial",
        "400 Bad Request",
        "500 Oops",
    ] {
        let error = error_of(reply(status, "", &page));
        assert!(!error.contains("jane"), "{error}");
    }
    let long = "x".repeat(10_000);
    let error = error_of(reply("400 Bad Request", "", &long));
    assert!(error.contains("xxxx…") && error.len() < 1000, "{error}");
}

#[test]
fn retry_after_is_obeyed_and_clamped() {
    let clamp = |config: &mut ClientConfig| {
        config.retry = RetryPolicy {
            longest_retry_after: Duration::from_millis(150),
            ..config.retry
        };
    };
    let date = (Utc::now() + chrono::TimeDelta::hours(1)).format("%a, %d %b %Y %H:%M:%S GMT");
    for value in ["3600".to_owned(), date.to_string()] {
        let limited = reply("429 Too Many Requests", &format!("retry-after: {value}\r\n"), "");
        let fetched = fetch(vec![limited, page()], clamp);
        assert_eq!(fetched.result.unwrap(), 1);
        assert!(fetched.took >= Duration::from_millis(150), "{value}");
        assert!(fetched.cost.retry_wait_seconds < 1.0, "{value}");
    }
    let now = Utc::now() - chrono::TimeDelta::hours(2);
    let dates = [0, 3600].map(|seconds| {
        let date = now + chrono::TimeDelta::seconds(seconds);
        date.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
    });
    let behind = format!("date: {}\r\nretry-after: {}\r\n", dates[0], dates[1]);
    let fetched = fetch(vec![reply("429 Too Many Requests", &behind, ""), page()], clamp);
    assert!(
        fetched.took >= Duration::from_millis(150),
        "by the server's clock"
    );
    let past = reply(
        "503 Service Unavailable",
        "retry-after: Tue, 30 Sep 2025 11:00:00 GMT\r\n",
        "",
    );
    assert_eq!(fetch(vec![past, page()], clamp).result.unwrap(), 1);
}

#[test]
fn a_refusal_ends_at_once_with_the_servers_words() {
    let fetched = fetch(
        vec![reply(
            "422 Unprocessable",
            "",
            "startDate\n  is\tmissing, hush-hush",
        )],
        |_| {},
    );
    let error = fetched.result.unwrap_err();
    assert_eq!(fetched.cost.requests, 1);
    assert_eq!(error.kind(), ErrorKind::Usage);
    let text = error.to_string();
    assert!(
        text.contains("status 422") && text.contains("startDate is missing, …"),
        "{text}"
    );
}

#[test]
fn a_redirect_is_refused_and_not_followed() {
    let redirect = reply("302 Found", "location: http://127.0.0.1:9/elsewhere\r\n", "");
    let fetched = fetch(vec![redirect], |_| {});
    let error = fetched.result.unwrap_err();
    assert!(matches!(error, ApiError::Rejected { status: 302, .. }), "{error}");
    assert_eq!(fetched.requests.len(), 1);
}

fn app(config: &mut ClientConfig) {
    config.credentials = Credentials::App {
        id: "cs-1".into(),
        secret: "hush".into(),
    };
}

#[test]
fn a_refused_token_is_signed_afresh_once() {
    let refused = || reply("401 Unauthorized", "", "expired");
    let fetched = fetch(vec![refused(), page()], app);
    assert_eq!(fetched.result.unwrap(), 1);
    assert_eq!(fetched.cost.retries[&Cause::Token], 1);

    let fetched = fetch(vec![refused(), refused()], app);
    let error = fetched.result.unwrap_err();
    assert!(matches!(error, ApiError::Auth { status: 401, .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Auth);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "fresh").unwrap();
    let token = "hush-hush".into();
    let fetched = fetch(vec![refused(), page()], |config| {
        config.credentials = Credentials::TokenFile { token, path };
    });
    assert_eq!(fetched.result.unwrap(), 1);
    assert!(fetched.requests[1].contains("auth: fresh\r\n"));

    let fetched = fetch(vec![refused()], |_| {});
    assert_eq!(
        fetched.result.unwrap_err().kind(),
        ErrorKind::Auth,
        "a given token cannot be signed afresh"
    );
    assert_eq!(fetched.cost.requests, 1);
}

#[test]
fn a_body_beyond_the_cap_is_refused_before_it_is_held() {
    let long = " ".repeat(1 << 20);
    let check = |reply| {
        let error = fetch(vec![reply], |config| config.max_body = 4096)
            .result
            .unwrap_err();
        assert!(matches!(error, ApiError::TooLarge { cap: 4096, .. }), "{error}");
        assert!(error.to_string().contains("export the days around it"), "{error}");
    };
    check(reply("200 OK", "", &long));
    check(gzip_reply(&gzip(&long)));
}

#[test]
fn errors_hold_neither_token_nor_url() {
    let replies = vec![Vec::new(), reply("500 Oops", "", "hush-hush"), Vec::new()];
    let error = fetch(replies, |config| config.retry.tries = 3)
        .result
        .unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(
        !text.contains("hush-hush") && !text.contains("calldetails?") && !text.contains("127.0.0.1"),
        "{text}"
    );
    assert!(text.contains("gave up after 3 tries"), "{text}");
}
