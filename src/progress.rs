//! What a run has done so far: counted where it happens, read by whoever shows it.
//!
//! Counting is a relaxed atomic once a page, batch or file, never once a record, so that it costs nothing that can be measured.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The counts of one run; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Counts>);

impl std::ops::Deref for Progress {
    type Target = Counts;

    fn deref(&self) -> &Counts {
        &self.0
    }
}

/// A number that several threads add to. It orders nothing: a reader sees each count by itself.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to it.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// Replaces it.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// What it is now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What there is to count.
#[derive(Debug, Default)]
pub struct Counts {
    phase: Mutex<Option<Phase>>,
    pause: Mutex<Option<Pause>>,
    /// Steps of the phase that are done.
    pub steps: Counter,
    /// Work of the phase that is done, told as its [`Phase::work`] is.
    pub work: Counter,
    /// Windows of the API that were read.
    pub windows: Counter,
    /// Records read, those that came twice counted twice.
    pub records: Counter,
    /// Bytes read, decompressed where they are of records.
    pub bytes: Counter,
    /// Requests to the API, failed ones counted in.
    pub requests: Counter,
    /// Requests that were made again.
    pub retries: Counter,
    /// Milliseconds spent waiting for the rate budget, by all requests together.
    pub rate_wait_ms: Counter,
    /// Days whose files were published, or found to hold everything already.
    pub days_published: Counter,
    /// Days of the API that could not be proven complete.
    pub days_incomplete: Counter,
}

/// A part of a run that has an end of its own.
#[derive(Debug, Clone, Copy)]
pub struct Phase {
    /// What is done: `exporting`.
    pub verb: &'static str,
    /// What its steps are: `days`.
    pub unit: &'static str,
    /// Steps in all; 0 while that is not known.
    pub steps: u64,
    /// Work in all, in seconds of the API's time or in bytes; 0 where steps say as much.
    pub work: u64,
    /// Records that were read before it.
    pub records_before: u64,
    /// When it began.
    pub began: Instant,
}

/// A wait that is longer than what is usual between two requests.
#[derive(Debug, Clone)]
pub struct Pause {
    /// Why.
    pub cause: String,
    /// When it ends.
    pub until: Instant,
}

impl Counts {
    /// Begins a phase; what counts its steps and work starts anew.
    pub fn begin(&self, verb: &'static str, unit: &'static str) {
        self.steps.set(0);
        self.work.set(0);
        *locked(&self.phase) = Some(Phase {
            verb,
            unit,
            steps: 0,
            work: 0,
            records_before: self.records.get(),
            began: Instant::now(),
        });
    }

    /// Says how much there is to do in this phase.
    pub fn expect(&self, steps: u64, work: u64) {
        if let Some(phase) = locked(&self.phase).as_mut() {
            phase.steps = steps;
            phase.work = work;
        }
    }

    /// Says that this phase has so many steps more than were expected.
    pub fn expect_more(&self, steps: u64) {
        if let Some(phase) = locked(&self.phase).as_mut() {
            phase.steps += steps;
        }
    }

    /// The phase at work.
    pub fn phase(&self) -> Option<Phase> {
        *locked(&self.phase)
    }

    /// Says that nothing is asked for a while.
    pub fn pause(&self, cause: impl ToString, wait: Duration) {
        let (cause, until) = (cause.to_string(), Instant::now() + wait);
        *locked(&self.pause) = Some(Pause { cause, until });
    }

    /// The wait that is not over yet.
    pub fn paused(&self) -> Option<Pause> {
        locked(&self.pause)
            .clone()
            .filter(|pause| pause.until > Instant::now())
    }

    /// Which part of the phase is done, from 0 to 1; `None` while that is not known.
    pub fn fraction(&self) -> Option<f64> {
        let phase = self.phase()?;
        let (done, of) = match phase.work {
            0 => (self.steps.get(), phase.steps),
            work => (self.work.get(), work),
        };
        (of > 0).then(|| (done as f64 / of as f64).min(1.0))
    }

    /// How long the rest of the phase takes if it goes on as it went; `None` until enough is done to tell.
    pub fn time_left(&self) -> Option<Duration> {
        const ENOUGH: f64 = 0.01;
        let elapsed = self.phase()?.began.elapsed();
        let fraction = self.fraction().filter(|fraction| *fraction >= ENOUGH)?;
        Some(elapsed.mul_f64((1.0 - fraction) / fraction))
    }
}

fn locked<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_tells_how_much_of_it_is_done() {
        let progress = Progress::default();
        assert_eq!(progress.fraction(), None);
        progress.begin("verifying", "files");
        assert_eq!(progress.fraction(), None, "nothing is known of the end");
        progress.expect(4, 0);
        progress.clone().steps.add(1);
        assert_eq!(progress.fraction(), Some(0.25), "by steps");
        progress.expect(4, 1_000);
        progress.work.add(750);
        assert_eq!(progress.fraction(), Some(0.75), "by work, which is finer");
        progress.work.add(750);
        assert_eq!(
            progress.fraction(),
            Some(1.0),
            "what is done twice is no more than all"
        );
        progress.begin("publishing", "days");
        assert_eq!((progress.steps.get(), progress.fraction()), (0, None));
    }

    #[test]
    fn the_time_left_is_that_of_the_rest() {
        let progress = Progress::default();
        progress.begin("exporting", "days");
        progress.expect(10, 0);
        assert_eq!(progress.time_left(), None);
        std::thread::sleep(Duration::from_millis(20));
        progress.steps.add(5);
        let elapsed = progress.phase().unwrap().began.elapsed();
        let left = progress.time_left().unwrap();
        assert!(
            left >= elapsed && left < elapsed * 2,
            "{left:?} after {elapsed:?}"
        );
    }

    #[test]
    fn a_pause_is_over_by_itself() {
        let progress = Progress::default();
        progress.pause("a server error", Duration::from_secs(60));
        assert_eq!(progress.paused().unwrap().cause, "a server error");
        progress.pause("a server error", Duration::ZERO);
        assert!(progress.paused().is_none());
    }
}
