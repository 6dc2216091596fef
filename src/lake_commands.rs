//! `callake verify`, `status`, `snapshot` and `clean`: what a lake is, by its files alone.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use chrono::Utc;

use crate::config::{
    self, CleanSettings, LakeLocation, Refused, SnapshotSettings, StatusSettings, VerifySettings,
};
use crate::day::{Scratch, TEMP_LEFTOVER_AGE};
use crate::exit::Exit;
use crate::job::Job;
use crate::lake::{Lake, LakeOptions, SPOOL, SnapshotOptions};
use crate::{api, report, spool_folder};

/// Checks the lake; exits with the code for integrity where something is wrong.
pub(crate) async fn verify(settings: VerifySettings, job: &Job) -> anyhow::Result<Exit> {
    let VerifySettings { location, deep, json } = settings;
    let scratch = Arc::new(Scratch::new(&std::env::temp_dir(), TEMP_LEFTOVER_AGE)?);
    let lake = open(&location, job)?;
    job.progress.begin("verifying", "files");
    let verification = job.droppable(lake.verify(deep, scratch)).await?;
    report::output(|out| match json {
        true => report::json(&verification, out),
        false => report::verification(&verification, out),
    })?;
    Ok(if verification.is_sound() {
        Exit::Done
    } else {
        Exit::Integrity
    })
}

/// Shows what the lake covers; exits with the code for integrity where a file could not be read.
pub(crate) async fn status(settings: StatusSettings, job: &Job) -> anyhow::Result<Exit> {
    let StatusSettings { location, json } = settings;
    let lake = open(&location, job)?;
    let status = job.droppable(lake.status()).await?;
    report::output(|out| match json {
        true => report::json(&status, out),
        false => report::status(&status, out),
    })?;
    Ok(if status.problems.is_empty() {
        Exit::Done
    } else {
        Exit::Integrity
    })
}

/// Copies the lake as an archive.
pub(crate) async fn snapshot(settings: SnapshotSettings, job: &Job) -> anyhow::Result<Exit> {
    let SnapshotSettings {
        location,
        target,
        json,
        single_writer,
        force_network_fs,
        name,
        from,
        to,
    } = settings;
    config::range(from, to)?;
    check_target(&location.lake, &target)?;
    let scratch = Scratch::new(&std::env::temp_dir(), TEMP_LEFTOVER_AGE)?;
    let asked = SnapshotOptions {
        target,
        name: name.unwrap_or_else(|| Utc::now().date_naive().to_string()),
        from,
        to,
        options: LakeOptions {
            single_writer,
            force_network_fs,
            ..options(&location, job)
        },
    };
    let lake = open(&location, job)?;
    job.progress.begin("copying", "files");
    let snapshot = job.droppable(lake.snapshot(&asked, &scratch)).await?;
    report::output(|out| match json {
        true => report::json(&snapshot, out),
        false => report::snapshot(&snapshot, out),
    })?;
    Ok(Exit::Done)
}

/// Refuses a place for snapshots within the lake: readers would find each row twice.
fn check_target(lake: &str, target: &str) -> Result<(), Refused> {
    if target.is_empty() {
        return Err(Refused(
            "the place for snapshots is empty: want a path or a URL".to_string(),
        ));
    }
    let resolved =
        |place: &str| spool_folder::local_folder(place).map_or_else(|| PathBuf::from(place), canonical);
    if resolved(target).starts_with(resolved(lake)) {
        return Err(Refused(format!(
            "snapshot {lake} to {target}: the target lies within the lake; name a place outside of it"
        )));
    }
    Ok(())
}

/// The folder without links, `.` and `..`, as far as it is there.
fn canonical(folder: &Path) -> PathBuf {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    let mut found = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::ParentDir => {
                found.pop();
            }
            part => found.push(part),
        }
        found = std::fs::canonicalize(&found).unwrap_or(found);
    }
    found
}

/// Removes what killed runs left behind.
pub(crate) async fn clean(settings: CleanSettings, job: &Job) -> anyhow::Result<Exit> {
    let CleanSettings {
        location,
        dry_run,
        json,
    } = settings;
    let lake = open(&location, job)?;
    let mut cleaned = job.droppable(lake.clean(dry_run)).await?;
    if let Some(root) = spool_folder::local_folder(&location.lake) {
        cleaned.files.extend(clean_spool(root, dry_run)?);
    }
    report::output(|out| match json {
        true => report::json(&cleaned, out),
        false => report::cleaned(&cleaned, out),
    })?;
    Ok(Exit::Done)
}

/// Removes pages that no run believes any more from the spool in the lake, or only finds them; gives their paths in the lake.
fn clean_spool(root: &Path, dry_run: bool) -> anyhow::Result<Vec<String>> {
    let mut removed = Vec::new();
    for path in api::spool::stale(&root.join(SPOOL)) {
        if !dry_run {
            std::fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
        }
        let in_lake = path.strip_prefix(root).unwrap_or(&path);
        removed.push(in_lake.display().to_string());
    }
    Ok(removed)
}

/// Opens a lake for all but publishing.
pub(crate) fn open(location: &LakeLocation, job: &Job) -> anyhow::Result<Lake> {
    Ok(Lake::for_reading(&location.lake, options(location, job))?)
}

fn options(location: &LakeLocation, job: &Job) -> LakeOptions {
    LakeOptions {
        endpoint_url: location.endpoint_url.clone(),
        progress: job.progress.clone(),
        ..LakeOptions::default()
    }
}
