//! Batches of any order → days with their rows in order, within a memory budget.

use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use chrono_tz::Tz;

use super::Result;
use super::calendar::{Day, DayClock, DayOf};
use super::keys::KeyIndex;
use super::run::Run;
use super::scratch::{Scratch, TEMP_LEFTOVER_AGE};
use super::seal::{Done, Sealer};
use super::sorter::{Sorter, size};
use super::write::WriteOptions;
use crate::schema::Table;

/// Takes batches of any order, of one table or several, and gives them back day by day.
///
/// Memory: the batches pushed, up to the budget, and 24 bytes a row; while it spills or yields, one batch more of about
/// 8 MB, and the row group that is being encoded. All tables share the budget.
///
/// Days that no longer get rows, as those of input in order do, are encoded on another thread as they will be in the lake,
/// and then only copied there; days larger than the budget, a stretch at a time. Of input in another order sorted runs go to
/// files in the scratch folder, Arrow with zstd, on that thread too.
#[derive(Debug)]
pub struct Gather {
    clock: DayClock,
    budget: usize,
    scratch: Arc<Scratch>,
    sealer: Sealer,
    /// One a table, made for its first batch.
    sorters: Vec<Sorter>,
    /// For each whether rows of it were spilled.
    spilled: Vec<bool>,
}

impl Gather {
    /// Gathers rows into days of the zone, holding at most about `budget` bytes of them in memory. Days that are encoded
    /// meanwhile are written as the options say.
    pub fn new(zone: Tz, budget: usize, options: WriteOptions, temp_dir: &Path) -> Result<Gather> {
        let scratch = Arc::new(Scratch::new(temp_dir, TEMP_LEFTOVER_AGE)?);
        Ok(Gather {
            clock: DayClock::new(zone),
            budget,
            sealer: Sealer::new(scratch.clone(), options)?,
            scratch,
            sorters: Vec::new(),
            spilled: Vec::new(),
        })
    }

    /// Takes a batch of the table's schema.
    pub fn push(&mut self, table: &'static Table, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let at = self.sorter(table)?;
        self.make_room(at, size(&batch))?;
        self.sorters[at].push(batch)
    }

    /// Has [`Gather::days`] yield the table's day even if it has no rows, so that its file can say that it was asked for.
    pub fn expect(&mut self, table: &'static Table, day: Day) -> Result<()> {
        let at = self.sorter(table)?;
        self.sorters[at].expect(day);
        Ok(())
    }

    /// The place of the table's sorter.
    fn sorter(&mut self, table: &'static Table) -> Result<usize> {
        let known = self
            .sorters
            .iter()
            .position(|sorter| sorter.table().name == table.name);
        if let Some(at) = known {
            return Ok(at);
        }
        let day_of = DayOf::Clock(self.clock);
        self.sorters
            .push(Sorter::new(table, day_of, self.budget, self.scratch.clone())?);
        self.spilled.push(false);
        Ok(self.sorters.len() - 1)
    }

    /// Makes room for that many bytes: seals days that no longer get rows, spills the rest, waits for what is sealed or spilled.
    fn make_room(&mut self, at: usize, bytes: usize) -> Result<()> {
        self.sorters[at].seal(bytes, &mut self.sealer)?;
        // Half of it, so that what is handed over can be encoded or spilled while the other half fills.
        if self.held() + bytes > self.budget / 2 {
            let most = (0..self.sorters.len()).max_by_key(|&at| self.sorters[at].bytes());
            let most = most.unwrap_or(at);
            let sealed = self.sorters[most].seal_stretch(&mut self.sealer)?;
            // Rows nearly in order may still be sealed, and are given all the room. Once some had to be spilled, others will.
            let limit = if self.spilled[most] {
                self.budget / 2
            } else {
                self.budget
            };
            if !sealed && self.held() + bytes > limit {
                self.spill(most)?;
            }
        }
        let room = self.budget.saturating_sub(self.held() + bytes);
        self.sealer.reduce_to(room)
    }

    /// Bytes of all rows that were not handed over.
    fn held(&self) -> usize {
        self.sorters.iter().map(Sorter::bytes).sum()
    }

    fn spill(&mut self, at: usize) -> Result<()> {
        let bytes = self.sorters[at].bytes();
        if let Some(rows) = self.sorters[at].take() {
            self.spilled[at] = true;
            self.sealer.spill(at, rows, bytes)?;
        }
        Ok(())
    }

    /// The days in order, those without a day last; a table after the other.
    pub fn days(mut self) -> Result<Days> {
        for at in 0..self.sorters.len() {
            // So that a day's rows are all in one order.
            if self.spilled[at] {
                self.spill(at)?;
            }
        }
        let mut made: Vec<_> = self.sorters.iter().map(|_| (Vec::new(), Vec::new())).collect();
        let (done, left) = self.sealer.finish()?;
        let mut runs = Vec::new();
        for done in done {
            match done {
                Done::Part(table, day, run) => runs.push((table, day, run)),
                Done::Spill(at, spill) => made[at].1.push(spill),
            }
        }
        for DayRows {
            table,
            day,
            runs: rows,
            ..
        } in left
        {
            runs.extend(rows.into_iter().map(|run| (table, day, run)));
        }
        for (table, day, run) in runs {
            let of = |sorter: &Sorter| sorter.table().name == table.name;
            if let Some(at) = self.sorters.iter().position(of) {
                made[at].0.push((day, run));
            }
        }
        let mut days = Vec::new();
        for (sorter, (parts, spills)) in self.sorters.into_iter().zip(made) {
            days.extend(sorter.finish(parts, spills)?.into_values());
        }
        Ok(Days {
            rows: days.into_iter(),
        })
    }
}

/// The gathered days, in order.
#[derive(Debug)]
pub struct Days {
    rows: std::vec::IntoIter<DayRows>,
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

    /// Whether the rows are encoded as they will be in the lake, unless it holds others of the day.
    pub(crate) fn is_encoded(&self) -> bool {
        self.runs.iter().all(|run| matches!(run, Run::Part(_)))
    }

    /// The folder for temporary files of this day's making.
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }
}
