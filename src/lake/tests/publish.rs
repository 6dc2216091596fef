//! Tests of publishing.

use super::*;
use crate::day::{Hashing, PLACEHOLDER};

#[tokio::test]
async fn a_day_is_created_merged_and_left() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open(folder.path()).await;
    let (a, b, c) = (
        row(1, "a", "1", 5, "x"),
        row(2, "b", "", 5, "x"),
        row(0, "c", "", 6, "x"),
    );
    let file = path(folder.path());

    assert_eq!(
        publish(&lake, &[b.clone(), a.clone()], DayFacts::default()).await,
        Outcome::Created
    );
    assert_eq!(read(&file), [a.clone(), b.clone()]);
    let before = std::fs::metadata(&file).unwrap();

    let again = Row {
        fetched_at: 9,
        ..a.clone()
    };
    assert_eq!(
        publish(&lake, &[again], DayFacts::default()).await,
        Outcome::Unchanged
    );
    let after = std::fs::metadata(&file).unwrap();
    assert_eq!(
        (after.ino(), after.mtime_nsec()),
        (before.ino(), before.mtime_nsec())
    );

    assert_eq!(
        publish(&lake, std::slice::from_ref(&c), DayFacts::default()).await,
        Outcome::Merged
    );
    assert_eq!(read(&file), [c, a, b]);
    assert_eq!(
        visible(folder.path()),
        [format!("call_details/session_date={DAY}/acc.parquet")]
    );
}

#[tokio::test]
async fn new_facts_write_the_file_and_old_ones_leave_it() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open(folder.path()).await;
    let rows = [row(1, "a", "1", 5, "x")];
    assert_eq!(publish(&lake, &rows, DayFacts::default()).await, Outcome::Created);
    assert_eq!(publish(&lake, &rows, closed()).await, Outcome::Merged);
    assert_eq!(publish(&lake, &rows, closed()).await, Outcome::Unchanged);
    assert_eq!(
        publish(&lake, &rows, DayFacts::default()).await,
        Outcome::Unchanged
    );
    let path = DayPath::new("call_details", DAY.parse().unwrap(), "acc").unwrap();
    let facts = lake.store.footer(&path).await.unwrap().unwrap().1.unwrap();
    assert_eq!((facts.rows, facts.revision, &facts.facts), (1, 1, &closed()));
    let (from, to) = facts.day.bounds(facts.zone).unwrap();
    assert_eq!(facts.facts.coverage(from, to), Coverage::Closed);
}

#[tokio::test]
async fn a_day_without_records_has_a_file_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open(folder.path()).await;
    assert_eq!(publish(&lake, &[], closed()).await, Outcome::Created);
    assert_eq!(publish(&lake, &[], closed()).await, Outcome::Unchanged);
    assert_eq!(read(&path(folder.path())), []);
}

#[tokio::test]
async fn a_lake_of_another_zone_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    publish(
        &open(folder.path()).await,
        &[row(1, "a", "", 1, "")],
        DayFacts::default(),
    )
    .await;
    let other = LakeOptions {
        zone: Tz::America__New_York,
        ..options()
    };
    let error = Lake::open(folder.path().to_str().unwrap(), other)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("run with --zone UTC"), "{error}");
}

#[tokio::test]
async fn damaged_files_do_not_switch_the_check_of_the_zone_off() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open(folder.path()).await;
    publish(&lake, &[row(1, "a", "", 1, "")], DayFacts::default()).await;
    let good = path(folder.path());
    // Whichever is listed first.
    for name in ["0.parquet", "b.parquet", "z.parquet"] {
        std::fs::write(good.with_file_name(name), "damaged").unwrap();
    }
    let other = LakeOptions {
        zone: Tz::America__New_York,
        ..options()
    };
    let opened = Lake::open(folder.path().to_str().unwrap(), other).await;
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::Usage);
}

#[tokio::test]
async fn a_run_that_came_to_nothing_takes_nothing_from_others() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("deep/er/lake");
    let failing = open(&place).await;
    let other = open(&place).await;
    assert!(failing.withdraw());
    publish(&other, &[row(1, "a", "", 1, "")], DayFacts::default()).await;
    assert_eq!(visible(&place).len(), 1);
}

#[tokio::test]
async fn trying_a_place_out_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("deep/er/lake");
    Lake::try_out(place.to_str().unwrap(), options()).await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn an_account_that_can_not_be_a_file_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open(folder.path()).await;
    let error = lake
        .publish("../acc", gather(&[]), DayFacts::default())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("can't be a file name"), "{error}");
}

/// Rewrites the present file with other values of some footer keys, and columns left out.
fn forge(path: &Path, pairs: &[(&str, &str)], without: &[&str]) {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let old = builder
        .metadata()
        .file_metadata()
        .key_value_metadata()
        .unwrap()
        .clone();
    let names: Vec<_> = builder
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    let kept: Vec<_> = (0..names.len())
        .filter(|&at| !without.contains(&names[at].as_str()))
        .collect();
    let batches: Vec<_> = builder
        .build()
        .unwrap()
        .map(|batch| batch.unwrap().project(&kept).unwrap())
        .collect();
    let file = File::options().read(true).write(true).truncate(true).open(path);
    let sink = Hashing::new(file.unwrap());
    let mut writer = ArrowWriter::try_new(sink, batches[0].schema(), None).unwrap();
    for batch in batches {
        writer.write(&batch).unwrap();
    }
    for KeyValue { key, value } in old.into_iter().filter(|pair| pair.key.starts_with("callake.")) {
        let value = pairs
            .iter()
            .chain(&[("callake.sha256", PLACEHOLDER)])
            .find(|pair| pair.0 == key)
            .map_or(value, |pair| Some(pair.1.to_string()));
        writer.append_key_value_metadata(KeyValue { key, value });
    }
    writer.into_inner().unwrap().finish(path).unwrap();
}

async fn check_refused(pairs: &[(&str, &str)], want: &str) {
    let folder = tempfile::tempdir().unwrap();
    let lake = open(folder.path()).await;
    publish(&lake, &[row(1, "a", "", 1, "")], DayFacts::default()).await;
    forge(&path(folder.path()), pairs, &[]);
    let error = lake
        .publish("acc", gather(&[row(2, "b", "", 1, "")]), DayFacts::default())
        .await
        .unwrap_err();
    assert!(error.to_string().contains(want), "{error}");
    assert_eq!(read(&path(folder.path())).len(), 1, "the file is intact");
}

#[tokio::test]
async fn a_file_of_another_version_zone_or_place_is_refused() {
    let of = |version: &str| format!("has version {version} of the schema");
    check_refused(&[("callake.schema_version", "2.0")], &of("2.0")).await;
    check_refused(&[("callake.schema_version", "1.99")], &of("1.99")).await;
    check_refused(&[("callake.schema_version", "0.1")], &of("0.1")).await;
    check_refused(
        &[("callake.zone", "Asia/Kolkata")],
        "run with --zone Asia/Kolkata",
    )
    .await;
    check_refused(&[("callake.account", "other")], "somebody moved it").await;
}

#[tokio::test]
async fn a_file_of_an_older_version_is_written_up() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open(folder.path()).await;
    let input = [row(1, "a", "", 1, "x")];
    publish(&lake, &input, DayFacts::default()).await;
    forge(&path(folder.path()), &[], &["meta_info", "nps_score"]);
    assert_eq!(publish(&lake, &input, DayFacts::default()).await, Outcome::Merged);
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path(folder.path())).unwrap()).unwrap();
    assert_eq!(
        builder.schema().fields(),
        crate::schema::arrow::schema(call_details()).fields()
    );
    assert_eq!(read(&path(folder.path())), input);
}

#[tokio::test]
async fn what_is_no_file_of_ours_is_not_overwritten() {
    for content in ["", "PAR1", "not parquet at all, but long enough to have a footer"] {
        let folder = tempfile::tempdir().unwrap();
        let lake = open(folder.path()).await;
        let path = path(folder.path());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        let error = lake
            .publish("acc", gather(&[]), DayFacts::default())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    }
}

/// Changes a value in the present file so that it still decodes, as a bad disk may.
fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let at = (100..bytes.len())
        .find(|&at| {
            bytes[at] ^= 1;
            std::fs::write(path, &bytes).unwrap();
            let changed = std::panic::catch_unwind(|| read(path));
            bytes[at] ^= 1;
            changed.is_ok_and(|rows| rows.len() == 2)
        })
        .unwrap();
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn damage_that_decodes_is_neither_merged_nor_restored() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open(folder.path()).await;
    let (a, b) = (row(1, "a", "1", 5, "x"), row(2, "b", "", 5, "x"));
    publish(&lake, &[a, b], DayFacts::default()).await;
    let file = path(folder.path());
    flip(&file);
    let damaged = std::fs::read(&file).unwrap();
    let merged = lake
        .publish("acc", gather(&[row(3, "c", "", 6, "x")]), DayFacts::default())
        .await;
    let day = DayPath::new("call_details", DAY.parse().unwrap(), "acc").unwrap();
    let scratch = crate::day::Scratch::new(folder.path(), crate::day::TEMP_LEFTOVER_AGE).unwrap();
    let restored = lake.read(&day, &scratch).await.map(drop);
    for error in [merged.map(drop).unwrap_err(), restored.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
        let want = format!("{day} has other bytes than were written: restore it from a copy");
        assert!(error.to_string().starts_with(&want), "{error}");
    }
    assert_eq!(std::fs::read(&file).unwrap(), damaged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..8_i64 {
        let folder = folder.path().to_path_buf();
        tasks.spawn(async move {
            let lake = open(&folder).await;
            for round in 0..3_i64 {
                let read = round * 8 + writer;
                let row = |key: i64| row(key, &format!("s{}", key + writer), "", read, &read.to_string());
                publish(&lake, &(0..6).map(row).collect::<Vec<_>>(), DayFacts::default()).await;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    // Session s was written by the writers s-5 to s, the last of them in the last round.
    let mut found: Vec<_> = read(&path(folder.path()))
        .into_iter()
        .map(|row| (row.session.unwrap(), row.fetched_at))
        .collect();
    found.sort();
    let mut want: Vec<_> = (0..13_i64).map(|s| (format!("s{s}"), 16 + s.min(7))).collect();
    want.sort();
    assert_eq!(found, want);
    assert_eq!(visible(folder.path()).len(), 1);
}
