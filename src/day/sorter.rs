//! Sorts rows by day and within it, in memory or through runs on disk.
//!
//! What is complete is encoded at once: days that get no more rows, and of a day too large for memory the first part, as long
//! as its rows come nearly in order. Rows in any other order are spilled in sorted runs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::calendar::Day;
use super::gather::DayRows;
use super::keys::{KeyIndex, Keys};
use super::run::{MemoryRun, Place, Run, SPILLED_ROWS, SpillWriter, copy};
use super::scratch::Scratch;
use super::seal::Sealer;
use super::{Error, Result};
use crate::schema::{self, Table};

/// Part of the budget that rows in memory fill before days are looked for that can be sealed.
const SEAL_FROM: usize = 6;

/// Part of the batches in memory, the last ones, in which a day that may still grow has rows.
const RECENT: usize = 4;

/// Fewest rows of a day of which a part is encoded before the day is complete: of fewer its 200 columns cost more than they
/// hold.
const STRETCH_ROWS: usize = 4096;

/// Part of such a day's rows, the last ones, that stays in memory.
const KEPT: usize = 4;

/// What a row is sorted by first, and where it is.
#[derive(Debug, Clone, Copy)]
struct SortKey {
    day: Day,
    /// Null sorts as the smallest number; [`Keys::compare`] tells it from that.
    start: i64,
    place: Place,
}

/// Sorts rows by day and within it.
#[derive(Debug)]
pub(super) struct Sorter {
    table: &'static Table,
    schema: SchemaRef,
    index: KeyIndex,
    budget: usize,
    scratch: Arc<Scratch>,
    batches: Vec<RecordBatch>,
    keys: Vec<Keys>,
    /// Until it is sorted, in the order of the batches.
    order: Vec<SortKey>,
    bytes: usize,
    /// The last batch in memory with rows of a day.
    touched: BTreeMap<Day, u32>,
    /// Size in memory from which days are looked for again that can be sealed.
    seal_from: usize,
    sealer: Option<Sealer>,
    /// First and last starts of what was sealed of days that are still being gathered.
    stretches: BTreeMap<Day, Vec<RangeInclusive<i64>>>,
    runs: BTreeMap<Day, Vec<Run>>,
}

impl Sorter {
    pub(super) fn new(
        table: &'static Table,
        budget: usize,
        scratch: Arc<Scratch>,
        sealer: Option<Sealer>,
    ) -> Result<Sorter> {
        let schema = schema::arrow::schema(table);
        let index = KeyIndex::new(table, &schema)?;
        Ok(Sorter {
            sealer,
            ..Sorter::empty(table, schema, index, budget, scratch)
        })
    }

    /// One without rows and without a sealer.
    fn empty(
        table: &'static Table,
        schema: SchemaRef,
        index: KeyIndex,
        budget: usize,
        scratch: Arc<Scratch>,
    ) -> Sorter {
        Sorter {
            table,
            schema,
            index,
            budget,
            scratch,
            batches: Vec::new(),
            keys: Vec::new(),
            order: Vec::new(),
            bytes: 0,
            touched: BTreeMap::new(),
            seal_from: budget / SEAL_FROM,
            sealer: None,
            stretches: BTreeMap::new(),
            runs: BTreeMap::new(),
        }
    }

    pub(super) fn push(&mut self, batch: RecordBatch, day: impl Fn(&Keys, usize) -> Day) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if batch.schema_ref() != &self.schema {
            return Err(Error::shape(
                &self.table.name,
                "has another schema than the batch",
            ));
        }
        self.make_room(size(&batch))?;
        let keys = Keys::new(&batch, &self.index)?;
        let rows: Vec<_> = (0..keys.len()).map(|row| (row as u32, day(&keys, row))).collect();
        self.hold(batch, keys, &rows);
        Ok(())
    }

    /// Has the day come out even if it has no rows.
    pub(super) fn expect(&mut self, day: Day) {
        self.runs.entry(day).or_default();
    }

    /// Takes rows of a batch into memory, and the batch with them.
    fn hold(&mut self, batch: RecordBatch, keys: Keys, rows: &[(u32, Day)]) {
        let number = self.batches.len() as u32;
        self.order.extend(rows.iter().map(|&(row, day)| SortKey {
            day,
            start: keys.start(row as usize).unwrap_or(i64::MIN),
            place: Place { batch: number, row },
        }));
        for rows in rows.chunk_by(|(_, a), (_, b)| a == b) {
            self.touched.insert(rows[0].1, number);
        }
        self.bytes += size(&batch);
        self.keys.push(keys);
        self.batches.push(batch);
    }

    /// Takes some rows of a batch into memory: with the batch, which another may hold too, or copied where they are few.
    fn hold_some(&mut self, batch: &RecordBatch, keys: &Keys, rows: &[&SortKey]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        if rows.len() * 2 >= batch.num_rows() {
            let rows: Vec<_> = rows.iter().map(|row| (row.place.row, row.day)).collect();
            self.hold(batch.clone(), keys.clone(), &rows);
            return Ok(());
        }
        let place = |row: &&SortKey| Place {
            batch: 0,
            row: row.place.row,
        };
        let places: Vec<_> = rows.iter().map(place).collect();
        let batch = copy(std::slice::from_ref(batch), &places)?;
        let keys = Keys::new(&batch, &self.index)?;
        let rows: Vec<_> = (0..).zip(rows).map(|(row, key)| (row, key.day)).collect();
        self.hold(batch, keys, &rows);
        Ok(())
    }

    /// Makes room for that many bytes: seals days that no longer get rows, waits for those being sealed, spills the rest.
    fn make_room(&mut self, bytes: usize) -> Result<()> {
        if self.sealer.is_some() && self.bytes + bytes > self.seal_from {
            self.seal()?;
            // Not again before there is as much more to look at.
            self.seal_from = self.bytes + self.budget / SEAL_FROM;
        }
        // Half of it, so that what is handed over can be encoded while the other half fills.
        let sealed = self.sealer.is_some() && self.bytes + bytes > self.budget / 2 && self.seal_stretch()?;
        if !sealed && self.bytes + bytes > self.budget {
            self.spill()?;
        }
        match &mut self.sealer {
            Some(sealer) => sealer.reduce_to(self.budget.saturating_sub(self.bytes + bytes)),
            None => Ok(()),
        }
    }

    /// Hands the days that the last batches have no rows of to the sealer.
    fn seal(&mut self) -> Result<()> {
        let batches = self.batches.len();
        let recent = (batches - batches.div_ceil(RECENT)) as u32;
        let is_done = |(_, last): &(&Day, &u32)| **last < recent;
        let done: BTreeSet<_> = self.touched.iter().filter(is_done).map(|(day, _)| *day).collect();
        if done.is_empty() {
            return Ok(());
        }
        self.hand_over(|row| done.contains(&row.day))
    }

    /// Hands the first rows of a day that alone fills the memory to the sealer, as long as what is handed over of the day
    /// does not overlap; whether there was such a day. Rows that come a little late find their place among those kept.
    fn seal_stretch(&mut self) -> Result<bool> {
        let mut starts: BTreeMap<Day, Vec<i64>> = BTreeMap::new();
        for row in &self.order {
            starts.entry(row.day).or_default().push(row.start);
        }
        let most = starts.into_iter().max_by_key(|(_, starts)| starts.len());
        let Some((day, mut starts)) = most.filter(|(_, starts)| starts.len() >= STRETCH_ROWS) else {
            return Ok(false);
        };
        starts.sort_unstable();
        let first = starts[0];
        let stretches = self.stretches.entry(day).or_default();
        // Up to the next stretch, if there is one above.
        let above = stretches.iter().map(|stretch| *stretch.start());
        let above = above.filter(|start| *start > first);
        let kept_from = above.fold(starts[starts.len() - starts.len() / KEPT], i64::min);
        let goes = starts.partition_point(|start| *start < kept_from);
        if goes < starts.len() / KEPT || stretches.iter().any(|stretch| stretch.contains(&first)) {
            return Ok(false);
        }
        let last = starts[goes - 1];
        stretches.push(first..=last);
        self.hand_over(|row| row.day == day && row.start < kept_from)?;
        Ok(true)
    }

    /// Hands the rows that go to the sealer, and keeps the others.
    fn hand_over(&mut self, goes: impl Fn(&SortKey) -> bool) -> Result<()> {
        let (schema, index, scratch) = (self.schema.clone(), self.index.clone(), self.scratch.clone());
        let mut sealed = Sorter::empty(self.table, schema, index, self.budget, scratch);
        let batches = std::mem::take(&mut self.batches);
        let keys = std::mem::take(&mut self.keys);
        let order = std::mem::take(&mut self.order);
        self.touched.clear();
        self.bytes = 0;
        for rows in order.chunk_by(|a, b| a.place.batch == b.place.batch) {
            let number = rows[0].place.batch as usize;
            let (to_seal, to_keep): (Vec<&SortKey>, Vec<&SortKey>) = rows.iter().partition(|row| goes(row));
            for (rows, sorter) in [(to_seal, &mut sealed), (to_keep, &mut *self)] {
                sorter.hold_some(&batches[number], &keys[number], &rows)?;
            }
        }
        let bytes = sealed.bytes;
        let days = sealed.finish()?.into_values().collect();
        match &mut self.sealer {
            Some(sealer) => sealer.seal(days, bytes),
            None => Ok(()),
        }
    }

    /// Sorts what is in memory; the days, or what lies between the stretches of one, come out as ranges of one order.
    fn sort(&mut self) -> Vec<(Day, MemoryRun)> {
        let keys = std::mem::take(&mut self.keys);
        let mut order = std::mem::take(&mut self.order);
        let compare = |a: &SortKey, b: &SortKey| {
            a.day.cmp(&b.day).then(a.start.cmp(&b.start)).then_with(|| {
                let (left, right) = (&keys[a.place.batch as usize], &keys[b.place.batch as usize]);
                left.compare(a.place.row as usize, right, b.place.row as usize)
            })
        };
        if !order.is_sorted_by(|a, b| compare(a, b).is_le()) {
            order.sort_by(compare);
        }
        let sources = Arc::new(std::mem::take(&mut self.batches));
        let places = Arc::new(order.iter().map(|key| key.place).collect::<Vec<_>>());
        let mut start = 0;
        let mut days = Vec::new();
        // Rows on both sides of a stretch are not one run, which would overlap it.
        let below = |row: &SortKey| {
            let stretches = self.stretches.get(&row.day);
            stretches.map_or(0, |all| {
                all.iter().filter(|stretch| *stretch.end() < row.start).count()
            })
        };
        for rows in order.chunk_by(|a, b| a.day == b.day && below(a) == below(b)) {
            let range = start..start + rows.len();
            start = range.end;
            let run = MemoryRun {
                sources: sources.clone(),
                order: places.clone(),
                range,
            };
            days.push((rows[0].day, run));
        }
        self.bytes = 0;
        self.touched.clear();
        days
    }

    fn spill(&mut self) -> Result<()> {
        let days = self.sort();
        if days.is_empty() {
            return Ok(());
        }
        let mut writer = SpillWriter::new(self.scratch.file("spill"), &self.schema)?;
        let mut written = Vec::with_capacity(days.len());
        for (day, run) in days {
            let sources = run.sources.clone();
            written.push((
                day,
                writer.write(run.batches(sources, SPILLED_ROWS))?,
                run.range.len(),
            ));
        }
        let file = Arc::new(writer.finish(&self.index.columns())?);
        for (day, batches, rows) in written {
            self.runs.entry(day).or_default().push(Run::Spilled {
                file: file.clone(),
                batches,
                rows,
            });
        }
        Ok(())
    }

    /// The rows of each day.
    pub(super) fn finish(mut self) -> Result<BTreeMap<Day, DayRows>> {
        if let Some(sealer) = self.sealer.take() {
            for (day, run) in sealer.finish()? {
                self.runs.entry(day).or_default().push(run);
            }
        }
        for (day, run) in self.sort() {
            self.runs.entry(day).or_default().push(Run::Memory(run));
        }
        let rows = |(day, runs)| {
            let rows = DayRows {
                table: self.table,
                day,
                schema: self.schema.clone(),
                index: self.index.clone(),
                runs,
                budget: self.budget,
                scratch: self.scratch.clone(),
            };
            (day, rows)
        };
        Ok(self.runs.into_iter().map(rows).collect())
    }
}

/// Bytes of memory that a batch takes here.
fn size(batch: &RecordBatch) -> usize {
    batch.get_array_memory_size() + batch.num_rows() * size_of::<SortKey>()
}
