//! The API server: the documented endpoints over seeded records, under the reading of the documents and with the
//! faults that its options name. What tests may ask it beyond the API stands in `oracle`.

mod auth;
mod change;
mod fault;
mod limit;
mod options;
mod oracle;
mod request;
mod respond;
mod stats;
mod store;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::Context;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use chrono::Utc;
use tokio::net::TcpListener;

use self::auth::Tokens;
pub use self::change::{Change, ChangeKind, ChangePlan};
pub use self::fault::{FaultKind, FaultPlan, ScriptedFault};
use self::limit::RateWindow;
pub use self::options::{
    Access, Bounds, Excess, LimitScope, NumResults, OffsetUnit, PageOrder, RateLimit, Readings, RetryAfter,
    ServerOptions, Ties, WindowTime,
};
use self::request::{Endpoint, header};
use self::respond::{Answer, Outcome, Scene};
use self::stats::{Ledger, Remembered};
use self::store::{Page, Store};
use self::wire::{Connection, WireListener};
use super::conversation;
use super::json::Json;
use super::random::mix_unit;
use super::render::{self, Rendering, Version};
use super::session::Session;

/// Answers the API's requests that come to `listener`, until the future is dropped. For loopback: the records are
/// invented, but so are the secrets.
///
/// # Errors
///
/// When a second port, for redirects to lead to, cannot be opened.
pub async fn serve(listener: TcpListener, options: ServerOptions) -> anyhow::Result<()> {
    let other = TcpListener::bind(("127.0.0.1", 0))
        .await
        .context("open a second port on loopback")?;
    let other_origin = format!("http://{}", other.local_addr().context("read the second port")?);
    let server = Arc::new(Server::new(options, other_origin));
    let api = Router::new().fallback(answer).with_state(Arc::clone(&server));
    let elsewhere = Router::new().fallback(answer_elsewhere).with_state(server);
    let api = axum::serve(
        WireListener(listener),
        api.into_make_service_with_connect_info::<Connection>(),
    );
    let elsewhere = axum::serve(other, elsewhere);
    tokio::try_join!(api.into_future(), elsewhere.into_future()).context("serve the demo")?;
    Ok(())
}

struct Server {
    options: ServerOptions,
    other_origin: String,
    started: Instant,
    tokens: Tokens,
    rate: Option<Mutex<RateWindow>>,
    store: Mutex<Store>,
    ledger: Ledger,
}

/// An answer, and what is remembered of it.
struct Served {
    answer: Answer,
    page: Option<(usize, u64)>,
}

impl From<Answer> for Served {
    fn from(answer: Answer) -> Self {
        Self { answer, page: None }
    }
}

/// A request on its way through the server.
struct Request {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

async fn answer(
    State(server): State<Arc<Server>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    if uri.path().starts_with("/_demo/") {
        let mut store = server.store();
        server.let_time_pass(&mut store);
        return oracle::answer(&uri, server.options.dataset.seed, &store, &server.ledger).response();
    }
    let number = server.ledger.begin();
    // Dropped when the answer is ready, and also when the client goes away before.
    let _flight = Flight(&server.ledger);
    server
        .answer(
            number,
            &connection,
            Request {
                method,
                uri,
                headers,
                body,
            },
        )
        .await
}

/// The origin that redirects lead to. It should never be asked, and never see a token.
async fn answer_elsewhere(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response<Body> {
    server.ledger.other_origin(headers.contains_key("auth"));
    Answer::refusal(StatusCode::NOT_FOUND, "another origin").response()
}

struct Flight<'a>(&'a Ledger);

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Server {
    fn new(options: ServerOptions, other_origin: String) -> Self {
        let now = options.live.then(|| Utc::now().timestamp());
        let sessions = options.dataset.sessions();
        let store = Store::new(sessions, options.readings.clone(), options.changes.clone(), now);
        let rate = options
            .rate
            .per_minute
            .map(|limit| Mutex::new(RateWindow::new(limit, options.rate.minute)));
        Self {
            other_origin,
            started: Instant::now(),
            tokens: Tokens::new(options.access.clone()),
            rate,
            store: Mutex::new(store),
            ledger: Ledger::default(),
            options,
        }
    }

    async fn answer(&self, number: u64, connection: &Connection, request: Request) -> Response<Body> {
        let mut remembered = Remembered {
            number,
            at_ms: self.started.elapsed().as_millis() as u64,
            method: request.method.to_string(),
            path: request.uri.path().to_owned(),
            query: request.uri.query().unwrap_or_default().to_owned(),
            body: String::from_utf8_lossy(&request.body).into_owned(),
            ..Remembered::default()
        };
        let refused = self.over_limit();
        tokio::time::sleep(self.options.latency).await;
        let fault = if refused.is_some() {
            None
        } else {
            self.options.faults.fault(number)
        };
        if fault == Some(FaultKind::Revoked)
            && let Some(token) = header(&request.headers, "auth")
        {
            self.tokens.revoke(token);
        }
        let Served { answer, page } = refused.map_or_else(|| self.serve(number, &request), Served::from);
        let gzip =
            header(&request.headers, "accept-encoding").is_some_and(|accepted| accepted.contains("gzip"));
        let answer = if gzip && !self.options.plain {
            answer.clone().gzip().unwrap_or(answer)
        } else {
            answer
        };
        (remembered.rows, remembered.total) = (page.map(|p| p.0), page.map(|p| p.1));
        remembered.fault = fault.map(FaultKind::name);
        let outcome = match fault {
            None => Outcome::Respond(answer.response()),
            Some(fault) => {
                let path = request.uri.path_and_query().map_or("/", |path| path.as_str());
                let scene = Scene {
                    connection,
                    other_origin: &self.other_origin,
                    path,
                };
                respond::fail(fault, &self.options.faults, answer, &scene).await
            }
        };
        let (status, response) = match outcome {
            Outcome::Respond(response) => (
                response.status().as_u16(),
                respond::dated(response, self.options.clock_skew),
            ),
            Outcome::TakenOver(status) => (status, Response::new(Body::empty())),
        };
        remembered.status = status;
        self.ledger.answered(remembered);
        response
    }

    /// The refusal of a request beyond the limit.
    fn over_limit(&self) -> Option<Answer> {
        let mut rate = self.rate.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        let free = rate.take(Instant::now()).err()?;
        self.ledger.rate_limited();
        Some(Answer::over_limit(&self.options.rate, free))
    }

    /// The right answer to a request.
    fn serve(&self, number: u64, request: &Request) -> Served {
        let Some(endpoint) = Endpoint::of(&request.method, &request.uri) else {
            return Answer::refusal(StatusCode::NOT_FOUND, "no such path").into();
        };
        if let Err(message) = self.tokens.refuse(header(&request.headers, "auth")) {
            return Answer::refusal(StatusCode::UNAUTHORIZED, &message).into();
        }
        match endpoint {
            Endpoint::CallDetails { account, version } => {
                self.call_details(number, request, &account, version)
            }
            Endpoint::Conversation { stream, conversation } => {
                self.conversation(&stream, &conversation).into()
            }
        }
    }

    fn call_details(&self, number: u64, request: &Request, account: &str, version: Version) -> Served {
        let Request {
            uri, headers, body, ..
        } = request;
        if let Err(message) = request::check_headers(headers, &self.options.access, account) {
            return Answer::refusal(StatusCode::BAD_REQUEST, &message).into();
        }
        let (query, rendering) = match request::call_details(uri, body, version, &self.options.readings) {
            Ok(asked) => asked,
            Err(message) => return Answer::refusal(StatusCode::BAD_REQUEST, &message).into(),
        };
        let (page, sessions) = {
            let mut store = self.store();
            self.let_time_pass(&mut store);
            let page = store.page(&query);
            let sessions: Vec<Session> = page.rows.iter().map(|row| store.session(row)).collect();
            store.change_after(number);
            (page, sessions)
        };
        let served = Some((page.rows.len(), page.total));
        Served {
            answer: Answer::json(self.page(&page, &sessions, rendering)),
            page: served,
        }
    }

    fn page(&self, page: &Page, sessions: &[Session], rendering: Rendering) -> Vec<u8> {
        let results = match self.options.readings.num_results {
            NumResults::Page => page.rows.len() as u64,
            NumResults::Total => page.total,
        };
        let mut out = Vec::with_capacity(4096 * page.rows.len() + 64);
        out.extend_from_slice(format!("{{\"numResults\":{results},\"data\":[").as_bytes());
        for session in sessions {
            render::record(&mut out, self.options.dataset.seed, session, rendering);
        }
        out.extend_from_slice(b"]}");
        out
    }

    fn conversation(&self, stream: &str, id: &str) -> Answer {
        if stream != self.options.access.stream {
            return Answer::refusal(
                StatusCode::FORBIDDEN,
                "the stream of the path is not the stream of the app",
            );
        }
        let session = {
            let mut store = self.store();
            self.let_time_pass(&mut store);
            store.conversation(id)
        };
        let Some(session) = session.filter(|session| !self.is_missing(session)) else {
            return Answer::refusal(
                StatusCode::NOT_FOUND,
                "Conversation not found for the given session id",
            );
        };
        let mut out = Vec::new();
        conversation::write(
            &mut Json::new(&mut out, 0, session.ascii),
            self.options.dataset.seed,
            &session,
        );
        Answer::json(out)
    }

    /// Whether the conversations endpoint has forgotten the session's conversation.
    fn is_missing(&self, session: &Session) -> bool {
        let draw = mix_unit(self.options.dataset.seed ^ 0x404, session.outline.index);
        draw < self.options.readings.missing_conversations
    }

    fn let_time_pass(&self, store: &mut Store) {
        if self.options.live {
            store.advance(Utc::now().timestamp());
        }
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
