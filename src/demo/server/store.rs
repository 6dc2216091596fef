//! The records the server holds, found by time, and how they change.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::ops::Range;

use super::change::{Change, ChangeKind, ChangePlan};
use super::options::{LimitScope, OffsetUnit, PageOrder, Readings, Ties, WindowTime};
use crate::demo::calendar::{DAY, shuffled};
use crate::demo::outline::{Channel, Outline, Phase, Shape};
use crate::demo::pools;
use crate::demo::random::{Draw, mix, mix_unit};
use crate::demo::records::{Key, Sessions};
use crate::demo::session::{Destination, Session};

/// What is asked for: records whose time lies in the window and that pass the filters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    /// Seconds since 1970 in UTC.
    pub(super) window: Range<i64>,
    /// Channels by code or label; empty is all.
    pub(super) channels: Vec<String>,
    pub(super) outbound: Option<bool>,
    /// Queues by id; empty is all.
    pub(super) queues: Vec<String>,
    pub(super) limit: u64,
    pub(super) offset: u64,
}

/// One page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) rows: Vec<Outline>,
    /// How many records the whole window has.
    pub(super) total: u64,
}

/// The records, as they are now.
#[derive(Debug)]
pub(super) struct Store {
    sessions: Sessions,
    records: u64,
    seed: u64,
    readings: Readings,
    /// One part, or with the two-part order what ended at the bot and the conversations.
    parts: Vec<Part>,
    /// Rows that a change made different from what the data set draws, by index, with the request it followed.
    changed: HashMap<u64, (Outline, u64)>,
    /// Indices by the digits of the conversation id. Made when first needed.
    conversations: Option<HashMap<u128, u64>>,
    clock: Clock,
    plan: ChangePlan,
    drawn: u64,
    inserted: u64,
    last_window: Option<Range<i64>>,
    /// How many pages were asked for.
    pages: u64,
}

/// Rows in the order of the time that windows go by.
#[derive(Debug, Default)]
struct Part {
    rows: Vec<Outline>,
    descending: bool,
}

/// What of the data set has happened yet.
#[derive(Debug)]
struct Clock {
    /// Seconds since 1970; far in the future where everything has happened.
    now: i64,
    /// The first session that has not started.
    next: u64,
    /// When sessions that have started will be different.
    due: BinaryHeap<Reverse<(i64, u64)>>,
}

impl Store {
    /// Holds the sessions as they are at `now` (seconds since 1970), or as they end where there is no `now`.
    pub(super) fn new(sessions: Sessions, readings: Readings, plan: ChangePlan, now: Option<i64>) -> Self {
        let part = |descending| Part {
            rows: Vec::new(),
            descending,
        };
        let parts = match readings.order {
            PageOrder::TwoPart => vec![part(false), part(true)],
            PageOrder::Ascending => vec![part(false)],
            PageOrder::Descending => vec![part(true)],
        };
        let mut store = Self {
            records: sessions.dataset().records,
            seed: sessions.dataset().seed,
            sessions,
            readings,
            parts,
            changed: HashMap::new(),
            conversations: None,
            clock: Clock {
                now: now.unwrap_or(i64::MAX),
                next: 0,
                due: BinaryHeap::new(),
            },
            plan,
            drawn: 0,
            inserted: 0,
            last_window: None,
            pages: 0,
        };
        for row in store.started() {
            let part = store.part_of(&row);
            store.parts[part].rows.push(row);
        }
        let readings = store.readings.clone();
        for part in &mut store.parts {
            part.rows.sort_unstable_by_key(|row| rank(&readings, row));
        }
        store
    }

    /// The page that a query asks for.
    pub(super) fn page(&mut self, query: &Query) -> Page {
        self.last_window = Some(query.window.clone());
        self.pages += 1;
        let skip = match self.readings.offset_unit {
            OffsetUnit::Pages => query.offset.saturating_mul(query.limit),
            OffsetUnit::Records => query.offset,
        };
        let mut page = Page {
            rows: Vec::new(),
            total: 0,
        };
        let mut before = 0;
        for part in &self.parts {
            let matching = self.matching(part, query);
            let count = matching.len() as u64;
            page.total += count;
            let (skip, room) = match self.readings.limit_scope {
                LimitScope::Part => (skip, query.limit),
                LimitScope::Page => (skip.saturating_sub(before), query.limit - page.rows.len() as u64),
            };
            before += count;
            let from = skip.min(count) as usize;
            let to = skip.saturating_add(room).min(count) as usize;
            for position in from..to {
                let position = if part.descending {
                    count as usize - 1 - position
                } else {
                    position
                };
                page.rows.push(matching.get(self.untied(&matching, position)));
            }
        }
        let repeated = |row: &Outline| mix_unit(self.seed ^ self.pages, row.index) < self.readings.repeats;
        let repeats: Vec<Outline> = page.rows.iter().copied().filter(repeated).collect();
        page.rows.extend(repeats);
        page
    }

    /// The rows whose sessions start within a time (seconds since 1970), by start.
    pub(super) fn started_within(&self, time: &Range<i64>) -> Vec<Outline> {
        let rows = self.parts.iter().flat_map(|part| &part.rows);
        let mut rows: Vec<Outline> = rows.filter(|row| time.contains(&row.start)).copied().collect();
        rows.sort_unstable_by_key(|row| (row.start, row.index));
        rows
    }

    /// How many records there are.
    pub(super) fn len(&self) -> usize {
        self.parts.iter().map(|part| part.rows.len()).sum()
    }

    pub(super) fn key(&self, row: &Outline) -> Key {
        self.sessions.key(row)
    }

    pub(super) fn session(&self, row: &Outline) -> Session {
        self.sessions.session(row)
    }

    /// The request after which a row became as it is, if any.
    pub(super) fn changed_after(&self, row: &Outline) -> Option<u64> {
        self.changed.get(&row.index).map(|(_, after)| *after)
    }

    /// The session with a conversation of this id.
    pub(super) fn conversation(&mut self, id: &str) -> Option<Session> {
        let by_id = self.conversations.get_or_insert_with(|| {
            let settled = (0..self.records).map(|index| self.sessions.outline(index));
            let rows = settled.chain(self.changed.values().map(|(row, _)| *row));
            rows.filter_map(|row| Some((digits(&self.sessions.key(&row).conversation_id?)?, row.index)))
                .collect()
        });
        let index = *by_id.get(&digits(id)?)?;
        let row = self.row(index)?;
        let session = self.session(&row);
        (session.conversation_id.as_deref() == Some(id)).then_some(session)
    }

    /// Lets the clock of a live data set go on to `now`, in seconds since 1970.
    pub(super) fn advance(&mut self, now: i64) {
        if now <= self.clock.now {
            return;
        }
        let before = self.clock.now;
        self.clock.now = now;
        while let Some(Reverse((at, index))) = self.clock.due.peek().copied() {
            if at > now {
                break;
            }
            self.clock.due.pop();
            let settled = self.sessions.outline(index);
            let (Some(old), Some(new)) = (settled.as_of(before), settled.as_of(now)) else {
                continue;
            };
            if !self.changed.contains_key(&index) {
                self.replace(&old, new);
            }
            self.expect_change(&settled);
        }
        for row in self.started() {
            self.insert(row);
        }
    }

    /// Makes the changes that follow request `number`.
    pub(super) fn change_after(&mut self, number: u64) {
        let (due, later) = std::mem::take(&mut self.plan.scripted)
            .into_iter()
            .partition(|change| {
                change.after <= number && (change.at.is_some() || self.last_window.is_some())
            });
        self.plan.scripted = later;
        let mut due: Vec<Change> = due;
        if self.last_window.is_some()
            && let Some(drawn) = self.plan.draw(number, self.drawn)
        {
            self.drawn += 1;
            due.push(drawn);
        }
        for change in due {
            self.change(&change, number);
        }
    }

    fn change(&mut self, change: &Change, number: u64) {
        let mut draw = Draw::new(self.plan.seed ^ mix(0xc4a9, number));
        let last = self.last_window.clone().unwrap_or_default();
        let window = change.at.map_or(last, |at| at..i64::MAX);
        let new = match change.kind {
            ChangeKind::Insert => {
                let start = change
                    .at
                    .unwrap_or_else(|| draw.between(window.start, window.end - 1));
                let index = self.records + self.inserted;
                self.inserted += 1;
                let row = self.sessions.outline_at(index, start);
                self.insert(row);
                row
            }
            ChangeKind::Update => {
                let Some(old) = self.candidate(&mut draw, &window, change.at.is_some(), |_| true) else {
                    return;
                };
                let updated = later_that_day(&mut draw, old.updated);
                let new = Outline {
                    revision: old.revision + 1,
                    updated,
                    ..old
                };
                self.replace(&old, new);
                new
            }
            ChangeKind::Move => {
                let movable = |row: &Outline| matches!(row.shape, Shape::BotVoice | Shape::BotChat);
                let Some(old) = self.candidate(&mut draw, &window, change.at.is_some(), movable) else {
                    return;
                };
                let end = later_that_day(&mut draw, old.end);
                let shape = Shape::Answered;
                let new = Outline {
                    shape,
                    phase: Phase::Closed,
                    end,
                    updated: end.max(old.updated),
                    ..old
                };
                self.replace(&old, new);
                new
            }
        };
        self.changed.insert(new.index, (new, number));
        if let (Some(by_id), Some(id)) = (&mut self.conversations, self.sessions.key(&new).conversation_id) {
            by_id.extend(digits(&id).map(|digits| (digits, new.index)));
        }
    }

    /// A row of the window that a change can happen to: the first one, or any.
    fn candidate(
        &self,
        draw: &mut Draw,
        window: &Range<i64>,
        first: bool,
        can: impl Fn(&Outline) -> bool,
    ) -> Option<Outline> {
        let within = |part: &Part| self.range(part, window);
        let rows = self
            .parts
            .iter()
            .flat_map(|part| &part.rows[within(part)])
            .filter(|row| can(row));
        if first {
            return rows.min_by_key(|row| rank(&self.readings, row)).copied();
        }
        let rows: Vec<_> = rows.collect();
        (!rows.is_empty()).then(|| *draw.pick(&rows))
    }

    fn insert(&mut self, row: Outline) {
        let part = self.part_of(&row);
        let at = self.parts[part]
            .rows
            .partition_point(|other| rank(&self.readings, other) < rank(&self.readings, &row));
        self.parts[part].rows.insert(at, row);
    }

    fn replace(&mut self, old: &Outline, new: Outline) {
        let part = self.part_of(old);
        let key = rank(&self.readings, old);
        if let Ok(at) = self.parts[part]
            .rows
            .binary_search_by_key(&key, |row| rank(&self.readings, row))
        {
            self.parts[part].rows.remove(at);
        }
        self.insert(new);
    }

    /// The sessions that have started by now and are not held yet.
    fn started(&mut self) -> Vec<Outline> {
        let mut rows = Vec::new();
        while self.clock.next < self.records {
            let settled = self.sessions.outline(self.clock.next);
            let Some(row) = settled.as_of(self.clock.now) else {
                break;
            };
            self.clock.next += 1;
            self.expect_change(&settled);
            rows.push(row);
        }
        rows
    }

    fn expect_change(&mut self, settled: &Outline) {
        let next = settled.changes().into_iter().find(|at| *at > self.clock.now);
        self.clock.due.extend(next.map(|at| Reverse((at, settled.index))));
    }

    fn row(&self, index: u64) -> Option<Outline> {
        match self.changed.get(&index) {
            Some((row, _)) => Some(*row),
            None => self.sessions.outline(index).as_of(self.clock.now),
        }
    }

    fn part_of(&self, row: &Outline) -> usize {
        usize::from(self.parts.len() == 2 && row.has_conversation())
    }

    /// Positions of the rows whose time lies in the window.
    fn range(&self, part: &Part, window: &Range<i64>) -> Range<usize> {
        let before = |time: i64| {
            part.rows
                .partition_point(|row| rank(&self.readings, row).0 < time)
        };
        let start = before(window.start);
        start..before(window.end).max(start)
    }

    fn matching<'a>(&self, part: &'a Part, query: &Query) -> Matching<'a> {
        let rows = &part.rows[self.range(part, &query.window)];
        if query.channels.is_empty() && query.outbound.is_none() && query.queues.is_empty() {
            return Matching::All(rows);
        }
        Matching::Some(rows.iter().filter(|row| self.passes(row, query)).collect())
    }

    /// The position that a position stands for where rows of the same time come in another order each time.
    fn untied(&self, rows: &Matching<'_>, position: usize) -> usize {
        if self.readings.ties == Ties::Stable {
            return position;
        }
        let time = |position: usize| rank(&self.readings, &rows.get(position)).0;
        let tied = time(position);
        let first = partition_point(position, |other| time(other) < tied);
        let after = position + partition_point(rows.len() - position, |other| time(position + other) <= tied);
        first + shuffled((position - first) as u64, (after - first) as u64, self.pages) as usize
    }

    fn passes(&self, row: &Outline, query: &Query) -> bool {
        let named = |channel: Channel| {
            query
                .channels
                .iter()
                .any(|c| c.eq_ignore_ascii_case(channel.code()) || c == channel.label())
        };
        (query.channels.is_empty() || named(row.channel))
            && query.outbound.is_none_or(|outbound| outbound == row.outbound)
            && (query.queues.is_empty() || self.queued(row, &query.queues))
    }

    fn queued(&self, row: &Outline, queues: &[String]) -> bool {
        self.session(row)
            .destinations
            .iter()
            .any(|destination| match destination {
                Destination::Queue(entry) => queues.contains(&pools::queue_id(self.seed, entry.queue)),
                Destination::Agent(_) => false,
            })
    }
}

/// The rows of a part that a query asks for, ascending.
enum Matching<'a> {
    All(&'a [Outline]),
    Some(Vec<&'a Outline>),
}

impl Matching<'_> {
    fn len(&self) -> usize {
        match self {
            Self::All(rows) => rows.len(),
            Self::Some(rows) => rows.len(),
        }
    }

    fn get(&self, position: usize) -> Outline {
        match self {
            Self::All(rows) => rows[position],
            Self::Some(rows) => *rows[position],
        }
    }
}

/// The first of `0..count` for which `before` is false, where it is true for none after that.
fn partition_point(count: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = usize::midpoint(low, high);
        if before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// What rows are ordered by: the time that windows go by, and the index among equals.
fn rank(readings: &Readings, row: &Outline) -> (i64, u64) {
    let time = match readings.window_time {
        WindowTime::Start => row.start,
        WindowTime::End => row.end,
        WindowTime::Update => row.updated,
    };
    (time, row.index)
}

/// A few seconds or minutes after `time`, on the same UTC day where there is room.
fn later_that_day(draw: &mut Draw, time: i64) -> i64 {
    let midnight = (time.div_euclid(DAY) + 1) * DAY;
    draw.between(time + 1, (time + 600).min(midnight - 1))
}

/// The hexadecimal digits of a conversation id as a number.
fn digits(id: &str) -> Option<u128> {
    let digits: String = id.strip_prefix("c-")?.chars().filter(|c| *c != '-').collect();
    u128::from_str_radix(&digits, 16).ok()
}

#[cfg(test)]
mod tests;
