//! Sorts a table's rows by day and within it, in memory or through runs on disk.
//!
//! What is complete is encoded at once: days that get no more rows, and of a day too large for memory the first part, as long
//! as its rows come nearly in order. Rows in any other order are spilled in sorted runs, each of all days.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::calendar::{Day, DayOf};
use super::gather::DayRows;
use super::keys::{KeyIndex, Keys};
use super::partition::Partitions;
use super::run::{MemoryRun, Place, Run, copy, row_bytes};
use super::scratch::Scratch;
use super::seal::Sealer;
use super::spill::{Spill, SpillWriter};
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

/// Part of the budget that is one partition of what was spilled: it is in memory twice while it is put together, and one is
/// read while the one before may still be encoded.
const PARTITIONS: usize = 4;

/// Part of the budget that is one frame of a spilled run: a partition of many runs has a part of a frame of each.
const FRAMES: usize = 256;

/// Bytes of a frame at least: a smaller one would be full of what it says of its columns.
const MIN_FRAME: usize = 64 << 10;

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
    day_of: DayOf,
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
    /// First and last starts of what was sealed of days that are still being gathered.
    stretches: BTreeMap<Day, Vec<RangeInclusive<i64>>>,
    runs: BTreeMap<Day, Vec<Run>>,
}

/// Rows in memory that are not sorted yet.
#[derive(Debug)]
pub(super) struct Unsorted {
    schema: SchemaRef,
    index: KeyIndex,
    scratch: Arc<Scratch>,
    frame_bytes: usize,
    batches: Vec<RecordBatch>,
    keys: Vec<Keys>,
    order: Vec<SortKey>,
}

impl Sorter {
    pub(super) fn new(
        table: &'static Table,
        day_of: DayOf,
        budget: usize,
        scratch: Arc<Scratch>,
    ) -> Result<Sorter> {
        let schema = schema::arrow::schema(table);
        Ok(Sorter {
            table,
            index: KeyIndex::new(table, &schema)?,
            schema,
            day_of,
            budget,
            scratch,
            batches: Vec::new(),
            keys: Vec::new(),
            order: Vec::new(),
            bytes: 0,
            touched: BTreeMap::new(),
            seal_from: budget / SEAL_FROM,
            stretches: BTreeMap::new(),
            runs: BTreeMap::new(),
        })
    }

    /// One of the same table without rows.
    fn empty(&self) -> Sorter {
        Sorter {
            table: self.table,
            schema: self.schema.clone(),
            index: self.index.clone(),
            day_of: self.day_of,
            budget: self.budget,
            scratch: self.scratch.clone(),
            batches: Vec::new(),
            keys: Vec::new(),
            order: Vec::new(),
            bytes: 0,
            touched: BTreeMap::new(),
            seal_from: 0,
            stretches: BTreeMap::new(),
            runs: BTreeMap::new(),
        }
    }

    pub(super) fn table(&self) -> &'static Table {
        self.table
    }

    /// Bytes of the rows in memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(&mut self, batch: RecordBatch) -> Result<()> {
        if batch.schema_ref() != &self.schema {
            return Err(Error::shape(
                &self.table.name,
                "has another schema than the batch",
            ));
        }
        let keys = Keys::new(&batch, &self.index)?;
        let day = |row| (row as u32, self.day_of.day(&keys, row));
        let rows: Vec<_> = (0..keys.len()).map(day).collect();
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

    /// Hands the days that the last batches have no rows of to the sealer, if there is enough in memory to look for some.
    pub(super) fn seal(&mut self, coming: usize, sealer: &mut Sealer) -> Result<()> {
        if self.bytes + coming <= self.seal_from {
            return Ok(());
        }
        let batches = self.batches.len();
        let recent = (batches - batches.div_ceil(RECENT)) as u32;
        let is_done = |(_, last): &(&Day, &u32)| **last < recent;
        let done: BTreeSet<_> = self.touched.iter().filter(is_done).map(|(day, _)| *day).collect();
        if !done.is_empty() {
            self.hand_over(|row| done.contains(&row.day), sealer)?;
        }
        // Not again before there is as much more to look at.
        self.seal_from = self.bytes + self.budget / SEAL_FROM;
        Ok(())
    }

    /// Hands the first rows of a day that alone fills the memory to the sealer, as long as what is handed over of the day
    /// does not overlap; whether there was such a day. Rows that come a little late find their place among those kept.
    pub(super) fn seal_stretch(&mut self, sealer: &mut Sealer) -> Result<bool> {
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
        self.hand_over(|row| row.day == day && row.start < kept_from, sealer)?;
        Ok(true)
    }

    /// Hands the rows that go to the sealer, and keeps the others.
    fn hand_over(&mut self, goes: impl Fn(&SortKey) -> bool, sealer: &mut Sealer) -> Result<()> {
        let mut sealed = self.empty();
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
        let days = sealed.finish(Vec::new(), Vec::new())?.into_values().collect();
        sealer.seal(days, bytes)
    }

    /// The rows in memory, if there are some; none are left.
    pub(super) fn take(&mut self) -> Option<Unsorted> {
        let unsorted = Unsorted {
            schema: self.schema.clone(),
            index: self.index.clone(),
            scratch: self.scratch.clone(),
            frame_bytes: (self.budget / FRAMES).max(MIN_FRAME),
            batches: std::mem::take(&mut self.batches),
            keys: std::mem::take(&mut self.keys),
            order: std::mem::take(&mut self.order),
        };
        self.bytes = 0;
        self.touched.clear();
        (!unsorted.order.is_empty()).then_some(unsorted)
    }

    /// The rows of each day: what was sealed, what was spilled, and what is in memory.
    pub(super) fn finish(
        mut self,
        sealed: Vec<(Day, Run)>,
        spills: Vec<Spill>,
    ) -> Result<BTreeMap<Day, DayRows>> {
        let mut runs = sealed;
        // Rows on both sides of a stretch are not one run, which would overlap it.
        let stretches = &self.stretches;
        let below = |day: Day, start: i64| {
            let all = stretches.get(&day).map_or(&[][..], Vec::as_slice);
            all.iter().filter(|stretch| *stretch.end() < start).count()
        };
        if !spills.is_empty() {
            let split = |day, start: Option<i64>| below(day, start.unwrap_or(i64::MIN));
            let size = self.budget / PARTITIONS;
            let partitions = Partitions::new(spills, &self.index, self.day_of, size, split)?;
            let spilled = Partitions::runs(&Arc::new(partitions)).into_iter();
            runs.extend(spilled.map(|(day, run)| (day, Run::Spilled(run))));
        }
        let unsorted = Unsorted {
            schema: self.schema.clone(),
            index: self.index.clone(),
            scratch: self.scratch.clone(),
            frame_bytes: 0,
            batches: std::mem::take(&mut self.batches),
            keys: std::mem::take(&mut self.keys),
            order: std::mem::take(&mut self.order),
        };
        let (sources, order) = unsorted.sort();
        let places = Arc::new(order.iter().map(|key| key.place).collect::<Vec<_>>());
        let mut start = 0;
        for rows in order.chunk_by(|a, b| a.day == b.day && below(a.day, a.start) == below(b.day, b.start)) {
            let range = start..start + rows.len();
            start = range.end;
            let run = MemoryRun {
                sources: sources.clone(),
                order: places.clone(),
                range,
            };
            runs.push((rows[0].day, Run::Memory(run)));
        }
        for (day, run) in runs {
            self.runs.entry(day).or_default().push(run);
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

impl Unsorted {
    /// The batches, and the order of their rows.
    fn sort(self) -> (Arc<Vec<RecordBatch>>, Vec<SortKey>) {
        let (keys, mut order) = (self.keys, self.order);
        let compare = |a: &SortKey, b: &SortKey| {
            a.day.cmp(&b.day).then(a.start.cmp(&b.start)).then_with(|| {
                let (left, right) = (&keys[a.place.batch as usize], &keys[b.place.batch as usize]);
                left.compare(a.place.row as usize, right, b.place.row as usize)
            })
        };
        if !order.is_sorted_by(|a, b| compare(a, b).is_le()) {
            order.sort_by(compare);
        }
        (Arc::new(self.batches), order)
    }

    /// Writes the rows to disk, in order.
    pub(super) fn spill(self) -> Result<Spill> {
        let mut writer = SpillWriter::new(self.scratch.file("spill"), &self.schema, &self.index)?;
        let frame_bytes = self.frame_bytes;
        let (sources, order) = self.sort();
        let places: Vec<_> = order.into_iter().map(|key| key.place).collect();
        let row_bytes: Vec<_> = sources.iter().map(row_bytes).collect();
        let mut rest = places.as_slice();
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = rest.iter().take_while(|place| {
                bytes += row_bytes[place.batch as usize];
                bytes <= frame_bytes
            });
            let (rows, behind) = rest.split_at(fits.count().max(1));
            writer.write(&copy(&sources, rows)?)?;
            rest = behind;
        }
        writer.finish()
    }
}

/// Bytes of memory that a batch takes here.
pub(super) fn size(batch: &RecordBatch) -> usize {
    batch.get_array_memory_size() + batch.num_rows() * size_of::<SortKey>()
}
