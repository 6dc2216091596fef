//! Batches of any order → days with their rows in order, within a memory budget.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use chrono_tz::Tz;

use super::calendar::{Day, DayClock};
use super::keys::{KeyIndex, Keys};
use super::run::{MemoryRun, Place, Run, SpillWriter};
use super::scratch::{Scratch, TEMP_LEFTOVER_AGE};
use super::{Error, Result};
use crate::schema::{self, Table};

/// Takes batches of any order and gives them back day by day.
///
/// Memory: the batches pushed, up to the budget, and 24 bytes a row; while it spills or yields, one batch more of about
/// 8 MB. Beyond the budget sorted runs go to files in the scratch folder, Arrow with lz4.
#[derive(Debug)]
pub struct Gather {
    sorter: Sorter,
    clock: DayClock,
}

impl Gather {
    /// Gathers rows of the table into days of the zone, holding at most about `budget` bytes of them in memory.
    pub fn new(table: &'static Table, zone: Tz, budget: usize, temp_dir: &Path) -> Result<Gather> {
        let scratch = Arc::new(Scratch::new(temp_dir, TEMP_LEFTOVER_AGE)?);
        Ok(Gather {
            sorter: Sorter::new(table, budget, scratch)?,
            clock: DayClock::new(zone),
        })
    }

    /// Takes a batch of the table's schema.
    pub fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let clock = self.clock;
        self.sorter
            .push(batch, |keys, row| clock.day(keys.start(row), keys.session(row)))
    }

    /// Has [`Gather::days`] yield the day even if it has no rows, so that its file can say that it was asked for.
    pub fn expect(&mut self, day: Day) {
        self.sorter.runs.entry(day).or_default();
    }

    /// The days in order, those without a day last.
    pub fn days(self) -> Result<Days> {
        Ok(Days {
            rows: self.sorter.finish()?.into_values(),
        })
    }
}

/// The gathered days, in order.
#[derive(Debug)]
pub struct Days {
    rows: std::collections::btree_map::IntoValues<Day, DayRows>,
}

impl Iterator for Days {
    type Item = DayRows;

    fn next(&mut self) -> Option<DayRows> {
        self.rows.next()
    }
}

/// New rows of one day, as sorted runs that still hold duplicates.
#[derive(Debug, Clone)]
pub struct DayRows {
    pub(super) table: &'static Table,
    pub(super) day: Day,
    pub(super) schema: SchemaRef,
    pub(super) index: KeyIndex,
    pub(super) runs: Vec<Run>,
    pub(super) budget: usize,
    pub(super) scratch: Arc<Scratch>,
}

impl DayRows {
    /// The day.
    pub fn day(&self) -> Day {
        self.day
    }

    /// The table that the rows are of.
    pub fn table(&self) -> &'static Table {
        self.table
    }

    /// Number of rows, duplicates included.
    pub fn received(&self) -> usize {
        self.runs.iter().map(Run::rows).sum()
    }

    /// The folder for temporary files of this day's making.
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }
}

/// What a row is sorted by first, and where it is.
#[derive(Debug, Clone, Copy)]
struct SortKey {
    day: Day,
    /// Null sorts as the smallest number; [`Keys::compare`] tells it from that.
    start: i64,
    place: Place,
}

/// Sorts rows by day and within it, with spilling.
#[derive(Debug)]
pub(super) struct Sorter {
    table: &'static Table,
    schema: SchemaRef,
    index: KeyIndex,
    budget: usize,
    scratch: Arc<Scratch>,
    batches: Vec<RecordBatch>,
    keys: Vec<Keys>,
    order: Vec<SortKey>,
    bytes: usize,
    runs: BTreeMap<Day, Vec<Run>>,
}

impl Sorter {
    pub(super) fn new(table: &'static Table, budget: usize, scratch: Arc<Scratch>) -> Result<Sorter> {
        let schema = schema::arrow::schema(table);
        Ok(Sorter {
            index: KeyIndex::new(table, &schema)?,
            table,
            schema,
            budget,
            scratch,
            batches: Vec::new(),
            keys: Vec::new(),
            order: Vec::new(),
            bytes: 0,
            runs: BTreeMap::new(),
        })
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
        let bytes = batch.get_array_memory_size() + batch.num_rows() * size_of::<SortKey>();
        if self.bytes + bytes > self.budget {
            self.spill()?;
        }
        let keys = Keys::new(&batch, &self.index)?;
        let number = self.batches.len() as u32;
        self.order.extend((0..batch.num_rows()).map(|row| SortKey {
            day: day(&keys, row),
            start: keys.start(row).unwrap_or(i64::MIN),
            place: Place {
                batch: number,
                row: row as u32,
            },
        }));
        self.bytes += bytes;
        self.keys.push(keys);
        self.batches.push(batch);
        Ok(())
    }

    /// Sorts what is in memory; the days come out as ranges of one order.
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
        for rows in order.chunk_by(|a, b| a.day == b.day) {
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
            written.push((day, writer.write(run.batches(sources))?, run.range.len()));
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

    /// The runs of each day, oldest first.
    pub(super) fn finish(mut self) -> Result<BTreeMap<Day, DayRows>> {
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
