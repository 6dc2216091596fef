//! Spilled runs as one: their rows in order, a partition at a time.
//!
//! A partition is a range of the order that is small enough to be sorted in memory: a row of it costs what its columns
//! cost, however many days and runs there are. Where partitions start is found out once, by a merge of the key columns alone.

use std::cmp::Ordering;
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::buffer::BooleanBuffer;
use arrow::compute::concat_batches;

use super::calendar::{Day, DayOf};
use super::keys::{KeyIndex, Keys};
use super::run::{Batches, MemoryRun, Place, Selections};
use super::spill::{Buffers, Columns, Spill};
use super::{Error, Result};

/// Partitions held beyond the one being read, for days that are worked on at the same time: those are neighbours.
const HELD: usize = 1;

/// Rows of one day that no part of its own lies between.
#[derive(Debug)]
struct Segment {
    day: Day,
    rows: usize,
    /// The partition that its first row is in, and the row's place there.
    partition: usize,
    place: usize,
}

/// Spills in partitions.
#[derive(Debug)]
pub(super) struct Partitions {
    spills: Vec<Spill>,
    index: KeyIndex,
    day_of: DayOf,
    /// Bytes of one.
    size: usize,
    /// The first row of each partition in each spill, and the ends of the spills.
    starts: Vec<Vec<u32>>,
    segments: Vec<Segment>,
    /// The last ones read, with their numbers.
    held: Mutex<VecDeque<(usize, Sorted)>>,
}

/// Rows of one or more days, and their order.
#[derive(Debug, Clone)]
struct Sorted {
    sources: Arc<Vec<RecordBatch>>,
    order: Arc<Vec<Place>>,
}

impl Partitions {
    /// Divides the spills into partitions of about that many bytes, or one row. `split` says for a row of a day and its start
    /// how many parts of the day are before it.
    pub(super) fn new(
        spills: Vec<Spill>,
        index: &KeyIndex,
        day_of: DayOf,
        size: usize,
        split: impl Fn(Day, Option<i64>) -> usize,
    ) -> Result<Partitions> {
        let mut partitions = Partitions {
            starts: vec![vec![0; spills.len()]],
            spills,
            index: index.projected(),
            day_of,
            size,
            segments: Vec::new(),
            held: Mutex::default(),
        };
        partitions.divide(split)?;
        Ok(partitions)
    }

    fn divide(&mut self, split: impl Fn(Day, Option<i64>) -> usize) -> Result<()> {
        let mut buffers = Buffers::new()?;
        let mut heap = BinaryHeap::with_capacity(self.spills.len());
        for spill in 0..self.spills.len() {
            heap.extend(self.cursor(spill, 0, &mut buffers)?);
        }
        let mut at = vec![0; self.spills.len()];
        let (mut bytes, mut place) = (0, 0);
        let mut segment = None;
        loop {
            let Some(mut top) = heap.peek_mut() else { break };
            let spill = top.spill;
            let here = Some((top.day, split(top.day, top.keys.start(top.row))));
            let is_new = segment != here;
            // Rather between two days than within one of them.
            if bytes >= self.size || (is_new && bytes >= self.size / 4 * 3) {
                self.starts.push(at.clone());
                (bytes, place) = (0, 0);
            }
            if is_new {
                segment = here;
                self.segments.push(Segment {
                    day: top.day,
                    rows: 0,
                    partition: self.starts.len() - 1,
                    place,
                });
            }
            if let Some(segment) = self.segments.last_mut() {
                segment.rows += 1;
            }
            at[spill] += 1;
            place += 1;
            bytes += top.row_bytes;
            let ended = if top.row + 1 < top.keys.len() {
                top.row += 1;
                top.day = self.day_of.day(&top.keys, top.row);
                drop(top);
                None
            } else {
                Some(PeekMut::pop(top).frame)
            };
            if let Some(frame) = ended {
                heap.extend(self.cursor(spill, frame + 1, &mut buffers)?);
            }
        }
        self.starts.push(at);
        Ok(())
    }

    /// A cursor at the first row of a frame, if there is one.
    fn cursor(&self, spill: usize, frame: usize, buffers: &mut Buffers) -> Result<Option<Cursor>> {
        let file = &self.spills[spill];
        if frame == file.frames() {
            return Ok(None);
        }
        let keys = Keys::new(&file.read(frame, Columns::Keys, buffers)?, &self.index)?;
        Ok(Some(Cursor {
            day: self.day_of.day(&keys, 0),
            row_bytes: file.size(frame, Columns::All) / keys.len().max(1),
            keys,
            row: 0,
            spill,
            frame,
        }))
    }

    /// The day's rows, by day; of a day that parts lie between, what is before, between and behind them.
    pub(super) fn runs(partitions: &Arc<Partitions>) -> Vec<(Day, SpilledRun)> {
        let runs = (0..).zip(&partitions.segments).map(|(number, segment)| {
            let run = SpilledRun {
                partitions: partitions.clone(),
                segment: number,
            };
            (segment.day, run)
        });
        runs.collect()
    }

    fn rows(&self, partition: usize) -> usize {
        let (starts, ends) = (&self.starts[partition], &self.starts[partition + 1]);
        starts
            .iter()
            .zip(ends)
            .map(|(start, end)| (end - start) as usize)
            .sum()
    }

    /// All columns of a partition's rows, in order.
    fn sorted(&self, partition: usize) -> Result<Sorted> {
        // One thread reads while others, which are likely to want the same partition, wait.
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, sorted)) = held.iter().find(|(number, _)| *number == partition) {
            return Ok(sorted.clone());
        }
        while held.len() > HELD {
            held.pop_front();
        }
        let rows = self.read(partition, Columns::All)?;
        let keys = rows
            .project(&self.key_columns())
            .map_err(Error::arrow("pick columns"))?;
        let sorted = self.sort(rows, &Keys::new(&keys, &self.index)?);
        held.push_back((partition, sorted.clone()));
        Ok(sorted)
    }

    /// The key columns of a partition's rows, in order.
    fn sorted_keys(&self, partition: usize) -> Result<Sorted> {
        let rows = self.read(partition, Columns::Keys)?;
        let keys = Keys::new(&rows, &self.index)?;
        Ok(self.sort(rows, &keys))
    }

    fn sort(&self, rows: RecordBatch, keys: &Keys) -> Sorted {
        let days: Vec<_> = (0..keys.len()).map(|row| self.day_of.day(keys, row)).collect();
        let mut order: Vec<_> = (0..keys.len() as u32)
            .map(|row| Place { batch: 0, row })
            .collect();
        // Stable, so that of equal rows the earlier spill's comes first, as where partitions start.
        order.sort_by(|a, b| {
            let (a, b) = (a.row as usize, b.row as usize);
            days[a].cmp(&days[b]).then_with(|| keys.compare(a, keys, b))
        });
        Sorted {
            sources: Arc::new(vec![rows]),
            order: Arc::new(order),
        }
    }

    /// A partition's rows, each spill's behind those of the one before.
    fn read(&self, partition: usize, columns: Columns) -> Result<RecordBatch> {
        let mut buffers = Buffers::new()?;
        let (mut whole, mut pieces) = (Vec::new(), Vec::new());
        let mut bytes = 0;
        let (starts, ends) = (&self.starts[partition], &self.starts[partition + 1]);
        for (spill, (&start, &end)) in self.spills.iter().zip(starts.iter().zip(ends)) {
            let mut row = start;
            while row < end {
                let frame = spill.frame_of(row);
                let range = spill.range(frame);
                let rows = row..end.min(range.end);
                let batch = spill.read(frame, columns, &mut buffers)?;
                pieces.push(batch.slice((rows.start - range.start) as usize, rows.len()));
                row = rows.end;
                // A few rows hold their whole frame; of many spills there would be many such frames.
                bytes += spill.size(frame, columns);
                if bytes > self.size / 2 * 3 {
                    whole.push(concat(&pieces)?);
                    pieces.clear();
                    bytes = 0;
                }
            }
        }
        if !pieces.is_empty() {
            whole.push(concat(&pieces)?);
            drop(pieces);
        }
        match whole.len() {
            1 => Ok(whole.remove(0)),
            _ => concat(&whole),
        }
    }

    fn key_columns(&self) -> Vec<usize> {
        self.spills
            .first()
            .map_or_else(Vec::new, |spill| spill.key_columns().to_vec())
    }
}

/// The batches one behind the other; there must be one.
fn concat(batches: &[RecordBatch]) -> Result<RecordBatch> {
    concat_batches(batches[0].schema_ref(), batches).map_err(Error::arrow("put rows together"))
}

/// A spill in the merge of keys, at its next row.
struct Cursor {
    day: Day,
    keys: Keys,
    row: usize,
    row_bytes: usize,
    spill: usize,
    frame: usize,
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
        let days = other.day.cmp(&self.day);
        days.then_with(|| other.keys.compare(other.row, &self.keys, self.row))
            .then(other.spill.cmp(&self.spill))
    }
}

/// Spilled rows of one day in order, which are read when they are asked for.
#[derive(Debug, Clone)]
pub(super) struct SpilledRun {
    partitions: Arc<Partitions>,
    segment: usize,
}

impl SpilledRun {
    pub(super) fn rows(&self) -> usize {
        self.partitions.segments[self.segment].rows
    }

    /// The partitions that the rows are in, and their places there.
    fn places(&self) -> Vec<(usize, Range<usize>)> {
        let segment = &self.partitions.segments[self.segment];
        let (mut rest, mut partition, mut place) = (segment.rows, segment.partition, segment.place);
        let mut places = Vec::new();
        while rest > 0 {
            let end = self.partitions.rows(partition).min(place + rest);
            places.push((partition, place..end));
            rest -= end - place;
            (partition, place) = (partition + 1, 0);
        }
        places
    }

    /// What comes of each partition, read one after the other.
    fn each<T: Send + 'static>(
        &self,
        mut read: impl FnMut(
            &Partitions,
            usize,
            Range<usize>,
        ) -> Result<Box<dyn Iterator<Item = Result<T>> + Send>>
        + Send
        + 'static,
    ) -> Box<dyn Iterator<Item = Result<T>> + Send> {
        let partitions = self.partitions.clone();
        let places = self.places().into_iter();
        Box::new(places.flat_map(
            move |(partition, range)| match read(&partitions, partition, range) {
                Ok(rows) => rows,
                Err(error) => Box::new(std::iter::once(Err(error))),
            },
        ))
    }

    pub(super) fn batches(&self) -> Batches {
        self.each(|partitions, partition, range| Ok(partitions.sorted(partition)?.run(range).batches()))
    }

    pub(super) fn columns(&self, columns: &[usize]) -> Batches {
        if let [_] = self.places().as_slice() {
            // Its other columns are wanted next.
            let columns = columns.to_vec();
            return self.each(move |partitions, partition, range| {
                partitions.sorted(partition)?.run(range).columns(&columns)
            });
        }
        self.each(|partitions, partition, range| Ok(partitions.sorted_keys(partition)?.run(range).batches()))
    }

    /// The rows that are kept, without a copy of them.
    pub(super) fn selections(&self, keep: Option<&BooleanBuffer>) -> Selections {
        let keep = keep.cloned();
        let mut done = 0;
        self.each(move |partitions, partition, range| {
            let rows = range.len();
            let keep = keep.as_ref().map(|keep| keep.slice(done, rows));
            done += rows;
            Ok(partitions.sorted(partition)?.run(range).selections(keep.as_ref()))
        })
    }
}

impl Sorted {
    fn run(&self, range: Range<usize>) -> MemoryRun {
        MemoryRun {
            sources: self.sources.clone(),
            order: self.order.clone(),
            range,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::calendar::DayClock;
    use super::super::spill::SpillWriter;
    use super::super::testing::{Row, batch, row, rows};
    use super::*;
    use crate::schema;

    fn order(row: &Row) -> (Option<i64>, Option<String>, Option<String>) {
        (row.start, row.session.clone(), row.conversation.clone())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn rows_come_in_order_whatever_the_sizes(
            drawn in proptest::collection::vec(
                proptest::collection::vec((0..4_i64, 0..5_i64, 0..9_u8), 1..30), 1..6,
            ),
            frame_rows in 1..9_usize, rows_a_partition in 1..40_usize, kept in any::<u64>(),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let schema = schema::arrow::schema(schema::call_details());
            let index = KeyIndex::new(schema::call_details(), &schema).unwrap();
            let mut want = Vec::new();
            let mut spills = Vec::new();
            for (number, drawn) in drawn.iter().enumerate() {
                let row = |(day, second, session): &(i64, i64, u8)| {
                    row(day * 86_400 + second, &session.to_string(), "", 1, &number.to_string())
                };
                let mut run: Vec<_> = drawn.iter().map(row).collect();
                run.sort_by_key(order);
                let path = folder.path().join(number.to_string());
                let mut writer = SpillWriter::new(path, &schema, &index).unwrap();
                for rows in run.chunks(frame_rows) {
                    writer.write(&batch(rows)).unwrap();
                }
                spills.push(writer.finish().unwrap());
                want.extend(run);
            }
            // Stable, as equal rows come in the order of their spills.
            want.sort_by_key(order);
            let row_bytes = spills[0].size(0, Columns::All) / spills[0].range(0).len();
            let clock = DayOf::Clock(DayClock::new(chrono_tz::Tz::UTC));
            let split = |_, start: Option<i64>| usize::from(start.unwrap() / 1_000_000 % 86_400 > 2);
            let size = rows_a_partition * row_bytes;
            let partitions = Arc::new(Partitions::new(spills, &index, clock, size, split).unwrap());
            let runs = Partitions::runs(&partitions);

            prop_assert!(runs.windows(2).all(|pair| pair[0].0 <= pair[1].0));
            let (mut found, mut selected, mut wanted) = (Vec::new(), Vec::new(), Vec::new());
            for (day, run) in &runs {
                let batches = run.batches().map(Result::unwrap);
                let of_run: Vec<_> = batches.flat_map(|batch| rows(&batch)).collect();
                prop_assert_eq!(of_run.len(), run.rows());
                let start = |row: &Row| row.start.unwrap() / 1_000_000 / 86_400;
                prop_assert!(of_run.iter().all(|row| start(row) == start(&of_run[0])), "{:?}", day);

                let keys: Vec<_> = run.columns(&index.columns()).map(Result::unwrap).collect();
                let keys: Vec<_> = keys.iter().map(|batch| Keys::new(batch, &index.projected()).unwrap()).collect();
                let sessions = keys.iter().flat_map(|keys| (0..keys.len()).map(|row| keys.session(row)));
                prop_assert!(sessions.eq(of_run.iter().map(|row| row.session.as_deref())));

                let keep: BooleanBuffer = (0..of_run.len()).map(|row| kept >> (row % 64) & 1 == 1).collect();
                wanted.extend(keep.set_indices().map(|row| of_run[row].clone()));
                for selection in run.selections(Some(&keep)) {
                    let selection = selection.unwrap();
                    let all = rows(&selection.batch);
                    match selection.rows {
                        Some(picked) => selected.extend(picked.iter().map(|row| all[*row as usize].clone())),
                        None => selected.extend(all),
                    }
                }
                found.extend(of_run);
            }
            prop_assert!(found == want);
            prop_assert!(selected == wanted);
        }
    }
}
