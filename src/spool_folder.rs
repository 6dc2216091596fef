//! Where fetched pages lie until they are published, and whose that folder must be.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::lake::SPOOL;

/// The folder of the spool. In a temporary folder, where anybody may make one of that name, it is made here and must be this
/// user's alone: who may write there could give pages of his own for the API's.
pub(crate) fn find(named: Option<&Path>, dest: &str) -> anyhow::Result<PathBuf> {
    if let Some(folder) = named {
        return Ok(folder.to_path_buf());
    }
    let folder = beside(dest)?;
    if local_folder(dest).is_none() {
        match fs::DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(error).with_context(|| format!("make the page spool {}", folder.display()));
            }
            _ => check_is_ours(&folder)?,
        }
    }
    Ok(folder)
}

/// The spool's folder where none is named: in the lake, if that is local, so that it is found again whatever machine runs
/// next, and else this user's own in the temporary folder.
pub(crate) fn beside(dest: &str) -> anyhow::Result<PathBuf> {
    if let Some(folder) = local_folder(dest) {
        return Ok(folder.join(SPOOL));
    }
    let temporary = std::env::temp_dir();
    fs::create_dir_all(&temporary).with_context(|| format!("make the folder {}", temporary.display()))?;
    // Not `callake-…`: folders of that name are taken for those of processes.
    Ok(temporary.join(format!("callake_spool_{}", user())))
}

/// Refuses a folder that somebody else has made, or may write to.
pub(crate) fn check_is_ours(folder: &Path) -> anyhow::Result<()> {
    let found = fs::symlink_metadata(folder);
    let found = found.with_context(|| format!("use the page spool {}", folder.display()))?;
    let why = match (found.is_dir(), found.uid() == user(), found.mode() & 0o022) {
        (false, _, _) => "it is no folder",
        (true, false, _) => "another user has made it",
        (true, true, 0) => return Ok(()),
        (true, true, _) => "other users may write there",
    };
    bail!(
        "use the page spool {}: {why}; name a folder of your own with --spool FOLDER",
        folder.display()
    )
}

/// The id of the user whose files those are that are made.
fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The lake's folder, if it is local.
pub(crate) fn local_folder(dest: &str) -> Option<&Path> {
    dest.strip_prefix("file://")
        .or((!dest.contains("://")).then_some(dest))
        .map(Path::new)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_spool_that_others_may_write_to_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let folder = |name: &str, mode: u32| {
            let path = parent.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        check_is_ours(&folder("ours", 0o700)).unwrap();
        check_is_ours(&folder("readable", 0o755)).unwrap();
        let link = parent.path().join("link");
        symlink(parent.path().join("ours"), &link).unwrap();
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        for (path, why) in [
            (folder("group's", 0o770), "other users may write"),
            (folder("everybody's", 0o777), "other users may write"),
            (link, "no folder"),
            (file, "no folder"),
        ] {
            let error = check_is_ours(&path).unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("--spool FOLDER"), "{error}");
        }
    }

    #[test]
    fn the_spool_of_a_store_is_one_users_and_no_left_over() {
        let spool = beside("s3://lakes/calls").unwrap();
        let name = spool.file_name().unwrap().to_str().unwrap();
        assert!(name.ends_with(&format!("_{}", user())), "{name}");
        let parent = tempfile::tempdir().unwrap();
        fs::create_dir(parent.path().join(name)).unwrap();
        let age = std::time::Duration::ZERO;
        fs::File::open(parent.path().join(name))
            .unwrap()
            .set_modified(std::time::UNIX_EPOCH)
            .unwrap();
        assert_eq!(crate::day::leftovers(parent.path(), age).count(), 0);
    }
}
