//! How far a run has come: one display on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::summary::{duration, grouped};
use super::voice::{LogFormat, note_with, voice};
use crate::progress::{Phase, Progress};

/// How often the display is drawn: often enough to look alive, seldom enough to be calm.
const FRAME: Duration = Duration::from_millis(250);

/// Runs that are over by then are not worth a display.
const FIRST_FRAME: Duration = Duration::from_millis(500);

/// What the bar takes of the first line.
const BAR_COLUMNS: usize = 20;

/// Columns left free at the right, so that neither the cursor nor an echoed `^C` wraps a line.
const MARGIN: usize = 4;

/// Columns of a terminal that does not say how many it has.
const USUAL_COLUMNS: usize = 80;

/// What is on the terminal: there is one terminal, so there is one of these.
static SCREEN: Mutex<Screen> = Mutex::new(Screen {
    frame: None,
    is_over: false,
});

/// The lines of the display. Nothing of them is padded to the end of its line, where an echoed `^C` would begin another, and a
/// terminal that is made narrower would wrap them.
struct Screen {
    /// The lines that stand there; none before the first frame and behind the last. The cursor is behind the second.
    frame: Option<[String; 2]>,
    /// Whether the process is about to exit, so that no other frame may come.
    is_over: bool,
}

impl Screen {
    fn get() -> MutexGuard<'static, Screen> {
        SCREEN.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts these lines in the place of those that are there. A terminal that is gone is no reason to end a run.
    fn replace(&mut self, frame: Option<[String; 2]>) {
        let frame = frame.filter(|_| !self.is_over);
        let mut text = self.frame.as_ref().map_or(String::new(), erasing);
        if let Some([first, second]) = &frame {
            text.push_str(&format!("{first}\r\n{second}"));
        }
        self.frame = frame;
        let _ = stderr().write_all(text.as_bytes());
    }
}

/// What removes the lines from the terminal. One that was made narrower may have wrapped them.
fn erasing(frame: &[String; 2]) -> String {
    let columns = columns();
    let rows: usize = frame
        .iter()
        .map(|line| line.chars().count().div_ceil(columns).max(1))
        .sum();
    format!("\r\x1b[{}A\x1b[J", rows - 1)
}

/// Columns of the terminal, asked anew each time, since the window may have another size by now.
fn columns() -> usize {
    match rustix::termios::tcgetwinsize(stderr()) {
        Ok(size) if size.ws_col > 0 => size.ws_col.into(),
        _ => USUAL_COLUMNS,
    }
}

/// Shows progress until it is dropped; then nothing of the display is left.
#[derive(Debug)]
pub(crate) struct Display {
    end: Option<mpsc::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Display {
    /// Shows the progress of a run; `name` is that of the account, where there are several. Elsewhere than on a terminal a line is
    /// written each `interval`, never where that is zero; nothing is shown where only warnings are asked for.
    pub(crate) fn show(progress: &Progress, name: Option<&str>, interval: Duration) -> Display {
        let (end, ended) = mpsc::channel();
        let name = name.map(|name| format!("{name}: ")).unwrap_or_default();
        let teller = Teller {
            progress: progress.clone(),
            name,
            ended,
        };
        let thread = match is_movable() {
            _ if voice().quiet => None,
            true => start(move || teller.draw()),
            false if interval.is_zero() => None,
            false => start(move || teller.tell(interval)),
        };
        Display {
            end: Some(end),
            thread,
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // A display that panicked has nothing to say any more.
            let _ = thread.join();
        }
    }
}

/// A run without a display is still a run.
fn start(show: impl FnOnce() + Send + 'static) -> Option<thread::JoinHandle<()>> {
    let named = thread::Builder::new().name("progress".to_string());
    named.spawn(show).ok()
}

/// Whether standard error is a terminal that can move its cursor.
fn is_movable() -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    voice().format != LogFormat::Json && !is_dumb && stderr().is_terminal()
}

/// Lets `write` write to the terminal as if there were no display.
pub(crate) fn beside_display<T>(write: impl FnOnce() -> T) -> T {
    let mut screen = Screen::get();
    let Some(frame) = screen.frame.clone() else {
        drop(screen);
        return write();
    };
    screen.replace(None);
    let written = write();
    screen.replace(Some(frame));
    written
}

/// Removes the display, for a process that is about to exit.
pub(crate) fn clear_display() {
    let mut screen = Screen::get();
    screen.is_over = true;
    screen.replace(None);
}

/// Tells of progress until it is told to end.
struct Teller {
    progress: Progress,
    name: String,
    ended: mpsc::Receiver<()>,
}

impl Teller {
    /// Waits; says whether to go on.
    fn wait(&self, time: Duration) -> bool {
        self.ended.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
    }

    fn draw(&self) {
        let mut time = FIRST_FRAME;
        while self.wait(time) {
            if let Some(phase) = self.progress.phase() {
                let frame = self.frame(&phase, columns());
                Screen::get().replace(Some(frame));
            }
            time = FRAME;
        }
        Screen::get().replace(None);
    }

    fn frame(&self, phase: &Phase, columns: usize) -> [String; 2] {
        let columns = columns.saturating_sub(MARGIN);
        let fraction = self.progress.fraction().unwrap_or_default();
        let head = format!(
            "{} {}{}",
            bar(fraction),
            self.name,
            headline(&self.progress, phase)
        );
        let details = details(&self.progress, phase).join(" · ");
        [cut(&head, columns), cut(&details, columns)]
    }

    fn tell(&self, interval: Duration) {
        while self.wait(interval) {
            let Some(phase) = self.progress.phase() else {
                continue;
            };
            let parts = [
                vec![headline(&self.progress, &phase)],
                details(&self.progress, &phase),
            ];
            let line = format!("{}{}", self.name, parts.concat().join(" · "));
            note_with(&line, &fields(&self.progress, &phase));
        }
    }
}

/// How much is done, of 0 to 1.
fn bar(fraction: f64) -> String {
    let halves = (fraction.clamp(0.0, 1.0) * (2 * BAR_COLUMNS) as f64) as usize;
    let tip = if halves % 2 == 1 { "╸" } else { "" };
    format!("{:<BAR_COLUMNS$}", "━".repeat(halves / 2) + tip)
}

/// `exporting 12 of 30 days, 3 min 20 s left`.
fn headline(progress: &Progress, phase: &Phase) -> String {
    let Phase {
        verb, unit, steps, ..
    } = phase;
    let done = grouped(progress.steps.get());
    let of = match steps {
        0 => String::new(),
        steps => format!(" of {}", grouped(*steps)),
    };
    let left = progress
        .time_left()
        .map(|left| format!(", {} left", duration(left.as_secs_f64())))
        .unwrap_or_default();
    format!("{verb} {done}{of} {unit}{left}")
}

/// What there is to say beside, most telling first: the end is cut where the terminal is narrow.
fn details(progress: &Progress, phase: &Phase) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some(pause) = progress.paused() {
        let wait = pause.until.saturating_duration_since(Instant::now());
        parts.push(format!(
            "next try in {}: {}",
            duration(wait.as_secs_f64()),
            pause.cause
        ));
    }
    let records = progress.records.get();
    if records > 0 {
        parts.push(format!("{} records", grouped(records)));
    }
    let of_phase = records - phase.records_before.min(records);
    if of_phase > 0 {
        let rate = of_phase as f64 / phase.began.elapsed().as_secs_f64().max(0.001);
        parts.push(format!("{} a second", grouped(rate as u64)));
    }
    let bytes = progress.bytes.get();
    if bytes > 0 {
        parts.push(format!("{:.1} MB", bytes as f64 / 1e6));
    }
    let windows = progress.windows.get();
    if windows > 0 {
        parts.push(format!("{} windows", grouped(windows)));
    }
    let waited = progress.rate_wait_ms.get() / 1_000;
    if waited > 0 {
        parts.push(format!("waited {} for the rate", duration(waited as f64)));
    }
    parts
}

/// The same as numbers.
fn fields(progress: &Progress, phase: &Phase) -> Vec<(&'static str, u64)> {
    let mut fields = vec![
        ("steps_done", progress.steps.get()),
        ("steps", phase.steps),
        ("records", progress.records.get()),
        ("bytes", progress.bytes.get()),
        ("windows", progress.windows.get()),
        ("requests", progress.requests.get()),
        ("rate_wait_ms", progress.rate_wait_ms.get()),
    ];
    if let Some(left) = progress.time_left() {
        fields.push(("seconds_left", left.as_secs()));
    }
    fields
}

/// The text, at most so many characters of it; all that is shown takes one column a character.
fn cut(text: &str, columns: usize) -> String {
    text.chars().take(columns).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headline_says_how_far_and_how_long() {
        let progress = Progress::default();
        progress.begin("exporting", "days");
        progress.expect(1_204, 0);
        let shown = |progress: &Progress| headline(progress, &progress.phase().unwrap());
        assert_eq!(shown(&progress), "exporting 0 of 1,204 days");
        progress.steps.add(1_204);
        assert_eq!(shown(&progress), "exporting 1,204 of 1,204 days, 0 s left");
        progress.begin("reading", "files");
        assert_eq!(shown(&progress), "reading 0 files");
    }

    #[test]
    fn details_are_what_has_been_counted() {
        let progress = Progress::default();
        progress.begin("exporting", "days");
        let shown = |progress: &Progress| details(progress, &progress.phase().unwrap());
        assert!(shown(&progress).is_empty());
        progress.bytes.add(12_340_000);
        progress.windows.add(3);
        progress.rate_wait_ms.add(61_900);
        assert_eq!(
            shown(&progress),
            ["12.3 MB", "3 windows", "waited 1 min 1 s for the rate"]
        );
        progress.pause("a server error", Duration::from_secs(60));
        assert_eq!(shown(&progress)[0], "next try in 1 min 0 s: a server error");
    }

    #[test]
    fn the_bar_has_its_columns_however_much_is_done() {
        assert_eq!(bar(0.0), " ".repeat(20));
        assert_eq!(bar(0.125).trim_end(), "━━╸");
        assert_eq!(bar(1.0), "━".repeat(20));
        for fraction in [-1.0, 0.03, 0.5, 0.99, 2.0, f64::NAN] {
            assert_eq!(bar(fraction).chars().count(), 20, "{fraction}");
        }
    }

    #[test]
    fn what_is_too_long_is_cut_by_characters() {
        assert_eq!(cut("3 · 4", 3), "3 ·");
        assert_eq!(cut("3 · 4", 80), "3 · 4");
    }
}
