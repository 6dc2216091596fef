//! How the server behaves: who may ask, and which reading of the API's documents is in force.

use std::time::Duration;

use clap::ValueEnum;

use super::change::ChangePlan;
use super::fault::FaultPlan;
use crate::demo::records::Dataset;

/// Everything the server can be told.
#[derive(Clone, Debug, Default)]
pub struct ServerOptions {
    /// The records it holds.
    pub dataset: Dataset,
    /// Whether records appear, close and change as the clock passes their times, and later ones are not there yet.
    /// Otherwise all are there as they ended.
    pub live: bool,
    /// Who may ask.
    pub access: Access,
    /// Which reading of the documents is in force.
    pub readings: Readings,
    /// How many requests it answers.
    pub rate: RateLimit,
    /// How long every answer takes at least.
    pub latency: Duration,
    /// How far the clock in its answers (`Date`) is ahead, in seconds.
    pub clock_skew: i64,
    /// Whether it never compresses, even when asked to.
    pub plain: bool,
    /// Records that come or change while pages are read.
    pub changes: ChangePlan,
    /// What goes wrong.
    pub faults: FaultPlan,
}

/// Who may ask: one account with one stream and one client app.
#[derive(Clone, Debug)]
pub struct Access {
    /// Account id, part of the path and of the header `accountId`.
    pub account: String,
    /// Stream (app) id, `st-…`: header `iId`.
    pub stream: String,
    /// Client id, `cs-…`: the claim `appId` of tokens.
    pub app_id: String,
    /// What tokens are signed with.
    pub app_secret: String,
    /// A token that is accepted as it is, without a signature.
    pub token: Option<String>,
}

impl Default for Access {
    /// Values for everybody to know; the server is for loopback only.
    fn default() -> Self {
        Self {
            account: "demo-account".to_owned(),
            stream: "st-00000000-0000-4000-8000-000000000000".to_owned(),
            app_id: "cs-00000000-0000-4000-8000-000000000000".to_owned(),
            app_secret: "the demo's secret, known to everybody".to_owned(),
            token: Some("demo-token".to_owned()),
        }
    }
}

/// What the documents leave open or contradict each other on.
#[derive(Clone, Debug)]
pub struct Readings {
    /// What `offset` counts.
    pub offset_unit: OffsetUnit,
    /// The largest `offset`, whatever it counts; the documents say 10.
    pub max_offset: u64,
    /// The largest `limit`; the documents say 100.
    pub max_limit: u64,
    /// What happens beyond these two.
    pub excess: Excess,
    /// What `numResults` counts.
    pub num_results: NumResults,
    /// What `limit` holds for.
    pub limit_scope: LimitScope,
    /// In which order records come.
    pub order: PageOrder,
    /// Which of a record's times must lie within the window. Records come in the order of this time.
    pub window_time: WindowTime,
    /// Whether the window's end belongs to it.
    pub bounds: Bounds,
    /// In which order records of the same second come.
    pub ties: Ties,
    /// The share of a page's records that stand there twice, `0.0..=1.0`; the page is longer by these.
    pub repeats: f64,
    /// The zone that windows and naive times are in, in minutes with JavaScript's sign, instead of the one asked
    /// for: a server that ignores `timeZoneOffset`.
    pub fixed_offset: Option<i32>,
    /// The share of conversations that call details name and the conversations endpoint does not have, `0.0..=1.0`.
    pub missing_conversations: f64,
}

impl Default for Readings {
    /// What the current documents and their samples say.
    fn default() -> Self {
        Self {
            offset_unit: OffsetUnit::default(),
            max_offset: 10,
            max_limit: 100,
            excess: Excess::default(),
            num_results: NumResults::default(),
            limit_scope: LimitScope::default(),
            order: PageOrder::default(),
            window_time: WindowTime::default(),
            bounds: Bounds::default(),
            ties: Ties::default(),
            repeats: 0.0,
            fixed_offset: None,
            missing_conversations: 0.0,
        }
    }
}

/// What `offset` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OffsetUnit {
    /// Pages of `limit` records (the current documents).
    #[default]
    Pages,
    /// Records (older documents, and public client code).
    Records,
}

/// What a `limit` or `offset` beyond its largest value does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Excess {
    /// It is refused with status 400.
    #[default]
    Reject,
    /// It is taken as the largest value, and nothing says so.
    Clamp,
}

/// What `numResults` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum NumResults {
    /// The page's records.
    #[default]
    Page,
    /// All records of the window.
    Total,
}

/// What `limit` holds for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LimitScope {
    /// The page.
    #[default]
    Page,
    /// Each of the two parts, so that a page has up to twice as many records. Needs the two-part order.
    Part,
}

/// In which order records come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PageOrder {
    /// First what ended at the bot, ascending; then conversations, descending.
    #[default]
    TwoPart,
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// Which of a record's times must lie within the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum WindowTime {
    /// The session's start.
    #[default]
    Start,
    /// The session's end, which is its start while it is open.
    End,
    /// When the record last changed.
    Update,
}

/// Whether the window's end belongs to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Bounds {
    /// It does: the last second of the window is `endDate`.
    #[default]
    Inclusive,
    /// It does not: the last second of the window is the one before `endDate`.
    HalfOpen,
}

/// In which order records of the same second come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Ties {
    /// Always the same.
    #[default]
    Stable,
    /// Another one in every answer, as databases may that sort by the time alone: a record may stand on two pages
    /// or on none.
    Shuffled,
}

/// How many requests are answered.
#[derive(Clone, Debug)]
pub struct RateLimit {
    /// Requests a minute; `None` is no limit.
    pub per_minute: Option<u32>,
    /// How long the server's minute is. In no span of this length are more requests answered.
    pub minute: Duration,
    /// Status of a refusal.
    pub status: u16,
    /// What header a refusal has.
    pub retry_after: RetryAfter,
}

impl Default for RateLimit {
    /// 60 a minute, 429 without `Retry-After`.
    fn default() -> Self {
        Self {
            per_minute: Some(60),
            minute: Duration::from_secs(60),
            status: 429,
            retry_after: RetryAfter::default(),
        }
    }
}

/// What a refusal says about when to come back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum RetryAfter {
    /// Nothing.
    #[default]
    None,
    /// `Retry-After` in seconds.
    Seconds,
    /// `Retry-After` as an HTTP date.
    Date,
}
