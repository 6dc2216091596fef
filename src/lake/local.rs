//! A lake in a folder: staged, synced and renamed under a lock that the kernel frees when its process dies.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use rustix::fs::{FlockOperation, flock};

use super::fault;
use super::layout::{DayPath, LOCKS, OWN, SPOOL, STAGING};
use super::store::Entry;
use super::{Error, LakeOptions, Result};
use crate::day::{self, LAKE_LEFTOVER_AGE, Scratch};
use crate::schema;

/// Lock files of a lake. Paths share them by hash, so that a lake of any number of days has only so many; they are never
/// removed, since a lock on a removed file excludes nobody.
const LOCK_FILES: u64 = 256;

/// How often something is made whose folder is gone each time; each time is another run that came to nothing.
const MAKINGS: usize = 10;

/// Bytes that are copied at once.
const COPY_PIECE: usize = 1 << 20;

/// A lake in a folder.
#[derive(Debug, Clone)]
pub(crate) struct LocalStore {
    root: PathBuf,
    /// Made by [`LocalStore::prepare`].
    staging: OnceLock<Arc<Scratch>>,
    /// Folders that [`LocalStore::prepare`] made, inner ones first.
    made: OnceLock<Vec<PathBuf>>,
}

/// Keeps other writers from a day's file until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl LocalStore {
    pub(crate) fn new(root: PathBuf) -> LocalStore {
        LocalStore {
            root,
            staging: OnceLock::new(),
            made: OnceLock::new(),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Makes the lake's folders, and removes what killed runs left in them.
    pub(crate) fn prepare(&self, options: &LakeOptions) -> Result<()> {
        let folders = [STAGING, LOCKS, OWN].map(|folder| self.root.join(folder));
        let above = self.root.ancestors().map(Path::to_path_buf);
        let is_missing = |folder: &PathBuf| !folder.as_os_str().is_empty() && !folder.exists();
        let _ = self
            .made
            .set(folders.into_iter().chain(above).filter(is_missing).collect());
        create_folders(&self.root, &self.root)?;
        if !options.force_network_fs
            && let Some(name) = network_file_system(&self.root)?
        {
            return Err(Error::Refused(format!(
                "{} lies on {name}, where neither locks nor atomic renames can be relied on: use a local disk or an object \
                 store, or --force-network-fs if this is the only process that writes there",
                self.root.display()
            )));
        }
        let base = self.root.join(STAGING);
        let scratch = again_if_gone(|| {
            create_folders(&self.root, &self.root.join(LOCKS))?;
            create_folders(&self.root, &base)?;
            Scratch::new(&base, LAKE_LEFTOVER_AGE).map_err(Error::day(base.display()))
        })?;
        let _ = self.staging.set(Arc::new(scratch));
        Ok(())
    }

    /// Removes what [`LocalStore::prepare`] made, and says whether that was all of the lake's own folder.
    pub(crate) fn withdraw(&self) -> bool {
        let made = self.made.get().map(Vec::as_slice).unwrap_or_default();
        if !made.contains(&self.root.join(OWN)) {
            return false;
        }
        if let Some(staging) = self.staging.get() {
            let _ = fs::remove_dir_all(staging.path());
        }
        for folder in made {
            // One with something in it is of use to somebody.
            let _ = fs::remove_dir(folder);
        }
        true
    }

    /// A path for a file to be published, on the lake's own file system.
    pub(crate) fn stage(&self) -> Result<PathBuf> {
        let staging = self.staging.get();
        let staging =
            staging.ok_or_else(|| Error::Refused("the lake is open for reading only".to_string()))?;
        Ok(staging.file("day"))
    }

    /// Writes a file as a publication does, and removes it.
    pub(crate) fn try_writing(&self) -> Result<()> {
        let file = self.stage()?;
        fs::write(&file, "tried").map_err(Error::io("write", &file))?;
        File::open(&file)
            .and_then(|file| file.sync_all())
            .map_err(Error::io("sync", &file))?;
        fs::remove_file(&file).map_err(Error::io("remove", &file))
    }

    /// Waits until no other process publishes this file.
    pub(crate) fn lock(&self, path: &DayPath) -> Result<Lock> {
        let name = path.to_string();
        let hash = name.bytes().fold(0_u64, |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(byte.into())
        });
        let folder = self.root.join(LOCKS);
        let path = folder.join(format!("{:02x}", hash % LOCK_FILES));
        let file = again_if_gone(|| {
            create_folders(&self.root, &folder)?;
            File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)
                .map_err(Error::io("open lock", &path))
        })?;
        loop {
            match flock(&file, FlockOperation::LockExclusive) {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(Error::io("lock", &path)(error.into())),
            }
        }
    }

    /// The day's present file.
    pub(crate) fn present(&self, path: &DayPath) -> Result<Option<PathBuf>> {
        let path = self.root.join(path.to_string());
        match fs::symlink_metadata(&path) {
            Ok(data) if data.is_file() => Ok(Some(path)),
            Ok(_) => Err(Error::damaged(path.display(), "is not a file: move it away")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("look at", &path)(error)),
        }
    }

    /// The bytes of a small file; `None` if there is none.
    pub(crate) fn read_object(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let path = self.root.join(path);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", &path)(error)),
        }
    }

    /// Copies the file to that path, unless there is one.
    pub(crate) fn put_absent(&self, path: &str, file: &Path) -> Result<()> {
        let target = self.root.join(path);
        let staged = self.stage()?;
        copy(file, &staged)?;
        let folder = target.parent().unwrap_or(&self.root);
        create_folders(&self.root, folder)?;
        // Unlike a rename, a link does not replace.
        let linked = fs::hard_link(&staged, &target);
        fs::remove_file(&staged).map_err(Error::io("remove", &staged))?;
        match linked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(Error::io("write", &target)(error))
            }
            _ => sync_folder(folder),
        }
    }

    /// Puts a synced file from [`LocalStore::stage`] in the place of the day's present one. The caller holds the lock.
    pub(crate) fn swap(&self, staged: &Path, path: &DayPath) -> Result<()> {
        let target = self.root.join(path.to_string());
        let folder = self.root.join(path.folder());
        create_folders(&self.root, &folder)?;
        fault::point("before-swap");
        fs::rename(staged, &target).map_err(Error::io("publish", &target))?;
        fault::point("swapped");
        sync_folder(&folder)?;
        if let Some(staging) = staged.parent() {
            sync_folder(staging)?;
        }
        fault::point("synced");
        Ok(())
    }
}

impl LocalStore {
    /// The files of a folder, at any depth and in no order; `most` bounds how many. A table or a day's folder may be a link to
    /// another place, since publications and readers go through it; of other links nothing is followed.
    pub(crate) fn list(&self, folder: &str, most: usize) -> Result<Vec<Entry>> {
        self.walk(folder, most, &|_| true, |_| false)
    }

    /// The files of a folder that readers do not need; what lies where this user may not look is left out.
    pub(crate) fn list_own(&self, folder: &str) -> Result<Vec<Entry>> {
        self.walk(folder, usize::MAX, &|_| true, |_| true)
    }

    /// The files beside the tables, as [`LocalStore::list_own`] gives them; nothing of the spool, which others do not read.
    pub(crate) fn list_beside_tables(&self) -> Result<Vec<Entry>> {
        let is_asked = |folder: &Path| {
            folder != Path::new(SPOOL)
                && !schema::tables()
                    .iter()
                    .any(|table| folder == Path::new(&table.name))
        };
        self.walk("", usize::MAX, &is_asked, |folder| folder != Path::new(""))
    }

    /// The files of a folder and of the folders below that are asked for; folders that `may_be_closed` are left out where this user may
    /// not read them.
    fn walk(
        &self,
        folder: &str,
        most: usize,
        is_asked: &dyn Fn(&Path) -> bool,
        may_be_closed: impl Fn(&Path) -> bool,
    ) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut folders = vec![PathBuf::from(folder)];
        while let Some(folder) = folders.pop() {
            let path = self.root.join(&folder);
            let failed = || Error::io("list", &path);
            let found = match fs::read_dir(&path) {
                Ok(found) => found,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied && may_be_closed(&folder) => {
                    continue;
                }
                Err(error) => return Err(failed()(error)),
            };
            for entry in found {
                let entry = entry.map_err(failed())?;
                let path = folder.join(entry.file_name());
                let kind = entry.file_type().map_err(failed())?;
                let is_folder = kind.is_dir()
                    || kind.is_symlink() && is_day_folder(&path) && self.root.join(&path).is_dir();
                if is_folder {
                    if is_asked(&path) {
                        folders.push(path);
                    }
                    continue;
                }
                if kind.is_symlink() && !is_asked(&path) {
                    continue;
                }
                // A file that was renamed away since is a staged one.
                let Ok(data) = entry.metadata() else { continue };
                entries.push(Entry {
                    path: path.to_string_lossy().into_owned(),
                    bytes: data.len(),
                    modified: data.modified().map_or_else(|_| Utc::now(), DateTime::from),
                });
                if entries.len() == most {
                    return Ok(entries);
                }
            }
        }
        Ok(entries)
    }
}

/// Whether a path within the lake is that of a folder of a table's day.
fn is_day_folder(path: &Path) -> bool {
    let file = path.join("account.parquet");
    let day = file.to_str().and_then(DayPath::parse);
    day.is_some_and(|day| schema::table(&day.table).is_some())
}

/// Copies a file to a new one and syncs it; an error names the one of the two that failed.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut source = File::open(from).map_err(Error::io("open", from))?;
    let mut target = File::create_new(to).map_err(Error::io("create", to))?;
    let mut piece = vec![0; COPY_PIECE];
    loop {
        match source.read(&mut piece) {
            Ok(0) => return target.sync_all().map_err(Error::io("sync", to)),
            Ok(bytes) => target
                .write_all(&piece[..bytes])
                .map_err(Error::io("write", to))?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("read", from)(error)),
        }
    }
}

/// Makes something in folders of the lake's own, and makes it again where they are gone by then: a run that came to nothing removes
/// those that it made and that are still empty.
fn again_if_gone<T>(make: impl Fn() -> Result<T>) -> Result<T> {
    let is_gone = |error: &Error| match error {
        Error::Io { source, .. }
        | Error::Day {
            source: day::Error::Io { source, .. },
            ..
        } => source.kind() == io::ErrorKind::NotFound,
        _ => false,
    };
    for _ in 1..MAKINGS {
        match make() {
            Err(error) if is_gone(&error) => {}
            made => return made,
        }
    }
    make()
}

/// Makes the folder and those above it up to the root, each synced into the one above.
fn create_folders(root: &Path, folder: &Path) -> Result<()> {
    match fs::create_dir(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && folder != root => {
            let above = folder.parent().unwrap_or(root);
            create_folders(root, above)?;
            return create_folders(root, folder);
        }
        // The root may lie several folders deep in what is the user's; that is made, not synced.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return fs::create_dir_all(folder).map_err(Error::io("create folder", folder));
        }
        Err(error) => return Err(Error::io("create folder", folder)(error)),
    }
    folder
        .parent()
        .filter(|above| !above.as_os_str().is_empty())
        .map_or(Ok(()), sync_folder)
}

fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(Error::io("sync folder", folder))
}

/// Name of the network file system that the folder lies on, if it does.
fn network_file_system(folder: &Path) -> Result<Option<&'static str>> {
    #[cfg(target_os = "linux")]
    {
        let found = rustix::fs::statfs(folder)
            .map_err(|error| Error::io("look at the file system of", folder)(error.into()))?;
        // The magic numbers of Linux's statfs(2); the field's type differs by platform, the low 32 bits do not.
        Ok(match found.f_type as u32 {
            0x6969 => Some("NFS"),
            0x517b | 0xfe53_4d42 | 0xff53_4d42 => Some("SMB"),
            _ => None,
        })
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = folder;
        Ok(None)
    }
}
