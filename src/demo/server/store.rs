//! The records the server holds, found by time, and how they change.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::ops::Range;

use super::change::{Change, ChangeKind, ChangePlan};
use super::options::{LimitScope, OffsetUnit, PageOrder, Readings, WindowTime};
use crate::demo::calendar::DAY;
use crate::demo::outline::{Channel, Outline, Phase, Shape};
use crate::demo::pools;
use crate::demo::random::{Draw, mix};
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
            page.rows
                .extend((from..to).map(|position| matching.get(position, part.descending)));
        }
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
            let (Some(old), Some(new)) = (as_of(settled, before), as_of(settled, now)) else {
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
            let Some(row) = as_of(settled, self.clock.now) else {
                break;
            };
            self.clock.next += 1;
            self.expect_change(&settled);
            rows.push(row);
        }
        rows
    }

    fn expect_change(&mut self, settled: &Outline) {
        let next = changes(settled).into_iter().find(|at| *at > self.clock.now);
        self.clock.due.extend(next.map(|at| Reverse((at, settled.index))));
    }

    fn row(&self, index: u64) -> Option<Outline> {
        match self.changed.get(&index) {
            Some((row, _)) => Some(*row),
            None => as_of(self.sessions.outline(index), self.clock.now),
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

    fn get(&self, position: usize, descending: bool) -> Outline {
        let position = if descending {
            self.len() - 1 - position
        } else {
            position
        };
        match self {
            Self::All(rows) => rows[position],
            Self::Some(rows) => *rows[position],
        }
    }
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

/// When the row of a session changes: it goes to an agent, ends, and is worked on after its end.
fn changes(settled: &Outline) -> [i64; 3] {
    let handover = settled.start + ((settled.end - settled.start) / 5).min(30);
    [handover, settled.end, settled.updated]
}

/// A session as it is at `now`; nothing where it has not started. `settled` is what it comes to.
fn as_of(settled: Outline, now: i64) -> Option<Outline> {
    let [handover, end, updated] = changes(&settled);
    if now < settled.start {
        return None;
    }
    if now >= updated {
        return Some(settled);
    }
    if now >= end {
        return Some(Outline {
            updated: end,
            ..settled
        });
    }
    let (phase, since) = if settled.shape.at_bot() || now < handover {
        (Phase::AtBot, settled.start)
    } else {
        (Phase::Open, handover)
    };
    Some(Outline {
        phase,
        end: settled.start,
        updated: since,
        ..settled
    })
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
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::demo::records::Dataset;

    const DAY_ONE: i64 = 1_756_684_800;

    fn store(records: u64, readings: Readings, plan: ChangePlan, now: Option<i64>) -> Store {
        let dataset = Dataset {
            records,
            days: 2,
            ..Dataset::default()
        };
        Store::new(dataset.sessions(), readings, plan, now)
    }

    fn ask(window: Range<i64>, limit: u64, offset: u64) -> Query {
        Query {
            window,
            limit,
            offset,
            ..Query::default()
        }
    }

    /// The indices of all records of a window, page by page.
    fn read(store: &mut Store, window: &Range<i64>, step: u64) -> Vec<u64> {
        let mut indices = Vec::new();
        for position in 0.. {
            let page = store.page(&ask(window.clone(), 100, position * step));
            if page.rows.is_empty() {
                break;
            }
            indices.extend(page.rows.iter().map(|row| row.index));
        }
        indices
    }

    #[test]
    fn every_reading_gives_each_record_of_the_window_once() {
        let window = DAY_ONE + 36_000..DAY_ONE + 50_000;
        for offset_unit in [OffsetUnit::Pages, OffsetUnit::Records] {
            for order in [PageOrder::TwoPart, PageOrder::Ascending, PageOrder::Descending] {
                for limit_scope in [LimitScope::Page, LimitScope::Part] {
                    for window_time in [WindowTime::Start, WindowTime::End, WindowTime::Update] {
                        let readings = Readings {
                            offset_unit,
                            order,
                            limit_scope,
                            window_time,
                            ..Readings::default()
                        };
                        let mut store = store(3000, readings.clone(), ChangePlan::default(), None);
                        let step = if offset_unit == OffsetUnit::Pages { 1 } else { 100 };
                        let mut indices = read(&mut store, &window, step);
                        let total = store.page(&ask(window.clone(), 100, 0)).total;
                        indices.sort_unstable();
                        let wanted: Vec<u64> = (0..3000)
                            .filter(|index| {
                                window.contains(&rank(&readings, &store.sessions.outline(*index)).0)
                            })
                            .collect();
                        assert_eq!(indices, wanted, "{readings:?}");
                        assert_eq!(total, wanted.len() as u64);
                    }
                }
            }
        }
    }

    #[test]
    fn the_two_parts_ascend_and_descend() {
        let mut two = store(1000, Readings::default(), ChangePlan::default(), None);
        let rows = two.page(&ask(DAY_ONE..DAY_ONE + 2 * DAY, 1000, 0)).rows;
        let (bot, agent) = rows.split_at(rows.iter().position(Outline::has_conversation).unwrap());
        assert!(bot.len() > 100 && agent.len() > 100);
        assert!(agent.iter().all(Outline::has_conversation));
        assert!(bot.is_sorted_by_key(|row| row.start));
        assert!(agent.iter().rev().is_sorted_by_key(|row| row.start));
    }

    #[test]
    fn a_limit_per_part_gives_up_to_twice_as_many_and_a_short_page_need_not_be_the_last() {
        let readings = Readings {
            limit_scope: LimitScope::Part,
            ..Readings::default()
        };
        let mut store = store(1000, readings, ChangePlan::default(), None);
        let window = DAY_ONE..DAY_ONE + 2 * DAY;
        let lengths: Vec<usize> = (0..8)
            .map(|offset| store.page(&ask(window.clone(), 100, offset)).rows.len())
            .collect();
        assert_eq!(lengths[..3], [200, 200, 200]);
        assert!((100..200).contains(&lengths[3]), "{lengths:?}");
        assert_eq!(lengths[4], 100);
        assert_eq!(lengths[7], 0);
        assert_eq!(lengths.iter().sum::<usize>(), 1000);
    }

    #[test]
    fn filters_divide_the_records() {
        let mut store = store(2000, Readings::default(), ChangePlan::default(), None);
        let window = DAY_ONE..DAY_ONE + 2 * DAY;
        let mut count = |change: &dyn Fn(&mut Query)| {
            let mut query = ask(window.clone(), 100, 0);
            change(&mut query);
            store.page(&query).total
        };
        let channels = ["voice", "rtm", "whatsapp", "email", "agentassist"];
        let by_channel: Vec<u64> = channels
            .iter()
            .map(|c| count(&|q| q.channels = vec![(*c).to_owned()]))
            .collect();
        assert!(by_channel.iter().all(|n| *n > 0));
        assert_eq!(by_channel.iter().sum::<u64>(), 2000);
        let (inbound, outbound) = (
            count(&|q| q.outbound = Some(false)),
            count(&|q| q.outbound = Some(true)),
        );
        assert!(outbound > 0 && inbound + outbound == 2000);
        let billing = count(&|q| q.queues = vec![pools::queue_id(1, 1)]);
        assert!(billing > 50 && billing < 300, "{billing}");
    }

    #[test]
    fn changes_happen_after_their_request() {
        let scripted = ["insert@2=2025-09-01T10:00:00", "update@3", "move@4"]
            .map(|c| c.parse().unwrap())
            .to_vec();
        let mut store = store(
            1000,
            Readings::default(),
            ChangePlan {
                scripted,
                ..ChangePlan::default()
            },
            None,
        );
        let window = DAY_ONE..DAY_ONE + DAY;
        let keys = |store: &Store| -> HashSet<_> {
            store
                .started_within(&window)
                .iter()
                .map(|row| store.key(row))
                .collect()
        };
        let before = keys(&store);
        store.change_after(1);
        assert_eq!(keys(&store), before);
        store.change_after(2);
        let inserted: Vec<_> = keys(&store).difference(&before).cloned().collect();
        assert_eq!(inserted.len(), 1);
        assert_eq!(inserted[0].start, DAY_ONE + 36_000);

        store.page(&ask(window.clone(), 100, 0));
        store.change_after(3);
        assert_eq!(keys(&store).len(), before.len() + 1);
        assert_eq!(
            store
                .started_within(&window)
                .iter()
                .filter(|row| row.revision == 1)
                .count(),
            1
        );

        store.change_after(4);
        let moved: Vec<_> = keys(&store).difference(&before).cloned().collect();
        let moved = moved.iter().find(|key| **key != inserted[0]).unwrap();
        assert!(moved.conversation_id.is_some());
        assert!(
            before
                .iter()
                .any(|key| key.session_id == moved.session_id && key.conversation_id.is_none())
        );
        let conversation = store
            .conversation(moved.conversation_id.as_ref().unwrap())
            .unwrap();
        assert_eq!(conversation.session_id, moved.session_id);
    }

    #[test]
    fn drawn_changes_shift_the_pages() {
        let plan = ChangePlan {
            rate: 1.0,
            at_most: 60,
            ..ChangePlan::default()
        };
        let readings = Readings {
            order: PageOrder::Descending,
            ..Readings::default()
        };
        let mut store = store(2000, readings, plan, None);
        let mut indices = Vec::new();
        for number in 1..=12 {
            let page = store.page(&ask(DAY_ONE..DAY_ONE + DAY, 100, number - 1));
            indices.extend(page.rows.iter().map(|row| row.index));
            store.change_after(number);
        }
        assert!(store.len() > 2000);
        assert!(
            indices.iter().collect::<HashSet<_>>().len() < indices.len(),
            "no record came twice"
        );
    }

    #[test]
    fn a_live_store_comes_to_the_same_as_one_that_is_opened_later() {
        for window_time in [WindowTime::Start, WindowTime::End, WindowTime::Update] {
            let readings = Readings {
                window_time,
                ..Readings::default()
            };
            let noon = DAY_ONE + DAY / 2;
            let mut live = store(1000, readings.clone(), ChangePlan::default(), Some(noon));
            let before = live.len();
            assert!((100..500).contains(&before), "{before}");
            let all = DAY_ONE..DAY_ONE + 3 * DAY;
            assert!(
                live.started_within(&all)
                    .iter()
                    .any(|row| row.phase == Phase::AtBot && row.end == row.start)
            );
            assert!(
                live.started_within(&all)
                    .iter()
                    .any(|row| row.phase == Phase::Open && row.end == row.start)
            );
            for at in [noon + 1, noon + 5, noon + 5000, noon + 5000, noon + 20_000] {
                live.advance(at);
                let fresh = store(1000, readings.clone(), ChangePlan::default(), Some(at));
                assert_eq!(live.started_within(&all), fresh.started_within(&all));
            }
            live.advance(DAY_ONE + 4 * DAY);
            let settled = store(1000, readings, ChangePlan::default(), None);
            assert_eq!(live.started_within(&all), settled.started_within(&all));
        }
    }

    #[test]
    fn conversations_are_found_by_their_id() {
        let mut store = store(300, Readings::default(), ChangePlan::default(), None);
        let keys: Vec<_> = store
            .started_within(&(DAY_ONE..DAY_ONE + 2 * DAY))
            .iter()
            .map(|r| store.key(r))
            .collect();
        for key in keys {
            if let Some(id) = key.conversation_id {
                assert_eq!(store.conversation(&id).unwrap().session_id, key.session_id);
            }
        }
        assert!(
            store
                .conversation("c-0000000-0000-4000-8000-000000000000")
                .is_none()
        );
        assert!(store.conversation("nonsense").is_none());
    }
}
