//! Which rows stay: rules 1 to 5 of the [room's documentation](super), as a function of plain values.

use std::collections::HashMap;

use super::keys::Id;

/// Microseconds that one read of a day may take, from its first page to its last. The API may list a session both with and
/// without a conversation; within one read both are kept. 15 minutes is also after how long the API's data is complete.
pub(super) const ONE_READ: i64 = 15 * 60 * 1_000_000;

/// One row of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RowRef {
    pub(crate) run: u32,
    pub(crate) row: u32,
}

/// What decides about a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) session: Id,
    pub(crate) conversation: Id,
    pub(crate) fetched_at: i64,
    pub(crate) at: RowRef,
}

/// Hashes of the content of rows.
pub(crate) type Contents = HashMap<RowRef, u128>;

/// What the rows that stay mean for the present file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum News {
    /// They are its rows.
    None,
    /// They have its keys, and some were read later: only their contents can tell whether they differ.
    Reread,
    /// They differ from its rows.
    Some,
}

impl Entry {
    fn key(&self) -> (Id, Id) {
        (self.session, self.conversation)
    }

    fn has_key(&self) -> bool {
        !self.session.is_null() || !self.conversation.is_null()
    }
}

/// Rows whose content [`resolve`] needs. Sorts the entries.
pub(crate) fn ties(entries: &mut [Entry]) -> Vec<RowRef> {
    entries.sort_unstable_by_key(|entry| (entry.key(), std::cmp::Reverse(entry.fetched_at), entry.at));
    let mut ties = Vec::new();
    for group in entries.chunk_by(|a, b| a.key() == b.key()) {
        let latest = group[0].fetched_at;
        let tied = group
            .iter()
            .take_while(|entry| !entry.has_key() || entry.fetched_at == latest);
        if !group[0].has_key() || (group.len() > 1 && group[1].fetched_at == latest) {
            ties.extend(tied.map(|entry| entry.at));
        }
    }
    ties
}

/// Decides about entries that [`ties`] has sorted, given the contents that it asked for. `present` is the run that holds
/// the present file's rows; `lose` is called with each row that does not stay.
pub(crate) fn resolve(
    entries: &[Entry],
    contents: &Contents,
    present: Option<u32>,
    mut lose: impl FnMut(RowRef),
) -> News {
    let content = |entry: &Entry| contents.get(&entry.at).copied().unwrap_or_default();
    let mut news = News::None;
    for session in entries.chunk_by(|a, b| a.session == b.session) {
        // Rule 4: sorted by conversation, the null one comes first.
        let last_conversation = session
            .iter()
            .filter(|entry| !entry.conversation.is_null())
            .map(|entry| entry.fetched_at)
            .max();
        for group in session.chunk_by(|a, b| a.conversation == b.conversation) {
            if !group[0].has_key() {
                let mut by_content: HashMap<u128, Vec<Entry>> = HashMap::new();
                for entry in group {
                    by_content.entry(content(entry)).or_default().push(*entry);
                }
                for group in by_content.values() {
                    news = news.max(settle(
                        group,
                        group.iter().max_by_key(|e| rank(e, 0)),
                        present,
                        &mut lose,
                    ));
                }
                continue;
            }
            let superseded = group[0].conversation.is_null()
                && last_conversation > Some(group[0].fetched_at.saturating_add(ONE_READ));
            let winner = group.iter().max_by_key(|entry| rank(entry, content(entry)));
            news = news.max(settle(group, winner.filter(|_| !superseded), present, &mut lose));
        }
    }
    news
}

/// Rules 1 and 2; of equal rows the first run's, which is the present file's where it has one.
fn rank(entry: &Entry, content: u128) -> (i64, u128, std::cmp::Reverse<RowRef>) {
    (entry.fetched_at, content, std::cmp::Reverse(entry.at))
}

/// Loses all of a key's rows but the winner.
fn settle(
    group: &[Entry],
    winner: Option<&Entry>,
    present: Option<u32>,
    lose: &mut impl FnMut(RowRef),
) -> News {
    for entry in group {
        if Some(entry.at) != winner.map(|winner| winner.at) {
            lose(entry.at);
        }
    }
    let held = group.iter().filter(|entry| Some(entry.at.run) == present).count();
    match winner {
        Some(winner) if Some(winner.at.run) == present && held == 1 => News::None,
        Some(_) if held == 1 => News::Reread,
        None if held == 0 => News::None,
        _ => News::Some,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// session, conversation, fetched in which read, content
    type Row = (Option<u8>, Option<u8>, i64, u8);

    /// Rows that stay of those.
    fn stay(rows: &[Row]) -> Vec<Row> {
        let text = |value: Option<u8>| value.map(|number| number.to_string());
        let mut entries: Vec<_> = rows
            .iter()
            .enumerate()
            .map(|(at, row)| Entry {
                session: Id::new(text(row.0).as_deref()),
                conversation: Id::new(text(row.1).as_deref()),
                fetched_at: row.2 * (ONE_READ + 1),
                at: RowRef {
                    run: 0,
                    row: at as u32,
                },
            })
            .collect();
        let contents = ties(&mut entries)
            .into_iter()
            .map(|at| (at, u128::from(rows[at.row as usize].3)))
            .collect();
        let mut lost = BTreeSet::new();
        resolve(&entries, &contents, None, |at| {
            assert!(lost.insert(at.row), "lost twice")
        });
        let kept = rows
            .iter()
            .enumerate()
            .filter(|(at, _)| !lost.contains(&(*at as u32)));
        let mut kept: Vec<_> = kept.map(|(_, row)| *row).collect();
        kept.sort_unstable();
        kept
    }

    fn check(rows: &[Row], want: &[Row]) {
        assert_eq!(stay(rows), want, "{rows:?}");
    }

    #[test]
    fn rule_1_the_one_fetched_last() {
        check(
            &[(Some(1), Some(1), 5, 1), (Some(1), Some(1), 7, 0)],
            &[(Some(1), Some(1), 7, 0)],
        );
        check(
            &[(Some(1), None, 5, 1), (Some(1), None, 7, 0)],
            &[(Some(1), None, 7, 0)],
        );
        check(
            &[(None, Some(1), 5, 1), (None, Some(1), 7, 0)],
            &[(None, Some(1), 7, 0)],
        );
    }

    #[test]
    fn rule_2_the_greater_content() {
        check(
            &[(Some(1), Some(1), 5, 1), (Some(1), Some(1), 5, 2)],
            &[(Some(1), Some(1), 5, 2)],
        );
        check(
            &[(Some(1), Some(1), 5, 1), (Some(1), Some(1), 5, 1)],
            &[(Some(1), Some(1), 5, 1)],
        );
    }

    #[test]
    fn rule_3_without_ids_the_content_is_the_key() {
        check(
            &[(None, None, 5, 1), (None, None, 6, 1), (None, None, 1, 2)],
            &[(None, None, 1, 2), (None, None, 6, 1)],
        );
    }

    #[test]
    fn rule_4_a_conversation_read_later_supersedes_its_session() {
        check(
            &[(Some(1), None, 5, 1), (Some(1), Some(1), 6, 2)],
            &[(Some(1), Some(1), 6, 2)],
        );
        let one_read = [(Some(1), None, 5, 1), (Some(1), Some(1), 5, 2)];
        check(&one_read, &one_read);
        let later = [(Some(1), None, 7, 1), (Some(1), Some(1), 6, 2)];
        check(&later, &later);
        let entry = |conversation, fetched_at, row| Entry {
            session: Id::new(Some("s")),
            conversation: Id::new(conversation),
            fetched_at,
            at: RowRef { run: 0, row },
        };
        let mut pages_of_one_read = [entry(None, 7, 0), entry(Some("c"), 7 + ONE_READ, 1)];
        ties(&mut pages_of_one_read);
        resolve(&pages_of_one_read, &Contents::new(), None, |at| {
            panic!("lost {at:?}")
        });
        let no_session = [(None, None, 5, 1), (None, Some(1), 6, 2)];
        check(&no_session, &no_session);
    }

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let id = || proptest::option::weighted(0.7, 0..3_u8);
        proptest::collection::vec((id(), id(), 0..4_i64, 0..3_u8), 0..24)
    }

    proptest! {
        #[test]
        fn merging_is_order_free_and_repeatable(rows in rows(), cut in 0..24_usize, seed in any::<u64>()) {
            let want = stay(&rows);
            let (left, right) = rows.split_at(cut.min(rows.len()));
            prop_assert_eq!(&stay(&[stay(left), right.to_vec()].concat()), &want, "kept rows merged with new ones");
            prop_assert_eq!(&stay(&[stay(right), stay(left)].concat()), &want, "merged in the other order");
            prop_assert_eq!(&stay(&[want.clone(), rows.clone()].concat()), &want, "merged again");
            let mut shuffled = rows;
            use rand::{SeedableRng, seq::SliceRandom};
            shuffled.shuffle(&mut rand::rngs::StdRng::seed_from_u64(seed));
            prop_assert_eq!(stay(&shuffled), want, "shuffled");
        }

        #[test]
        fn no_key_is_lost(rows in rows()) {
            let kept = stay(&rows);
            for row in &rows {
                let key = kept.iter().any(|other| (other.0, other.1) == (row.0, row.1));
                let conversation = row.1.is_none() && row.0.is_some() && kept.iter().any(|other| {
                    other.0 == row.0 && other.1.is_some() && other.2 > row.2
                });
                prop_assert!(key || conversation, "{:?} left no trace in {:?}", row, kept);
            }
        }
    }
}
