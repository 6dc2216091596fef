//! Encodes days while others are still being gathered: as they will be in the lake, on a thread of its own.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::calendar::Day;
use super::gather::DayRows;
use super::merge::Merge;
use super::run::{ParquetRun, Run};
use super::scratch::Scratch;
use super::write::{WriteOptions, write_part};
use super::{Error, Result};

/// Time after which a wait looks whether there is still somebody to wait for.
const PATIENCE: Duration = Duration::from_secs(1);

/// A day's rows, deduplicated among themselves and encoded, in a file that is removed on drop.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) path: PathBuf,
    pub(crate) run: ParquetRun,
}

impl Drop for Part {
    fn drop(&mut self) {
        // What is left lies in the scratch folder, which is removed.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Days handed over together, and the memory that they take.
struct Group {
    days: Vec<DayRows>,
    bytes: usize,
}

/// The thread that encodes.
#[derive(Debug)]
pub(super) struct Sealer {
    groups: Sender<Group>,
    waiting: Arc<Waiting>,
    worker: JoinHandle<Result<Vec<(Day, Run)>>>,
    scratch: Arc<Scratch>,
}

/// Memory of groups that are not encoded yet.
#[derive(Debug, Default)]
struct Waiting {
    bytes: Mutex<usize>,
    fewer: Condvar,
}

impl Waiting {
    fn add(&self, bytes: usize) {
        *self.bytes.lock().unwrap_or_else(PoisonError::into_inner) += bytes;
    }

    fn remove(&self, bytes: usize) {
        *self.bytes.lock().unwrap_or_else(PoisonError::into_inner) -= bytes;
        self.fewer.notify_all();
    }

    /// Waits a while for that many bytes or fewer; says whether it is so.
    fn wait_for(&self, limit: usize) -> bool {
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .fewer
            .wait_timeout_while(bytes, PATIENCE, |bytes| *bytes > limit);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl Sealer {
    pub(super) fn new(scratch: Arc<Scratch>, options: WriteOptions) -> Result<Sealer> {
        let (groups, received) = channel();
        let waiting = Arc::new(Waiting::default());
        let (tally, folder) = (waiting.clone(), scratch.clone());
        let worker = std::thread::Builder::new()
            .name("seal".to_string())
            .spawn(move || work(received, &tally, &folder, &options))
            .map_err(Error::io("start a thread to encode days in", scratch.path()))?;
        Ok(Sealer {
            groups,
            waiting,
            worker,
            scratch,
        })
    }

    /// Hands days over; they take that many bytes until they are encoded.
    pub(super) fn seal(&mut self, days: Vec<DayRows>, bytes: usize) -> Result<()> {
        self.waiting.add(bytes);
        self.groups
            .send(Group { days, bytes })
            .map_err(|_| self.stopped())
    }

    /// Waits until the days that are not encoded yet take at most that many bytes.
    pub(super) fn wait_for(&self, bytes: usize) {
        // A thread that has stopped, which `finish` reports, will not get there.
        while !self.waiting.wait_for(bytes) && !self.worker.is_finished() {}
    }

    /// The encoded days.
    pub(super) fn finish(self) -> Result<Vec<(Day, Run)>> {
        let stopped = self.stopped();
        drop(self.groups);
        self.worker.join().unwrap_or(Err(stopped))
    }

    fn stopped(&self) -> Error {
        let stopped = std::io::Error::other("the thread has stopped");
        Error::io("encode days in", self.scratch.path())(stopped)
    }
}

/// Encodes what comes until there is no more; after a failure only counts it off.
fn work(
    groups: Receiver<Group>,
    waiting: &Waiting,
    scratch: &Scratch,
    options: &WriteOptions,
) -> Result<Vec<(Day, Run)>> {
    let mut parts = Ok(Vec::new());
    for Group { days, bytes } in groups {
        for rows in days {
            parts = parts.and_then(|mut parts: Vec<_>| {
                parts.push((rows.day(), encode(&rows, scratch, options)?));
                Ok(parts)
            });
        }
        waiting.remove(bytes);
    }
    parts
}

fn encode(rows: &DayRows, scratch: &Scratch, options: &WriteOptions) -> Result<Run> {
    let merge = Merge::new(rows, None)?;
    let path = scratch.file("part");
    write_part(merge.batches()?, rows.table(), merge.rows(), &path, options)?;
    let run = ParquetRun::open(&path, &rows.schema)?;
    Ok(Run::Part(Arc::new(Part { path, run })))
}
