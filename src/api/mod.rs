//! The client of the call-details API: it asks for windows of time, pages through them, and proves that nothing
//! is missing.
//!
//! In reading order: [`mod@days`] and [`window`] say what is asked for, [`request`], [`auth`] and [`http`] make one
//! attempt and look at the API's [`clock`], [`retry`], `budget` and [`fetch`] make it succeed, [`page`] reads out of a
//! body what paging needs.
//! `conversations` asks for one conversation at a time by the same means.
//!
//! Invariants:
//! - No knowledge of Arrow, Parquet, the command line or printing: what happens goes out as [`Event`] values.
//! - The `auth` header goes to the configured origin only; no URL out of a response is ever followed.
//! - Every request takes a slot of the one budget, retries too.
//! - No error, log line or event holds a token, or anything of a record but its times and a conversation's id.

pub mod auth;
mod budget;
pub mod clock;
mod conversations;
mod coverage;
pub mod days;
mod density;
mod edges;
pub mod error;
pub mod fetch;
mod forecast;
pub mod http;
mod last_resort;
mod outlook;
pub mod page;
mod probe;
pub mod read;
pub mod readings;
pub mod report;
pub mod request;
pub mod retry;
mod run;
pub mod spool;
mod tally;
mod walk;
pub mod window;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::mpsc::Sender;

pub use auth::Credentials;
pub use budget::interval;
pub use clock::Clock;
pub use conversations::{Conversation, Wanted};
pub use days::{Day, days};
pub use error::{ApiError, ConfigError, Doubt, ErrorKind, Unproven};
pub use fetch::Cost;
pub use forecast::{Expected, Hours, busy_at_noon};
pub use probe::Probed;
pub use readings::{Filter, Unit};
pub use report::{DayReport, ReadingsReport, RunReport, Spent, WindowReport, WindowVerdict};
use request::Ask;
pub(crate) use request::origin;
pub use request::{Asked, Endpoint};
pub use retry::RetryPolicy;
pub use spool::Spool;
pub use window::Window;

use crate::progress::Progress;

/// How to reach the API, and as whom.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// The origin, for example `https://example.com`; plain `http` only to this machine.
    pub host: String,
    /// Which endpoint to ask.
    pub endpoint: Endpoint,
    /// The account's id.
    pub account: String,
    /// The stream's (app's) id, `st-…`.
    pub stream: String,
    /// What proves who asks.
    pub credentials: Credentials,
    /// `selectedFields`; leave it at [`request::ALL_FIELDS`] unless the user narrows it.
    pub selected_fields: Vec<String>,
    /// Minutes, JavaScript's sign: India is -330. Dates are asked for, and naive times are read, in this zone.
    pub timezone_offset: i32,
    /// Requests a minute for the whole process.
    pub rate_per_minute: u32,
    /// Bounds and waits of retries.
    pub retry: RetryPolicy,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// The largest body taken, in bytes after decompression.
    pub max_body: usize,
    /// How long after a day's end its data is said to be complete.
    pub settling: TimeDelta,
    /// The folder for pages that are fetched and not yet published; without one, a run that is killed pays again.
    pub spool: Option<PathBuf>,
    /// Seed of the retries' jitter.
    pub seed: u64,
    /// Where requests, windows and records are counted.
    pub progress: Progress,
}

impl ClientConfig {
    /// The documented defaults for everything that is not about reaching the API.
    pub fn new(host: String, account: String, stream: String, credentials: Credentials) -> Self {
        Self {
            host,
            endpoint: Endpoint::default(),
            account,
            stream,
            credentials,
            selected_fields: request::ALL_FIELDS.map(str::to_owned).to_vec(),
            timezone_offset: 0,
            rate_per_minute: 60,
            retry: RetryPolicy::default(),
            timeout: Duration::from_secs(120),
            // A page of 200 rows has some 600 kB; rows with long transcripts of tags reach a few times that.
            max_body: 64 << 20,
            settling: SETTLING,
            spool: None,
            seed: 0,
            progress: Progress::default(),
        }
    }
}

/// What reading days gives, in order.
#[derive(Debug)]
pub enum Event {
    /// A page. Its rows may belong to any day: file each by its own start.
    Page(FetchedPage),
    /// A day for which every page has been delivered before; its verdict says whether it is proven complete.
    Day(Box<DayReport>),
    /// The last event of every run, also of one that fails.
    Run(Box<RunReport>),
}

/// How long after a day's end its data is said to be complete.
pub const SETTLING: TimeDelta = TimeDelta::minutes(15);

/// Plans the reading of `days`: what it would ask if the `expected` records came, those of a week past the days counted
/// in. Asks nothing.
///
/// # Errors
///
/// When a second would hold more records than can be reached.
pub async fn plan(days: &[Day], expected: &[Expected]) -> Result<(Vec<DayReport>, RunReport), ApiError> {
    forecast::plan(days, expected, SETTLING.num_seconds()).await
}

/// A page as it came.
#[derive(Debug, Clone)]
pub struct FetchedPage {
    /// The whole body, decompressed: `{"numResults": …, "data": […]}`.
    pub body: Bytes,
    /// When its last byte had come.
    pub fetched_at: DateTime<Utc>,
    /// The window it was asked for.
    pub window: Window,
    /// The offset it was asked for.
    pub offset: u32,
}

/// A client of one account.
#[derive(Debug)]
pub struct Client {
    fetcher: fetch::Fetcher,
    settling: TimeDelta,
    timezone_offset: i32,
    spool: Option<Spool>,
    progress: Progress,
}

impl Client {
    /// Checks the settings and signs a first token; asks nothing.
    ///
    /// # Errors
    ///
    /// When a setting cannot work.
    pub fn new(config: ClientConfig) -> Result<Self, ApiError> {
        let ClientConfig {
            host,
            endpoint,
            account,
            stream,
            credentials,
            selected_fields,
            timezone_offset,
            rate_per_minute,
            retry,
            timeout,
            max_body,
            settling,
            spool,
            seed,
            progress,
        } = config;
        let template = request::Template::new(
            &host,
            endpoint,
            &account,
            &stream,
            &selected_fields,
            timezone_offset,
        )?;
        let http = http::Http::new(template, timezone_offset, timeout, max_body)?;
        let auth = auth::Auth::new(credentials)?;
        let budget = budget::Budget::new(rate_per_minute);
        let fetcher = fetch::Fetcher::new(http, auth, budget, retry, seed, progress.clone());
        let offset = timezone_offset.to_string();
        let mut identity = vec![host.as_str(), endpoint.name(), &account, &stream, &offset];
        identity.extend(selected_fields.iter().map(String::as_str));
        let spool = spool.map(|folder| Spool::open(&folder, &identity)).transpose()?;
        Ok(Self {
            fetcher,
            settling,
            timezone_offset,
            spool,
            progress,
        })
    }

    /// The spool of pages; the caller tells it which days are published.
    pub fn spool(&self) -> Option<&Spool> {
        self.spool.as_ref()
    }

    /// The API's clock beside this machine's; nothing is known of it before the first answer.
    pub fn clock(&self) -> &Clock {
        self.fetcher.clock()
    }

    /// Measures how many records a day holds, by a handful of requests.
    ///
    /// # Errors
    ///
    /// See [`ApiError`].
    pub async fn probe(&self, day: Day) -> Result<(Probed, Cost), ApiError> {
        let total = Mutex::new(Cost::default());
        let probed = probe::probe(&|ask| self.ask(ask, &total), day).await?;
        let cost = total.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok((probed, cost))
    }

    /// Asks for the first page of a window, which may be seven days long.
    ///
    /// # Errors
    ///
    /// See [`ApiError`].
    pub async fn first_page(&self, window: Window) -> Result<page::Page, ApiError> {
        let ask = Ask::page(window, window.wide(), 0);
        let answer = self.fetcher.fetch(&ask, &mut Cost::default()).await?;
        Ok(answer.content)
    }

    /// Holds a page's naive starts against the clocks in its session ids; gives how many it could.
    ///
    /// # Errors
    ///
    /// When they fit another time zone than the one asked for.
    pub fn check_zone(&self, window: Window, page: &page::Page) -> Result<usize, ApiError> {
        readings::check_zone(self.timezone_offset, window, page)
    }

    /// Asks for a page and adds to `total` what that cost, also when it fails.
    async fn ask(&self, ask: Ask, total: &Mutex<Cost>) -> Result<(http::Answer, Cost), ApiError> {
        let mut cost = Cost::default();
        let answer = self.fetcher.fetch(&ask, &mut cost).await;
        total.lock().unwrap_or_else(PoisonError::into_inner).add(&cost);
        Ok((answer?.into(), cost))
    }

    /// Asks for conversations, and delivers each as it comes: those that the spool has are not asked for. The client must be
    /// one of [`Endpoint::Conversations`]. The cost is that of all requests, also where the reading fails.
    ///
    /// # Errors
    ///
    /// See [`ApiError`]; what is under way when one fails is delivered too. A conversation that the API does not have is no
    /// error.
    pub async fn read_conversations(
        &self,
        wanted: &[Wanted],
        answers: Sender<Conversation>,
    ) -> (Cost, Result<(), ApiError>) {
        let total = Mutex::new(Cost::default());
        let reader = conversations::Reader {
            fetcher: &self.fetcher,
            spool: self.spool.as_ref(),
            total: &total,
        };
        let outcome = reader.read(wanted, &answers).await;
        (
            total.into_inner().unwrap_or_else(PoisonError::into_inner),
            outcome,
        )
    }

    /// Reads days, oldest first, and delivers pages, then each day's report, then the run's.
    ///
    /// The channel is the back-pressure: nothing is asked while it is full.
    ///
    /// # Errors
    ///
    /// See [`ApiError`]; days already reported stay valid. Windows that cannot be proven complete do not stop the
    /// others: they end in [`ApiError::Incomplete`].
    pub async fn read_days(&self, days: &[Day], events: Sender<Event>) -> Result<(), ApiError> {
        let total = Mutex::new(Cost::default());
        let ask = |ask: Ask| self.ask(ask, &total);
        let setting = read::Setting {
            days,
            spool: self.spool.as_ref(),
            timezone_offset: self.timezone_offset,
            settling: self.settling.num_seconds(),
            now: &Utc::now,
            lanes: &|| self.fetcher.lanes(),
            progress: &self.progress,
        };
        let (mut run, outcome) = read::read_days(&ask, setting, &events).await;
        run.settle(total.into_inner().unwrap_or_else(PoisonError::into_inner));
        let sent = events.send(Event::Run(Box::new(run))).await;
        outcome?;
        sent.map_err(|_| ApiError::Stopped)
    }
}

#[cfg(test)]
mod fetch_tests;
#[cfg(test)]
mod model;
