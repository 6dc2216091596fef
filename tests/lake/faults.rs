//! Killed processes, and stores that do not do what they should.

use std::time::Duration;

use callake::lake::POINTS;

use super::agent::Agent;
use super::front::Manners;
use super::places::Place;
use super::rows::{Row, read, row, union};

/// Kills a process in the middle of a publication, and publishes again.
fn survives(place: &Place, kill: impl FnOnce(&Place, &[Vec<Row>])) {
    let before: Vec<_> = (0..50).map(|key| row(key, 1, "before")).collect();
    let after: Vec<_> = (25..75).map(|key| row(key, 2, "after")).collect();
    Agent::of(place).publish(std::slice::from_ref(&before)).unwrap();
    kill(place, std::slice::from_ref(&after));
    let all = union([before.clone(), after.clone()].concat());
    let found = read(&place.read().unwrap());
    assert!(
        found == union(before) || found == all,
        "in {}: neither the old day nor the new one",
        place.name
    );
    Agent::of(place).publish(&[after]).unwrap();
    assert_eq!(read(&place.read().unwrap()), all, "in {}", place.name);
    assert_eq!(place.glob().len(), 1, "in {}: {:?}", place.name, place.glob());
}

#[test]
fn killed_at_every_step_nothing_is_lost() {
    for place in Place::all() {
        let mut died = 0;
        for point in POINTS {
            survives(&place, |place, rows| {
                let agent = Agent {
                    fault_point: Some(point.to_string()),
                    ..Agent::of(place)
                };
                died += usize::from(agent.publish(rows).is_err());
            });
            // Each point starts from an empty day.
            place.clear();
        }
        // An object store has no folder to sync.
        let passed = if place.endpoint.is_some() {
            POINTS.len() - 1
        } else {
            POINTS.len()
        };
        assert_eq!(died, passed, "in {}", place.name);
    }
}

#[test]
fn killed_at_any_moment_nothing_is_lost() {
    let kills = if std::env::var_os("CALLAKE_LONG_TESTS").is_some() {
        300
    } else {
        12
    };
    for place in Place::all() {
        for kill in 0..kills {
            survives(&place, |place, rows| {
                let mut agent = Agent::of(place).start(rows);
                // Spread over what a publication takes here, start of the process included.
                std::thread::sleep(Duration::from_micros(137 * 7919 * kill as u64 % 150_000));
                agent.kill().unwrap();
                agent.wait().unwrap();
            });
            place.clear();
        }
    }
}

#[test]
fn a_full_disk_leaves_the_old_day() {
    let place = Place::folder();
    let before = vec![row(1, 1, "before")];
    Agent::of(&place).publish(std::slice::from_ref(&before)).unwrap();
    // Contents that do not compress, in a file larger than the limit.
    let after: Vec<_> = (0..4000_i64)
        .map(|key| {
            row(
                key,
                2,
                format!("{:x}", (key as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            )
        })
        .collect();
    let full = Agent {
        file_limit: Some(32),
        ..Agent::of(&place)
    };
    let error = full.publish(std::slice::from_ref(&after)).unwrap_err();
    assert!(
        error.contains(&Place::day_path()) && error.contains("File too large"),
        "{error}"
    );
    assert_eq!(read(&place.read().unwrap()), before);
    assert_eq!(place.glob().len(), 1);
    Agent::of(&place).publish(std::slice::from_ref(&after)).unwrap();
    assert_eq!(read(&place.read().unwrap()), union([before, after].concat()));
}

#[test]
fn a_wrong_secret_is_refused() {
    let place = Place::s3s();
    let thief = Agent {
        secret: Some("wrong"),
        ..Agent::of(&place)
    };
    let error = thief.publish(&[vec![row(1, 1, "x")]]).unwrap_err();
    assert!(
        error.contains("check AWS_SECRET_ACCESS_KEY") && !error.contains("wrong"),
        "{error}"
    );
    assert_eq!(place.glob(), [] as [&str; 0]);
}

#[test]
fn a_store_that_ignores_conditions_is_refused_unless_the_user_is_alone() {
    for (manners, problem) in [
        (Manners::IgnoresConditions, "ignores If-None-Match"),
        (
            Manners::RefusesIfMatch,
            "refuses If-Match even with the present ETag",
        ),
    ] {
        let Some(place) = Place::moto_behind(manners) else {
            return;
        };
        let (first, second) = (vec![row(1, 5, "x")], vec![row(1, 6, "y"), row(2, 6, "x")]);
        let error = Agent::of(&place)
            .publish(std::slice::from_ref(&first))
            .unwrap_err();
        assert!(
            error.contains(problem) && error.contains("--single-writer"),
            "{error}"
        );
        assert_eq!(place.read(), None);
        let alone = Agent {
            single_writer: true,
            ..Agent::of(&place)
        };
        alone.publish(&[first.clone(), second.clone()]).unwrap();
        assert_eq!(
            read(&place.read().unwrap()),
            union([first, second].concat()),
            "in {}",
            place.name
        );
    }
}

#[test]
fn unclear_answers_lose_and_double_nothing() {
    for manners in [
        Manners::FailsAfterPut,
        Manners::Conflicts,
        Manners::LosesReplies,
        Manners::IsBusy,
    ] {
        let Some(place) = Place::moto_behind(manners) else {
            return;
        };
        let mut all = Vec::new();
        for read_at in 0..4 {
            let rows: Vec<_> = (0..10).map(|key| row(key + read_at, read_at, read_at)).collect();
            all.extend(rows.clone());
            let reports = Agent::of(&place).publish(&[rows]).unwrap();
            assert_eq!(
                read(&place.read().unwrap()),
                union(all.clone()),
                "in {}: {reports:?}",
                place.name
            );
        }
        assert!(
            place.faults() >= 2,
            "in {}: {} faults",
            place.name,
            place.faults()
        );
    }
}
