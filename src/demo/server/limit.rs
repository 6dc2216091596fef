//! The limit of requests a minute.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Answers at most so many requests in any span of a minute's length. Refused requests do not count.
#[derive(Debug)]
pub(super) struct RateWindow {
    limit: usize,
    minute: Duration,
    answered: VecDeque<Instant>,
}

impl RateWindow {
    pub(super) fn new(limit: u32, minute: Duration) -> Self {
        Self {
            limit: limit as usize,
            minute,
            answered: VecDeque::new(),
        }
    }

    /// Takes a request's place, or says how long there is none.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        while self
            .answered
            .front()
            .is_some_and(|first| now.duration_since(*first) >= self.minute)
        {
            self.answered.pop_front();
        }
        if self.answered.len() < self.limit {
            self.answered.push_back(now);
            return Ok(());
        }
        let free = self
            .answered
            .front()
            .map_or(self.minute, |first| self.minute - now.duration_since(*first));
        Err(free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_span_of_a_minute_holds_more_than_the_limit() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut window = RateWindow::new(3, Duration::from_secs(60));
        assert!([0, 10, 20].iter().all(|s| window.take(at(*s)).is_ok()));
        assert_eq!(window.take(at(30)), Err(Duration::from_secs(30)));
        assert_eq!(window.take(at(59)), Err(Duration::from_secs(1)));
        assert_eq!(window.take(at(60)), Ok(()));
        assert_eq!(window.take(at(60)), Err(Duration::from_secs(10)));
        assert_eq!(window.take(at(70)), Ok(()));
    }

    #[test]
    fn a_limit_of_none_answers_nothing() {
        let mut window = RateWindow::new(0, Duration::from_secs(60));
        assert_eq!(window.take(Instant::now()), Err(Duration::from_secs(60)));
    }
}
