//! A model of the API for tests: every reading of the documents, live changes, and its own list of keys as the
//! oracle. It shares nothing with the client but the types of a question and an answer.

use std::collections::HashSet;
use std::sync::Mutex;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::mpsc;

use super::Event;
use super::days::Day;
use super::error::ApiError;
use super::fetch::Cost;
use super::http::Answer;
use super::page::{Page, Row};
use super::read::{self, Setting};
use super::readings::{Filter, Unit};
use super::report::{DayReport, RunReport, Spent};
use super::request::{Ask, Direction, LIMIT, MAX_OFFSET, Narrow};
use super::spool::Spool;
use super::window::Window;

/// 2025-09-30T00:00:00Z.
pub(crate) const DAY: i64 = 1_759_190_400;

/// One session as the server knows it; times in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Session {
    pub(crate) id: u64,
    pub(crate) conversation: bool,
    pub(crate) start: i64,
    pub(crate) end: i64,
}

impl Session {
    fn key(&self) -> u64 {
        self.id * 2 + u64::from(self.conversation)
    }

    fn row(&self) -> Row {
        let start = self.start.div_euclid(1000);
        Row {
            key: self.key(),
            session: self.id,
            conversation: self.conversation,
            start: Some(start),
            end: Some(self.end.div_euclid(1000)),
            clock: Some(start),
            naive: true,
        }
    }
}

/// How the server reads the documents.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) unit: Unit,
    pub(crate) filter: Filter,
    /// `limit` holds for each of the two parts.
    pub(crate) parts: bool,
    /// `numResults` counts the window.
    pub(crate) counts_window: bool,
    pub(crate) start_counts: bool,
    pub(crate) end_counts: bool,
    /// Bounds are compared with milliseconds.
    pub(crate) millis: bool,
    /// Conversations come in the order of their last change and not of their start.
    pub(crate) by_end: bool,
    /// Sessions of one second come in another order each time.
    pub(crate) shuffles: bool,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            unit: Unit::Pages,
            filter: Filter::Start,
            parts: false,
            counts_window: false,
            start_counts: true,
            end_counts: true,
            millis: false,
            by_end: false,
            shuffles: false,
        }
    }
}

impl Reading {
    pub(crate) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for bits in 0..256u32 {
            let bit = |n: u32| bits >> n & 1 == 1;
            all.push(Self {
                unit: if bit(0) { Unit::Records } else { Unit::Pages },
                filter: if bit(1) { Filter::End } else { Filter::Start },
                parts: bit(2),
                counts_window: bit(3),
                start_counts: bit(4),
                end_counts: bit(5),
                millis: bit(6),
                by_end: bit(7),
                shuffles: false,
            });
        }
        all
    }
}

/// What changes while pages are read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Changes {
    /// Chance that something changes before a request.
    pub(crate) chance: f64,
    pub(crate) inserts: bool,
    /// Bot sessions get a conversation.
    pub(crate) moves: bool,
    /// Sessions end later than they had.
    pub(crate) ends: bool,
}

pub(crate) struct Model {
    pub(crate) reading: Reading,
    pub(crate) changes: Changes,
    pub(crate) obeys_direction: bool,
    pub(crate) spool: Option<Spool>,
    /// Stop as a killed process would after so many requests.
    pub(crate) dies_after: Option<u64>,
    state: Mutex<State>,
}

struct State {
    sessions: Vec<Session>,
    random: StdRng,
    requests: u64,
    next_id: u64,
}

/// What came of reading days from a model.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) keys: HashSet<u64>,
    pub(crate) days: Vec<DayReport>,
    pub(crate) run: RunReport,
    pub(crate) requests: u64,
    pub(crate) result: Result<(), ApiError>,
}

impl Model {
    pub(crate) fn new(reading: Reading, sessions: Vec<Session>, seed: u64) -> Self {
        let next_id = sessions.iter().map(|session| session.id).max().unwrap_or(0) + 1;
        let random = StdRng::seed_from_u64(seed);
        let state = Mutex::new(State {
            sessions,
            random,
            requests: 0,
            next_id,
        });
        let model = Self {
            reading,
            changes: Changes::default(),
            obeys_direction: true,
            spool: None,
            dies_after: None,
            state,
        };
        model.sort(&mut model.state.lock().unwrap());
        model
    }

    /// The time that the filter looks at, in milliseconds.
    fn time(&self, session: &Session) -> i64 {
        if self.reading.filter == Filter::Start {
            session.start
        } else {
            session.end
        }
    }

    fn sort(&self, state: &mut State) {
        state.sessions.sort_by_key(|session| self.time(session));
    }

    /// Keys of the sessions that start in the days.
    pub(crate) fn keys(&self, days: &[Day]) -> HashSet<u64> {
        let state = self.state.lock().unwrap();
        let starts_in = |s: &&Session| {
            days.iter()
                .any(|day| day.window.contains(s.start.div_euclid(1000)))
        };
        state
            .sessions
            .iter()
            .filter(starts_in)
            .map(Session::key)
            .collect()
    }

    pub(crate) fn answer(&self, ask: Ask) -> Result<(Answer, Cost), ApiError> {
        let mut state = self.state.lock().unwrap();
        if self.dies_after == Some(state.requests) {
            return Err(ApiError::Stopped);
        }
        state.requests += 1;
        assert!(state.requests < 50_000, "never ends: {ask:?} {:?}", self.reading);
        assert!(ask.offset <= MAX_OFFSET, "beyond the documented offset");
        assert!(
            ask.bounds.end - ask.bounds.start <= 7 * 86_400,
            "beyond the documented range"
        );
        assert!(ask.bounds.start <= ask.bounds.end, "bounds run backwards");
        self.change(&mut state, ask);
        let reading = self.reading;
        let chosen = |session: &&Session| {
            let time = if reading.filter == Filter::Start {
                session.start
            } else {
                session.end
            };
            let (time, unit) = if reading.millis {
                (time, 1000)
            } else {
                (time.div_euclid(1000), 1)
            };
            let (start, end) = (ask.bounds.start * unit, ask.bounds.end * unit);
            let after = if reading.start_counts {
                time >= start
            } else {
                time > start
            };
            let before = if reading.end_counts {
                time <= end
            } else {
                time < end
            };
            let direction = match ask.narrow {
                Narrow::No => true,
                _ if !self.obeys_direction => true,
                Narrow::Direction(Direction::Inbound) => !session.id.is_multiple_of(3),
                Narrow::Direction(Direction::Outbound) => session.id.is_multiple_of(3),
            };
            after && before && direction
        };
        // Sessions lie in the order of the filter's time.
        let from = state
            .sessions
            .partition_point(|s| self.time(s) < (ask.bounds.start - 1) * 1000);
        let to = state
            .sessions
            .partition_point(|s| self.time(s) < (ask.bounds.end + 1) * 1000);
        let chosen: Vec<Session> = state.sessions[from..to].iter().filter(chosen).copied().collect();
        let (mut bots, mut agents): (Vec<_>, Vec<_>) = chosen.into_iter().partition(|s| !s.conversation);
        let salt = if reading.shuffles {
            state.random.random::<u64>() | 1
        } else {
            1
        };
        let tie = |id: u64| id.wrapping_mul(salt).rotate_left(17).wrapping_mul(salt);
        bots.sort_by_key(|s| {
            (
                s.start.div_euclid(if reading.shuffles { 1000 } else { 1 }),
                tie(s.id),
            )
        });
        agents.sort_by_key(|s| {
            let time = if reading.by_end { s.end } else { s.start };
            (
                -time.div_euclid(if reading.shuffles { 1000 } else { 1 }),
                tie(s.id),
            )
        });
        let total = bots.len() + agents.len();
        let limit = LIMIT as usize;
        let skip = ask.offset as usize * if reading.unit == Unit::Pages { limit } else { 1 };
        let slice = |list: Vec<Session>| list.into_iter().skip(skip).take(limit);
        let rows: Vec<Row> = if reading.parts {
            slice(bots).chain(slice(agents)).map(|s| s.row()).collect()
        } else {
            bots.append(&mut agents);
            slice(bots).map(|s| s.row()).collect()
        };
        let num_results = Some(if reading.counts_window { total } else { rows.len() } as u64);
        let body = body(&rows);
        let page = if self.spool.is_some() {
            Page::parse(&body, 0).unwrap()
        } else {
            Page { rows, num_results }
        };
        let cost = Cost {
            requests: 1,
            bytes: body.len() as u64,
            ..Cost::default()
        };
        let answer = Answer {
            body,
            page,
            fetched_at: now(),
        };
        Ok((answer, cost))
    }

    fn change(&self, state: &mut State, ask: Ask) {
        let State {
            sessions,
            random,
            next_id,
            ..
        } = state;
        if self.changes.chance == 0.0 || !random.random_bool(self.changes.chance) || sessions.is_empty() {
            return;
        }
        // Mostly right where the client is reading.
        let near: Vec<usize> = (0..sessions.len())
            .filter(|i| ask.bounds.contains(sessions[*i].start.div_euclid(1000)))
            .collect();
        let pick = if near.is_empty() {
            random.random_range(0..sessions.len())
        } else {
            near[random.random_range(0..near.len())]
        };
        let mut kinds = Vec::new();
        kinds.extend(self.changes.inserts.then_some(0));
        kinds.extend(self.changes.moves.then_some(1));
        kinds.extend(self.changes.ends.then_some(2));
        match kinds[random.random_range(0..kinds.len())] {
            0 => {
                let twin = Session {
                    id: *next_id,
                    ..sessions[pick]
                };
                *next_id += 1;
                sessions.push(twin);
            }
            1 => sessions[pick].conversation = true,
            _ => sessions[pick].end += random.random_range(1..3_600_000),
        }
        self.sort(state);
    }

    /// Reads days, with so many windows at once.
    pub(crate) fn read(&self, days: &[Day], lanes: usize) -> Outcome {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (sender, mut receiver) = mpsc::channel(4);
            let ask = |ask: Ask| async move {
                let answer = self.answer(ask);
                tokio::task::yield_now().await;
                answer
            };
            let setting = Setting {
                days,
                spool: self.spool.as_ref(),
                timezone_offset: 0,
                settling: 900,
                now: &now,
                lanes: &|| lanes,
            };
            let reading = async {
                let outcome = read::read_days(&ask, setting, &sender).await;
                drop(sender);
                outcome
            };
            let listening = async {
                let (mut keys, mut reports) = (HashSet::new(), Vec::new());
                while let Some(event) = receiver.recv().await {
                    match event {
                        Event::Page(page) => {
                            keys.extend(keys_of(&page.body));
                        }
                        Event::Day(day) => reports.push(*day),
                        Event::Run(_) => unreachable!(),
                    }
                }
                (keys, reports)
            };
            let ((run, result), (keys, days)) = tokio::join!(reading, listening);
            let requests = self.state.lock().unwrap().requests;
            Outcome {
                keys,
                days,
                run,
                requests,
                result,
            }
        })
    }
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(DAY + 400 * 86_400, 0).unwrap()
}

/// A page as the API writes it, as far as the client looks into it. Ids hold the start and the session's number.
fn body(rows: &[Row]) -> Bytes {
    let time = |second: Option<i64>| {
        DateTime::from_timestamp(second.unwrap(), 0)
            .unwrap()
            .format("%Y-%m-%dT%H:%M:%S")
    };
    let row = |row: &Row| {
        let session = format!("{:08x}{:016x}", row.start.unwrap(), row.session);
        let conversation = if row.conversation { "\"c\"" } else { "null" };
        let (start, end) = (time(row.start), time(row.end));
        format!(
            r#"{{"sessionId":"{session}","conversationId":{conversation},"sessionStartTime":"{start}","sessionEndTime":"{end}"}}"#
        )
    };
    let rows: Vec<String> = rows.iter().map(row).collect();
    Bytes::from(format!(r#"{{"data":[{}]}}"#, rows.join(",")))
}

fn keys_of(body: &[u8]) -> Vec<u64> {
    let page: serde_json::Value = serde_json::from_slice(body).unwrap();
    let key = |row: &serde_json::Value| {
        let session = u64::from_str_radix(&row["sessionId"].as_str().unwrap()[8..], 16).unwrap();
        session * 2 + u64::from(row["conversationId"].is_string())
    };
    page["data"].as_array().unwrap().iter().map(key).collect()
}

/// Consecutive days of 24 hours from [`DAY`] on.
pub(crate) fn days(count: i64) -> Vec<Day> {
    (0..count)
        .map(|n| Day {
            date: DateTime::from_timestamp(DAY + n * 86_400, 0)
                .unwrap()
                .date_naive(),
            window: Window::new(DAY + n * 86_400, DAY + (n + 1) * 86_400),
        })
        .collect()
}

/// Sessions of one day: quiet nights, busy hours, and `burst` of them within ten minutes.
pub(crate) fn sessions(count: u64, burst: f64, bots: f64, day: i64, seed: u64) -> Vec<Session> {
    let mut random = StdRng::seed_from_u64(seed);
    let burst_at = day + random.random_range(6 * 3600..20 * 3600);
    (0..count)
        .map(|n| {
            let start = if random.random_bool(burst) {
                burst_at * 1000 + random.random_range(0..600_000)
            } else {
                day * 1000 + busy_hour(&mut random)
            };
            let conversation = !random.random_bool(bots);
            let length = match random.random_range(0..100) {
                _ if !conversation => random.random_range(0..30_000),
                0 => random.random_range(0..3 * 86_400_000),
                1..5 => 0,
                _ => random.random_range(5_000..1_200_000),
            };
            Session {
                id: (day as u64) * 1_000_000 + n + 1,
                conversation,
                start,
                end: start + length,
            }
        })
        .collect()
}

/// Milliseconds since midnight: a twentieth of the peak at night, morning and afternoon peaks.
fn busy_hour(random: &mut StdRng) -> i64 {
    loop {
        let at = random.random_range(0..86_400_000);
        let hour = at as f64 / 3_600_000.0;
        let peak = |middle: f64| (-((hour - middle) / 2.2).powi(2)).exp();
        if random.random_bool((0.05 + 0.9 * peak(10.5) + 0.8 * peak(15.5)).min(1.0)) {
            return at;
        }
    }
}

fn check(model: &Model, days: &[Day], lanes: usize, before: &HashSet<u64>) -> Outcome {
    let outcome = model.read(days, lanes);
    let missing: Vec<_> = before.difference(&outcome.keys).collect();
    // A session that got a conversation meanwhile is there under either key.
    let missing: Vec<_> = missing
        .into_iter()
        .filter(|key| !outcome.keys.contains(&(*key | 1)))
        .collect();
    let is_honest = matches!(outcome.result, Err(ApiError::Incomplete(_)));
    assert!(
        is_honest || missing.is_empty(),
        "{} of {} missing silently after {} requests: {:?}\n{:?}",
        missing.len(),
        before.len(),
        outcome.requests,
        outcome.result,
        model.reading,
    );
    assert_eq!(
        outcome.days.len(),
        days.len(),
        "every day is reported: {:?}",
        outcome.result
    );
    outcome
}

fn read_all(model: &Model, days: &[Day], lanes: usize) -> Outcome {
    let before = model.keys(days);
    let outcome = check(model, days, lanes, &before);
    assert!(outcome.result.is_ok(), "{:?} {:?}", outcome.result, model.reading);
    let unique: u64 = outcome.days.iter().map(|day| day.unique).sum();
    assert_eq!(unique, before.len() as u64, "unique keys are counted by day");
    assert!(outcome.run.rows >= unique && outcome.run.unproven.is_empty());
    assert_eq!(outcome.run.records, unique);
    let Spent {
        pages,
        past_days,
        checks,
        split,
        looks,
        retries,
    } = outcome.run.spent;
    let spent = pages + past_days + checks + split + looks + retries;
    assert_eq!(
        spent, outcome.requests,
        "every request is accounted for: {:?}",
        outcome.run
    );
    outcome
}

#[test]
fn every_reading_reads_every_day_whole() {
    for reading in Reading::all() {
        let mut all = Vec::new();
        for (n, (count, burst)) in [(0, 0.0), (1, 0.0), (40, 0.0), (600, 0.5), (1_300, 0.3), (0, 0.0)]
            .iter()
            .enumerate()
        {
            all.extend(sessions(*count, *burst, 0.35, DAY + n as i64 * 86_400, n as u64));
        }
        let model = Model::new(reading, all, 1);
        read_all(&model, &days(6), 3);
    }
}

/// Requests for a day of so many records, a third of them in ten minutes, over the least that could hold them.
fn ratio(reading: Reading, count: u64, bots: f64, seed: u64) -> f64 {
    let model = Model::new(reading, sessions(count, 0.33, bots, DAY, seed), 1);
    let outcome = read_all(&model, &days(1), 1);
    outcome.requests as f64 / (count as f64 / 100.0).ceil()
}

#[test]
fn busy_days_cost_few_requests() {
    let mut ratios = Vec::new();
    for bots in [0.0, 0.35, 0.7] {
        for seed in 0..3 {
            for counts_window in [false, true] {
                let reading = Reading {
                    counts_window,
                    ..Reading::default()
                };
                ratios.push(ratio(reading, 20_000, bots, seed));
            }
        }
    }
    println!("{ratios:.3?}");
    assert!(ratios.iter().all(|ratio| *ratio <= 1.15));
}

/// Prints what every reading costs; the asked-for bound holds for offsets in pages only.
#[test]
#[ignore = "a survey, run by hand"]
fn what_each_reading_costs() {
    for bots in [0.0, 0.1, 0.35, 0.7, 1.0] {
        for reading in Reading::all() {
            // How bounds and orders are read changes little.
            if !reading.start_counts || !reading.end_counts || reading.millis || reading.by_end {
                continue;
            }
            let ratios: Vec<f64> = (0..8).map(|seed| ratio(reading, 20_000, bots, seed)).collect();
            let mean = ratios.iter().sum::<f64>() / 8.0;
            let worst = ratios.iter().copied().fold(0.0, f64::max);
            let Reading {
                unit,
                filter,
                parts,
                counts_window,
                ..
            } = reading;
            println!("{bots} {unit:?} {filter:?} parts={parts} total={counts_window}: {mean:.3} {worst:.3}");
        }
    }
}

#[test]
fn small_days_do_not_pay_for_planning() {
    for reading in Reading::all() {
        let model = Model::new(reading, Vec::new(), 1);
        assert!(read_all(&model, &days(1), 1).requests <= 2, "empty {reading:?}");
        let is_cheap = reading.filter == Filter::Start;
        let model = Model::new(reading, sessions(50, 0.3, 0.35, DAY, 3), 1);
        let requests = read_all(&model, &days(1), 1).requests;
        assert!(
            requests <= if is_cheap { 3 } else { 12 },
            "{requests} for 50 sessions, {reading:?}"
        );
    }
}

/// Reads the days that begin so many days after [`DAY`], and nothing may be delivered but them.
fn read_apart(model: &Model, from: i64, count: i64) -> u64 {
    let asked: Vec<Day> = days(from + count).split_off(from as usize);
    let outcome = read_all(model, &asked, 1);
    assert_eq!(outcome.keys, model.keys(&asked), "no more than was asked for");
    outcome.requests
}

#[test]
fn empty_days_are_cheap_also_next_to_busy_ones() {
    for reading in Reading::all() {
        let is_cheap = reading.filter == Filter::Start;
        for lone in [false, true] {
            let busy = |day: i64| sessions(3_000, 0.3, 0.35, DAY + day * 86_400, day as u64);
            let before = if lone { Vec::new() } else { busy(0) };
            let all = [before, busy(4), busy(5)].concat();
            for (from, count) in [(3, 1), (2, 2), (1, 3)] {
                let requests = read_apart(&Model::new(reading, all.clone(), 1), from, count);
                assert!(
                    !is_cheap || requests <= 2,
                    "{requests} for {count} days, {reading:?}"
                );
            }
        }
    }
}

#[test]
fn empty_days_are_cheap_next_to_days_of_a_few_records() {
    for reading in Reading::all() {
        if reading.filter != Filter::Start {
            continue;
        }
        for count in [1, 5, 40] {
            let all = sessions(count, 0.3, 0.35, DAY + 86_400, count);
            let requests = read_apart(&Model::new(reading, all, 1), 0, 1);
            assert!(requests <= 2, "{requests} next to {count}, {reading:?}");
        }
    }
}

#[test]
fn a_day_of_fifty_is_cheap_whatever_surrounds_it() {
    for reading in Reading::all() {
        if reading.filter != Filter::Start {
            continue;
        }
        for neighbours in [0, 30, 3_000] {
            let day = |day: i64, count| sessions(count, 0.3, 0.35, DAY + day * 86_400, 7 + day as u64);
            let all = [day(0, neighbours), day(1, 50), day(2, neighbours)].concat();
            let model = Model::new(reading, all, 1);
            let asked = days(2).split_off(1);
            let requests = read_all(&model, &asked, 1).requests;
            assert!(requests <= 3, "{requests} between {neighbours}, {reading:?}");
        }
    }
}

/// Reads a few days while they change, with every reading.
fn check_live(changes: Changes, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        for reading in Reading::all() {
            let mut all = sessions(1_300, 0.4, 0.4, DAY, seed);
            all.extend(sessions(150, 0.0, 0.4, DAY + 86_400, seed));
            let mut model = Model::new(reading, all, seed);
            model.changes = changes;
            let before = model.keys(&days(2));
            check(&model, &days(2), 2, &before);
        }
    }
}

#[test]
fn rows_that_come_in_push_nothing_out_of_sight() {
    check_live(
        Changes {
            chance: 0.5,
            inserts: true,
            ..Changes::default()
        },
        0..2,
    );
}

#[test]
fn rows_that_move_push_nothing_out_of_sight() {
    check_live(
        Changes {
            chance: 0.5,
            moves: true,
            ..Changes::default()
        },
        0..2,
    );
}

#[test]
fn sessions_that_end_later_push_nothing_out_of_sight() {
    check_live(
        Changes {
            chance: 0.5,
            ends: true,
            ..Changes::default()
        },
        0..2,
    );
}

#[test]
fn everything_at_once_pushes_nothing_out_of_sight() {
    check_live(
        Changes {
            chance: 0.3,
            inserts: true,
            moves: true,
            ends: true,
        },
        0..2,
    );
}

#[test]
fn a_killed_run_is_taken_up_where_it_was() {
    for filter in [Filter::Start, Filter::End] {
        for unit in [Unit::Pages, Unit::Records] {
            for bots in [0.1, 0.5] {
                let reading = Reading {
                    filter,
                    unit,
                    ..Reading::default()
                };
                let folder = tempfile::tempdir().unwrap();
                let mut all = sessions(3_000, 0.3, bots, DAY, 5);
                all.extend(sessions(30, 0.0, bots, DAY + 86_400, 6));
                let undisturbed = read_all(&Model::new(reading, all.clone(), 1), &days(2), 1).requests;
                let mut model = Model::new(reading, all, 1);
                model.spool = Some(Spool::open(folder.path(), &[]).unwrap());
                let before = model.keys(&days(2));
                let mut runs = 1;
                loop {
                    model.dies_after = Some(runs * 17);
                    let outcome = model.read(&days(2), 1);
                    if outcome.result.is_ok() {
                        assert!(
                            before.is_subset(&outcome.keys),
                            "taken up pages are delivered again"
                        );
                        // One window was under way each time, of 11 pages and a second look at most.
                        let most = undisturbed + runs * 12;
                        assert!(
                            outcome.requests <= most,
                            "{} of {undisturbed}, {runs} runs",
                            outcome.requests
                        );
                        break;
                    }
                    runs += 1;
                    assert!(runs < 100, "never gets on");
                }
                assert!(runs > 2);
                model.dies_after = None;
                let paid = model.state.lock().unwrap().requests;
                let again = model.read(&days(2), 1);
                assert!(again.requests <= paid + 1, "all is kept until it is published");
            }
        }
    }
}

#[test]
fn an_order_that_changes_among_equals_hides_nothing() {
    for bots in [0.0, 0.5] {
        for parts in [false, true] {
            let reading = Reading {
                shuffles: true,
                parts,
                ..Reading::default()
            };
            // Four sessions a second in the burst.
            let model = Model::new(reading, sessions(3_000, 0.8, bots, DAY, 2), 1);
            read_all(&model, &days(1), 1);
        }
    }
}
