//! The places that a run writes to: the lake, the spool and the temporary folder.

use std::path::{Path, PathBuf};

use super::Check;
use crate::config::LakeSettings;
use crate::exit::Exit;
use crate::lake::{Lake, LakeOptions};
use crate::spool_folder;

/// Room below which a run of any size is likely to fail, in bytes.
const LEAST_ROOM: u64 = 256_000_000;

/// Room for the largest day that an account's rate limit lets anybody read, in bytes.
const ROOM: u64 = 2_000_000_000;

/// Whether the lake can be written, whether two writers would be told apart, and whether its days are those of the zone.
pub(super) async fn checks(lake: &LakeSettings) -> Vec<Check> {
    let options = LakeOptions {
        zone: lake.zone,
        force_network_fs: lake.force_network_fs,
        endpoint_url: lake.endpoint_url.clone(),
        ..LakeOptions::default()
    };
    let trial = match Lake::try_out(&lake.dest, options).await {
        Ok(trial) => trial,
        Err(error) => {
            let remedy = "check the destination's spelling, that it is a folder or a bucket, and that this user may write there";
            return vec![
                Check::failed("destination", &error.into(), remedy),
                Check::skipped("conditional_puts", "the destination was not written"),
                Check::skipped("lake_zone", "the destination was not written"),
            ];
        }
    };
    let puts = match trial.lacks {
        None => Check::ok(
            "conditional_puts",
            "two runs at once can't undo each other's work",
        ),
        Some(lack) => Check::problem(
            "conditional_puts",
            Exit::Usage,
            format!("{} {lack}", lake.dest),
            "use a store with conditional puts, or --single-writer if no other run writes to this lake at the same time",
        ),
    };
    let zone = match trial.zone {
        Ok(()) => Check::ok("lake_zone", format!("the lake takes days of {}", lake.zone)),
        Err(error) => Check::failed(
            "lake_zone",
            &error.into(),
            "pass the --zone that the lake has, or write to another lake",
        ),
    };
    let written = Check::ok("destination", format!("{} can be written", lake.dest));
    vec![written, puts, zone]
}

/// Whether the local places have room.
pub(super) fn space(spool: Option<&Path>, lake: &LakeSettings) -> Vec<Check> {
    let mut checks = vec![
        check_spool(spool, &lake.dest),
        check_space("temporary_folder", &std::env::temp_dir()),
    ];
    if let Some(folder) = spool_folder::local_folder(&lake.dest) {
        checks.push(check_space("destination_space", folder));
    }
    checks
}

fn check_spool(named: Option<&Path>, dest: &str) -> Check {
    let found = match named {
        Some(folder) => Ok(folder.to_path_buf()),
        None => spool_folder::beside(dest),
    };
    let remedy = "name a folder of your own with --spool";
    let folder = match found {
        Ok(folder) => folder,
        Err(error) => return Check::failed("spool", &error, remedy),
    };
    let is_temporary = named.is_none() && spool_folder::local_folder(dest).is_none();
    match spool_folder::check_is_ours(&folder) {
        Err(error) if is_temporary && folder.symlink_metadata().is_ok() => {
            Check::failed("spool", &error, remedy)
        }
        _ => check_space("spool", &folder),
    }
}

fn check_space(name: &'static str, folder: &Path) -> Check {
    let shown = folder.display();
    let there = existing(folder);
    if let Err(error) = tempfile::tempfile_in(&there) {
        let found = format!("{shown} can't be written: {error}");
        let remedy = "let this user write there, or name another folder (--spool, TMPDIR)";
        return Check::problem(name, Exit::Failed, found, remedy);
    }
    let room = match rustix::fs::statvfs(&there) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(error) => {
            return Check::skipped(
                name,
                format!("{shown} does not say how much room it has: {error}"),
            );
        }
    };
    let found = format!("{shown} has {:.1} GB free", room as f64 / 1e9);
    let remedy = "make room, or name a folder on a larger disk (--spool, TMPDIR): a day's rows can take 2 GB";
    match room {
        room if room < LEAST_ROOM => Check::problem(name, Exit::Failed, found, remedy),
        room if room < ROOM => Check::warning(name, found, remedy),
        _ => Check::ok(name, found),
    }
}

/// The folder, or the nearest above it that is there.
fn existing(folder: &Path) -> PathBuf {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    let mut above = folder.ancestors();
    let found = above.find(|folder| folder.exists());
    found.map_or(folder.clone(), Path::to_path_buf)
}
