//! Sorted runs of a day → their rows as one run, in order.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute::filter_record_batch;

use super::keys::{KeyIndex, Keys};
use super::run::{Batches, Place, Run, copy, rows_a_batch};
use super::{Error, Result};

/// The rows of which the mask is true.
pub(super) fn filtered(batches: Batches, keep: Option<BooleanBuffer>) -> Batches {
    let Some(keep) = keep else { return batches };
    let mut first = 0;
    let filtered = batches.map(move |batch| {
        let batch = batch?;
        let mask = keep.slice(first, batch.num_rows());
        first += batch.num_rows();
        if mask.count_set_bits() == mask.len() {
            return Ok(batch);
        }
        filter_record_batch(&batch, &BooleanArray::new(mask, None)).map_err(Error::arrow("drop rows"))
    });
    Box::new(filtered.filter(|batch| batch.as_ref().map_or(true, |batch| batch.num_rows() > 0)))
}

/// One run in a merge, at its next row.
struct Cursor {
    batches: Batches,
    keys: Keys,
    row: usize,
    /// Number of its batch among those of the batch being put together.
    source: u32,
    /// Of equal rows the earlier run's comes first.
    run: usize,
}

impl PartialEq for Cursor {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Cursor {}

impl PartialOrd for Cursor {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Cursor {
    /// Reversed, since the heap gives the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .keys
            .compare(other.row, &self.keys, self.row)
            .then(other.run.cmp(&self.run))
    }
}

/// A run that the merge has not come to.
pub(super) struct Waiting {
    /// Start of its first row; null comes before all others.
    pub(super) first: Option<i64>,
    /// Of equal rows the one of the lower number comes first.
    pub(super) number: usize,
    pub(super) run: Run,
    /// Which of its rows are merged; `None` for all.
    pub(super) keep: Option<BooleanBuffer>,
}

/// Sorted runs as one. Those that are read from files hold a batch and what the reader has decoded, so each is opened only where
/// its rows begin.
pub(super) struct Merged {
    index: KeyIndex,
    /// The one that begins first is the last.
    waiting: Vec<Waiting>,
    heap: BinaryHeap<Cursor>,
    /// Batches that the cursors stand in, and those that rows not handed out yet are of.
    sources: Vec<RecordBatch>,
}

impl Merged {
    pub(super) fn new(mut runs: Vec<Waiting>, index: KeyIndex) -> Merged {
        runs.sort_by_key(|run| std::cmp::Reverse((run.first, run.number)));
        Merged {
            index,
            heap: BinaryHeap::with_capacity(runs.len()),
            waiting: runs,
            sources: Vec::new(),
        }
    }

    /// Opens the runs that begin before the next row, or with it.
    fn open(&mut self) -> Result<()> {
        while let Some(run) = self.waiting.pop_if(|run| {
            let next = self.heap.peek().map(|top| top.keys.start(top.row));
            next.is_none_or(|next| run.first <= next)
        }) {
            self.enter(run.number, filtered(run.run.batches()?, run.keep))?;
        }
        Ok(())
    }

    /// Puts a run with its next batch into the heap, unless it has ended.
    fn enter(&mut self, run: usize, mut batches: Batches) -> Result<()> {
        let Some(batch) = batches.next().transpose()? else {
            return Ok(());
        };
        let keys = Keys::new(&batch, &self.index)?;
        let source = self.sources.len() as u32;
        self.sources.push(batch);
        self.heap.push(Cursor {
            batches,
            keys,
            row: 0,
            source,
            run,
        });
        Ok(())
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        self.forget_sources();
        let mut places = Vec::new();
        let mut limit = rows_a_batch(self.sources.iter());
        while places.len() < limit {
            let opened = self.sources.len();
            self.open()?;
            limit = limit.min(rows_a_batch(self.sources[opened..].iter()));
            let Some(mut top) = self.heap.peek_mut() else {
                break;
            };
            places.push(Place {
                batch: top.source,
                row: top.row as u32,
            });
            top.row += 1;
            if top.row == top.keys.len() {
                let ended = PeekMut::pop(top);
                self.enter(ended.run, ended.batches)?;
                limit = limit.min(rows_a_batch(self.sources.last().into_iter()));
            }
        }
        if places.is_empty() {
            return Ok(None);
        }
        copy(&self.sources, &places).map(Some)
    }

    /// Drops the batches that no cursor stands in.
    fn forget_sources(&mut self) {
        let mut cursors = std::mem::take(&mut self.heap).into_vec();
        let sources = cursors
            .iter()
            .map(|cursor| self.sources[cursor.source as usize].clone())
            .collect();
        for (source, cursor) in cursors.iter_mut().enumerate() {
            cursor.source = source as u32;
        }
        self.sources = sources;
        self.heap = cursors.into();
    }
}

impl Iterator for Merged {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().transpose()
    }
}
