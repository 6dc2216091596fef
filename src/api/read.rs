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
//! | D8 | D1, but few rows of it, or some of D2 as well | the filter may take an end before the one in the record, as without after-call work | D4 with the longest session, before a day is reported |
//! | D5 | no row that could tell | look at one page of the days after: its rows tell (D1 to D4), or it is the whole list and none of it began in the days, which leaves out only sessions that last longer than the look; where it is neither, shorter looks, and then reading on as for D2, which is right under every filter |
//! | D6 | most rows of a window outside its bounds otherwise | the filter is not understood: unproven |
//! | D7 | nothing yet | one page of the first day and those after it: no row, and the day is empty; only rows after the days, and one request up to where the first of them is under way says whether starts count (it is there) and that nothing began before it |
//!
//! D7 makes an empty day cost one request, or two where busy days follow; D4 and D5 are for what it leaves open. Pages
//! without a row of the days asked for are not delivered.
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
use super::report::{ReadingsReport, RunReport, WindowReport, WindowVerdict};
use super::request::{Ask, MAX_OFFSET};
use super::run::{Head, Run};
use super::spool::{Entry, Spool};
use super::tally::{Tally, distinct};
use super::walk::{self, Verdict, Walk, Way};
use super::window::{Bounds, MAX_SECONDS, Window};
use super::{Day, Event, FetchedPage};
use crate::progress::Progress;

mod plan;
mod settle;
#[cfg(test)]
mod tests;

/// How long after its start a session may end: e-mail sessions stay open for up to 30 days.
pub const LONGEST_SESSION: i64 = 30 * 86_400;

/// Windows read at once, at most: beyond that, pages in memory grow and estimates rest on older windows.
pub(crate) const MAX_LANES: usize = 8;

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
    /// Where windows and records are counted, and as work the seconds of the days that were read.
    pub(crate) progress: &'a Progress,
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
    /// The first second of windows proven by several pages, or several at once, while the filter was not sure.
    provisional: Option<i64>,
    /// What windows that were too wide have told of those inside them, the last [`RUNS`].
    runs: VecDeque<Run>,
    /// A row that lasts for seconds, for the experiment of D4.
    candidate: Option<Row>,
    /// Where something may still tell the filter if the days do not.
    places: VecDeque<settle::Place>,
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
        limit_per_part: readings.limit_per_part,
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
            places: settle::places(&coverage, now),
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
        self.look_first(ask).await?;
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
            && (self.readings.unit.is_some() || self.readings.full_is_known || self.readings.ended > 0);
        if is_known {
            (self.setting.lanes)().clamp(1, MAX_LANES)
        } else {
            1
        }
    }

    async fn take(&mut self, task: Task, walk: Walk) -> Result<(), ApiError> {
        let window = walk.window;
        for (offset, answer) in &walk.pages {
            self.readings
                .observe(window, walk.bounds, *offset, &answer.page)?;
            self.look_for_candidate(&answer.page);
        }
        let reached = &mut self.readings.sizes.reached;
        *reached = walk.reached.max(*reached);
        self.readings.unit = self.readings.unit.or(walk.unit);
        self.readings.ended = self.readings.ended.max(walk.ended);
        self.tally.charge(window, &walk.cost);
        self.spend(&task, &walk);
        tracing::debug!(%window, verdict = ?walk.verdict, requests = walk.cost.requests, rows = walk.rows().count(),
            paged = task.way.paged, known = walk.before.len(), "window read");
        let again = Gap {
            to: window.to,
            ..task.gap
        };
        match walk.verdict {
            // It was asked for when a short page still was an end.
            Verdict::Proven | Verdict::Unproven(_) | Verdict::FallsShort
                if self.readings.may_fall_short != task.way.may_fall_short =>
            {
                self.coverage.open(window.from, again);
                Ok(())
            }
            Verdict::Proven if self.is_outside(&walk) => self.accept(walk, Some(Doubt::OutsideWindow)).await,
            Verdict::Proven => {
                self.save(&walk, true).await?;
                self.accept(walk, None).await
            }
            Verdict::Unproven(doubt) => self.accept(walk, Some(doubt)).await,
            Verdict::Full(rows) => self.split(task, walk, rows).await,
            Verdict::Moved => {
                self.run.windows_moved += 1;
                // One second that moved is for the last resort, and what moves as a single page for narrower ones.
                let was_full = task.gap.was_full || window.seconds() == 1;
                let width = (!task.way.paged).then_some((window.seconds() / 2).max(1));
                self.coverage.open(
                    window.from,
                    Gap {
                        single: true,
                        width,
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
            Verdict::FallsShort => {
                self.coverage.open(window.from, again);
                self.begin_anew()
            }
        }
    }

    /// Has all windows read again: that they ended was told by a short page, which ends nothing. Days that were reported get
    /// what they lack as rows that came along.
    fn begin_anew(&mut self) -> Result<(), ApiError> {
        tracing::info!(
            "rows stand behind a page that was not full: every list is read until an empty page comes"
        );
        self.readings.may_fall_short = true;
        // A full page of both parts may have been two of a smaller limit for each.
        self.readings.limit_per_part = self.readings.limit_per_part.filter(|per_part| *per_part);
        self.runs.clear();
        self.provisional = None;
        self.coverage.reopen(i64::MIN, false);
        self.run.unproven.clear();
        self.tally.forget_windows();
        match self.setting.spool {
            Some(spool) => spool.clear(),
            None => Ok(()),
        }
    }

    /// Says what a walk's requests were for.
    fn spend(&mut self, task: &Task, walk: &Walk) {
        let spent = &mut self.run.spent;
        let answered = walk.cost.answered();
        spent.retries += walk.cost.requests - answered;
        if !matches!(walk.verdict, Verdict::Proven | Verdict::Unproven(_)) {
            spent.split += answered;
            return;
        }
        let pages = answered.min(walk.pages.len() as u64);
        spent.checks += answered - pages;
        if task.gap.tail {
            spent.past_days += pages;
        } else {
            spent.pages += pages;
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
        } else if !self.readings.filter_is_sure()
            && (walk.pages.len() > 1 || self.readings.filter().is_some())
        {
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
        self.setting.progress.windows.add(1);
        self.setting.progress.work.add(self.tally.seconds_of_days(window));
        self.tally.add_window(WindowReport {
            window,
            pages: walk.pages.len() as u32,
            rows: walk.rows().count() as u64,
            unique: distinct(walk.rows()) as u64,
            cost: walk.cost.clone(),
            verdict: doubt.map_or(WindowVerdict::Proven, WindowVerdict::Unproven),
        });
        self.deliver(walk).await
    }

    /// Counts the rows of pages and sends them on.
    async fn deliver(&mut self, walk: Walk) -> Result<(), ApiError> {
        let window = walk.window;
        let rows = walk.rows().count() as u64;
        self.run.rows += rows;
        self.setting.progress.records.add(rows);
        for (offset, answer) in walk.pages {
            self.tally.count(window, &answer);
            if !answer.page.rows.iter().any(|row| self.is_of_days(row)) {
                continue;
            }
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
            for (offset, answer) in &pages {
                self.readings.observe(window, bounds, *offset, &answer.page)?;
                self.look_for_candidate(&answer.page);
            }
            self.readings.unit = self.readings.unit.or(unit);
            if let (None, Some(filter)) = (self.readings.filter(), filter) {
                self.readings.believe(filter);
            }
            // Several pages prove a window only where rows cannot leave it.
            let takes_starts = [filter, self.readings.filter()] == [Some(Filter::Start); 2];
            let is_proven = is_proven && (pages.len() == 1 || takes_starts);
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

    /// Reports every day, in order, that nothing of is missing any more.
    async fn report_days(&mut self) -> Result<(), ApiError> {
        let now = (self.setting.now)().timestamp();
        let read_to = self.coverage.read_to();
        if !self.readings.filter_is_sure() && self.candidate.is_some() {
            return Ok(());
        }
        let past = match self.readings.filter() {
            Some(Filter::Start) => 0,
            None if !self.coverage.is_done() || !self.filter_is_settled() => return Ok(()),
            None => 0,
            Some(_) => self.past.unwrap_or(i64::MAX),
        };
        let is_read = |day: Window| read_to == i64::MAX || read_to >= day.to.saturating_add(past).min(now);
        while let Some(report) = self.tally.report_next(is_read) {
            // Too few rows for a verdict page by page may be enough by now.
            self.readings.finish_zone(report.window)?;
            self.run.records += report.unique;
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
