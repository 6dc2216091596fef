//! What goes wrong, and when.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use crate::demo::random::{mix, mix_unit};

/// One way for a request to go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultKind {
    /// Status 429 without `Retry-After`.
    TooMany,
    /// Status 429 with `Retry-After` in seconds.
    TooManySeconds,
    /// Status 429 with `Retry-After` as an HTTP date.
    TooManyDate,
    /// Status 200 with the words for too many requests in place of a page.
    OverLimit,
    /// Status 500.
    Internal,
    /// Status 502, in HTML as proxies write it.
    BadGateway,
    /// Status 503.
    Unavailable,
    /// Status 503 with `Retry-After` in seconds.
    UnavailableSeconds,
    /// The connection is reset before a byte of the response.
    Reset,
    /// The connection is reset half-way through the body.
    ResetBody,
    /// Nothing comes for a long time; then the connection is closed.
    Stall,
    /// Half of the body comes, then nothing for a long time.
    StallBody,
    /// The right answer comes late.
    Latency,
    /// The connection is closed before the `Content-Length` announced is reached.
    ShortBody,
    /// A chunked body ends within a chunk.
    CutChunks,
    /// A body that only the connection's end delimits ends too early: nothing in HTTP tells.
    CutClose,
    /// A gzip body ends too early, in a response that HTTP finds whole. Plain JSON is cut for clients that do not
    /// accept gzip.
    CutGzip,
    /// Status 200 with an empty body.
    Empty,
    /// Status 200 with a page of HTML.
    Html,
    /// Status 200 with a body that is almost JSON.
    BadJson,
    /// Status 200 with JSON that is no page of records.
    NoData,
    /// Status 401, and nothing wrong with the token.
    Unauthorized,
    /// Status 401 for the token that this request has, now and later, as if it had expired.
    Revoked,
    /// Status 403.
    Forbidden,
    /// A redirect to another origin.
    Redirect,
    /// A body that goes on and on.
    Oversized,
}

/// All faults and their names.
const NAMES: [(FaultKind, &str); 26] = [
    (FaultKind::TooMany, "429"),
    (FaultKind::TooManySeconds, "429-seconds"),
    (FaultKind::TooManyDate, "429-date"),
    (FaultKind::OverLimit, "over-limit"),
    (FaultKind::Internal, "500"),
    (FaultKind::BadGateway, "502"),
    (FaultKind::Unavailable, "503"),
    (FaultKind::UnavailableSeconds, "503-seconds"),
    (FaultKind::Reset, "reset"),
    (FaultKind::ResetBody, "reset-body"),
    (FaultKind::Stall, "stall"),
    (FaultKind::StallBody, "stall-body"),
    (FaultKind::Latency, "latency"),
    (FaultKind::ShortBody, "short-body"),
    (FaultKind::CutChunks, "cut-chunks"),
    (FaultKind::CutClose, "cut-close"),
    (FaultKind::CutGzip, "cut-gzip"),
    (FaultKind::Empty, "empty"),
    (FaultKind::Html, "html"),
    (FaultKind::BadJson, "bad-json"),
    (FaultKind::NoData, "no-data"),
    (FaultKind::Unauthorized, "401"),
    (FaultKind::Revoked, "401-revoked"),
    (FaultKind::Forbidden, "403"),
    (FaultKind::Redirect, "redirect"),
    (FaultKind::Oversized, "oversized"),
];

impl FaultKind {
    /// Faults that a client gets over by asking again soon.
    pub const TRANSIENT: [Self; 14] = [
        Self::TooManySeconds,
        Self::Internal,
        Self::BadGateway,
        Self::Unavailable,
        Self::Reset,
        Self::ResetBody,
        Self::Latency,
        Self::ShortBody,
        Self::CutChunks,
        Self::CutClose,
        Self::CutGzip,
        Self::Empty,
        Self::Html,
        Self::BadJson,
    ];

    /// All faults.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(kind, _)| *kind)
    }

    /// The fault's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("", |(_, name)| name)
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FaultKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = NAMES.iter().find(|(_, name)| *name == text);
        named.map(|(kind, _)| *kind).ok_or_else(|| {
            let names: Vec<_> = NAMES.iter().map(|(_, name)| *name).collect();
            format!("no fault is called {text:?}: name one of {}", names.join(", "))
        })
    }
}

/// A fault at given requests, written `3=reset` or `3-5=503`. Requests are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptedFault {
    /// At which requests.
    pub requests: RangeInclusive<u64>,
    /// What goes wrong.
    pub kind: FaultKind,
}

impl FromStr for ScriptedFault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("a fault is written REQUEST=NAME or FIRST-LAST=NAME, not {text:?}");
        let (requests, kind) = text.split_once('=').ok_or_else(form)?;
        let (first, last) = requests.split_once('-').unwrap_or((requests, requests));
        let first: u64 = first.parse().map_err(|_| form())?;
        let last: u64 = last.parse().map_err(|_| form())?;
        if first == 0 || last < first {
            return Err(form());
        }
        Ok(Self {
            requests: first..=last,
            kind: kind.parse()?,
        })
    }
}

/// What goes wrong, and when. It depends on the numbers of requests alone.
#[derive(Clone, Debug)]
pub struct FaultPlan {
    /// The share of requests that go wrong, `0.0..=1.0`.
    pub rate: f64,
    /// What this share is drawn from.
    pub seed: u64,
    /// What this share is drawn of.
    pub kinds: Vec<FaultKind>,
    /// Faults at given requests; they go before the drawn ones.
    pub scripted: Vec<ScriptedFault>,
    /// Seconds in `Retry-After`.
    pub retry_after: u32,
    /// How long a stall lasts.
    pub stall: Duration,
    /// How late a late answer comes.
    pub latency: Duration,
    /// How many bytes an oversized body has.
    pub oversized: u64,
}

impl Default for FaultPlan {
    /// Nothing goes wrong.
    fn default() -> Self {
        Self {
            rate: 0.0,
            seed: 1,
            kinds: FaultKind::TRANSIENT.to_vec(),
            scripted: Vec::new(),
            retry_after: 1,
            stall: Duration::from_secs(600),
            latency: Duration::from_millis(500),
            oversized: 1 << 30,
        }
    }
}

impl FaultPlan {
    /// What goes wrong with request `number`, counted from 1.
    pub(super) fn fault(&self, number: u64) -> Option<FaultKind> {
        if let Some(scripted) = self.scripted.iter().find(|s| s.requests.contains(&number)) {
            return Some(scripted.kind);
        }
        if self.kinds.is_empty() || mix_unit(self.seed, number) >= self.rate {
            return None;
        }
        Some(self.kinds[(mix(self.seed ^ 0xfa17, number) % self.kinds.len() as u64) as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_faults() {
        for kind in FaultKind::all() {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        assert!("teapot".parse::<FaultKind>().unwrap_err().contains("short-body"));
    }

    #[test]
    fn scripted_faults_are_written_by_number_or_range() {
        let check = |text: &str, requests, kind| {
            assert_eq!(text.parse(), Ok(ScriptedFault { requests, kind }));
        };
        check("3=reset", 3..=3, FaultKind::Reset);
        check("3-5=429-date", 3..=5, FaultKind::TooManyDate);
        for wrong in ["", "reset", "0=reset", "5-3=reset", "x=reset", "3=", "3=teapot"] {
            assert!(wrong.parse::<ScriptedFault>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_rate_is_kept_and_the_script_goes_before_it() {
        let plan = FaultPlan {
            rate: 0.1,
            scripted: vec!["7=html".parse().unwrap()],
            ..FaultPlan::default()
        };
        let faults: Vec<_> = (1..=10_000).filter_map(|number| plan.fault(number)).collect();
        assert!((900..1100).contains(&faults.len()), "{}", faults.len());
        assert!(FaultKind::TRANSIENT.iter().all(|kind| faults.contains(kind)));
        assert_eq!(plan.fault(7), Some(FaultKind::Html));
        assert!((1..1000).all(|number| FaultPlan::default().fault(number).is_none()));
        assert!((1..1000).all(|number| {
            FaultPlan {
                rate: 1.0,
                ..FaultPlan::default()
            }
            .fault(number)
            .is_some()
        }));
    }
}
