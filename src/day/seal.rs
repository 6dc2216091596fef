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

/// A day handed over.
struct Task {
    rows: DayRows,
    /// Held until the last of the days that were handed over together, and so share their memory, is encoded.
    _claim: Arc<Claim>,
}

/// Memory of days handed over together.
struct Claim {
    bytes: usize,
    waiting: Arc<Waiting>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.waiting.remove(self.bytes);
    }
}

/// The thread that encodes.
#[derive(Debug)]
pub(super) struct Sealer {
    tasks: Sender<Task>,
    queue: Arc<Mutex<Receiver<Task>>>,
    options: WriteOptions,
    waiting: Arc<Waiting>,
    worker: JoinHandle<Result<Vec<(Day, Run)>>>,
    /// What the thread that hands over encoded itself, rather than wait.
    helped: Vec<(Day, Run)>,
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

    fn is_at_most(&self, bytes: usize) -> bool {
        *self.bytes.lock().unwrap_or_else(PoisonError::into_inner) <= bytes
    }

    /// Waits a while for that many bytes or fewer.
    fn wait_for_fewer(&self, limit: usize) {
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        drop(
            self.fewer
                .wait_timeout_while(bytes, PATIENCE, |bytes| *bytes > limit),
        );
    }
}

impl Task {
    fn encode(self, scratch: &Scratch, options: &WriteOptions) -> Result<(Day, Run)> {
        let merge = Merge::new(&self.rows, None)?;
        let path = scratch.file("part");
        let rows = write_part(
            merge.selections()?,
            self.rows.table(),
            merge.rows(),
            &path,
            options,
        )?;
        let run = ParquetRun::written(&path, &self.rows.schema, rows);
        Ok((self.rows.day(), Run::Part(Arc::new(Part { path, run }))))
    }
}

impl Sealer {
    pub(super) fn new(scratch: Arc<Scratch>, options: WriteOptions) -> Result<Sealer> {
        let (tasks, received) = channel();
        let queue = Arc::new(Mutex::new(received));
        let (taken, folder, how) = (queue.clone(), scratch.clone(), options.clone());
        let worker = std::thread::Builder::new()
            .name("seal".to_string())
            .spawn(move || work(&taken, &folder, &how))
            .map_err(Error::io("start a thread to encode days in", scratch.path()))?;
        Ok(Sealer {
            tasks,
            queue,
            options,
            waiting: Arc::new(Waiting::default()),
            worker,
            helped: Vec::new(),
            scratch,
        })
    }

    /// Hands days over; they take that many bytes until they are encoded.
    pub(super) fn seal(&mut self, days: Vec<DayRows>, bytes: usize) -> Result<()> {
        self.waiting.add(bytes);
        let claim = Arc::new(Claim {
            bytes,
            waiting: self.waiting.clone(),
        });
        for rows in days {
            let task = Task {
                rows,
                _claim: claim.clone(),
            };
            self.tasks.send(task).map_err(|_| self.stopped())?;
        }
        Ok(())
    }

    /// Returns when the days that are not encoded yet take at most that many bytes; encodes some of them meanwhile.
    pub(super) fn reduce_to(&mut self, bytes: usize) -> Result<()> {
        // A thread that has stopped, which `finish` reports, will not get there.
        while !self.waiting.is_at_most(bytes) && !self.worker.is_finished() {
            // While the worker waits for a day it holds the lock, and there is nothing to help with.
            let task = self.queue.try_lock().ok().and_then(|queue| queue.try_recv().ok());
            match task {
                Some(task) => self.helped.push(task.encode(&self.scratch, &self.options)?),
                None => self.waiting.wait_for_fewer(bytes),
            }
        }
        Ok(())
    }

    /// The encoded days. This thread, which has nothing else to do by now, encodes its part of those that are left.
    pub(super) fn finish(self) -> Result<Vec<(Day, Run)>> {
        let stopped = self.stopped();
        drop(self.tasks);
        let here = work(&self.queue, &self.scratch, &self.options);
        let mut parts = self.worker.join().unwrap_or(Err(stopped))?;
        parts.extend(self.helped);
        parts.extend(here?);
        Ok(parts)
    }

    fn stopped(&self) -> Error {
        let stopped = std::io::Error::other("the thread has stopped");
        Error::io("encode days in", self.scratch.path())(stopped)
    }
}

/// Encodes what comes until there is no more; after a failure only takes it away.
fn work(queue: &Mutex<Receiver<Task>>, scratch: &Scratch, options: &WriteOptions) -> Result<Vec<(Day, Run)>> {
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
    let mut parts = Ok(Vec::new());
    while let Ok(task) = next() {
        parts = parts.and_then(|mut parts: Vec<_>| {
            parts.push(task.encode(scratch, options)?);
            Ok(parts)
        });
    }
    parts
}
