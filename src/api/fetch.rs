//! One answer, whatever it takes: budget, attempts, waits and one fresh token.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::Instant;

use super::auth::Auth;
use super::budget::Budget;
use super::clock::Clock;
use super::error::ApiError;
use super::http::{Attempt, Http, Received};
use super::request::Request;
use super::retry::{Cause, Failure, Retries, RetryPolicy};
use crate::progress::Progress;

/// Tries from which on a failure is told without being asked for: before, it may pass by itself.
const TOLD_TRIES: u32 = 3;

/// What something cost.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Cost {
    /// Requests made, failed ones counted in.
    pub requests: u64,
    /// Bytes of the pages received, decompressed.
    pub bytes: u64,
    /// Tries made again, by cause.
    pub retries: Retries,
    /// Seconds spent waiting for the rate budget.
    pub budget_wait_seconds: f64,
    /// Seconds spent waiting because a try had failed.
    pub retry_wait_seconds: f64,
}

impl Cost {
    /// Requests whose answer was of use.
    pub(crate) fn answered(&self) -> u64 {
        self.requests - self.retries.values().sum::<u64>()
    }

    /// Adds another cost to this one.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.bytes += other.bytes;
        for (cause, count) in &other.retries {
            *self.retries.entry(*cause).or_default() += count;
        }
        self.budget_wait_seconds += other.budget_wait_seconds;
        self.retry_wait_seconds += other.retry_wait_seconds;
    }
}

/// Asks until an answer comes or a bound is reached.
#[derive(Debug)]
pub(crate) struct Fetcher {
    http: Http,
    auth: Auth,
    budget: Budget,
    policy: RetryPolicy,
    random: Mutex<StdRng>,
    /// Seconds an attempt takes, smoothed.
    latency: Mutex<Option<f64>>,
    progress: Progress,
}

impl Fetcher {
    pub(crate) fn new(
        http: Http,
        auth: Auth,
        budget: Budget,
        policy: RetryPolicy,
        seed: u64,
        progress: Progress,
    ) -> Self {
        let random = Mutex::new(StdRng::seed_from_u64(seed));
        Self {
            http,
            auth,
            budget,
            policy,
            random,
            latency: Mutex::new(None),
            progress,
        }
    }

    /// The API's clock beside this machine's.
    pub(crate) fn clock(&self) -> &Clock {
        &self.http.clock
    }

    /// How many requests must be under way for the budget to be used up: one, unless an answer takes longer than
    /// the time between two slots.
    pub(crate) fn lanes(&self) -> usize {
        let latency = self
            .latency
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .unwrap_or_default();
        // The cast saturates; the caller has a ceiling of its own.
        (latency / self.budget.interval().as_secs_f64()).ceil() as usize + 1
    }

    /// Fetches an answer, and adds what that cost, also when it fails.
    pub(crate) async fn fetch<R: Request>(
        &self,
        asking: &R,
        cost: &mut Cost,
    ) -> Result<Received<R::Content>, ApiError> {
        let started = Instant::now();
        let mut token = self.auth.token();
        let mut renewed = false;
        let (mut tries, mut limited) = (0, 0);
        loop {
            let waited = self.budget.take().await;
            cost.budget_wait_seconds += waited.as_secs_f64();
            self.progress.rate_wait_ms.add(waited.as_millis() as u64);
            self.progress.requests.add(1);
            self.progress.retries.add(u64::from(tries > 0));
            tries += 1;
            cost.requests += 1;
            let sent = Instant::now();
            let attempt = self.http.attempt(asking, &token).await;
            self.observe(sent.elapsed());
            let failure = match attempt {
                Attempt::Received(received) => {
                    cost.bytes += received.body.len() as u64;
                    self.progress.bytes.add(received.body.len() as u64);
                    return Ok(received);
                }
                Attempt::Fatal(error) => return Err(error),
                Attempt::Unauthorized(words) => {
                    let refused = || ApiError::Auth { status: 401, words };
                    if renewed {
                        return Err(refused());
                    }
                    token = self.auth.renew(&token)?.ok_or_else(refused)?;
                    renewed = true;
                    *cost.retries.entry(Cause::Token).or_default() += 1;
                    continue;
                }
                Attempt::Retry(failure) => failure,
            };
            limited = match failure.cause {
                Cause::RateLimited => limited + 1,
                _ => 0,
            };
            let wait = {
                let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
                self.policy
                    .wait(&failure, tries, limited, started.elapsed(), &mut *random)
            };
            let Some(wait) = wait else {
                let Failure { cause, detail, .. } = failure;
                return Err(ApiError::RetryLater {
                    asked: asking.asked(),
                    tries,
                    cause,
                    detail,
                });
            };
            let (cause, seconds) = (failure.cause, wait.as_secs_f64());
            if tries < TOLD_TRIES {
                tracing::info!("ask for {} again in {seconds:.1} s: {cause}", asking.asked());
            } else {
                tracing::warn!(
                    "{tries} tries for {} failed, the next is in {seconds:.1} s: {cause}",
                    asking.asked()
                );
            }
            self.progress.pause(cause, wait);
            *cost.retries.entry(failure.cause).or_default() += 1;
            cost.retry_wait_seconds += wait.as_secs_f64();
            // What the server asks for, and a used-up minute, hold for every request of the account.
            if failure.retry_after.is_some() || failure.cause == Cause::RateLimited {
                self.budget.pause(wait);
            }
            tokio::time::sleep(wait).await;
        }
    }

    fn observe(&self, took: Duration) {
        let mut latency = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
        let took = took.as_secs_f64();
        *latency = Some(latency.map_or(took, |before| before * 0.8 + took * 0.2));
    }
}
