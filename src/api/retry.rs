//! The retry policy: which wait follows a failed try, or none. Pure: time and randomness are arguments.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rand::RngExt;

/// Why a try failed that may succeed when made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The requests of a minute are used up, by us or by the account's other tools.
    RateLimited,
    /// A 5xx.
    Server,
    /// The connection was refused, reset or closed before an answer.
    Connection,
    /// No answer in time.
    Timeout,
    /// The body ended before its length, its last chunk or its compression did.
    Cut,
    /// The body is no page: HTML, cut JSON, or JSON without `data`.
    NotAPage,
    /// A refusal with the status of a success.
    Refused,
    /// The token was refused and signed afresh.
    Token,
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::RateLimited => "the rate limit",
            Self::Server => "a server error",
            Self::Connection => "the connection",
            Self::Timeout => "a timeout",
            Self::Cut => "a body cut off",
            Self::NotAPage => "a body that is no page",
            Self::Refused => "a refusal with status 200",
            Self::Token => "a refused token",
        })
    }
}

impl Cause {
    /// What to do where trying again did not help.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::RateLimited => "lower --rate where other tools use the account, or run it again later",
            Self::Connection => {
                "check --host (callake doctor tells what is in the way), or run it again later"
            }
            Self::NotAPage => "check that --host is the API's, or run it again later",
            Self::Refused => "check --account, --stream and --endpoint, or run it again later",
            Self::Server | Self::Timeout | Self::Cut | Self::Token => "run it again later",
        }
    }
}

/// How often each cause was met.
pub type Retries = BTreeMap<Cause, u64>;

/// A try that failed and may be made again.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) cause: Cause,
    /// `Retry-After`, already a duration.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) detail: String,
}

/// Bounds and waits of the policy.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Tries for one page, the first counted in.
    pub tries: u32,
    /// Time for one page, waits counted in. No wait begins that would end after it.
    pub within: Duration,
    /// The ceiling of the first wait; it doubles with each try.
    pub base: Duration,
    /// The ceiling of every wait that the server did not name.
    pub cap: Duration,
    /// How long a rate limit without `Retry-After` waits, and one that was met again though its `Retry-After` was obeyed: the
    /// minute that the documented limit counts.
    pub minute: Duration,
    /// The longest `Retry-After` that is obeyed as it stands.
    pub longest_retry_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            tries: 10,
            within: Duration::from_secs(15 * 60),
            base: Duration::from_millis(500),
            cap: Duration::from_secs(30),
            minute: Duration::from_secs(60),
            longest_retry_after: Duration::from_secs(5 * 60),
        }
    }
}

impl RetryPolicy {
    /// The wait after `tries` failed tries within `elapsed`, or `None` when a bound is reached. The last `limited` of them failed
    /// of the rate limit.
    pub(crate) fn wait(
        &self,
        failure: &Failure,
        tries: u32,
        limited: u32,
        elapsed: Duration,
        random: &mut impl RngExt,
    ) -> Option<Duration> {
        if tries >= self.tries {
            return None;
        }
        let ceiling = self
            .base
            .saturating_mul(2u32.saturating_pow(tries.saturating_sub(1)))
            .min(self.cap);
        let jitter = ceiling.mul_f64(random.random());
        let named = failure
            .retry_after
            .map(|named| named.min(self.longest_retry_after));
        // A little jitter on top, so that several clients told the same second do not meet again.
        let wait = match (named, failure.cause) {
            // What was named before was too short.
            (Some(named), Cause::RateLimited) if limited > 1 => {
                named.max(self.minute) + jitter.min(self.base)
            }
            (Some(named), _) => named + jitter.min(self.base),
            (None, Cause::RateLimited) => self.minute + jitter.min(self.base),
            (None, _) => jitter,
        };
        (elapsed + wait <= self.within).then_some(wait)
    }
}

/// `Retry-After`: seconds, or an HTTP date; a date in the past is no wait. `now` is the server's, which the date is written by.
pub(crate) fn retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds.max(0.0)).ok();
    }
    let date: DateTime<Utc> = httpdate::parse_http_date(value).ok()?.into();
    Some((date - now).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    fn failure(cause: Cause, retry_after: Option<u64>) -> Failure {
        Failure {
            cause,
            retry_after: retry_after.map(Duration::from_secs),
            detail: String::new(),
        }
    }

    fn wait(failure: &Failure, tries: u32, elapsed: u64) -> Option<Duration> {
        let mut random = StdRng::seed_from_u64(7);
        RetryPolicy::default().wait(failure, tries, 1, Duration::from_secs(elapsed), &mut random)
    }

    #[test]
    fn waits_have_full_jitter_under_a_doubling_ceiling() {
        let policy = RetryPolicy::default();
        let mut random = StdRng::seed_from_u64(7);
        for tries in 1..policy.tries {
            let ceiling = policy.base.saturating_mul(1 << (tries - 1)).min(policy.cap);
            let waits: Vec<_> = (0..200)
                .filter_map(|_| {
                    policy.wait(
                        &failure(Cause::Server, None),
                        tries,
                        0,
                        Duration::ZERO,
                        &mut random,
                    )
                })
                .collect();
            assert_eq!(waits.len(), 200);
            assert!(waits.iter().all(|wait| *wait <= ceiling), "try {tries}");
            assert!(
                waits.iter().any(|wait| *wait < ceiling / 4),
                "try {tries} never waits little"
            );
            assert!(
                waits.iter().any(|wait| *wait > ceiling * 3 / 4),
                "try {tries} never waits long"
            );
        }
    }

    #[test]
    fn a_seed_gives_the_same_waits_again() {
        let failure = failure(Cause::Cut, None);
        assert_eq!(wait(&failure, 3, 0), wait(&failure, 3, 0));
    }

    #[test]
    fn both_bounds_end_the_tries() {
        assert_eq!(wait(&failure(Cause::Server, None), 10, 0), None);
        assert_eq!(wait(&failure(Cause::Server, None), 1, 15 * 60), None);
    }

    #[test]
    fn a_rate_limit_waits_as_long_as_named_or_for_the_minute() {
        let seconds = |wait: Option<Duration>| wait.unwrap().as_secs();
        assert_eq!(seconds(wait(&failure(Cause::RateLimited, None), 1, 0)), 60);
        assert_eq!(seconds(wait(&failure(Cause::RateLimited, Some(7)), 1, 0)), 7);
        assert_eq!(seconds(wait(&failure(Cause::Server, Some(7)), 1, 0)), 7);
        assert_eq!(
            seconds(wait(&failure(Cause::RateLimited, Some(86_400)), 1, 0)),
            300,
            "clamped"
        );
    }

    #[test]
    fn a_rate_limit_met_again_waits_for_the_minute_whatever_is_named() {
        let policy = RetryPolicy::default();
        let wait = |named, limited| {
            let mut random = StdRng::seed_from_u64(7);
            let failure = failure(Cause::RateLimited, named);
            let wait = policy.wait(&failure, limited, limited, Duration::ZERO, &mut random);
            wait.unwrap().as_secs()
        };
        assert_eq!(wait(Some(0), 1), 0);
        for limited in 2..policy.tries {
            assert_eq!(wait(Some(0), limited), 60);
            assert_eq!(wait(Some(90), limited), 90);
            assert_eq!(wait(None, limited), 60);
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = "2025-09-30T12:00:00Z".parse().unwrap();
        let check = |value, expected: Option<u64>| {
            assert_eq!(
                retry_after(value, now),
                expected.map(Duration::from_secs),
                "{value:?}"
            );
        };
        check("120", Some(120));
        check(" 0 ", Some(0));
        check("-5", Some(0));
        check("Tue, 30 Sep 2025 12:00:42 GMT", Some(42));
        check("Tue, 30 Sep 2025 11:00:00 GMT", Some(0));
        check("soon", None);
        check("1e400", None);
        check("NaN", Some(0));
    }
}
