//! Every reading gives each record of a window once, and changes do what they are named.

use std::collections::HashSet;

use super::*;
use crate::demo::records::{Dataset, Profile};

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
                        .filter(|index| window.contains(&rank(&readings, &store.sessions.outline(*index)).0))
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
fn shuffled_ties_keep_a_page_whole_but_not_a_window() {
    let dataset = Dataset {
        records: 900,
        days: 1,
        profile: Profile::Spike,
        ..Dataset::default()
    };
    let readings = Readings {
        ties: Ties::Shuffled,
        ..Readings::default()
    };
    let mut store = Store::new(dataset.sessions(), readings, ChangePlan::default(), None);
    let second = DAY_ONE + 37_200..DAY_ONE + 37_201;
    let whole = store.page(&ask(second.clone(), 1000, 0)).rows;
    assert!(whole.len() >= 300);
    assert_eq!(
        whole.iter().map(|row| row.index).collect::<HashSet<_>>().len(),
        whole.len()
    );
    let read = read(&mut store, &second, 1);
    assert_eq!(read.len(), whole.len());
    assert!(
        read.iter().collect::<HashSet<_>>().len() < whole.len(),
        "no record was lost"
    );
    assert_ne!(
        store.page(&ask(second.clone(), 100, 0)),
        store.page(&ask(second, 100, 0))
    );
}

#[test]
fn repeated_rows_lengthen_a_page() {
    let readings = Readings {
        repeats: 0.1,
        ..Readings::default()
    };
    let mut store = store(2000, readings, ChangePlan::default(), None);
    let rows = store.page(&ask(DAY_ONE..DAY_ONE + DAY, 100, 0)).rows;
    let unique = rows.iter().map(|row| row.index).collect::<HashSet<_>>().len();
    assert!(
        unique == 100 && (102..125).contains(&rows.len()),
        "{unique} of {}",
        rows.len()
    );
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
