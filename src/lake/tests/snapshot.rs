//! Tests of snapshots.

use super::verify::{lake, verify};
use super::*;
use crate::day::{Scratch, TEMP_LEFTOVER_AGE};

fn asked(target: &Path, name: &str) -> SnapshotOptions {
    SnapshotOptions {
        target: target.display().to_string(),
        name: name.to_string(),
        from: None,
        to: None,
        options: options(),
    }
}

async fn snapshot(lake: &Lake, asked: &SnapshotOptions) -> Result<Snapshot> {
    let folder = tempfile::tempdir().unwrap();
    lake.snapshot(asked, &Scratch::new(folder.path(), TEMP_LEFTOVER_AGE).unwrap())
        .await
}

fn open_snapshot(taken: &Snapshot) -> Lake {
    Lake::for_reading(&taken.place, options()).unwrap()
}

#[tokio::test]
async fn a_snapshot_is_the_lake_and_proves_it() {
    let (folder, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lake = lake(folder.path()).await;
    let taken = snapshot(&lake, &asked(target.path(), "2025-10-02"))
        .await
        .unwrap();
    assert_eq!((taken.found, taken.manifest.files.len()), (0, 2));
    assert_eq!(taken.manifest.files.iter().map(|file| file.rows).sum::<u64>(), 3);
    let copy = target.path().join("2025-10-02");
    assert_eq!(
        std::fs::read(path(&copy)).unwrap(),
        std::fs::read(path(folder.path())).unwrap()
    );
    let report = verify(&open_snapshot(&taken), true).await;
    assert_eq!((report.findings, report.rows), (vec![], 3));
}

#[tokio::test]
async fn a_complete_snapshot_is_never_changed() {
    let (folder, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lake = lake(folder.path()).await;
    snapshot(&lake, &asked(target.path(), "a")).await.unwrap();
    let before = std::fs::read(path(&target.path().join("a"))).unwrap();
    publish(&lake, &[row(9, "new", "", 9, "x")], DayFacts::default()).await;
    let error = snapshot(&lake, &asked(target.path(), "a")).await.unwrap_err();
    assert!(error.to_string().contains("complete snapshot"), "{error}");
    assert_eq!(std::fs::read(path(&target.path().join("a"))).unwrap(), before);
}

#[tokio::test]
async fn a_snapshot_that_was_cut_off_goes_on() {
    let (folder, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lake = lake(folder.path()).await;
    let taken = snapshot(&lake, &asked(target.path(), "a")).await.unwrap();
    let place = target.path().join("a");
    std::fs::remove_file(place.join("_callake/manifest.json")).unwrap();
    std::fs::remove_file(path(&place)).unwrap();
    let again = snapshot(&lake, &asked(target.path(), "a")).await.unwrap();
    assert_eq!((again.found, &again.manifest.files), (1, &taken.manifest.files));
}

#[tokio::test]
async fn damage_is_not_copied_and_a_mended_lake_is() {
    let (folder, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lake = lake(folder.path()).await;
    let file = path(folder.path());
    let whole = std::fs::read(&file).unwrap();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    for (name, damaged) in [
        ("cut", whole[..whole.len() - 100].to_vec()),
        ("foreign", b"foreign".to_vec()),
        ("flipped", flipped(100)),
        // A digit of the checksum itself: all else is as it was.
        (
            "checksum",
            flipped(whole.windows(14).position(|it| it == b"callake.sha256").unwrap() + 20),
        ),
    ] {
        std::fs::write(&file, damaged).unwrap();
        let error = snapshot(&lake, &asked(target.path(), name)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity, "{name}: {error}");
        assert!(error.to_string().starts_with("call_details/"), "{name}: {error}");
        assert!(!path(&target.path().join(name)).exists(), "{name}");
        std::fs::write(&file, &whole).unwrap();
        let taken = snapshot(&lake, &asked(target.path(), name)).await.unwrap();
        assert_eq!(taken.manifest.files.len(), 2, "{name}");
    }
}

#[tokio::test]
async fn a_bad_copy_is_named_where_it_is() {
    let (folder, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lake = lake(folder.path()).await;
    let place = target.path().join("a");
    snapshot(&lake, &asked(target.path(), "a")).await.unwrap();
    std::fs::remove_file(place.join("_callake/manifest.json")).unwrap();
    std::fs::write(path(&place), "cut").unwrap();
    let error = snapshot(&lake, &asked(target.path(), "a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    let named = format!("{} is not as it was copied: remove it", path(&place).display());
    assert!(error.to_string().starts_with(&named), "{error}");
    std::fs::remove_file(path(&place)).unwrap();
    snapshot(&lake, &asked(target.path(), "a")).await.unwrap();
}

#[tokio::test]
async fn a_range_of_days_is_copied() {
    let (folder, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lake = lake(folder.path()).await;
    let range = SnapshotOptions {
        from: Some("2025-10-01".parse().unwrap()),
        ..asked(target.path(), "a")
    };
    let taken = snapshot(&lake, &range).await.unwrap();
    assert_eq!(
        taken
            .manifest
            .files
            .iter()
            .map(|file| file.rows)
            .collect::<Vec<_>>(),
        [1]
    );
}

#[tokio::test]
async fn a_snapshot_goes_on_only_as_it_was_asked_for() {
    let (folder, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lake = lake(folder.path()).await;
    snapshot(&lake, &asked(target.path(), "a")).await.unwrap();
    std::fs::remove_file(target.path().join("a/_callake/manifest.json")).unwrap();
    let range = SnapshotOptions {
        from: Some("2025-10-01".parse().unwrap()),
        ..asked(target.path(), "a")
    };
    let error = snapshot(&lake, &range).await.unwrap_err();
    assert!(error.to_string().contains("was begun for other days"), "{error}");
}

#[tokio::test]
async fn what_is_wrong_with_a_snapshot_is_found() {
    let (folder, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lake = lake(folder.path()).await;
    let place = |name: &str| target.path().join(name);
    for (name, plant) in [
        (
            "gone",
            (|place| std::fs::remove_file(path(place)).unwrap()) as fn(&Path),
        ),
        ("added", |place| {
            std::fs::copy(path(place), path(place).with_file_name("b.parquet")).unwrap();
        }),
        ("incomplete", |place| {
            std::fs::remove_file(place.join("_callake/manifest.json")).unwrap()
        }),
        ("changed", |place| {
            let mut bytes = std::fs::read(path(place)).unwrap();
            bytes[50] ^= 1;
            std::fs::write(path(place), bytes).unwrap();
        }),
        ("no-manifest", |place| {
            std::fs::write(place.join("_callake/manifest.json"), "{").unwrap()
        }),
    ] {
        let taken = snapshot(&lake, &asked(target.path(), name)).await.unwrap();
        plant(&place(name));
        let report = verify(&open_snapshot(&taken), false).await;
        let found = report
            .findings
            .iter()
            .any(|finding| finding.kind == FindingKind::Manifest);
        assert!(found, "{name}: {:?}", report.findings);
    }
}

#[tokio::test]
async fn a_name_is_a_plain_one() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path()).await;
    for name in ["", "..", "a/b", "_a", " "] {
        assert!(
            snapshot(&lake, &asked(folder.path(), name)).await.is_err(),
            "{name:?}"
        );
    }
}
