//! What is known of a day beside its rows: which windows were read, when, and what that proves.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// One read of a window of the API.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Read {
    /// Start of the window.
    pub from: DateTime<Utc>,
    /// End of the window, exclusive.
    pub to: DateTime<Utc>,
    /// Endpoint that was read, as in the column `source_endpoint`.
    pub endpoint: String,
    /// When the first response arrived.
    pub fetched_from: DateTime<Utc>,
    /// When the last response arrived.
    pub fetched_to: DateTime<Utc>,
    /// Whether the read is proven to hold all that the API had. One that is not says only that somebody asked.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub proven: bool,
    /// Whether the window lay far enough in the past that its records were complete.
    pub closed: bool,
    /// Requests that it took.
    pub requests: u64,
    /// Records received, duplicates included.
    pub received: u64,
    /// Records of different keys.
    pub unique: u64,
}

fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_yes(yes: &bool) -> bool {
    *yes
}

/// A conversation that the API did not have when it was asked for by a call-details row of the day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NotFound {
    /// Its id.
    pub id: String,
    /// When it was asked for.
    pub asked_at: DateTime<Utc>,
    /// What the row said then, as in the column `call_details_state`.
    pub state: i64,
}

/// What a publication says of a day beside its rows; empty for rows that did not come from the API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayFacts {
    /// Windows read that touch the day.
    pub reads: Vec<Read>,
    /// Conversations that were asked for and not there, by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_found: Vec<NotFound>,
}

/// What is covered by the reads of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Coverage {
    /// All of the day was read after it was complete.
    Closed,
    /// All of the day was read, some of it before it was complete.
    Open,
    /// Part of the day was never read, or its read is not proven complete.
    Partial,
    /// Nothing is known to have been asked: the rows came from files.
    Unknown,
}

impl Read {
    /// Whether what this read proves is proved by the other.
    fn is_within(&self, other: &Read) -> bool {
        self.endpoint == other.endpoint
            && other.from <= self.from
            && self.to <= other.to
            && (self.fetched_to, &self.fetched_from) <= (other.fetched_to, &other.fetched_from)
            && (other.closed || !self.closed)
            && (other.proven || !self.proven)
    }
}

impl DayFacts {
    /// The reads of both, without those that another proves, and the latest word on each conversation. Order-free and repeatable, as the merge of rows is.
    pub(crate) fn merge(&self, other: &DayFacts) -> DayFacts {
        let mut all: Vec<_> = self.reads.iter().chain(&other.reads).cloned().collect();
        all.sort();
        all.dedup();
        let needed = |(at, read): (usize, &Read)| {
            // Of two that prove each other the later in order stays.
            let proved = all
                .iter()
                .enumerate()
                .any(|(by, other)| by != at && read.is_within(other) && (!other.is_within(read) || by > at));
            (!proved).then(|| read.clone())
        };
        let not_found = self.not_found.iter().chain(&other.not_found);
        let mut latest: BTreeMap<&str, &NotFound> = BTreeMap::new();
        for asked in not_found {
            let before = latest.entry(&asked.id).or_insert(asked);
            if (before.asked_at, before.state) < (asked.asked_at, asked.state) {
                *before = asked;
            }
        }
        DayFacts {
            reads: all.iter().enumerate().filter_map(needed).collect(),
            not_found: latest.into_values().cloned().collect(),
        }
    }

    /// What a day from `from` to `to` (exclusive) is covered by.
    pub fn coverage(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Coverage {
        if self.reads.is_empty() {
            return Coverage::Unknown;
        }
        let all = spans(self.proofs());
        let closed = spans(self.proofs().filter(|read| read.closed));
        let covered = |spans: &[(DateTime<Utc>, DateTime<Utc>)]| {
            spans.iter().any(|span| span.0 <= from && to <= span.1)
        };
        match (covered(&closed), covered(&all)) {
            (true, _) => Coverage::Closed,
            (false, true) => Coverage::Open,
            (false, false) => Coverage::Partial,
        }
    }

    /// Reads that are proven to hold all that the API had.
    pub(crate) fn proofs(&self) -> impl Iterator<Item = &Read> {
        self.reads.iter().filter(|read| read.proven)
    }

    /// Parts of the span from `from` to `to` (exclusive) that no proven read covers.
    pub fn gaps(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        let mut gaps = Vec::new();
        let mut at = from;
        for (start, end) in spans(self.proofs()) {
            if start > at {
                gaps.push((at, start.min(to)));
            }
            at = at.max(end);
            if at >= to {
                break;
            }
        }
        if at < to {
            gaps.push((at, to));
        }
        gaps
    }

    /// Whether the facts prove the same, whenever it was read: what was asked of each endpoint, what of it was closed and what is
    /// not proven, and what was not there for which state of its call details.
    pub(crate) fn proves_the_same(&self, other: &DayFacts) -> bool {
        let proved = |facts: &DayFacts| {
            let mut endpoints: Vec<_> = facts.reads.iter().map(|read| read.endpoint.clone()).collect();
            endpoints.sort();
            endpoints.dedup();
            let spans_of = |endpoint: &String| {
                let reads = || facts.reads.iter().filter(|read| &read.endpoint == endpoint);
                (
                    spans(reads().filter(|read| read.proven)),
                    spans(reads().filter(|read| read.proven && read.closed)),
                    spans(reads().filter(|read| !read.proven)),
                )
            };
            let spans: Vec<_> = endpoints.iter().map(spans_of).collect();
            (endpoints, spans)
        };
        let states = |facts: &DayFacts| {
            let states = facts.not_found.iter();
            states
                .map(|asked| (asked.id.clone(), asked.state))
                .collect::<Vec<_>>()
        };
        proved(self) == proved(other) && states(self) == states(other)
    }
}

/// What the windows cover, as disjoint spans in order; windows that touch are one.
fn spans<'a>(reads: impl Iterator<Item = &'a Read>) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let mut windows: Vec<_> = reads.map(|read| (read.from, read.to)).collect();
    windows.sort_unstable();
    let mut spans: Vec<(DateTime<Utc>, DateTime<Utc>)> = Vec::new();
    for (from, to) in windows {
        match spans.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => spans.push((from, to)),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use proptest::prelude::*;

    use super::*;

    fn at(hour: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_759_190_400 + hour * 3600, 0).unwrap()
    }

    fn read(from: i64, to: i64, fetched: i64, closed: bool) -> Read {
        Read {
            from: at(from),
            to: at(to),
            endpoint: "v2".to_string(),
            fetched_from: at(fetched),
            fetched_to: at(fetched),
            proven: true,
            closed,
            requests: 1,
            received: 1,
            unique: 1,
        }
    }

    fn unproven(from: i64, to: i64, fetched: i64) -> Read {
        Read {
            proven: false,
            ..read(from, to, fetched, true)
        }
    }

    fn facts(reads: &[Read]) -> DayFacts {
        DayFacts {
            reads: reads.to_vec(),
            ..DayFacts::default()
        }
    }

    fn not_found(asked: &[(u8, i64, i64)]) -> DayFacts {
        let not_found = asked.iter().map(|&(id, hour, state)| NotFound {
            id: id.to_string(),
            asked_at: at(hour),
            state,
        });
        DayFacts {
            not_found: not_found.collect(),
            ..DayFacts::default()
        }
    }

    #[test]
    fn a_later_read_of_a_wider_window_replaces_the_narrower() {
        let (early, late) = (read(0, 12, 12, false), read(0, 24, 25, true));
        assert_eq!(facts(&[early]).merge(&facts(from_ref(&late))), facts(&[late]));
        let (closed, open) = (read(0, 24, 30, true), read(0, 24, 31, false));
        assert_eq!(
            facts(from_ref(&closed)).merge(&facts(&[open])).reads.len(),
            2,
            "what was closed stays so"
        );
    }

    #[test]
    fn coverage_of_a_day() {
        let check = |reads: &[Read], want: Coverage, gaps: &[(i64, i64)]| {
            let facts = facts(reads);
            assert_eq!(facts.coverage(at(0), at(24)), want);
            let gaps: Vec<_> = gaps.iter().map(|gap| (at(gap.0), at(gap.1))).collect();
            assert_eq!(facts.gaps(at(0), at(24)), gaps);
        };
        check(&[], Coverage::Unknown, &[(0, 24)]);
        check(&[read(0, 24, 30, true)], Coverage::Closed, &[]);
        check(
            &[read(-24, 12, 30, true), read(12, 48, 60, true)],
            Coverage::Closed,
            &[],
        );
        check(
            &[read(0, 12, 30, true), read(12, 24, 20, false)],
            Coverage::Open,
            &[],
        );
        check(
            &[read(2, 12, 30, true), read(13, 20, 30, true)],
            Coverage::Partial,
            &[(0, 2), (12, 13), (20, 24)],
        );
        check(&[unproven(0, 24, 30)], Coverage::Partial, &[(0, 24)]);
        check(
            &[unproven(0, 24, 40), read(0, 24, 30, true)],
            Coverage::Closed,
            &[],
        );
    }

    #[test]
    fn a_read_without_proof_is_replaced_by_one_with_it() {
        let (early, late) = (facts(&[unproven(0, 24, 30)]), facts(&[unproven(0, 24, 40)]));
        let proof = facts(&[read(0, 24, 50, true)]);
        assert_eq!(early.merge(&late), late);
        assert_eq!(early.merge(&proof), proof);
        assert_eq!(proof.merge(&facts(&[unproven(0, 24, 60)])).reads.len(), 2);
        assert!(late.proves_the_same(&early) && !late.proves_the_same(&DayFacts::default()));
        assert!(!proof.proves_the_same(&early));
        let footer = serde_json::to_value(&late).unwrap();
        assert_eq!(footer["reads"][0]["proven"], false);
        assert!(
            serde_json::to_value(&proof).unwrap()["reads"][0]
                .get("proven")
                .is_none()
        );
        assert_eq!(serde_json::from_value::<DayFacts>(footer).unwrap(), late);
    }

    #[test]
    fn a_reread_proves_the_same() {
        let first = facts(&[read(0, 24, 30, true)]);
        let again = first.merge(&facts(&[read(0, 24, 40, true)]));
        assert!(again.proves_the_same(&first));
        let more = first.merge(&facts(&[read(24, 25, 40, true)]));
        assert!(!more.proves_the_same(&first));
        let closed = facts(&[read(0, 24, 20, false)]).merge(&first);
        assert!(!closed.proves_the_same(&facts(&[read(0, 24, 20, false)])));
    }

    prop_compose! {
        fn arbitrary_facts()(
            reads in proptest::collection::vec((0..4_i64, 1..4_i64, 0..3_i64, any::<bool>(), any::<bool>()), 0..6),
        ) -> DayFacts {
            facts(&reads.into_iter().map(|(from, hours, fetched, closed, proven)| {
                Read { proven, ..read(from, from + hours, fetched, closed) }
            }).collect::<Vec<_>>())
        }
    }

    #[test]
    fn the_latest_word_on_a_conversation_stays() {
        let merged = not_found(&[(2, 1, 7), (1, 5, 7)]).merge(&not_found(&[(1, 4, 8), (2, 3, 7)]));
        assert_eq!(merged, not_found(&[(1, 5, 7), (2, 3, 7)]));
        assert!(merged.proves_the_same(&not_found(&[(1, 9, 7), (2, 9, 7)])));
        assert!(!merged.proves_the_same(&not_found(&[(1, 5, 8), (2, 3, 7)])));
        assert!(!merged.proves_the_same(&DayFacts::default()));
    }

    prop_compose! {
        fn arbitrary_not_found()(asked in proptest::collection::vec((0..3_u8, 0..3_i64, 0..2_i64), 0..5)) -> DayFacts {
            not_found(&asked)
        }
    }

    proptest! {
        #[test]
        fn merging_what_was_not_found_is_order_free_and_repeatable(
            a in arbitrary_not_found(), b in arbitrary_not_found(), c in arbitrary_not_found(),
        ) {
            prop_assert_eq!(a.merge(&b), b.merge(&a));
            prop_assert_eq!(a.merge(&b).merge(&c), a.merge(&b.merge(&c)));
            prop_assert_eq!(a.merge(&b).merge(&b), a.merge(&b));
        }

        #[test]
        fn merging_is_order_free_and_repeatable(
            a in arbitrary_facts(), b in arbitrary_facts(), c in arbitrary_facts(),
        ) {
            prop_assert_eq!(a.merge(&b), b.merge(&a));
            prop_assert_eq!(a.merge(&b).merge(&c), a.merge(&b.merge(&c)));
            prop_assert_eq!(a.merge(&b).merge(&b), a.merge(&b));
        }
    }
}
