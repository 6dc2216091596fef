//! The API's clock, by the `Date` of its answers, beside this machine's.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

/// A difference up to which both clocks are taken for right.
const TOLERANCE: TimeDelta = TimeDelta::seconds(60);

/// `Date` counts whole seconds: it is up to this much earlier than the answer.
const RESOLUTION: TimeDelta = TimeDelta::seconds(1);

/// How far this machine's clock is ahead of the API's, by its last answer; clones are the same clock.
#[derive(Debug, Clone, Default)]
pub struct Clock(Arc<Mutex<TimeDelta>>);

impl Clock {
    /// Notes the date of an answer that came between two times of this machine. What the answer took explains that much of a
    /// difference.
    pub(crate) fn observe(&self, date: DateTime<Utc>, before: DateTime<Utc>, after: DateTime<Utc>) {
        let (least, most) = (before - date - RESOLUTION, after - date);
        let zero = TimeDelta::zero();
        let ahead = if least > zero { least } else { most.min(zero) };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ahead;
    }

    /// How far this machine's clock is ahead (behind, where negative); nothing where that is little or not known.
    pub fn ahead(&self) -> Option<TimeDelta> {
        let ahead = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (ahead.abs() > TOLERANCE).then_some(ahead)
    }

    /// A time of this machine's clock by the one of the two that is behind.
    pub fn by_earlier(&self, time: DateTime<Utc>) -> DateTime<Utc> {
        time - self.ahead().unwrap_or_default().max(TimeDelta::zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_what_the_answer_did_not_take() {
        let now = DateTime::from_timestamp(1_760_000_000, 0).unwrap();
        let check = |server: i64, took: i64, want: Option<i64>| {
            let clock = Clock::default();
            let seconds = TimeDelta::seconds;
            clock.observe(now + seconds(server), now, now + seconds(took));
            assert_eq!(clock.ahead(), want.map(seconds), "{server} s, {took} s");
            let earlier = want.unwrap_or_default().max(0);
            assert_eq!(clock.by_earlier(now), now - seconds(earlier));
        };
        check(0, 0, None);
        check(-61, 0, None);
        check(-62, 0, Some(61));
        check(-62, 100, Some(61));
        check(60, 0, None);
        check(61, 0, Some(-61));
        check(100, 100, None);
        check(161, 100, Some(-61));
        check(-7_200, 1, Some(7_199));
        assert_eq!(Clock::default().ahead(), None);
    }
}
