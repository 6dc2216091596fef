//! Reads days: plans windows, has them walked, takes apart what does not fit, and reports each day when nothing of it
//! is missing any more.
//!
//! Which time of a session the API filters on is not documented. What that means for a day, whose rows are those that
//! *start* in it:
//!
//! | row | seen | what follows |
//! | --- | --- | --- |
//! | D1 | rows with their start between the bounds of their request and their end after them | the filter takes starts: a day is complete when its own seconds are |
//! | D2 | rows with their end between the bounds and their start before, and few of D1 | the filter takes ends: a day is complete when its own seconds and those of [`LONGEST_SESSION`] after it are, and only single pages prove |
//! | D3 | rows that began and ended before the bounds, and few of D1 | the filter takes the last change: as D2, but up to now |
//! | D4 | none of these, but some row lasts for seconds | ask for the seconds around its start: it comes back (D1) or not (D2) |
//! | D5 | no row that could tell | ask for as long after the days as one request may: what starts in them and ends there shows up (D2) |
//! | D6 | most rows of a window outside its bounds otherwise | the filter is not understood: unproven |
//!
//! Windows proven by several pages before D2 or D3 was seen, and all after them, are read again. Under D2 and D3 one
//! window is read after the other: a session that changes meanwhile moves to a later one, which is still to come.

use std::collections::{HashSet, VecDeque};

use chrono::{DateTime, Utc};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc::Sender;

use super::coverage::{Coverage, Gap};
use super::density::{Density, Target};
use super::edges::Edges;
use super::error::{ApiError, Doubt, Unproven};
use super::fetch::Cost;
use super::http::Answer;
use super::last_resort;
use super::page::{Page, Row};
use super::readings::{Filter, Readings, Unit};
use super::report::{ReadingsReport, RunReport, WindowReport};
use super::request::{Ask, MAX_OFFSET};
use super::run::{Head, Run};
use super::spool::{Entry, Spool};
use super::tally::{Tally, distinct};
use super::walk::{self, Verdict, Walk, Way};
use super::window::{Bounds, MAX_SECONDS, Window};
use super::{Day, Event, FetchedPage};

/// How long after its start a session may end: e-mail sessions stay open for up to 30 days.
pub const LONGEST_SESSION: i64 = 30 * 86_400;

/// Windows read at once, at most: beyond that, pages in memory grow and estimates rest on older windows.
const MAX_LANES: usize = 8;

/// Pages that a window is planned for, of the 11 that can be reached: fuller ones cost less, too full ones are read
/// twice in part.
const PAGES: f64 = 9.2;

/// Share of a page that a window of one page is planned for.
const SINGLE: f64 = 0.78;

/// Pages of a window where it is known only that the density is high.
const FIRST_PAGES: f64 = 3.0;

/// Runs kept, of 1,100 rows each: more than windows split into one another.
const RUNS: usize = 32;

/// How often seconds that passed while reading are read as well, where changed sessions move to the present.
const LAST_LOOKS: u32 = 3;

/// What a reading needs to know beside the days.
pub(crate) struct Setting<'a> {
    pub(crate) days: &'a [Day],
    pub(crate) spool: Option<&'a Spool>,
    pub(crate) timezone_offset: i32,
    /// Seconds after which data has settled.
    pub(crate) settling: i64,
    pub(crate) now: &'a (dyn Fn() -> DateTime<Utc> + Sync),
    /// How many requests must be under way to use up the budget.
    pub(crate) lanes: &'a (dyn Fn() -> usize + Sync),
}

/// A window about to be walked.
#[derive(Debug, Clone)]
struct Task {
    way: Way,
    head: Head,
    gap: Gap,
    last_resort: bool,
}

struct Reader<'a> {
    setting: Setting<'a>,
    events: &'a Sender<Event>,
    readings: Readings,
    density: Density,
    coverage: Coverage,
    edges: Edges,
    tally: Tally,
    run: RunReport,
    /// The first second of windows proven by several pages while the filter was not known.
    provisional: Option<i64>,
    /// What windows that were too wide have told of those inside them, the last [`RUNS`].
    runs: VecDeque<Run>,
    /// A row that lasts for seconds, for the experiment of D4.
    candidate: Option<Row>,
    /// How far past the days the reading is planned, in seconds.
    past: Option<i64>,
    last_looks: u32,
}

/// Reads days and delivers events; the run's report comes back also when it fails.
pub(crate) async fn read_days<A, F>(
    ask: &A,
    setting: Setting<'_>,
    events: &Sender<Event>,
) -> (RunReport, Result<(), ApiError>)
where
    A: Fn(Ask) -> F,
    F: Future<Output = Result<(Answer, Cost), ApiError>>,
{
    let mut reader = Reader::new(setting, events);
    let outcome = reader.read(ask).await;
    let Reader {
        readings, mut run, ..
    } = reader;
    run.readings = ReadingsReport {
        offset_unit: readings.unit,
        time_filter: readings.filter(),
        counts_window: readings.counts_window,
    };
    let outcome = match outcome {
        Ok(()) if !run.unproven.is_empty() => Err(ApiError::Incomplete(run.unproven.clone())),
        outcome => outcome,
    };
    (run, outcome)
}

impl<'a> Reader<'a> {
    fn new(setting: Setting<'a>, events: &'a Sender<Event>) -> Self {
        let now = (setting.now)().timestamp();
        let mut coverage = Coverage::default();
        for day in setting.days {
            // What has not begun holds nothing.
            let to = day.window.to.min(now + 1);
            if day.window.from < to {
                coverage.plan_day(Window::new(day.window.from, to));
            }
        }
        Self {
            events,
            readings: Readings::new(setting.timezone_offset),
            density: Density::default(),
            coverage,
            edges: Edges::default(),
            tally: Tally::new(setting.days, setting.settling, now),
            run: RunReport::default(),
            provisional: None,
            runs: VecDeque::new(),
            candidate: None,
            past: None,
            last_looks: 0,
            setting,
        }
    }

    async fn read<A, F>(&mut self, ask: &A) -> Result<(), ApiError>
    where
        A: Fn(Ask) -> F,
        F: Future<Output = Result<(Answer, Cost), ApiError>>,
    {
        self.resume().await?;
        let mut walks = FuturesUnordered::new();
        loop {
            while walks.len() < self.lanes() {
                let Some(task) = self.next_task() else { break };
                self.coverage.begin(task.way.window);
                walks.push(async move {
                    let walk = if task.last_resort {
                        last_resort::walk(ask, task.way).await
                    } else {
                        walk::walk(ask, task.way, &task.head).await
                    };
                    (task, walk)
                });
            }
            if let Some((task, walk)) = walks.next().await {
                self.coverage.end(task.way.window);
                self.take(task, walk?).await?;
            }
            self.settle_filter(ask).await?;
            self.report_days().await?;
            if walks.is_empty() && self.coverage.is_done() {
                break;
            }
        }
        if let Some(window) = self.tally.windows().next() {
            self.readings.finish_zone(window)?;
        }
        Ok(())
    }

    /// One window at a time until it is known that rows cannot leave one window for another while they are read.
    fn lanes(&self) -> usize {
        let is_known = self.readings.filter() == Some(Filter::Start)
            && (self.readings.unit.is_some() || self.readings.full_is_known);
        if is_known {
            (self.setting.lanes)().clamp(1, MAX_LANES)
        } else {
            1
        }
    }

    /// The first seconds still to be read, as a window of the width that suits them.
    fn next_task(&mut self) -> Option<Task> {
        let (from, gap) = self.coverage.next()?;
        let settled_to = (self.setting.now)().timestamp() - self.setting.settling;
        let paged = !gap.single
            && self.readings.unit != Some(Unit::Records)
            && matches!(self.readings.filter(), None | Some(Filter::Start))
            && settled_to > from;
        let (width, is_first) = self.width(from, gap, paged);
        let mut to = (from + width.clamp(1, MAX_SECONDS)).min(gap.to);
        if paged {
            // Beyond that, rows may still come in.
            to = to.min(settled_to);
        }
        self.coverage.open(to, Gap { width: None, ..gap });
        let window = Window::new(from, to);
        let bounds = self.readings.bounds(window);
        let way = Way {
            window,
            bounds,
            paged,
            bot_share: self.density.bot_share(),
            unit: self.readings.unit,
            filter: self.readings.filter(),
            full: self.readings.full,
            // What D5 reads is little, and a request more is a third of what an empty day may cost.
            full_is_known: self.readings.full_is_known || gap.tail,
            counts_window: self.readings.counts_window,
            is_first,
        };
        Some(Task {
            way,
            head: if paged { self.head(bounds) } else { Head::default() },
            gap: Gap { to, ..gap },
            last_resort: window.seconds() == 1 && gap.was_full,
        })
    }

    /// The width for a window in seconds, and whether nothing is known of the density there.
    fn width(&self, from: i64, gap: Gap, paged: bool) -> (i64, bool) {
        let full = self.readings.full as f64;
        let rows = if paged { full * PAGES } else { full * SINGLE };
        let by_density = self.density.width(
            from,
            Target {
                rows,
                cautious: false,
            },
        );
        let is_first = by_density.is_none();
        // It is known that rows are dense, not how dense: a small window tells.
        let rows = if is_first && gap.was_full {
            rows.min(full * FIRST_PAGES)
        } else {
            rows
        };
        let by_run = || self.width_by_run(from, rows).filter(|_| paged);
        let whole_day = || {
            self.tally
                .day_window_at(from)
                .map_or(MAX_SECONDS, |day| day.to - from)
        };
        let width = gap.width.or_else(by_run).or(by_density).unwrap_or_else(whole_day);
        (width, is_first)
    }

    /// The width of a window from `from` on, by the bot sessions that a run has told of: where they are dense, so are
    /// the others.
    fn width_by_run(&self, from: i64, rows: f64) -> Option<i64> {
        let run = self.runs.iter().rev().find(|run| run.window.contains(from))?;
        let wanted = (rows * self.density.bot_share()) as usize;
        // Fewer say too little.
        if wanted < 20 {
            return None;
        }
        match run.bots_from(from).get(wanted) {
            Some(time) => Some((time - from).max(1)),
            None if run.holds_all_bots() => Some(run.window.to - from),
            None => None,
        }
    }

    /// What is known of the head of the list of `bounds` (W6); only a filter on starts keeps its rows in it.
    fn head(&self, bounds: Bounds) -> Head {
        if self.readings.filter() != Some(Filter::Start) {
            return Head::default();
        }
        let (start_counts, end_counts) = self.readings.bounds_count();
        let encloses = |run: &&Run| run.bounds.start <= bounds.start && bounds.end <= run.bounds.end;
        let heads = self
            .runs
            .iter()
            .filter(encloses)
            .map(|run| run.head(bounds, start_counts, end_counts));
        heads.max_by_key(|head| head.rows.len()).unwrap_or_default()
    }

    async fn take(&mut self, task: Task, walk: Walk) -> Result<(), ApiError> {
        let window = walk.window;
        for (_, answer) in &walk.pages {
            self.readings.observe(window, walk.bounds, &answer.page)?;
            self.look_for_candidate(&answer.page);
        }
        self.readings.unit = self.readings.unit.or(walk.unit);
        self.readings.full_is_known |= walk.end_is_end;
        self.tally.charge(window, &walk.cost);
        tracing::debug!(%window, verdict = ?walk.verdict, requests = walk.cost.requests, rows = walk.rows().count(),
            paged = task.way.paged, known = walk.before.len(), "window read");
        let again = Gap {
            to: window.to,
            ..task.gap
        };
        match walk.verdict {
            Verdict::Proven if self.is_outside(&walk) => self.accept(walk, Some(Doubt::OutsideWindow)).await,
            Verdict::Proven => {
                self.save(&walk, true).await?;
                self.accept(walk, None).await
            }
            Verdict::Unproven(doubt) => self.accept(walk, Some(doubt)).await,
            Verdict::Full(rows) => self.split(task, walk, rows).await,
            Verdict::Moved => {
                self.run.windows_moved += 1;
                // One second that moved is for the last resort.
                let was_full = task.gap.was_full || window.seconds() == 1;
                self.coverage.open(
                    window.from,
                    Gap {
                        single: true,
                        width: None,
                        was_full,
                        ..again
                    },
                );
                Ok(())
            }
            Verdict::SmallPages(rows) => {
                self.readings.full = rows.max(1);
                self.readings.full_is_known = true;
                self.coverage.open(window.from, again);
                Ok(())
            }
        }
    }

    /// Takes apart a window that holds more than can be reached.
    async fn split(&mut self, task: Task, walk: Walk, rows: f64) -> Result<(), ApiError> {
        let window = walk.window;
        let half = (window.seconds() / 2).max(1);
        let full = self.readings.full as f64;
        let rest = Gap {
            to: window.to,
            was_full: true,
            width: None,
            ..task.gap
        };
        let by_rows = |rows_wanted: f64| (window.seconds() as f64 * rows_wanted / rows.max(1.0)) as i64;
        let Some(run) = walk.run(self.readings.full).filter(|_| task.way.paged) else {
            let rows_wanted = if task.way.paged {
                full * PAGES
            } else {
                full * SINGLE
            };
            let width = by_rows(rows_wanted).clamp((half / 8).max(1), half);
            self.coverage.open(
                window.from,
                Gap {
                    width: Some(width),
                    ..rest
                },
            );
            return Ok(());
        };
        // Half a page is left for the seconds that bounds share.
        let reach = self.readings.full * (MAX_OFFSET as usize + 1) - self.readings.full / 2;
        let (known_from, known) = run.known_from(reach);
        self.remember(run);
        if window.from < known_from && known_from < window.to && known > 2 * self.readings.full {
            // One request proves what is known; what comes before it is still to be read.
            self.coverage.open(
                known_from,
                Gap {
                    width: Some(window.to - known_from),
                    ..rest
                },
            );
            if task.gap.was_full {
                // Too much by far: the next window from the beginning on must not be this long again.
                let middle = (window.from + (known_from - window.from) / 2).max(window.from + 1);
                self.coverage.open(window.from, Gap { to: middle, ..rest });
                self.coverage.open(
                    middle,
                    Gap {
                        to: known_from,
                        ..rest
                    },
                );
            } else {
                let width = task.way.is_first.then_some(by_rows(full * PAGES).max(1));
                self.coverage.open(
                    window.from,
                    Gap {
                        to: known_from,
                        width,
                        ..rest
                    },
                );
            }
        } else {
            let rows_wanted = if task.way.is_first {
                full * FIRST_PAGES
            } else {
                full * PAGES
            };
            let by_run = self
                .width_by_run(window.from, rows_wanted)
                .filter(|width| *width < window.seconds());
            let width = by_run.unwrap_or(if task.way.is_first {
                by_rows(rows_wanted).clamp(1, half)
            } else {
                half
            });
            self.coverage.open(
                window.from,
                Gap {
                    width: Some(width),
                    ..rest
                },
            );
        }
        self.save(&walk, false).await?;
        self.deliver(walk).await
    }

    fn remember(&mut self, run: Run) {
        self.runs.push_back(run);
        if self.runs.len() > RUNS {
            self.runs.pop_front();
        }
    }

    /// Takes a window as read, and delivers its pages.
    async fn accept(&mut self, walk: Walk, doubt: Option<Doubt>) -> Result<(), ApiError> {
        let window = walk.window;
        self.coverage.close(window);
        if let Some(doubt) = doubt {
            let unproven = Unproven { window, doubt };
            self.run.unproven.push(unproven);
            self.tally.add_doubt(unproven);
        } else if walk.pages.len() > 1 && self.readings.filter().is_none() {
            self.provisional = Some(
                self.provisional
                    .map_or(window.from, |first| first.min(window.from)),
            );
        }
        let all = || walk.before.iter().chain(walk.rows());
        // Of rows without a time it is known at least which window they are in.
        let middle = window.from + window.seconds() / 2;
        let times: Vec<i64> = all()
            .map(|row| self.readings.time(row).unwrap_or(middle))
            .collect();
        self.density
            .add(window, times, all().filter(|row| !row.conversation).count());
        self.edges.compare(&mut self.readings, window, walk.bounds, all());
        self.run.windows += 1;
        self.tally.add_window(WindowReport {
            window,
            pages: walk.pages.len() as u32,
            rows: walk.rows().count() as u64,
            unique: distinct(walk.rows()) as u64,
            cost: walk.cost.clone(),
        });
        self.deliver(walk).await
    }

    /// Counts the rows of pages and sends them on.
    async fn deliver(&mut self, walk: Walk) -> Result<(), ApiError> {
        let window = walk.window;
        self.run.rows += walk.rows().count() as u64;
        for (offset, answer) in walk.pages {
            self.tally.count(window, &answer);
            let Answer { body, fetched_at, .. } = answer;
            send(
                self.events,
                Event::Page(FetchedPage {
                    body,
                    fetched_at,
                    window,
                    offset,
                }),
            )
            .await?;
        }
        Ok(())
    }

    /// Keeps what a window's pages have cost.
    async fn save(&self, walk: &Walk, is_proven: bool) -> Result<(), ApiError> {
        let Some(spool) = self.setting.spool else {
            return Ok(());
        };
        let entry = Entry {
            window: walk.window,
            bounds: walk.bounds,
            is_proven,
            leans_on: walk.leans_on,
            unit: self.readings.unit,
            filter: self.readings.filter(),
            pages: walk.pages.clone(),
        };
        spool.save(entry).await
    }

    /// Takes up what an earlier run has fetched and not published.
    async fn resume(&mut self) -> Result<(), ApiError> {
        let Some(spool) = self.setting.spool else {
            return Ok(());
        };
        let now = (self.setting.now)();
        let days: Vec<Window> = self.tally.windows().collect();
        let mut taken = HashSet::new();
        for kept in spool.kept()? {
            let is_of_days = days.iter().any(|day| day.touches(kept.window));
            if !is_of_days && days.iter().all(|day| kept.window.from < day.to) {
                continue;
            }
            let Some(entry) = kept.load(self.setting.timezone_offset, self.setting.settling, now)? else {
                continue;
            };
            let Entry {
                window,
                bounds,
                is_proven,
                leans_on,
                unit,
                filter,
                pages,
            } = entry;
            let is_of_use = is_of_days || matches!(filter, Some(Filter::End | Filter::Update));
            if !is_of_use || leans_on.is_some_and(|window| !taken.contains(&window)) {
                continue;
            }
            for (_, answer) in &pages {
                self.readings.observe(window, bounds, &answer.page)?;
            }
            self.readings.unit = self.readings.unit.or(unit);
            if let (None, Some(filter)) = (self.readings.filter(), filter) {
                self.readings.decide(filter);
            }
            // Several pages prove a window only where rows cannot leave it.
            let is_proven = is_proven && (pages.len() == 1 || filter == Some(Filter::Start));
            let walk = Walk {
                leans_on,
                pages,
                ..Walk::new(window, bounds, unit)
            };
            self.run.windows_taken_up += 1;
            if is_proven {
                self.accept(walk, None).await?;
                continue;
            }
            taken.insert(window);
            if let Some(run) = walk.run(self.readings.full).filter(|_| leans_on.is_none()) {
                self.remember(run);
            }
            self.deliver(walk).await?;
        }
        Ok(())
    }

    fn look_for_candidate(&mut self, page: &Page) {
        if self.candidate.is_some() || self.readings.filter().is_some() {
            return;
        }
        let lasts = |row: &&Row| {
            row.start
                .zip(row.end)
                .is_some_and(|(start, end)| end - start >= 3)
        };
        self.candidate = page.rows.iter().find(lasts).copied();
    }

    /// Settles the time filter when all days are read, and does what follows from it.
    async fn settle_filter<A, F>(&mut self, ask: &A) -> Result<(), ApiError>
    where
        A: Fn(Ask) -> F,
        F: Future<Output = Result<(Answer, Cost), ApiError>>,
    {
        if self.readings.filter().is_none() && self.coverage.days_are_done() {
            let tail_is_read = self.past.is_some() && self.coverage.is_done();
            if let Some(row) = self.candidate.filter(|_| !tail_is_read) {
                self.experiment(ask, row).await?;
            } else if self.past.is_none() {
                self.plan_past(MAX_SECONDS);
            }
        }
        let past = match self.readings.filter() {
            None => return Ok(()),
            Some(Filter::Start) => {
                self.coverage.drop_tails();
                return Ok(());
            }
            Some(Filter::End) => LONGEST_SESSION,
            Some(Filter::Update) => i64::MAX,
        };
        if self.past.is_none_or(|planned| planned < past) {
            self.run.reads_past_days = true;
            // Sessions that changed meanwhile may have left what is read again for what had been read.
            if let Some(first) = self.provisional.take() {
                self.coverage.reopen(first);
            }
            self.plan_past(past);
        } else if self.coverage.is_done() && self.last_looks < LAST_LOOKS {
            // Only where the end of the tail is the present; then it has moved on.
            self.last_looks += 1;
            self.plan_past(past);
        }
        Ok(())
    }

    /// D4.
    async fn experiment<A, F>(&mut self, ask: &A, row: Row) -> Result<(), ApiError>
    where
        A: Fn(Ask) -> F,
        F: Future<Output = Result<(Answer, Cost), ApiError>>,
    {
        let Some(start) = row.start else { return Ok(()) };
        let window = Window::new(start, start + 1);
        let (answer, cost) = ask(Ask::page(window, window.wide(), 0)).await?;
        self.tally.charge(window, &cost);
        self.readings.observe(window, window.wide(), &answer.page)?;
        let came_back = answer.page.rows.iter().any(|other| other.key == row.key);
        self.readings
            .decide(if came_back { Filter::Start } else { Filter::End });
        Ok(())
    }

    /// Plans to read `seconds` past the end of every day, as far as there is anything and it is not planned yet.
    fn plan_past(&mut self, seconds: i64) {
        self.past = Some(seconds);
        let now = (self.setting.now)().timestamp() + 1;
        for day in self.tally.windows() {
            self.coverage
                .plan_tail(day.to, day.to.saturating_add(seconds).min(now));
        }
    }

    /// Reports every day, in order, that nothing of is missing any more.
    async fn report_days(&mut self) -> Result<(), ApiError> {
        let now = (self.setting.now)().timestamp();
        let read_to = self.coverage.read_to();
        let past = match self.readings.filter() {
            Some(Filter::Start) => 0,
            None if self.past.is_none() || !self.coverage.is_done() => return Ok(()),
            None => 0,
            Some(_) => self.past.unwrap_or(i64::MAX),
        };
        let is_read = |day: Window| read_to == i64::MAX || read_to >= day.to.saturating_add(past).min(now);
        while let Some(report) = self.tally.report_next(is_read) {
            send(self.events, Event::Day(Box::new(report))).await?;
        }
        Ok(())
    }

    /// D6: three rows or more, and most of them, lie outside by both times, neither across nor before.
    fn is_outside(&self, walk: &Walk) -> bool {
        let later = matches!(self.readings.filter(), Some(Filter::Update));
        let (mut rows, mut outside) = (0, 0);
        for (start, end) in walk.rows().filter_map(|row| row.start.zip(row.end)) {
            rows += 1;
            let is_across = start < walk.bounds.start && end > walk.bounds.end;
            let is_before = later && end < walk.bounds.start;
            let is_inside = walk.bounds.contains(start) || walk.bounds.contains(end);
            outside += usize::from(!is_inside && !is_across && !is_before);
        }
        outside >= 3 && outside * 2 > rows
    }
}

async fn send(events: &Sender<Event>, event: Event) -> Result<(), ApiError> {
    events.send(event).await.map_err(|_| ApiError::Stopped)
}
