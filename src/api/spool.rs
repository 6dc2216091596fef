//! The spool: pages that have been paid for, on local disk until the days they belong to are published.
//!
//! One file a window, written whole when the window is done and never changed, so that a run which is killed loses
//! at most the windows it was reading. A file that is cut, damaged or too old is a window that was not read.
//! Pages hold personal data: folders have mode 0700 and files 0600, and a published day's are removed.

use std::cmp::Reverse;
use std::fs;
use std::io::{self, BufRead, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

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

/// Compression level: pages shrink tenfold at the fastest already.
const LEVEL: i32 = 1;

/// Fetched pages of one account and one way of asking.
#[derive(Debug, Clone)]
pub struct Spool {
    folder: PathBuf,
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
    /// never taken for these.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made.
    pub fn open(folder: &Path, identity: &[&str]) -> Result<Self, ApiError> {
        let mut hash = Sha256::new();
        for part in identity {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        let inner = folder.join(first_digits(hash, 8));
        make(folder, &inner).map_err(|source| ApiError::Spool {
            path: inner.clone(),
            source,
        })?;
        Ok(Self { folder: inner })
    }

    /// Keeps the pages of a window, on disk when this returns.
    pub(crate) async fn save(&self, entry: Entry) -> Result<(), ApiError> {
        let kind = if entry.is_proven { "proven" } else { "part" };
        let path = self
            .folder
            .join(format!("{}-{}.{kind}", entry.window.from, entry.window.to));
        let saved = {
            let path = path.clone();
            tokio::task::spawn_blocking(move || write(&path, &entry)).await
        };
        let saved = saved.map_err(io::Error::other).and_then(|saved| saved);
        saved.map_err(|source| ApiError::Spool { path, source })
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
                    window,
                    is_proven,
                    path,
                });
            }
        }
        kept.sort_by_key(|kept| (kept.is_proven, Reverse(kept.window.seconds()), kept.window.from));
        Ok(kept)
    }

    /// Forgets the windows that end by then: their days are published.
    ///
    /// # Errors
    ///
    /// When a file cannot be removed.
    pub fn remove_through(&self, second: i64) -> Result<(), ApiError> {
        for kept in self.kept()?.into_iter().filter(|kept| kept.window.to <= second) {
            kept.remove()?;
        }
        Ok(())
    }

    /// Forgets everything, left-overs of killed writes too.
    ///
    /// # Errors
    ///
    /// When a file cannot be removed.
    pub fn clear(&self) -> Result<(), ApiError> {
        let error = |source| ApiError::Spool {
            path: self.folder.clone(),
            source,
        };
        for item in fs::read_dir(&self.folder).map_err(error)? {
            let path = item.map_err(error)?.path();
            ignore_missing(fs::remove_file(&path)).map_err(|source| ApiError::Spool { path, source })?;
        }
        Ok(())
    }
}

/// A window kept.
#[derive(Debug)]
pub(crate) struct Kept {
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
        let entry = read(&self.path, timezone_offset)
            .ok()
            .filter(|entry| is_fresh(entry, settling, now));
        if entry.is_none() {
            self.remove()?;
        }
        Ok(entry)
    }

    fn remove(&self) -> Result<(), ApiError> {
        let removed = ignore_missing(fs::remove_file(&self.path));
        removed.map_err(|source| ApiError::Spool {
            path: self.path.clone(),
            source,
        })
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
    (extension == "proven" || extension == "part").then_some((window, extension == "proven"))
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
    // A name that no other process uses, and that no reader knows: a killed write leaves nothing to be read.
    let staged = path.with_extension(format!("{}.staged", std::process::id()));
    let file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&staged)?;
    let mut encoder = zstd::Encoder::new(file, LEVEL)?;
    encoder.include_checksum(true)?;
    serde_json::to_writer(&mut encoder, header)?;
    encoder.write_all(b"\n")?;
    for body in bodies {
        encoder.write_all(body)?;
    }
    encoder.finish()?.sync_all()?;
    fs::rename(&staged, path)
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
        fs::write(spool.folder.join("1-2.77.staged"), "").unwrap();
        spool.clear().unwrap();
        assert_eq!(fs::read_dir(&spool.folder).unwrap().count(), 0);
    }
}
