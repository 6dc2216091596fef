//! Days read from a [model](crate::api::model) of the API, in every reading of its documents.

use std::collections::HashSet;

use chrono::DateTime;

use crate::api::days::Day;
use crate::api::error::ApiError;
use crate::api::model::{Changes, DAY, Model, Oddities, Outcome, Reading, Session, days, sessions};
use crate::api::readings::{Filter, Unit};
use crate::api::report::Spent;
use crate::api::spool::Spool;

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
        if !is_cheap && (reading.millis || reading.by_end) && !takes_all() {
            continue;
        }
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

#[test]
fn a_session_that_ends_among_those_that_do_not_last_is_found() {
    for conversation in [false, true] {
        let instant = |session: Session| Session {
            end: session.start,
            ..session
        };
        let busy = |day: i64| sessions(400, 0.0, 0.35, DAY + day * 86_400, day as u64);
        let start = (DAY + 80_000) * 1000;
        let lasting = Session {
            id: 7,
            conversation,
            start,
            end: start + 2 * 86_400_000,
        };
        let mut all: Vec<Session> = [busy(1), busy(2), busy(3)]
            .concat()
            .into_iter()
            .map(instant)
            .collect();
        all.push(lasting);
        for reading in Reading::all() {
            let outcome = read_all(&Model::new(reading, all.clone(), 1), &days(1), 1);
            assert_eq!(outcome.run.records, 1);
        }
    }
}

/// Whether combinations that others stand for are tried as well.
fn takes_all() -> bool {
    std::env::var("CALLAKE_MATRIX").is_ok_and(|which| which == "all")
}

/// Reads two days of a server with oddities; nothing may be missing in silence.
fn check_odd(oddities: &Oddities, counts: [u64; 2], is_proven: impl Fn(Reading) -> bool) {
    for reading in Reading::all() {
        let is_plain = reading.start_counts && reading.end_counts && !reading.millis && !reading.by_end;
        if !takes_all() && (!is_plain || reading.counts_window) {
            continue;
        }
        for (seed, bots) in [(1, 0.0), (2, 0.4), (3, 0.7)] {
            if !takes_all() && seed > 2 {
                continue;
            }
            let day = |n: usize| sessions(counts[n], 0.2, bots, DAY + n as i64 * 86_400, seed + n as u64);
            let mut model = Model::new(reading, [day(0), day(1)].concat(), seed);
            model.oddities = oddities.clone();
            model.resort();
            let before = model.keys(&days(2));
            let outcome = check(&model, &days(2), 2, &before);
            assert!(
                outcome.result.is_ok() || !is_proven(reading),
                "{:?} of {oddities:?} {reading:?}",
                outcome.result
            );
        }
    }
}

#[test]
fn pages_that_fall_short_end_no_list() {
    for hidden in [0.001, 0.03, 0.2, 0.3] {
        let oddities = Oddities {
            hidden,
            ..Oddities::default()
        };
        let is_proven = |reading: Reading| reading.unit == Unit::Pages && !reading.counts_window;
        check_odd(&oddities, [3_000, 400], is_proven);
        check_odd(&oddities, [250, 90], is_proven);
    }
}

#[test]
fn a_smaller_limit_for_each_part_ends_no_list() {
    for limit in [10, 25, 50, 99] {
        let oddities = Oddities {
            limit,
            ..Oddities::default()
        };
        check_odd(&oddities, [2_000, 300], |reading| reading.unit == Unit::Pages);
    }
}

#[test]
fn a_smaller_limit_than_the_first_list_is_no_full_page() {
    for limit in [25, 30, 60] {
        let day = |n: i64, count| sessions(count, 0.0, 0.0, DAY + n * 86_400, n as u64);
        let mut model = Model::new(Reading::default(), [day(0, 18), day(9, 300)].concat(), 1);
        model.oddities.limit = limit;
        read_all(&model, &days(11), 1);
    }
}

#[test]
fn a_list_that_is_cut_off_short_of_the_documented_reach_is_split() {
    for reach in [1_099, 1_050, 1_000, 500] {
        let oddities = Oddities {
            reach,
            ..Oddities::default()
        };
        for count in [6_000, 1_500] {
            check_odd(&oddities, [count, 700], |reading| reading.unit == Unit::Pages);
        }
    }
}

#[test]
fn an_answer_that_is_empty_by_mistake_is_no_end() {
    for at in [1, 2, 3, 4, 5, 7, 11, 12, 16, 25] {
        let oddities = Oddities {
            empty_at: vec![at],
            ..Oddities::default()
        };
        check_odd(&oddities, [3_000, 60], |_| true);
        check_odd(&oddities, [60, 60], |_| true);
    }
}

#[test]
fn a_filter_on_an_end_before_that_of_the_record_is_none_on_starts() {
    for minutes in [2, 25] {
        let oddities = Oddities {
            wrap_up: minutes * 60,
            ..Oddities::default()
        };
        for counts in [[400, 400], [3_000, 3_000], [40, 50]] {
            check_odd(&oddities, counts, |_| true);
        }
    }
    // Windows narrower than the work after a call, which show no row that ends in one and begins before it.
    let reading = Reading {
        filter: Filter::End,
        ..Reading::default()
    };
    let sessions = [0, 1].map(|n| sessions(30_000, 0.0, 0.0, DAY + n * 86_400, n as u64));
    let mut model = Model::new(reading, sessions.concat(), 1);
    model.oddities.wrap_up = 90 * 60;
    read_all(&model, &days(1), 1);
}

#[test]
fn a_day_of_two_rows_in_another_zone_is_not_reported() {
    let mut model = Model::new(Reading::default(), sessions(2, 0.0, 0.0, DAY, 1), 1);
    model.oddities.clock = 330 * 60;
    let outcome = model.read(&days(1), 1);
    assert!(
        matches!(outcome.result, Err(ApiError::Zone { .. })),
        "{outcome:?}"
    );
    assert!(
        outcome.days.is_empty(),
        "what is published closed is not asked for again"
    );
}

#[test]
fn a_day_of_pages_from_before_it_had_settled_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = Model::new(Reading::default(), sessions(500, 0.0, 0.4, DAY, 1), 1);
    model.spool = Some(Spool::open(folder.path(), &[]).unwrap());
    let day_end = DAY + 86_400;
    for (first, second, is_closed) in [(600, 960, false), (960, 1_000, true)] {
        model.now = DateTime::from_timestamp(day_end + first, 0).unwrap();
        model.read(&days(1), 1).result.unwrap();
        // It could not be published.
        model.now = DateTime::from_timestamp(day_end + second, 0).unwrap();
        let outcome = model.read(&days(1), 1);
        assert!(outcome.run.windows_taken_up > 0, "{:?}", outcome.run);
        assert_eq!(outcome.days[0].closed, is_closed, "read {first} s after the day");
        model.spool.as_ref().unwrap().clear().unwrap();
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
                let paid = model.requests();
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
