//! Reads days: plans windows, has them walked, splits what does not fit, and reports each day when nothing of it is
//! missing any more.
//!
//! What the time filter being undocumented means for a day, whose rows are those that *start* in it:
//!
//! | row | seen | what follows |
//! | --- | --- | --- |
//! | D1 | a row with its start between the bounds of its request and its end after them | the filter takes starts: a day is complete when its own seconds are |
//! | D2 | a row with its end between the bounds and its start before them, and none of D1 | the filter takes ends: a day is complete when its own seconds and those of [`LONGEST_SESSION`] after it are, and only pages that cannot shift count |
//! | D3 | neither, but some row lasts for seconds | ask for the seconds around its start: it comes back (D1) or not (D2) |
//! | D4 | no row that could tell | ask for as long after the days as one request may: what starts in them and ends there shows up (D2) |
//! | D5 | most rows of a page outside its bounds by both times | the filter is not understood: unproven |
//!
//! Windows proven by several pages before D2 was seen, and all after them, are read again.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use chrono::{DateTime, Utc};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc::Sender;

use super::density::{Density, Target};
use super::error::{ApiError, Doubt, Unproven};
use super::fetch::Cost;
use super::http::Answer;
use super::page::{Page, Row};
use super::readings::{Filter, Readings, Unit};
use super::report::{DayReport, ReadingsReport, RunReport, WindowReport};
use super::request::{Ask, MAX_OFFSET};
use super::walk::{self, Head, Run, Verdict, Walk, Way};
use super::window::{Bounds, MAX_SECONDS, Window};
use super::{Day, Event, FetchedPage};

/// How long after its start a session may end: e-mail sessions stay open for up to 30 days.
pub const LONGEST_SESSION: i64 = 30 * 86_400;

/// Windows read at once, at most: beyond that, pages in memory grow and estimates rest on older windows.
const MAX_LANES: usize = 8;

/// Pages that a window is planned for, of the 11 that can be reached.
const PAGES: f64 = 9.2;

/// Runs kept, of 1,100 rows each: more than windows split into one another.
const RUNS: usize = 32;

/// What a reading needs to know beside the days.
pub(crate) struct Setting<'a> {
    pub(crate) days: &'a [Day],
    pub(crate) timezone_offset: i32,
    /// Seconds after which data has settled.
    pub(crate) settling: i64,
    pub(crate) now: &'a (dyn Fn() -> DateTime<Utc> + Sync),
    /// How many requests must be under way to use up the budget.
    pub(crate) lanes: &'a (dyn Fn() -> usize + Sync),
}

/// Seconds still to be read.
#[derive(Debug, Clone, Copy, Default)]
struct Gap {
    to: i64,
    /// Only pages that cannot shift will do: something moved here.
    single: bool,
    /// A width known better than by what lies before.
    width: Option<i64>,
    /// Whether a window that begins here has been too wide before.
    was_full: bool,
    /// Past the days, read only for what started in them.
    tail: bool,
}

#[derive(Debug, Clone)]
struct Task {
    way: Way,
    head: Head,
    gap: Gap,
    last_resort: bool,
}

/// Rows just inside and outside a boundary between two windows, once both are read.
#[derive(Debug, Default)]
struct Edge {
    left: Option<Side>,
    right: Option<Side>,
}

#[derive(Debug)]
struct Side {
    bounds: Bounds,
    /// Keys and times in the two seconds around the boundary.
    rows: Vec<(u64, i64)>,
}

#[derive(Debug)]
struct DayTally {
    day: Day,
    closed: bool,
    keys: HashSet<u64>,
    rows: u64,
    cost: Cost,
    windows: Vec<WindowReport>,
    unproven: Vec<Unproven>,
    read_from: Option<DateTime<Utc>>,
    read_until: Option<DateTime<Utc>>,
    is_reported: bool,
}

struct Reader<'a> {
    setting: Setting<'a>,
    events: &'a Sender<Event>,
    readings: Readings,
    density: Density,
    gaps: BTreeMap<i64, Gap>,
    under_way: BTreeMap<i64, i64>,
    /// Windows that have been read, by their first second.
    read: BTreeMap<i64, i64>,
    /// Windows proven by W2 while the filter was not known.
    provisional: Vec<Window>,
    edges: HashMap<i64, Edge>,
    /// What windows that were too wide have told of those inside them, the last [`RUNS`].
    runs: VecDeque<Run>,
    /// A row that lasts for seconds, for the experiment of D3.
    candidate: Option<Row>,
    /// D4 has been done, or D2 extended the reading.
    tail_is_planned: bool,
    days: Vec<DayTally>,
    run: RunReport,
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
    let mut run = reader.run;
    run.readings = ReadingsReport {
        offset_unit: reader.readings.unit,
        time_filter: reader.readings.filter(),
        counts_window: reader.readings.counts_window,
    };
    let outcome = match outcome {
        Ok(()) if run.unproven.is_empty() => Ok(()),
        Ok(()) => Err(ApiError::Incomplete(run.unproven.clone())),
        Err(error) => Err(error),
    };
    (run, outcome)
}

impl<'a> Reader<'a> {
    fn new(setting: Setting<'a>, events: &'a Sender<Event>) -> Self {
        let now = (setting.now)().timestamp();
        let mut gaps: BTreeMap<i64, Gap> = BTreeMap::new();
        let mut days = Vec::new();
        for day in setting.days {
            let closed = now >= day.window.to + setting.settling;
            days.push(DayTally {
                day: *day,
                closed,
                keys: HashSet::new(),
                rows: 0,
                cost: Cost::default(),
                windows: Vec::new(),
                unproven: Vec::new(),
                read_from: None,
                read_until: None,
                is_reported: false,
            });
            // What has not begun holds nothing.
            let to = day.window.to.min(now + 1);
            if to <= day.window.from {
                continue;
            }
            match gaps.last_entry() {
                Some(mut last) if last.get().to == day.window.from => last.get_mut().to = to,
                _ => {
                    gaps.insert(day.window.from, Gap { to, ..Gap::default() });
                }
            }
        }
        Self {
            readings: Readings::new(setting.timezone_offset),
            setting,
            events,
            density: Density::default(),
            gaps,
            under_way: BTreeMap::new(),
            read: BTreeMap::new(),
            provisional: Vec::new(),
            edges: HashMap::new(),
            runs: VecDeque::new(),
            candidate: None,
            tail_is_planned: false,
            days,
            run: RunReport::default(),
        }
    }

    async fn read<A, F>(&mut self, ask: &A) -> Result<(), ApiError>
    where
        A: Fn(Ask) -> F,
        F: Future<Output = Result<(Answer, Cost), ApiError>>,
    {
        let mut walks = FuturesUnordered::new();
        loop {
            while walks.len() < self.lanes() {
                let Some(task) = self.next_task() else { break };
                self.under_way.insert(task.way.window.from, task.way.window.to);
                walks.push(async move {
                    let walk = if task.last_resort {
                        walk::last_resort(ask, task.way).await
                    } else {
                        walk::walk(ask, task.way, &task.head).await
                    };
                    (task, walk)
                });
            }
            if let Some((task, walk)) = walks.next().await {
                self.under_way.remove(&task.way.window.from);
                self.take(task, walk?).await?;
            } else if !self.needs_tail() {
                break;
            }
            self.decide(ask).await?;
            self.report_days().await?;
        }
        if let Some(day) = self.days.first() {
            self.readings.finish_zone(day.day.window)?;
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
        let (from, gap) = self.gaps.pop_first()?;
        let asked_at = (self.setting.now)();
        let settled_to = asked_at.timestamp() - self.setting.settling;
        let is_paged = |readings: &Readings| {
            !gap.single
                && readings.unit != Some(Unit::Records)
                && readings.filter() != Some(Filter::End)
                && settled_to > from
        };
        let paged = is_paged(&self.readings);
        let full = self.readings.full as f64;
        let target = if paged {
            // The reach is 11 pages.
            Target {
                rows: full * PAGES,
                cautious: false,
            }
        } else {
            Target {
                rows: full * 0.78,
                cautious: false,
            }
        };
        let first_day = self
            .days
            .iter()
            .find(|day| day.day.window.contains(from))
            .map(|day| day.day.window.to);
        // Nothing is known but that it is dense: a small window tells how dense.
        let target = if gap.was_full && self.density.width(from, target).is_none() {
            Target {
                rows: full * 3.0,
                ..target
            }
        } else {
            target
        };
        let by_run = || self.width_by_run(from, target.rows).filter(|_| paged);
        let width = gap
            .width
            .or_else(by_run)
            .or_else(|| self.density.width(from, target));
        let width = width.unwrap_or_else(|| first_day.map_or(MAX_SECONDS, |to| to - from));
        let mut to = (from + width.clamp(1, MAX_SECONDS)).min(gap.to);
        if paged {
            // Beyond that, rows may still come in.
            to = to.min(settled_to);
        }
        if to < gap.to {
            self.gaps.insert(to, Gap { width: None, ..gap });
        }
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
            // What D4 reads is little, and a request more is a third of what an empty day may cost.
            full_is_known: self.readings.full_is_known || gap.tail,
            counts_window: self.readings.counts_window,
            is_first: self.density.width(from, target).is_none(),
        };
        Some(Task {
            way,
            head: if paged { self.head(bounds) } else { Head::default() },
            gap: Gap { to, ..gap },
            last_resort: window.seconds() == 1 && gap.was_full,
        })
    }

    async fn take(&mut self, task: Task, walk: Walk) -> Result<(), ApiError> {
        let window = walk.window;
        for (_, answer) in &walk.pages {
            self.readings.observe(window, walk.bounds, &answer.page)?;
            self.look_for_candidate(&answer.page);
        }
        self.readings.unit = self.readings.unit.or(walk.unit);
        self.readings.full_is_known |= walk.end_is_end;
        self.charge(window, &walk.cost);
        tracing::debug!(%window, verdict = ?walk.verdict, requests = walk.cost.requests, rows = walk.rows().count(),
            paged = task.way.paged, known = walk.before.len(), "window read");
        let again = |gap: Gap| (window.from, Gap { to: window.to, ..gap });
        match walk.verdict {
            Verdict::Proven => {
                let doubt = is_outside(&walk).then_some(Doubt::OutsideWindow);
                self.accept(walk, doubt).await?;
            }
            Verdict::Unproven(doubt) => self.accept(walk, Some(doubt)).await?,
            Verdict::Full(rows) => self.split(task, walk, rows).await?,
            Verdict::Moved => {
                self.run.windows_moved += 1;
                // One second that moved is for the last resort.
                let was_full = task.gap.was_full || window.seconds() == 1;
                let (from, gap) = again(Gap {
                    single: true,
                    width: None,
                    was_full,
                    ..task.gap
                });
                self.gaps.insert(from, gap);
            }
            Verdict::SmallPages(rows) => {
                self.readings.full = rows.max(1);
                self.readings.full_is_known = true;
                let (from, gap) = again(task.gap);
                self.gaps.insert(from, gap);
            }
        }
        Ok(())
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

    /// The width of a window from `from` on, by the bot sessions that a run has told of: where they are dense, so are
    /// the others.
    fn width_by_run(&self, from: i64, target: f64) -> Option<i64> {
        let run = self.runs.iter().rev().find(|run| run.window.contains(from))?;
        let bots = run
            .rows
            .iter()
            .filter(|row| !row.conversation)
            .filter_map(|row| row.start);
        let mut bots: Vec<i64> = bots.filter(|time| *time >= from).collect();
        bots.sort_unstable();
        let wanted = (target * self.density.bot_share()) as usize;
        // Fewer say too little.
        if wanted < 20 {
            return None;
        }
        match bots.get(wanted) {
            Some(time) => Some((time - from).max(1)),
            None if run.holds_all_bots() => Some(run.window.to - from),
            None => None,
        }
    }

    /// Takes apart a window that holds more than can be reached.
    async fn split(&mut self, task: Task, walk: Walk, rows: f64) -> Result<(), ApiError> {
        let window = walk.window;
        let half = (window.seconds() / 2).max(1);
        let rest = Gap {
            to: window.to,
            was_full: true,
            width: None,
            ..task.gap
        };
        let run = walk.run(self.readings.full).filter(|_| task.way.paged);
        let Some(run) = run else {
            let target = if task.way.paged { 8.5 } else { 0.7 } * self.readings.full as f64;
            let by_rows = (window.seconds() as f64 * target / rows.max(1.0)) as i64;
            let width = by_rows.clamp((half / 8).max(1), half);
            self.gaps.insert(
                window.from,
                Gap {
                    width: Some(width),
                    ..rest
                },
            );
            return Ok(());
        };
        // Conversations are listed downwards from the window's end, after all bot sessions: what lies after the last
        // one read is known, and one request proves it. Half a page is left for the seconds that bounds share.
        let reach = self.readings.full * (MAX_OFFSET as usize + 1) - self.readings.full / 2;
        let last = run
            .rows
            .iter()
            .take(reach)
            .rev()
            .find(|row| row.conversation)
            .and_then(|row| row.start);
        let mut known_from = last.map_or(window.to, |time| time + 1);
        // A bot session in the second that the window's bound shares with its neighbour stands at the very head of the
        // list, or does not: better to have none there.
        let is_bot_at = |second| {
            run.rows
                .iter()
                .any(|row| !row.conversation && row.start == Some(second))
        };
        while known_from < window.to && is_bot_at(known_from - 1) {
            known_from += 1;
        }
        let known = run
            .rows
            .iter()
            .filter(|row| row.start.is_some_and(|time| time >= known_from))
            .count();
        let worth_it = known_from > window.from && known_from < window.to && known > 2 * self.readings.full;
        if worth_it {
            let right = Gap {
                width: Some(window.to - known_from),
                ..rest
            };
            self.gaps.insert(known_from, right);
            let target = Target {
                rows: self.readings.full as f64 * PAGES,
                cautious: true,
            };
            if task.gap.was_full {
                // Too much by far: the next window from the beginning on must not be this long again.
                let middle = window.from + (known_from - window.from) / 2;
                if middle > window.from {
                    self.gaps.insert(
                        middle,
                        Gap {
                            to: known_from,
                            ..rest
                        },
                    );
                }
                self.gaps.insert(
                    window.from,
                    Gap {
                        to: middle.max(window.from + 1),
                        ..rest
                    },
                );
            } else {
                let by_rows = (window.seconds() as f64 * target.rows / rows.max(1.0)) as i64;
                let is_unknown = self.density.width(window.from, target).is_none();
                let width = is_unknown.then_some(by_rows.max(1));
                self.gaps.insert(
                    window.from,
                    Gap {
                        to: known_from,
                        width,
                        ..rest
                    },
                );
            }
            self.remember(run);
        } else {
            self.remember(run);
            let target = self.readings.full as f64 * PAGES;
            let by_run = self
                .width_by_run(window.from, target)
                .filter(|width| *width < window.seconds());
            let by_rows = (window.seconds() as f64 * target / rows.max(1.0)) as i64;
            let width = by_run.unwrap_or(if task.way.is_first {
                by_rows.clamp(1, half)
            } else {
                half
            });
            self.gaps.insert(
                window.from,
                Gap {
                    width: Some(width),
                    ..rest
                },
            );
        }
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
        self.read.insert(window.from, window.to);
        if let Some(doubt) = doubt {
            let unproven = Unproven { window, doubt };
            self.run.unproven.push(unproven);
            for day in self.days.iter_mut().filter(|day| touches(day.day.window, window)) {
                day.unproven.push(unproven);
            }
        } else if walk.pages.len() > 1 && self.readings.filter().is_none() {
            self.provisional.push(window);
        }
        let all = || walk.before.iter().chain(walk.rows());
        let times: Vec<i64> = all().filter_map(|row| self.readings.time(row)).collect();
        let bots = all().filter(|row| !row.conversation).count();
        self.density.add(window, times, bots);
        self.compare_edges(&walk);

        let rows = walk.rows().count() as u64;
        self.run.windows += 1;
        let unique = walk.rows().map(|row| row.key).collect::<HashSet<_>>().len() as u64;
        let report = WindowReport {
            window,
            pages: walk.pages.len() as u32,
            rows,
            unique,
            cost: walk.cost.clone(),
        };
        if let Some(day) = self.day_of(window) {
            day.windows.push(report);
        }
        self.deliver(walk).await
    }

    /// Counts the rows of pages and sends them on.
    async fn deliver(&mut self, walk: Walk) -> Result<(), ApiError> {
        let window = walk.window;
        self.run.rows += walk.rows().count() as u64;
        for row in walk.rows() {
            let Some(time) = row.start.or(row.clock) else {
                continue;
            };
            let day = self.days.iter_mut().find(|day| day.day.window.contains(time));
            if let Some(day) = day {
                day.rows += 1;
                day.keys.insert(row.key);
            }
        }
        for day in self.days.iter_mut().filter(|day| touches(day.day.window, window)) {
            for (_, answer) in &walk.pages {
                day.read_from = Some(
                    day.read_from
                        .map_or(answer.fetched_at, |at| at.min(answer.fetched_at)),
                );
                day.read_until = Some(
                    day.read_until
                        .map_or(answer.fetched_at, |at| at.max(answer.fetched_at)),
                );
            }
        }
        for (offset, answer) in walk.pages {
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

    /// Adds to the costs of the day that a window begins in.
    fn charge(&mut self, window: Window, cost: &Cost) {
        if let Some(day) = self.day_of(window) {
            day.cost.add(cost);
        }
    }

    /// The day that a window begins in; for one past the days, the last.
    fn day_of(&mut self, window: Window) -> Option<&mut DayTally> {
        let index = self.days.partition_point(|day| day.day.window.to <= window.from);
        let index = index.min(self.days.len().checked_sub(1)?);
        self.days.get_mut(index)
    }

    /// Holds the rows of two neighbouring windows against each other, to learn how bounds are counted.
    fn compare_edges(&mut self, walk: &Walk) {
        if self.readings.filter().is_none() {
            return;
        }
        let around = |boundary: i64| {
            let rows = walk
                .rows()
                .filter_map(|row| Some((row.key, self.readings.time(row)?)));
            let rows = rows
                .filter(|(_, time)| *time == boundary - 1 || *time == boundary)
                .collect();
            Some(Side {
                bounds: walk.bounds,
                rows,
            })
        };
        let (left, right) = (around(walk.window.from), around(walk.window.to));
        self.edges.entry(walk.window.from).or_default().right = left;
        self.edges.entry(walk.window.to).or_default().left = right;
        for boundary in [walk.window.from, walk.window.to] {
            let Some(Edge {
                left: Some(left),
                right: Some(right),
            }) = self.edges.get(&boundary)
            else {
                continue;
            };
            if right.bounds.start == boundary - 1 {
                let owed = left.rows.iter().filter(|(_, time)| *time == boundary - 1);
                for (key, _) in owed {
                    self.readings
                        .observe_start_edge(right.rows.iter().any(|row| row.0 == *key));
                }
            }
            if left.bounds.end == boundary {
                let owed = right.rows.iter().filter(|(_, time)| *time == boundary);
                for (key, _) in owed {
                    self.readings
                        .observe_end_edge(left.rows.iter().any(|row| row.0 == *key));
                }
            }
            self.edges.remove(&boundary);
        }
    }

    fn look_for_candidate(&mut self, page: &Page) {
        if self.candidate.is_some() || self.readings.filter().is_some() {
            return;
        }
        self.candidate = page.rows.iter().copied().find(|row| {
            row.start
                .zip(row.end)
                .is_some_and(|(start, end)| end - start >= 3)
        });
    }

    /// Settles the time filter when all days are read, and does what follows from it.
    async fn decide<A, F>(&mut self, ask: &A) -> Result<(), ApiError>
    where
        A: Fn(Ask) -> F,
        F: Future<Output = Result<(Answer, Cost), ApiError>>,
    {
        let days_are_read = self.under_way.is_empty() && self.gaps.values().all(|gap| gap.tail);
        if self.readings.filter().is_none() && days_are_read {
            let tail_is_read = self.tail_is_planned && self.gaps.is_empty();
            if let Some(row) = self.candidate.filter(|_| !tail_is_read) {
                self.experiment(ask, row).await?;
            } else if !self.tail_is_planned {
                self.tail_is_planned = true;
                self.plan_tails(MAX_SECONDS);
            }
        }
        match self.readings.filter() {
            Some(Filter::Start) => self.gaps.retain(|_, gap| !gap.tail),
            Some(Filter::End) if !self.run.reads_past_days => {
                self.run.reads_past_days = true;
                // Sessions that ended later meanwhile may have left what is read again for what had been read.
                if let Some(first) = self.provisional.iter().map(|window| window.from).min() {
                    for (from, to) in self.read.split_off(&first) {
                        self.gaps.insert(
                            from,
                            Gap {
                                to,
                                single: true,
                                ..Gap::default()
                            },
                        );
                    }
                }
                self.provisional.clear();
                self.plan_tails(LONGEST_SESSION);
            }
            _ => {}
        }
        Ok(())
    }

    /// D3.
    async fn experiment<A, F>(&mut self, ask: &A, row: Row) -> Result<(), ApiError>
    where
        A: Fn(Ask) -> F,
        F: Future<Output = Result<(Answer, Cost), ApiError>>,
    {
        let Some(start) = row.start else { return Ok(()) };
        let window = Window::new(start, start + 1);
        let (answer, cost) = ask(Ask::page(window, window.wide(), 0)).await?;
        self.charge(window, &cost);
        self.readings.observe(window, window.wide(), &answer.page)?;
        let came_back = answer.page.rows.iter().any(|other| other.key == row.key);
        self.readings
            .decide(if came_back { Filter::Start } else { Filter::End });
        Ok(())
    }

    /// Plans to read `seconds` past the end of every day, as far as there is anything and it is not planned yet.
    fn plan_tails(&mut self, seconds: i64) {
        let now = (self.setting.now)().timestamp() + 1;
        let days: Vec<Window> = self.days.iter().map(|day| day.day.window).collect();
        for day in days {
            let to = (day.to + seconds).min(now);
            let planned = self.gaps.iter().map(|(from, gap)| (*from, gap.to));
            let known = self
                .read
                .iter()
                .chain(&self.under_way)
                .map(|(from, to)| (*from, *to));
            let mut taken: Vec<(i64, i64)> = planned.chain(known).filter(|(_, to)| *to > day.to).collect();
            taken.sort_unstable();
            taken.push((to, i64::MAX));
            let mut from = day.to;
            for (taken_from, taken_to) in taken {
                let gap_to = taken_from.min(to);
                if from < gap_to {
                    self.gaps.insert(
                        from,
                        Gap {
                            to: gap_to,
                            tail: true,
                            ..Gap::default()
                        },
                    );
                }
                from = from.max(taken_to);
            }
        }
    }

    fn needs_tail(&self) -> bool {
        !self.gaps.is_empty() || (self.readings.filter().is_none() && !self.tail_is_planned)
    }

    /// Reports every day, in order, that nothing of is missing any more.
    async fn report_days(&mut self) -> Result<(), ApiError> {
        let now = (self.setting.now)().timestamp() + 1;
        let is_all_read = self.gaps.is_empty() && self.under_way.is_empty();
        let read_to = [self.gaps.keys().next(), self.under_way.keys().next()];
        let read_to = read_to.into_iter().flatten().min().copied().unwrap_or(i64::MAX);
        let past = match self.readings.filter() {
            Some(Filter::Start) => 0,
            Some(Filter::End) => LONGEST_SESSION,
            None if is_all_read && self.tail_is_planned => 0,
            None => return Ok(()),
        };
        for day in self.days.iter_mut().filter(|day| !day.is_reported) {
            if read_to < (day.day.window.to + past).min(now) {
                return Ok(());
            }
            day.is_reported = true;
            let report = DayReport {
                date: day.day.date,
                window: day.day.window,
                windows: std::mem::take(&mut day.windows),
                cost: std::mem::take(&mut day.cost),
                rows: day.rows,
                unique: std::mem::take(&mut day.keys).len() as u64,
                closed: day.closed,
                read_from: day.read_from,
                read_until: day.read_until,
                unproven: day.unproven.clone(),
            };
            send(self.events, Event::Day(Box::new(report))).await?;
        }
        Ok(())
    }
}

/// D5: three rows or more, and most of them, lie outside by both times, and not across.
fn is_outside(walk: &Walk) -> bool {
    let timed = walk.rows().filter_map(|row| row.start.zip(row.end));
    let (mut rows, mut outside) = (0, 0);
    for (start, end) in timed {
        rows += 1;
        let is_across = start < walk.bounds.start && end > walk.bounds.end;
        outside += usize::from(!walk.bounds.contains(start) && !walk.bounds.contains(end) && !is_across);
    }
    outside >= 3 && outside * 2 > rows
}

fn touches(left: Window, right: Window) -> bool {
    left.from < right.to && right.from < left.to
}

async fn send(events: &Sender<Event>, event: Event) -> Result<(), ApiError> {
    events.send(event).await.map_err(|_| ApiError::Stopped)
}
