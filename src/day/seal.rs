//! Encodes days while others are still being gathered, as they will be in the lake, or spills rows: on a thread of its own.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::calendar::Day;
use super::gather::DayRows;
use super::merge::Merge;
use super::run::{ParquetRun, Run};
use super::scratch::Scratch;
use super::sorter::Unsorted;
use super::spill::Spill;
use super::write::{WriteOptions, write_part};
use super::{Error, Result};
use crate::schema::Table;

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

/// What was handed over.
struct Task {
    work: Work,
    /// Held until the last of the days that were handed over together, and so share their memory, is encoded.
    _claim: Arc<Claim>,
}

enum Work {
    Encode(DayRows),
    /// Rows of the table of that number.
    Spill(usize, Unsorted),
}

/// What came of a task.
#[derive(Debug)]
pub(super) enum Done {
    /// Rows of a day, encoded.
    Part(&'static Table, Day, Run),
    /// Rows of the table of that number, in order.
    Spill(usize, Spill),
}

/// Memory of rows handed over together.
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
    /// Taken when no more will come.
    tasks: Option<Sender<Task>>,
    queue: Arc<Mutex<Receiver<Task>>>,
    options: WriteOptions,
    waiting: Arc<Waiting>,
    /// Taken when it was waited for.
    worker: Option<JoinHandle<Result<Vec<Done>>>>,
    state: Arc<State>,
    /// What the thread that hands over encoded itself, rather than wait.
    helped: Vec<Done>,
    scratch: Arc<Scratch>,
}

/// What the thread and those who hand over tell each other beside the queue.
#[derive(Debug, Default)]
struct State {
    /// The thread has failed, and only takes away what comes.
    failed: AtomicBool,
    /// Nobody wants what comes of the tasks any more.
    discarded: AtomicBool,
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
    fn run(self, scratch: &Scratch, options: &WriteOptions) -> Result<Done> {
        let rows = match self.work {
            Work::Spill(table, rows) => return Ok(Done::Spill(table, rows.spill()?)),
            Work::Encode(rows) => rows,
        };
        let merge = Merge::new(&rows, None)?;
        let path = scratch.file("part");
        let written = write_part(merge.selections()?, rows.table(), merge.rows(), &path, options)?;
        let run = ParquetRun::written(&path, &rows.schema, written);
        let part = Run::Part(Arc::new(Part { path, run }));
        Ok(Done::Part(rows.table(), rows.day(), part))
    }
}

impl Sealer {
    pub(super) fn new(scratch: Arc<Scratch>, options: WriteOptions) -> Result<Sealer> {
        let (tasks, received) = channel();
        let queue = Arc::new(Mutex::new(received));
        let state = Arc::new(State::default());
        let (taken, folder, how, told) = (queue.clone(), scratch.clone(), options.clone(), state.clone());
        let worker = std::thread::Builder::new()
            .name("seal".to_string())
            .spawn(move || work(&taken, &folder, &how, &told))
            .map_err(Error::io("start a thread to encode days in", scratch.path()))?;
        Ok(Sealer {
            tasks: Some(tasks),
            queue,
            options,
            waiting: Arc::new(Waiting::default()),
            worker: Some(worker),
            state,
            helped: Vec::new(),
            scratch,
        })
    }

    /// Hands days over to be encoded; they take that many bytes until they are.
    pub(super) fn seal(&mut self, days: Vec<DayRows>, bytes: usize) -> Result<()> {
        let claim = self.claim(bytes);
        for rows in days {
            self.hand_over(Work::Encode(rows), claim.clone())?;
        }
        Ok(())
    }

    /// Hands rows of the table of that number over to be spilled; they take that many bytes until they are.
    pub(super) fn spill(&mut self, table: usize, rows: Unsorted, bytes: usize) -> Result<()> {
        let claim = self.claim(bytes);
        self.hand_over(Work::Spill(table, rows), claim)
    }

    fn claim(&self, bytes: usize) -> Arc<Claim> {
        self.waiting.add(bytes);
        Arc::new(Claim {
            bytes,
            waiting: self.waiting.clone(),
        })
    }

    fn hand_over(&mut self, work: Work, claim: Arc<Claim>) -> Result<()> {
        self.check()?;
        let task = Task { work, _claim: claim };
        match &self.tasks {
            Some(tasks) => tasks.send(task).map_err(|_| self.stopped()),
            None => Err(self.stopped()),
        }
    }

    /// Fails as the thread has, so that nothing more is read that can't be kept.
    fn check(&mut self) -> Result<()> {
        let ended = self.worker.as_ref().is_none_or(JoinHandle::is_finished);
        if ended || self.state.failed.load(Ordering::Relaxed) {
            self.join()?;
            return Err(self.stopped());
        }
        Ok(())
    }

    /// Lets the thread come to the end of the tasks, and waits for it.
    fn join(&mut self) -> Result<Vec<Done>> {
        self.tasks = None;
        let joined = self.worker.take().and_then(|worker| worker.join().ok());
        joined.ok_or_else(|| self.stopped())?
    }

    /// Returns when what is not encoded or spilled yet takes at most that many bytes; does some of it meanwhile.
    pub(super) fn reduce_to(&mut self, bytes: usize) -> Result<()> {
        while !self.waiting.is_at_most(bytes) {
            self.check()?;
            // While the worker waits for a day it holds the lock, and there is nothing to help with.
            let task = self.queue.try_lock().ok().and_then(|queue| queue.try_recv().ok());
            match task {
                Some(task) => self.helped.push(task.run(&self.scratch, &self.options)?),
                None => self.waiting.wait_for_fewer(bytes),
            }
        }
        Ok(())
    }

    /// What came of all that was begun, and the days that were not: those are encoded as soon as they are published, beside each
    /// other and while others wait for the disk.
    pub(super) fn finish(mut self) -> Result<(Vec<Done>, Vec<DayRows>)> {
        self.tasks = None;
        let (mut spilled, mut left) = (Vec::new(), Vec::new());
        while let Ok(task) = next(&self.queue) {
            match task {
                Task {
                    work: Work::Encode(rows),
                    ..
                } => left.push(rows),
                task => spilled.push(task.run(&self.scratch, &self.options)),
            }
        }
        let mut done = self.join()?;
        done.append(&mut self.helped);
        done.extend(spilled.into_iter().collect::<Result<Vec<_>>>()?);
        Ok((done, left))
    }

    fn stopped(&self) -> Error {
        let stopped = std::io::Error::other("the thread has stopped");
        Error::io("encode days in", self.scratch.path())(stopped)
    }
}

impl Drop for Sealer {
    fn drop(&mut self) {
        // Files of a thread that went on would be left in a folder that is removed meanwhile.
        self.state.discarded.store(true, Ordering::Relaxed);
        if self.worker.is_some() {
            let _ = self.join();
        }
    }
}

/// Encodes and spills what comes until there is no more; after a failure, or where nobody wants it, only takes it away.
fn work(
    queue: &Mutex<Receiver<Task>>,
    scratch: &Scratch,
    options: &WriteOptions,
    state: &State,
) -> Result<Vec<Done>> {
    let mut done = Ok(Vec::new());
    while let Ok(task) = next(queue) {
        if state.discarded.load(Ordering::Relaxed) {
            continue;
        }
        done = done.and_then(|mut done: Vec<_>| {
            done.push(task.run(scratch, options)?);
            Ok(done)
        });
        if done.is_err() {
            state.failed.store(true, Ordering::Relaxed);
        }
    }
    done
}

/// The next task; fails once there will be no more.
fn next(queue: &Mutex<Receiver<Task>>) -> std::result::Result<Task, RecvError> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).recv()
}
