//! A model of the API for tests: every reading of the documents, live changes, and its own list of keys as the
//! oracle. It shares nothing with the client but the types of a question and an answer.

use std::collections::HashSet;
use std::sync::Mutex;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::mpsc;

use super::Event;
use super::days::Day;
use super::error::ApiError;
use super::fetch::Cost;
use super::http::Answer;
use super::page::{Page, Row};
use super::read::{self, Setting};
use super::readings::{Filter, Unit};
use super::report::{DayReport, RunReport};
use super::request::{Ask, Direction, LIMIT, MAX_OFFSET, Narrow};
use super::spool::Spool;
use super::window::Window;
use crate::progress::Progress;

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

    fn row(&self, clock: i64, wrap_up: i64) -> Row {
        let start = self.start.div_euclid(1000);
        Row {
            key: self.key(),
            session: self.id,
            conversation: self.conversation,
            start: Some(start),
            end: Some((self.end + wrap_up).div_euclid(1000)),
            clock: Some(start + clock),
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

/// What no document says a server does, and some do.
#[derive(Debug, Clone)]
pub(crate) struct Oddities {
    /// It gives no more rows than this, of either part where `limit` holds for each.
    pub(crate) limit: usize,
    /// Share of the rows that are taken out of a page after its rows were counted off.
    pub(crate) hidden: f64,
    /// Rows of a list that can be reached.
    pub(crate) reach: usize,
    /// Requests that are answered by an empty page, from 1.
    pub(crate) empty_at: Vec<u64>,
    /// Seconds that the clocks in session ids are ahead of starts.
    pub(crate) clock: i64,
    /// Seconds of after-call work, at most: the end that windows filter on comes so much before the one in the record.
    pub(crate) wrap_up: i64,
}

impl Default for Oddities {
    fn default() -> Self {
        Self {
            limit: LIMIT as usize,
            hidden: 0.0,
            reach: usize::MAX,
            empty_at: Vec::new(),
            clock: 0,
            wrap_up: 0,
        }
    }
}

pub(crate) struct Model {
    pub(crate) reading: Reading,
    pub(crate) oddities: Oddities,
    pub(crate) changes: Changes,
    pub(crate) obeys_direction: bool,
    pub(crate) spool: Option<Spool>,
    /// When it is.
    pub(crate) now: DateTime<Utc>,
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
            oddities: Oddities::default(),
            changes: Changes::default(),
            obeys_direction: true,
            spool: None,
            now: DateTime::from_timestamp(DAY + 400 * 86_400, 0).unwrap(),
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

    /// Milliseconds of after-call work.
    fn wrap_up(&self, session: &Session) -> i64 {
        let dice = session.id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        dice as i64 % (self.oddities.wrap_up * 1000 + 1)
    }

    /// Whether a row is taken out of its page.
    fn is_hidden(&self, session: &Session) -> bool {
        let dice = (session.id ^ 0x5bd1_e995).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        (dice as f64) < self.oddities.hidden * (1u64 << 24) as f64
    }

    /// Requests answered so far, over all readings.
    pub(crate) fn requests(&self) -> u64 {
        self.state.lock().unwrap().requests
    }

    /// After what sessions are chosen by has changed.
    pub(crate) fn resort(&self) {
        self.sort(&mut self.state.lock().unwrap());
    }

    fn sort(&self, state: &mut State) {
        state.sessions.sort_by_key(|session| self.time(session));
    }

    /// Keys of the sessions that start in the days.
    pub(crate) fn keys(&self, days: &[Day]) -> HashSet<u64> {
        let state = self.state.lock().unwrap();
        let starts_in = |s: &&Session| {
            !self.is_hidden(s)
                && days
                    .iter()
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
            let time = self.time(session);
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
        let Oddities {
            limit,
            reach,
            ref empty_at,
            ..
        } = self.oddities;
        let reach_of_agents = if reading.parts {
            reach
        } else {
            reach.saturating_sub(bots.len())
        };
        bots.truncate(reach);
        agents.truncate(reach_of_agents);
        let skip = ask.offset as usize * if reading.unit == Unit::Pages { limit } else { 1 };
        let slice = |list: Vec<Session>| {
            let page = list.into_iter().skip(skip).take(limit);
            page.filter(|session| !self.is_hidden(session))
        };
        let row = |session: Session| session.row(self.oddities.clock, self.wrap_up(&session));
        let rows: Vec<Row> = if empty_at.contains(&state.requests) {
            Vec::new()
        } else if reading.parts {
            slice(bots).chain(slice(agents)).map(row).collect()
        } else {
            bots.append(&mut agents);
            slice(bots).map(row).collect()
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
            fetched_at: self.now,
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
                now: &|| self.now,
                lanes: &|| lanes,
                progress: &Progress::default(),
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
            Outcome {
                keys,
                days,
                run,
                requests: self.requests(),
                result,
            }
        })
    }
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
