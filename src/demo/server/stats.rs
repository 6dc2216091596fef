//! What the server counts and remembers of the requests it got, for tests to look at.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// How many requests are remembered one by one; enough for a test, and bounded for a server that runs for days.
const REMEMBERED: usize = 100_000;

/// Counts of API requests since the start; the oracle's own are not among them.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stats {
    pub(super) requests: u64,
    /// By status; `0` where the connection broke before one.
    pub(super) by_status: BTreeMap<u16, u64>,
    pub(super) faults: BTreeMap<&'static str, u64>,
    pub(super) rate_limited: u64,
    /// Records in pages that were sent whole.
    pub(super) records_sent: u64,
    pub(super) in_flight: u64,
    pub(super) largest_concurrency: u64,
    /// Requests at the origin that redirects lead to, and how many of them had an `auth` header.
    pub(super) other_origin_requests: u64,
    pub(super) other_origin_auth_headers: u64,
}

/// One API request. It holds no header, so no token.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Remembered {
    pub(super) number: u64,
    /// When it arrived, in milliseconds since the server started.
    pub(super) at_ms: u64,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) body: String,
    pub(super) status: u16,
    pub(super) fault: Option<&'static str>,
    /// Records of the page.
    pub(super) rows: Option<usize>,
    /// Records of the window.
    pub(super) total: Option<u64>,
}

#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<(Stats, Vec<Remembered>)>);

impl Ledger {
    /// Counts a request that arrives, and gives its number, from 1.
    pub(super) fn begin(&self) -> u64 {
        let stats = &mut self.lock().0;
        stats.requests += 1;
        stats.in_flight += 1;
        stats.largest_concurrency = stats.largest_concurrency.max(stats.in_flight);
        stats.requests
    }

    /// Counts the end of a request, or of the wait for it.
    pub(super) fn end(&self) {
        self.lock().0.in_flight -= 1;
    }

    /// Counts and remembers how a request was answered.
    pub(super) fn answered(&self, request: Remembered) {
        let (stats, remembered) = &mut *self.lock();
        *stats.by_status.entry(request.status).or_default() += 1;
        if let Some(fault) = request.fault {
            *stats.faults.entry(fault).or_default() += 1;
        } else {
            stats.records_sent += request.rows.unwrap_or_default() as u64;
        }
        if remembered.len() < REMEMBERED {
            remembered.push(request);
        }
    }

    pub(super) fn rate_limited(&self) {
        self.lock().0.rate_limited += 1;
    }

    pub(super) fn other_origin(&self, with_auth: bool) {
        let stats = &mut self.lock().0;
        stats.other_origin_requests += 1;
        stats.other_origin_auth_headers += u64::from(with_auth);
    }

    pub(super) fn stats(&self) -> Stats {
        self.lock().0.clone()
    }

    pub(super) fn remembered(&self) -> Vec<Remembered> {
        self.lock().1.clone()
    }

    fn lock(&self) -> MutexGuard<'_, (Stats, Vec<Remembered>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
