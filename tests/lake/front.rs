//! A proxy before an S3-compatible server that has the faults of others.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// What the front does to the puts of day files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Manners {
    /// Drops the conditions, as stores do that do not know them.
    IgnoresConditions,
    /// Refuses every `If-Match`, as Ceph RGW 16.2 does.
    RefusesIfMatch,
    /// Applies every second put and answers 500.
    FailsAfterPut,
    /// Answers every second put with 409 and does not apply it.
    Conflicts,
    /// Applies every second put and closes the connection without an answer.
    LosesReplies,
    /// Answers every second put with 503 and does not apply it.
    IsBusy,
}

/// A running front.
#[derive(Debug)]
pub(crate) struct Front {
    address: SocketAddr,
    faults: Arc<AtomicUsize>,
    _runtime: tokio::runtime::Runtime,
}

#[derive(Clone)]
struct Shared {
    server: SocketAddr,
    manners: Manners,
    client: reqwest::Client,
    puts: Arc<AtomicUsize>,
    faults: Arc<AtomicUsize>,
}

impl Front {
    pub(crate) fn start(server: SocketAddr, manners: Manners) -> Front {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let faults = Arc::new(AtomicUsize::new(0));
        let shared = Shared {
            server,
            manners,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            puts: Arc::default(),
            faults: faults.clone(),
        };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, Router::new().fallback(handle).with_state(shared))
                .await
                .unwrap();
        });
        Front {
            address,
            faults,
            _runtime: runtime,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests were treated badly so far.
    pub(crate) fn faults(&self) -> usize {
        self.faults.load(Ordering::Relaxed)
    }
}

async fn handle(State(front): State<Shared>, mut request: Request) -> Response {
    let is_put = request.method() == Method::PUT;
    let of_a_day = is_put && request.uri().path().ends_with(".parquet");
    let turn = of_a_day && front.puts.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
    let fault = |status: StatusCode, code: &str| {
        front.faults.fetch_add(1, Ordering::Relaxed);
        (status, format!("<Error><Code>{code}</Code></Error>")).into_response()
    };
    match front.manners {
        Manners::IgnoresConditions => {
            request.headers_mut().remove(header::IF_MATCH);
            request.headers_mut().remove(header::IF_NONE_MATCH);
        }
        Manners::RefusesIfMatch if is_put && request.headers().contains_key(header::IF_MATCH) => {
            return fault(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
        }
        Manners::Conflicts if turn => return fault(StatusCode::CONFLICT, "ConditionalRequestConflict"),
        Manners::IsBusy if turn => return fault(StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
        _ => {}
    }
    let answer = pass_on(&front, request).await;
    match front.manners {
        Manners::FailsAfterPut if turn => fault(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
        Manners::LosesReplies if turn => {
            front.faults.fetch_add(1, Ordering::Relaxed);
            // A body that fails before its first byte: the connection is closed within the answer.
            let cut = futures::stream::once(async { Err::<Vec<u8>, _>(std::io::Error::other("cut")) });
            let mut answer = Response::new(Body::from_stream(cut));
            answer
                .headers_mut()
                .insert(header::CONTENT_LENGTH, header::HeaderValue::from_static("10"));
            answer
        }
        _ => answer,
    }
}

async fn pass_on(front: &Shared, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let url = format!("http://{}{path}", front.server);
    let answer = front
        .client
        .request(parts.method, url)
        .headers(end_to_end(&parts.headers))
        .body(body)
        .send()
        .await;
    let answer = answer.unwrap();
    let (status, headers) = (answer.status(), end_to_end(answer.headers()));
    let length = answer.headers().get(header::CONTENT_LENGTH).cloned();
    let mut response = (status, headers, answer.bytes().await.unwrap()).into_response();
    if let Some(length) = length {
        response.headers_mut().insert(header::CONTENT_LENGTH, length);
    }
    response
}

fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    for name in [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::HOST,
        header::CONTENT_LENGTH,
    ] {
        headers.remove(name);
    }
    headers
}
