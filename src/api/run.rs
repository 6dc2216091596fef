//! What a window that was too wide tells of the windows inside it.

use std::cmp::Ordering;

use super::page::Row;
use super::window::{Bounds, Window};

/// Rows that stand at the head of a list too long to be read to its end, without a hole and in the list's order.
/// A window inside has the same rows in the same order at the head of its own list.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) window: Window,
    pub(crate) bounds: Bounds,
    pub(crate) rows: Vec<Row>,
}

/// What is known of the head of a list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Head {
    /// The window of the run that tells.
    pub(crate) run: Option<Window>,
    /// Rows in the second of `startDate`, which are the first, or not in the list at all: all or none of them.
    perhaps: Vec<Row>,
    /// The rows after them.
    pub(crate) rows: Vec<Row>,
}

impl Run {
    /// The rows at the head of the list of `bounds`, which must lie within this run's; it ends before the first row
    /// of which it is not known whether a bound takes it in.
    pub(crate) fn head(&self, bounds: Bounds, start_counts: bool, end_counts: bool) -> Head {
        let mut head = Head {
            run: Some(self.window),
            ..Head::default()
        };
        for row in &self.rows {
            let Some(time) = row.start else { break };
            let is_same_start = bounds.start == self.bounds.start;
            let is_same_end = bounds.end == self.bounds.end;
            let start = if is_same_start {
                Some(true)
            } else {
                is_after(time, bounds.start, start_counts)
            };
            let end = if is_same_end {
                Some(true)
            } else {
                is_after(-time, -bounds.end, end_counts)
            };
            match (start, end) {
                (Some(true), Some(true)) => head.rows.push(*row),
                (Some(false), _) | (_, Some(false)) => {}
                (None, _) if head.rows.is_empty() && !row.conversation => head.perhaps.push(*row),
                _ => break,
            }
        }
        head
    }

    /// Whether every session that ended at the bot is among the rows: they are listed first.
    pub(crate) fn holds_all_bots(&self) -> bool {
        self.rows.iter().any(|row| row.conversation)
    }

    /// Starts of the sessions that ended at the bot, from `from` on, sorted.
    pub(crate) fn bots_from(&self, from: i64) -> Vec<i64> {
        let bots = self
            .rows
            .iter()
            .filter(|row| !row.conversation)
            .filter_map(|row| row.start);
        let mut bots: Vec<i64> = bots.filter(|time| *time >= from).collect();
        bots.sort_unstable();
        bots
    }

    /// Conversations are listed downwards from the window's end, after all bot sessions: from which second on the
    /// first `most` rows hold all that there is, and how many rows that is.
    pub(crate) fn known_from(&self, most: usize) -> (i64, usize) {
        let last = self
            .rows
            .iter()
            .take(most)
            .rev()
            .find(|row| row.conversation)
            .and_then(|row| row.start);
        let mut from = last.map_or(self.window.to, |time| time + 1);
        // A bot session in the second that the window's bound shares with its neighbour stands at the very head of the
        // list, or does not: better to have none there.
        let is_bot_at = |second| {
            self.rows
                .iter()
                .any(|row| !row.conversation && row.start == Some(second))
        };
        while from < self.window.to && is_bot_at(from - 1) {
            from += 1;
        }
        let rows = self
            .rows
            .iter()
            .filter(|row| row.start.is_some_and(|time| time >= from))
            .count();
        (from, rows)
    }
}

impl Head {
    /// The first `count` rows of the list, if `next` is the row after them.
    pub(crate) fn before(&self, count: usize, next: Option<&Row>) -> Option<Vec<Row>> {
        let next = next?.key;
        let without = self.rows.clone();
        let with: Vec<Row> = self.perhaps.iter().chain(&self.rows).copied().collect();
        let mut rows = [without, with]
            .into_iter()
            .find(|rows| rows.get(count).is_some_and(|row| row.key == next))?;
        rows.truncate(count);
        Some(rows)
    }
}

/// Whether a time lies after a bound, where that is known.
fn is_after(time: i64, bound: i64, counts: bool) -> Option<bool> {
    match time.cmp(&bound) {
        Ordering::Greater => Some(true),
        Ordering::Equal => counts.then_some(true),
        Ordering::Less => Some(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: u64, conversation: bool, start: i64) -> Row {
        Row {
            key,
            session: key,
            conversation,
            start: Some(start),
            end: None,
            clock: None,
            naive: true,
        }
    }

    /// Bots at 10, 20, 30 and conversations at 35, 25, 15.
    fn run() -> Run {
        let bots = [10, 20, 30].map(|time| row(time as u64, false, time));
        let conversations = [35, 25, 15].map(|time| row(time as u64, true, time));
        let window = Window::new(5, 40);
        Run {
            window,
            bounds: window.wide(),
            rows: [bots, conversations].concat(),
        }
    }

    fn check(start: i64, end: i64, counts: bool, perhaps: &[u64], rows: &[u64]) {
        let head = run().head(Bounds { start, end }, counts, counts);
        let keys = |rows: &[Row]| rows.iter().map(|row| row.key).collect::<Vec<_>>();
        assert_eq!(
            (keys(&head.perhaps).as_slice(), keys(&head.rows).as_slice()),
            (perhaps, rows),
            "{start}..{end}"
        );
    }

    #[test]
    fn a_head_is_the_run_within_the_bounds() {
        check(4, 40, false, &[], &[10, 20, 30, 35, 25, 15]);
        check(11, 29, false, &[], &[20, 25, 15]);
        check(11, 14, false, &[], &[]);
    }

    #[test]
    fn a_head_ends_where_a_bound_may_or_may_not_count() {
        check(20, 40, true, &[], &[20, 30, 35, 25]);
        check(20, 40, false, &[20], &[30, 35, 25]);
        check(11, 30, false, &[], &[20]);
        check(11, 35, false, &[], &[20, 30]);
        check(15, 40, false, &[], &[20, 30, 35, 25]);
    }

    #[test]
    fn the_row_after_tells_whether_the_doubtful_ones_are_there() {
        let head = run().head(Bounds { start: 20, end: 40 }, false, false);
        let before = |count, next| {
            let next = row(next, false, 0);
            head.before(count, Some(&next))
                .map(|rows| rows.iter().map(|row| row.key).collect::<Vec<_>>())
        };
        assert_eq!(before(1, 35), Some(vec![30]));
        assert_eq!(before(1, 30), Some(vec![20]));
        assert_eq!(before(1, 25), None, "another row than the run has there");
        assert!(head.before(1, None).is_none());
    }

    #[test]
    fn conversations_are_known_from_the_last_one_on() {
        assert_eq!(run().known_from(5), (26, 2));
        let only_bots = Run {
            rows: run().rows[..3].to_vec(),
            ..run()
        };
        assert_eq!(only_bots.known_from(3), (40, 0));
    }
}
