//! Tests of `verify`, `status` and `clean`: planted damages are found, and a sound lake has none.

use std::time::{Duration, SystemTime};

use super::super::verify::{FindingKind::*, check_file};
use super::*;
use crate::day::{Footer, Scratch, TEMP_LEFTOVER_AGE, write};

const NEXT_DAY: &str = "2025-10-01";

fn next_day(row: Row) -> Row {
    Row {
        start: row.start.map(|start| start + 86_400_000_000),
        ..row
    }
}

fn file_of(folder: &Path, day: &str) -> PathBuf {
    folder.join(format!("call_details/session_date={day}/acc.parquet"))
}

/// A lake of two days.
pub(super) async fn lake(folder: &Path) -> Lake {
    let lake = open(folder).await;
    publish(
        &lake,
        &[row(1, "a", "1", 5, "x"), row(2, "b", "", 5, "x")],
        closed(),
    )
    .await;
    publish_on(
        &lake,
        NEXT_DAY,
        &[next_day(row(3, "c", "", 5, "x"))],
        DayFacts::default(),
    )
    .await;
    lake
}

pub(super) async fn verify(lake: &Lake, deep: bool) -> Verification {
    let folder = tempfile::tempdir().unwrap();
    let scratch = Arc::new(Scratch::new(folder.path(), TEMP_LEFTOVER_AGE).unwrap());
    lake.verify(deep, scratch).await.unwrap()
}

/// The kinds of damage found after planting one, each with its path.
async fn check(plant: impl Fn(&Path), want: &[(FindingKind, &str)]) {
    for deep in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(folder.path()).await;
        assert_eq!(verify(&lake, deep).await.findings, [], "before");
        plant(folder.path());
        let found = verify(&lake, deep).await;
        let mut kinds: Vec<_> = found.findings.iter().map(|f| (f.kind, f.path.as_str())).collect();
        kinds.sort_unstable();
        let mut want = want.to_vec();
        want.sort_unstable();
        assert_eq!(kinds, want, "deep: {deep}: {:#?}", found.findings);
        assert!(!found.is_sound());
    }
}

const PATH: &str = "call_details/session_date=2025-09-30/acc.parquet";
const NEXT_PATH: &str = "call_details/session_date=2025-10-01/acc.parquet";

#[tokio::test]
async fn a_sound_lake_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let found = verify(&lake(folder.path()).await, true).await;
    assert_eq!((found.files, found.rows, found.is_sound()), (2, 3, true));
}

#[tokio::test]
async fn a_file_that_is_replaced_meanwhile_is_checked_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path()).await;
    let day = DayPath::parse(PATH).unwrap();
    let scratch = Scratch::new(folder.path(), TEMP_LEFTOVER_AGE).unwrap();
    let file = lake.store.local_file(&day, &scratch).await.unwrap().unwrap();
    publish(&lake, &[row(9, "new", "", 9, "x")], DayFacts::default()).await;
    let mut keys = 0;
    let checked = check_file(&day, &file, true, |_| {
        keys += 1;
        Ok(())
    });
    let checked = checked.unwrap();
    assert_eq!((checked.findings, checked.rows, keys), (vec![], 2, 2));
}

#[tokio::test]
async fn a_flipped_byte_in_the_pages() {
    let flip = |folder: &Path| {
        let mut bytes = std::fs::read(path(folder)).unwrap();
        // Behind the magic and the padding, so in the first pages, however small the file is.
        bytes[100] ^= 0x10;
        std::fs::write(path(folder), bytes).unwrap();
    };
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path()).await;
    flip(folder.path());
    let found = verify(&lake, false).await;
    assert!(
        found.findings.iter().any(|finding| finding.kind == Checksum),
        "{:?}",
        found.findings
    );
}

#[tokio::test]
async fn a_cut_file() {
    let cut = |folder: &Path| {
        let bytes = std::fs::read(path(folder)).unwrap();
        std::fs::write(path(folder), &bytes[..bytes.len() - 100]).unwrap();
    };
    check(cut, &[(Unreadable, PATH)]).await;
    check(
        |folder| std::fs::write(path(folder), "").unwrap(),
        &[(Unreadable, PATH)],
    )
    .await;
}

#[tokio::test]
async fn files_that_do_not_belong_there() {
    let check_file = async |name: &str, kind| {
        let plant = |folder: &Path| {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        };
        check(plant, &[(kind, name)]).await;
    };
    check_file("call_details/session_date=2025-09-30/notes.txt", ForeignFile).await;
    check_file(
        "call_details/session_date=2025-09-30/acc.parquet.tmp",
        ForeignFile,
    )
    .await;
    check_file("call_details/session_date=2025-09-30/.acc.parquet", ForeignFile).await;
    check_file("call_details/other.parquet", ForeignFile).await;
    check_file("elsewhere/x.parquet", ForeignFile).await;
    check_file("_callake/staging/callake-dead/0-day", LeftOver).await;
    check_file("_callake/staging/0-day", LeftOver).await;
}

#[tokio::test]
async fn a_file_of_somebody_else_in_a_day() {
    let plant = |folder: &Path| {
        let batch = arrow::array::RecordBatch::try_from_iter([(
            "x",
            Arc::new(arrow::array::Int64Array::from(vec![1])) as arrow::array::ArrayRef,
        )])
        .unwrap();
        let other = path(folder).with_file_name("other.parquet");
        let mut writer = ArrowWriter::try_new(File::create(other).unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    };
    check(
        plant,
        &[(Footer, "call_details/session_date=2025-09-30/other.parquet")],
    )
    .await;
}

#[tokio::test]
async fn a_key_in_two_days() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path()).await;
    publish_on(
        &lake,
        NEXT_DAY,
        &[next_day(row(9, "a", "1", 9, "x"))],
        DayFacts::default(),
    )
    .await;
    let found = verify(&lake, false).await;
    let want = Finding {
        path: NEXT_PATH.to_string(),
        kind: DuplicateKey,
        detail: format!("has 1 keys that {PATH} has too"),
    };
    assert_eq!(found.findings, [want]);
}

#[tokio::test]
async fn a_file_in_the_place_of_another_day() {
    let plant = |folder: &Path| {
        std::fs::rename(path(folder), file_of(folder, NEXT_DAY)).unwrap();
    };
    check(plant, &[(Footer, NEXT_PATH), (WrongDay, NEXT_PATH)]).await;
}

/// Writes the day's file with just these rows, in the order given, and footer pairs changed.
async fn forged(rows: &[Row], pairs: &[(&str, &str)]) -> Vec<FindingKind> {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path()).await;
    let day = DayPath::parse(PATH).unwrap();
    let facts = FileFacts {
        rows: rows.len() as u64,
        ..lake.file_facts(&day).await.unwrap().unwrap()
    };
    let mut said = facts.pairs().unwrap();
    for (key, value) in pairs {
        said.iter_mut().find(|pair| pair.0 == *key).unwrap().1 = value.to_string();
    }
    std::fs::remove_file(path(folder.path())).unwrap();
    let batches = Box::new(std::iter::once(Ok(batch(rows))));
    let footer = Footer {
        revision: 0,
        facts: said,
    };
    write(
        batches,
        call_details(),
        rows.len(),
        &path(folder.path()),
        footer,
        &WriteOptions::default(),
    )
    .unwrap();
    verify(&lake, false)
        .await
        .findings
        .into_iter()
        .map(|finding| finding.kind)
        .collect()
}

#[tokio::test]
async fn rows_that_should_not_be() {
    let (a, b) = (row(1, "a", "1", 5, "x"), row(2, "b", "", 5, "x"));
    assert_eq!(forged(&[a.clone(), b.clone()], &[]).await, []);
    assert_eq!(forged(&[b.clone(), a.clone()], &[]).await, [Order]);
    assert_eq!(forged(&[a.clone(), a.clone()], &[]).await, [DuplicateKey]);
    assert_eq!(forged(&[a.clone(), next_day(b.clone())], &[]).await, [WrongDay]);
    assert_eq!(
        forged(&[a.clone(), b.clone()], &[("callake.rows", "3")]).await,
        [Rows]
    );
    assert_eq!(
        forged(&[a.clone(), b.clone()], &[("callake.account", "x")]).await,
        [Footer]
    );
    assert_eq!(forged(&[a, b], &[("callake.day", "never")]).await, [Unreadable]);
}

#[tokio::test]
async fn status_is_read_from_footers() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path()).await;
    let status = lake.status().await.unwrap();
    assert_eq!(status.problems, [] as [&str; 0]);
    let account = &status.accounts[0];
    assert_eq!(
        (account.account.as_str(), account.rows, account.days.len()),
        ("acc", 3, 2)
    );
    let days: Vec<_> = account
        .days
        .iter()
        .map(|day| (day.day.to_string(), day.rows, day.coverage))
        .collect();
    let (first, second) = (DAY.to_string(), NEXT_DAY.to_string());
    assert_eq!(
        days,
        [(first, 2, Coverage::Closed), (second, 1, Coverage::Unknown)]
    );
}

#[tokio::test]
async fn a_table_and_a_day_may_lie_elsewhere() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lake = lake(folder.path()).await;
    let move_out = |name: &str| {
        let (here, there) = (
            folder.path().join(name),
            elsewhere.path().join(name.replace('/', "-")),
        );
        std::fs::rename(&here, &there).unwrap();
        std::os::unix::fs::symlink(there, here).unwrap();
    };
    move_out("call_details/session_date=2025-09-30");
    move_out("call_details");
    let found = verify(&lake, true).await;
    assert_eq!((found.files, found.rows, found.findings), (2, 3, vec![]));
    assert_eq!(lake.status().await.unwrap().accounts[0].rows, 3);
    publish(&lake, &[row(9, "new", "", 9, "x")], DayFacts::default()).await;
    assert_eq!(verify(&lake, true).await.rows, 4);

    let table = folder.path().join("call_details");
    std::os::unix::fs::symlink("..", table.join("loop")).unwrap();
    std::os::unix::fs::symlink("nowhere", table.join("session_date=2025-10-03")).unwrap();
    let found = verify(&lake, true).await.findings;
    let paths: Vec<_> = found
        .iter()
        .map(|finding| (finding.kind, finding.path.as_str()))
        .collect();
    let strays = ["call_details/loop", "call_details/session_date=2025-10-03"];
    assert_eq!(paths, strays.map(|path| (ForeignFile, path)));
}

#[tokio::test]
async fn a_place_without_a_lake_has_no_status() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::for_reading(folder.path().to_str().unwrap(), options()).unwrap();
    assert_eq!(lake.status().await.unwrap_err().kind(), ErrorKind::Missing);
    open(folder.path()).await;
    assert_eq!(lake.status().await.unwrap().accounts, []);
}

#[tokio::test]
async fn status_names_what_it_can_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path()).await;
    std::fs::write(path(folder.path()), "PAR1PAR1PAR1").unwrap();
    let status = lake.status().await.unwrap();
    assert_eq!(status.accounts[0].days.len(), 1);
    assert!(status.problems[0].starts_with(PATH), "{:?}", status.problems);
}

#[tokio::test]
async fn clean_removes_what_is_old_and_dead() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path()).await;
    let staging = folder.path().join("_callake/staging");
    let plant = |name: &str, hours: u64| {
        let path = staging.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let time = SystemTime::now() - Duration::from_secs(hours * 3600);
        let file = File::create(&path).unwrap();
        file.set_modified(time).unwrap();
        if path.parent() != Some(&staging) {
            File::open(path.parent().unwrap())
                .unwrap()
                .set_modified(time)
                .unwrap();
        }
        path
    };
    let old = [plant("callake-old/lock", 25), plant("stray", 25)];
    let young = [plant("callake-young/lock", 1), plant("other", 1)];
    let cleaned = lake.clean(false).await.unwrap();
    assert_eq!(cleaned.files, ["_callake/staging/stray"]);
    assert_eq!(cleaned.staging_folders, 1);
    assert!(old.iter().all(|path| !path.exists()));
    assert!(young.iter().all(|path| path.exists()));
    assert_eq!(verify(&lake, false).await.rows, 3, "the lake itself is as it was");
    // The living process of this test has a folder there too.
    assert!(std::fs::read_dir(&staging).unwrap().count() > 2);
}
