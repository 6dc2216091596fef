//! The rate budget: one bucket for every request of the process, each retry counted in.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Hands out one slot an interval and saves none up: a saved-up burst would put more requests than the rate into
/// some minute of the API's, wherever its minutes begin.
#[derive(Debug)]
pub(crate) struct Budget {
    interval: Duration,
    slots: Mutex<Slots>,
}

#[derive(Debug)]
struct Slots {
    next: Instant,
    paused_until: Instant,
}

/// How much longer than its share of a minute a slot is: what is sent in time may arrive late and the next in time, and
/// one request too many in a minute of the API's costs a whole minute's wait.
const SLACK: f64 = 1.02;

/// The time between two requests at so many a minute.
pub fn interval(per_minute: u32) -> Duration {
    (Duration::from_secs(60) / per_minute.max(1)).mul_f64(SLACK)
}

impl Budget {
    /// A budget of `per_minute` requests, at least one.
    pub(crate) fn new(per_minute: u32) -> Self {
        let now = Instant::now();
        Self {
            interval: interval(per_minute),
            slots: Mutex::new(Slots {
                next: now,
                paused_until: now,
            }),
        }
    }

    /// The time between two slots.
    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    /// Waits for a slot and says how long that took.
    pub(crate) async fn take(&self) -> Duration {
        let asked = Instant::now();
        loop {
            let slot = self.reserve(Instant::now());
            tokio::time::sleep_until(slot).await;
            // A pause that began while this request slept holds for it too.
            if self.slots().paused_until <= slot {
                return asked.elapsed();
            }
        }
    }

    /// Stops everybody for `wait`: the limit is the account's, not one request's.
    pub(crate) fn pause(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut slots = self.slots();
        slots.paused_until = slots.paused_until.max(until);
    }

    fn reserve(&self, now: Instant) -> Instant {
        let mut slots = self.slots();
        let slot = slots.next.max(slots.paused_until).max(now);
        slots.next = slot + self.interval;
        slot
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_an_interval_apart_and_none_are_saved_up() {
        let budget = Budget::new(60);
        let asked = Instant::now() + Duration::from_secs(9);
        let slots: Vec<Duration> = (0..3).map(|_| budget.reserve(asked) - asked).collect();
        assert_eq!(slots, [0, 1, 2].map(|slot| budget.interval() * slot));
    }

    #[test]
    fn no_minute_holds_more_requests_than_the_rate_though_one_comes_late() {
        for rate in [1, 30, 60, 600] {
            let late = interval(rate).mul_f64(f64::from(rate) * 0.015);
            assert!(interval(rate) * rate - late > Duration::from_secs(60), "{rate}");
            assert!(interval(rate) * rate < Duration::from_secs(62), "{rate}");
        }
    }

    #[test]
    fn a_pause_moves_every_later_slot() {
        let budget = Budget::new(60);
        let now = Instant::now();
        budget.pause(Duration::from_secs(30));
        assert!(budget.reserve(now) >= now + Duration::from_secs(30));
    }

    #[tokio::test]
    async fn a_pause_holds_for_those_who_already_sleep() {
        let budget = Budget::new(60 * 20);
        budget.take().await;
        let start = Instant::now();
        let (waited, ()) = tokio::join!(budget.take(), async { budget.pause(Duration::from_millis(300)) });
        assert!(waited >= Duration::from_millis(300), "{waited:?}");
        assert!(start.elapsed() >= Duration::from_millis(300));
    }
}
