//! The server asked over real HTTP: every reading and every fault behaves as it is named.

use std::collections::{BTreeSet, HashSet};
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::*;
use crate::demo::records::Dataset;

/// A running server and a client of it.
struct Demo {
    url: String,
    client: reqwest::Client,
    access: Access,
    task: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn options(records: u64) -> ServerOptions {
    ServerOptions {
        dataset: Dataset {
            records,
            days: 2,
            ..Dataset::default()
        },
        rate: RateLimit {
            per_minute: None,
            ..RateLimit::default()
        },
        ..ServerOptions::default()
    }
}

fn with_readings(records: u64, change: impl FnOnce(&mut Readings)) -> ServerOptions {
    let mut options = options(records);
    change(&mut options.readings);
    options
}

fn with_fault(fault: &str) -> ServerOptions {
    let scripted = vec![format!("2={fault}").parse().unwrap()];
    let plan = FaultPlan {
        scripted,
        latency: Duration::from_millis(120),
        ..FaultPlan::default()
    };
    ServerOptions {
        faults: FaultPlan {
            stall: Duration::from_secs(30),
            oversized: 9 << 20,
            ..plan
        },
        ..options(500)
    }
}

async fn demo(options: ServerOptions) -> Demo {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let access = options.access.clone();
    let task = tokio::spawn(serve(listener, options));
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    Demo {
        url,
        client,
        access,
        task,
    }
}

fn day_one() -> Value {
    json!({"startDate": "2025-09-01 00:00:00", "endDate": "2025-09-01 23:59:59", "timeZoneOffset": 0})
}

impl Demo {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}/agentassist/api/{path}", self.url))
            .header("auth", "demo-token")
            .header("accountId", &self.access.account)
            .header("iId", &self.access.stream)
            .header("content-type", "application/json;charset=UTF-8")
            .header("accept", "application/json")
    }

    fn details(&self, endpoint: &str, query: &str, body: &Value) -> RequestBuilder {
        let path = format!(
            "public/analytics/account/{}/{endpoint}?{query}",
            self.access.account
        );
        self.request(Method::POST, &path).body(body.to_string())
    }

    /// A page of v2 call details.
    async fn page(&self, query: &str, body: &Value) -> Value {
        let response = self.details("v2/calldetails", query, body).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.unwrap()
    }

    async fn refused(&self, request: RequestBuilder) -> (StatusCode, HeaderMap, String) {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body: Value = response.json().await.unwrap();
        (
            status,
            headers,
            body["errors"][0]["msg"].as_str().unwrap().to_owned(),
        )
    }

    async fn oracle(&self, path: &str) -> Vec<Value> {
        let text = self
            .client
            .get(format!("{}/_demo/{path}", self.url))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    async fn stats(&self) -> Value {
        self.oracle("stats").await.remove(0)
    }
}

fn rows(page: &Value) -> &Vec<Value> {
    page["data"].as_array().unwrap()
}

fn key(record: &Value) -> String {
    format!("{} {}", record["sessionId"], record["conversationId"])
}

#[tokio::test]
async fn every_endpoint_pages_to_exactly_the_oracles_keys() {
    let demo = demo(options(900)).await;
    let wanted: BTreeSet<String> = demo
        .oracle("keys?from=2025-09-01&to=2025-09-02")
        .await
        .iter()
        .map(key)
        .collect();
    assert_eq!(wanted.len(), 450);
    for endpoint in [
        "calldetails",
        "v2/calldetails",
        "v2/interactionDetails",
        "v2/interactiondetails",
    ] {
        let mut seen = Vec::new();
        for offset in 0..=5 {
            let request = demo.details(endpoint, &format!("limit=100&offset={offset}"), &day_one());
            let page: Value = request.send().await.unwrap().json().await.unwrap();
            assert_eq!(page["numResults"], rows(&page).len());
            seen.extend(rows(&page).iter().map(key));
        }
        assert_eq!(seen.len(), 450, "{endpoint}");
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), wanted, "{endpoint}");
    }
    assert_eq!(demo.stats().await["api"]["recordsSent"], 4 * 450);
}

#[tokio::test]
async fn the_oracle_gives_whole_records_and_remembers_requests() {
    let demo = demo(options(100)).await;
    let fields = [
        "skills",
        "customerinfo",
        "userleveltags",
        "sessionleveltags",
        "campaigninfo",
        "snoozeinfo",
    ];
    let mut body = day_one();
    body["selectedFields"] = json!(fields);
    let page = demo.page("limit=100&offset=0", &body).await;
    let records = demo
        .oracle("records?from=2025-09-01&to=2025-09-02T00:00:00")
        .await;
    assert_eq!(rows(&page).len(), records.len());
    assert!(records.iter().all(|record| rows(&page).contains(record)));
    let remembered = demo.oracle("requests").await;
    assert_eq!(remembered.len(), 1);
    assert_eq!(remembered[0]["rows"], records.len());
    assert_eq!(remembered[0]["query"], "limit=100&offset=0");
    assert!(!remembered[0].to_string().contains("demo-token"));
}

#[tokio::test]
async fn parts_are_left_out_unless_selected() {
    let demo = demo(options(200)).await;
    let has = |page: &Value, field: &str| rows(page).iter().any(|record| record.get(field).is_some());
    let names = ["skills", "customerinfo", "userleveltags", "sessionleveltags"];
    let bare = demo.page("limit=100&offset=0", &day_one()).await;
    assert!(names.iter().all(|name| !has(&bare, name)));
    let mut body = day_one();
    body["selectedFields"] = json!(["customerinfo", "sessionleveltags"]);
    let some = demo.page("limit=100&offset=0", &body).await;
    assert_eq!(names.map(|name| has(&some, name)), [false, true, false, true]);
    let v1 = demo
        .details("calldetails", "limit=100&offset=0", &day_one())
        .send()
        .await
        .unwrap();
    let v1: Value = v1.json().await.unwrap();
    assert!(names.iter().all(|name| has(&v1, name)) && !has(&v1, "smartStatus"));
}

#[tokio::test]
async fn naive_times_and_windows_follow_the_offset_and_session_ids_do_not() {
    let demo = demo(options(400)).await;
    let utc =
        json!({"startDate": "2025-09-01 09:00:00", "endDate": "2025-09-01 09:59:59", "timeZoneOffset": 0});
    let india =
        json!({"startDate": "2025-09-01 14:30:00", "endDate": "2025-09-01 15:29:59", "timeZoneOffset": -330});
    let (utc, india) = (demo.page("", &utc).await, demo.page("", &india).await);
    assert!(!rows(&utc).is_empty());
    for (a, b) in rows(&utc).iter().zip(rows(&india)) {
        assert_eq!(a["sessionId"], b["sessionId"]);
        let seconds = i64::from_str_radix(&a["sessionId"].as_str().unwrap()[..8], 16).unwrap();
        let local = |ahead: i64| {
            let time = chrono::DateTime::from_timestamp(seconds + ahead, 0).unwrap();
            Value::from(time.format("%Y-%m-%dT%H:%M:%S").to_string())
        };
        if a["sessionStartTime"].as_str().unwrap().contains('T') {
            assert_eq!(
                (&a["sessionStartTime"], &b["sessionStartTime"]),
                (&local(0), &local(19_800))
            );
        }
        assert_eq!(
            a["destinations"][0]["CallbackOptedTime"],
            b["destinations"][0]["CallbackOptedTime"]
        );
    }
}

#[tokio::test]
async fn a_server_with_a_fixed_offset_ignores_the_one_asked_for() {
    let demo = demo(with_readings(400, |r| r.fixed_offset = Some(-330))).await;
    let page = demo.page("", &day_one()).await;
    let record = &rows(&page)[0];
    let seconds = i64::from_str_radix(&record["sessionId"].as_str().unwrap()[..8], 16).unwrap();
    let shown: chrono::NaiveDateTime = record["sessionStartTime"].as_str().unwrap().parse().unwrap();
    assert_eq!(shown.and_utc().timestamp() - seconds, 19_800);
}

#[tokio::test]
async fn documented_limits_and_headers_are_enforced() {
    let demo = demo(options(10)).await;
    let check = async |request: RequestBuilder, status: u16, words: &str| {
        let (got, _, message) = demo.refused(request).await;
        assert!(
            got == status && message.contains(words),
            "{words}: {got} {message}"
        );
    };
    let body = day_one();
    let details = |query: &str| demo.details("v2/calldetails", query, &body);
    check(details("limit=101&offset=0"), 400, "limit must not exceed 100").await;
    check(details("limit=100&offset=11"), 400, "offset must not exceed 10").await;
    let long = json!({"startDate": "2025-09-01", "endDate": "2025-09-08"});
    check(demo.details("v2/calldetails", "", &long), 400, "7 days").await;
    check(demo.details("v2/calldetails", "", &json!({})), 400, "startDate").await;
    check(demo.details("v3/calldetails", "", &body), 404, "no such path").await;
    let set = |name: &'static str, value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        details("").headers(headers)
    };
    check(set("auth", "wrong"), 401, "token is not valid").await;
    check(set("auth", "Bearer demo-token"), 401, "without Bearer").await;
    check(set("accountid", "other"), 400, "accountId").await;
    check(set("iid", "st-other"), 400, "iId").await;
    check(set("content-type", "text/plain"), 400, "content-type").await;
    assert_eq!(
        demo.stats().await["api"]["byStatus"],
        json!({"400": 7, "401": 2, "404": 1})
    );
}

#[tokio::test]
async fn an_offset_counts_pages_or_records() {
    for (unit, skipped) in [(OffsetUnit::Pages, 100), (OffsetUnit::Records, 1)] {
        let demo = demo(with_readings(900, |r| r.offset_unit = unit)).await;
        let (first, second) = (
            demo.page("limit=100&offset=0", &day_one()).await,
            demo.page("limit=100&offset=1", &day_one()).await,
        );
        let shared = rows(&first)
            .iter()
            .filter(|record| rows(&second).contains(record))
            .count();
        assert_eq!(shared, 100 - skipped, "{unit:?}");
    }
}

#[tokio::test]
async fn a_clamped_offset_gives_the_last_page_again() {
    let demo = demo(with_readings(6000, |r| r.excess = Excess::Clamp)).await;
    let (tenth, beyond) = (
        demo.page("limit=100&offset=10", &day_one()).await,
        demo.page("limit=250&offset=25", &day_one()).await,
    );
    assert_eq!(tenth, beyond);
}

#[tokio::test]
async fn num_results_counts_the_page_or_the_window() {
    for (reading, first, last) in [(NumResults::Page, 100, 50), (NumResults::Total, 450, 450)] {
        let demo = demo(with_readings(900, |r| r.num_results = reading)).await;
        assert_eq!(
            demo.page("limit=100&offset=0", &day_one()).await["numResults"],
            first
        );
        assert_eq!(
            demo.page("limit=100&offset=4", &day_one()).await["numResults"],
            last
        );
    }
}

#[tokio::test]
async fn a_limit_per_part_doubles_a_page() {
    let demo = demo(with_readings(2000, |r| r.limit_scope = LimitScope::Part)).await;
    let page = demo.page("limit=100&offset=0", &day_one()).await;
    assert_eq!(rows(&page).len(), 200);
    let conversations = rows(&page)
        .iter()
        .filter(|record| record.get("conversationId").is_some())
        .count();
    assert_eq!(conversations, 100);
}

#[tokio::test]
async fn a_window_by_end_returns_records_that_start_outside_of_it() {
    let start =
        |record: &Value| i64::from_str_radix(&record["sessionId"].as_str().unwrap()[..8], 16).unwrap();
    for (window_time, outside) in [
        (WindowTime::Start, false),
        (WindowTime::End, true),
        (WindowTime::Update, true),
    ] {
        let demo = demo(with_readings(4000, |r| r.window_time = window_time)).await;
        let body = json!({"startDate": "2025-09-01 10:00:00", "endDate": "2025-09-01 10:09:59"});
        let page = demo.page("", &body).await;
        let from = 1_756_684_800 + 36_000;
        assert_eq!(
            rows(&page)
                .iter()
                .any(|record| !(from..from + 600).contains(&start(record))),
            outside
        );
    }
}

#[tokio::test]
async fn the_last_second_of_a_window_belongs_to_it_or_not() {
    for (bounds, wanted) in [(Bounds::Inclusive, true), (Bounds::HalfOpen, false)] {
        let demo = demo(with_readings(50, |r| r.bounds = bounds)).await;
        let key = demo.oracle("keys").await.remove(3);
        let start = key["start"]
            .as_str()
            .unwrap()
            .trim_end_matches('Z')
            .replace('T', " ");
        let page = demo
            .page("", &json!({"startDate": "2025-09-01 00:00:00", "endDate": start}))
            .await;
        assert_eq!(
            rows(&page)
                .iter()
                .any(|record| record["sessionId"] == key["sessionId"]),
            wanted
        );
    }
}

#[tokio::test]
async fn pages_shift_when_records_come_and_the_oracle_knows() {
    let mut options = with_readings(900, |r| r.order = PageOrder::Descending);
    options.changes.scripted = vec!["insert@1=2025-09-01T23:59:58".parse().unwrap()];
    let demo = demo(options).await;
    let first = demo.page("limit=100&offset=0", &day_one()).await;
    let second = demo.page("limit=100&offset=1", &day_one()).await;
    assert_eq!(rows(&first)[99], rows(&second)[0]);
    let changed: Vec<Value> = demo
        .oracle("keys")
        .await
        .into_iter()
        .filter(|key| !key["changedAfter"].is_null())
        .collect();
    assert_eq!(changed.len(), 1);
    assert_eq!(
        (&changed[0]["start"], &changed[0]["changedAfter"]),
        (&json!("2025-09-01T23:59:58Z"), &json!(1))
    );
}

#[tokio::test]
async fn conversations_agree_with_their_call_details() {
    let demo = demo(options(400)).await;
    let mut transfers = 0;
    for record in demo.oracle("records").await {
        let Some(id) = record["conversationId"].as_str() else {
            continue;
        };
        let path = format!("v1/public/{}/conversations/{id}", demo.access.stream);
        let response = demo.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let conversation: Value = response.json().await.unwrap();
        assert_eq!(conversation["_id"], *id);
        assert_eq!(conversation["botSessionId"], record["sessionId"]);
        assert_eq!(conversation["userId"], record["userId"]);
        transfers += conversation["transferDetails"].as_array().unwrap().len();
        let destinations = record["destinations"].as_array().cloned().unwrap_or_default();
        let ids = |values: &[Value], field: &str| -> Vec<String> {
            values
                .iter()
                .filter_map(|v| Some(v[field].as_str()?.to_owned()))
                .collect()
        };
        if !record["destinations"].is_null() {
            let queues = conversation["queues"].as_array().unwrap();
            assert_eq!(ids(queues, "id"), ids(&destinations, "queueId"));
            let agents: Vec<Value> = destinations
                .iter()
                .map(|d| {
                    if d["respondingAgent"].is_null() {
                        d.clone()
                    } else {
                        d["respondingAgent"].clone()
                    }
                })
                .collect();
            let participants = conversation["participants"].as_array().unwrap();
            assert_eq!(ids(participants, "agentId"), ids(&agents, "agentId"));
        }
    }
    assert!(transfers > 5, "{transfers}");
    let path = format!(
        "v1/public/{}/conversations/c-0000000-0000-4000-8000-000000000000",
        demo.access.stream
    );
    let (status, _, message) = demo.refused(demo.request(Method::GET, &path)).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(message.contains("not found for the given session id"));
}

#[tokio::test]
async fn requests_beyond_the_limit_are_refused() {
    for retry_after in [RetryAfter::None, RetryAfter::Seconds, RetryAfter::Date] {
        let rate = RateLimit {
            per_minute: Some(3),
            retry_after,
            ..RateLimit::default()
        };
        let demo = demo(ServerOptions { rate, ..options(10) }).await;
        for _ in 0..3 {
            demo.page("", &day_one()).await;
        }
        let request = demo.details("v2/calldetails", "", &day_one());
        let (status, headers, message) = demo.refused(request).await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
        assert!(message.contains("60 requests per minute"));
        let header = headers.get("retry-after").map(|value| value.to_str().unwrap());
        match retry_after {
            RetryAfter::None => assert_eq!(header, None),
            RetryAfter::Seconds => assert!((1..=60).contains(&header.unwrap().parse().unwrap())),
            RetryAfter::Date => assert!(httpdate::parse_http_date(header.unwrap()).is_ok()),
        }
        assert_eq!(demo.stats().await["api"]["rateLimited"], 1);
    }
}

#[tokio::test]
async fn answers_are_compressed_when_asked() {
    for (plain, encoding) in [(false, Some("gzip")), (true, None)] {
        let demo = demo(ServerOptions {
            plain,
            ..options(100)
        })
        .await;
        let client = reqwest::Client::builder().no_gzip().build().unwrap();
        let request = demo
            .details("v2/calldetails", "", &day_one())
            .header("accept-encoding", "gzip");
        let response = client.execute(request.build().unwrap()).await.unwrap();
        let header = response
            .headers()
            .get("content-encoding")
            .map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header.as_deref(), encoding);
        let body = response.bytes().await.unwrap();
        let mut text = String::new();
        if plain {
            text.push_str(std::str::from_utf8(&body).unwrap());
        } else {
            flate2::read::GzDecoder::new(&body[..])
                .read_to_string(&mut text)
                .unwrap();
        }
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["numResults"], 50);
    }
}

#[tokio::test]
async fn requests_overlap_and_the_largest_concurrency_is_known() {
    let demo = demo(ServerOptions {
        latency: Duration::from_millis(300),
        ..options(10)
    })
    .await;
    let body = day_one();
    futures::future::join_all((0..8).map(|_| demo.page("", &body))).await;
    let stats = demo.stats().await;
    assert_eq!(
        (&stats["api"]["largestConcurrency"], &stats["api"]["inFlight"]),
        (&json!(8), &json!(0))
    );
}

/// What a client saw of the second request, which a fault struck.
async fn struck(
    demo: &Demo,
) -> Result<(StatusCode, HeaderMap, Result<Vec<u8>, reqwest::Error>), reqwest::Error> {
    demo.page("", &day_one()).await;
    let response = demo
        .details("v2/calldetails", "", &day_one())
        .timeout(Duration::from_secs(3))
        .send()
        .await?;
    let (status, headers) = (response.status(), response.headers().clone());
    Ok((status, headers, response.bytes().await.map(|body| body.to_vec())))
}

#[tokio::test]
async fn faults_with_a_status_have_it_and_pass() {
    let statuses = [
        ("429", 429, None),
        ("429-seconds", 429, Some("1")),
        ("429-date", 429, Some("GMT")),
        ("over-limit", 200, None),
        ("500", 500, None),
        ("502", 502, None),
        ("503", 503, None),
        ("503-seconds", 503, Some("1")),
        ("401", 401, None),
        ("403", 403, None),
        ("empty", 200, None),
        ("html", 200, None),
        ("bad-json", 200, None),
        ("no-data", 200, None),
    ];
    for (fault, status, retry_after) in statuses {
        let demo = demo(with_fault(fault)).await;
        let (got, headers, body) = struck(&demo).await.unwrap();
        assert_eq!(got, status, "{fault}");
        let header = headers.get("retry-after").map(|value| value.to_str().unwrap());
        assert_eq!(header.is_some(), retry_after.is_some(), "{fault}");
        assert!(
            header
                .unwrap_or_default()
                .ends_with(retry_after.unwrap_or_default()),
            "{fault}"
        );
        let page = serde_json::from_slice::<Value>(&body.unwrap()).ok();
        assert!(page.is_none_or(|page| page.get("data").is_none()), "{fault}");
        demo.page("", &day_one()).await;
        assert_eq!(demo.stats().await["api"]["faults"], json!({fault: 1}));
    }
}

#[tokio::test]
async fn faults_of_the_connection_break_it_and_pass() {
    for fault in [
        "reset",
        "reset-body",
        "stall",
        "stall-body",
        "short-body",
        "cut-chunks",
        "cut-gzip",
    ] {
        let demo = demo(with_fault(fault)).await;
        let headless = matches!(fault, "reset" | "stall");
        match struck(&demo).await {
            Err(error) => assert!(
                headless && error.is_timeout() == (fault == "stall"),
                "{fault}: {error:?}"
            ),
            Ok((status, _, body)) => {
                assert!(!headless && status == 200, "{fault}");
                let error = body.expect_err(fault);
                assert_eq!(error.is_timeout(), fault == "stall-body", "{fault}: {error:?}");
            }
        }
        demo.page("", &day_one()).await;
    }
}

#[tokio::test]
async fn a_cut_body_without_a_length_looks_whole_to_http() {
    let demo = demo(ServerOptions {
        plain: true,
        ..with_fault("cut-close")
    })
    .await;
    let (status, _, body) = struck(&demo).await.unwrap();
    assert_eq!(status, 200);
    let body = body.unwrap();
    assert!(body.starts_with(b"{\"numResults\":") && serde_json::from_slice::<Value>(&body).is_err());
    demo.page("", &day_one()).await;
}

#[tokio::test]
async fn a_late_answer_is_right() {
    let demo = demo(with_fault("latency")).await;
    let started = Instant::now();
    let (status, _, body) = struck(&demo).await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(120) && status == 200);
    assert_eq!(
        serde_json::from_slice::<Value>(&body.unwrap()).unwrap()["numResults"],
        100
    );
}

#[tokio::test]
async fn an_oversized_body_is_oversized() {
    let demo = demo(with_fault("oversized")).await;
    let (_, headers, body) = struck(&demo).await.unwrap();
    assert!(headers.get("content-length").is_none());
    assert!(body.unwrap().len() > 8 << 20);
}

#[tokio::test]
async fn a_redirect_leads_to_another_origin_which_counts_who_follows() {
    let demo = demo(with_fault("redirect")).await;
    let (status, headers, _) = struck(&demo).await.unwrap();
    assert_eq!(status, StatusCode::TEMPORARY_REDIRECT);
    let location = headers["location"].to_str().unwrap();
    assert!(location.starts_with("http://127.0.0.1:") && !location.starts_with(&demo.url));
    demo.client
        .get(location)
        .header("auth", "demo-token")
        .send()
        .await
        .unwrap();
    let stats = demo.stats().await;
    assert_eq!(
        (
            &stats["api"]["otherOriginRequests"],
            &stats["api"]["otherOriginAuthHeaders"]
        ),
        (&json!(1), &json!(1))
    );
}

#[tokio::test]
async fn a_revoked_token_stays_revoked() {
    let demo = demo(with_fault("401-revoked")).await;
    let (status, ..) = struck(&demo).await.unwrap();
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let (status, _, message) = demo.refused(demo.details("v2/calldetails", "", &day_one())).await;
    assert!(status == StatusCode::UNAUTHORIZED && message.contains("expired"));
}

#[tokio::test]
async fn a_connection_serves_again_after_every_kept_answer() {
    let demo = demo(options(100)).await;
    let address = demo.url.strip_prefix("http://").unwrap().to_owned();
    let statuses = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let mut statuses = HashSet::new();
        for _ in 0..3 {
            stream.write_all(b"GET /x HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            let mut buffer = [0; 1024];
            let length = stream.read(&mut buffer).unwrap();
            statuses.insert(String::from_utf8_lossy(&buffer[..length.min(12)]).into_owned());
        }
        statuses
    });
    assert_eq!(
        statuses.await.unwrap(),
        HashSet::from(["HTTP/1.1 404".to_owned()])
    );
}

#[tokio::test]
async fn a_live_server_shows_no_future() {
    let today = Utc::now().date_naive();
    let dataset = Dataset {
        records: 3000,
        days: 3,
        first_day: today.pred_opt().unwrap(),
        ..Dataset::default()
    };
    let demo = demo(ServerOptions {
        dataset,
        live: true,
        ..options(0)
    })
    .await;
    let now = Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let keys = demo.oracle("keys").await;
    assert!((1000..=2001).contains(&keys.len()), "{}", keys.len());
    assert!(
        keys.iter()
            .all(|key| key["start"].as_str().unwrap() <= now.as_str())
    );
}
