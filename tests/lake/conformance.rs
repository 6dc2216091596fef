//! What holds in every place.

use super::agent::{Agent, finish};
use super::places::Place;
use super::rows::{Row, read, row, union};

fn everywhere(check: impl Fn(&Place)) {
    for place in Place::all() {
        println!("in {}", place.name);
        check(&place);
        assert!(
            place.glob().iter().all(|path| path.ends_with(&Place::day_path())),
            "{:?}",
            place.glob()
        );
    }
}

fn outcomes(place: &Place, publications: &[Vec<Row>]) -> Vec<String> {
    let reports = Agent::of(place).publish(publications).unwrap();
    reports.into_iter().map(|report| report.outcome).collect()
}

#[test]
fn a_day_is_created_merged_and_left() {
    everywhere(|place| {
        let first = vec![row(1, 5, "x"), row(2, 5, "x")];
        let second = vec![row(2, 6, "y"), row(3, 6, "x")];
        assert_eq!(
            outcomes(place, &[first.clone(), second.clone()]),
            ["Created", "Merged"]
        );
        let file = place.read().unwrap();
        assert_eq!(read(&file), union([first, second.clone()].concat()));
        let again = second
            .into_iter()
            .map(|row| Row { fetched_at: 9, ..row })
            .collect();
        assert_eq!(outcomes(place, &[again]), ["Unchanged"]);
        assert_eq!(place.read().unwrap(), file, "not a byte is new");
    });
}

#[test]
fn eight_processes_at_once_lose_nothing() {
    let rounds = if std::env::var_os("CALLAKE_LONG_TESTS").is_some() {
        50
    } else {
        3
    };
    everywhere(|place| {
        if place.single_writer {
            println!("left out in {}: it takes one writer at a time", place.name);
            return;
        }
        let mut all = Vec::new();
        for round in 0..rounds {
            let publications = |writer: i64| -> Vec<Vec<Row>> {
                let read = |part: i64| (round * 8 + writer) * 2 + part;
                (0..2)
                    .map(|part| {
                        (0..20)
                            .map(|key| row(key + writer * 3, read(part), read(part)))
                            .collect()
                    })
                    .collect()
            };
            let agents: Vec<_> = (0..8)
                .map(|writer| Agent::of(place).start(&publications(writer)))
                .collect();
            for agent in agents {
                finish(agent).unwrap();
            }
            all.extend((0..8).flat_map(publications).flatten());
            assert_eq!(
                read(&place.read().unwrap()),
                union(all.clone()),
                "in {} after round {round}",
                place.name
            );
        }
    });
}
