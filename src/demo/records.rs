//! The data set: which call-details records there are, and their text.

use std::io::{self, Write};

use chrono::NaiveDate;
use clap::ValueEnum;

pub use super::calendar::Profile;
use super::calendar::{Calendar, DAY, shuffled};
use super::conversation;
use super::json::Json;
use super::outline::{self, Outline};
use super::random::{Draw, mix};
use super::render::{self, Fields, Rendering, Version};
use super::session::{Centre, Session, conversation_id, session_id};

/// What the records of a file are written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Flavour {
    /// As v1 `calldetails` answers.
    V1,
    /// As v2 `calldetails` and `interactionDetails` answer when every field is selected.
    V2,
    /// Each record is one or the other.
    #[default]
    Mixed,
    /// As `conversations/{conversationId}` answers, for those records that have a conversation.
    Conversations,
}

/// In which order records are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Order {
    /// By start.
    #[default]
    Start,
    /// Days and hours in no order.
    Random,
}

/// A seeded set of sessions. A session depends only on these values and its index, `0..records`; sessions ascend by
/// start with their index, and each has another `sessionId`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// How many sessions there are.
    pub records: u64,
    /// Over how many days they spread; every day has the same number, give or take one.
    pub days: u32,
    /// The first of these days, in UTC.
    pub first_day: NaiveDate,
    /// Everything else follows from this.
    pub seed: u64,
    /// How a day's sessions spread over the day.
    pub profile: Profile,
    /// The longest session, in seconds. Only e-mail sessions last longer than an hour; those of the real API can
    /// last 30 days.
    pub longest_session: u32,
}

impl Default for Dataset {
    /// 3,000 records over the week from 2025-09-01, with no session longer than 12 hours.
    fn default() -> Self {
        Self {
            records: 3000,
            days: 7,
            first_day: NaiveDate::from_ymd_opt(2025, 9, 1).unwrap_or_default(),
            seed: 1,
            profile: Profile::default(),
            longest_session: 43_200,
        }
    }
}

/// What identifies a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// `sessionId`.
    pub session_id: String,
    /// `conversationId`; absent where the session ended at the bot.
    pub conversation_id: Option<String>,
    /// The session's start, in seconds since 1970 in UTC.
    pub start: i64,
}

impl Dataset {
    /// Writes every record as one line of JSON, naive times in UTC; gives the number of lines.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_ndjson(&self, out: &mut impl Write, flavour: Flavour, order: Order) -> io::Result<u64> {
        let sessions = self.sessions();
        let mut line = Vec::with_capacity(8192);
        let mut lines = 0;
        for position in 0..self.records {
            let index = match order {
                Order::Start => position,
                Order::Random => shuffled(position, self.records, self.seed),
            };
            let version = match flavour {
                Flavour::V1 => Some(Version::V1),
                Flavour::V2 => Some(Version::V2),
                Flavour::Mixed if mix(self.seed ^ 0xf1a, index) & 1 == 0 => Some(Version::V1),
                Flavour::Mixed => Some(Version::V2),
                Flavour::Conversations => None,
            };
            let session = sessions.session(&sessions.outline(index));
            line.clear();
            match version {
                Some(version) => {
                    let rendering = Rendering {
                        version,
                        fields: Fields::ALL,
                        timezone_offset: 0,
                    };
                    render::record(&mut line, self.seed, &session, rendering);
                }
                None if session.conversation_id.is_some() => {
                    conversation::write(&mut Json::new(&mut line, 0, session.ascii), self.seed, &session);
                }
                None => continue,
            }
            line.push(b'\n');
            out.write_all(&line)?;
            lines += 1;
        }
        Ok(lines)
    }

    /// The keys of all records, by start.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        let sessions = self.sessions();
        (0..self.records).map(move |index| sessions.key(&sessions.outline(index)))
    }

    pub(super) fn sessions(&self) -> Sessions {
        let midnight = self
            .first_day
            .and_hms_opt(0, 0, 0)
            .map_or(0, |t| t.and_utc().timestamp());
        Sessions {
            dataset: self.clone(),
            calendar: Calendar::new(self.profile),
            draw: Draw::new(self.seed),
            midnight,
        }
    }
}

/// A data set ready to make its sessions.
#[derive(Clone, Debug)]
pub(super) struct Sessions {
    dataset: Dataset,
    calendar: Calendar,
    draw: Draw,
    /// Start of the first day, in seconds since 1970.
    midnight: i64,
}

impl Sessions {
    /// What session `index` has come to in the end. `index` is below the number of records.
    pub(super) fn outline(&self, index: u64) -> Outline {
        let days = u64::from(self.dataset.days.max(1));
        let first_of =
            |day: u64| (u128::from(self.dataset.records) * u128::from(day) / u128::from(days)) as u64;
        let mut day = (u128::from(index) * u128::from(days) / u128::from(self.dataset.records.max(1))) as u64;
        while day + 1 < days && first_of(day + 1) <= index {
            day += 1;
        }
        let first = first_of(day);
        let jitter = mix(self.dataset.seed ^ 0xca1e, index) as u32;
        let second = self
            .calendar
            .second(index - first, first_of(day + 1) - first, jitter);
        self.outline_at(index, self.midnight + day as i64 * DAY + second)
    }

    /// As [`Sessions::outline`], for a session that starts at `start` (seconds since 1970) instead.
    pub(super) fn outline_at(&self, index: u64, start: i64) -> Outline {
        outline::draw(
            &mut self.draw.stream(index),
            index,
            start,
            i64::from(self.dataset.longest_session),
        )
        .0
    }

    /// All values of the session of an outline, which may have been changed since it was drawn.
    pub(super) fn session(&self, outline: &Outline) -> Session {
        let mut draw = self.draw.stream(outline.index);
        let longest = i64::from(self.dataset.longest_session);
        let (_, after_work) = outline::draw(&mut draw, outline.index, outline.start, longest);
        let seed = self.dataset.seed;
        let assisted = (outline.shape == outline::Shape::AgentAssist)
            .then(|| self.assisted(outline.index))
            .flatten();
        Session::draw(
            &mut draw,
            &Centre {
                seed,
                assisted,
                after_work,
            },
            *outline,
        )
    }

    pub(super) fn key(&self, outline: &Outline) -> Key {
        Key {
            session_id: session_id(self.dataset.seed, outline.index, outline.start),
            conversation_id: outline
                .has_conversation()
                .then(|| conversation_id(self.dataset.seed, outline.index)),
            start: outline.start,
        }
    }

    pub(super) fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// The nearest earlier session with a conversation, for an agent-assistance row to embed.
    fn assisted(&self, index: u64) -> Option<u64> {
        (index.saturating_sub(20)..index.min(self.dataset.records))
            .rev()
            .find(|i| self.outline(*i).has_conversation())
    }
}

#[cfg(test)]
mod tests;
