//! Records that come or change while pages are read: which, and when.

use std::str::FromStr;

use chrono::NaiveDateTime;

use crate::demo::random::{mix, mix_unit};

/// How the records change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// A record appears.
    Insert,
    /// A record is edited: its dispositions, its survey and the time of its last change.
    Update,
    /// A session that was read at the bot gets a conversation: another key, in the other part of the pages. Its end
    /// moves too.
    Move,
}

const KINDS: [(ChangeKind, &str); 3] = [
    (ChangeKind::Insert, "insert"),
    (ChangeKind::Update, "update"),
    (ChangeKind::Move, "move"),
];

/// A change after a given request, written `insert@5`: it happens to a session of the window asked for last. Written
/// `insert@5=2025-09-01T10:00:00` (UTC) it happens to the session at that time, or to the next one that it can happen to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// How the records change.
    pub kind: ChangeKind,
    /// After the answer to which request, counted from 1.
    pub after: u64,
    /// Which time the session has, in seconds since 1970 in UTC: its start where it appears, else the time that
    /// windows go by.
    pub at: Option<i64>,
}

impl FromStr for Change {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || {
            format!(
                "a change is written insert@REQUEST, update@… or move@…, perhaps with =TIME, not {text:?}"
            )
        };
        let (kind, rest) = text.split_once('@').ok_or_else(form)?;
        let kind = KINDS
            .iter()
            .find(|(_, name)| *name == kind)
            .map(|(kind, _)| *kind)
            .ok_or_else(form)?;
        let (after, at) = match rest.split_once('=') {
            Some((after, at)) => {
                let at = NaiveDateTime::parse_from_str(at, "%Y-%m-%dT%H:%M:%S").map_err(|_| form())?;
                (after, Some(at.and_utc().timestamp()))
            }
            None => (rest, None),
        };
        Ok(Self {
            kind,
            after: after.parse().map_err(|_| form())?,
            at,
        })
    }
}

/// Which changes happen.
#[derive(Clone, Debug)]
pub struct ChangePlan {
    /// After which share of call-details answers a record changes, `0.0..=1.0`.
    pub rate: f64,
    /// What these changes are drawn from.
    pub seed: u64,
    /// How many of them there are at most; without an end a reader never comes to one.
    pub at_most: u64,
    /// Changes after given requests; one without a time waits for the first window asked for.
    pub scripted: Vec<Change>,
}

impl Default for ChangePlan {
    /// Nothing changes.
    fn default() -> Self {
        Self {
            rate: 0.0,
            seed: 1,
            at_most: 100,
            scripted: Vec::new(),
        }
    }
}

impl ChangePlan {
    /// The change that is drawn to follow request `number`, when `drawn` have been drawn before.
    pub(super) fn draw(&self, number: u64, drawn: u64) -> Option<Change> {
        if drawn >= self.at_most || mix_unit(self.seed ^ 0xc4a6, number) >= self.rate {
            return None;
        }
        let kind = KINDS[(mix(self.seed, number) % KINDS.len() as u64) as usize].0;
        Some(Change {
            kind,
            after: number,
            at: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_written_with_or_without_a_time() {
        let check = |text: &str, kind, after, at| assert_eq!(text.parse(), Ok(Change { kind, after, at }));
        check("insert@5", ChangeKind::Insert, 5, None);
        check(
            "move@12=2025-09-01T00:00:01",
            ChangeKind::Move,
            12,
            Some(1_756_684_801),
        );
        for wrong in ["", "insert", "insert@", "delete@3", "update@3=yesterday"] {
            assert!(wrong.parse::<Change>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn drawn_changes_come_to_an_end() {
        let plan = ChangePlan {
            rate: 0.5,
            at_most: 10,
            ..ChangePlan::default()
        };
        let mut drawn = 0;
        for number in 1..1000 {
            drawn += u64::from(plan.draw(number, drawn).is_some());
        }
        assert_eq!(drawn, 10);
    }
}
