//! The spool: pages that have been paid for, on local disk until the days they belong to are published.
//!
//! One file a window, written whole when the window is done and never changed, so that a run which is killed loses
//! at most the windows it was reading. A file that is cut, damaged, gone or too old is a window that was not read.
//! Pages hold personal data: folders have mode 0700 and files 0600, and a published day's are removed.
//!
//! Several runs may share a spool. Each removes what it has written or taken up itself, and whatever is too old to be
//! believed; a file that another run is writing is left alone.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::fs;
use std::io::{self, BufRead, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

use super::error::ApiError;
use super::http::Answer;
use super::page::Page;
use super::readings::{Filter, Unit};
use super::window::{Bounds, Window};

mod conversations;

/// Settled windows are believed for a day: a run that was killed is started again long before.
const SETTLED_AGE: TimeDelta = TimeDelta::hours(24);

/// Age from which no run believes a file any more, whatever it holds.
const STALE_AGE: Duration = Duration::from_secs(24 * 3600);

/// Endings of files in a spool: windows, conversations, and what is being written or was when its run was killed.
const PROVEN: &str = "proven";
const PART: &str = "part";
const CONVERSATION: &str = "conversation";
const STAGED: &str = "staged";

/// Bytes of the hash that a folder is named by.
const NAME_BYTES: usize = 8;

/// Compression level: pages shrink tenfold at the fastest already.
const LEVEL: i32 = 1;

/// Fetched pages of one account and one way of asking; clones are the same spool.
#[derive(Debug, Clone)]
pub struct Spool {
    folder: PathBuf,
    /// Files that this run has written or taken up.
    ours: Arc<Mutex<HashSet<PathBuf>>>,
}

/// The pages of a window.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) window: Window,
    pub(crate) bounds: Bounds,
    /// Whether they prove the window; otherwise they are a part of what it holds.
    pub(crate) is_proven: bool,
    /// The window whose pages hold the rows before these, without which they are of no use.
    pub(crate) leans_on: Option<Window>,
    pub(crate) unit: Option<Unit>,
    pub(crate) filter: Option<Filter>,
    pub(crate) pages: Vec<(u32, Answer)>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Header {
    window: Window,
    bounds: Bounds,
    is_proven: bool,
    leans_on: Option<Window>,
    unit: Option<Unit>,
    filter: Option<Filter>,
    pages: Vec<PageHeader>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct PageHeader {
    offset: u32,
    bytes: usize,
    fetched_at: DateTime<Utc>,
}

impl Spool {
    /// The spool in `folder` for what `identity` names: pages of another account, endpoint or list of fields are
    /// never taken for these. Stale files are removed, of whatever identity: nobody may ask for the same again.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made.
    pub fn open(folder: &Path, identity: &[&str]) -> Result<Self, ApiError> {
        for path in stale(folder) {
            if let Err(error) = ignore_missing(fs::remove_file(&path)) {
                tracing::warn!("remove old pages: {}: {error}", path.display());
            }
        }
        let mut hash = Sha256::new();
        for part in identity {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        let inner = folder.join(first_digits(hash, NAME_BYTES));
        make(folder, &inner).map_err(|source| ApiError::Spool {
            path: inner.clone(),
            source,
        })?;
        Ok(Self {
            folder: inner,
            ours: Arc::default(),
        })
    }

    /// Keeps the pages of a window, on disk when this returns.
    pub(crate) async fn save(&self, entry: Entry) -> Result<(), ApiError> {
        let kind = if entry.is_proven { PROVEN } else { PART };
        let path = self
            .folder
            .join(format!("{}-{}.{kind}", entry.window.from, entry.window.to));
        self.keep(path, move |path| write(path, &entry)).await
    }

    /// Has `write` write a file, which this run will forget.
    async fn keep(
        &self,
        path: PathBuf,
        write: impl FnOnce(&Path) -> io::Result<()> + Send + 'static,
    ) -> Result<(), ApiError> {
        self.ours().insert(path.clone());
        let written = {
            let path = path.clone();
            tokio::task::spawn_blocking(move || write(&path)).await
        };
        let written = written.map_err(io::Error::other).and_then(|written| written);
        written.map_err(|source| ApiError::Spool { path, source })
    }

    /// The windows kept, without their pages: each after those that it may lean on.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub(crate) fn kept(&self) -> Result<Vec<Kept>, ApiError> {
        let error = |source| ApiError::Spool {
            path: self.folder.clone(),
            source,
        };
        let mut kept = Vec::new();
        for item in fs::read_dir(&self.folder).map_err(error)? {
            let path = item.map_err(error)?.path();
            if let Some((window, is_proven)) = window_of(&path) {
                kept.push(Kept {
                    spool: self.clone(),
                    window,
                    is_proven,
                    path,
                });
            }
        }
        kept.sort_by_key(|kept| (kept.is_proven, Reverse(kept.window.seconds()), kept.window.from));
        Ok(kept)
    }

    /// Forgets this run's windows that end by then: their days are published.
    ///
    /// # Errors
    ///
    /// When a file cannot be removed.
    pub fn remove_through(&self, second: i64) -> Result<(), ApiError> {
        self.remove_ours(|path| window_of(path).is_some_and(|(window, _)| window.to <= second))
    }

    /// Forgets all that this run has written or taken up.
    ///
    /// # Errors
    ///
    /// When a file cannot be removed.
    pub fn clear(&self) -> Result<(), ApiError> {
        self.remove_ours(|_| true)
    }

    fn remove_ours(&self, is_done: impl Fn(&Path) -> bool) -> Result<(), ApiError> {
        let done: Vec<_> = self.ours().iter().filter(|path| is_done(path)).cloned().collect();
        done.into_iter().try_for_each(|path| self.remove(path))
    }

    fn remove(&self, path: PathBuf) -> Result<(), ApiError> {
        ignore_missing(fs::remove_file(&path)).map_err(|source| ApiError::Spool {
            path: path.clone(),
            source,
        })?;
        self.ours().remove(&path);
        Ok(())
    }

    fn ours(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.ours.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Files in the spools of `folder` that no run believes any more.
pub fn stale(folder: &Path) -> Vec<PathBuf> {
    stale_at(folder, SystemTime::now())
}

fn stale_at(folder: &Path, now: SystemTime) -> Vec<PathBuf> {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
    // The folder may be one that holds other things too.
    let is_spool = |item: &fs::DirEntry| {
        let name = item.file_name();
        name.len() == 2 * NAME_BYTES && name.as_encoded_bytes().iter().all(u8::is_ascii_hexdigit)
    };
    let is_of_spool = |path: &Path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| [PROVEN, PART, CONVERSATION, STAGED].contains(&extension))
    };
    let is_old = |item: &fs::DirEntry| {
        let written = item.metadata().and_then(|metadata| metadata.modified());
        written.is_ok_and(|written| now.duration_since(written).is_ok_and(|age| age > STALE_AGE))
    };
    let spools = entries(folder).filter(is_spool);
    let files = spools.flat_map(|spool| entries(&spool.path()));
    let mut stale: Vec<_> = files
        .filter(|item| is_of_spool(&item.path()) && is_old(item))
        .map(|item| item.path())
        .collect();
    stale.sort_unstable();
    stale
}

/// A window kept.
#[derive(Debug)]
pub(crate) struct Kept {
    spool: Spool,
    pub(crate) window: Window,
    is_proven: bool,
    path: PathBuf,
}

impl Kept {
    /// Its pages, if they are whole and not too old; otherwise the file is removed.
    pub(crate) fn load(
        &self,
        timezone_offset: i32,
        settling: i64,
        now: DateTime<Utc>,
    ) -> Result<Option<Entry>, ApiError> {
        self.spool.ours().insert(self.path.clone());
        let entry = read(&self.path, timezone_offset)
            .ok()
            .filter(|entry| is_fresh(entry, settling, now));
        if entry.is_none() {
            self.spool.remove(self.path.clone())?;
        }
        Ok(entry)
    }
}

/// Makes the spool's folder and the one within it. Those above it may be a lake's, which others read.
fn make(folder: &Path, inner: &Path) -> io::Result<()> {
    if let Some(above) = folder.parent() {
        fs::create_dir_all(above)?;
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(inner)
}

/// The first bytes of a hash in hexadecimal digits.
fn first_digits(hash: Sha256, bytes: usize) -> String {
    let hash = hash.finalize();
    hash.iter()
        .take(bytes)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Another run may have removed it already.
fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn window_of(path: &Path) -> Option<(Window, bool)> {
    let extension = path.extension()?;
    let (from, to) = path.file_stem()?.to_str()?.split_once('-')?;
    let window = Window::new(from.parse().ok()?, to.parse().ok()?);
    (extension == PROVEN || extension == PART).then_some((window, extension == PROVEN))
}

fn is_fresh(entry: &Entry, settling: i64, now: DateTime<Utc>) -> bool {
    let Some(oldest) = entry.pages.iter().map(|(_, answer)| answer.fetched_at).min() else {
        return false;
    };
    let had_settled = entry.window.to + settling <= oldest.timestamp();
    let age = if had_settled {
        SETTLED_AGE
    } else {
        TimeDelta::seconds(settling)
    };
    oldest <= now && now - oldest <= age
}

fn write(path: &Path, entry: &Entry) -> io::Result<()> {
    let page = |(offset, answer): &(u32, Answer)| PageHeader {
        offset: *offset,
        bytes: answer.body.len(),
        fetched_at: answer.fetched_at,
    };
    let Entry {
        window,
        bounds,
        is_proven,
        leans_on,
        unit,
        filter,
        pages,
    } = entry;
    let header = Header {
        window: *window,
        bounds: *bounds,
        is_proven: *is_proven,
        leans_on: *leans_on,
        unit: *unit,
        filter: *filter,
        pages: pages.iter().map(page).collect(),
    };
    write_frame(path, &header, pages.iter().map(|(_, answer)| &answer.body))
}

/// Writes a line of JSON and the bodies that it is of, whole or not at all, readable by nobody else.
fn write_frame<'a>(
    path: &Path,
    header: &impl serde::Serialize,
    bodies: impl Iterator<Item = &'a Bytes>,
) -> io::Result<()> {
    let (Some(folder), Some(stem)) = (path.parent(), path.file_stem()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    // A random name, since processes of two containers may have one id, and one that no reader knows: a killed write leaves
    // nothing to be read. It is 0600, and gone again where writing fails.
    let staged = tempfile::Builder::new()
        .prefix(stem)
        .suffix(&format!(".{STAGED}"))
        .rand_bytes(12)
        .tempfile_in(folder)?;
    let mut encoder = zstd::Encoder::new(staged, LEVEL)?;
    encoder.include_checksum(true)?;
    serde_json::to_writer(&mut encoder, header)?;
    encoder.write_all(b"\n")?;
    for body in bodies {
        encoder.write_all(body)?;
    }
    let staged = encoder.finish()?;
    staged.as_file().sync_all()?;
    // What somebody has cleaned away meanwhile is a window that was not kept.
    ignore_missing(staged.persist(path).map(drop).map_err(|error| error.error))
}

/// The header of a frame, and its bodies, decompressed.
fn read_frame<H: serde::de::DeserializeOwned>(path: &Path) -> io::Result<(H, impl BufRead + use<H>)> {
    let mut reader = io::BufReader::new(zstd::Decoder::new(fs::File::open(path)?)?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    Ok((serde_json::from_str(&line)?, reader))
}

fn read(path: &Path, timezone_offset: i32) -> io::Result<Entry> {
    let (header, mut reader) = read_frame(path)?;
    let Header {
        window,
        bounds,
        is_proven,
        leans_on,
        unit,
        filter,
        pages,
    } = header;
    let mut answers = Vec::new();
    for PageHeader {
        offset,
        bytes,
        fetched_at,
    } in pages
    {
        let mut body = Vec::new();
        reader.by_ref().take(bytes as u64).read_to_end(&mut body)?;
        if body.len() != bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let page = Page::parse(&body, timezone_offset).map_err(io::Error::other)?;
        answers.push((
            offset,
            Answer {
                body: Bytes::from(body),
                page,
                fetched_at,
            },
        ));
    }
    // Reads the checksum too.
    if reader.read(&mut [0])? != 0 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(Entry {
        window,
        bounds,
        is_proven,
        leans_on,
        unit,
        filter,
        pages: answers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const WINDOW: Window = Window::new(1_000, 2_000);

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn entry(window: Window, fetched_at: i64) -> Entry {
        let body = Bytes::from_static(br#"{"numResults": 1, "data": [{"sessionId": "a"}]}"#);
        let page = Page::parse(&body, 0).unwrap();
        let answer = Answer {
            body,
            page,
            fetched_at: at(fetched_at),
        };
        Entry {
            window,
            bounds: window.wide(),
            is_proven: true,
            leans_on: None,
            unit: Some(Unit::Pages),
            filter: None,
            pages: vec![(0, answer.clone()), (1, answer)],
        }
    }

    fn save(spool: &Spool, entry: Entry) {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(spool.save(entry))
            .unwrap();
    }

    fn load(spool: &Spool, now: i64) -> Vec<Entry> {
        let kept = spool.kept().unwrap();
        kept.iter()
            .filter_map(|kept| kept.load(0, 900, at(now)).unwrap())
            .collect()
    }

    #[test]
    fn a_window_comes_back_as_it_was_kept() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), &["a"]).unwrap();
        save(&spool, entry(WINDOW, 5_000));
        let back = load(&spool, 6_000).remove(0);
        assert_eq!(
            (back.window, back.bounds, back.is_proven),
            (WINDOW, WINDOW.wide(), true)
        );
        assert_eq!(back.pages.len(), 2);
        assert_eq!(back.pages[1].0, 1);
        assert_eq!(back.pages[1].1.body, entry(WINDOW, 0).pages[0].1.body);
        assert_eq!(back.pages[1].1.page, entry(WINDOW, 0).pages[0].1.page);
        assert_eq!(back.pages[1].1.fetched_at, at(5_000));
    }

    #[test]
    fn nobody_else_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("lake/_callake/spool");
        let spool = Spool::open(&place, &["a"]).unwrap();
        save(&spool, entry(WINDOW, 5_000));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&place), mode(&spool.folder)), (0o700, 0o700));
        let usual = folder.path().join("usual");
        fs::create_dir(&usual).unwrap();
        for above in place.ancestors().skip(1).take(2) {
            assert_eq!(mode(above), mode(&usual), "{}", above.display());
        }
        assert_eq!(mode(&spool.kept().unwrap()[0].path), 0o600);
    }

    #[test]
    fn another_way_of_asking_has_another_spool() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), &["ab", "c"]).unwrap();
        save(&spool, entry(WINDOW, 5_000));
        assert!(load(&Spool::open(folder.path(), &["a", "bc"]).unwrap(), 6_000).is_empty());
        assert_eq!(
            load(&Spool::open(folder.path(), &["ab", "c"]).unwrap(), 6_000).len(),
            1
        );
    }

    #[test]
    fn old_pages_are_not_believed() {
        let check = |fetched_at: i64, now: i64, expected: usize| {
            let folder = tempfile::tempdir().unwrap();
            let spool = Spool::open(folder.path(), &[]).unwrap();
            save(&spool, entry(WINDOW, fetched_at));
            assert_eq!(
                load(&spool, now).len(),
                expected,
                "fetched at {fetched_at}, now {now}"
            );
            assert_eq!(
                spool.kept().unwrap().len(),
                expected,
                "what is not believed is removed"
            );
        };
        let settled = WINDOW.to + 900;
        check(settled, settled + 86_400, 1);
        check(settled, settled + 86_401, 0);
        check(settled - 1, settled + 899, 1);
        check(settled - 1, settled + 900, 0);
        check(settled, settled - 1, 0);
    }

    #[test]
    fn damaged_files_are_windows_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), &[]).unwrap();
        save(&spool, entry(WINDOW, 5_000));
        let path = spool.kept().unwrap().remove(0).path;
        let whole = fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            assert!(load(&spool, 6_000).is_empty(), "cut to {cut} of {}", whole.len());
        }
        for flip in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[flip] ^= 0x10;
            fs::write(&path, &damaged).unwrap();
            for entry in load(&spool, 6_000) {
                // A few bits of the frame's own header mean nothing.
                assert_eq!(
                    entry.pages[1].1.page,
                    self::entry(WINDOW, 0).pages[0].1.page,
                    "flipped {flip}"
                );
            }
        }
    }

    #[test]
    fn published_days_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), &[]).unwrap();
        for from in [1_000, 2_000, 3_000] {
            save(&spool, entry(Window::new(from, from + 1_000), 5_000));
        }
        spool.remove_through(3_500).unwrap();
        let left: Vec<i64> = spool
            .kept()
            .unwrap()
            .iter()
            .map(|kept| kept.window.from)
            .collect();
        assert_eq!(left, [3_000]);
        spool.clear().unwrap();
        assert_eq!(fs::read_dir(&spool.folder).unwrap().count(), 0);
    }

    fn age(path: &Path, age: Duration) {
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }

    #[test]
    fn old_files_go_whatever_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), &["once"]).unwrap();
        let plant = |path: PathBuf, hours: u64| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            age(&path, Duration::from_secs(hours * 3600));
            path
        };
        let old = ["1-2.part", "1-2.proven", "1-2x.staged", "ab.conversation"]
            .map(|name| plant(spool.folder.join(name), 25));
        let kept = [
            plant(spool.folder.join("3-4.proven"), 23),
            plant(spool.folder.join("notes.txt"), 25),
            plant(folder.path().join("theirs/1-2.part"), 25),
            plant(folder.path().join("1-2.part"), 25),
        ];
        assert_eq!(stale(folder.path()), old);
        Spool::open(folder.path(), &["now"]).unwrap();
        assert!(old.iter().all(|path| !path.exists()));
        assert!(kept.iter().all(|path| path.exists()));
    }

    #[test]
    fn a_run_forgets_only_what_it_wrote_or_took_up() {
        let folder = tempfile::tempdir().unwrap();
        let [ours, theirs] = [(); 2].map(|()| Spool::open(folder.path(), &[]).unwrap());
        let later = |from| Window::new(from, from + 1_000);
        save(&theirs, entry(later(1_000), 5_000));
        save(&theirs, entry(later(2_000), 5_000));
        let being_written = theirs.folder.join("9-9x.staged");
        fs::write(&being_written, "").unwrap();
        save(&ours, entry(later(3_000), 5_000));
        let taken_up = ours.kept().unwrap();
        let first = taken_up.iter().find(|kept| kept.window.from == 1_000).unwrap();
        assert!(first.load(0, 900, at(6_000)).unwrap().is_some());
        ours.remove_through(9_000).unwrap();
        ours.clear().unwrap();
        let left: Vec<i64> = ours.kept().unwrap().iter().map(|kept| kept.window.from).collect();
        assert_eq!(left, [2_000]);
        assert!(being_written.exists());
        theirs.clear().unwrap();
        assert!(theirs.kept().unwrap().is_empty());
    }

    /// Two runs write the same windows, and each clears away what is there, again and again.
    #[test]
    fn two_runs_at_once_are_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let spool = Spool::open(folder.path(), &[]).unwrap();
                    for _ in 0..30 {
                        save(&spool, entry(WINDOW, 5_000));
                        spool.clear().unwrap();
                    }
                });
            }
        });
        let spool = Spool::open(folder.path(), &[]).unwrap();
        assert_eq!(fs::read_dir(&spool.folder).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_is_cleaned_away_while_it_is_written_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1-2.proven");
        let body = Bytes::from_static(b"{}");
        let bodies = std::iter::once_with(|| {
            for item in fs::read_dir(folder.path()).unwrap() {
                fs::remove_file(item.unwrap().path()).unwrap();
            }
            &body
        });
        write_frame(&path, &0, bodies).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
