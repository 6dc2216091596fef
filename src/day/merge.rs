//! New rows of a day with those of its present file → the rows that stay, in order.

use std::path::Path;

use arrow::buffer::BooleanBuffer;

use super::Result;
use super::calendar::DayOf;
use super::content::ContentHasher;
use super::gather::DayRows;
use super::keys::{Id, KeyIndex, Keys};
use super::merged::{Merged, Waiting, filtered};
use super::resolve::{Contents, Entry, News, RowRef, resolve, ties};
use super::run::{Batches, ParquetRun, Place, Run, Selection, Selections, copy};
use super::sorter::{Sorter, Unsorted, size};
use super::write::{Footer, Piece, WriteOptions, Written, write_pieces};
use crate::schema::Table;

/// The rows of a day that stay, by the rules of the [room](super).
#[derive(Debug)]
pub struct Merge {
    table: &'static Table,
    index: KeyIndex,
    runs: Vec<Run>,
    /// For each run which rows stay; `None` for all.
    keep: Vec<Option<BooleanBuffer>>,
    /// For each run the starts of its first and its last row; `None` for a run without rows.
    spans: Vec<Option<Span>>,
    rows: usize,
    unchanged: bool,
}

impl Merge {
    /// Decides which of the new rows and of the day's present file (a copy on local disk) stay; reads the key columns, and
    /// contents where those decide.
    ///
    /// Memory: 64 bytes a row, up to a part of the gatherer's budget; beyond it the rows are decided in several passes,
    /// each for a share of the sessions.
    pub fn new(rows: &DayRows, present: Option<&Path>) -> Result<Merge> {
        let mut runs = rows.runs.clone();
        let mut current = false;
        if let Some(path) = present {
            let run = ParquetRun::open(path, &rows.schema)?;
            current = run.is_current();
            let run = Run::Parquet(run);
            let sorted = if is_sorted(&run, &rows.index)? {
                vec![run]
            } else {
                current = false;
                sort(run, rows)?
            };
            // First, so that of equal rows the present one stays.
            runs.splice(0..0, sorted);
        }
        let mut merge = Merge {
            table: rows.table,
            index: rows.index.clone(),
            keep: vec![None; runs.len()],
            spans: vec![None; runs.len()],
            rows: runs.iter().map(Run::rows).sum(),
            runs,
            unchanged: false,
        };
        if let [Run::Part(_)] = merge.runs.as_slice() {
            // Decided when it was encoded.
            return Ok(merge);
        }
        let news = merge.decide(rows, current.then_some(0))?;
        merge.unchanged = match news {
            // A file of another order or version is written up.
            _ if !current => false,
            News::None => true,
            News::Some => false,
            News::Reread => merge.same_contents(rows)?,
        };
        Ok(merge)
    }

    /// Number of rows that stay.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Whether the present file holds just these rows, but for `fetched_at` (rules 6 and 7).
    pub fn is_unchanged(&self) -> bool {
        self.unchanged
    }

    /// The rows in order; can be asked for again.
    pub fn batches(&self) -> Result<Batches> {
        self.batches_of(&(0..self.runs.len()).collect::<Vec<_>>())
    }

    /// The rows of those runs in order.
    fn batches_of(&self, runs: &[usize]) -> Result<Batches> {
        if let [run] = runs {
            return Ok(filtered(self.runs[*run].batches()?, self.keep[*run].clone()));
        }
        let waiting = runs.iter().filter_map(|&number| {
            let (first, _) = self.spans[number]?;
            Some(Waiting {
                first,
                number,
                run: self.runs[number].clone(),
                keep: self.keep[number].clone(),
            })
        });
        Ok(Box::new(Merged::new(waiting.collect(), self.index.clone())))
    }

    /// The rows to be encoded, in order.
    pub(super) fn selections(&self) -> Result<Selections> {
        self.selections_of(&(0..self.runs.len()).collect::<Vec<_>>())
    }

    fn selections_of(&self, runs: &[usize]) -> Result<Selections> {
        if let [run] = runs {
            let keep = self.keep[*run].as_ref();
            match &self.runs[*run] {
                Run::Memory(rows) => return Ok(rows.selections(keep)),
                Run::Spilled(rows) => return Ok(rows.selections(keep)),
                Run::Parquet(_) | Run::Part(_) => {}
            }
        }
        let batches = self.batches_of(runs)?;
        Ok(Box::new(batches.map(|batch| batch.map(Selection::from))))
    }

    /// Writes the rows to a new file, and syncs it to disk.
    pub fn write(&self, path: &Path, footer: Footer, options: &WriteOptions) -> Result<Written> {
        let pieces = self.apart().into_iter().map(|runs| match runs.as_slice() {
            [run] if let Some(part) = self.encoded(*run) => Ok(Piece::Encoded(part)),
            runs => self.selections_of(runs).map(Piece::Rows),
        });
        write_pieces(pieces, self.table, self.rows, path, footer, options)
    }

    /// The file of a run all of which stays as it is encoded.
    fn encoded(&self, run: usize) -> Option<&Path> {
        match &self.runs[run] {
            Run::Part(part) if self.keep[run].is_none() => Some(&part.path),
            _ => None,
        }
    }

    /// The runs, in groups of which each ends before the next one starts.
    fn apart(&self) -> Vec<Vec<usize>> {
        if let [_] = self.runs.as_slice() {
            return vec![vec![0]];
        }
        let mut order: Vec<_> = (0..self.runs.len())
            .filter_map(|run| Some((self.spans[run]?, run)))
            .collect();
        order.sort_unstable();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut end = None;
        for ((first, last), run) in order {
            match groups.last_mut() {
                Some(group) if end >= Some(first) => group.push(run),
                _ => groups.push(vec![run]),
            }
            end = end.max(Some(last));
        }
        // Of equal rows the earlier run's comes first.
        groups.iter_mut().for_each(|group| group.sort_unstable());
        groups
    }

    /// Marks the rows that do not stay.
    fn decide(&mut self, rows: &DayRows, present: Option<u32>) -> Result<News> {
        let mut news = News::None;
        let mut masks: Vec<Option<Vec<bool>>> = vec![None; self.runs.len()];
        let passes = (self.rows * size_of::<Entry>())
            .div_ceil((rows.budget / 2).max(1))
            .max(1) as u64;
        let columns = self.index.columns();
        let index = self.index.projected();
        for pass in 0..passes {
            let mut entries = Vec::with_capacity(self.rows / passes as usize);
            for (number, run) in self.runs.iter().enumerate() {
                let mut row = 0;
                for batch in run.columns(&columns)? {
                    let keys = Keys::new(&batch?, &index)?;
                    self.spans[number] = span(self.spans[number], &keys);
                    for at in 0..keys.len() {
                        let session = Id::new(keys.session(at));
                        if session.spread() % passes == pass {
                            entries.push(Entry {
                                session,
                                conversation: Id::new(keys.conversation(at)),
                                fetched_at: keys.fetched_at(at),
                                at: RowRef {
                                    run: number as u32,
                                    row,
                                },
                            });
                        }
                        row += 1;
                    }
                }
            }
            let contents = self.contents(rows, ties(&mut entries))?;
            news = news.max(resolve(&entries, &contents, present, |lost| {
                let run = lost.run as usize;
                let mask = masks[run].get_or_insert_with(|| vec![true; self.runs[run].rows()]);
                mask[lost.row as usize] = false;
                self.rows -= 1;
            }));
        }
        self.keep = masks
            .into_iter()
            .map(|mask| Some(BooleanBuffer::from(mask?)))
            .collect();
        Ok(news)
    }

    /// Hashes of those rows' contents.
    fn contents(&self, rows: &DayRows, mut wanted: Vec<RowRef>) -> Result<Contents> {
        let mut contents = Contents::new();
        if wanted.is_empty() {
            return Ok(contents);
        }
        wanted.sort_unstable();
        let hasher = ContentHasher::new(&rows.schema, &self.index)?;
        for group in wanted.chunk_by(|a, b| a.run == b.run) {
            let mut first = 0;
            let mut group = group.iter().peekable();
            for batch in self.runs[group.peek().map_or(0, |at| at.run) as usize].batches()? {
                let batch = batch?;
                let end = first + batch.num_rows() as u32;
                let mut here = Vec::new();
                while let Some(at) = group.next_if(|at| at.row < end) {
                    here.push(*at);
                }
                let picked: Vec<_> = here
                    .iter()
                    .map(|at| Place {
                        batch: 0,
                        row: at.row - first,
                    })
                    .collect();
                if !picked.is_empty() {
                    let hashes = hasher.hash(&copy(&[batch], &picked)?)?;
                    contents.extend(here.into_iter().zip(hashes));
                }
                if group.peek().is_none() {
                    break;
                }
                first = end;
            }
        }
        Ok(contents)
    }

    /// Whether the rows that stay have the contents of the present file's, as sets: equal sums of 128-bit hashes.
    fn same_contents(&self, rows: &DayRows) -> Result<bool> {
        let hasher = ContentHasher::new(&rows.schema, &self.index)?;
        let sum = |batches: Batches| -> Result<u128> {
            let mut sum = 0_u128;
            for batch in batches {
                sum = hasher.hash(&batch?)?.into_iter().fold(sum, u128::wrapping_add);
            }
            Ok(sum)
        };
        let present = sum(self.runs[0].batches()?)?;
        let mut stay = 0_u128;
        for (run, keep) in self.runs.iter().zip(&self.keep) {
            stay = stay.wrapping_add(sum(filtered(run.batches()?, keep.clone()))?);
        }
        Ok(present == stay)
    }
}

/// Starts of the first and the last of some rows in order; null comes before all others.
type Span = (Option<i64>, Option<i64>);

/// The span of rows and of those that follow them.
fn span(before: Option<Span>, keys: &Keys) -> Option<Span> {
    let Some(last) = keys.len().checked_sub(1) else {
        return before;
    };
    let first = before.map_or(keys.start(0), |(first, _)| first);
    Some((first, keys.start(last)))
}

/// Whether the rows are in the order of this version.
fn is_sorted(run: &Run, index: &KeyIndex) -> Result<bool> {
    let columns = index.columns();
    let index = index.projected();
    let mut last: Option<Keys> = None;
    for batch in run.columns(&columns)? {
        let keys = Keys::new(&batch?, &index)?;
        let follows = last.is_none_or(|last| last.compare(last.len() - 1, &keys, 0).is_le());
        if !follows || (1..keys.len()).any(|row| keys.compare(row - 1, &keys, row).is_gt()) {
            return Ok(false);
        }
        last = Some(keys);
    }
    Ok(true)
}

/// The run's rows as runs in order.
fn sort(run: Run, rows: &DayRows) -> Result<Vec<Run>> {
    let budget = rows.budget / 2;
    let mut sorter = Sorter::new(rows.table, DayOf::One(rows.day), budget, rows.scratch.clone())?;
    let mut spills = Vec::new();
    for batch in run.batches()? {
        let batch = batch?;
        if sorter.bytes() + size(&batch) > budget {
            spills.extend(sorter.take().map(Unsorted::spill).transpose()?);
        }
        sorter.push(batch)?;
    }
    if !spills.is_empty() {
        spills.extend(sorter.take().map(Unsorted::spill).transpose()?);
    }
    let days = sorter.finish(Vec::new(), spills)?;
    Ok(days.into_values().flat_map(|day| day.runs).collect())
}
