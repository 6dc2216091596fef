//! Which conversations are to be asked for: those that the lake's call details name and its conversations lack, or have of an
//! older state of their call details.

use std::collections::{HashMap, HashSet};

use arrow::array::RecordBatch;
use chrono::{DateTime, Days, NaiveDate, Utc};

use super::leaves::{Leaf, number, text, visit};
use super::state::{self, state};
use crate::config::{Account, Selection};
use crate::day::Day;
use crate::lake::{Columns, Coverage, DayPath, Lake};
use crate::schema;
use crate::selection::{Condition, Field, is_selected};

/// Days before a session's that its conversation can be filed under: the clocks of two systems may differ at midnight.
const DAYS_BEFORE: u64 = 1;

/// Days after a session's that its conversation can be filed under: e-mail sessions last up to 30 days.
const DAYS_AFTER: u64 = 31;

/// What is to be asked for.
#[derive(Debug, Default)]
pub(super) struct Due {
    /// The days of call details that name them, in order; days that need nothing are not among them.
    pub(super) days: Vec<DueDay>,
    /// Conversations that the selected call details name.
    pub(super) named: u64,
    /// Those that the lake has as their call details are.
    pub(super) held: u64,
    /// Those that the API did not have, asked for by the same state of their call details.
    pub(super) known_missing: u64,
    /// Those that `--limit` leaves for later runs.
    pub(super) left: u64,
}

/// Conversations that a day's call details name.
#[derive(Debug)]
pub(super) struct DueDay {
    pub(super) day: Day,
    pub(super) wanted: Vec<Wanted>,
    /// Whether all that the day lacks is wanted, so that the day has all of its conversations then.
    pub(super) is_all: bool,
    /// Whether its call details were read after they were complete.
    pub(super) is_closed: bool,
}

/// A conversation to be asked for.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) id: String,
    /// When its call-details row was read, in microseconds since 1970-01-01T00:00:00Z.
    pub(super) row_read_at: i64,
    /// What the row says.
    pub(super) state: i64,
}

impl Due {
    pub(super) fn count(&self) -> u64 {
        self.days.iter().map(|day| day.wanted.len() as u64).sum()
    }

    /// Reads what the lake names and has.
    ///
    /// # Errors
    /// There are no call details of the account in these days; a file can't be read.
    pub(super) async fn read(lake: &Lake, account: &Account, selection: &Selection) -> anyhow::Result<Due> {
        let Selection {
            from,
            to,
            conditions,
            limit,
        } = selection;
        let paths = files(lake, schema::call_details().name.as_str(), account, *from, *to).await?;
        if paths.is_empty() {
            let what = format!("call_details of account {account}");
            let error = match (from, to) {
                (None, None) => lake.no_days(&what),
                _ => lake.no_days_asked(&what),
            };
            return Err(error.into());
        }
        let mut columns = vec!["conversation_id", "channel", "session_start_time", "fetched_at"];
        columns.extend(state::COLUMNS);
        columns.extend(Field::ALL.iter().flat_map(|field| field.columns()));
        let mut sieve = Sieve {
            answers: Answers::read(lake, account, *from, *to).await?,
            conditions,
            room: limit.unwrap_or(u64::MAX),
            seen: HashSet::new(),
            due: Due::default(),
        };
        for path in paths {
            let mut wanted = Vec::new();
            for batch in lake
                .columns(&path, Columns(&columns))
                .await?
                .into_iter()
                .flatten()
            {
                sieve.sift(&batch?, &mut wanted);
            }
            if !wanted.is_empty() {
                let is_closed = is_closed(lake, &path).await?;
                sieve.end_day(path.day, wanted, is_closed);
            }
        }
        Ok(sieve.due)
    }
}

/// Finds the conversations that are due among rows of call details.
struct Sieve<'a> {
    answers: Answers,
    conditions: &'a [Condition],
    /// How many more may be asked for.
    room: u64,
    seen: HashSet<String>,
    due: Due,
}

impl Sieve<'_> {
    /// Adds to `wanted` what is due of the rows.
    fn sift(&mut self, batch: &RecordBatch, wanted: &mut Vec<Wanted>) {
        for row in 0..batch.num_rows() {
            let has = |column: &str, value: &str| has(batch, row, column, value);
            let Some(conversation) = named(batch, row).filter(|_| is_selected(self.conditions, has)) else {
                continue;
            };
            // Several rows can name one conversation; the first is the one it is asked for by.
            if !self.seen.insert(conversation.id.clone()) {
                continue;
            }
            self.due.named += 1;
            match self.answers.standing(&conversation) {
                Standing::Held => self.due.held += 1,
                Standing::Missing => self.due.known_missing += 1,
                Standing::Due if self.room > 0 => {
                    self.room -= 1;
                    wanted.push(conversation);
                }
                Standing::Due => self.due.left += 1,
            }
        }
    }

    fn end_day(&mut self, day: Day, wanted: Vec<Wanted>, is_closed: bool) {
        self.due.days.push(DueDay {
            day,
            wanted,
            is_all: self.conditions.is_empty() && self.due.left == 0,
            is_closed,
        });
    }
}

/// The account's files of a table within these days; rows without a day are part of the whole, and of no range.
async fn files(
    lake: &Lake,
    table: &str,
    account: &Account,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
) -> anyhow::Result<Vec<DayPath>> {
    let mut paths = lake.day_files(table).await?;
    paths.retain(|path| path.account == account.as_str() && path.is_within(from, to));
    Ok(paths)
}

/// Whether the day's call details were read after they were complete.
async fn is_closed(lake: &Lake, path: &DayPath) -> anyhow::Result<bool> {
    let Some((from, to)) = path.day.bounds(lake.zone()) else {
        return Ok(false);
    };
    let facts = lake.file_facts(path).await?;
    Ok(facts.is_some_and(|file| file.facts.coverage(from, to) == Coverage::Closed))
}

/// The conversation that a row names, unless the row is a copy: agent assistance leaves a row of no length that repeats another
/// session's conversation.
fn named(batch: &RecordBatch, row: usize) -> Option<Wanted> {
    let id = text(batch, row, "conversation_id").filter(|id| !matches!(*id, "" | "." | ".."))?;
    let channel = text(batch, row, "channel")
        .unwrap_or_default()
        .to_ascii_lowercase();
    let length = number(batch, row, "session_start_time").zip(number(batch, row, "session_end_time"));
    let is_copy = matches!(channel.as_str(), "agentassist" | "agentassistv2")
        && length.is_some_and(|(start, end)| start == end);
    (!is_copy).then(|| Wanted {
        id: id.to_string(),
        row_read_at: number(batch, row, "fetched_at").unwrap_or(i64::MIN),
        state: state(batch, row),
    })
}

fn has(batch: &RecordBatch, row: usize, column: &str, value: &str) -> bool {
    let mut found = false;
    visit(batch, row, column, &mut |leaf| found |= leaf == Leaf::Text(value));
    found
}

/// What the lake says of a conversation.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Held,
    Missing,
    Due,
}

/// The latest answer on each conversation: a row, or that there is none.
#[derive(Debug, Default)]
struct Answers(HashMap<String, Answer>);

#[derive(Debug, Clone, Copy)]
struct Answer {
    /// When it came, in microseconds since 1970-01-01T00:00:00Z.
    at: i64,
    /// What the call-details row said when it was asked for; `None` where it was converted.
    state: Option<i64>,
    is_row: bool,
}

impl Answers {
    async fn read(
        lake: &Lake,
        account: &Account,
        from: Option<NaiveDate>,
        to: Option<NaiveDate>,
    ) -> anyhow::Result<Answers> {
        let from = from.map(|from| from.checked_sub_days(Days::new(DAYS_BEFORE)).unwrap_or(from));
        let to = to.map(|to| to.checked_add_days(Days::new(DAYS_AFTER)).unwrap_or(to));
        let mut answers = Answers::default();
        for path in files(lake, &schema::conversations().name, account, from, to).await? {
            let columns = Columns(&["conversation_id", "fetched_at", "call_details_state"]);
            for batch in lake.columns(&path, columns).await?.into_iter().flatten() {
                answers.add_rows(&batch?);
            }
            let file = lake.file_facts(&path).await?;
            for asked in file.iter().flat_map(|file| &file.facts.not_found) {
                let answer = Answer {
                    at: asked.asked_at.timestamp_micros(),
                    state: Some(asked.state),
                    is_row: false,
                };
                answers.add(&asked.id, answer);
            }
        }
        Ok(answers)
    }

    fn add_rows(&mut self, batch: &RecordBatch) {
        for row in 0..batch.num_rows() {
            let Some(id) = text(batch, row, "conversation_id") else {
                continue;
            };
            let answer = Answer {
                at: number(batch, row, "fetched_at").unwrap_or(i64::MIN),
                state: number(batch, row, "call_details_state"),
                is_row: true,
            };
            self.add(id, answer);
        }
    }

    fn add(&mut self, id: &str, answer: Answer) {
        match self.0.get_mut(id) {
            Some(before) if before.at < answer.at => *before = answer,
            Some(_) => {}
            None => {
                self.0.insert(id.to_string(), answer);
            }
        }
    }

    /// An answer is older than the call-details row if that was read later and says something else; where what it said before is
    /// not known, if it was read later.
    fn standing(&self, conversation: &Wanted) -> Standing {
        let Some(answer) = self.0.get(&conversation.id) else {
            return Standing::Due;
        };
        let is_older = answer.at < conversation.row_read_at && answer.state != Some(conversation.state);
        match (is_older, answer.is_row) {
            (true, _) => Standing::Due,
            (false, true) => Standing::Held,
            (false, false) => Standing::Missing,
        }
    }
}

/// A time of the lake as the client takes it.
pub(super) fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answers: &[(i64, Option<i64>, bool)], want: Standing) {
        let mut all = Answers::default();
        for &(at, state, is_row) in answers {
            all.add("c", Answer { at, state, is_row });
        }
        let conversation = Wanted {
            id: "c".to_string(),
            row_read_at: 100,
            state: 7,
        };
        assert_eq!(all.standing(&conversation), want, "{answers:?}");
    }

    #[test]
    fn what_is_due() {
        use Standing::{Due, Held, Missing};
        check(&[], Due);
        // Asked for after the row was read.
        check(&[(100, Some(8), true)], Held);
        check(&[(101, None, true)], Held);
        check(&[(101, Some(8), false)], Missing);
        // Asked for before: by what the row said then.
        check(&[(99, Some(7), true)], Held);
        check(&[(99, Some(8), true)], Due);
        check(&[(99, None, true)], Due);
        check(&[(99, Some(7), false)], Missing);
        check(&[(99, Some(8), false)], Due);
        // The latest word counts.
        check(&[(101, Some(7), false), (102, Some(7), true)], Held);
        check(&[(102, Some(7), false), (101, Some(7), true)], Missing);
    }
}
